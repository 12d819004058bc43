"""How far a replica is behind: as this machine remembers its own last run, or as the two catalogs say when they are listed now.

Needs no key: records are told by their names. The repository's records come from whoever has opened them.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.sizes import show_seconds
from lifeboat.foundation.value import Value
from lifeboat.operations.replicate.merge import side_by_side
from lifeboat.operations.replicate.order import Phase, phase_of
from lifeboat.operations.reports.replicas import ReplicaNewest, ReplicaReport, ReplicaStatus
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.names import CATALOG
from lifeboat.repository.record import Record, read_time, show_time
from lifeboat.storage.object_store import ObjectStore


class Seen(Value):
    """What is known of a replica.

    Args:
        through: By memory: when the newest snapshot that is in it was committed; older ones are in it too.
        missing: By looking: names of the records that are not in it, and when each was stored; None where it was not looked at.
        trouble: Why it could not be.
    """

    name: str
    location: str
    as_of: datetime | None = None
    through: datetime | None = None
    missing: Mapping[str, datetime] | None = None
    kept_on_objects: int = 0
    missing_objects: int = 0
    problems: int = 0
    trouble: str | None = None

    def has(self, record: Record) -> bool:
        if self.missing is not None:
            return record.object_name not in self.missing
        return self.through is not None and record.finished <= self.through


def remember(state: LocalState, report: ReplicaReport, through: datetime | None, problems: int) -> None:
    """Note a run that went to its end; raises ``SettingsError``."""
    state.write_json(
        _file(report.location),
        {
            "location": report.location,
            "as_of": show_time(report.as_of),
            "through": None if through is None else show_time(through),
            "kept_on": report.kept_on_objects,
            "missing": report.missing_objects,
            "problems": problems,
        },
    )


def recall(state: LocalState, name: str, location: str) -> Seen | None:
    """This machine's last run that went to its end; None where it made none."""
    said = state.read_json(_file(location))
    try:
        if said is None:
            return None
        through = said["through"]
        return Seen(
            name,
            location,
            as_of=read_time(said["as_of"]),
            through=None if through is None else read_time(through),
            kept_on_objects=int(said["kept_on"]),
            missing_objects=int(said["missing"]),
            problems=int(said["problems"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def look_at(source: ObjectStore, replica: ObjectStore, name: str) -> Seen:
    """List both catalogs; where that cannot be done, say why."""
    where = replica.describe()
    try:
        pairs = side_by_side(source.list_under(CATALOG), replica.list_under(CATALOG))
        missing = {
            here.name: here.modified
            for here, there in pairs
            if here is not None and there is None and phase_of(here.name) is Phase.RECORD
        }
    except LifeboatError as error:
        return Seen(name, where, trouble=error.message)
    return Seen(name, where, missing=missing)


def standing(seen: Seen, records: Iterable[Record], now: datetime) -> ReplicaStatus:
    """What it comes to, against the snapshots that the repository has."""
    here: dict[str, Record] = {}
    there: dict[str, Record] = {}
    waiting: list[datetime] = []
    for record in records:
        _take_newer(here, record)
        if seen.has(record):
            _take_newer(there, record)
        else:
            waiting.append(record.finished)
    if seen.missing is not None:
        waiting = list(seen.missing.values())  # also of those whose catalog does not open here
    is_known = seen.missing is not None or (seen.as_of is not None and bool(here))
    lag = max(((now - stored).total_seconds() for stored in waiting), default=0.0)
    return ReplicaStatus(
        name=seen.name,
        location=seen.location,
        as_of=seen.as_of,
        lag_seconds=max(0.0, lag) if is_known else None,
        missing_snapshots=len(waiting) if is_known else None,
        newest=tuple(
            ReplicaNewest(source, one.believed_instant, there[source].believed_instant if source in there else None)
            for source, one in sorted(here.items())
        )
        if is_known
        else (),
        kept_on_objects=seen.kept_on_objects,
        missing_objects=seen.missing_objects,
        problems=seen.problems,
        by_memory=seen.as_of is not None,
        trouble=seen.trouble,
    )


def behind_seconds(one: ReplicaStatus, now: datetime) -> float | None:
    """Since when something may be missing: the last run, or else the oldest snapshot that waits; None: not known."""
    return one.lag_seconds if one.as_of is None else max(0.0, (now - one.as_of).total_seconds())


def check_replicas(replicas: Sequence[ReplicaStatus], allowed_seconds: float, now: datetime) -> Iterator[Finding]:
    """Warnings only: the repository itself is as good as it was."""
    for one in replicas:
        behind = behind_seconds(one, now)
        again = f"`lifeboat replicate {one.name}`"
        if one.trouble is not None:
            message = f"how far the replica is behind cannot be seen from here: {one.trouble}"
            yield Finding(Level.WARNING, "replica-not-seen", one.name, message, f"{again}, where it may be read")
        elif behind is not None and behind > allowed_seconds:
            message = f"the replica is {show_seconds(behind)} behind; {show_seconds(allowed_seconds)} are allowed"
            yield Finding(
                Level.WARNING, "replica-late", one.name, message, f"{again}, every day: `lifeboat serve` does it"
            )
        if one.problems:
            message = f"the last run found {'a problem' if one.problems == 1 else f'{one.problems} problems'}"
            yield Finding(Level.WARNING, "replica-problems", one.name, message, f"{again} says which")


def _take_newer(newest: dict[str, Record], record: Record) -> None:
    known = newest.get(record.source)
    if known is None or record.believed_instant > known.believed_instant:
        newest[record.source] = record


def _file(location: str) -> str:
    return f"replica-{hashlib.sha256(location.encode()).hexdigest()[:16]}.json"
