"""Random histories over months: several machines, sources and classes, proofs, keeps, releases, killed runs, killed prunes, a store clock that is
wrong for a while, and a thief with a writer's secret. Whatever happens, what was not let go comes back bit for bit.
"""

import shutil
import tempfile
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from prune_kit import World, some_bytes

from lifeboat.foundation.progress import Silent
from lifeboat.operations.annotate import annotate
from lifeboat.operations.carry.plan import Worth
from lifeboat.operations.carry.run import carry_forward
from lifeboat.repository.catalog_format import Index, IndexedPack, seal_index, seal_record
from lifeboat.repository.names import Class, Source, digest, index_name, snapshot_name
from lifeboat.repository.record import Record
from lifeboat.repository.statements import Verb
from lifeboat.repository.writers import WriterSecret
from lifeboat.repository.writing import RunAborted
from lifeboat.retention.periods import GRACE, closes
from lifeboat.retention.rules import Rules
from lifeboat.storage.errors import StorageDenied
from lifeboat.storage.faults import CrashAtCall, Killed, Passing, When

RULES = Rules(hourly=2, daily=2, monthly=2)
ANY = Worth(living_short=0.3, living_long=0.3, smallest_pack_bytes=0, smallest_lot_bytes=0)
LABELS = st.sampled_from(["host", "host", "twin"])
SOURCES = st.sampled_from([Source.FILES, Source.FILES, Source.MONGODB])
CLASSES = st.sampled_from([Class.SHORT, Class.SHORT, Class.LONG])
PICKS = st.integers(0, 99)
SOME = st.lists(PICKS, min_size=1, max_size=8)


