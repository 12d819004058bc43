"""Has the key been stored outside this machine? Asked, and checked: some of it is typed in from the stored copy.

Limits: somebody who wants to can read it off the screen above. The check is for those who mean to do it later.

Invariant: what was not checked is never remembered as stored.
"""

import os
import re

from lifeboat.cli.ask import ask_text, ask_yes
from lifeboat.cli.fold import fold
from lifeboat.cli.run import Run
from lifeboat.foundation.secret import Secret

HOW = "some of it was typed in from the stored copy"
TRIES = 3
_HEX_GROUP = 8


def show_and_check(run: Run, key: Secret, fingerprint: str, kept_in: str | None) -> bool:
    """Show a new key, have it stored, and check that it was; returns whether it was.

    Args:
        kept_in: The file that holds it here; None where it is not kept, and so cannot be stored later.
    """
    here = f"This machine's own copy is {kept_in}; it dies with the machine.\n" if kept_in else ""
    words = (
        f"\nThe key of your backups, fingerprint {fingerprint}:\n\n  {key.reveal()}\n\n"
        "Without it no backup can ever be read, by you neither. Store it now in two places outside this machine: "
        "a password manager, and paper in a safe. Then type some of it from what you stored.\n"
        f"{here}\n"
    )
    run.write(run.out, fold(words, run.width(run.out)))
    return check_stored(run, key, later_allowed=kept_in is not None)


def ask_and_check(run: Run, key: Secret) -> bool:
    """Of a key that somebody had already."""
    if not ask_yes("\nIs the key stored in two places outside this machine?", False):
        return False
    return check_stored(run, key, later_allowed=True)


def check_stored(run: Run, key: Secret, *, later_allowed: bool) -> bool:
    """Ask for two groups of the key; returns whether they came, rightly."""
    groups = groups_of(key)
    first, second = sorted(_two_of(len(groups)))
    later = "; empty to do it later" if later_allowed else ""
    for _ in range(TRIES):
        asked = f"From the stored copy: groups {first + 1} and {second + 1} of {len(groups)}{later}"
        answer = ask_text(asked)
        run.hidden.add(groups[first] + groups[second])
        if not answer and later_allowed:
            return False
        if _bare(answer) == _bare(groups[first] + groups[second]):
            run.say("right: it is remembered that the key is stored")
            return True
        run.say(
            f"that is not what stands there; groups are {'8 digits' if len(groups) == 8 else 'between dashes, LIFEBOAT1 not counted'}"
        )
    return False


def groups_of(key: Secret) -> list[str]:
    """A key in the pieces in which people read it aloud: between dashes, or 8 hex digits each."""
    text = key.reveal().strip()
    if re.fullmatch(r"[0-9A-Fa-f]{64}", text):
        return [text[start : start + _HEX_GROUP] for start in range(0, 64, _HEX_GROUP)]
    compact = re.sub(r"[\s-]", "", text).upper().removeprefix("LIFEBOAT1")
    return [compact[start : start + 6] for start in range(0, len(compact), 6)]


def _two_of(count: int) -> tuple[int, int]:
    """Two different ones, not to be foreseen."""
    first = int.from_bytes(os.urandom(4), "big") % count
    second = int.from_bytes(os.urandom(4), "big") % (count - 1)
    return first, second + (second >= first)


def _bare(text: str) -> str:
    return re.sub(r"[^0-9A-Za-z]", "", text).upper()
