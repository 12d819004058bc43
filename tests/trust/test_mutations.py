"""Every kind of object, harmed in every way: it is named, and no restore gives out a wrong byte, ours or the rescue script's."""

import random
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from drawn import drawn_seed
from in_process import rescue_here
from kill_points import StoreAhead
from mongod import private_server
from office import Office
from pymongo import MongoClient
from rich_repository import KINDS, SEED, AheadClock, Rich, make_rich

import lifeboat.app.build as build
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.progress import Silent
from lifeboat.operations.reports.checks import VerifyReport
from lifeboat.operations.shards import Shard, Sharing
from lifeboat.operations.verify.sharing import verify_shared
from lifeboat.repository.names import stated_digest
from lifeboat.retention.rules import Rules
from lifeboat.storage.object_store import ObjectStore

Tried = Callable[[str, int], None]
Objects = dict[str, bytes]

NOT_MISSED = {
    "read me": "nothing is read from it",
    "rescue script": "told as a warning; `doctor` puts it back",
    "proof": "a statement that is gone is not missed: the snapshot counts as not proved, and is proved anew",
    "keep": "a statement that is gone is not missed",
    "carry": "for the writer's next run alone, which stores again what it does not know",
    "anchor": "missed by `audit verify`",
    "entry said again": "the entry itself is there, for everybody whom it was sealed for",
    "grant": "opened again by whoever has an older key: `recipient list --look`",
    "description": "of several revisions the newest one that is left counts; whoever saw a later one refuses it",
    "registration": "of several registrations of one writer each opens for those it names",
    "index": "its chunks are found in the tables of the packs, or in another index",
    "link": "the newest one is missed by the machine that wrote it, and by whoever compares the head; any other is a hole",
    "segment": "the newest one may not have been there; in the midst it is a gap",
    "data key": "one that nothing needs any more, as its packs were carried on",
    "entry": "the newest one is missed by whoever has seen it alone",
}
"""Kinds whose deletion no fresh machine can always see, and why that loses nothing (docs/threat-model.md, format.md)."""


@dataclass(frozen=True)
class Mutation:
    """Args: harmed: names of the objects that are not what they were."""

    what: str
    harmed: tuple[str, ...]
    objects: Objects
    is_deletion: bool = False


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rich]:
    folder = tmp_path_factory.mktemp("rich")
    patch = pytest.MonkeyPatch()
    with private_server(parameters={"periodicNoopIntervalSecs": "1"}) as server, MongoClient[Any](server.uri) as client:
        office = Office(folder, server.uri_for(None, None, "office"), client)
        real = build.open_store

        def ahead(*said: Any, **named: Any) -> ObjectStore:
            return StoreAhead(real(*said, **named), office.ahead)

        patch.setattr(build, "open_store", ahead)
        try:
            yield make_rich(office, folder)
        finally:
            patch.undo()


def kind_of(name: str) -> str:
    return next(kind for kind, shape in KINDS.items() if re.match(shape, name))


def test_every_kind_is_there_and_the_whole_one_is_whole(rich: Rich, tmp_path: Path) -> None:
    assert {kind_of(name) for name in rich.objects} == set(KINDS)
    repository = rich.open(rich.objects, tmp_path)
    assert rich.wrong_bytes(repository) == []
    assert problems(rich, repository) == []
    assert len(rich.good) == 4 and sum(map(len, rich.archived.values())) >= 1


