"""Put chosen documents back, one by one, each only if it still is what was shown; before that, keep what they replace.

The safety snapshot of single documents is small, whatever the collection weighs. It holds what was live of those that will be
replaced, and in ``written/<namespace>`` for each document to be put back its ``_id`` and the digest of what will be written: by these an undo
knows what it may take back. docs/format.md, section 11.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from bson import decode

from lifeboat.crypto.sealing import Kind
from lifeboat.foundation.errors import TargetRefused
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.progress import Progress
from lifeboat.foundation.sizes import MIB
from lifeboat.operations.backup_mongodb import write_catalog
from lifeboat.operations.database_point import stored_collections
from lifeboat.operations.erased import NOTHING_ERASED, Erased, Eraser
from lifeboat.operations.pick_documents import Match, Picking
from lifeboat.operations.taking import Taken, Taking
from lifeboat.repository.reading import SnapshotReader
from lifeboat.repository.streams import StreamWriter, WrittenStream, write_root
from lifeboat.repository.writing import Run
from lifeboat.sources.mongodb.by_id import id_of, id_only
from lifeboat.sources.mongodb.catalog import LENIENT, CollectionEntry
from lifeboat.sources.mongodb.document_words import elements_of, id_text
from lifeboat.sources.mongodb.documents import spans_of
from lifeboat.sources.mongodb.live_documents import LiveCollection
from lifeboat.sources.mongodb.put_back import End, PutBack, digest_of, put_back, take_out


class SnapshotOfDocuments(TargetRefused):
    """The snapshot holds single documents that were replaced; as a collection it would replace all others by nothing."""

    code = "snapshot-of-documents"


PIECE_BYTES = MIB
DOCUMENTS_OF = "documents_of"
"""Key of a root's details: the snapshot holds some documents of these collections, not the collections."""
FINDINGS_AT_MOST = 200

Chosen = Sequence[tuple[Picking, Sequence[Match]]]


@dataclass
class Account:
    """How it went with all of them."""

    ends: Counter[End] = field(default_factory=Counter)
    removed: int = 0
    findings: list[Finding] = field(default_factory=list)

    def erased(self, namespace: str, erasure: str) -> None:
        """A document that was replaced was erased since, and stays as it is."""
        self.findings.append(
            Finding(
                Level.WARNING,
                "erased-left-out",
                namespace,
                f"a document that was there before was erased on request since ({erasure}), and was not put back",
                f"`lifeboat erase status {erasure}` says why",
            )
        )

    def add(self, namespace: str, document: bytes, result: PutBack) -> None:
        self.ends[result.end] += 1
        if result.end in (End.SKIPPED, End.REFUSED) and len(self.findings) < FINDINGS_AT_MOST:
            refused = result.end is End.REFUSED
            self.findings.append(
                Finding(
                    Level.PROBLEM if refused else Level.WARNING,
                    "document-refused" if refused else "document-skipped",
                    f"{namespace} {id_text(document)}",
                    result.why,
                    "mend what is in the way, then run the same command again" if refused else "look at it again",
                )
            )


def _erasure(eraser: Eraser, document: bytes) -> str | None:
    opened = decode(document, codec_options=LENIENT)
    return eraser.erasure_of(opened) or next(iter(eraser.without(opened)[1]), None)


def protect_documents(taking: Taking, chosen: Chosen) -> Taken:
    """Take the safety snapshot; what is not live any more as it was shown is not in it, and will not be written either."""
    with taking.run() as run:
        streams: list[WrittenStream] = []
        collections: list[tuple[CollectionEntry, WrittenStream, int]] = []
        for picking, matches in chosen:
            kept, written, documents = _keep(run, picking, matches)
            entry = replace(picking.stored.entry, database=picking.live.database, name=picking.live.name)
            collections.append((entry, kept, documents))
            streams += [kept, written]
        streams.append(write_catalog(taking, run, collections))
        streams += [_Pieces(run, name).finish() for name in ("users", "roles")]
        namespaces = [entry.namespace for entry, _, _ in collections]
        details = {
            DOCUMENTS_OF: namespaces,
            "databases": sorted({entry.database for entry, _, _ in collections}),
            "cluster_time": None,
        }
        root = write_root(run, streams, details, [])
        return taking.commit(
            run,
            root,
            instant=taking.repository.store.time_there(),
            one_instant=False,
            total_bytes=sum(stream.total_bytes for stream in streams),
            items=sum(documents for _, _, documents in collections),
            findings=(),
        )


