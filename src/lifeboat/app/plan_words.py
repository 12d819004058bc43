"""Phrases of the recovery plan that settings and status are put into. Pure."""

from lifeboat.foundation.sizes import show_seconds
from lifeboat.operations.reports.standing import StatusReport
from lifeboat.retention.rules import Rules

_PERIODS = {"hourly": "hours", "daily": "days", "weekly": "weeks", "monthly": "months", "yearly": "years"}


def keep_rules(rules: Rules) -> tuple[str, ...]:
    """What is kept, in plain words."""
    found = []
    for name, period in _PERIODS.items():
        count = getattr(rules, name)
        if not count:
            continue
        which = "the month's copy, stored whole," if name in ("monthly", "yearly") else "the last copy"
        years = f" ({count / 12:.0f} years)" if name == "monthly" and count % 12 == 0 else ""
        found.append(f"Of each of the newest {count} {period} that have one, {which} stays{years}.")
    found += [
        f"Where every change is archived, any moment of the last {rules.window_days} days.",
        f"What nobody has proved yet stays until its month has been over for {rules.lock_days} days; what was taken before a restore, for 30 days; "
        "what is kept on purpose, until it is released; the newest, the newest whole and the newest proved copy, always.",
        "What goes can be called back for a week: `lifeboat snapshots --forgotten`.",
    ]
    return tuple(found)


def replica_words(name: str, status: StatusReport | None) -> str | None:
    """How a second copy stands; None where nobody looked."""
    one = next((one for one in (status.replicas if status else ()) if one.name == name), None)
    if one is None:
        return None
    if one.trouble:
        return f"could not be looked at: {one.trouble}"
    if one.lag_seconds is None:
        return "not known"
    if not one.lag_seconds:
        return "up to date"
    return f"{one.missing_snapshots} copies behind, for {show_seconds(one.lag_seconds)}"
