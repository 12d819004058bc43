"""Would S3 take these age rules? Judged on the raw JSON, in the words that S3 and its client use. Pure.

No server for tests checks the days of rules, and S3 itself stops at the first reason: here all are given. ``"Id"`` is read as ``ID`` after it
was complained of, so that what else is wrong is said too. Where S3's own sentence is not known, the sentence is ours.

Source: Amazon S3 API Reference, "PutBucketLifecycleConfiguration"; sentences as users quote them.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, time
from functools import cache
from typing import Any

from lifeboat.cloud.lifecycle.rules import WATERFALL
from lifeboat.foundation.value import Value

RULES_AT_MOST = 1000
NAME_AT_MOST = 255
NEWER_AT_MOST = 100
PARAMETER, XML, ARGUMENT, REQUEST = "ParamValidation", "MalformedXML", "InvalidArgument", "InvalidRequest"
MALFORMED = "The XML you provided was not well-formed or did not validate against our published schema"
_IA = ("STANDARD_IA", "ONEZONE_IA")
_ACTIONS = (
    *("Transitions", "Expiration", "NoncurrentVersionTransitions", "NoncurrentVersionExpiration"),
    "AbortIncompleteMultipartUpload",
)


class Refusal(Value):
    """One reason why S3, or its client before it, does not take the rules.

    Args:
        rule: As it calls itself, or ``"rule 3"``; empty for what is about all of them.
        code: As S3 names it, or ``ParamValidation``.
        said: S3's sentence.
        because: The same in plain words, where S3's sentence does not say what to change.
    """

    rule: str
    code: str
    said: str
    because: str = ""


def validate(said: object) -> tuple[Refusal, ...]:
    """All reasons, rule by rule; none means that S3 takes it. Args: said: what a JSON file holds."""
    rules = said.get("Rules") if isinstance(said, Mapping) else None
    if not isinstance(said, Mapping) or not isinstance(rules, list):
        return tuple(Refusal("", PARAMETER, one, 'the form is {"Rules": [{"ID": ...}]}') for one in _by_client(said))
    names = [_name(one, number) for number, one in enumerate(rules, start=1)]
    found = [Refusal(_named(one, names), PARAMETER, one) for one in _by_client(said)]
    if not rules or len(rules) > RULES_AT_MOST:
        found.append(Refusal("", XML, MALFORMED, f"one rule at least, {RULES_AT_MOST} at most: here are {len(rules)}"))
    for name, rule in zip(names, rules, strict=True):
        if isinstance(rule, Mapping):
            found += _of_rule(name, rule)
    given = [str(one["ID"]) for one in rules if isinstance(one, Mapping) and one.get("ID")]
    doubles = sorted({one for one in given if given.count(one) > 1}) if len(set(given)) < len(given) else []
    forms = {one for rule in rules if isinstance(rule, Mapping) for one in ("Filter", "Prefix") if one in rule}
    if len(forms) == 2:
        text = "Base level prefix cannot be used in Lifecycle V2, prefixes are only supported in the Filter."
        found.append(Refusal("", REQUEST, text, "some rules have Filter, others Prefix: give all of them Filter"))
    text = "Rule ID must be unique. Found same ID for more than one rule"
    return (*found, *(Refusal(one, ARGUMENT, text) for one in doubles))


def _by_client(said: object) -> list[str]:
    """What boto3 and the AWS command line refuse before they ask S3."""
    from botocore.validate import ParamValidator

    try:
        report = ParamValidator().validate(said, _shape()).generate_report()  # type: ignore[arg-type]
    except (ValueError, TypeError, ArithmeticError, RuntimeError) as error:
        # The client itself breaks at numbers without end and at days that no calendar has.
        return [f"Parameter validation failed: {error}"]
    return [one for one in report.split("\n") if one]


@cache
def _shape() -> Any:
    from botocore.session import get_session

    call: Any = get_session().get_service_model("s3").operation_model("PutBucketLifecycleConfiguration")
    return call.input_shape.members["LifecycleConfiguration"]


def _name(rule: object, number: int) -> str:
    said = (rule.get("ID") or rule.get("Id")) if isinstance(rule, Mapping) else None
    return str(said) if said else f"rule {number}"


def _named(sentence: str, names: list[str]) -> str:
    _, _, rest = sentence.partition("Rules[")
    number = rest.partition("]")[0]
    return names[int(number)] if number.isdigit() and int(number) < len(names) else ""


def _of_rule(name: str, rule: Mapping[str, Any]) -> Iterator[Refusal]:
    def malformed(because: str) -> Refusal:
        return Refusal(name, XML, MALFORMED, because)

    if len(str(rule.get("ID") or "")) > NAME_AT_MOST:
        yield Refusal(name, ARGUMENT, f"ID length should not exceed allowed limit of {NAME_AT_MOST}")
    if "Status" in rule and rule["Status"] not in ("Enabled", "Disabled"):
        yield malformed("Status is Enabled or Disabled")
    if ("Filter" in rule) == ("Prefix" in rule):
        both = "Filter and Prefix beside each other; leave Prefix out"
        yield malformed(both if "Filter" in rule else 'neither Filter nor Prefix; for the whole bucket: "Filter": {}')
    chosen = rule.get("Filter")
    if isinstance(chosen, Mapping) and len(chosen) > 1:
        yield malformed(f"Filter holds one thing; {', '.join(sorted(chosen))} together belong into Filter.And")
    if not any(rule.get(one) for one in _ACTIONS):
        yield Refusal(name, REQUEST, "At least one action needs to be specified in a rule")
    yield from _of_expiration(name, rule)
    for action, days in (("Transition", "Days"), ("NoncurrentVersionTransition", "NoncurrentDays")):
        yield from _of_transitions(name, rule, action, days)
    yield from _of_the_rest(name, rule)


def _of_expiration(name: str, rule: Mapping[str, Any]) -> Iterator[Refusal]:
    said = rule.get("Expiration")
    if not isinstance(said, Mapping):
        return
    if len({"Days", "Date", "ExpiredObjectDeleteMarker"} & set(said)) != 1:
        yield Refusal(name, XML, MALFORMED, "Expiration says Days, or Date, or ExpiredObjectDeleteMarker: one of them")
    if isinstance(said.get("Days"), int) and said["Days"] < 1:
        yield Refusal(name, ARGUMENT, "'Days' for Expiration action must be a positive integer")
    if "Date" in said and not _is_midnight(said["Date"]):
        yield Refusal(name, ARGUMENT, "'Date' must be at midnight GMT")
    if said.get("ExpiredObjectDeleteMarker") and _parts(rule)["tags"]:
        yield Refusal(name, REQUEST, "ExpiredObjectDeleteMarker cannot be specified with Tags.")
    moves = _moves(rule, "Transitions")
    for unit, more in (("Days", "greater"), ("Date", "later")):
        at, others = _order(said.get(unit)), [_order(one.get(unit)) for one in moves]
        if at is not None and any(one is not None and at <= one for one in others):
            text = f"'{unit}' in the Expiration action for filter '{_filter(rule)}' must be {more} than '{unit}' in the Transition action"
            yield Refusal(name, ARGUMENT, text, "a move on the day of the end would be paid for and never used")
    units = {unit for one in moves for unit in ("Days", "Date") if unit in one}
    if len(units) == 1 and {"Days", "Date"} & set(said) and not units & set(said):
        yield _mixed(name, rule, "Expiration and Transition")


def _of_transitions(name: str, rule: Mapping[str, Any], action: str, days: str) -> Iterator[Refusal]:
    moves = _moves(rule, f"{action}s")
    for one in moves:
        class_ = one.get("StorageClass")
        if class_ not in WATERFALL[1:]:
            yield Refusal(name, XML, MALFORMED, f"objects are moved to one of {', '.join(WATERFALL[1:])}")
        if action == "Transition" and len({"Days", "Date"} & set(one)) != 1:
            yield Refusal(name, XML, MALFORMED, "a Transition says Days or Date: one of them")
        after = one.get(days)
        if isinstance(after, int) and class_ in _IA and after < 30:
            text = f"'{days}' in {action} action must be greater than or equal to 30 for storageClass '{class_}'"
            yield Refusal(name, ARGUMENT, text)
        elif isinstance(after, int) and after < 0:
            yield Refusal(name, ARGUMENT, f"'{days}' in {action} action must be nonnegative")
        if "Date" in one and not _is_midnight(one["Date"]):
            yield Refusal(name, ARGUMENT, "'Date' must be at midnight GMT")
    classes = [one.get("StorageClass") for one in moves]
    if len(set(map(str, classes))) < len(classes):
        text = f"'StorageClass' must be different for '{action}' actions in same 'Rule' with filter '{_filter(rule)}'"
        yield Refusal(name, REQUEST, text)
    if any("Days" in one for one in moves) and any("Date" in one for one in moves):
        yield _mixed(name, rule, "Transition")
    else:
        yield from _in_order(name, rule, action, days, moves)


def _in_order(
    name: str, rule: Mapping[str, Any], action: str, days: str, moves: list[Mapping[str, Any]]
) -> Iterator[Refusal]:
    known = [one for one in moves if one.get("StorageClass") in WATERFALL]
    downwards = sorted(known, key=lambda one: WATERFALL.index(one["StorageClass"]))
    for number, lower in enumerate(downwards):
        for upper in downwards[:number]:
            unit = "Date" if "Date" in lower else days
            first, then = _order(upper.get(unit)), _order(lower.get(unit))
            above, below = upper["StorageClass"], lower["StorageClass"]
            if first is None or then is None or above == below:
                continue
            gap = (
                30
                if above in _IA and below in ("GLACIER_IR", "GLACIER", "DEEP_ARCHIVE")
                else 90
                if above == "GLACIER_IR"
                else 0
            )
            where = f"for filter '{_filter(rule)}'"
            start = f"'{unit}' in the {action} action for StorageClass '{below}' {where} must be"
            rest = f"than '{unit}' in the {action} action for StorageClass '{above}' {where}"
            if then <= first:
                yield Refusal(name, ARGUMENT, f"{start} greater {rest}")
            elif action == "Transition" and then - first < gap:
                yield Refusal(name, ARGUMENT, f"{start} {gap} days more {rest}")


def _of_the_rest(name: str, rule: Mapping[str, Any]) -> Iterator[Refusal]:
    """Old versions and unfinished uploads."""
    old, abort = rule.get("NoncurrentVersionExpiration"), rule.get("AbortIncompleteMultipartUpload")
    positive = "must be a positive integer"
    if isinstance(old, Mapping):
        days, keep = old.get("NoncurrentDays"), old.get("NewerNoncurrentVersions")
        if days is None or (isinstance(days, int) and days < 1):
            yield Refusal(name, ARGUMENT, f"'NoncurrentDays' for NoncurrentVersionExpiration action {positive}")
        if isinstance(keep, int) and not 1 <= keep <= NEWER_AT_MOST:
            text = f"'NewerNoncurrentVersions' for NoncurrentVersionExpiration action must be between 1 and {NEWER_AT_MOST}"
            yield Refusal(name, ARGUMENT, text)
        last = [one.get("NoncurrentDays") for one in _moves(rule, "NoncurrentVersionTransitions")]
        if isinstance(days, int) and any(isinstance(one, int) and one >= days for one in last):
            text = f"'NoncurrentDays' in the NoncurrentVersionExpiration action for filter '{_filter(rule)}' must be greater"
            yield Refusal(name, ARGUMENT, f"{text} than 'NoncurrentDays' in the NoncurrentVersionTransition action")
    if isinstance(abort, Mapping):
        days, parts = abort.get("DaysAfterInitiation"), _parts(rule)
        if days is None or (isinstance(days, int) and days < 1):
            yield Refusal(name, ARGUMENT, f"'DaysAfterInitiation' for AbortIncompleteMultipartUpload action {positive}")
        for what, there in (("Tags.", parts["tags"]), ("Object Size", parts["sizes"])):
            if there:
                yield Refusal(name, REQUEST, f"AbortIncompleteMultipartUpload cannot be specified with {what}")


def _mixed(name: str, rule: Mapping[str, Any], actions: str) -> Refusal:
    text = f"Found mixed 'Date' and 'Days' based {actions} actions in lifecycle rule for filter '{_filter(rule)}'"
    return Refusal(name, REQUEST, text)


def _moves(rule: Mapping[str, Any], part: str) -> list[Mapping[str, Any]]:
    said = rule.get(part)
    return [one for one in said if isinstance(one, Mapping)] if isinstance(said, list) else []


def _parts(rule: Mapping[str, Any]) -> dict[str, list[str]]:
    """The filter taken apart, each as S3 writes it into its sentences."""
    chosen = rule.get("Filter")
    outer = chosen if isinstance(chosen, Mapping) else {}
    both = outer.get("And")
    inner = {**outer, **(both if isinstance(both, Mapping) else {})}
    given: Iterable[Any] = [*(inner.get("Tags") or ()), *([inner["Tag"]] if inner.get("Tag") else [])]
    tags = [f"tag={one.get('Key')}:{one.get('Value')}" for one in given if isinstance(one, Mapping)]
    sizes = [f"{one.lower()}={inner[one]}" for one in ("ObjectSizeGreaterThan", "ObjectSizeLessThan") if one in inner]
    return {"prefix": [f"prefix={inner.get('Prefix', rule.get('Prefix') or '')}"], "tags": tags, "sizes": sizes}


def _filter(rule: Mapping[str, Any]) -> str:
    parts = _parts(rule)
    return f"({' and '.join([*parts['prefix'], *parts['tags'], *parts['sizes']])})"


def _order(said: object) -> int | None:
    """Days, or the day of a date: numbers that can be compared."""
    if isinstance(said, int):
        return said
    moment = _moment(said)
    return None if moment is None else moment.toordinal()


def _is_midnight(said: object) -> bool:
    moment = _moment(said)
    return moment is None or moment.time() == time()


def _moment(said: object) -> datetime | None:
    if isinstance(said, str):
        try:
            said = datetime.fromisoformat(said.replace("Z", "+00:00"))
        except ValueError:
            return None
    if not isinstance(said, datetime):
        return None
    try:
        return said.astimezone(UTC).replace(tzinfo=None) if said.tzinfo else said
    except OverflowError:
        return None


def read_json(text: str) -> object:
    """What a file of rules holds; also the whole of what ``aws s3api get-bucket-lifecycle-configuration`` prints, or the argument of its put.

    Raises:
        ValueError: It is no JSON.
    """
    try:
        said = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    inner = said.get("LifecycleConfiguration") if isinstance(said, dict) else None
    return inner if isinstance(inner, dict) else said
