"""Erasures: recorded, looked for in live, told of, closed, held; ``lifeboat erase``."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from lifeboat.app.build import build_journal, build_repository
from lifeboat.app.settings import Settings
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError, SourceError, StorageError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.progress import Progress
from lifeboat.operations.erasing import record as recording
from lifeboat.operations.erasing.copies import copies_with, row_of_erasure
from lifeboat.operations.erasing.entries import Erasure
from lifeboat.operations.erasing.live import StillLive, documents_live, files_live
from lifeboat.operations.erasing.load import all_erasures
from lifeboat.operations.erasing.request import ErasureRequest, ErasureUnclear
from lifeboat.operations.erasing.stored import documents_stored, files_stored
from lifeboat.operations.reports.erasures import (
    ErasureList,
    ErasureRecorded,
    ErasureStatus,
    ReplayedRow,
    StillLiveRow,
)
from lifeboat.operations.stored_trees import stored_roots
from lifeboat.repository.errors import SnapshotUnknown
from lifeboat.repository.names import Source
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.reading import SnapshotReader


class ErasureStillLive(SourceError):
    """Live still holds what was to be erased: it is not over."""

    code = "erasure-still-live"


class _Look:
    """What a look at live came to."""

    def __init__(self) -> None:
        self.looked: list[str] = []
        self.not_looked: list[str] = []
        self.live: list[StillLive] = []

    @property
    def is_clean(self) -> bool:
        return not self.not_looked and not self.live


class Erasing:
    """The ledger of erasures for one set of settings; needs a recipient's key."""

    def __init__(self, settings: Settings, clock: Clock, progress: Progress) -> None:
        self._settings = settings
        self._clock = clock
        self._progress = progress
        self._repository: Repository | None = None

    @property
    def repository(self) -> Repository:
        if self._repository is None:
            self._repository = build_repository(self._settings, self._clock)
            self._repository.need_identity()
        return self._repository

    def make_ready(self) -> None:
        """Raises what stands in the way of recording: no recipient's key, a replica."""
        self.repository.refuse_replica("an entry of the ledger")

    def record(self, wanted: ErasureRequest) -> ErasureRecorded:
        """Record it, and look whether live still holds it. Where live is clean it is closed at once."""
        self.make_ready()
        made = recording.make_erasure(self.repository, wanted, tuple(self._paths(wanted.files)))
        began = self.repository.store.time_there()
        look = self._look(made)
        done = recording.record(self.repository, replace(made, until=began if look.is_clean else None))
        stored, doubts = self._in_newest_copies(done)
        return replace(self._recorded("record", done, look, doubts), stored=tuple(stored))

    def close(self, name: str, *, unchecked: bool = False) -> ErasureRecorded:
        """Live is clean: looked at now, or, with ``unchecked``, said by whoever erased it there.

        Raises:
            ErasureStillLive: It is not, or it could not be looked at.
        """
        erasure = recording.find(self.repository, name)
        began = self.repository.store.time_there()
        look = self._look(erasure)
        if look.live:
            places = ", ".join(f"{one.place} ({one.number:,})" for one in look.live)
            raise ErasureStillLive(f"live still holds it: {places}", "have the application erase it there first")
        if look.not_looked and not unchecked:
            raise ErasureStillLive(
                f"it could not be looked whether live still holds it: {'; '.join(look.not_looked)}",
                f"run it where database and files can be reached; or `lifeboat erase close {erasure.id} --unchecked`, "
                "if the application has erased it for certain",
            )
        return self._recorded("close", recording.close(self.repository, erasure, began), look, ())

    def hold(self, name: str, why: str) -> ErasureRecorded:
        """Keep it from being replayed."""
        erasure = recording.find(self.repository, name)
        return self._recorded("hold", recording.hold(self.repository, erasure, why), _Look(), ())

    def release(self, name: str) -> ErasureRecorded:
        """Have it replayed again."""
        erasure = recording.find(self.repository, name)
        return self._recorded("release", recording.release(self.repository, erasure), _Look(), ())

    def every(self) -> ErasureList:
        """All of them."""
        erasures, findings = all_erasures(self.repository)
        return ErasureList(tuple(row_of_erasure(one) for one in erasures), tuple(findings))

    def status(self, name: str) -> ErasureStatus:
        """Which copies may hold it, and until when."""
        erasure = recording.find(self.repository, name)
        _, findings = all_erasures(self.repository)
        copies = copies_with(self.repository, self._settings.retention, erasure, self._progress)
        days = [one.gone_by for one in copies if one.gone_by is not None]
        no_date = list(dict.fromkeys(_why(one.what, one.snapshot, one.why) for one in copies if one.gone_by is None))
        if erasure.until is None:
            no_date.insert(0, "live is not known to be clean: every new copy may hold it, too")
        return ErasureStatus(
            row_of_erasure(erasure),
            tuple(copies),
            None if no_date else max(days, default=None),
            tuple(no_date),
            tuple(one.name for one in self._settings.replicas),
            tuple(self._replayed(erasure.id)),
            tuple(findings),
        )

    def _recorded(self, act: str, erasure: Erasure, look: _Look, findings: Sequence[Finding]) -> ErasureRecorded:
        live = tuple(StillLiveRow(one.place, one.number) for one in look.live)
        row = row_of_erasure(erasure)
        return ErasureRecorded(row, act, tuple(look.looked), tuple(look.not_looked), live, findings=tuple(findings))

    def _look(self, erasure: Erasure) -> _Look:
        look = _Look()
        if erasure.documents:
            self._look_at_database(erasure, look)
        if erasure.files:
            roots = [os.fsencode(str(one)).rstrip(b"/") + b"/" for one in self._settings.files.paths if one.is_dir()]
            elsewhere = [path for path in erasure.files if not any(path.startswith(root) for root in roots)]
            look.live += files_live(erasure)
            look.looked.append("files")
            if elsewhere and not look.live:
                look.not_looked.append(f"{os.fsdecode(elsewhere[0])} is below no folder that this machine protects")
        return look

    def _look_at_database(self, erasure: Erasure, look: _Look) -> None:
        uri = self._settings.mongodb.uri
        if uri is None:
            look.not_looked.append("the database: none is set here (MONGODB_URI)")
            return
        from lifeboat.sources.mongodb.connect import connect

        try:
            with connect(uri) as client:
                look.live += documents_live(client, erasure, self._clock, self._progress)
            if look.live or self._backs_up_the_database():
                look.looked.append("database")
            else:
                # A keeper's MONGODB_URI may name staging: what is clean there says nothing of what is live.
                look.not_looked.append(
                    "the database: this machine does not back it up, so its MONGODB_URI may name another"
                )
        except StorageError:
            raise
        except LifeboatError as error:
            look.not_looked.append(f"the database: {error.message}")

    def _backs_up_the_database(self) -> bool:
        """Whether the newest backup of it is this machine's own; also where there is none yet."""
        secret = self.repository.state.load_writer()
        newest = next(
            (one for one in self.repository.snapshots() if one.source == Source.MONGODB and one.is_backup), None
        )
        return newest is None or (secret is not None and secret.writer.hex() == newest.writer)

    def _paths(self, typed: Sequence[str]) -> list[bytes]:
        """Whole paths as they are stored; one that is not whole is taken to lie in each tree that is protected."""
        found = []
        for one in typed:
            folder = "/" if one.endswith("/") else ""
            if not one.strip("/"):
                raise ErasureUnclear(
                    "the path is empty, or all there is", "name one file, or one folder with / at its end"
                )
            if os.path.isabs(one):
                found.append(os.fsencode(os.path.normpath(one) + folder))
                continue
            roots = [str(root) for root in self._settings.files.paths] or self._stored_roots()
            if not roots:
                raise ErasureUnclear(f"{one} is not a whole path", "say it from the root: /srv/uploads/contracts/7.pdf")
            found += [os.fsencode(os.path.normpath(os.path.join(root, one)) + folder) for root in roots]
        return found

    def _stored_roots(self) -> list[str]:
        try:
            with SnapshotReader(self.repository, self.repository.find_snapshot("latest", Source.FILES)) as reader:
                return [str(root.path) for root in stored_roots(reader)]
        except SnapshotUnknown:
            return []

    def _in_newest_copies(self, erasure: Erasure) -> tuple[list[StillLiveRow], list[Finding]]:
        """What they hold of it, and what looks like a slip of the hand; it is recorded by now, so nothing here may fail it."""
        held: list[StillLive] = []
        doubts: list[Finding] = []
        for source, concerned in ((Source.MONGODB, erasure.documents), (Source.FILES, erasure.files)):
            if not concerned:
                continue
            with suppress(LifeboatError):  # no copy yet, or one that cannot be read now
                record = self.repository.find_snapshot("latest", source)
                with SnapshotReader(self.repository, record) as reader:
                    if source is Source.MONGODB:
                        doubts += _unknown_collections(reader, erasure)
                        held += documents_stored(reader, erasure, self._progress)
                    else:
                        held += files_stored(reader, erasure)
        doubts += [_holds_nothing(one.place) for one in held if not one.number]
        return [StillLiveRow(one.place, one.number) for one in held if one.number], doubts

    def _replayed(self, name: str) -> list[ReplayedRow]:
        """Restores and drills of this machine that left something of it out, as its journal has them."""
        found = []
        for run in build_journal(self._settings).runs(job="restore*"):
            rows = _replayed_in(run.report or {}, name)
            if rows and run.ended is not None:
                left_out = sum(int(one.get("left_out", 0)) for one in rows)
                trimmed = sum(int(one.get("trimmed", 0)) for one in rows)
                found.append(ReplayedRow(run.ended, run.job, left_out, trimmed))
        return found


