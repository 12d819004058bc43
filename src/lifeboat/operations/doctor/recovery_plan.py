"""Is there a recovery plan, and is it still true? What a plan says stands in ``evidence/plan``; this only judges."""

from collections.abc import Sequence

from lifeboat.foundation.finding import Finding, Level

SUBJECT = "recovery plan"
NAMED_AT_MOST = 3
WRITE = "`lifeboat report plan` writes it; print it, and keep it where this machine is not"


def check_no_plan(*, may_be_elsewhere: bool) -> list[Finding]:
    """None was ever written on this machine. Args: may_be_elsewhere: it only backs up, or only keeps."""
    message = "none was written on this machine: who is called, and what is typed, would have to be found out on the worst day"
    if may_be_elsewhere:
        return [Finding(Level.OK, "no-plan-here", SUBJECT, "none was written on this machine", WRITE)]
    return [Finding(Level.WARNING, "no-plan", SUBJECT, message, WRITE)]


def check_plan(version: int, reasons: Sequence[str], approval: str = "") -> list[Finding]:
    """Args: reasons: why it is not true any more, each a phrase; none: it is. approval: why it has to be approved anew."""
    if not reasons and approval:
        hint = 'read it, then `lifeboat report plan --approve "Name, role"`'
        return [
            Finding(Level.WARNING, "plan-not-approved", SUBJECT, f"version {version} is true, but {approval}", hint)
        ]
    if not reasons:
        return [Finding(Level.OK, "plan-current", SUBJECT, f"version {version} is still true")]
    more = f", and {len(reasons) - NAMED_AT_MOST} more" if len(reasons) > NAMED_AT_MOST else ""
    message = f"version {version} is stale: {'; '.join(reasons[:NAMED_AT_MOST])}{more}"
    return [
        Finding(
            Level.WARNING,
            "plan-stale",
            SUBJECT,
            message,
            "`lifeboat report plan` makes it anew; what people wrote stays",
        )
    ]
