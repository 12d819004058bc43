"""A bucket's age rules as S3 keeps them, read from its JSON and written to it. Pure.

Limits: reading takes everything S3 can hand out, also what S3 would refuse today (``check`` of a hand-written file is
``validate.py``'s); what is not understood is refused, because a proof over half of a rule proves nothing.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.value import Value

WATERFALL = (
    *("STANDARD", "STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"),
)
"""Storage classes in the order in which a rule can move an object: downwards alone, but see ``can_move``."""
SMALL_BYTES = 128 * 1024
ALL_128K = "all_storage_classes_128K"
"""S3's default: an object smaller than ``SMALL_BYTES`` is moved by no rule that does not state a size."""
VARIES = "varies_by_storage_class"
"""The older behaviour: small objects are moved to archive classes, not to infrequent access."""


def can_move(now: str, to: str) -> bool:
    """Whether S3 moves an object of one class into the other. A class that is not known is moved nowhere.

    Source: Amazon S3 User Guide, "Transitioning objects using Amazon S3 Lifecycle", supported and unsupported transitions.
    """
    if now not in WATERFALL or to not in WATERFALL or (now, to) == ("ONEZONE_IA", "GLACIER_IR"):
        return False
    return WATERFALL.index(now) < WATERFALL.index(to)


class LifecycleUnreadable(SettingsError):
    """Age rules that are not written as S3 writes them."""

    code = "lifecycle-unreadable"


class Transition(Value):
    """Move to another storage class, so many days after creation, or on a date."""

    storage_class: str
    days: int | None = None
    on: date | None = None


class NoncurrentTransition(Value):
    """Move versions that were replaced or deleted so many days ago. Args: keep: so many newer ones are left alone."""

    storage_class: str
    days: int
    keep: int = 0


class Rule(Value):
    """One rule; a None says nothing of that kind.

    Args:
        prefix: Of full keys, the repository's own prefix in the bucket included.
        larger_than, smaller_than: Bytes; both exclusive, as S3 means them.
        expire_marker: Removes delete markers behind which no version is left.
        noncurrent_days: Days after a version was replaced or deleted; its bytes are then gone for good.
        abort_days: Of uploads in parts that were never finished.
    """

    id: str
    enabled: bool = True
    prefix: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    larger_than: int | None = None
    smaller_than: int | None = None
    transitions: tuple[Transition, ...] = ()
    expire_days: int | None = None
    expire_on: date | None = None
    expire_marker: bool = False
    noncurrent_transitions: tuple[NoncurrentTransition, ...] = ()
    noncurrent_days: int | None = None
    noncurrent_keep: int = 0
    abort_days: int | None = None

    @property
    def states_a_size(self) -> bool:
        return self.larger_than is not None or self.smaller_than is not None

    def is_for(self, key: str, size_bytes: int, tags: Mapping[str, str] | None = None) -> bool:
        """Whether the rule, enabled or not, means an object. Args: tags: the object's own; Lifeboat's have none."""
        return (
            key.startswith(self.prefix)
            and (self.larger_than is None or size_bytes > self.larger_than)
            and (self.smaller_than is None or size_bytes < self.smaller_than)
            and all((tags or {}).get(name) == value for name, value in self.tags)
        )


class Lifecycle(Value):
    """All rules of a bucket. Args: minimum: ``ALL_128K`` or ``VARIES``."""

    rules: tuple[Rule, ...] = ()
    minimum: str = ALL_128K


def read_lifecycle(said: Mapping[str, Any]) -> Lifecycle:
    """Of what ``get_bucket_lifecycle_configuration`` answers, or of a file in the same form. Raises ``LifecycleUnreadable``."""
    rules = said.get("Rules")
    if not isinstance(rules, list):
        raise LifecycleUnreadable("age rules have no list Rules", 'the form is {"Rules": [{"ID": ..., ...}]}')
    minimum = str(said.get("TransitionDefaultMinimumObjectSize") or ALL_128K)
    return Lifecycle(tuple(_read_rule(one, number) for number, one in enumerate(rules, start=1)), minimum)


def write_lifecycle(lifecycle: Lifecycle) -> dict[str, Any]:
    """As ``put_bucket_lifecycle_configuration`` takes it for ``LifecycleConfiguration``."""
    return {"Rules": [_write_rule(one) for one in lifecycle.rules]}


_KNOWN = {
    *("ID", "Status", "Filter", "Prefix", "Transitions", "Expiration", "NoncurrentVersionTransitions"),
    *("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"),
}
_KNOWN_IN = {
    "Filter": {"Prefix", "Tag", "ObjectSizeGreaterThan", "ObjectSizeLessThan", "And"},
    "Expiration": {"Days", "Date", "ExpiredObjectDeleteMarker"},
    "Transitions": {"Days", "Date", "StorageClass"},
    "NoncurrentVersionTransitions": {"NoncurrentDays", "StorageClass", "NewerNoncurrentVersions"},
    "NoncurrentVersionExpiration": {"NoncurrentDays", "NewerNoncurrentVersions"},
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation"},
}


