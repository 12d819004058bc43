"""Find single documents in a snapshot, and compare them with what is live. Nothing is changed here.

Memory: a few chunks, what is live beside its fitting documents, and for each document that differs where it lies in the snapshot and the
digest of what was live: a second look reads only the chunks that hold a chosen one.
"""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum

from lifeboat.crypto.sealing import Kind
from lifeboat.foundation.errors import TargetRefused
from lifeboat.foundation.progress import Progress
from lifeboat.operations.database_point import StoredCollection
from lifeboat.operations.reports import ChangedField, DocumentRow, FoundDocuments
from lifeboat.operations.window_overlay import WindowOverlay
from lifeboat.repository.reading import SnapshotReader
from lifeboat.sources.mongodb.by_id import id_of, id_only
from lifeboat.sources.mongodb.catalog import Document
from lifeboat.sources.mongodb.document_words import differences, id_text, summary
from lifeboat.sources.mongodb.documents import spans_of
from lifeboat.sources.mongodb.filter_match import FieldMatcher, Matcher, Span
from lifeboat.sources.mongodb.live_documents import LiveCollection
from lifeboat.sources.mongodb.put_back import digest_of

DIFFERING_AT_MOST = 500_000
"""About 200 bytes each while they are looked at; more is a restore of a collection, not of documents."""
ROWS_AT_MOST = 1000
OVERLAID = b""
"""Stands for the id of a chunk where documents come from the changes."""
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
        chunk: Number of its chunk in the collection's stream; begin, end: its bytes in that.
        shown: Digest of what was live; None where nothing was.
        parent: Of a part of a GridFS file: the type and raw value of the file's ``_id``.
    """

    number: int
    verdict: Verdict
    chunk: int
    begin: int
    end: int
    shown: bytes | None
    parent: tuple[int, bytes] | None = None


@dataclass
class Picking:
    """One collection of the snapshot, looked through with a matcher.

    Args:
        wanted: The filter, with which live documents that the snapshot lacks are found; None where that is not asked.
        first_number: Of its first document that can be picked.
        parents: Knows the field by which a document belongs to a file.
    """

    reader: SnapshotReader
    stored: StoredCollection
    live: LiveCollection
    matcher: Matcher
    wanted: Document | None = None
    first_number: int = 1
    parents: FieldMatcher | None = None
    overlay: WindowOverlay | None = None
    """What became of documents that changed while the snapshot was read."""
    matches: list[Match] = field(default_factory=list)
    ids: list[tuple[int, bytes]] = field(default_factory=list)
    """Type and raw value of the ``_id`` of each fitting document; filled only with ``keeps_ids``, as is ``ids_of``."""
    ids_of: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    """The same by number, of those that can be picked."""
    keeps_ids: bool = False
    _overlaid: int = -1
    """Number of the block that is not a chunk: documents known from the changes alone."""
    _overlaid_block: bytes = b""
    _chunks: dict[int, bytes] = field(default_factory=dict)
    _counts: Counter[str] = field(default_factory=Counter)
    _rows: list[DocumentRow] = field(default_factory=list)
    _bytes: int = 0
    _new: int | None = 0

    def look(self, progress: Progress) -> FoundDocuments:
        """Go through the whole collection once."""
        waiting = self._live_that_fit()
        for number, (chunk_id, block, spans) in enumerate(self._matched()):
            if self.overlay and chunk_id != OVERLAID:
                spans = [span for span in spans if not self.overlay.hides(id_of(block[slice(*span)]))]
            if spans:
                self._compare(number, chunk_id, block, spans)
            if waiting:
                self._tell_since(waiting, block, spans)
            progress.advance(len(block))
        if self.overlay:
            waiting -= self.overlay.unsure
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
        by_chunk: dict[int, list[Match]] = {}
        for match in chosen:
            by_chunk.setdefault(match.chunk, []).append(match)
        for match in by_chunk.pop(self._overlaid, ()):
            yield match, self._overlaid_block[match.begin : match.end]
        numbers = sorted(by_chunk)
        blocks = self.reader.chunks((self._chunks[number] for number in numbers), Kind.CONTENT)
        for number, block in zip(numbers, blocks, strict=True):
            for match in by_chunk[number]:
                yield match, block[match.begin : match.end]

    def _blocks(self) -> Iterator[tuple[bytes, bytes]]:
        if self.stored.stream is None:
            return
        stream = self.reader.streams()[self.stored.stream]
        ids = (chunk for chunk, _ in self.reader.chunk_list(stream))
        yield from zip(ids, self.reader.stream(stream), strict=True)
        if self.overlay:
            self._overlaid, self._overlaid_block = stream.chunks, self.overlay.block
            yield OVERLAID, self._overlaid_block

    def _matched(self) -> Iterator[tuple[bytes, bytes, list[Span]]]:
        """Each block with what fits in it, in order; some are with the server while others are compared."""
        with ThreadPoolExecutor(MATCHED_AT_ONCE, thread_name_prefix="match") as pool:
            waiting: deque[tuple[bytes, bytes, Future[list[Span]]]] = deque()
            try:
                for chunk_id, block in self._blocks():
                    waiting.append((chunk_id, block, pool.submit(self.matcher.spans, block)))
                    if len(waiting) > MATCHED_AT_ONCE:
                        first, its_block, spans = waiting.popleft()
                        yield first, its_block, spans.result()
                while waiting:
                    first, its_block, spans = waiting.popleft()
                    yield first, its_block, spans.result()
            finally:
                for _, _, spans in waiting:
                    spans.cancel()

    def _live_that_fit(self) -> set[bytes]:
        if self.wanted is None or not self.live.exists:
            return set()
        found = self.live.ids_that_fit(self.wanted, LIVE_AT_MOST)
        if len(found) > LIVE_AT_MOST:
            self._new = None
            return set()
        return found

    def _compare(self, number: int, chunk_id: bytes, block: bytes, spans: Sequence[tuple[int, int]]) -> None:
        documents = [bytes(block[begin:end]) for begin, end in spans]
        if self.keeps_ids:
            self.ids.extend((element[0], element[5:]) for element in map(id_of, documents))
        differing: dict[int, bytes | None] = {}
        for position, there in self.live.beside(documents):
            if there == documents[position]:
                self._counts["same"] += 1
            else:
                differing[position] = there
        for position in sorted(differing):
            self._chunks[number] = chunk_id
            self._take(number, spans[position], documents[position], differing[position])

    def _take(self, chunk: int, span: tuple[int, int], document: bytes, there: bytes | None) -> None:
        if len(self.matches) == DIFFERING_AT_MOST:
            raise TooManyDocuments(
                f"more than {DIFFERING_AT_MOST:,} documents of {self.stored.entry.namespace} fit the filter and are not live as they were",
                "narrow the filter, or restore the collection whole: `lifeboat restore db --ns DB.COLL`",
            )
        verdict = Verdict.GONE if there is None else Verdict.CHANGED
        match = Match(
            self.first_number + len(self.matches),
            verdict,
            chunk,
            *span,
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
                if self.overlay and block is not self._overlaid_block and self.overlay.hides(element):
                    continue  # told where it is known what became of it
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
