"""The opened repository: whose it is, what its profile means, whether it can be read without us, where it lies."""

from lifeboat.foundation.finding import Finding, Level
from lifeboat.operations.status import same_machine_warning
from lifeboat.repository.create import store_rescue_kit
from lifeboat.repository.names import CONFIG
from lifeboat.repository.open_repository import Repository


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
            "simple: a thief of this machine can read all backups and, without Object Lock, destroy them",
            "`lifeboat init --guarded` makes a repository that the application's host can neither read nor destroy",
        )
    ]


def check_rescue_kit(repository: Repository, script: str, readme: str) -> list[Finding]:
    """Put a missing or outdated rescue kit back."""
    store_rescue_kit(repository.store, script, readme)
    return [Finding(Level.OK, "rescue-kit", CONFIG, "the stand-alone reader lies in the repository")]


def check_other_machine(repository: Repository) -> list[Finding]:
    """Whether the copies survive this machine."""
    good = Finding(Level.OK, "other-machine", repository.store.describe(), "lies on another machine than this one")
    return same_machine_warning(repository) or [good]
