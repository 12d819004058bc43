"""What is anchored tells what the log was: on the machine itself, and on the keeper's, which has never seen the log."""

import random
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from prune_kit import World

sys.path.append(str(Path(__file__).parents[1] / "evidence"))

from log_kit import HARMS, codes, content, lines_of, put, read, rewritten_from

from lifeboat.evidence.anchor import anchor_names
from lifeboat.evidence.anchoring import HINT, Anchoring
from lifeboat.evidence.entry import make_entry
from lifeboat.evidence.log import HEAD, AuditLog
from lifeboat.foundation.finding import Finding, Level
from lifeboat.operations.audit import Audit
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.statements import Verb
from lifeboat.repository.writers import WriterSecret
from lifeboat.retention.rules import Rules
from lifeboat.storage.object_store import Content


class Machine:
    """One machine with a log of its own."""

    def __init__(self, world: World, label: str) -> None:
        self.world = world
        self.label = label
        self.repository = world.open(label=label)
        self.secret = self.repository.writer(world.clock.now())
        self.state = self.repository.state

    def act(
        self, count: int = 1, *, what: str = "restore", anchored: bool = True, secret: WriterSecret | None = None
    ) -> None:
        for _ in range(count):
            number = len(lines_of(self.state)) + 1 if AuditLog(self.state).path.exists() else 1
            AuditLog(self.state).append(content(number, what), secret or self.secret)
        if anchored:
            self.anchor(secret)

    def anchor(self, secret: WriterSecret | None = None) -> int:
        self.world.clock.moment += timedelta(minutes=1)
        anchoring = Anchoring(self.state, self.world.store, secret or self.secret, self.repository.id)
        return anchoring.anchor(self.world.clock.now())

    def found(self) -> list[Finding]:
        return problems(self.world.open(label=self.label))

    def anchors(self) -> list[str]:
        return anchor_names(self.world.store, self.secret.writer.hex())


def problems(repository: Repository) -> list[Finding]:
    return [one for one in Audit(repository.state, repository).read().verify().findings if one.level is Level.PROBLEM]


def keeper(world: World) -> Repository:
    """A machine with the key that is no writer."""
    return world.open(label="keeper")


def numbers(found: list[Finding]) -> set[str]:
    return {one.subject.split()[1] for one in found if one.subject.startswith("entry ")}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def app(world: World) -> Machine:
    return Machine(world, "app")


def test_nothing_is_found_where_nothing_was_done_here_and_on_the_keeper(world: World, app: Machine) -> None:
    other = Machine(world, "other")
    for _ in range(3):
        app.act(2)
        other.act(1)
    app.act(2, anchored=False)
    assert app.found() == [] and problems(keeper(world)) == []
    report = Audit(app.state, world.open(label="app")).read().verify()
    assert (report.entries, report.not_anchored) == (8, 2)
    assert {one.label: (one.anchors, one.entries) for one in report.writers if one.anchors} == {
        "app": (3, 6),
        "other": (3, 3),
    }


def test_each_entry_is_anchored_once_and_nothing_to_anchor_stores_nothing(app: Machine) -> None:
    app.act(5)
    assert app.anchor() == 0
    app.act(1, anchored=False)
    assert app.anchor() == 1
    assert len(app.anchors()) == 2


@pytest.mark.parametrize("harm", list(HARMS))
@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_done_to_an_anchored_log_is_found(app: Machine, harm: str, seed: int) -> None:
    app.act(4)
    app.act(4)
    spoilt, about = HARMS[harm](lines_of(app.state), random.Random(seed))
    put(app.state, spoilt)
    (app.state.directory / HEAD).unlink()
    found = app.found()
    assert numbers(found) & {str(one) for one in about}, (harm, found)