class Months(RuleBasedStateMachine):
    """The model: what each honest snapshot must give back, when it was let go, and what was proved."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="lifeboat-prune-"))
        self.world = World(self.folder)
        self.honest: dict[str, Record] = {}
        self.proved: set[str] = set()
        self.kept: set[str] = set()
        self.was_forged = self.was_skewed = False

    def teardown(self) -> None:
        try:
            self.what_is_listed_comes_back()
            self.in_the_end_nothing_is_left_that_nobody_needs()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    @rule(hours=st.sampled_from([0.5, 1, 5, 24, 24, 72]))
    def time_passes(self, hours: float) -> None:
        self.world.after(hours=hours)

    @rule()
    def the_month_ends(self) -> None:
        """Backups go on meanwhile, or prune would rightly doubt the clock."""
        now = self.world.clock.moment
        self.world.clock.moment = datetime(now.year + now.month // 12, now.month % 12 + 1, 1, 6, tzinfo=UTC)
        self.take("host", Source.FILES, Class.SHORT, 1)
        self.world.after(days=8)
        self.take("host", Source.FILES, Class.SHORT, 2)

    @rule(label=LABELS, source=SOURCES, class_=CLASSES, seed=st.integers(0, 6))
    def take(self, label: str, source: Source, class_: Class, seed: int) -> None:
        content = {"one": some_bytes(2_000 + 700 * seed, 1), "two": some_bytes(3_000, seed)}
        self.count_in(self.world.take(content, label=label, source=source, class_=class_))

    @rule(purpose=st.sampled_from(["safety", "backup"]), complete=st.booleans())
    def take_an_odd_one(self, purpose: str, complete: bool) -> None:
        self.count_in(self.world.take(purpose=purpose, complete=complete))

    @rule()
    def take_and_keep(self) -> None:
        record = self.world.take(keep="before migration")
        self.count_in(record)
        self.kept.add(record.snapshot)

    @rule(label=LABELS)
    def the_writer_is_replaced(self, label: str) -> None:
        self.count_in(self.world.take(label=label, new_writer=True))

    @rule(label=LABELS, nth=st.integers(2, 14), when=st.sampled_from(list(When)))
    def a_run_is_killed(self, label: str, nth: int, when: When) -> None:
        before = {one.snapshot for one in self.world.stored()}
        content = {"lost": some_bytes(12_000, nth)}
        try:
            killing = CrashAtCall(self.world.store, nth, when, frozenset({"write"}))
            self.count_in(self.world.take(content, label=label, store=killing))
        except (Killed, RunAborted):
            for record in self.world.stored():
                if record.snapshot not in before:
                    self.world.contents[record.snapshot] = content
                    self.count_in(record)

    @rule(picks=SOME)
    def some_are_proved(self, picks: list[int]) -> None:
        there = self.listed()
        chosen = {there[pick % len(there)].snapshot: there[pick % len(there)] for pick in picks if there}
        if chosen:
            self.world.say(Verb.PROOF, *chosen.values())
            self.proved |= set(chosen)

    @rule(pick=PICKS, keep=st.booleans(), forgotten=st.booleans())
    def one_is_kept_or_released(self, pick: int, keep: bool, forgotten: bool) -> None:
        there = [one for one, _ in self.world.open().forgotten_snapshots()] if forgotten else self.listed()
        there = [one for one in there if one.snapshot in self.honest]
        if there:
            one = there[pick % len(there)]
            self.world.after(seconds=1)
            annotate(self.world.open(), one.snapshot, "wanted" if keep else None)
            (self.kept.add if keep else self.kept.discard)(one.snapshot)

    @rule()
    def prune(self) -> None:
        self.world.after(seconds=1)
        self.world.prune(RULES)
        self.what_is_listed_comes_back()

    @rule(
        nth=st.integers(1, 40), when=st.sampled_from(list(When)), kinds=st.sampled_from(["write delete", "list read"])
    )
    def prune_is_killed(self, nth: int, when: When, kinds: str) -> None:
        self.world.after(seconds=1)
        try:
            self.world.prune(RULES, store=CrashAtCall(self.world.store, nth, when, frozenset(kinds.split())))
        except Killed:
            self.what_is_listed_comes_back()

    @rule(part=st.sampled_from(["/snapshot-", "/pack/", "keys/", "/index-"]))
    def prune_may_not_delete_everything(self, part: str) -> None:
        class Refusing(Passing):
            def delete(self, name: str) -> None:
                if part in name:
                    raise StorageDenied("no right")
                super().delete(name)

        self.world.after(seconds=1)
        self.world.prune(RULES, store=Refusing(self.world.store))
        self.what_is_listed_comes_back()

    @rule(days=st.sampled_from([-400, -20, -1, 3, 20, 39, 400]))
    def prune_while_the_store_clock_is_wrong(self, days: int) -> None:
        self.world.after(days=days)
        self.world.prune(RULES)
        self.world.after(days=-days)
        self.was_skewed = True
        self.what_is_listed_comes_back()

    @precondition(lambda self: self.honest)
    @rule(
        label=LABELS,
        pick=PICKS,
        days=st.sampled_from([-100, -30, -1, 0, 0, 30, 4000]),
        months=st.sampled_from([-2, -1, 0, 0, 5]),
        lies=st.sampled_from(["record", "index", "both"]),
    )
    def a_thief_forges(self, label: str, pick: int, days: int, months: int, lies: str) -> None:
        """With a writer's secret and the right to write: snapshots of any time, over any packs, and indexes that lie about their keys."""
        repository = self.world.open(label=label)
        secret = repository.writer(self.world.clock.now())
        assert isinstance(secret, WriterSecret)
        model = list(self.honest.values())[pick % len(self.honest)]
        number = self.world.clock.moment.year * 12 + self.world.clock.moment.month - 1 + months
        generation = f"{number // 12:04d}-{number % 12 + 1:02d}"
        finished = self.world.clock.moment + timedelta(days=days)
        sealed = {
            "writer": secret.writer,
            "catalog_key": secret.catalog_key,
            "repository": repository.id,
            "generation": generation,
        }
        if lies in ("record", "both"):
            forged = replace(
                model,
                snapshot=f"{pick:032x}",
                generation=generation,
                finished=finished,
                started=finished,
                instant=finished,
            )
            raw = seal_record(forged.to_json(), **sealed)  # type: ignore[arg-type]
            self.write_once(snapshot_name(secret.writer.hex(), generation, digest(raw)), raw)
        if lies in ("index", "both"):
            packs = tuple(IndexedPack(pack, bytes(32), 100, b"") for pack in model.packs)
            raw = seal_index(Index(model.source, model.class_, packs), **sealed)  # type: ignore[arg-type]
            self.write_once(index_name(secret.writer.hex(), generation, digest(raw)), raw)
        self.was_forged = True

    def write_once(self, name: str, raw: bytes) -> None:
        if name not in self.world.names():
            self.world.store.write(name, raw)

    @rule(nth=st.integers(0, 30), when=st.sampled_from(list(When)))
    def packs_are_carried(self, nth: int, when: When) -> None:
        """By the owner, who may be killed at it; 0: is not."""
        store = CrashAtCall(self.world.store, nth, when, frozenset({"write", "copy"})) if nth else self.world.store
        with suppress(Killed):
            carry_forward(self.world.open(store), RULES, Silent(), ANY)
        self.what_is_listed_comes_back()

    @rule(nth=st.integers(0, 30), when=st.sampled_from(list(When)))
    def the_month_turns_and_packs_are_carried(self, nth: int, when: When) -> None:
        now = self.world.clock.moment
        self.take("host", Source.FILES, Class.SHORT, 3)
        self.world.clock.moment = datetime(now.year + now.month // 12, now.month % 12 + 1, 1, tzinfo=UTC)
        self.packs_are_carried(nth, when)
        self.take("host", Source.FILES, Class.SHORT, 3)
        self.what_is_listed_comes_back()

    def count_in(self, record: Record) -> None:
        self.honest[record.snapshot] = record

    def listed(self) -> list[Record]:
        return [one for one in self.world.open().snapshots() if one.snapshot in self.honest]

    def what_is_listed_comes_back(self) -> None:
        """Everything that is there and not forgotten; and what may not be forgotten is listed."""
        listed = self.listed()
        self.world.restores(listed)
        names = {one.snapshot for one in listed}
        assert self.kept <= names
        forgotten = {one.snapshot for one, _ in self.world.open().forgotten_snapshots()}
        self.world.restores([one for one, _ in self.world.open().forgotten_snapshots() if one.snapshot in self.honest])
        for gone in set(self.honest) - names - forgotten:
            assert self.world.clock.moment >= closes(self.honest[gone].generation) or self.was_skewed
            del self.honest[gone]
            self.proved.discard(gone)
        if not self.was_forged:
            found = self.world.problems("structure")
            # By a clock that ran ahead the month was over: what nobody needs of it went, and its index stays for the rest.
            assert [
                one for one in found if not (self.was_skewed and one.code == "pack-missing" and one.level == "warning")
            ] == []
        if not self.was_skewed:
            assert self.promised() <= names

    def promised(self) -> set[str]:
        """Counted by hand: of each machine and source the newest proved one, and the last proved one of its newest two days."""
        found = set()
        proved = [one for one in self.honest.values() if one.snapshot in self.proved and one.purpose == "backup"]
        for group in {(one.writer, one.source) for one in proved}:
            mine = [one for one in proved if (one.writer, one.source) == group]
            replaced = {one.writer for one in self.honest.values() if one.label == mine[0].label} != {group[0]}
            if replaced:
                continue  # counted together or apart: the pure tests have that
            found.add(max(mine, key=lambda one: (one.finished, one.object_name[-64:])).snapshot)
            short = [one for one in mine if one.class_ == Class.SHORT]
            for day in sorted({one.finished.date() for one in short}, reverse=True)[: RULES.daily]:
                of_day = [one for one in short if one.finished.date() == day]
                whole = [one for one in of_day if one.complete] or of_day
                found.add(max(whole, key=lambda one: (one.finished, one.object_name[-64:])).snapshot)
        return found

    def in_the_end_nothing_is_left_that_nobody_needs(self) -> None:
        """Years of backups later, months that are closed hold exactly what their snapshots need."""
        world = self.world
        world.after(days=4500)
        for _ in range(5):
            for _ in range(10):
                world.after(days=2)
                world.take()
            world.prune(RULES)
        assert world.prune(RULES).objects_removed == 0
        closed = [one for one in world.stored() if closes(one.generation) <= world.clock.moment]
        needed = {
            f"{one.source}/pack/{one.class_}/{one.generation}/{pack.hex()}" for one in closed for pack in one.packs
        }
        for name in world.names("/pack/"):
            assert closes(name.split("/")[3]) > world.clock.moment or name in needed, name
        assert not [
            one
            for one, when in world.open().forgotten_snapshots()
            if when + GRACE < world.clock.moment - timedelta(days=60)
        ]
        world.restores([one for one in world.open().snapshots() if one.snapshot in world.contents])


Months.TestCase.settings = settings(
    max_examples=4, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestWhateverTheMonthsBring = Months.TestCase
