"""Adversaries by what they have: each attack is tried; it fails, is told, or is a limit of docs/threat-model.md that is as stated there.

Here without rights of a store in the way: who is held back by them too is tried in ``test_adversary_rights.py``,
``tests/end_to_end/test_guarded_rights.py`` and ``test_locked_bucket.py``. What is done to a store as a whole (objects of gigabytes, an older state,
what is taken away) stands in ``test_adversary_store.py``, what a stolen host stores from then on in ``test_adversary_poison.py``.
"""

import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import zstandard
from adversary_kit import GOOD, Attempts, all_come_back, findings, proved_world, stolen
from prune_kit import World, some_bytes
from repository_kit import read_back

from lifeboat.crypto.identity import Identity
from lifeboat.crypto.sealing import derive, seal_once
from lifeboat.foundation.progress import Silent
from lifeboat.operations.prune.run import prune
from lifeboat.repository.chain import make_link
from lifeboat.repository.custodians import add_custodian
from lifeboat.repository.description import NamedRecipient, write_description
from lifeboat.repository.errors import KeyNotARecipient, OnlyACustodian, RecipientsChanged
from lifeboat.repository.ledger import Kind as Said
from lifeboat.repository.ledger import Ledger, make_entry
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.names import (
    Class,
    Source,
    digest,
    index_name,
    key_name,
    ledger_name,
    link_name,
    pack_name,
    snapshot_name,
)
from lifeboat.repository.open_repository import Repository, open_repository
from lifeboat.repository.recipients import add_recipient, remove_recipient
from lifeboat.repository.record import Record, show_time
from lifeboat.repository.statements import NOTHING_SAID, Verb, record_digest, write_statements
from lifeboat.repository.writers import WriterSecret, register_writer
from lifeboat.retention.rules import Rules
from lifeboat.storage.memory import MemoryStore

Tried = Callable[[str, int], None]
SECRET_WORDS = b"Sara Al-Qahtani, case 4711"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return proved_world(tmp_path)


# ---- Who can read the bucket ----------------------------------------------------------------------------------------


def test_a_reader_of_the_bucket_finds_no_word_and_recognises_no_file(tmp_path: Path, tried: Tried) -> None:
    attempts = Attempts()
    known = some_bytes(40_000, 5) + SECRET_WORDS * 50
    worlds = [World(tmp_path / name) for name in ("one", "two")]
    for world in worlds:
        world.take({"Sara Al-Qahtani.pdf": known})
        everything = b"".join(world.store.read(one.name) + one.name.encode() for one in world.store.list_under(""))
        for words in (SECRET_WORDS, b"Al-Qahtani", known[:64], known[-64:]):
            assert words not in everything
            attempts.append("a word or a piece of a known file is looked for")
    # The same file in two repositories: no name in common, and no chunk of one size after another.
    names = [{one.name[-64:] for one in world.store.list_under("")} for world in worlds]
    assert not names[0] & names[1]
    attempts.append("names are compared with those of a repository of one's own")
    sizes = [[one.size_bytes for one in world.store.list_under("files/pack/")] for world in worlds]
    assert sorted(sizes[0]) != sorted(sizes[1]), "cuts are this writer's own"
    attempts.append("sizes are compared with those of a repository of one's own")
    with pytest.raises(KeyNotARecipient):
        open_repository(
            worlds[0].store, identity=Identity.generate(), state=LocalState(tmp_path / "thief", "x"), label="thief"
        )
    attempts.append("it is opened with another key")
    tried("attacks", len(attempts))


# ---- Who can write to the bucket ------------------------------------------------------------------------------------


HARMLESS = ""
"""Garbage that nothing names: it takes room until prune removes it, and stands as that in the threat model."""


