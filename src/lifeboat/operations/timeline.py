"""The archive and the snapshots of a repository as one history for each writer's name: what can be restored, and from where.

Limits: names alone are listed, records are read; of the segments no byte, but where a gap asks for its reason.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.foundation.errors import LifeboatError, RepositoryDamaged, SettingsError
from lifeboat.foundation.value import Value
from lifeboat.operations.believed_segments import believed
from lifeboat.operations.recovery_points import Base, Hole, Span, base_of, holes_of, nearest, spans_of, ways_to
from lifeboat.operations.segment_summary import read_summary
from lifeboat.repository.errors import RetrievalNeeded
from lifeboat.repository.names import Source
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.reading import SnapshotReader
from lifeboat.repository.record import Record, show_time
from lifeboat.repository.segments import Segment, Stretch, list_segments, stretches
from lifeboat.storage.errors import StorageDenied

TRIED_AT_MOST = 50
"""Segments that do not open, before the archive is said to be damaged."""


class MomentNotCovered(LifeboatError):
    """No snapshot and no stretch of the archive lead to this instant; the message names the nearest that can be restored."""

    code = "moment-not-covered"


class WriterUnclear(SettingsError):
    """Several machines store a database in the repository, and nothing says which one's moment is meant."""

    code = "writer-unclear"


class History(Value):
    """What there is of the database under one writer's name.

    Args:
        bases: Oldest first. others: Snapshots of the database that nothing can be replayed onto.
        stretches: Of the archive, oldest first. spans: What can be restored: see ``spans_of``.
    """

    label: str
    bases: tuple[Base, ...]
    others: tuple[Record, ...]
    stretches: tuple[Stretch, ...]
    spans: tuple[Span, ...]

    @property
    def oldest(self) -> Span | None:
        return self.spans[0] if self.spans else None

    @property
    def newest(self) -> ClusterTime | None:
        """The newest instant that can be restored; None where there is none."""
        return max((span.through for span in self.spans), default=None)

    @property
    def holes(self) -> list[Hole]:
        return holes_of(self.spans, self.stretches, self.bases)


class Histories(Value):
    """Args:
    archive_seen: False where the rights do not allow to list the archive, as on a guarded writer.
    exact: False without the key: of a snapshot no more than the second is known.
    unsound: Names at the end of the archive that are not what they promise; they count for nothing.
    """

    of: tuple[History, ...]
    archive_seen: bool
    exact: bool
    unsound: tuple[str, ...] = ()


Exactly = Callable[[Base], Base | None]


class Clockwork:
    """The exact times of snapshots, and what else they say of their server; each is opened once."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._details: dict[str, dict[str, Any] | None] = {}
        self.archived: dict[str, RetrievalNeeded] = {}
        """By record: those whose root lies in an archive class. Of their time no more than the second is known: its end counts."""

    def __call__(self, base: Base) -> Base | None:
        """None where the snapshot's root cannot be opened any more, so that an older one is taken; raises ``KeyMissing`` kinds."""
        found = self.details(base).get("cluster_time")
        if base.record.object_name in self.archived:
            return base.exactly(base.latest)
        if not isinstance(found, list) or len(found) != 2 or not all(isinstance(one, int) for one in found):
            return None
        return base.exactly(ClusterTime(*found))

    def details(self, base: Base) -> dict[str, Any]:
        """What the root says; nothing where it cannot be opened."""
        name = base.record.object_name
        if name not in self._details:
            try:
                with SnapshotReader(self._repository, base.record) as reader:
                    self._details[name] = reader.details
            except RepositoryDamaged:
                self._details[name] = None
            except RetrievalNeeded as error:
                self._details[name], self.archived[name] = None, error
        return self._details[name] or {}


def read_histories(repository: Repository, clockwork: Clockwork | None = None) -> Histories:
    """All of the database, by writer's name."""
    archive_seen = True
    try:
        listed, unsound = believed(repository, list_segments(repository))
    except StorageDenied:
        listed, unsound, archive_seen = [], (), False
    exactly = clockwork or (None if repository.identity is None else Clockwork(repository))
    found = histories_of(repository, repository.snapshots(), stretches(listed), exactly)
    return Histories(tuple(found), archive_seen, exactly is not None, unsound)


def histories_of(
    repository: Repository, records: Iterable[Record], over: Iterable[Stretch], exactly: Exactly | None
) -> list[History]:
    """What records and stretches come to, by writer's name.

    Args:
        exactly: Tells the time of a snapshot where it matters; None: nothing does.
    """
    by_label: dict[str, list[Stretch]] = defaultdict(list)
    for stretch in over:
        by_label[label_of_writer(repository, stretch.writer)].append(stretch)
    of_label: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record.source == Source.MONGODB:
            of_label[repository.label_of(record)].append(record)
    return [_history(label, of_label[label], by_label[label], exactly) for label in sorted({*by_label, *of_label})]


