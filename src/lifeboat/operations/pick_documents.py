"""Find single documents as of an instant, and compare them with what is live. Nothing is changed here.

Memory: that of ``documents_at.py``, what is live beside the fitting documents, and for each document that differs where it lies in the
snapshot, what happened to it since, and the digest of what was live: a second look reads only the chunks that hold a chosen one.
"""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum

from bson import decode

from lifeboat.foundation.errors import TargetRefused
from lifeboat.foundation.progress import Progress
from lifeboat.operations.database_point import StoredCollection
from lifeboat.operations.documents_at import DocumentsAt, Look, Origin
from lifeboat.operations.erased import Eraser
from lifeboat.operations.reports.documents import ChangedField, DocumentRow, FoundDocuments
from lifeboat.operations.touched import HELD_AT_MOST_BYTES, held_bytes
from lifeboat.sources.mongodb.by_id import id_of, id_only
from lifeboat.sources.mongodb.catalog import LENIENT, Document
from lifeboat.sources.mongodb.document_words import differences, id_text, summary
from lifeboat.sources.mongodb.documents import spans_of
from lifeboat.sources.mongodb.empty_timestamps import id_element
from lifeboat.sources.mongodb.filter_match import FieldMatcher, Matcher, Span
from lifeboat.sources.mongodb.live_documents import LiveCollection
from lifeboat.sources.mongodb.put_back import digest_of

DIFFERING_AT_MOST = 500_000
"""About 200 bytes each while they are looked at; more is a restore of a collection, not of documents."""
ROWS_AT_MOST = 1000
MATCHED_AT_ONCE = 4
"""Chunks with the server at once: a far one answers each after a while."""
LIVE_AT_MOST = 10_000
"""Fitting live documents up to which those that the snapshot lacks are told."""


class TooManyDocuments(TargetRefused):
    """The filter chooses so much that the collection should be restored whole."""

    code = "too-many-documents"


class NothingFits(TargetRefused):
    """No document of the snapshot fits the filter."""

    code = "nothing-fits"


class Verdict(StrEnum):
    """How a stored document stands to what is live."""

    GONE = "gone"
    CHANGED = "changed"


@dataclass(slots=True)
class Match:
    """A stored document that is not live as it was.

    Args:
        shown: Digest of what was live; None where nothing was.
        parent: Of a part of a GridFS file: the type and raw value of the file's ``_id``.
    """

    number: int
    verdict: Verdict
    origin: Origin
    shown: bytes | None
    parent: tuple[int, bytes] | None = None