def test_a_rest_that_was_made_anew_even_with_the_stolen_secret_is_named_entry_by_entry(app: Machine) -> None:
    app.act(6)
    lines, made = lines_of(app.state), []
    previous = read(lines[2])["previous"]
    for line in lines[2:]:
        fields = read(line)
        kept = {name: fields[name] for name in content(1)} | {"who": {"user": "nobody"}}
        entry = make_entry(kept, seq=fields["seq"], log=fields["log"], previous=previous, secret=app.secret)
        previous = entry.hash
        made.append(entry.line())
    put(app.state, [*lines[:2], *made])
    assert numbers(app.found()) == {"3", "4", "5", "6"}


def test_an_end_that_was_cut_off_is_found_also_after_the_log_went_on(world: World, app: Machine) -> None:
    app.act(6)
    put(app.state, lines_of(app.state)[:3])
    (app.state.directory / HEAD).unlink()
    assert {one.code for one in app.found()} == {"audit-log-cut"}
    app.act(5, what="status")
    for found in (app.found(), problems(keeper(world))):
        assert "audit-log-changed" in codes(found), found
    names = [one.fields["words"] for one, _, _ in Audit(app.state, world.open(label="app")).read().entries()]
    put(app.state, [line.replace(b"status db 7", b"status db x") for line in lines_of(app.state)])
    assert "7" in numbers(app.found()), "what was anchored since is held to as well"
    assert names.count("restore db 4") == names.count("status db 4") == 1, (
        "what was cut off, and what took its place, can both be read"
    )


def test_what_was_changed_before_it_was_anchored_is_told_by_the_mac_on_the_keeper_too(
    world: World, app: Machine
) -> None:
    app.act(2)
    app.act(4, anchored=False)
    put(app.state, rewritten_from(lines_of(app.state), 3, act="status"))
    app.anchor()
    assert numbers(problems(keeper(world))) == {"4", "5", "6"}


def test_a_removed_anchor_is_found_wherever_it_lay(world: World, app: Machine) -> None:
    for _ in range(4):
        app.act(1)
    assert app.found() == [] and problems(keeper(world)) == []
    whole = {name: world.store.read(name) for name in app.anchors()}
    for name in whole:
        world.store.delete(name)
        assert codes(app.found()) & {"audit-anchor-removed", "audit-anchor-gone"}, name
        assert codes(problems(keeper(world))) & {"audit-anchor-removed", "audit-anchor-gone"}, name
        world.store.write(name, whole[name])
    assert app.found() == []


def test_the_last_anchor_removed_is_found_by_a_keeper_who_never_looked_once_there_is_a_next_one(
    world: World, app: Machine
) -> None:
    app.act(1)
    app.act(1)
    world.store.delete(app.anchors()[-1])
    assert problems(keeper(world)) == [], "nobody else can know"
    app.act(1)
    assert codes(problems(keeper(world))) == {"audit-anchor-removed"}


def test_an_anchor_that_somebody_planted_counts_for_nothing(world: World, app: Machine) -> None:
    app.act(2)
    thief = WriterSecret(app.secret.writer, app.secret.raw[:64] + bytes(32))
    forged = make_entry(content(3), seq=3, log=lines_log(app), previous="00" * 32, secret=None)
    from lifeboat.evidence.anchor import Anchored, write_anchor

    write_anchor(world.store, thief, app.repository.id, Anchored("00" * 32, 1), [forged], world.clock.now())
    found = problems(keeper(world))
    assert codes(found) == {"audit-anchor-damaged"}


def lines_log(machine: Machine) -> str:
    return str(read(lines_of(machine.state)[0])["log"])


def test_a_log_that_was_lost_begins_anew_and_names_where_the_old_one_ended(world: World, app: Machine) -> None:
    app.act(3)
    for one in (AuditLog(app.state).path, app.state.directory / HEAD):
        one.unlink()
    assert codes(app.found()) == {"audit-log-gone"}
    app.act(2)
    for found in (app.found(), problems(keeper(world))):
        assert codes(found) == {"audit-log-lost"} and "after entry 3" in found[0].message
    # And when all of the state is gone but the writer:
    for one in (AuditLog(app.state).path, app.state.directory / HEAD, app.state.directory / HINT):
        one.unlink()
    app.act(2)
    found = problems(keeper(world))
    assert len(found) == 2 and codes(found) == {"audit-log-lost"}
    assert len(Audit(keeper(world).state, keeper(world)).read().anchors[app.secret.writer.hex()]) == 3