def _read_rule(said: object, number: int) -> Rule:
    if not isinstance(said, Mapping):
        raise LifecycleUnreadable(f"age rule {number} is no object", "")
    name = str(said.get("ID") or f"rule {number}")
    if unknown := sorted(set(said) - _KNOWN):
        raise LifecycleUnreadable(f"age rule {name} says {', '.join(unknown)}, which S3 does not know", "")
    for part, known in _KNOWN_IN.items():
        inside = said.get(part) or ()
        for one in inside if isinstance(inside, list) else [inside] if inside else ():
            if isinstance(one, Mapping) and (unknown := sorted(set(one) - known)):
                raise LifecycleUnreadable(
                    f"age rule {name} says {', '.join(unknown)} in {part}, which S3 does not know", ""
                )
    try:
        prefix, tags, larger, smaller = _read_filter(said)
        expiration = said.get("Expiration") or {}
        noncurrent = said.get("NoncurrentVersionExpiration") or {}
        return Rule(
            id=name,
            enabled=said.get("Status") == "Enabled",
            prefix=prefix,
            tags=tags,
            larger_than=larger,
            smaller_than=smaller,
            transitions=tuple(
                Transition(str(one["StorageClass"]), _number(one.get("Days")), _date(one.get("Date")))
                for one in said.get("Transitions") or ()
            ),
            expire_days=_number(expiration.get("Days")),
            expire_on=_date(expiration.get("Date")),
            expire_marker=bool(expiration.get("ExpiredObjectDeleteMarker")),
            noncurrent_transitions=tuple(
                NoncurrentTransition(
                    str(one["StorageClass"]), int(one["NoncurrentDays"]), int(one.get("NewerNoncurrentVersions") or 0)
                )
                for one in said.get("NoncurrentVersionTransitions") or ()
            ),
            noncurrent_days=_number(noncurrent.get("NoncurrentDays")),
            noncurrent_keep=int(noncurrent.get("NewerNoncurrentVersions") or 0),
            abort_days=_number((said.get("AbortIncompleteMultipartUpload") or {}).get("DaysAfterInitiation")),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise LifecycleUnreadable(
            f"age rule {name} is not written as S3 writes one: {error}", "`lifeboat aws lifecycle check FILE` says more"
        ) from error


def _read_filter(said: Mapping[str, Any]) -> tuple[str, tuple[tuple[str, str], ...], int | None, int | None]:
    chosen = said.get("Filter") or {}
    inner = {**chosen, **(chosen.get("And") or {})}
    tags = [(str(one["Key"]), str(one["Value"])) for one in inner.get("Tags") or ()]
    if inner.get("Tag"):
        tags.append((str(inner["Tag"]["Key"]), str(inner["Tag"]["Value"])))
    prefix = str(inner.get("Prefix") or said.get("Prefix") or "")
    return prefix, tuple(tags), _number(inner.get("ObjectSizeGreaterThan")), _number(inner.get("ObjectSizeLessThan"))


def _number(said: object) -> int | None:
    return None if said is None else int(said)  # type: ignore[call-overload]


def _date(said: object) -> date | None:
    if said is None:
        return None
    moment = said if isinstance(said, datetime) else datetime.fromisoformat(str(said).replace("Z", "+00:00"))
    return moment.astimezone(UTC).date() if moment.tzinfo else moment.date()


def _write_rule(rule: Rule) -> dict[str, Any]:
    written: dict[str, Any] = {
        "ID": rule.id,
        "Status": "Enabled" if rule.enabled else "Disabled",
        "Filter": _write_filter(rule),
    }
    if rule.transitions:
        written["Transitions"] = [
            {"StorageClass": one.storage_class} | _when(one.days, one.on) for one in rule.transitions
        ]
    if rule.expire_days is not None or rule.expire_on is not None:
        written["Expiration"] = _when(rule.expire_days, rule.expire_on)
    elif rule.expire_marker:
        written["Expiration"] = {"ExpiredObjectDeleteMarker": True}
    if rule.noncurrent_transitions:
        written["NoncurrentVersionTransitions"] = [
            {"NoncurrentDays": one.days, "StorageClass": one.storage_class} | _keep(one.keep)
            for one in rule.noncurrent_transitions
        ]
    if rule.noncurrent_days is not None:
        written["NoncurrentVersionExpiration"] = {"NoncurrentDays": rule.noncurrent_days} | _keep(rule.noncurrent_keep)
    if rule.abort_days is not None:
        written["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": rule.abort_days}
    return written


def _write_filter(rule: Rule) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    if rule.prefix:
        parts["Prefix"] = rule.prefix
    if rule.larger_than is not None:
        parts["ObjectSizeGreaterThan"] = rule.larger_than
    if rule.smaller_than is not None:
        parts["ObjectSizeLessThan"] = rule.smaller_than
    tags = [{"Key": name, "Value": value} for name, value in rule.tags]
    if len(parts) + len(tags) > 1:
        return {"And": parts | ({"Tags": tags} if tags else {})}
    return ({"Tag": tags[0]} if tags else parts) or {"Prefix": ""}


def _when(days: int | None, on: date | None) -> dict[str, Any]:
    return {"Days": days} if on is None else {"Date": f"{on.isoformat()}T00:00:00Z"}


def _keep(count: int) -> dict[str, Any]:
    return {"NewerNoncurrentVersions": count} if count else {}


def enabled_for(lifecycle: Lifecycle, key: str, size_bytes: int) -> Iterable[Rule]:
    """Rules that mean an object of Lifeboat's, which has no tags."""
    return (one for one in lifecycle.rules if one.enabled and one.is_for(key, size_bytes))
