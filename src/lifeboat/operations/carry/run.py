"""``lifeboat carry-forward``: copy what is worth it, check the copies, and say so to the writers.

Order: data keys → packs, each checked against the hash in its name → the statement. Killed at any point, copies lie there that nobody was told
of: the next run finds and checks them, and prune removes what no snapshot needs once the month is closed.
"""

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

from lifeboat.cloud.prices.prices import Prices
from lifeboat.crypto.identity import Identity
from lifeboat.foundation.errors import LifeboatError, RepositoryDamaged, StorageError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.progress import Progress
from lifeboat.foundation.sizes import MIB
from lifeboat.operations.annotate import need_signer
from lifeboat.operations.carry.facts import CarryFacts, gather
from lifeboat.operations.carry.home import HomePack
from lifeboat.operations.carry.plan import Choice, Worth, choose
from lifeboat.operations.carry.saving import Saving, saving_of
from lifeboat.operations.reports.carrying import CarryReport, CarryRow, LeftBehind
from lifeboat.repository.carrying import Lane, write_carry
from lifeboat.repository.names import KEYS, key_name
from lifeboat.repository.objects import read_verified
from lifeboat.repository.open_repository import Repository
from lifeboat.retention.rules import Rules
from lifeboat.storage.copying import copy_within
from lifeboat.storage.errors import ObjectArchived, ObjectExists, ObjectMissing, ObjectTooShort
from lifeboat.storage.object_store import ObjectStore

AT_ONCE = 8
SAID_EVERY_PACKS = 1000
"""A run that is cut off has copied at most so many for the next run to check again."""
READ_BACK_BYTES = 8 * MIB


def look(
    repository: Repository, rules: Rules, progress: Progress, worth: Worth | None = None
) -> tuple[CarryFacts, list[Choice]]:
    """Read and decide; changes nothing. Raises ``KeyMissing``."""
    need_signer(repository, "carrying forward")
    facts = gather(repository, rules, progress)
    return facts, [choose(lot, worth or Worth()) for lot in facts.lots]


def carry_forward(
    repository: Repository,
    rules: Rules,
    progress: Progress,
    worth: Worth | None = None,
    *,
    prices: Prices | None = None,
) -> CarryReport:
    """Look, choose, and copy.

    Args:
        prices: Of the store; None: it is no S3.

    Raises:
        KeyMissing: No key at hand may tell writers what was carried.
        StorageDenied: The credentials here may not copy packs.
    """
    signer = need_signer(repository, "carrying forward")
    facts, choices = look(repository, rules, progress, worth)
    progress.begin("copying", sum(one.bytes for one in choices), sum(len(one.carried) for one in choices))
    findings: list[Finding] = []
    done = [_carry(repository, signer, choice, progress, findings) for choice in choices]
    return report_of(facts, done, rules, prices, dry_run=False, findings=findings)


def report_of(
    facts: CarryFacts,
    choices: Iterable[Choice],
    rules: Rules,
    prices: Prices | None,
    *,
    dry_run: bool,
    findings: Iterable[Finding] = (),
) -> CarryReport:
    """What was chosen, or of it what was done, as people and programs read it."""
    rows = tuple(_row(one, saving_of(one, rules, prices)) for one in choices)
    return CarryReport(
        dry_run,
        facts.now,
        facts.generation,
        rows,
        sum(one.packs for one in rows),
        sum(one.bytes for one in rows),
        sum(one.live_bytes for one in rows),
        "" if prices is None else prices.words,
        (*facts.findings, *findings),
    )


def _row(choice: Choice, saving: Saving) -> CarryRow:
    lot = choice.lot
    left = [
        LeftBehind(why, len(packs), sum(one.size_bytes for one in packs)) for why, packs in sorted(choice.left.items())
    ]
    return CarryRow(
        label=lot.label,
        source=lot.base.source,
        snapshot_class=str(lot.lane.class_),
        from_class=str(lot.lane.from_class),
        from_generation=lot.lane.from_generation,
        snapshot=lot.base.snapshot,
        counted=lot.exact,
        again=lot.again,
        packs=len(choice.carried),
        bytes=choice.bytes,
        live_bytes=choice.live_bytes,
        left=tuple(left),
        why=choice.why,
        seconds_saved=saving.seconds,
        dollars_saved=saving.dollars_saved,
        dollars_copying=saving.dollars_copying,
        dollars_dead=saving.dollars_dead,
    )