def _holds_nothing(place: str) -> Finding:
    message = "the newest copy holds nothing that is meant: are value, type and field right?"
    hint = "right, if it was erased live before that copy was taken; else record it anew, and put this one on hold"
    return Finding(Level.WARNING, "erasure-means-nothing", place, message, hint)


def _unknown_collections(reader: SnapshotReader, erasure: Erasure) -> list[Finding]:
    from lifeboat.operations.database_point import stored_collections

    stored = {one.entry.namespace: one.entry for one in stored_collections(reader)}
    found = []
    for name in dict.fromkeys(one.collection for one in erasure.documents):
        entry = stored.get(name)
        fields = [one.field for one in erasure.documents if one.collection == name]
        if entry is None:
            message = "the newest copy of the database has no such collection; is the name right?"
            hint = "`lifeboat snapshots db` lists them; a wrong request is put on hold: `lifeboat erase hold`"
            found.append(Finding(Level.WARNING, "erasure-collection-unknown", name, message, hint))
        elif entry.is_series:
            meta = (entry.options.get("timeseries") or {}).get("metaField")
            if any(field.split(".")[0] != meta for field in fields):
                message = "it is a time-series collection: restores know its documents by the metaField alone"
                hint = (
                    f"name them by {meta}" if meta else "restores will say that it came back; erase it live again then"
                )
                found.append(Finding(Level.WARNING, "erasure-not-possible", name, message, hint))
    return found


def _replayed_in(report: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    rows = report.get("erasures")
    return (
        [one for one in rows if isinstance(one, dict) and one.get("erasure") == name] if isinstance(rows, list) else []
    )


def _why(what: str, snapshot: str | None, why: str) -> str:
    return f"{what} {snapshot[:8]}: {why}" if snapshot else f"{what}: {why}"