def mutations(rich: Rich, chance: random.Random, name: str) -> Iterator[Mutation]:
    """All ways of harming one object, each in a region drawn anew."""
    raw, kind = rich.objects[name], kind_of(name)
    alike = [one for one in rich.objects if kind_of(one) == kind and one != name and rich.objects[one] != raw]

    def with_(content: bytes, *also: tuple[str, bytes]) -> Objects:
        return {**rich.objects, name: content, **dict(also)}

    regions = {"front": (0, 8), "header": (8, 92), "near the end": (len(raw) - 40, len(raw) - 1)}
    regions |= {f"part {n}": (len(raw) * n // 5, len(raw) * (n + 1) // 5 - 1) for n in range(5)}
    for region, (low, high) in regions.items():
        at = min(max(chance.randint(min(low, high), max(low, high)), 0), len(raw) - 1)
        flipped = raw[:at] + bytes((raw[at] ^ (1 << chance.randrange(8)),)) + raw[at + 1 :]
        yield Mutation(f"bit flipped at {at} of {len(raw)} ({region})", (name,), with_(flipped))
    yield Mutation("last byte cut", (name,), with_(raw[:-1]))
    yield Mutation("half cut", (name,), with_(raw[: len(raw) // 2]))
    yield Mutation("emptied", (name,), with_(b""))
    yield Mutation("bytes appended", (name,), with_(raw + raw[:17]))
    yield Mutation("zeroed from a block on", (name,), with_(raw[: len(raw) // 3] + bytes(len(raw) - len(raw) // 3)))
    if alike:
        other = chance.choice(alike)
        yield Mutation(f"replaced by {other}", (name,), with_(rich.objects[other]))
        yield Mutation(f"swapped with {other}", (name, other), with_(rich.objects[other], (other, raw)))
    yield Mutation("deleted", (name,), {k: v for k, v in rich.objects.items() if k != name}, is_deletion=True)


def problems(rich: Rich, repository: Any) -> list[str]:
    expected = {"same-machine", "no-snapshot", "snapshot-too-old"}
    return [
        f"{one.code} {one.subject} {one.message} {' '.join(one.hurts)}"
        for one in rich.verified(repository).findings
        if one.level == "problem" and one.code not in expected
    ]


def judge(rich: Rich, mutation: Mutation, memory: Path) -> str:
    """What is wrong with how the harm was met; empty: nothing."""
    try:
        repository = rich.open(mutation.objects, memory)
    except LifeboatError as error:
        # Nothing opens: one reason is enough.
        return "" if any(str(stated_digest(one)) in error.message for one in mutation.harmed) else f"unclear: {error}"
    else:
        if wrong := rich.wrong_bytes(repository):
            return f"wrong bytes came out: {wrong}"
        said = problems(rich, repository)
    for name in mutation.harmed:
        if any(str(stated_digest(name)) in one for one in said):
            continue
        if mutation.is_deletion and (kind_of(name) in NOT_MISSED or said):
            continue
        return f"{name} is not named: {said}"
    return ""


def try_all(rich: Rich, chosen: Iterator[Mutation], folder: Path) -> int:
    done = 0
    for mutation in chosen:
        memory = folder / "memory"
        shutil.rmtree(memory, ignore_errors=True)
        trouble = judge(rich, mutation, memory)
        assert trouble == "", f"{mutation.harmed[0]}: {mutation.what}: {trouble}"
        done += 1
    return done


def test_some_of_each_kind_is_harmed_in_some_way(rich: Rich, tmp_path: Path, tried: Tried) -> None:
    chance = random.Random(drawn_seed())
    by_kind: dict[str, list[str]] = {}
    for name in rich.objects:
        by_kind.setdefault(kind_of(name), []).append(name)

    def some() -> Iterator[Mutation]:
        for names in by_kind.values():
            every = list(mutations(rich, chance, chance.choice(names)))
            yield from chance.sample(every, 3)

    tried("mutations", try_all(rich, some(), tmp_path))


@pytest.mark.long
def test_every_object_is_harmed_in_every_way(rich: Rich, tmp_path: Path, tried: Tried) -> None:
    chance = random.Random(8)
    every = (one for name in rich.objects for one in mutations(rich, chance, name))
    done = try_all(rich, every, tmp_path)
    assert done > 12 * len(rich.objects)
    tried("mutations", done)


def said_by_four(rich: Rich, objects: Objects, memory: Path) -> list[str]:
    """The findings of a verification that four processes share."""
    for number in range(4):
        report = verify_shared(
            lambda: rich.open(objects, memory),
            "full",
            Sharing(Shard(number, 4, "r"), 0),
            objectives=lambda repository: {},
            sample_percent=100,
            rules=Rules(),
            clock=AheadClock(rich.ahead),
            progress=Silent(),
        )
    assert isinstance(report, VerifyReport)
    return sorted(map(repr, report.findings))


def compare_four_with_one(rich: Rich, chosen: Iterator[Mutation], folder: Path) -> int:
    done = 0
    for number, mutation in enumerate(chosen):
        one, four = folder / f"one{number}", folder / f"four{number}"
        try:
            alone = rich.verified(rich.open(mutation.objects, one))
        except LifeboatError:
            continue  # nothing opens, for nobody
        shared = said_by_four(rich, mutation.objects, four)
        assert shared == sorted(map(repr, alone.findings)), f"{mutation.harmed[0]}: {mutation.what}"
        done += 1
    return done


def test_four_processes_say_of_some_harm_what_one_says(rich: Rich, tmp_path: Path, tried: Tried) -> None:
    chance = random.Random(drawn_seed())
    by_kind: dict[str, list[str]] = {}
    for name in rich.objects:
        by_kind.setdefault(kind_of(name), []).append(name)
    drawn = chance.sample(sorted(by_kind), 5)  # all of them in the long form
    some = (chance.choice(list(mutations(rich, chance, chance.choice(by_kind[kind])))) for kind in drawn)
    tried("harms told by four", compare_four_with_one(rich, some, tmp_path))


@pytest.mark.long
def test_four_processes_say_of_every_harm_what_one_says(rich: Rich, tmp_path: Path, tried: Tried) -> None:
    chance = random.Random(9)
    every = (one for name in rich.objects for one in chance.sample(list(mutations(rich, chance, name)), 3))
    done = compare_four_with_one(rich, every, tmp_path)
    assert done > len(rich.objects)
    tried("harms told by four", done)


def rescued(rich: Rich, objects: Objects, folder: Path, wanted: str, command: str) -> dict[str, bytes]:
    """What the rescue script writes out of this copy; what it refuses is not there."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in objects.items():
        path = folder / "copy" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    rescue_here(SEED, command, folder / "copy", wanted, folder / "out")
    out = folder / "out"
    return {
        str(one.relative_to(out)): one.read_bytes()
        for one in out.rglob("*")
        if one.is_file() and not one.is_symlink() and ".rescue-partial" not in one.name
    }


def rescue_is_right(rich: Rich, names: list[str], chance: random.Random, folder: Path, each: int) -> int:
    done = 0
    for command, source in (("files", "files"), ("dump", "mongodb")):
        whole = rescued(rich, rich.objects, folder, "latest", command)
        assert len(whole) > 4
        # Without the newest record the one before it is the latest, and as right.
        older = [
            rescued(rich, rich.objects, folder, one.snapshot, command)
            for one in rich.open(rich.objects, folder / "memory").snapshots()
            if one.source == source
        ]
        for name in names:
            for mutation in chance.sample(list(mutations(rich, chance, name)), each):
                for path, content in rescued(rich, mutation.objects, folder, "latest", command).items():
                    right = [one.get(path) for one in (whole, *older)]
                    assert content in right, f"{path} is wrong: {mutation.harmed[0]}: {mutation.what}"
                done += 1
    return done


def test_the_rescue_script_writes_no_wrong_byte_either(rich: Rich, tmp_path: Path, tried: Tried) -> None:
    chance = random.Random(drawn_seed())
    names = [one for one in rich.objects if kind_of(one) in ("pack of documents", "data key", "index")]
    tried("mutations", rescue_is_right(rich, chance.sample(names, 2), chance, tmp_path / "rescue", 2))


@pytest.mark.long
def test_the_rescue_script_on_every_object(rich: Rich, tmp_path: Path, tried: Tried) -> None:
    names = [one for one in rich.objects if not one.startswith("config/RE")]
    tried("mutations", rescue_is_right(rich, names, random.Random(9), tmp_path / "rescue", 5))


def test_an_old_catalog_a_hole_in_it_and_a_clone_are_found(rich: Rich, tmp_path: Path, tried: Tried) -> None:
    records = sorted(
        (one for one in rich.objects if kind_of(one) == "snapshot record"),
        key=lambda one: rich.objects[one],
    )
    links = sorted(one for one in rich.objects if kind_of(one) == "link")
    # Omission: a record, or a link before the newest, is withheld.
    for name in (*records, *links[:-1]):
        objects = {key: value for key, value in rich.objects.items() if key != name}
        assert problems(rich, rich.open(objects, tmp_path / "omitted")), name
        shutil.rmtree(tmp_path / "omitted")
    # Rollback: all that came after some link is taken away. Who wrote it says so; to others the head is another one.
    newest = links[-1]
    shutil.copytree(rich.home / "state", tmp_path / "writer")
    memory = next(one for one in (tmp_path / "writer").iterdir() if one.is_dir())
    before = rich.open(rich.objects, tmp_path / "other").head()
    objects = {key: value for key, value in rich.objects.items() if key != newest}
    repository = rich.open(objects, tmp_path / "there")
    repository.state.directory.rmdir() if not any(repository.state.directory.iterdir()) else None
    for one in memory.iterdir():
        if one.is_file() and one.suffix == ".json":
            shutil.copy(one, repository.state.directory / one.name)
    assert any("catalog-rolled-back" in one for one in problems(rich, repository))
    assert repository.head() != before
    tried("mutations", len(records) + len(links))


def test_the_judge_sees_what_is_not_named_and_what_is_wrong(rich: Rich, tmp_path: Path) -> None:
    """A reader that believes what it reads gives out wrong bytes, or names nothing: the judge must say so."""
    name = next(one for one in rich.objects if kind_of(one) == "proof")
    raw = rich.objects[name]
    harmed = Mutation("planted", (name,), {**rich.objects, name: raw.replace(b"proof", b"prooF")})
    assert judge(rich, harmed, tmp_path / "a") == ""
    blind = replace(harmed, objects=rich.objects)
    assert "is not named" in judge(rich, blind, tmp_path / "b")
    other = replace(rich, good={key: dict.fromkeys(value, b"other") for key, value in rich.good.items()})
    assert "wrong bytes" in judge(other, blind, tmp_path / "c")
