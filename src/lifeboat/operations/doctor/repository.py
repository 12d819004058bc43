"""The opened repository: whose it is, what its profile means, whether it can be read without us, where it lies."""

from lifeboat.foundation.finding import Finding, Level
from lifeboat.operations.same_machine import same_machine_warning
from lifeboat.repository.create import names_of_rescue_kit, store_rescue_kit
from lifeboat.repository.custodians import open_catalogs
from lifeboat.repository.names import CONFIG
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.replica import read_marks
from lifeboat.repository.writers import not_opened_to
from lifeboat.storage.errors import StorageDenied


def check_repository(repository: Repository) -> list[Finding]:
    """Which repository it is, and what was passed over while it was opened."""
    description = repository.description
    holders = ", ".join(f"{one.name} ({one.recipient.fingerprint_short})" for one in description.recipients)
    message = f"is repository {repository.id.hex()[:8]}, made {description.created}, sealed for {holders}"
    findings = [Finding(Level.OK, "repository", repository.store.describe(), message)]
    for error in repository.trouble:
        findings.append(Finding(Level.PROBLEM, error.code, CONFIG, error.message, error.hint))
    return findings


def check_profile(repository: Repository) -> list[Finding]:
    """What a thief of this machine could do."""
    if repository.description.profile != "simple":
        return [Finding(Level.OK, "guarded-profile", "profile", "guarded: this machine need not hold the key")]
    return [
        Finding(
            Level.WARNING,
            "simple-profile",
            "profile",
            "simple: a thief of this machine can read all backups and, where the bucket's rights let him, destroy them",
            "`lifeboat init --guarded` makes a repository that the application's host can neither read nor destroy",
        )
    ]


def check_custodians(repository: Repository) -> list[Finding]:
    """Who prunes without reading; where the key is, catalogs that are still closed to one are opened."""
    custodians = repository.description.custodians
    if not custodians:
        return [Finding(Level.OK, "custodians", "custodians", "there is none: who has the key prunes")]
    names = ", ".join(f"{one.name} ({one.recipient.fingerprint_short})" for one in custodians)
    may_open = repository.identity is not None and not read_marks(repository.store)
    opened = open_catalogs(repository) if may_open else 0
    if opened:
        return [
            Finding(Level.OK, "custodians", "custodians", f"{names}: {opened} catalogs were opened to them just now")
        ]
    closed = not_opened_to(repository.registrations.values(), custodians)
    if closed:
        message = f"{names}: the catalogs of {len(closed)} writers are closed to one of them"
        hint = "`lifeboat doctor` on the machine with the key opens them"
        return [Finding(Level.WARNING, "custodians-closed-out", "custodians", message, hint)]
    return [Finding(Level.OK, "custodians", "custodians", f"{names} list and prune, and open no content")]


def check_rescue_kit(repository: Repository, script: str, readme: str) -> list[Finding]:
    """Put a missing or outdated rescue kit back."""
    ours = names_of_rescue_kit(script, readme)
    good = Finding(Level.OK, "rescue-kit", CONFIG, f"the stand-alone reader lies in the repository: {ours[0]}")
    if read_marks(repository.store):
        return [Finding(Level.OK, "rescue-kit", CONFIG, "a replica has the one of its repository")]
    try:
        store_rescue_kit(repository.store, script, readme)
    except StorageDenied:
        # A guarded writer may not put it there; another machine did, or has to.
        if not set(ours) <= {stored.name for stored in repository.store.list_under(CONFIG)}:
            message = "the stand-alone reader in the repository is missing or of another version, and this machine may not store it"
            return [
                Finding(
                    Level.WARNING, "rescue-kit", CONFIG, message, "`lifeboat doctor` on the keeper's machine stores it"
                )
            ]
    return [good, *_strange_kits(repository, ours)]


def _strange_kits(repository: Repository, ours: tuple[str, str]) -> list[Finding]:
    """Scripts and notes that are not this Lifeboat's: on the worst day somebody may run the one and believe the other, key in hand."""
    names = {stored.name for stored in repository.store.list_under(CONFIG)} - set(ours)
    return [
        Finding(
            Level.WARNING,
            "rescue-kit-strange",
            name,
            "is not of this Lifeboat: it is another version's, or somebody put it there to be given the key",
            f"use {ours[0]} alone. If no other version ever ran here, who can write to the store? Remove it where deleting is allowed",
        )
        for name in sorted(names)
        if name.startswith((CONFIG + "rescue-", CONFIG + "README"))
    ]


def check_other_machine(repository: Repository) -> list[Finding]:
    """Whether the copies survive this machine."""
    good = Finding(Level.OK, "other-machine", repository.store.describe(), "lies on another machine than this one")
    return same_machine_warning(repository) or [good]