def put_back_documents(chosen: Chosen, progress: Progress, *, bypass_validators: bool) -> Account:
    """Put the chosen ones back."""
    account = Account()
    progress.begin("putting documents back", None, sum(len(matches) for _, matches in chosen))
    for picking, matches in chosen:
        for match, document in picking.documents(matches):
            result = put_back(picking.live, document, match.shown, bypass_validators=bypass_validators)
            account.add(picking.live.namespace, document, result)
            progress.advance(len(document), 1)
    return account


def undo_documents(
    reader: SnapshotReader, live: Iterable[LiveCollection], progress: Progress, erased: Erased = NOTHING_ERASED
) -> Account:
    """Put back what was replaced and take out what was added, as far as nobody changed it since.

    Args:
        erased: What must not come back: it stays as it is.
    """
    account = Account()
    before = {one.entry.namespace: one for one in stored_collections(reader)}
    for collection in live:
        # A file of GridFS goes before its parts, as it came after them.
        written = dict(_written(reader, collection.namespace))
        progress.begin("undoing", None, len(written))
        stream = before[collection.namespace].stream
        blocks = iter(()) if stream is None else reader.stream(reader.streams()[stream])
        eraser = erased.collections.get(collection.namespace)
        for document in _documents(blocks):
            if eraser is not None and (erasure := _erasure(eraser, document)):
                written.pop(id_only(document), None)
                account.erased(collection.namespace, erasure)
                continue
            digest = written.pop(id_only(document), None)
            if digest is not None:
                account.add(
                    collection.namespace, document, put_back(collection, document, digest, bypass_validators=True)
                )
                progress.advance(0, 1)
        for document_id, digest in written.items():
            result = take_out(collection, document_id, digest)
            account.add(collection.namespace, document_id, result)
            account.removed += result.end is End.DONE
            progress.advance(0, 1)
    return account


def refuse_single_documents(reader: SnapshotReader) -> None:
    """Raise where a snapshot of single documents would be restored as if its collections were whole."""
    of = reader.details.get(DOCUMENTS_OF)
    if of:
        named = str(of[0]) if isinstance(of, list) else "DB.COLL"
        raise SnapshotOfDocuments(
            f"snapshot {reader.record.snapshot[:8]} holds single documents of {named}, not the collection",
            f"`lifeboat restore db {reader.record.snapshot[:8]} --ns {named} --filter '{{}}' --over-live` puts them back; "
            "`lifeboat restore --undo` undoes what replaced them",
        )


def _keep(run: Run, picking: Picking, matches: Sequence[Match]) -> tuple[WrittenStream, WrittenStream, int]:
    """What is live of those to be replaced, and what will be written."""
    kept = _Pieces(run, f"documents/{picking.live.namespace}")
    written = _Pieces(run, f"written/{picking.live.namespace}")
    documents = 0
    for match, document in picking.documents(matches):
        there = picking.live.read(document) if match.shown is not None else None
        if there is not None and digest_of(there) == match.shown:
            kept.add(there)
            documents += 1
        elif match.shown is not None:
            continue  # changed since: it is skipped when its turn comes
        written.add(_note(document))
    return kept.finish(), written.finish(), documents


def _note(document: bytes) -> bytes:
    """``{_id: the same bytes, sha256: digest}``, without decoding the ``_id``."""
    digest = digest_of(document)
    elements = id_of(document) + b"\x05sha256\0" + len(digest).to_bytes(4, "little") + b"\0" + digest
    return (len(elements) + 5).to_bytes(4, "little") + elements + b"\0"


class _Pieces:
    """A stream of whole documents, in chunks of about ``PIECE_BYTES``."""

    def __init__(self, run: Run, name: str) -> None:
        self._stream = StreamWriter(run, name, Kind.CONTENT)
        self._waiting = bytearray()

    def add(self, document: bytes) -> None:
        self._waiting += document
        if len(self._waiting) >= PIECE_BYTES:
            self._store()

    def finish(self) -> WrittenStream:
        if self._waiting:
            self._store()
        return self._stream.finish()

    def _store(self) -> None:
        self._stream.append(bytes(self._waiting))
        self._waiting.clear()


def _written(reader: SnapshotReader, namespace: str) -> Iterator[tuple[bytes, bytes]]:
    """``_id``, as a document that holds nothing else, and digest of each document that was to be put back."""
    for note in _documents(reader.stream(reader.streams()[f"written/{namespace}"])):
        *_, (_, _, digest) = elements_of(note)
        yield id_only(note), digest[5:]


def _documents(blocks: Iterable[bytes]) -> Iterator[bytes]:
    for block in blocks:
        for begin, end in spans_of(block):
            yield bytes(block[begin:end])
