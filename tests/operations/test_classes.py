"""The month's copy: when it is taken, that it shares nothing, and that the hourly backups do not notice it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lifeboat.crypto.identity import Identity
from lifeboat.foundation.progress import Silent
from lifeboat.operations.backup_files import Root, backup_trees
from lifeboat.operations.classes import class_of_backup
from lifeboat.operations.taking import Taking, new_point
from lifeboat.operations.verify.run import verify
from lifeboat.repository.create import create_repository
from lifeboat.repository.description import NamedRecipient
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.names import Source
from lifeboat.repository.open_repository import Repository, open_repository
from lifeboat.repository.record import Record
from lifeboat.repository.writing import RunAborted, WriteLimits
from lifeboat.retention.rules import Rules
from lifeboat.sources.files.read import FileReader
from lifeboat.storage.errors import StorageDenied
from lifeboat.storage.faults import CrashAtCall, Killed, Passing, When
from lifeboat.storage.memory import MemoryStore
from lifeboat.storage.object_store import ObjectStore, StoredObject


class Clock:
    def __init__(self) -> None:
        self.moment = datetime(2036, 11, 23, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


class Machine:
    """One host, its tree and its repository."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.store = MemoryStore(self.clock)
        self.identity = Identity.generate()
        self.state = folder / "state"
        self.tree = folder / "tree"
        self.tree.mkdir()
        for number in range(5):
            (self.tree / f"{number}.bin").write_bytes(bytes([number]) * 700_000)
        create_repository(
            self.store,
            identity=self.identity,
            recipients=[NamedRecipient("key", self.identity.recipient)],
            profile="simple",
            state=LocalState(self.state, self.store.describe()),
            label="host",
            now=self.clock.now(),
        )

    def open(self, store: ObjectStore | None = None) -> Repository:
        state = LocalState(self.state, self.store.describe())
        return open_repository(store or self.store, identity=self.identity, state=state, label="host")

    def back_up(self, rules: Rules | None = None, store: ObjectStore | None = None) -> Record:
        repository = self.open(store)
        now = repository.store.time_there()
        writer = repository.writer(now)
        class_ = class_of_backup(repository, writer, Source.FILES, now, rules or Rules())
        taking = Taking(repository, writer, Source.FILES, new_point(), self.clock, WriteLimits(), class_=class_)
        return backup_trees(taking, [Root(self.tree)], progress=Silent()).record

    def after(self, **passed: float) -> "Machine":
        self.clock.moment += timedelta(**passed)
        return self

    def is_whole(self) -> bool:
        report = verify(self.open(), "full", objectives={}, sample_percent=100, clock=self.clock, progress=Silent())
        return not [one for one in report.findings if one.level == "problem"]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_first_day_stores_nothing_twice_and_then_each_month_has_one_copy(machine: Machine) -> None:
    assert [machine.after(hours=n).back_up().class_ for n in (0, 1, 22)] == ["short"] * 3
    copy = machine.after(hours=1).back_up()
    assert (copy.class_, copy.new_bytes >= copy.total_bytes) == ("long", True)
    assert [machine.after(hours=1).back_up().class_ for _ in range(3)] == ["short"] * 3
    machine.clock.moment = datetime(2036, 12, 1, 0, 0, 1, tzinfo=UTC)
    assert [machine.after(hours=n).back_up().class_ for n in (0, 1, 1)] == ["long", "short", "short"]
    assert machine.is_whole()


def test_the_hourly_backup_after_the_month_s_copy_reads_no_file_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.back_up()
    read: list[bytes] = []
    for name in ("read", "read_small"):
        original = getattr(FileReader, name)

        def counted(self: FileReader, entry, *rest, original=original, **named):  # type: ignore[no-untyped-def]
            read.append(entry.path)
            return original(self, entry, *rest, **named)

        monkeypatch.setattr(FileReader, name, counted)
    assert machine.after(hours=24).back_up().class_ == "long"
    assert len(set(read)) == 5, "the month's copy is a whole one"
    read.clear()
    hourly = machine.after(hours=1).back_up()
    assert (hourly.class_, hourly.new_bytes < 10_000, read) == ("short", True, [])


def test_lost_state_costs_no_second_copy(machine: Machine) -> None:
    machine.back_up()
    assert machine.after(hours=24).back_up().class_ == "long"
    for hint in machine.state.rglob("long-*.json"):
        hint.unlink()
    assert machine.after(hours=1).back_up().class_ == "short"
    (next(machine.state.rglob("long-*.json"))).write_text("{}")
    assert machine.after(hours=1).back_up().class_ == "short"


def test_a_hint_of_a_copy_that_is_gone_counts_for_nothing(machine: Machine) -> None:
    machine.back_up()
    copy = machine.after(hours=24).back_up()
    machine.store.delete(copy.object_name)
    assert machine.after(hours=1).back_up().class_ == "long"


def test_without_monthly_rules_there_is_no_copy(machine: Machine) -> None:
    rules = Rules(monthly=0)
    machine.back_up(rules)
    assert machine.after(days=40).back_up(rules).class_ == "short"


@pytest.mark.parametrize("nth", [3, 9, 14])
def test_a_killed_copy_is_taken_by_the_next_run(machine: Machine, nth: int) -> None:
    machine.back_up()
    machine.after(hours=24)
    with pytest.raises((Killed, RunAborted)):
        machine.back_up(store=CrashAtCall(machine.store, nth, When.BEFORE))
    again = machine.after(hours=1).back_up()
    assert again.class_ == "long"
    assert machine.after(hours=1).back_up().class_ == "short"
    assert machine.is_whole()


def test_who_may_not_list_what_he_stored_takes_no_copies(machine: Machine) -> None:
    class Blind(Passing):
        def list_under(self, prefix: str) -> Iterator[StoredObject]:
            raise StorageDenied("no right to list")

    repository = machine.open()
    machine.back_up()
    machine.after(hours=30)
    repository = machine.open()
    writer = repository.writer(machine.clock.now())
    repository.store = Blind(machine.store)
    assert class_of_backup(repository, writer, Source.FILES, machine.clock.now(), Rules()) == "short"
