"""A rule in plain words. Pure."""

from collections.abc import Iterator

from lifeboat.cloud.lifecycle.rules import Rule
from lifeboat.foundation.sizes import show_bytes

CLASSES = {
    "STANDARD_IA": "infrequent access",
    "INTELLIGENT_TIERING": "intelligent tiering",
    "ONEZONE_IA": "infrequent access in one zone",
    "GLACIER_IR": "Glacier Instant Retrieval",
    "GLACIER": "Glacier",
    "DEEP_ARCHIVE": "Deep Archive",
}


def what_it_means(rule: Rule) -> str:
    """Which objects: ``"mongodb/pack/long/"``."""
    said = [rule.prefix or "the whole bucket"]
    said += [f"tagged {name}={value}" for name, value in rule.tags]
    if rule.larger_than is not None:
        said.append(f"larger than {show_bytes(rule.larger_than)}")
    if rule.smaller_than is not None:
        said.append(f"smaller than {show_bytes(rule.smaller_than)}")
    return ", ".join(said)


def what_it_does(rule: Rule) -> str:
    """``"after 30 days infrequent access, after 365 Glacier; expires after 2680 days"``."""
    done = "; ".join(_acts(rule)) or "nothing"
    return done if rule.enabled else f"switched off ({done})"


def _acts(rule: Rule) -> Iterator[str]:
    moves = [
        f"{_when(one.days, one.on)} {CLASSES.get(one.storage_class, one.storage_class)}" for one in rule.transitions
    ]
    if moves:
        yield ", ".join(moves)
    if rule.expire_days is not None or rule.expire_on is not None:
        yield f"expires {_when(rule.expire_days, rule.expire_on)}"
    moves = [
        f"after {one.days} days {CLASSES.get(one.storage_class, one.storage_class)}"
        + (f" but for the newest {one.keep}" if one.keep else "")
        for one in rule.noncurrent_transitions
    ]
    if moves:
        yield f"old versions: {', '.join(moves)}"
    if rule.noncurrent_days is not None:
        but = f" but for the newest {rule.noncurrent_keep}" if rule.noncurrent_keep else ""
        yield f"old versions go after {rule.noncurrent_days} days{but}"
    if rule.expire_marker:
        yield "delete markers go when nothing is left behind them"
    if rule.abort_days is not None:
        yield f"unfinished uploads go after {rule.abort_days} days"


def _when(days: int | None, on: object) -> str:
    return f"on {on}" if on is not None else f"after {days} days"
