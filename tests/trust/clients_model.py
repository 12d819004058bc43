"""The machine: random histories of a whole fleet, each step compared with the dictionary (``clients_book``)."""

import re
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis.strategies as st
from clients_kit import Meanwhile, RefusesOnce, StaleOnce
from clients_watch import Loss, Watched, held
from hypothesis.stateful import initialize, rule

from lifeboat.foundation.errors import LifeboatError
from lifeboat.repository.errors import KeyNotARecipient, SnapshotUnknown
from lifeboat.repository.names import Class
from lifeboat.repository.writing import RunAborted
from lifeboat.storage.errors import StorageFull
from lifeboat.storage.faults import CrashAtCall, Killed, When

NAMES = st.sampled_from(["a", "b", "d/a", "d/e/b", "f.txt"])
CONTENT = st.one_of(
    st.binary(max_size=30),
    # Large enough for a chunk of its own, from few seeds, so that hosts and later runs have it too.
    st.tuples(st.integers(0, 4), st.sampled_from([2_500, 300_000])).map(
        lambda made: (b"%d " % made[0]) * (made[1] // 2)
    ),
)
HOSTS = st.sampled_from([0, 0, 1, 2])
PICKS = st.integers(0, 99)
"""Which of what there is; drawn as a number, because ids are random."""
NTHS = st.integers(1, 40)
CHANGING = frozenset({"write", "delete", "copy"})
CALLS = st.tuples(NTHS, st.just(CHANGING | {"read", "list"})) | st.tuples(st.integers(1, 8), st.just(CHANGING))
"""The nth of calls of these kinds."""
WHENS = st.sampled_from(list(When))
ACTS = st.sampled_from(["back up", "back up", "prune", "carry", "keep", "release", "forget", "replicate", "verify"])
HARMABLE = re.compile(r".*/(pack/.*|index-.*|snapshot-.*|link-.*)|keys/.*")


Deed = Callable[..., None]
DEEDS: dict[str, tuple[int, Callable[["Clients"], bool], st.SearchStrategy[dict[str, Any]]]] = {}


def deed(
    often: int = 1, may: Callable[["Clients"], bool] = lambda fleet: True, **drawn: st.SearchStrategy[Any]
) -> Callable[[Deed], Deed]:
    """One of the things that happen, as a rule of hypothesis, but drawn by how often it is wanted: in a short form all must have their turn."""

    def note(method: Deed) -> Deed:
        DEEDS[method.__name__] = often, may, st.fixed_dictionaries(drawn)
        return method

    return note


class Clients(Watched):
    """Deeds act; what must hold after each is in ``look``."""

    def __init__(self) -> None:
        super().__init__()
        self.earlier = self.fleet.store.copy()
        self.earlier_at = self.fleet.clock.moment
        self.custodians = 0

    def teardown(self) -> None:
        try:
            with self.noting():
                self.put_back()
                self.whole.clear()
                self.look()
                self.verifies("full")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    @contextmanager
    def step(self) -> Iterator[None]:
        """What must hold is looked at after each."""
        self.reached["steps"] += 1
        now, moment = self.fleet.store.copy(), self.fleet.clock.moment
        with self.noting():
            yield
            self.look()
        self.earlier, self.earlier_at = now, moment

    @rule(data=st.data())
    def something_happens(self, data: st.DataObject) -> None:
        can = [name for name, (often, may, _) in DEEDS.items() if may(self) for _ in range(often)]
        name = data.draw(st.sampled_from(can))
        how = data.draw(DEEDS[name][2])
        self.diary.append(f"{name} {how}")
        getattr(self, name)(**how)

    # What machines do

    @initialize(contents=st.lists(st.tuples(HOSTS, NAMES, CONTENT), min_size=3, max_size=6))
    def there_is_something(self, contents: list[tuple[int, str, bytes]]) -> None:
        for number, name, content in contents:
            self.fleet.write(self.fleet.hosts[number], name, content)
        self.back_up(self.fleet.store, self.fleet.hosts[0])
        self.look()

    @deed(4, number=HOSTS, changes=st.lists(st.tuples(NAMES, st.none() | CONTENT), min_size=1, max_size=4))
    def a_tree_changes_and_is_backed_up(self, number: int, changes: list[tuple[str, bytes | None]]) -> None:
        host = self.fleet.hosts[number]
        with self.step():
            for name, content in changes:
                if content is None:
                    self.fleet.remove(host, name)
                else:
                    self.fleet.write(host, name, content)
            self.back_up(self.fleet.store, host)

    @deed(number=HOSTS)
    def the_months_copy_is_taken(self, number: int) -> None:
        with self.step():
            self.back_up(self.fleet.store, self.fleet.hosts[number], class_=Class.LONG)

    @deed(4, act=ACTS, number=HOSTS, pick=PICKS, at=CALLS, when=WHENS)
    def somebody_dies(self, act: str, number: int, pick: int, at: tuple[int, frozenset[str]], when: When) -> None:
        """At a random call of the store; what was committed counts, and what was not is gone on with."""
        with self.step():
            store = CrashAtCall(self.fleet.store, at[0], when, at[1])
            with suppress(Killed, RunAborted):
                self.act(act, store, self.fleet.hosts[number], pick)
            self.reached["died"] += store.was_hit

    @deed(number=HOSTS, nth=st.integers(1, 8))
    def a_backup_is_refused_once(self, number: int, nth: int) -> None:
        with self.step():
            store = RefusesOnce(self.fleet.store, nth, StorageFull("full for a moment"))
            self.touch(self.fleet.hosts[number], nth)
            with suppress(StorageFull):
                self.back_up(store, self.fleet.hosts[number])
            self.reached["refused"] += store.was_hit

    @deed(3, outer=ACTS, inner=ACTS, first=HOSTS, second=HOSTS, nth=NTHS, pick=PICKS)
    def one_inside_another(self, outer: str, inner: str, first: int, second: int, nth: int, pick: int) -> None:
        """The second runs to its end inside the nth call of the first."""
        if first == second and outer == inner == "back up":
            second = (first + 1) % 3  # one machine's own lock would wait for itself
        hosts = self.fleet.hosts
        with self.step():
            store = Meanwhile(
                self.fleet.store, nth, lambda: self.act(inner, self.fleet.store, hosts[second], pick, alone=False)
            )
            self.act(outer, store, hosts[first], pick, alone=False)
            if store.trouble is not None:
                raise store.trouble
            self.reached["interleaved"] += store.was_hit

    @deed(2, act=ACTS, number=HOSTS, pick=PICKS, nth=st.integers(1, 12))
    def a_listing_is_stale(self, act: str, number: int, pick: int, nth: int) -> None:
        """One call is answered as of before the last step: no store may do so, and still nothing is lost."""
        host = self.fleet.hosts[number]
        if act == "verify" or self.fleet.clock.moment - self.earlier_at > timedelta(hours=1):
            return
        with self.step():
            store = StaleOnce(self.fleet.store, nth, self.earlier)
            self.may_fork |= {self.writer_of(host)} if act == "back up" else set()
            with suppress(LifeboatError):
                self.act(act, store, host, pick, alone=False)
            self.reached["stale"] += store.was_hit

    # What happens to machines

    @deed(hours=st.sampled_from([1, 5, 24, 24, 72]))
    def time_passes(self, hours: int) -> None:
        with self.step():
            self.fleet.clock.moment += timedelta(hours=hours)

    @deed(2, pick=PICKS, carries=st.booleans())
    def the_month_turns(self, pick: int, carries: bool) -> None:
        """Hosts go on all the time, or prune would rightly doubt the clock."""
        with self.step():
            clock, hosts = self.fleet.clock, self.fleet.hosts
            now = clock.moment
            for days in (8, 16) if now.day < 10 else ():
                clock.moment = now + timedelta(days=days)
                self.back_up(self.fleet.store, hosts[(pick + days // 8) % 3])
            clock.moment = datetime(now.year + now.month // 12, now.month % 12 + 1, 1, 2, tzinfo=UTC)
            if carries:
                self.act("carry", self.fleet.store, hosts[0], pick)
            self.back_up(self.fleet.store, hosts[pick % 3])

    @deed(2, pick=PICKS, gap=st.sampled_from([2, 8, 8]))
    def a_month_is_closed_and_pruned(self, pick: int, gap: int) -> None:
        """Everybody goes on for eight days into the next month, all is proved, and prune looks twice, some days apart."""
        with self.step():
            clock, hosts = self.fleet.clock, self.fleet.hosts
            now = clock.moment
            clock.moment = datetime(now.year + now.month // 12, now.month % 12 + 1, 1, 2, tzinfo=UTC)
            for days, number in ((0, 0), (0, 1), (0, 2), (2, pick % 3), (4, pick % 2), (2, pick % 3)):
                clock.moment += timedelta(days=days)
                self.back_up(self.fleet.store, hosts[number])
            self.verifies("full")
            self.prune(self.fleet.store)
            clock.moment += timedelta(days=gap)
            self.back_up(self.fleet.store, hosts[pick % 2])
            self.prune(self.fleet.store)

    @deed(number=HOSTS)
    def a_state_folder_is_lost(self, number: int) -> None:
        with self.step():
            self.fleet.lose_state(self.fleet.hosts[number])
            self.back_up(self.fleet.store, self.fleet.hosts[number])

    @deed(number=HOSTS, nth=st.integers(1, 12), behind=st.sampled_from(["", "/snapshot-", "/snapshot-"]))
    def a_clone_wakes(self, number: int, nth: int, behind: str) -> None:
        """The same machine twice, as after a snapshot of a virtual machine was started beside it; one works inside a call of the other."""
        host = self.fleet.hosts[number]
        with self.step():
            writer = self.writer_of(host)
            self.may_fork.add(writer)
            self.touch(host, nth)
            clone = self.folder / f"clone{self.reached['steps']}"
            shutil.copytree(host.state, clone)
            store = Meanwhile(self.fleet.store, nth, lambda: self.back_up(self.fleet.store, host, state=clone), behind)
            self.back_up(store, host)
            if store.trouble is not None:
                raise store.trouble
            self.reached["forked"] += writer in self.forked()

    @deed(number=HOSTS)
    def a_machine_is_set_back(self, number: int) -> None:
        """Its state folder is as it was when the rule met it last."""
        host = self.fleet.hosts[number]
        image = self.folder / f"image{number}"
        with self.step():
            if image.exists() and (image / "of").read_text() == self.writer_of(host):
                shutil.rmtree(host.state)
                image.rename(host.state)
            else:
                shutil.rmtree(image, ignore_errors=True)
                shutil.copytree(host.state, image)
                (image / "of").write_text(self.writer_of(host))
            self.back_up(self.fleet.store, host)

    @deed(may=lambda fleet: len(fleet.heads) < 6, number=HOSTS)
    def a_suspected_writer_gets_a_new_generation(self, number: int) -> None:
        host = self.fleet.hosts[number]
        with self.step():
            before = self.writer_of(host)
            self.fleet.new_generation(host)
            held(self.writer_of(host) != before, "the suspected writer goes on")
            self.back_up(self.fleet.store, host)
            links = self.fleet.links()
            held(len(links[self.writer_of(host)]) == 1, "a new writer's chain does not begin with it")

    @deed(may=lambda fleet: fleet.custodians < 4)
    def the_custodian_is_replaced(self) -> None:
        """What it had forgotten and is still there is listed again; its key opens nothing of what comes."""
        self.custodians += 1
        with self.step():
            if self.fleet.custodian is None:
                self.fleet.add_custodian()
                return
            before = self.fleet.custodian
            self.fleet.remove_custodian()
            self.fleet.custodian = before
            with suppress(KeyNotARecipient):
                self.fleet.office()
                raise Loss("a custodian who was taken away is still let in")
            self.fleet.custodian = None

    # What keeper, custodian and replica do

    @deed(3, act=st.sampled_from(["prune", "carry", "keep", "release", "forget", "replicate"]), pick=PICKS)
    def somebody_decides(self, act: str, pick: int) -> None:
        with self.step():
            self.act(act, self.fleet.store, self.fleet.hosts[0], pick)

    @deed(level=st.sampled_from(["structure", "full"]), number=st.sampled_from([None, 2]))
    def somebody_verifies(self, level: str, number: int | None) -> None:
        with self.step():
            self.verifies(level, None if number is None else self.fleet.hosts[number])

    @deed()
    def the_replica_follows(self) -> None:
        if self.harm is not None:
            return
        with self.step():
            self.replicate(self.fleet.store)
            self.replica_restores()
            self.fleet.follow_prune()
            self.replica_restores()

    @deed(pick=PICKS, number=st.sampled_from([None, 2]), names=st.lists(NAMES, max_size=2, unique=True))
    def something_is_restored(self, pick: int, number: int | None, names: list[str]) -> None:
        """Also what was removed: then it is refused in words."""
        if not self.book.entries:
            return
        with self.step():
            entry = list(self.book.entries.values())[pick % len(self.book.entries)]
            repository = self.fleet.keeper() if number is None else self.fleet.at(self.fleet.hosts[number])
            standing = self.standings()[entry.record.snapshot]
            is_gone = entry.record.snapshot in self.book.removed or self.is_taken(entry)
            try:
                record = repository.find_snapshot(entry.record.snapshot)
            except SnapshotUnknown:
                held(is_gone or standing.forgotten is not None, "a snapshot is not found", entry.record.snapshot)
                return
            held(not is_gone and standing.forgotten is None, "a snapshot that was let go is listed")
            self.comes_back(entry, record, repository, [name for name in names if name in entry.tree])

    # What is taken away

    @deed(
        2,
        may=lambda fleet: fleet.harm is None,
        pick=PICKS,
        kind=st.sampled_from(["pack/", "pack/", "keys/", "index-", "snapshot-", "link-"]),
    )
    def an_object_is_taken_away(self, pick: int, kind: str) -> None:
        """And verify must name it, as far as anybody would miss it."""
        names = [one for one in self.in_order() if kind in one and HARMABLE.fullmatch(one)]
        if kind == "link-":  # that the newest was taken shows only who compares heads
            heads = {head for _, head in self.heads.values()}
            names = [one for one in names if one[-64:] not in heads and one.split("/")[1] not in self.may_fork]
        if kind == "snapshot-":
            linked = {one for links in self.fleet.links().values() for link in links.values() for one in link.records}
            names = [one for one in names if one[-64:] in linked]
        if not names:
            return
        with self.step():
            name = names[pick % len(names)]
            self.harm = name, self.fleet.store._objects[name]
            self.fleet.store.delete(name)
            self.reached[f"took {kind}"] += 1
            self.verifies("full")

    @deed(may=lambda fleet: fleet.harm is None, number=HOSTS)
    def a_writer_is_struck_out(self, number: int) -> None:
        """All its registrations are taken away, and with them its snapshots go from every list: verify misses them."""
        with self.step():
            writer, objects = self.writer_of(self.fleet.hosts[number]), self.fleet.store._objects
            taken = {name: objects[name] for name in self.fleet.names() if name.startswith(f"config/writer-{writer}-")}
            for name in taken:
                self.fleet.store.delete(name)
            told = self.fleet.verify(self.fleet.keeper(), "structure").findings
            is_missed = any(one.record.writer == writer for one in self.book.there())
            named = any(one.code == "writer-not-registered" and writer in one.subject for one in told)
            held(named or not is_missed, "verify does not miss a writer")
            objects.update(taken)

    @deed(may=lambda fleet: fleet.harm is not None)
    def it_is_brought_back(self) -> None:
        with self.step():
            self.put_back()
            self.verifies("full")

    def put_back(self) -> None:
        if self.harm is not None:
            name, stored = self.harm
            self.fleet.store._objects.setdefault(name, stored)
            self.harm = None
            self.whole.clear()

    def in_order(self) -> list[str]:
        """The names in the store, oldest object first."""
        return sorted(self.fleet.names(), key=lambda one: (self.fleet.store._objects[one][1], one))


class AtOnce(Clients):
    """The same, and in threads: what happens beside each other happens in no order that anybody knows."""

    @rule(acts=st.lists(ACTS, min_size=2, max_size=4), pick=PICKS)
    def all_at_once(self, acts: list[str], pick: int) -> None:
        """Each host backs up at most once, and one prunes: the rest waits for a lock in life, too."""
        acts = [one for number, one in enumerate(acts) if one == "back up" or one not in acts[:number]]
        with self.step(), ThreadPoolExecutor(len(acts)) as pool:
            ran = [
                pool.submit(self.act, one, self.fleet.store, self.fleet.hosts[number % 3], pick + number, alone=False)
                for number, one in enumerate(acts[:3])
            ]
            for one in ran:
                one.result()
        self.reached["at once"] += 1