def _carry(
    repository: Repository, signer: Identity, choice: Choice, progress: Progress, findings: list[Finding]
) -> Choice:
    """Copy what was chosen of one lot; returns the choice with what was really carried."""
    lane, store = choice.lot.lane, repository.store
    lost_keys = set(_copy_keys(store, lane, {one.data_key for one in choice.carried}, findings))
    waiting = [one for one in choice.carried if one.data_key not in lost_keys]
    carried: list[HomePack] = []
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="carry") as pool:
        for start in range(0, len(waiting), SAID_EVERY_PACKS):
            told: list[HomePack] = []
            for pack, trouble in pool.map(
                partial(_copy, store, lane, choice.lot.sizes), waiting[start : start + SAID_EVERY_PACKS]
            ):
                progress.advance(pack.size_bytes, 1)
                if trouble is None:
                    told.append(pack)
                else:
                    findings.append(trouble)
            if told:
                names = [one.name for one in told]
                write_carry(store, repository.description, signer, lane, names, store.time_there())
            carried += told
    why = choice.why or ("" if carried else "none of it could be copied")
    return Choice(choice.lot, tuple(carried), choice.left, why)


def _copy_keys(store: ObjectStore, lane: Lane, keys: Iterable[bytes], findings: list[Finding]) -> Iterator[bytes]:
    """Copy data keys; yields those that are gone or damaged, of whose packs nothing can be carried."""
    there = {one.name for one in store.list_under(f"{KEYS}{lane.generation}/")}
    for key in sorted(keys):
        home, name = key_name(lane.from_generation, key.hex()), key_name(lane.generation, key.hex())
        try:
            if name not in there:
                with suppress(ObjectExists):
                    copy_within(store, home, name)
            read_verified(store, name)
        except (ObjectMissing, RepositoryDamaged) as error:
            findings.append(_not_carried(home, error))
            yield key


def _copy(store: ObjectStore, lane: Lane, there: dict[bytes, int], pack: HomePack) -> tuple[HomePack, Finding | None]:
    """Copy one pack and make sure that the copy is what its name says, or tell why not."""
    home, name = lane.origin + pack.name.hex(), lane.place + pack.name.hex()
    told: str | None = None
    is_new = False
    try:
        if pack.name not in there:
            with suppress(ObjectExists):  # an answer that was lost, or another run
                told = copy_within(store, home, name)
                is_new = True
        # Nobody told what was copied: it is read once.
        digest = told or _digest_of(store, name, pack.size_bytes)
    except (ObjectMissing, ObjectArchived, ObjectTooShort) as error:
        return pack, _not_carried(home, error)
    if digest == pack.name.hex():
        return pack, None
    if is_new:
        with suppress(StorageError):
            store.delete(name)
    return pack, Finding(
        Level.PROBLEM,
        "pack-damaged",
        home if is_new else name,
        "its bytes do not have the hash in its name: it was not carried, and the next backup stores again what it held",
        "`lifeboat verify --level full` says what it hurts",
    )


def _digest_of(store: ObjectStore, name: str, size_bytes: int) -> str:
    running = hashlib.sha256()
    for start in range(0, size_bytes, READ_BACK_BYTES):
        running.update(store.read(name, (start, min(READ_BACK_BYTES, size_bytes - start))))
    return running.hexdigest()


def _not_carried(name: str, error: LifeboatError) -> Finding:
    message = f"{error.message}; it was not carried, and the next backup stores again what it held"
    return Finding(Level.WARNING, "not-carried", name, message, "`lifeboat verify` says what else it means")
