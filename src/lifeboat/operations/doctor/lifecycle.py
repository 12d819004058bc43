"""Promise 4: the bucket's real age rules leave everything alone that is kept."""

from collections.abc import Callable, Iterable

from lifeboat.cloud.errors import CloudDenied, CloudNotOffered
from lifeboat.cloud.lifecycle.bucket import BucketRules
from lifeboat.cloud.lifecycle.presets import NOTICE_DAYS
from lifeboat.cloud.lifecycle.prove import restorable_at_once_days
from lifeboat.cloud.lifecycle.rules import Lifecycle
from lifeboat.foundation.finding import Finding, Level

CODE = "lifecycle"


def check_lifecycle(
    read: Callable[[], BucketRules],
    prove: Callable[[Lifecycle, BucketRules], Iterable[Finding]],
    prefix: str,
    *,
    only_writes: bool = False,
) -> list[Finding]:
    """Look at the rules, and prove or refuse. What may not be looked at is a warning that names the right.

    Args:
        only_writes: The machine has no key: keeper and custodian look, it need not.
    """
    try:
        there = read()
    except CloudNotOffered:
        message = "this store has no age rules: nothing moves, nothing ages out, prune alone removes"
        return [Finding(Level.OK, CODE, CODE, message)]
    except CloudDenied as error:
        if only_writes:
            message = "a machine that only writes need not see them: `lifeboat doctor` where the key is, or prune, proves them"
            return [Finding(Level.OK, CODE, CODE, message)]
        right = error.right or "s3:GetLifecycleConfiguration"
        message = f"whether age rules will eat what is kept is not known: the right {right} is missing"
        hint = "give it to the machine that prunes, and run `lifeboat doctor` there; or look with `lifeboat aws lifecycle check` as an administrator"
        return [Finding(Level.WARNING, "lifecycle-not-seen", CODE, message, hint)]
    found = list(prove(there.lifecycle, there))
    if any(one.level is not Level.OK for one in found):
        return found
    if not there.lifecycle.rules:
        message = "the bucket has no age rules: nothing moves to cheaper classes, nothing ages out"
        return [Finding(Level.OK, CODE, CODE, message, "`lifeboat aws lifecycle plan` shows what they would be")]
    days = restorable_at_once_days(there.lifecycle, prefix)
    age = "" if days is None else f"; monthly copies older than {days} days are restored after hours"
    count = len(there.lifecycle.rules)
    message = f"{count} age rule{'' if count == 1 else 's'}, and none touches what is kept in the next {NOTICE_DAYS} days or before its day{age}"
    return [Finding(Level.OK, CODE, CODE, message)]
