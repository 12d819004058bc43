"""A fleet around one repository, each with its own keys, rights and state folder: two guarded hosts, a simple one, a keeper, a custodian, a replica.

Every operation is the real one. Tests that plant a loss break one of these methods in a subclass.
"""

import json
import os
import re
import shutil
import threading
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypeVar

from lifeboat.crypto.identity import Identity
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.progress import Silent
from lifeboat.operations.annotate import annotate
from lifeboat.operations.backup_files import Root, backup_trees
from lifeboat.operations.carry.plan import Worth
from lifeboat.operations.carry.run import carry_forward
from lifeboat.operations.prune import run as pruning
from lifeboat.operations.replicate.places import look_at_place
from lifeboat.operations.replicate.removing import follow_prune
from lifeboat.operations.replicate.run import replicate
from lifeboat.operations.reports.checks import VerifyReport
from lifeboat.operations.reports.pruning import PruneReport
from lifeboat.operations.reports.standing import StatusReport
from lifeboat.operations.restore_files import TreeRestore
from lifeboat.operations.status import status
from lifeboat.operations.taking import Taking, new_point
from lifeboat.operations.verify.run import verify
from lifeboat.repository.create import create_repository, store_rescue_kit
from lifeboat.repository.custodians import add_custodian, remove_custodian
from lifeboat.repository.description import NamedRecipient
from lifeboat.repository.enrolment import Enrolment, enrol
from lifeboat.repository.errors import ObjectDamaged
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.names import Class, Source
from lifeboat.repository.open_repository import Repository, open_repository
from lifeboat.repository.reading import SnapshotReader
from lifeboat.repository.record import Record
from lifeboat.repository.roles import Rights, Role, rights_of
from lifeboat.repository.statements import Verb, write_statements
from lifeboat.repository.writers import WriterSecret
from lifeboat.repository.writing import WriteLimits
from lifeboat.rescue import rescue_script
from lifeboat.rescue.readme import README
from lifeboat.retention.rules import Rules
from lifeboat.storage.errors import StorageDenied
from lifeboat.storage.faults import Call, Passing
from lifeboat.storage.memory import MemoryStore
from lifeboat.storage.object_store import Content, ObjectStore, StoredObject

Tree = dict[str, bytes]
Answer = TypeVar("Answer")
LIMITS = WriteLimits(pack_bytes=3_000, in_flight_bytes=50_000, sealers=1, uploads=1, index_every_packs=2)
RULES = Rules(hourly=2, daily=2, monthly=2)
EVERYTHING_IS_WORTH_IT = Worth(living_short=0.3, living_long=0.3, smallest_pack_bytes=0, smallest_lot_bytes=0)
OFFICE = "office"


class TickingClock:
    """The store's clock: a second later each time anybody looks, and moved on by hand. So nothing happens at one time, and order is time."""

    def __init__(self) -> None:
        self.moment = datetime(2030, 1, 20, 6, tzinfo=UTC)
        self._lock = threading.Lock()

    def now(self) -> datetime:
        with self._lock:
            self.moment += timedelta(seconds=1)
            return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


class Limited(Passing):
    """A store that enforces a role's rights, as a bucket policy does."""

    def __init__(self, inner: ObjectStore, rights: Rights) -> None:
        super().__init__(inner)
        self._rights = rights

    def _around(self, call: Call, effect: Callable[[], Answer]) -> Answer:
        rights = self._rights
        patterns = {
            "write": rights.write,
            "read": rights.read,
            "list": rights.list_under,
            "delete": rights.delete,
            "copy": (*rights.write, *rights.copy),
        }[call.kind]
        if not any(fnmatchcase(call.name, pattern) for pattern in patterns):
            raise StorageDenied(f"no right to {call.kind} {call.name}")
        return effect()


class Meanwhile(Passing):
    """Lets something else happen, to its end, inside the nth call; whoever else calls waits.

    Args:
        behind: Calls count from the first on whose name holds this.
    """

    def __init__(self, inner: ObjectStore, nth: int, act: Callable[[], object], behind: str = "") -> None:
        super().__init__(inner)
        self._left, self._act, self._behind = nth, act, behind
        self._lock = threading.RLock()
        self.was_hit = False
        self.trouble: BaseException | None = None

    def _around(self, call: Call, effect: Callable[[], Answer]) -> Answer:
        with self._lock:
            if self._behind in call.name:
                self._behind = ""
            self._left -= not self._behind
            if self._left == 0 and not self.was_hit:
                self.was_hit = True
                try:
                    self._act()
                except BaseException as error:
                    self.trouble = error
            return effect()


class StaleOnce(Passing):
    """Answers its nth listing as the store was a while ago."""

    def __init__(self, inner: ObjectStore, nth: int, earlier: MemoryStore) -> None:
        super().__init__(inner)
        self._left, self._earlier = nth, earlier
        self.was_hit = False

    def _around_list(self, call: Call, effect: Callable[[], Iterator[StoredObject]]) -> Iterator[StoredObject]:
        self._left -= 1
        if self._left == 0:
            self.was_hit = True
            return self._earlier.list_under(call.name)
        return effect()


