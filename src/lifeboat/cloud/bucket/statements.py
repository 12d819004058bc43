"""Statements of a bucket's policy: ours put among those of others, and what others let in.

Invariant: a statement of somebody else is never changed and never left out. Ours are told by what they say, else by their name (``Sid``)
where they speak of the same objects: another repository in the same bucket has statements of the same names for its own.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from lifeboat.cloud.errors import PolicyUnreadable

Statement = dict[str, Any]
_LISTS = ("Action", "NotAction", "Resource", "NotResource")


def statements_in(policy: str) -> list[Statement]:
    """The statements of a policy's text; raises ``PolicyUnreadable`` where one has not the form that the rest here relies on."""
    try:
        found = json.loads(policy).get("Statement", [])
        statements = found if isinstance(found, list) else [found]
        if not all(_is_statement(one) for one in statements):
            raise TypeError("not a statement")
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise PolicyUnreadable(
            "the policy that is there cannot be read",
            "`aws s3api get-bucket-policy` shows it: is it one of AWS's form?",
        ) from error
    return statements


def _is_statement(one: Any) -> bool:
    if not isinstance(one, dict):
        return False
    principals = [one[name] for name in ("Principal", "NotPrincipal") if name in one]
    conditions = one.get("Condition", {})
    return (
        all(_is_texts(one[name]) for name in _LISTS if name in one)
        and all(
            isinstance(who, str) or (isinstance(who, dict) and all(map(_is_texts, who.values()))) for who in principals
        )
        and isinstance(conditions, dict)
        and all(isinstance(keys, dict) for keys in conditions.values())
    )


def _is_texts(said: Any) -> bool:
    return all(isinstance(one, str) for one in _listed(said))


def canonical(statement: Statement) -> str:
    """What a statement says, however it is spelled: order, single values without a list and its name do not count."""
    plain = {name: value for name, value in statement.items() if name != "Sid"}
    for name in _LISTS:
        if name in plain:
            plain[name] = _values(plain[name])
    for name in ("Principal", "NotPrincipal"):
        if name in plain:
            plain[name] = _principal(plain[name])
    if "Condition" in plain:
        plain["Condition"] = {
            operator: {key.lower(): _values(values) for key, values in keys.items()}
            for operator, keys in plain["Condition"].items()
        }
    return json.dumps(plain, sort_keys=True)


def merge(now: Sequence[Statement], wanted: Sequence[Statement]) -> list[Statement]:
    """The present statements with ours in them; equal to ``now`` where nothing is missing."""
    merged = list(now)
    for one in wanted:
        if any(canonical(one) == canonical(other) for other in merged):
            continue
        places = [number for number, other in enumerate(merged) if _is_older_form(other, one)]
        if places:
            merged[places[0]] = {**one, "Sid": merged[places[0]]["Sid"]}
        else:
            merged.append({**one, "Sid": _free_name(one, merged)})
    return merged


def missing(now: Sequence[Statement], wanted: Iterable[Statement]) -> list[tuple[Statement, bool]]:
    """Ours that do not stand there as wanted, each with whether another form of it does."""
    said = {canonical(other) for other in now}
    return [(one, any(_is_older_form(other, one) for other in now)) for one in wanted if canonical(one) not in said]


def opens_to_all(statement: Statement) -> bool:
    """Whether it lets in everybody, without a condition."""
    everybody = _principal(statement.get("Principal", {})) in ("*", {"AWS": ["*"]}) or "NotPrincipal" in statement
    return statement.get("Effect") == "Allow" and everybody and not statement.get("Condition")


def accounts_let_in(statement: Statement, owner: str | None) -> set[str]:
    """Other accounts that it allows something."""
    principal = _principal(statement.get("Principal", {}))
    if statement.get("Effect") != "Allow" or not isinstance(principal, dict):
        return set()
    named = {_account(one) for one in principal.get("AWS", [])}
    return {one for one in named if one.isdigit() and one != owner}


def asks_for_tls(statement: Statement) -> bool:
    """Whether it is about how the connection is encrypted."""
    asked = {key.lower() for keys in statement.get("Condition", {}).values() for key in keys}
    return bool(asked & {"aws:securetransport", "s3:tlsversion"})


def name_of(statement: Statement) -> str:
    return str(statement.get("Sid") or "without a name")


def _is_older_form(other: Statement, wanted: Statement) -> bool:
    name = str(wanted["Sid"])
    named = other.get("Sid") in (name, name + _mark(wanted))
    return named and bool(set(_values(other.get("Resource", []))) & set(_values(wanted["Resource"])))


def _free_name(wanted: Statement, beside: Sequence[Statement]) -> str:
    name = str(wanted["Sid"])
    return name + _mark(wanted) if any(other.get("Sid") == name for other in beside) else name


def _mark(wanted: Statement) -> str:
    """Tells repositories in one bucket apart; letters and digits alone are allowed in names."""
    return hashlib.sha256(str(sorted(_values(wanted["Resource"]))[0]).encode()).hexdigest()[:8]


def _values(said: Any) -> list[str]:
    return sorted({str(one).lower() if isinstance(one, bool) else str(one) for one in _listed(said)})


def _listed(said: Any) -> list[Any]:
    return list(said) if isinstance(said, list | tuple) else [said]


def _principal(said: Any) -> Any:
    if not isinstance(said, dict):
        return said
    found = {kind: sorted(str(one) for one in _listed(names)) for kind, names in said.items()}
    return "*" if found == {"AWS": ["*"]} else found


def _account(principal: str) -> str:
    """``arn:aws:iam::123456789012:root`` and ``123456789012`` are the same."""
    return principal.split(":")[4] if principal.startswith("arn:") and principal.count(":") >= 5 else principal
