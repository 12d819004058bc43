"""The dictionary beside the fleet: what each snapshot must give back, what was said of it, and, counted by hand, what must still be there."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from clients_kit import RULES, Tree, Word

from lifeboat.repository.record import Record

WEEK = timedelta(days=7)
PROOF_AWAITED = timedelta(days=35)
_ORDER = ("forget", "release", "keep", "proof", "doubt")
"""Of what was said in one second, the later ones win."""


@dataclass(frozen=True)
class Entry:
    """One committed snapshot."""

    record: Record
    label: str
    tree: Tree

    @property
    def digest(self) -> str:
        return self.record.object_name[-64:]


@dataclass
class Standing:
    """What the words about a snapshot come to."""

    kept: bool = False
    forgotten: datetime | None = None
    released: datetime | None = None
    proved: bool = False
    was_ever_proved: bool = False


@dataclass
class Book:
    """All that was ever committed, in its order."""

    entries: dict[str, Entry] = field(default_factory=dict)
    words: dict[str, Word] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    """Ids of those that prune removed as the rules allow."""

    def write(self, entry: Entry) -> None:
        self.entries[entry.record.snapshot] = entry

    def hear(self, words: Iterable[Word]) -> None:
        self.words.update((one.name, one) for one in words)

    def there(self) -> list[Entry]:
        return [one for snapshot, one in self.entries.items() if snapshot not in self.removed]

    def standings(self, signers: Iterable[str]) -> dict[str, Standing]:
        """By id; only what ``signers`` said counts."""
        found = {entry.digest: Standing() for entry in self.entries.values()}
        may = set(signers)
        for word in sorted(self.words.values(), key=lambda one: (one.time, _ORDER.index(one.verb))):
            for record in word.records & found.keys() if word.signer in may else ():
                _hear(found[record], word)
        return {snapshot: found[entry.digest] for snapshot, entry in self.entries.items()}

    def must_stay(self, standings: dict[str, Standing], now: datetime) -> set[str]:
        """At least these may never be removed now, whoever prunes."""
        there = self.there()
        stay = set()
        for entry in there:
            standing = standings[entry.record.snapshot]
            awaited = not standing.was_ever_proved and now < _month_end(entry.record.generation) + PROOF_AWAITED
            released = standing.released is not None and now < standing.released + WEEK
            if standing.kept or awaited or released:
                stay.add(entry.record.snapshot)
        for label in {one.label for one in there}:
            mine = sorted((one for one in there if one.label == label), key=lambda one: one.record.finished)
            for among in (mine, [one for one in mine if standings[one.record.snapshot].proved]):
                stay |= {one.record.snapshot for one in among[-1:]}
                stay |= _newest_of_each(among, "short", "%Y%m%d%H", RULES.hourly)
                stay |= _newest_of_each(among, "short", "%Y%m%d", RULES.daily)
                stay |= _newest_of_each(among, "long", "%Y%m", RULES.monthly)
        return stay

    def may_go(self, snapshot: str, standings: dict[str, Standing], now: datetime) -> bool:
        """Whether a prune may remove it now, by time alone."""
        forgotten, generation = standings[snapshot].forgotten, self.entries[snapshot].record.generation
        return forgotten is not None and forgotten + WEEK <= now and _month_end(generation) + WEEK <= now


def _hear(standing: Standing, word: Word) -> None:
    if word.verb == "proof":
        standing.proved = standing.was_ever_proved = True
    elif word.verb == "doubt":
        standing.proved = False
    elif word.verb == "keep":
        standing.kept, standing.forgotten, standing.released = True, None, None
    elif word.verb == "release":
        standing.kept, standing.forgotten, standing.released = False, None, word.time
    elif not standing.kept:
        standing.forgotten = standing.forgotten or word.time


def _newest_of_each(oldest_first: list[Entry], class_: str, period: str, count: int) -> set[str]:
    last = {f"{one.record.finished:{period}}": one for one in oldest_first if one.record.class_ == class_}
    return {last[key].record.snapshot for key in sorted(last)[-count:]}


def _month_end(generation: str) -> datetime:
    begin = datetime.fromisoformat(f"{generation[:7]}-01T00:00:00+00:00")
    return (begin + timedelta(days=32)).replace(day=1)
