"""Is the bucket as the settings want it? What ``lifeboat aws check`` tells at length, in a line."""

from collections.abc import Callable, Sequence

from lifeboat.cloud.bucket.place import BucketOfOthers
from lifeboat.cloud.errors import CloudError
from lifeboat.cloud.steps import State, StepReport
from lifeboat.foundation.finding import Finding, Level

CODE, DRIFT = "bucket", "bucket-differs"
TELLING = "public-access"
"""The step that tells servers with settings of buckets such as Amazon's from those without."""
WITH_RIGHTS = "with an administrator's credentials `lifeboat aws check` tells all"


def check_bucket(look: Callable[[], Sequence[StepReport]], bucket: str, is_amazon: bool) -> list[Finding]:
    """What is otherwise, as one warning. What a writer or keeper may not look at is no fault of this machine.

    Args:
        look: Looks at the steps; raises ``CloudError`` where the bucket cannot be asked about.
    """
    try:
        reports = look()
    except BucketOfOthers as error:
        if is_amazon:
            return [Finding(Level.WARNING, error.code, bucket, error.message, error.hint)]
        return [_good(bucket, "belongs to another user of this server")]
    except CloudError as error:
        return [_good(bucket, f"its settings are not to be looked at from here ({error.message}); {WITH_RIGHTS}")]
    return judge_bucket(reports, bucket)


def judge_bucket(reports: Sequence[StepReport], bucket: str) -> list[Finding]:
    """Pure; advice is left out."""
    reports = [one for one in reports if not one.advice]
    if any(one.name == TELLING and one.state is State.NOT_OFFERED for one in reports):
        return [_good(bucket, "this server has no settings of buckets such as Amazon's")]
    differing = [one for one in reports if one.state is State.DIFFERS]
    denied = [one for one in reports if one.state is State.DENIED]
    if differing:
        named = "; ".join(f"{one.title} ({one.differences[0].what}: {one.differences[0].now})" for one in differing)
        verb = "is" if len(differing) == 1 else "are"
        message = f"{len(differing)} of its settings {verb} otherwise than they should be: {named}"
        return [
            Finding(
                Level.WARNING, DRIFT, bucket, message, "`lifeboat aws check` says why, `lifeboat aws setup` mends it"
            )
        ]
    if denied:
        return [
            _good(bucket, f"{len(denied)} of {len(reports)} settings are not to be looked at from here; {WITH_RIGHTS}")
        ]
    return [_good(bucket, "as the settings want it")]


def _good(bucket: str, message: str) -> Finding:
    return Finding(Level.OK, CODE, bucket, message)