@dataclass
class Picking:
    """One collection, looked through with a matcher.

    Args:
        wanted: The filter, with which live documents that it lacks are found; None where that is not asked.
        first_number: Of its first document that can be picked.
        parents: Knows the field by which a document belongs to a file.
    """

    documents_at: DocumentsAt
    live: LiveCollection
    matcher: Matcher
    wanted: Document | None = None
    first_number: int = 1
    parents: FieldMatcher | None = None
    matches: list[Match] = field(default_factory=list)
    ids: list[tuple[int, bytes]] = field(default_factory=list)
    """Type and raw value of the ``_id`` of each fitting document; filled only with ``keeps_ids``, as is ``ids_of``."""
    ids_of: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    """The same by number, of those that can be picked."""
    keeps_ids: bool = False
    eraser: Eraser | None = None
    """Documents that were erased are passed over."""
    erased: Counter[str] = field(default_factory=Counter)
    """How many of those that fit, by id of the erasure."""
    _chunks: dict[int, bytes] = field(default_factory=dict)
    _held_bytes: int = 0
    """Of what happened to documents that can be picked."""
    _counts: Counter[str] = field(default_factory=Counter)
    _rows: list[DocumentRow] = field(default_factory=list)
    _bytes: int = 0
    _new: int | None = 0

    @property
    def stored(self) -> StoredCollection:
        return self.documents_at.stored

    def look(self, progress: Progress) -> FoundDocuments:
        """Go through the whole collection once."""
        waiting = self._live_that_fit()
        for look, spans in self._matched():
            if spans:
                self._compare(look, spans)
            if waiting:
                self._tell_since(waiting, look.block, spans)
            progress.advance(look.read_bytes)
        for element in sorted(waiting)[:ROWS_AT_MOST]:
            self._show_untouched("new", element)
        if self._new is not None:
            self._new = len(waiting)
        return FoundDocuments(
            what=self.stored.entry.namespace,
            where=self.live.namespace,
            gone=self._counts[Verdict.GONE],
            changed=self._counts[Verdict.CHANGED],
            same=self._counts["same"],
            new=self._new,
            since=self._counts["since"],
            bytes=self._bytes,
            rows=tuple(self._rows),
        )

    def documents(self, chosen: Sequence[Match]) -> Iterator[tuple[Match, bytes]]:
        """The chosen documents, in the order of the snapshot; only their chunks are read."""
        matches = {id(match.origin): match for match in chosen}
        for origin, document in self.documents_at.again((match.origin for match in chosen), self._chunks):
            yield matches[id(origin)], document

    def _matched(self) -> Iterator[tuple[Look, list[Span]]]:
        """Each block with what fits in it, in order; some are with the server while others are compared."""
        with ThreadPoolExecutor(MATCHED_AT_ONCE, thread_name_prefix="match") as pool:
            waiting: deque[tuple[Look, Future[list[Span]]]] = deque()
            try:
                for look in self.documents_at.looks():
                    waiting.append((look, pool.submit(self.matcher.spans, look.block)))
                    if len(waiting) > MATCHED_AT_ONCE:
                        first, spans = waiting.popleft()
                        yield first, spans.result()
                while waiting:
                    first, spans = waiting.popleft()
                    yield first, spans.result()
            finally:
                for _, spans in waiting:
                    spans.cancel()

    def _live_that_fit(self) -> set[bytes]:
        if self.wanted is None or not self.live.exists:
            return set()
        found = self.live.ids_that_fit(self.wanted, LIVE_AT_MOST)
        if len(found) > LIVE_AT_MOST:
            self._new = None
            return set()
        return found

    def _compare(self, look: Look, spans: Sequence[Span]) -> None:
        spans = [(begin, end) for begin, end in spans if not self._was_erased(look.block[begin:end])]
        documents = [look.block[begin:end] for begin, end in spans]
        if self.keeps_ids:
            self.ids.extend((element[0], element[5:]) for element in map(id_of, documents))
        differing: dict[int, bytes | None] = {}
        for position, there in self.live.beside(documents):
            if there == documents[position]:
                self._counts["same"] += 1
            else:
                differing[position] = there
        if not differing:
            return
        origins = look.origins_of(spans)
        self._chunks[look.chunk] = look.chunk_id
        for position in sorted(differing):
            self._take(origins[position], documents[position], differing[position])

    def _was_erased(self, document: bytes) -> bool:
        """Whether it must not come back; one of which only fields must not cannot come back alone either."""
        if self.eraser is None:
            return False
        opened = decode(document, codec_options=LENIENT)
        found = self.eraser.erasure_of(opened) or next(iter(self.eraser.without(opened)[1]), None)
        if found is not None:
            self.erased[found] += 1
        return found is not None

    def _take(self, origin: Origin, document: bytes, there: bytes | None) -> None:
        if origin.write is not None:
            self._held_bytes += held_bytes(id_element(document), origin.write)
        if len(self.matches) == DIFFERING_AT_MOST or self._held_bytes > HELD_AT_MOST_BYTES:
            many = f"more than {len(self.matches):,} documents of {self.stored.entry.namespace}"
            raise TooManyDocuments(
                f"{many} fit the filter and are not live as they were",
                "narrow the filter, or restore the collection whole: `lifeboat restore db --ns DB.COLL`",
            )
        verdict = Verdict.GONE if there is None else Verdict.CHANGED
        match = Match(
            self.first_number + len(self.matches),
            verdict,
            origin,
            shown=None if there is None else digest_of(there),
            parent=self.parents.value_in(document) if self.parents else None,
        )
        self.matches.append(match)
        if self.keeps_ids:
            element = id_of(document)
            self.ids_of[match.number] = (element[0], element[5:])
        self._counts[verdict] += 1
        self._bytes += len(document)
        if len(self._rows) < ROWS_AT_MOST and self.parents is None:
            fields = () if there is None else differences(there, document)
            self._rows.append(
                DocumentRow(
                    match.number,
                    verdict,
                    self.live.namespace,
                    id_text(document),
                    "" if there is not None else summary(document),
                    tuple(ChangedField(one.path, one.live, one.stored) for one in fields),
                )
            )

    def _tell_since(self, waiting: set[bytes], block: bytes, fitting: Sequence[tuple[int, int]]) -> None:
        """Take out of ``waiting`` what the snapshot has; where it has it with values that do not fit, say so."""
        fit = {begin for begin, _ in fitting}
        for begin, end in spans_of(block):
            element = id_of(block[begin:end])
            if element in waiting:
                waiting.discard(element)
                if begin not in fit:
                    self._counts["since"] += 1
                    self._show_untouched("since", element)

    def _show_untouched(self, verdict: str, element: bytes) -> None:
        if len(self._rows) < ROWS_AT_MOST:
            whole = (len(element) + 5).to_bytes(4, "little") + element + b"\0"
            self._rows.append(DocumentRow(None, verdict, self.live.namespace, id_text(id_only(whole))))


def choose(matches: Sequence[Match], only: str, numbers: frozenset[int] | None) -> list[Match]:
    """Those to be put back: ``gone``, ``changed`` or ``all``, or exactly the picked numbers."""
    if numbers is not None:
        return [match for match in matches if match.number in numbers]
    return [match for match in matches if only == "all" or match.verdict == only]
