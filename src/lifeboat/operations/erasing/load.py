"""What must not come back, read from the ledger as of an instant; a ledger that cannot be read in full stops whoever asks."""

from collections.abc import Iterable
from datetime import datetime

from lifeboat.foundation.errors import RepositoryDamaged
from lifeboat.foundation.finding import Finding, Level, any_problem
from lifeboat.foundation.value import Value
from lifeboat.operations.erased import NOTHING_ERASED, Erased
from lifeboat.operations.erasing.entries import DocumentSelector, Erasure, NotUnderstood, erasures_in
from lifeboat.operations.erasing.eraser import CollectionEraser
from lifeboat.repository.ledger import Kind, Ledger
from lifeboat.repository.open_repository import Repository


class ErasuresUnreadable(RepositoryDamaged):
    """The ledger of erasures cannot be read in full: a restore could bring back somebody who was erased."""

    code = "erasures-unreadable"


class ErasedThen(Value):
    """What must not come back from copies of one instant.

    Args:
        erasures: Those that are replayed. held: Those that would be, but are on hold.
        findings: What was wrong with the ledger, and which erasures are on hold.
    """

    erased: Erased = NOTHING_ERASED
    erasures: tuple[Erasure, ...] = ()
    held: tuple[Erasure, ...] = ()
    findings: tuple[Finding, ...] = ()

    def refuse_gaps(self) -> None:
        """Raises ``ErasuresUnreadable``: an entry is gone, damaged, or cannot be opened."""
        for one in self.findings:
            if one.level is Level.PROBLEM:
                raise ErasuresUnreadable(
                    f"what was erased cannot be told in full, so somebody could come back: {one.message}",
                    f"{one.hint}; to restore all the same, --without-erasures (it stands in the audit log and the report)",
                )


def erased_for(repository: Repository, instant: datetime) -> ErasedThen:
    """What the ledger says of copies of that instant; findings instead of errors where part of it cannot be read.

    Raises:
        KeyMissing: There is no key that opens the ledger.
        StorageError: The store is away.
    """
    erasures, findings = all_erasures(repository)
    applied = tuple(one for one in erasures if one.applies_to(instant))
    held = tuple(one for one in erasures if one.hold and one.concerns(instant))
    findings += [_on_hold(one) for one in held]
    return ErasedThen(erased_by(applied), applied, held, tuple(findings))


def erased_or_refused(repository: Repository, instant: datetime, *, anyway: bool) -> ErasedThen:
    """What every restore and export asks before it begins.

    Args:
        anyway: Somebody said ``--without-erasures``: nothing is replayed, which stands among the findings.

    Raises:
        ErasuresUnreadable: The ledger cannot be read in full.
    """
    if anyway:
        message = "--without-erasures: whoever was erased since that instant comes back"
        hint = "`lifeboat erase list` names what has to be erased again, by the application"
        return ErasedThen(findings=(Finding(Level.WARNING, "erasures-not-replayed", "ledger", message, hint),))
    then = erased_for(repository, instant)
    then.refuse_gaps()
    return then


def all_erasures(repository: Repository) -> tuple[list[Erasure], list[Finding]]:
    """Every erasure as it stands now, and what was wrong with the ledger."""
    ledger = Ledger(repository)
    entries = ledger.read(Kind.ERASURE)
    findings = [one for one in ledger.findings if one.level is Level.PROBLEM]
    try:
        return erasures_in(entries), findings
    except NotUnderstood as error:
        message = f"{error} says something of an erasure that this Lifeboat does not understand"
        hint = "install the newest Lifeboat on this machine"
        readable = entries if not any_problem(findings) else []
        findings.append(Finding(Level.PROBLEM, "erasure-not-understood", str(error), message, hint))
        return _as_far_as_understood(readable), findings


def erased_by(erasures: Iterable[Erasure]) -> Erased:
    """These erasures, as restores ask them."""
    selectors: dict[str, list[tuple[Erasure, DocumentSelector]]] = {}
    paths: dict[bytes, str] = {}
    for erasure in erasures:
        for one in erasure.documents:
            selectors.setdefault(one.collection, []).append((erasure, one))
        for path in erasure.files:
            paths.setdefault(path, erasure.id)
    return Erased({name: CollectionEraser(several) for name, several in selectors.items()}, paths)


def _as_far_as_understood(entries: Iterable) -> list[Erasure]:  # type: ignore[type-arg]
    kept: list = []  # type: ignore[type-arg]
    for entry in entries:
        try:
            erasures_in([*kept, entry])
        except NotUnderstood:
            continue
        kept.append(entry)
    return erasures_in(kept)


def _on_hold(one: Erasure) -> Finding:
    message = f"erasure {one.id} is on hold ({one.hold}): what it names comes back"
    hint = f"`lifeboat erase release {one.id}` when the hold is over, then erase it live"
    return Finding(Level.WARNING, "erasure-on-hold", one.id, message, hint)