class RefusesOnce(Passing):
    """Refuses its nth write and takes all others: only a run that remembers the failure commits nothing."""

    def __init__(self, inner: ObjectStore, nth: int, error: Exception) -> None:
        super().__init__(inner)
        self._left, self._error = nth, error
        self.was_hit = False

    def write(self, name: str, content: Content) -> None:
        self._left -= 1
        if self._left == 0:
            self.was_hit = True
            raise self._error
        super().write(name, content)


@dataclass
class Host:
    """One machine with a tree. Args: guarded: holds no key, and the rights of a writer."""

    label: str
    tree: Path
    state: Path
    guarded: bool
    live: Tree = field(default_factory=dict)


@dataclass(frozen=True)
class Word:
    """Something said of snapshots. Args: records: the hashes of their records."""

    name: str
    verb: str
    time: datetime
    signer: str
    records: frozenset[str]


@dataclass(frozen=True)
class Link:
    """Args: previous: hash of the one it says it follows; records: hashes of the records it adds."""

    sequence: int
    previous: str | None
    records: frozenset[str]


class Fleet:
    """All machines, as their folders below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = TickingClock()
        self.store = MemoryStore(self.clock)
        self.replica = MemoryStore(self.clock)
        self.owner = Identity.generate()
        self.custodian: Identity | None = None
        self.hosts = [
            Host(label, folder / f"{label}-tree", folder / f"{label}-state", guarded)
            for label, guarded in (("web", True), ("shop", True), ("desk", False))
        ]
        self._stamp = self._places = 0
        create_repository(
            self.store,
            identity=self.owner,
            recipients=[NamedRecipient("key", self.owner.recipient)],
            profile="guarded",
            state=self._state("keeper"),
            label="keeper",
            now=self.clock.now(),
        )
        store_rescue_kit(self.store, rescue_script(), README)
        for host in self.hosts:
            host.tree.mkdir()
            if host.guarded:
                self.new_generation(host)
            else:
                self.at(host).writer(self.clock.now())
        self.add_custodian()

    def _state(self, name: str, store: ObjectStore | None = None) -> LocalState:
        return LocalState(self.folder / name, (store or self.store).describe())

    # The machines, each with its keys and rights

    def keeper(self, store: ObjectStore | None = None) -> Repository:
        limited = Limited(store or self.store, rights_of(Role.KEEPER))
        return open_repository(limited, identity=self.owner, state=self._state("keeper"), label="keeper")

    def office(self, store: ObjectStore | None = None) -> Repository:
        """As the custodian."""
        limited = Limited(store or self.store, rights_of(Role.CUSTODIAN))
        return open_repository(limited, identity=self.custodian, state=self._state(OFFICE), label=OFFICE)

    def at(self, host: Host, store: ObjectStore | None = None, state: Path | None = None) -> Repository:
        """As a host, or with ``state`` as a clone of it."""
        remembered = LocalState(state or host.state, self.store.describe())
        store = store or self.store
        if host.guarded:
            writer = remembered.load_writer()
            store = Limited(store, rights_of(Role.WRITER, "" if writer is None else writer.writer.hex()))
        identity = None if host.guarded else self.owner
        return open_repository(store, identity=identity, state=remembered, label=host.label)

    def at_replica(self) -> Repository:
        return open_repository(self.replica, identity=self.owner, state=self._state("elsewhere"), label="elsewhere")

    # Trees

    def write(self, host: Host, name: str, content: bytes) -> None:
        path = host.tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self._stamp += 1
        os.utime(path, ns=(0, 1_000_000_000 * self._stamp))
        host.live[name] = content

    def remove(self, host: Host, name: str) -> None:
        (host.tree / name).unlink(missing_ok=True)
        host.live.pop(name, None)

    # What machines do

    def back_up(
        self, host: Host, store: ObjectStore | None = None, *, state: Path | None = None, class_: Class = Class.SHORT
    ) -> Record:
        repository = self.at(host, store, state)
        writer = repository.writer(self.clock.now())
        taking = Taking(repository, writer, Source.FILES, new_point(), self.clock, LIMITS, class_=class_)
        return backup_trees(taking, [Root(host.tree)], progress=Silent()).record

    def restore(self, record: Record, repository: Repository, only: Sequence[str] = ()) -> Tree:
        """Into a new place, which is read back; what was written before an error is left at ``landed``."""
        self._places += 1
        self.landed = self.folder / f"back{self._places}"
        with SnapshotReader(repository, record) as reader:
            restoring = TreeRestore(reader, self.landed, paths=only, clock=self.clock, progress=Silent())
            restoring.refuse()
            _, findings = restoring.carry_out()
        lacking = [one.message for one in findings if one.level is Level.PROBLEM]
        if lacking:
            raise ObjectDamaged("; ".join(lacking))
        return self.take_landed()

    def take_landed(self) -> Tree:
        """What was restored, which is removed."""
        found = read_tree(self.landed)
        shutil.rmtree(self.landed, ignore_errors=True)
        return found

    def verify(self, repository: Repository, level: str) -> VerifyReport:
        return verify(
            repository, level, objectives={}, sample_percent=100, clock=self.clock, progress=Silent(), rules=RULES
        )

    def status(self, repository: Repository) -> StatusReport:
        return status(repository, {"files": 3600.0}, 86_400.0)

    def would_prune(self, repository: Repository) -> tuple[PruneReport, set[str]]:
        """A dry run, and the names of what it says would go."""
        plan = pruning.look(repository, RULES, Silent())
        report = pruning.report_of(plan, RULES, dry_run=True, removed=plan.removals)
        return report, {one.name for one in plan.removals}

    def prune(self, repository: Repository) -> PruneReport:
        return pruning.prune(repository, RULES, Silent())

    def say(self, repository: Repository, verb: Verb, record: Record) -> None:
        """Keep, release, or only forget."""
        if verb is Verb.FORGET:
            assert repository.signer is not None
            now = self.clock.now()
            write_statements(repository.store, repository.description, repository.signer, verb, [record], "", now)
        else:
            annotate(repository, record.snapshot, "on purpose" if verb is Verb.KEEP else None)

    def carry(self, repository: Repository) -> None:
        carry_forward(repository, RULES, Silent(), EVERYTHING_IS_WORTH_IT)

    def replicate(self, target: ObjectStore | None = None, source: ObjectStore | None = None) -> list[Finding]:
        source, description = source or self.store, self.keeper().description
        place = look_at_place(source, description, target or self.replica, adopt=False)
        report, _ = replicate(
            "second", source, description, place, repair=False, hurts=None, clock=self.clock, progress=Silent()
        )
        return list(report.findings)

    def follow_prune(self) -> None:
        follow_prune(self.store, self.at_replica(), RULES, Silent(), dry_run=False)

    # Keys and people

    def add_custodian(self) -> None:
        shutil.rmtree(self.folder / OFFICE, ignore_errors=True)
        self.custodian = Identity.generate()
        add_custodian(self.keeper(), OFFICE, self.custodian.recipient)

    def remove_custodian(self) -> None:
        remove_custodian(self.keeper(), OFFICE)
        self.custodian = None

    def new_generation(self, host: Host) -> None:
        """A new writer in place of one that is suspected: of a guarded host by the keeper and a file."""
        if not host.guarded:
            self.at(host).new_writer(self.clock.now())
            return
        keeper, secret = self.keeper(), WriterSecret.generate()
        keeper.register(secret, host.label, self.clock.now())
        self._enrol(host, keeper, secret)

    def lose_state(self, host: Host) -> None:
        """The machine comes back with nothing: a guarded one by a file of the keeper's."""
        writer = LocalState(host.state, self.store.describe()).load_writer()
        shutil.rmtree(host.state)
        if host.guarded:
            assert writer is not None
            keeper = self.keeper()
            self._enrol(host, keeper, keeper.writer_secret(writer.writer.hex()))
        else:
            self.at(host).writer(self.clock.now())

    def _enrol(self, host: Host, keeper: Repository, secret: WriterSecret) -> None:
        file = Enrolment(keeper.id, keeper.description.fingerprints(), host.label, secret)
        enrol(self.store, LocalState(host.state, self.store.describe()), file)

    # What lies in the store, read without the code under test

    def names(self) -> set[str]:
        return set(self.store._objects)

    def words(self, known: Container[str]) -> Iterator[Word]:
        """What was said of snapshots by objects that are not known yet."""
        for name in self.names():
            match = re.fullmatch(r"catalog/[0-9a-f]{32}/[^/]+/(proof|doubt|forget|keep|release)-[0-9a-f]{64}", name)
            if match and name not in known:
                said = json.loads(self.store._objects[name][0])
                [signer] = said["signatures"]
                time = datetime.fromisoformat(said["body"]["time"])
                yield Word(name, match[1], time, signer, frozenset(said["body"]["records"]))

    def links(self) -> dict[str, dict[str, Link]]:
        """By writer and by the link's own hash."""
        found: dict[str, dict[str, Link]] = {}
        for name in self.names():
            match = re.fullmatch(r"catalog/([0-9a-f]{32})/[^/]+/link-(\d{8})-([0-9a-f]{64})", name)
            if match:
                body = json.loads(self.store._objects[name][0])["body"]
                link = Link(int(match[2]), body["previous"], frozenset(body["records"]))
                found.setdefault(match[1], {})[match[3]] = link
        return found


def read_tree(folder: Path) -> Tree:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
