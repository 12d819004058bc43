"""What makes a plan another version, and what has changed since one was written: facts without dates and measurements. Pure.

Invariant: what was not looked at is no change. A part that is None now stays as it was when somebody could look.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from lifeboat.evidence.plan.facts import PlanFacts
from lifeboat.evidence.plan.words import span_words, time_words
from lifeboat.foundation.value import Value

TEXT = 2
"""Raised when the procedures say something else than before: the plan is then another version, whatever the facts are."""
Parts = Mapping[str, Any]
"""Plain JSON, by the name of the part; None: nobody could look."""
ORDER = "order of contacts"
_WORDS = {
    "organisation": "the organisation",
    "contacts": "the contacts",
    "installation": "this installation",
    "repository": "the place of the copies",
    "replicas": "the second copies",
    "recipients": "the keys that open the copies",
    "databases": "the databases that are protected",
    "left out": "the databases that are left out",
    "files": "the folders of files",
    "configuration": "the configuration",
    "retention": "what is kept",
    "objectives": "the objectives",
    "any moment": "whether any moment can be restored",
    "schedule": "what runs when",
    "drills": "how often drills are made",
    "text": "what the procedures say",
}


class Changed(Value):
    """One thing that is not as the plan says. Args: what: in words; was, now: short."""

    what: str
    was: str
    now: str

    @property
    def sentence(self) -> str:
        return f"{self.what}: {self.was} is now {self.now}"


def stable_parts(facts: PlanFacts) -> Parts:
    """The parts of a plan that make it another version when they change."""
    here, database, trees = facts.installation, facts.database, facts.trees
    names = _told_apart([one.name for one in facts.contacts])
    return {
        "organisation": {
            "name": facts.organisation,
            "application": facts.application,
            "systems": list(facts.systems),
        },
        "contacts": {name: _plain(one, "name") for name, one in zip(names, facts.contacts, strict=True)},
        ORDER: names,
        "installation": {
            "label": here.label,
            "folder": here.folder,
            "role": here.role,
            "profile": here.profile,
            "database": database.address,
        },
        "repository": _place(facts),
        "replicas": {one.name: [one.location, one.region, one.endpoint] for one in facts.replicas},
        "recipients": None if facts.keys is None else {one.fingerprint: one.name for one in facts.keys},
        "databases": None if database.protected is None else list(database.protected),
        "left out": None if database.left_out is None else list(database.left_out),
        "files": {
            "folders": list(trees.files),
            "include": list(trees.include),
            "exclude": list(trees.exclude),
            "one filesystem": trees.one_filesystem,
        },
        "configuration": list(trees.config),
        "retention": {
            **facts.keep.numbers,
            "window of the archive": facts.keep.window_days,
            "object lock": facts.keep.object_lock,
            "lock days": facts.keep.lock_days,
            "age rules": facts.keep.lifecycle,
        },
        "objectives": {
            "RTO": span_words(facts.rto_seconds),
            **{
                f"RPO of {one.source}": span_words(one.objective_seconds)
                for one in facts.sources
                if one.is_set_up and one.objective_seconds is not None
            },
        },
        "any moment": facts.streams,
        "schedule": {one.title: time_words(one.time) if not one.why else one.why for one in facts.jobs},
        "drills": {
            "to": facts.drill_to,
            **{name: span_words(seconds) for name, seconds in facts.drill_every.items()},
        },
        "text": TEXT,
    }


def carried(now: Parts, before: Parts | None) -> dict[str, Any]:
    """The parts of now; where nobody could look, those of before."""
    old = before or {}
    return {name: old.get(name) if part is None else _with_known(part, old.get(name)) for name, part in now.items()}


def parts_digest(parts: Parts) -> str:
    """SHA-256 (hex) of the parts."""
    return hashlib.sha256(as_json(parts).encode()).hexdigest()


def as_json(parts: Parts) -> str:
    return json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def changes(before: Parts, now: Parts) -> list[Changed]:
    """Each thing that is not as before, in the order of the parts; what was not looked at then or now is left out."""
    found: list[Changed] = []
    for name, part in now.items():
        if name not in before or before[name] is None or part is None:
            continue
        if name == ORDER and set(before[name]) != set(part):
            continue  # who is new or gone was told above
        found += _compared(_WORDS.get(name, name), before[name], part)
    return found


def _compared(what: str, was: Any, now: Any) -> list[Changed]:
    if was == now or was is None or now is None:
        return []
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        found = []
        for key in [*was, *(one for one in now if one not in was)]:
            if key not in now:
                found.append(Changed(f"{what}, {_name(key)}", _short(was[key]), "gone"))
            elif key not in was:
                found.append(Changed(f"{what}, {_name(key)}", "not there", _short(now[key])))
            else:
                found += _compared(f"{what}, {_name(key)}", was[key], now[key])
        return found
    if isinstance(was, list) and isinstance(now, list) and all(isinstance(one, str) for one in [*was, *now]):
        gone, new = [one for one in was if one not in now], [one for one in now if one not in was]
        if gone or new:
            return [
                *([Changed(what, ", ".join(gone), "gone")] if gone else []),
                *([Changed(what, "not there", ", ".join(new))] if new else []),
            ]
    return [Changed(what, _short(was), _short(now))]


def _name(key: str) -> str:
    return key.replace("_", " ") if key == "key_holder" else key


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(
            name.replace("_", " ") if one is True else f"{name} {_short(one)}"
            for name, one in value.items()
            if one not in ("", None, [], False)
        )
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_short(one) for one in value if one not in ("", None)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value in ("", None) else str(value)


def _told_apart(names: Sequence[str]) -> list[str]:
    """Names, each once: two shifts may both be called "on call"."""
    found: list[str] = []
    for name in names:
        number = sum(one.partition(" (number ")[0] == name for one in found) + 1
        found.append(name if number == 1 else f"{name} (number {number})")
    return found


def _plain(one: Any, without: str) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(one).items()
        if name != without
    }


def _place(facts: PlanFacts) -> dict[str, Any]:
    place = facts.place
    return {
        "location": place.location,
        "region": place.region,
        "endpoint": place.endpoint,
        "id": facts.installation.repository_id,
    }


def _with_known(part: Any, old: Any) -> Any:
    """A part whose own fields may be unknown (the profile of a repository that is away): those as before."""
    if isinstance(part, Mapping) and isinstance(old, Mapping):
        return {name: old.get(name) if value is None else value for name, value in part.items()}
    return part