def label_of_writer(repository: Repository, writer: str) -> str:
    registered = repository.registrations.get(writer)
    return registered.label if registered is not None else writer[:8]


def meant_history(repository: Repository, histories: Histories, label: str | None = None) -> History:
    """The one of this name; None: this machine's if it stores a database, else the only one there is.

    Raises:
        MomentNotCovered: There is none. WriterUnclear: There are several.
    """
    stored = [one for one in histories.of if one.spans or one.stretches or label]
    named = [one for one in stored if one.label == (label or repository.own_label())]
    usable = named or ([] if label else stored)
    if len(usable) > 1:
        names = [one.label for one in usable]
        raise WriterUnclear(
            f"several machines store a database here: {', '.join(names)}",
            f"put the name behind the time: --at 'newest@{names[0]}', --before-op OP@{names[0]}; with `timeline --suspects`: "
            f"--writer {names[0]}",
        )
    if not usable:
        raise MomentNotCovered(
            f"nothing of the database is stored{f' under the name {label}' if label else ''} yet",
            "`lifeboat backup db` takes a snapshot, `lifeboat stream` every moment from then on",
        )
    return usable[0]


def find_base(
    repository: Repository, goal: ClusterTime | None, label: str | None = None
) -> tuple[Base, Stretch | None]:
    """The first of ``find_bases``."""
    return next(find_bases(repository, goal, label))


def find_bases(
    repository: Repository, goal: ClusterTime | None, label: str | None = None
) -> Iterator[tuple[Base, Stretch | None]]:
    """Each snapshot from which an instant can be reached, the newest first, its time known exactly, and the stretch that leads from
    there to it; None where it is the snapshot's own instant. There is one, or an error.

    Args:
        goal: None for the newest there is.
        label: See ``meant_history``.

    Raises:
        MomentNotCovered: It cannot be reached.
        RetrievalNeeded: It can, from snapshots in an archive class alone.
        KeyMissing, OnlyACustodian.
    """
    repository.need_identity()
    clockwork = Clockwork(repository)
    histories = read_histories(repository, clockwork)
    history = meant_history(repository, histories, label)
    wanted = goal or history.newest
    if wanted is None:
        raise MomentNotCovered(*_nothing_to_begin_from(history))
    found = False
    away: RetrievalNeeded | None = None
    for base, stretch in ways_to(wanted, history.bases, history.stretches, clockwork):
        if base.record.object_name in clockwork.archived:
            away = away or clockwork.archived[base.record.object_name]
            continue
        if stretch is not None:
            _refuse_another_database(repository, clockwork.details(base), base, stretch, wanted)
        found = True
        yield base, stretch
    if not found:
        its_own = (one for one in history.bases if one.earliest.seconds == wanted.seconds)
        archived = (clockwork.archived.get(one.record.object_name) for one in its_own)
        raise (
            away or next((one for one in archived if one), None) or _not_covered(histories, history, wanted, clockwork)
        )


class CommonBase(Value):
    """Args:
    stretch: What leads from the snapshot to all of the instants; None where they are the snapshot's own.
    goals: The instants, none of them before the snapshot's.
    """

    base: Base
    stretch: Stretch | None
    goals: tuple[ClusterTime, ...]


def common_bases(
    repository: Repository, goals: Sequence[ClusterTime | None], label: str | None = None
) -> Iterator[CommonBase]:
    """Each snapshot from which all of some instants can be reached along one stretch, the newest first; there may be none.

    Args:
        goals: None for the newest there is.
    """
    repository.need_identity()
    clockwork = Clockwork(repository)
    history = meant_history(repository, read_histories(repository, clockwork), label)
    known = [goal or history.newest for goal in goals]
    meant = tuple(goal for goal in known if goal is not None)
    if len(meant) < len(known):
        return
    for base, stretch in ways_to(max(meant), history.bases, history.stretches, clockwork):
        if base.latest <= min(meant):
            with suppress(MomentNotCovered):
                if stretch is not None:
                    _refuse_another_database(repository, clockwork.details(base), base, stretch, max(meant))
                yield CommonBase(base, stretch, meant)


def because_of(repository: Repository, stretch: Stretch) -> str | None:
    """Why a stretch does not go on from an earlier one; None where it is not known from here."""
    with suppress(LifeboatError):
        return _first(repository, stretch).statement.because
    return None


def _first(repository: Repository, stretch: Stretch) -> Segment:
    """The first segment that is what its writer stored: a name before it may have been planted."""
    trouble: RepositoryDamaged | None = None
    for stored in stretch.segments[:TRIED_AT_MOST]:
        try:
            return Segment(repository, stored)
        except RepositoryDamaged as found:
            trouble = trouble or found
    assert trouble is not None
    raise trouble