def planted(world: World) -> Iterator[tuple[str, str, str, bytes]]:
    """What somebody without any key can put there: what it is, the code it is told by, its name, its bytes."""
    thief, description = Identity.generate(), world.open().description
    now, month = world.clock.now(), world.open().snapshots()[0].generation
    writer = world.open().snapshots()[0].writer
    rubbish = os.urandom(3000)
    sha = digest(rubbish)
    yield "a pack", HARMLESS, pack_name(Source.FILES, Class.SHORT, month, sha), rubbish
    yield "an index", "object-damaged", index_name(writer, month, sha), rubbish
    yield "a record", "object-damaged", snapshot_name(writer, month, sha), rubbish
    yield "a data key", HARMLESS, key_name(month, sha), rubbish
    yield "a link with a huge number", "repository-damaged", link_name(writer, month, 99_999_999, sha), rubbish
    # Of his own making, well formed.
    secret = WriterSecret.generate()
    aside = MemoryStore(world.clock)
    register_writer(
        aside,
        replace(description, recipients=(NamedRecipient("t", thief.recipient),)),
        secret,
        "host",
        show_time(now),
        thief,
    )
    sequence, link = make_link(
        WriterSecret(bytes.fromhex(writer), secret.raw),
        description.repository,
        month,
        None,
        ["0" * 64],
        {},
        show_time(now),
    )
    yield (
        "a link of the writer, signed by another",
        "object-damaged",
        link_name(writer, month, sequence, digest(link)),
        link,
    )
    write_description(
        aside,
        replace(description, revision=9, recipients=(*description.recipients, NamedRecipient("me", thief.recipient))),
        [thief],
    )
    entry = make_entry(
        replace(description, recipients=(NamedRecipient("t", thief.recipient),)),
        thief,
        77_777_777,
        str(Said.ERASURE),
        "",
        {},
        now,
    )
    yield "an entry of the ledger", "said-by-nobody", ledger_name(77_777_777, str(Said.ERASURE), digest(entry)), entry
    write_statements(aside, description, thief, Verb.FORGET, world.open().snapshots(), "gone", now)
    write_statements(aside, description, thief, Verb.DOUBT, world.open().snapshots(), "broken", now)
    for one in aside.list_under(""):
        code = "description-not-trusted" if one.name.startswith("config/repository-") else "said-by-nobody"
        yield f"{one.name.rpartition('/')[2].split('-')[0]} of his own", code, one.name, aside.read(one.name)


def test_what_a_writer_to_the_bucket_plants_counts_for_nothing(world: World, tried: Tried) -> None:
    attempts = Attempts()
    before = {one.snapshot for one in world.open().snapshots()}
    proved = [digest_ for digest_, one in world.open().standings().items() if one.proved]
    every = list(planted(world))
    assert len({what for what, *_ in every}) == len(every) == 11
    for what, code, name, content in every:
        world.store.write(name, content)
        repository = world.open(None, f"new machine for {what}")
        assert {one.snapshot for one in repository.snapshots()} == before, what
        assert [key for key, one in repository.standings().items() if one.proved] == proved, what
        assert Ledger(repository).read(Said.ERASURE) == [], what
        all_come_back(world)
        if code == HARMLESS:
            assert findings(world) == [], what
            attempts.append(what)
        else:
            # A description is named by who signed it.
            attempts.told(what, findings(world), code, "" if code == "description-not-trusted" else name[-64:])
        world.store.delete(name)
    # All at once, the next backup and prune go on.
    for _, _, name, content in every:
        world.store.write(name, content)
    world.after(days=1).take(GOOD)
    all_come_back(world, "yet another machine")
    # The garbage goes with its month; beside what does not open prune removes nothing.
    for _, code, name, _ in every:
        if code not in (HARMLESS, "said-by-nobody"):
            world.store.delete(name)
    world.after(days=39).take(GOOD)
    world.prune()
    assert not {name for _, code, name, _ in every if code == HARMLESS} & world.names()
    all_come_back(world, "the last machine")
    tried("attacks", len(attempts))


# ---- Who has a writer's secret --------------------------------------------------------------------------------------


def test_a_flood_of_forged_snapshots_pushes_no_good_one_out(world: World, tried: Tried) -> None:
    """Of the past, of the future, kept for ever, several a day for months: what was proved stays, and why stands beside it."""
    attempts = Attempts()
    good = dict(world.contents)
    proved = next(
        one for one in world.open().snapshots() if world.open().standings().get(record_digest(one), NOTHING_SAID).proved
    )
    freed = 0
    for number in range(60):
        world.after(hours=60)
        ahead = timedelta(days=(0, 3, -60, 400)[number % 4])
        forged = world.take(
            {"forged": b"%d" % number}, instant=world.clock.now() + ahead, keep="for ever" if number % 2 else None
        )
        del world.contents[forged.snapshot]
        attempts.append("a forged snapshot")
        if number % 12 == 11:
            report = world.prune()
            assert "store-clock-doubtful" not in {one.code for one in report.findings}, "nothing would be pushed out"
            freed += report.snapshots_removed
    assert freed > 5, "the flood pushed nothing out: it was none"
    assert any(one.code == "snapshot-from-the-future" for one in findings(world))
    (verdict,) = [one for one in world.prune().verdicts if one.snapshot == proved.snapshot]
    assert (verdict.kept, verdict.because) == (True, "newest-proved")
    left = {one.snapshot: one for one in world.open().snapshots()}
    assert read_back(world.open(), left[proved.snapshot]) == good[proved.snapshot]
    tried("attacks", len(attempts))


