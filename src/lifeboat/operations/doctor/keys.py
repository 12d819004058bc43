"""Is the key there, does it open, does somebody have it who is not this machine, and does it lie apart from the credentials?"""

from datetime import date, datetime

from lifeboat.foundation.finding import Finding, Level
from lifeboat.operations.key_escrow import read_escrow
from lifeboat.repository.granting import list_keys, not_opened_by
from lifeboat.repository.open_repository import Repository

CHECK_AGAIN_DAYS = 180
"""Paper is lost in a move and a password manager with its owner's job: twice a year somebody should look."""
MONTHS_LOOKED_AT = 2
CONFIRM = "`lifeboat keygen --stored`: it has you type some of it from the stored copy, and remembers the day"


def check_key(repository: Repository) -> list[Finding]:
    """Whether there is a key here; a wrong one does not get as far as this."""
    if repository.identity is None:
        message = "none is set: this machine can back up, but neither restore nor read what it stored"
        return [Finding(Level.OK, "no-key-here", "key", message)]
    fingerprint = repository.identity.recipient.fingerprint_short
    return [Finding(Level.OK, "key-opens", f"key {fingerprint}", "opens the repository")]


def check_recipients(repository: Repository) -> list[Finding]:
    """Whether a second key is there, and whether each opens what was stored lately; looked at where a key is."""
    recipients = [one.recipient for one in repository.description.recipients]
    if repository.identity is None:
        return [Finding(Level.OK, "recipients", "recipients", f"{len(recipients)}; looked at where a key is")]
    if len(recipients) == 1:
        message = "one key opens everything: a second one in another place survives its loss, `lifeboat recipient list` says how"
        return [Finding(Level.OK, "one-recipient", "recipients", message)]
    closed = sum(
        len(names)
        for month in list_keys(repository.store)[-MONTHS_LOOKED_AT:]
        for names in not_opened_by(repository.store, month, repository.description, recipients).values()
    )
    if closed:
        message = f"{closed:,} data keys of the last months do not open for one of the {len(recipients)} recipients"
        return [
            Finding(
                Level.WARNING, "recipient-closed-out", "recipients", message, "`lifeboat recipient open` opens them"
            )
        ]
    return [
        Finding(Level.OK, "recipients", "recipients", f"each of the {len(recipients)} opens what was stored lately")
    ]


def check_stored_elsewhere(repository: Repository, only_here: str | None, now: datetime) -> list[Finding]:
    """Whether a copy of the key was once shown to exist outside this machine.

    Args:
        only_here: The file in which ``init`` keeps the key it made, where that is the one in use.
    """
    fingerprints = {one.recipient.fingerprint_short for one in repository.description.recipients}
    escrow = read_escrow(repository.state)
    if escrow is not None and escrow.fingerprint in fingerprints:
        days = (now.date() - date.fromisoformat(escrow.day)).days
        message = f"key {escrow.fingerprint} is stored elsewhere: {escrow.how}, {escrow.day}"
        if days <= CHECK_AGAIN_DAYS:
            return [Finding(Level.OK, "key-stored-elsewhere", "key", message)]
        old = f"{message}, {days} days ago: is it still there?"
        return [Finding(Level.WARNING, "key-not-checked-lately", "key", old, CONFIRM)]
    if repository.identity is None:
        message = "this machine has no key, and it is not remembered that one is stored anywhere"
        return [Finding(Level.WARNING, "key-not-known-to-be-stored", "key", message, "who has it? Ask them to try it")]
    if only_here:
        message = f"as far as is known, the only copy of the key is {only_here}: it dies with this machine"
        return [
            Finding(Level.PROBLEM, "key-only-here", "key", message, f"store it in two other places, then {CONFIRM}")
        ]
    message = "it is not remembered that the key is stored anywhere outside this machine"
    hint = f"store it in two places, a password manager and paper in a safe, then {CONFIRM}"
    return [Finding(Level.WARNING, "key-not-known-to-be-stored", "key", message, hint)]


def check_apart(key_from: str, credentials_from: str) -> list[Finding]:
    """Whether one leaked file gives both the copies and what opens them.

    Args:
        key_from: Where the key was found, as ``Settings.key_from`` says it.
        credentials_from: Where the store's secret was found; empty where none is set.
    """
    if not key_from or not credentials_from:
        return [Finding(Level.OK, "key-apart", "key", "does not lie beside the store's credentials")]
    files = [where.partition(" in ")[2].partition(",")[0] for where in (key_from, credentials_from)]
    if files[0] and files[0] == files[1]:
        message = (
            f"the key and the store's credentials are both in {files[0]}: whoever gets hold of it can read every backup"
        )
        hint = (
            "move the key to a file of its own: `lifeboat keygen --recipient` shows which it is; put the key into a file with "
            "mode 0600 and name it by LIFEBOAT_KEY_FILE. Better: the guarded profile, where this machine has no key"
        )
        return [Finding(Level.WARNING, "key-beside-credentials", "key", message, hint)]
    return [Finding(Level.OK, "key-apart", "key", "does not lie in one file with the store's credentials")]