def _history(label: str, records: Sequence[Record], of_archive: Sequence[Stretch], exactly: Exactly | None) -> History:
    found = {one.object_name: base_of(one) for one in records}
    bases = sorted((one for one in found.values() if one is not None), key=lambda one: one.earliest)
    spans = spans_of(bases, of_archive)
    if exactly is not None:
        edges = {time.seconds for one in of_archive for time in (one.after, one.through)}
        doubtful = [one for one in bases if one.earliest.seconds in edges or one is bases[-1]]
        while doubtful:
            bases = _settled_among(bases, doubtful, exactly)
            spans = spans_of(bases, of_archive)
            doubtful = [span.base for span in spans if span.stretch and span.base.earliest != span.base.latest]
    others = tuple(one for one in records if found[one.object_name] is None)
    return History(label, tuple(bases), others, tuple(of_archive), tuple(spans))


def _settled_among(bases: Sequence[Base], doubtful: Sequence[Base], exactly: Exactly) -> list[Base]:
    """The same with the exact times of some; those that cannot be opened are left out."""
    known = {one.record.object_name: exactly(one) for one in doubtful}
    settled = (known.get(one.record.object_name, one) for one in bases)
    return sorted((one for one in settled if one is not None), key=lambda one: one.earliest)


def _refuse_another_database(
    repository: Repository, details: dict[str, Any], base: Base, stretch: Stretch, goal: ClusterTime
) -> None:
    """Raise where snapshot and archive are not of the same thing: settings may have been changed in between."""
    server, databases = details.get("server"), details.get("databases")
    try:
        first = _first(repository, stretch)
    except RetrievalNeeded:
        # Only what a restore reads is brought back, and any segment of the stretch can tell.
        first = _first(
            repository, replace(stretch, segments=tuple(one for one, _ in stretch.between(base.latest, goal)))
        )
    if not isinstance(server, dict) or server.get("set_name") != first.statement.set_name:
        raise MomentNotCovered(
            f"the archive around {say_moment(goal)} is of another replica set than snapshot {base.record.snapshot[:8]}",
            "is one name (LIFEBOAT_LABEL) used for two databases? `lifeboat timeline` shows what can be restored",
        )
    followed = read_summary(first.summary()).databases
    left_out = set() if followed is None or not isinstance(databases, list) else {*map(str, databases)} - {*followed}
    if left_out:
        raise MomentNotCovered(
            f"the archive around {say_moment(goal)} follows {', '.join(followed or ())} only, and snapshot "
            f"{base.record.snapshot[:8]} holds {', '.join(sorted(left_out))} too",
            "name the same databases for `lifeboat backup` and `lifeboat stream`; the snapshot itself can be restored",
        )


def _not_covered(histories: Histories, history: History, goal: ClusterTime, clockwork: Clockwork) -> MomentNotCovered:
    before, after = (_settled(span, clockwork) for span in nearest(history.spans, goal))
    nearer = before or after
    if nearer is None:
        return MomentNotCovered(*_nothing_to_begin_from(history))
    said = []
    if before is not None:
        said.append(f"the nearest before it is {say_moment(before.through)}")
    if after is not None:
        said.append(f"the nearest after it is {say_moment(after.since)}")
    unseen = "" if histories.archive_seen else " from here, where the archive may not be listed"
    if histories.unsound:
        unseen += f" ({len(histories.unsound)} segments at the archive's end do not open: `lifeboat verify`)"
    exact = nearer.through if nearer is before else nearer.since
    which = nearer.base.record.snapshot[:8] if nearer.stretch is None else f"--at {exact.words()}"
    return MomentNotCovered(
        f"{say_moment(goal)} cannot be restored{unseen}: {', '.join(said)}",
        f"`lifeboat restore db {which} --to NAME` brings the nearest back; `lifeboat timeline` shows all that can be",
    )


def _settled(span: Span | None, clockwork: Clockwork) -> Span | None:
    """With the exact time of the snapshot that it begins with."""
    base = None if span is None else clockwork(span.base)
    if span is None or base is None:
        return span
    return Span(base.latest, span.through if span.stretch else base.latest, base, span.stretch)


def _nothing_to_begin_from(history: History) -> tuple[str, str]:
    if history.others and not history.bases:
        message = "no snapshot of the database is whole and of one instant, so nothing can be followed from it"
        return (
            message,
            "`lifeboat doctor` says why; snapshots themselves are restored by their id: `lifeboat snapshots`",
        )
    message = "no snapshot of the database is stored that the archive could go on from"
    return message, "`lifeboat backup db` takes one; every moment after it can then be restored"


def say_moment(time: ClusterTime) -> str:
    """``2025-11-26T01:37:36Z (1764121056.3)``."""
    return f"{show_time(time.instant)} ({time.words()})"