def bomb(secret: WriterSecret, repository: Repository, generation: str, magic: bytes, label: bytes) -> bytes:
    """An index or record, rightly sealed, that unpacks to four GiB."""
    packed = zstandard.ZstdCompressor(level=1)
    chunks = packed.chunker(chunk_size=1 << 20)
    plain = b"".join(part for _ in range(4096) for part in chunks.compress(bytes(1 << 20))) + b"".join(chunks.finish())
    salt = os.urandom(32)
    front = struct.pack(">4sHBB16s32s", magic, 1, 1, 0, secret.writer, salt)
    key = derive(secret.catalog_key, salt, label + repository.id + generation.encode())
    return front + seal_once(key, plain, front)


@pytest.mark.parametrize(
    ("kind", "magic", "label"), [("index", b"LBIX", b"lifeboat index 1"), ("snapshot", b"LBSN", b"lifeboat snapshot 1")]
)
def test_a_sealed_bomb_does_not_go_off(world: World, kind: str, magic: bytes, label: bytes, tried: Tried) -> None:
    import resource

    repository, secret = world.open(), stolen(world)
    month = repository.snapshots()[0].generation
    raw = bomb(secret, repository, month, magic, label)
    world.store.write(f"catalog/{secret.writer.hex()}/{month}/{kind}-{digest(raw)}", raw)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = findings(world)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) < 1_400_000, "it went off (KiB)"
    attempts = Attempts()
    attempts.told(f"a bomb in a {kind}", found, "compression-broken", digest(raw))
    all_come_back(world)
    tried("attacks", len(attempts))


def test_a_second_chain_is_a_clone_and_what_a_writer_says_of_others_counts_for_nothing(
    world: World, tried: Tried
) -> None:
    attempts = Attempts()
    repository, secret = world.open(), stolen(world)
    month, now = repository.snapshots()[0].generation, show_time(world.clock.now())
    sequence, raw = make_link(secret, repository.id, month, None, ["1" * 64], {}, now)
    world.store.write(link_name(secret.writer.hex(), month, sequence, digest(raw)), raw)
    attempts.told("a second chain", findings(world), "chain-broken", "two links have sequence 1")
    attempts.told("a record that was never there", findings(world), "snapshot-gone", "1" * 64)
    all_come_back(world)

    # The writer's key is Ed25519, as a recipient's is; it signs for nobody else.
    class AsIdentity:
        recipient = world.owner.recipient

        def sign(self, message: bytes) -> bytes:
            return secret.signing_key().sign(message)

    signer: Any = AsIdentity()
    for verb in Verb:
        (name,) = write_statements(
            world.store, repository.description, signer, verb, repository.snapshots(), "", world.clock.now()
        )
        attempts.told(f"{verb} by the writer", findings(world), "said-by-nobody", name)
    standings = world.open().standings()
    assert [one.forgotten for one in standings.values() if one.forgotten] == []
    assert len([one for one in standings.values() if one.proved]) == 1
    entry = make_entry(repository.description, signer, 1, str(Said.ERASURE), "", {}, world.clock.now())
    world.store.write(ledger_name(1, str(Said.ERASURE), digest(entry)), entry)
    assert Ledger(world.open()).read(Said.ERASURE) == []
    attempts.told("an erasure by the writer", findings(world), "said-by-nobody", digest(entry))
    all_come_back(world)
    tried("attacks", len(attempts))


# ---- Who has an identity --------------------------------------------------------------------------------------------


def test_a_stolen_keeper_can_have_nobody_else_seal_for_him_and_is_shut_out(world: World, tried: Tried) -> None:
    attempts = Attempts()
    safe, thief = Identity.generate(), Identity.generate()
    add_recipient(world.open(None, "safe machine"), "safe", safe.recipient, Silent())
    host = LocalState(world.folder / "host", world.store.describe())
    host.pin(world.open(None, "safe machine").id, world.open(None, "safe machine").description.fingerprints(), 2)
    # With the stolen key he adds one of his own: every other machine stops instead of sealing for it.
    add_recipient(world.open(None, "thief"), "thief", thief.recipient, Silent())
    with pytest.raises(RecipientsChanged):
        world.open()
    attempts.append("a recipient is added: every other machine stops")

    # Whoever has the other key takes both away, and nothing new opens for either.
    def keeper() -> Repository:
        return open_repository(
            world.store, identity=safe, state=LocalState(world.folder / "keeper", "k"), label="keeper"
        )

    remove_recipient(keeper(), world.owner.recipient, Silent(), stolen=True)
    remove_recipient(keeper(), thief.recipient, Silent(), stolen=True)
    now = keeper()
    assert now.description.fingerprints() == (safe.recipient.fingerprint.hex(),)
    for key in (world.owner, thief):
        with pytest.raises(KeyNotARecipient):
            open_repository(world.store, identity=key, state=LocalState(world.folder / "again", "a"), label="thief")
        attempts.append("a key that was taken away is used")
    # He still holds the old key and can publish: a revision that nobody who counts signed is not followed.
    write_description(
        world.store,
        replace(now.description, revision=99, recipients=(NamedRecipient("me", world.owner.recipient),)),
        [world.owner],
    )
    assert keeper().description.revision == now.description.revision
    attempts.told("a later description of his own", findings(world, keeper()), "description-not-trusted", "revision 99")
    assert len(keeper().snapshots()) == 3
    (name,) = write_statements(
        world.store, now.description, world.owner, Verb.FORGET, keeper().snapshots(), "", world.clock.now()
    )
    assert len(keeper().snapshots()) == 3, f"{name} counts"
    attempts.append("all is to be forgotten")
    tried("attacks", len(attempts))


