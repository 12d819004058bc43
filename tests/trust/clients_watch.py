"""What the model's machines do, and what must hold after every step; the rules that choose among it are in ``clients_model``."""

import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from clients_book import Book, Entry, Standing
from clients_kit import Fleet, Host
from hypothesis.stateful import RuleBasedStateMachine

from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Level
from lifeboat.repository.catalog_format import Index
from lifeboat.repository.errors import SnapshotUnknown
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.pack_format import read_header
from lifeboat.repository.record import Record
from lifeboat.repository.statements import Verb
from lifeboat.storage.object_store import ObjectStore

MEMORY = Path("/dev/shm")
"""Where restores cost no disk, if it is there."""


class Loss(AssertionError):
    """Somebody would have lost something, or been told something that is not so."""


def held(condition: object, *what: object) -> None:
    """Raise ``Loss`` where something that must hold does not."""
    if not condition:
        raise Loss(" ".join(map(str, what)))


class Watched(RuleBasedStateMachine):
    """A fleet, its dictionary, and the eyes on both."""

    FLEET: type[Fleet] = Fleet
    reached: ClassVar[Counter[str]] = Counter()
    """Steps taken, planned faults that were really hit, and what else a test wants to be sure of."""

    found: ClassVar[list[Exception] | None] = None
    """Takes what was found, where the first is enough: no history is begun after it."""

    def __init__(self) -> None:
        super().__init__()
        if self.found:
            raise self.found[0]
        self.folder = Path(tempfile.mkdtemp(prefix="lifeboat-fleet-", dir=MEMORY if MEMORY.is_dir() else None))
        self.fleet = self.FLEET(self.folder)
        self.book = Book()
        self.diary: list[str] = []
        self.lock = threading.RLock()
        self.heads: dict[str, tuple[int, str]] = {}
        self.may_fork: set[str] = set()
        """Writers of whom a clone was at work, or who was shown an old listing."""
        self.harm: tuple[str, Any] | None = None
        """Name and content of the object that somebody took away."""
        self.was_copied_harmed = False
        """Whether the replica was made while the repository lacked something."""
        self.whole: set[str] = set()
        """Ids of those that came back since anything was removed."""
        self.names_before: set[str] = set()

    @contextmanager
    def noting(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            for line in self.diary:
                error.add_note(line)
            if self.found is not None:
                self.found.append(error)
            raise

    # What is done

    def act(self, act: str, store: ObjectStore, host: Host, pick: int, *, alone: bool = True) -> None:
        """Args: alone: nothing else happens meanwhile, and the store does not lie."""
        if act == "back up":
            self.touch(host, pick)
            self.back_up(store, host)
        elif act == "prune":
            self.prune(store, pick, alone=alone)
        elif act == "carry":
            self.fleet.carry(self.somebody(store, pick, may_delete=True))
        elif act == "replicate":
            self.replicate(store, alone=alone)
        elif act == "verify":
            self.verifies("structure" if pick % 2 else "full", store=store)
        else:
            self.say(Verb(act), store, pick, alone=alone)

    def touch(self, host: Host, pick: int) -> None:
        """Something is new in the tree: else a run would have nothing to store."""
        self.fleet.write(host, f"new {pick % 3}", b"%d " % pick * (40 * pick))

    def somebody(self, store: ObjectStore, pick: int, *, may_delete: bool) -> Repository:
        """Who decides: the custodian where there is one, else the machine that may do everything, or the keeper."""
        if pick % 4 == 0 and not may_delete:
            return self.fleet.keeper(store)
        return (
            self.fleet.office(store) if pick % 4 and self.fleet.custodian else self.fleet.at(self.fleet.hosts[2], store)
        )

    def back_up(self, store: ObjectStore, host: Host, **how: Any) -> None:
        """Whatever becomes of the run: what it committed is in the dictionary afterwards."""
        tree = dict(host.live)
        try:
            record = self.fleet.back_up(host, store, **how)
        except BaseException:
            self.count_in(host, tree)
            raise
        held(record.complete, "a backup of a tree that nobody touched is not complete")
        with self.lock:
            self.book.write(Entry(record, host.label, tree))
        if store is self.fleet.store and self.harm is None:
            linked = {one for links in self.fleet.links().values() for link in links.values() for one in link.records}
            mine = [one for one in self.book.there() if one.record.writer == record.writer]
            held(linked.issuperset(one.digest for one in mine), "a snapshot is in no link after the next run")

    def count_in(self, host: Host, tree: dict[str, bytes]) -> None:
        """Stopped behind the commit: then it counts."""
        with self.lock:
            known = {one.digest for one in self.book.entries.values()}
            keeper = self.fleet.keeper()
            new = [
                one
                for _, one in keeper.records()
                if isinstance(one, Record) and one.object_name[-64:] not in known and keeper.label_of(one) == host.label
            ]
            held(len(new) <= 1, "one run committed", len(new), "snapshots")
            for record in new:
                self.book.write(Entry(record, host.label, tree))

    def prune(self, store: ObjectStore, pick: int = 1, *, alone: bool = True) -> None:
        if self.harm is not None and "snapshot-" in self.harm[0]:
            return  # what a record needs that somebody took away is not known to anybody
        before, must = self.fleet.names(), self.must_stay()
        would: set[str] | None = None
        if alone:
            dry, would = self.fleet.would_prune(self.somebody(self.fleet.store, pick, may_delete=False))
            held(self.fleet.names() == before, "a dry run changed something")
            held(must.isdisjoint(dry.forgotten), "a dry run would let go what must stay")
        repository = self.somebody(store, pick, may_delete=False)
        try:
            report = self.fleet.prune(repository)
        finally:
            gone = before - self.fleet.names()
            must &= self.must_stay()
            self.settle(gone, must)
        held(must.isdisjoint(report.forgotten), "prune let go what must stay")
        self.reached["forgotten"] += len(report.forgotten)
        if would is not None:
            held(report.forgotten == dry.forgotten and report.taken_back == dry.taken_back, "prune lets go other ones")
            is_keeper = pick % 4 == 0
            held(gone == (set() if is_keeper else would), "prune removed", gone ^ would, "against its word")
            held(report.objects_removed == len(gone), "prune says it removed", report.objects_removed, "not", len(gone))

    def settle(self, gone: set[str], must: set[str]) -> None:
        """What prune has removed was let go a week before, in a month that is closed, and nothing keeps it."""
        with self.lock:
            now, standings = self.fleet.clock.moment, self.standings()
            for snapshot, entry in self.book.entries.items():
                if entry.record.object_name not in gone or snapshot in self.book.removed:
                    continue
                held(snapshot not in must, "prune removed a snapshot that must stay", snapshot)
                held(self.book.may_go(snapshot, standings, now), "prune removed a snapshot too early", snapshot)
                self.book.removed.add(snapshot)
                self.reached["removed"] += 1

    def say(self, verb: Verb, store: ObjectStore, pick: int, *, alone: bool) -> None:
        there = [one for one in self.book.there() if not self.is_taken(one)]
        entry = there[pick % len(there)]
        repository = self.somebody(store, pick // 7, may_delete=False)
        try:
            self.fleet.say(repository, verb, entry.record)
        except SnapshotUnknown:
            held(not alone or entry.record.snapshot in self.book.removed, "a snapshot that is there is not found")
            return
        standing = self.standings()[entry.record.snapshot]
        if alone:
            wanted = {Verb.KEEP: standing.kept, Verb.RELEASE: not standing.kept and not standing.forgotten}
            held(wanted.get(verb, standing.kept or standing.forgotten), "nobody heard", verb)

    def replicate(self, store: ObjectStore, *, alone: bool = True) -> None:
        self.was_copied_harmed |= self.harm is not None
        self.fleet.replicate(source=store)
        if alone and self.harm is None:
            missing = {one for one in self.fleet.names() - set(self.fleet.replica._objects) if "/probe/" not in one}
            held(not missing, "the replica lacks", missing)

    def replica_restores(self) -> None:
        """All that is in it, and it has all that is there."""
        there = self.fleet.at_replica()
        records = {one.snapshot: one for _, one in there.records() if isinstance(one, Record)}
        held({one.record.snapshot for one in self.book.there()} <= records.keys(), "the replica lacks snapshots")
        for snapshot, record in records.items():
            try:
                tree = self.fleet.restore(record, there)
            except LifeboatError as error:
                if snapshot in self.book.removed and self.was_copied_harmed:
                    continue  # what it lacked was never copied, and is needed no more
                raise Loss(f"the replica does not give back {snapshot}: {error.message}") from error
            held(tree == self.book.entries[snapshot].tree, "the replica restores something else", snapshot)

    def verifies(self, level: str, host: Host | None = None, store: ObjectStore | None = None) -> None:
        """Clean while nothing was harmed, and never without a word about what was."""
        repository = self.fleet.keeper(store) if host is None else self.fleet.at(host, store)
        missed = self.missed()
        report = self.fleet.verify(repository, level)
        problems = [one for one in report.findings if one.level is Level.PROBLEM]
        told = "\n".join(f"{one.code} {one.subject} {one.message}" for one in problems)
        for writer in self.forked():
            held(f"chain-broken writer {writer[:8]} two links have sequence" in told, "verify sees no clone", told)
        strange = [one for one in problems if one.code != "chain-broken" or not self.is_of_clones(one.subject)]
        held(self.harm is not None or not strange, "verify alarms without a reason:", strange)
        for name in missed:
            held(name in told, "verify does not name", name, "but", told or "nothing")
        proved = [entry for snapshot, entry in self.book.entries.items() if snapshot in report.proved]
        held(not any(map(self.is_hurt, proved)), "verify proved what does not come back")

    # What must hold

    def look(self) -> None:
        with self.lock:
            keeper, names, standings = self.fleet.keeper(), self.fleet.names(), self.standings()
            if self.names_before - names:
                self.whole.clear()
            self.names_before = names
            there = {one.record.snapshot: one for one in self.book.there() if not self.is_taken(one)}
            records = {one.snapshot: one for _, one in keeper.records() if isinstance(one, Record)}
            held(
                records.keys() == there.keys(), "stored but unknown, or known but gone:", records.keys() ^ there.keys()
            )
            listed = {one.snapshot for one in keeper.snapshots()}
            wanted = {one for one in there if standings[one].forgotten is None}
            held(listed == wanted, "listed or not, against what was said:", listed ^ wanted)
            for snapshot in [one for one in there if one not in self.whole]:
                self.comes_back(there[snapshot], records[snapshot], keeper)
            self.status_is_true(keeper, [there[one] for one in listed], standings)
            self.chains_go_on()

    def comes_back(self, entry: Entry, record: Record, repository: Repository, only: Sequence[str] = ()) -> None:
        """Bit for bit, or it is refused and something was harmed; never a wrong byte.

        Args:
            only: These names alone.
        """
        paths = [str(self.host_of(entry).tree / name) for name in only]
        wanted = {name: content for name, content in entry.tree.items() if not only or name in only}
        try:
            tree = self.fleet.restore(record, repository, paths)
        except LifeboatError as error:
            held(self.is_hurt(entry), "a restore was refused:", entry.record.snapshot, error.message)
            landed = {name: one for name, one in self.fleet.take_landed().items() if "lifeboat" not in name}
            held(
                all(entry.tree.get(name) == one for name, one in landed.items()), "a refused restore wrote wrong bytes"
            )
            return
        held(tree == wanted, "a restore gives something else:", entry.record.snapshot)
        if not only:
            self.whole.add(entry.record.snapshot)

    def status_is_true(self, keeper: Repository, listed: list[Entry], standings: dict[str, Standing]) -> None:
        """It claims nothing newer than what is there and comes back."""
        [told] = self.fleet.status(keeper).sources
        newest = max(listed, key=lambda one: min(one.record.instant, one.record.finished), default=None)
        held(newest is None or told.newest is not None, "status knows of no snapshot")
        if newest is not None and told.newest is not None:
            held(told.newest.snapshot == newest.record.snapshot, "status tells of another newest snapshot")
        if told.newest_proved is not None:
            proved = told.newest_proved.snapshot
            held(standings[proved].proved, "status calls proved what nobody proved")
            held(not self.is_hurt(self.book.entries[proved]), "status calls proved what was found harmed")

    def chains_go_on(self) -> None:
        """The head only moves forward, and each link continues the one before; a clone may have forked it."""
        for writer, links in self.fleet.links().items():
            sequence, head = max((one.sequence, name) for name, one in links.items())
            before, head_before = self.heads.get(writer, (0, ""))
            held(sequence >= before and (not before or head_before in links), "the head of", writer, "went back")
            self.heads[writer] = sequence, head
            if self.harm is not None and "link-" in self.harm[0]:
                continue
            numbers = [one.sequence for one in links.values()]
            held(writer in self.may_fork or len(set(numbers)) == len(numbers), "a chain forked without a clone")
            held(set(numbers) == set(range(1, sequence + 1)), "a chain has a gap")
            for one in links.values():
                held(one.sequence == 1 or links[str(one.previous)].sequence == one.sequence - 1, "a chain is broken")

    # What the dictionary and the bare store say

    def standings(self) -> dict[str, Standing]:
        with self.lock:
            self.book.hear(self.fleet.words(self.book.words))
            signers = [self.fleet.owner, *([self.fleet.custodian] if self.fleet.custodian else [])]
            return self.book.standings(one.recipient.fingerprint.hex() for one in signers)

    def must_stay(self) -> set[str]:
        with self.lock:
            return self.book.must_stay(self.standings(), self.fleet.clock.moment)

    def host_of(self, entry: Entry) -> Host:
        return next(one for one in self.fleet.hosts if one.label == entry.label)

    def writer_of(self, host: Host) -> str:
        secret = LocalState(host.state, self.fleet.store.describe()).load_writer()
        assert secret is not None
        return secret.writer.hex()

    def forked(self) -> set[str]:
        """Writers with two links of one number."""
        found = {writer: [one.sequence for one in links.values()] for writer, links in self.fleet.links().items()}
        return {writer for writer, numbers in found.items() if len(numbers) > len(set(numbers))}

    def is_of_clones(self, subject: str) -> bool:
        return any(subject == f"writer {writer[:8]}" for writer in self.may_fork)

    def is_taken(self, entry: Entry) -> bool:
        return self.harm is not None and self.harm[0] == entry.record.object_name

    def is_hurt(self, entry: Entry) -> bool:
        """Whether it may lack something as long as the harm lasts."""
        if self.harm is None:
            return False
        name, record = self.harm[0], entry.record
        packs = {record.place + one.hex() for one in record.packs}
        if "/pack/" in name:
            return name in packs
        if name.startswith("keys/"):
            return any(name == f"keys/{record.generation}/{self.key_of(pack)}" for pack in packs)
        if name.startswith(f"catalog/{record.writer}/{record.generation}/index-"):
            return not packs <= self.indexed(record.writer, record.generation)
        return self.is_taken(entry)

    def indexed(self, writer: str, generation: str) -> set[str]:
        """The packs of which an index tells that is there."""
        return {
            f"{one.source}/pack/{one.class_}/{generation}/{pack.name.hex()}"
            for _, one in self.fleet.keeper().indexes(writer, generation)
            if isinstance(one, Index)
            for pack in one.packs
        }

    def key_of(self, pack: str) -> str:
        stored = self.fleet.store._objects.get(pack)
        return "" if stored is None else read_header(stored[0], pack).data_key_name.hex()

    def missed(self) -> set[str]:
        """What verify has to name, of what was taken away: as far as a snapshot that nobody let go needs it, or a link tells of it."""
        if self.harm is None:
            return set()
        name, standings = self.harm[0], self.standings()
        wanted = [one for one in self.book.there() if standings[one.record.snapshot].forgotten is None]
        if "link-" in name:
            return {f"chain-broken writer {name.split('/')[1][:8]}"}
        if "snapshot-" in name:
            return {name[-64:]} if any(self.is_taken(one) for one in wanted) else set()
        hurt = [one for one in wanted if self.is_hurt(one)]
        if "index-" not in name:
            return {name} if hurt else set()
        _, writer, generation, _ = name.split("/")
        return {one.record.place + pack.hex() for one in hurt for pack in one.record.packs} - self.indexed(
            writer, generation
        )
