"""Hold a restored database against what is stored, document by document, and name what differs.

An independent proof: the copy is read once more, and nothing is believed of what the restore said of itself. First a tally of each
collection (count and a digest that minds no order); only where that differs are documents looked for, by ``differing.BothSides``.

Limits: names of fields are told, never their values. Memory: a few blocks; of a collection that differs 16 bytes for each document.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import bson

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.progress import Progress
from lifeboat.foundation.value import Value
from lifeboat.operations.database_point import DatabasePoint, StoredCollection
from lifeboat.operations.differing import BothSides, LiveSide, Side, StoredSide
from lifeboat.operations.documents_at import DocumentsAt
from lifeboat.operations.drill.compare_accounts import compare_accounts
from lifeboat.operations.drill.report import Compared, Difference
from lifeboat.operations.erased import NOTHING_ERASED, Erased, Eraser
from lifeboat.operations.erasing.eraser import BucketEraser
from lifeboat.sources.mongodb.blueprint import differing_indexes, same_options
from lifeboat.sources.mongodb.catalog import BUCKETS, EXACT, LENIENT, Document
from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.document_words import differences, id_text
from lifeboat.sources.mongodb.documents import Tally, spans_of, tally_of
from lifeboat.sources.mongodb.landing_names import is_ours
from lifeboat.sources.mongodb.series_shape import series_options
from lifeboat.sources.mongodb.target_server import TargetServer

NAMED_AT_MOST = 20
"""Documents of one collection."""
HOW = "every document by its bytes, indexes, options"


class Restored(Value):
    """A server that was restored into.

    Args:
        renamed: Stored database to the name that it has there; those that are not in it kept theirs.
        namespaces: Those that were restored; None: all of them, and then nothing else may be there.
        with_users: Users and roles came too.
    """

    client: Client
    renamed: Mapping[str, str]
    namespaces: frozenset[str] | None = None
    with_users: bool = True

    def database_of(self, stored: str) -> str:
        return self.renamed.get(stored, stored)


def compare_database(
    point: DatabasePoint,
    restored: Restored,
    *,
    erased: Erased = NOTHING_ERASED,
    clock: Clock,
    progress: Progress,
) -> list[Compared]:
    """Compare everything that was to be restored; raises only what keeps it from being read."""
    wanted = [
        one for one in point.collections if restored.namespaces is None or one.entry.namespace in restored.namespaces
    ]
    server = TargetServer(restored.client, clock=clock, progress=progress)
    progress.begin("comparing the database", 2 * sum(one.bytes for one in wanted))
    listed = {
        name: server.listed(name) for name in sorted({restored.database_of(one.entry.database) for one in wanted})
    }
    found = [
        _Collection(server, one, restored.database_of(one.entry.database), listed, progress).compare(
            point, erased.collections.get(one.entry.namespace)
        )
        for one in wanted
    ]
    if restored.namespaces is None:
        found += _too_many(wanted, restored, listed)
    if restored.with_users:
        found += compare_accounts(server, point)
    return found


def _too_many(
    wanted: Iterable[StoredCollection], restored: Restored, listed: Mapping[str, Mapping[str, Document]]
) -> Iterator[Compared]:
    """Collections that are there and are not stored."""
    expected = {(restored.database_of(one.entry.database), one.entry.name) for one in wanted}
    for database, names in listed.items():
        for name in names:
            shown = name.removeprefix(BUCKETS)
            if (database, shown) not in expected and not name.startswith("system.") and not is_ours(name):
                namespace = f"{database}.{name}"
                extra = Difference("collection-extra", namespace, "it is there, and it is not in the copy")
                yield Compared(namespace, "collection", 0, 0, HOW, (extra,))


class _Collection:
    """One collection or view, stored and restored."""

    def __init__(
        self,
        server: TargetServer,
        stored: StoredCollection,
        database: str,
        listed: Mapping[str, Mapping[str, Document]],
        progress: Progress,
    ) -> None:
        self._server = server
        self._stored = stored
        self._entry = stored.entry
        self._database = database
        self._listed = listed[database]
        self._progress = progress
        self._erased = 0

    def compare(self, point: DatabasePoint, eraser: Eraser | None) -> Compared:
        entry = self._entry
        there = self._listed.get(entry.name)
        if there is None or (entry.is_series and entry.stored_as not in self._listed):
            gone = Difference("collection-missing", entry.namespace, f"this {entry.kind} did not come back")
            return Compared(entry.namespace, entry.kind, 0, 0, HOW, (gone,))
        shape = list(self._shape(there))
        if entry.kind == "view":
            return Compared(entry.namespace, "view", 0, 0, "its definition", tuple(shape))
        wanted: Side = StoredSide(DocumentsAt(point, self._stored))
        if eraser is not None:
            if entry.is_series:
                eraser = BucketEraser(eraser, (entry.options.get("timeseries") or {}).get("metaField"))
            wanted = _Without(wanted, eraser, self._note_erased)
        live = LiveSide(self._server, self._database, entry.stored_as)
        stored, restored = self._tally(wanted), self._tally(live)
        erased, more = self._erased, 0
        documents: list[Difference] = []
        if stored != restored:
            documents, more = self._differing(wanted, live)
        if stored.documents != restored.documents:
            told = f"{restored.documents:,} documents instead of {stored.documents:,}"
            shape.insert(0, Difference("count-differs", entry.namespace, told))
        return Compared(
            entry.namespace,
            "timeseries" if entry.is_series else "collection",
            stored.documents,
            stored.size_bytes,
            HOW,
            (*shape, *documents),
            more,
            erased,
        )

    def _note_erased(self, count: int) -> None:
        self._erased += count

    def _tally(self, side: Side) -> Tally:
        total = Tally()
        for block in side.blocks():
            total += tally_of(block)
            self._progress.advance(len(block))
        return total

    def _differing(self, stored: Side, live: Side) -> tuple[list[Difference], int]:
        both = BothSides(stored, live)
        named = [self._told(pair.before, pair.after) for pair in both.first_pairs(NAMED_AT_MOST)]
        count = both.added + both.removed + both.changed
        if not named:
            # The same documents, and yet not as many bytes: one is there twice.
            named = [Difference("document-extra", self._entry.namespace, "a document is there more than once")]
        return named, max(0, count - len(named))

    def _told(self, stored: bytes | None, live: bytes | None) -> Difference:
        subject = f"{self._entry.namespace} _id {id_text(stored or live or b'')}"
        if live is None:
            return Difference("document-missing", subject, "it did not come back")
        if stored is None:
            return Difference("document-extra", subject, "it is not in the copy")
        fields = ", ".join(change.path for change in differences(live, stored))
        return Difference("document-changed", subject, f"differs in {fields}")

    def _shape(self, there: Mapping[str, Any]) -> Iterator[Difference]:
        entry = self._entry
        options = there["options"]
        if entry.is_series:
            options = series_options(self._listed[entry.stored_as]["options"])
        if not same_options(entry.options, options, armed=True):
            names = sorted(
                str(name)
                for name in {*entry.options, *options}
                if entry.options.get(name) != options.get(name) and name != "uuid"
            )
            yield Difference("options-differ", entry.namespace, f"differs in {', '.join(names)}")
        if entry.kind == "view":
            return
        have = self._server.indexes_of(self._database, entry.stored_as)
        wanted = entry.bucket_indexes if entry.is_series else entry.indexes
        names_there = {index["name"] for index in have}
        names_stored = {index["name"] for index in wanted}
        for name in differing_indexes(wanted, have, armed=True):
            subject = f"{entry.namespace} index {name}"
            if name not in names_there:
                yield Difference("index-missing", subject, "it did not come back")
            elif name not in names_stored:
                yield Difference("index-extra", subject, "it is not in the copy")
            else:
                yield Difference("index-differs", subject, "it is not as it was")


class _Without:
    """A side as it may come back: without what is to stay erased."""

    def __init__(self, inner: Side, eraser: Eraser, note: Callable[[int], None]) -> None:
        self._inner = inner
        self._eraser = eraser
        self._note = note

    def blocks(self) -> Iterator[bytes]:
        for block in self._inner.blocks():
            kept = []
            for begin, end in spans_of(block):
                raw = block[begin:end]
                document = bson.decode(raw, codec_options=LENIENT)
                if self._eraser.erasure_of(document) is not None:
                    self._note(1)
                    continue
                left, changed = self._eraser.without(document)
                kept.append(bson.encode(left, codec_options=EXACT) if changed else raw)
            yield b"".join(kept)