# ---- Who has a custodian's key --------------------------------------------------------------------------------------


def test_a_custodian_gone_bad_forgets_and_lies_and_all_of_it_is_undone(world: World, tried: Tried) -> None:
    attempts = Attempts()
    custodian = Identity.generate()
    add_custodian(world.open(), "ci", custodian.recipient)
    bad = open_repository(world.store, identity=custodian, state=LocalState(world.folder / "ci", "ci"), label="ci")
    every = bad.snapshots()
    with pytest.raises(OnlyACustodian):
        bad.need_identity()
    with pytest.raises(OnlyACustodian):
        read_back(bad, every[0])
    attempts.append("content is read")
    # He has all of it forgotten, proves what he likes, and names himself a recipient.
    write_statements(world.store, bad.description, custodian, Verb.FORGET, every, "", world.clock.now())
    (proof,) = write_statements(world.store, bad.description, custodian, Verb.PROOF, every, "", world.clock.now())
    attempts.told("a proof by a custodian", findings(world), "said-by-nobody", proof)
    thief = NamedRecipient("me", custodian.recipient)
    write_description(
        world.store, replace(bad.description, revision=9, recipients=(thief,), custodians=()), [custodian]
    )
    attempts.told("a recipient of his own", findings(world), "description-not-trusted", "revision 9")
    owner = world.open()
    standings = owner.standings()
    assert sum(one.proved is not None for one in standings.values()) == 1
    assert len(owner.forgotten_snapshots()) + len(owner.snapshots()) == 3
    assert owner.description.holds(world.owner.recipient)
    # Within the grace all of it is taken back, and his prune removes nothing before.
    before = world.names()
    prune(bad, Rules(), Silent())
    assert before <= world.names()
    for record, _ in owner.forgotten_snapshots():
        write_statements(
            world.store,
            owner.description,
            world.owner,
            Verb.RELEASE,
            [record],
            "",
            world.clock.now() + timedelta(hours=1),
        )
    all_come_back(world)
    attempts.append("all is forgotten")
    # What he registers is not believed.
    register_writer(
        world.store, owner.description, WriterSecret.generate(), "ci host", show_time(world.clock.now()), custodian
    )
    assert {one.label for one in world.open().registrations.values()} == {"host"}
    attempts.told("a writer of his own", findings(world), "said-by-nobody", "config/writer-")
    tried("attacks", len(attempts))


@pytest.mark.parametrize("kind", ["a data key", "a pack", "an index", "a record"])
def test_what_a_custodian_deletes_that_is_needed_is_named_and_what_it_hurts(
    world: World, kind: str, tried: Tried
) -> None:
    """He may delete: keys, packs and catalogs. In a bucket that keeps versions it is hidden (``test_adversary_rights.py``)."""
    attempts = Attempts()
    record = next(one for one in world.open().records() if isinstance(one[1], Record))[1]
    assert isinstance(record, Record)
    code, part = {
        "a data key": ("data-key-missing", "keys/"),
        "a pack": ("pack-missing", "files/pack/"),
        "an index": ("pack-not-indexed", "/index-"),
        "a record": ("snapshot-gone", record.object_name),
    }[kind]
    gone = sorted(world.names(part)) if kind == "an index" else sorted(world.names(part))[:1]
    for name in gone:
        world.store.delete(name)
    attempts.told(f"{kind} is deleted", findings(world), code, gone[0][-64:] if kind != "an index" else "files/pack/")
    told = next(one for one in findings(world) if one.code == code)
    assert told.hurts or kind == "a record", "it is not said what it costs"
    tried("attacks", len(attempts))


def test_the_checks_see_a_reader_that_believes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that takes any signature lists what was planted: the tests above must notice."""
    import lifeboat.repository.statements as statements

    thief = Identity.generate()
    record: Record = world.open().snapshots()[0]
    write_statements(world.store, world.open().description, thief, Verb.FORGET, [record], "", world.clock.now())
    assert record_digest(record) in {record_digest(one) for one in world.open().snapshots()}
    monkeypatch.setattr(statements, "_signer", lambda message, signatures, allowed: "anybody")
    assert record_digest(record) not in {record_digest(one) for one in world.open().snapshots()}
    with pytest.raises(AssertionError):
        all_come_back(world)