def test_what_was_looked_into_is_passed_over(world: World, app: Machine) -> None:
    app.act(3)
    AuditLog(app.state).path.unlink()
    app.act(1)
    looked = world.clock.moment + timedelta(minutes=1)
    app.act(1)
    audit = Audit(keeper(world).state, keeper(world)).read()
    assert codes(list(audit.verify().findings)) == {"audit-log-lost"}
    assert audit.verify(since=looked).findings == ()


def test_a_machine_set_back_goes_two_ways_and_is_told(world: World, app: Machine) -> None:
    app.act(2)
    before = {one.name: one.read_bytes() for one in app.state.directory.iterdir() if one.is_file()}
    app.act(1)
    for name, raw in before.items():
        (app.state.directory / name).write_bytes(raw)
    app.act(2)
    assert "audit-anchor-twice" in codes(problems(keeper(world)))


def test_a_new_writer_of_the_machine_goes_on_in_the_same_log(world: World, app: Machine) -> None:
    app.act(3)
    secret = world.open(label="app").new_writer(world.clock.now())
    app.act(2, secret=secret)
    assert problems(world.open(label="app")) == [] and problems(keeper(world)) == []


def test_a_thousand_and_more_entries_are_anchored_in_several_and_read_back(world: World, app: Machine) -> None:
    app.act(2300)
    assert len(app.anchors()) == 3
    assert app.found() == []
    assert len(list(Audit(keeper(world).state, keeper(world)).read().entries())) == 2300


@pytest.mark.long
def test_while_others_append_and_anchor_nothing_is_found(world: World, app: Machine) -> None:
    app.act(3)
    over = threading.Event()

    def go_on() -> None:
        while not over.is_set():
            app.act(2)

    working = threading.Thread(target=go_on)
    working.start()
    try:
        for _ in range(60):
            assert app.found() == []
    finally:
        over.set()
        working.join()
    assert len(app.anchors()) > 5


class Killed(BaseException):
    """Like SIGKILL: nothing may swallow it."""


@pytest.mark.parametrize("landed", [True, False])
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_killed_around_the_storing_of_an_anchor_the_next_goes_on(
    world: World, app: Machine, monkeypatch: pytest.MonkeyPatch, nth: int, landed: bool
) -> None:
    write, seen = world.store.write, 0

    def write_and_die(name: str, content: Content) -> None:
        nonlocal seen
        seen += 1
        if seen != nth or landed:
            write(name, content)
        if seen == nth:
            raise Killed

    for step in range(1, 6):
        monkeypatch.setattr(world.store, "write", write_and_die)
        try:
            app.act(2)
        except Killed:
            assert step == nth
        monkeypatch.undo()
    assert app.found() == [] and problems(keeper(world)) == []
    assert len(list(Audit(keeper(world).state, keeper(world)).read().entries())) == 10


def test_prune_leaves_every_anchor(world: World, app: Machine) -> None:
    app.act(2)
    for _ in range(8):
        world.take(label="app")
        world.say(Verb.PROOF, *world.stored())
        world.clock.moment += timedelta(days=20)
        world.prune(Rules(hourly=1, daily=2, monthly=0))
    assert len(world.stored()) < 8, "and prune has removed something"
    assert len(app.anchors()) == 1 and problems(keeper(world)) == []


def test_a_guarded_writer_anchors_with_its_own_rights_and_checks_what_is_its_own(world: World, app: Machine) -> None:
    from lifeboat.repository.open_repository import open_repository

    app.act(2)
    Machine(world, "other").act(1)
    without_key = open_repository(world.store, identity=None, state=app.state, label="app")
    report = Audit(app.state, without_key).read().verify()
    assert report.findings == () and [one.label for one in report.writers] == ["app"]
