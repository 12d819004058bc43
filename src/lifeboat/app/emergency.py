"""``lifeboat emergency``: looks at everything that is known, and changes nothing. What follows from it says ``operations/emergency``."""

import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.measured_rates import estimate
from lifeboat.app.retrieving import Retrieving
from lifeboat.app.settings import Settings
from lifeboat.app.source_names import TYPED
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.progress import Progress
from lifeboat.operations.emergency.situation import LiveCollection, LiveDatabase, LiveTree, Point, Situation
from lifeboat.operations.reports.restores import RestoreRequest
from lifeboat.operations.status import row_of
from lifeboat.operations.suspects import Suspect
from lifeboat.operations.timeline_report import look_at_timeline
from lifeboat.repository.names import Source
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.reading import SnapshotReader
from lifeboat.repository.record import Record
from lifeboat.sources.mongodb.landing_names import is_ours

LOOKED_AT = 12
"""Copies of each source, newest first, in the search for one that is whole."""
CLEARLY_LESS = 0.5
WAIT_SECONDS = 5.0
SUSPECTS_AT_MOST = 500
"""More than one disaster has; fewer, and the first of many drops would be lost sight of."""


class Emergency:
    """Looks, for one set of settings."""

    def __init__(self, settings: Settings, clock: Clock, progress: Progress) -> None:
        self._settings = settings
        self._clock = clock
        self._progress = progress
        self._lifeboat = Lifeboat(settings, clock=clock, progress=progress)

    def look(self, near: str | None = None) -> Situation:
        """Everything that is known.

        Args:
            near: When it happened, as people type it; suspects are then looked for around that, else in the last day.

        Raises:
            LifeboatError: The repository cannot be opened, or the key does not open it.
        """
        repository = self._lifeboat.repository()
        repository.need_identity()
        points = [found for source in Source if (found := self._point(repository, source)) is not None]
        return Situation(
            self._clock.now(),
            repository.store.describe(),
            tuple(points),
            self._live_database(repository, points),
            self._live_trees(repository, points),
            self._suspects(near),
            self._settings.mongodb.uri is not None,
            bool(self._settings.files.paths),
            tuple(one.name for one in self._settings.replicas),
        )

    def _point(self, repository: Repository, source: Source) -> Point | None:
        """The newest copy that is whole: one that holds clearly less than those before it was taken after the loss."""
        backups = [one for one in repository.snapshots() if one.source == source and one.is_backup]
        recent = repository.judged_here(backups)[:LOOKED_AT] or backups[:LOOKED_AT]
        if not recent:
            return None
        chosen = _newest_whole(recent, source)
        passed = recent[: recent.index(chosen)]
        newest = self._newest_moment(repository) if source is Source.MONGODB else None
        amounts = {source: chosen.total_bytes}
        request = RestoreRequest(TYPED[source], chosen.snapshot, to="nowhere")
        at_hand = Retrieving(self._settings, repository, self._clock).retrieval(request).look().is_readable
        return Point(
            TYPED[source],
            row_of(chosen),
            newest if newest is not None and newest > chosen.instant else chosen.instant,
            newest is not None,
            chosen.total_bytes,
            estimate(repository.state, {str(one): size for one, size in amounts.items()}),
            tuple(row_of(one) for one in passed),
            not at_hand,
        )

    def _newest_moment(self, repository: Repository) -> datetime | None:
        """The end of the archive; None where there is none."""
        with suppress(LifeboatError):
            histories = look_at_timeline(repository, None, None).histories
            streamed = [one.newest for one in histories if one.streamed and one.newest is not None]
            return max(streamed, default=None)
        return None

    def _suspects(self, near: str | None) -> tuple[Suspect, ...]:
        with suppress(LifeboatError):  # no archive: nobody to suspect
            found = self._lifeboat.looking_back().suspects(None, None, near, 6 * 3600, (), None)
            theirs = [
                one for one in found.suspects if not all(is_ours(name.partition(".")[2]) for name in one.namespaces)
            ]
            return tuple(theirs[-SUSPECTS_AT_MOST:])
        return ()

    def _live_database(self, repository: Repository, points: Sequence[Point]) -> LiveDatabase | None:
        point = next((one for one in points if one.source == "db"), None)
        if point is None or self._settings.mongodb.uri is None:
            return None
        from lifeboat.sources.mongodb.any_name import collection_of
        from lifeboat.sources.mongodb.connect import address_of, connect
        from lifeboat.sources.mongodb.meaning import in_our_words

        uri = self._settings.mongodb.uri
        address = address_of(uri)
        stored = self._stored_collections(repository, point)
        try:
            found = []
            with connect(uri, wait_seconds=WAIT_SECONDS) as client, in_our_words("looking at the live database"):
                names = {
                    one: set(client[one].list_collection_names())
                    for one in {name.partition(".")[0] for name, _ in stored}
                }
                for namespace, documents in stored:
                    database, _, name = namespace.partition(".")
                    there = name in names[database]
                    live = collection_of(client[database], name).estimated_document_count() if there else None
                    found.append(LiveCollection(namespace, documents, live))
            return LiveDatabase(address, None, tuple(found))
        except LifeboatError as error:
            return LiveDatabase(address, error.message)

    def _stored_collections(self, repository: Repository, point: Point) -> list[tuple[str, int]]:
        from lifeboat.operations.database_point import stored_collections

        record = repository.find_snapshot(point.snapshot.snapshot)
        with suppress(LifeboatError), SnapshotReader(repository, record) as reader:
            return [
                (one.entry.namespace, one.documents)
                for one in stored_collections(reader)
                if one.entry.kind in ("collection", "capped")
            ]
        return []

    def _live_trees(self, repository: Repository, points: Sequence[Point]) -> tuple[LiveTree, ...]:
        point = next((one for one in points if one.source == "files"), None)
        if point is None:
            return ()
        from lifeboat.operations.stored_trees import stored_roots

        record: Record = repository.find_snapshot(point.snapshot.snapshot)
        with suppress(LifeboatError), SnapshotReader(repository, record) as reader:
            return tuple(
                LiveTree(str(root.path), root.entries, _count(root.path, root.entries)) for root in stored_roots(reader)
            )
        return ()


def _newest_whole(recent: Sequence[Record], source: Source) -> Record:
    """Of files also by size: whoever encrypts or empties them leaves as many as there were."""
    most, largest = max(one.items for one in recent), max(one.total_bytes for one in recent)
    least = CLEARLY_LESS * largest if source is Source.FILES else 0
    return next(
        (one for one in recent if one.items >= CLEARLY_LESS * most and one.total_bytes >= least),
        next(one for one in recent if one.items >= CLEARLY_LESS * most),
    )


def _count(folder: Path, at_most: int) -> int | None:
    """Names below a folder, counted no further than need be; None where there is none."""
    if not folder.is_dir():
        return None
    found = 1
    for _, folders, names in os.walk(folder):
        found += len(folders) + len(names)
        if found >= at_most:
            return at_most
    return found
