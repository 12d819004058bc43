"""Is the ledger whole? With a recipient's key each entry is opened; without one, told by names, and by hashes where they may be read.

A gap is a problem: somebody's erasure may be gone, and restores refuse. What somebody planted counts for nothing, and is told.
"""

import re

from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.operations.erasing.load import all_erasures
from lifeboat.repository.ledger import Ledger
from lifeboat.repository.names import LEDGER
from lifeboat.repository.objects import read_many
from lifeboat.repository.open_repository import Repository
from lifeboat.storage.errors import StorageDenied

_NUMBER = re.compile(rf"{LEDGER}(\d{{8}})-")


def check_ledger(repository: Repository) -> list[Finding]:
    """What is wrong with it; raises only what may go by itself (``worth_retrying``)."""
    try:
        if repository.identity is None:
            return _by_name(repository)
        ledger = Ledger(repository)
        ledger.read()
        _, of_erasures = all_erasures(repository)
        return list(dict.fromkeys([*ledger.findings, *of_erasures]))
    except StorageDenied:
        return []  # a role that may not even list it: whoever may, looks


def _by_name(repository: Repository) -> list[Finding]:
    names = sorted(one.name for one in repository.store.list_under(LEDGER))
    numbers = {int(found[1]) for name in names if (found := _NUMBER.match(name))}
    findings = []
    missing = [one for one in range(1, max(numbers, default=0) + 1) if one not in numbers]
    if missing:
        message = f"entries of the ledger cannot be found: number {', '.join(map(str, missing[:10]))}"
        hint = "somebody removed them, or planted a higher number: verify with a recipient's key tells which"
        findings.append(Finding(Level.WARNING, "ledger-entry-missing", LEDGER, message, hint))
    for name, raw in read_many(repository.store, names):
        if isinstance(raw, StorageDenied):
            return findings
        if isinstance(raw, LifeboatError):
            if raw.worth_retrying:
                raise raw
            findings.append(Finding(Level.PROBLEM, raw.code, name, raw.message, raw.hint))
    return findings
