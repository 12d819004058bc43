"""Record an erasure, and what became of it. Only a recipient's key may: a stolen application host must not make restores drop data."""

import os
import secrets
from dataclasses import replace
from datetime import datetime

from lifeboat.foundation.errors import SettingsError
from lifeboat.operations.erasing.entries import Act, DocumentSelector, Erasure
from lifeboat.operations.erasing.load import ErasuresUnreadable, all_erasures
from lifeboat.operations.erasing.matching import canonical, keyed_hash
from lifeboat.operations.erasing.request import ErasureRequest, ErasureUnclear, WantedDocuments, check_text
from lifeboat.repository.ledger import Kind, Ledger
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.record import show_time

KEY_BYTES = 32


class ErasureUnknown(SettingsError):
    """The ledger has no erasure of that id, or several whose ids begin so."""

    code = "erasure-unknown"


def make_erasure(repository: Repository, wanted: ErasureRequest, files: tuple[bytes, ...]) -> Erasure:
    """The erasure that would be recorded, under a key that is new; values are in it as hashes alone.

    Args:
        files: Whole paths; of a folder with ``/`` at its end.
    """
    if not wanted.documents and not files:
        raise ErasureUnclear(
            "nothing is named that is to be erased",
            "--collection DB.COLL --field NAME, --collection DB.COLL --id ID, --file PATH, or --from FILE",
        )
    known, problems = all_erasures(repository)
    for one in problems:
        raise ErasuresUnreadable(f"the ledger cannot be read in full: {one.message}", one.hint)
    # One key for all: a restore hashes each document once, not once for each erasure there ever was (decision 0221).
    key = known[-1].key if known else os.urandom(KEY_BYTES)
    taken = {one.id for one in known}
    name = next(made for made in iter(lambda: secrets.token_hex(4), "") if made not in taken)
    return Erasure(
        name,
        0,
        repository.store.time_there(),
        key,
        tuple(dict.fromkeys(_selector(key, one) for one in wanted.documents)),
        tuple(dict.fromkeys(files)),
        check_text(wanted.request, "a reference"),
        check_text(wanted.note, "a note"),
    )


def record(repository: Repository, erasure: Erasure) -> Erasure:
    """Put it into the ledger; durable when it returns."""
    now = repository.store.time_there()
    entry = Ledger(repository).append(Kind.ERASURE, erasure.to_json(), now)
    return replace(erasure, number=entry.number, recorded=now)


def close(repository: Repository, erasure: Erasure, until: datetime) -> Erasure:
    """Live is clean: only copies of instants before are concerned from now on."""
    return _note(repository, erasure, Act.CLOSE, until=show_time(until))


def hold(repository: Repository, erasure: Erasure, why: str) -> Erasure:
    """Something wants the data kept (a law, a court, a mistake in the request): restores bring it back until ``release``."""
    if not why.strip():
        raise ErasureUnclear("a hold needs its reason", f'lifeboat erase hold {erasure.id} "court order 2026/17"')
    return _note(repository, erasure, Act.HOLD, why=check_text(why.strip(), "a reason"))


def release(repository: Repository, erasure: Erasure) -> Erasure:
    """The hold is over."""
    if not erasure.hold:
        raise ErasureUnclear(f"erasure {erasure.id} is not on hold", f"`lifeboat erase status {erasure.id}`")
    return _note(repository, erasure, Act.RELEASE)


def find(repository: Repository, name: str) -> Erasure:
    """By its id or the beginning of it; raises ``ErasureUnknown``."""
    known, problems = all_erasures(repository)
    found = [one for one in known if one.id == name] or [one for one in known if name and one.id.startswith(name)]
    if len(found) != 1:
        more = f"; {problems[0].message}" if problems else ""
        what = "several erasures begin with" if found else "there is no erasure"
        raise ErasureUnknown(f"{what} {name}{more}", "`lifeboat erase list` names them all")
    return found[0]


def _note(repository: Repository, erasure: Erasure, act: Act, **said: str) -> Erasure:
    content = {"act": str(act), "id": erasure.id, **said}
    Ledger(repository).append(Kind.ERASURE, content, repository.store.time_there())
    return find(repository, erasure.id)


def _selector(key: bytes, wanted: WantedDocuments) -> DocumentSelector:
    plain = canonical(wanted.value, fold=wanted.fold)
    assert plain is not None
    return DocumentSelector(
        wanted.collection, wanted.path, keyed_hash(key, plain), wanted.fold, wanted.unset, wanted.shown
    )
