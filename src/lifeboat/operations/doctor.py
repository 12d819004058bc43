"""``lifeboat doctor``: everything that a backup or a restore would stumble over, found on a quiet day.

Each check is one function that returns findings; what cannot be checked at all is a finding too, never an exception.
"""

import os
from collections.abc import Callable, Iterable, Sequence

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.sizes import GIB, show_bytes
from lifeboat.operations.status import same_machine_warning
from lifeboat.repository.create import store_rescue_kit
from lifeboat.repository.names import CONFIG, PROBES
from lifeboat.repository.open_repository import Repository
from lifeboat.storage.conformance import check_conformance
from lifeboat.storage.object_store import ObjectStore

CLOCK_WARNING_SECONDS = 60.0
"""S3 refuses requests that are 15 minutes off; a minute off already makes ages and instants doubtful."""
SPACE_WARNING_BYTES = 1 * GIB


def examine(checks: Sequence[tuple[str, Callable[[], Iterable[Finding]]]]) -> list[Finding]:
    """Run named checks; an explained failure becomes a problem of that name and the rest goes on."""
    findings: list[Finding] = []
    for subject, check in checks:
        try:
            findings.extend(check())
        except LifeboatError as error:
            findings.append(Finding(Level.PROBLEM, error.code, subject, error.message, error.hint))
    return findings


def check_store(store: ObjectStore, clock: Clock) -> list[Finding]:
    """Try the store's promises in a scratch prefix, which is removed again; compare the clocks."""
    findings = check_conformance(store, f"{PROBES}{os.urandom(8).hex()}/", clock=clock, thorough=False)
    ahead = (clock.now() - store.time_there()).total_seconds()
    if abs(ahead) > CLOCK_WARNING_SECONDS:
        findings.append(
            Finding(
                Level.WARNING,
                "clock-off",
                "this machine's clock",
                f"it is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the store's",
                "set it by NTP: `timedatectl set-ntp true`",
            )
        )
    else:
        findings.append(Finding(Level.OK, "clock", "this machine's clock", "agrees with the store's"))
    return findings


def check_repository(repository: Repository, script: str, readme: str) -> list[Finding]:
    """Keys, profile and rescue kit of an opened repository. Puts a missing or outdated rescue kit back."""
    description = repository.description
    holders = ", ".join(f"{one.name} ({one.recipient.fingerprint_short})" for one in description.recipients)
    findings = [
        Finding(
            Level.OK,
            "repository",
            repository.store.describe(),
            f"is repository {repository.id.hex()[:8]}, made {description.created}, sealed for {holders}",
        )
    ]
    if repository.identity is None:
        findings.append(
            Finding(
                Level.OK,
                "no-key-here",
                "key",
                "none is set: this machine can back up, but neither restore nor read what it stored",
            )
        )
    else:
        findings.append(
            Finding(
                Level.OK,
                "key-opens",
                f"key {repository.identity.recipient.fingerprint_short}",
                "opens the repository; keep it elsewhere too: without it every backup is lost",
            )
        )
    if description.profile == "simple":
        findings.append(
            Finding(
                Level.WARNING,
                "simple-profile",
                "profile",
                "simple: a thief of this machine can read all backups and, without Object Lock, destroy them",
                "`lifeboat init --guarded` makes a repository that the application's host can neither read nor destroy",
            )
        )
    for error in repository.trouble:
        findings.append(Finding(Level.PROBLEM, error.code, CONFIG, error.message, error.hint))
    store_rescue_kit(repository.store, script, readme)
    findings.append(Finding(Level.OK, "rescue-kit", CONFIG, "the stand-alone reader lies in the repository"))
    findings.extend(same_machine_warning(repository))
    return findings


def check_space(path: str) -> list[Finding]:
    """Free space where a local repository or the state folder lies."""
    found = os.statvfs(path)
    free = found.f_bavail * found.f_frsize
    if free < SPACE_WARNING_BYTES:
        return [Finding(Level.WARNING, "space-low", path, f"only {show_bytes(free)} are free", "make room, or move it")]
    return [Finding(Level.OK, "space", path, f"{show_bytes(free)} are free")]
