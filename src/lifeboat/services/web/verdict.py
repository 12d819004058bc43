"""Am I safe? One sentence. Pure."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from lifeboat.foundation.finding import Level
from lifeboat.foundation.value import Value
from lifeboat.journal.rows import AlertRow
from lifeboat.operations.reports.standing import SourceStatus
from lifeboat.repository.names import typed
from lifeboat.services.web.facts import Seen
from lifeboat.services.web.words import sentence, span

STALE_SECONDS = 15 * 60.0
"""What was seen so long ago is no answer any more."""
PEOPLE = {"db": "the database", "files": "the files", "config": "the configuration"}


class Mood(StrEnum):
    GOOD = "good"
    DOUBTFUL = "doubtful"
    BAD = "bad"
    UNKNOWN = "unknown"


class Verdict(Value):
    """Args: answer: One or two words. sentence: Why. act: What to type; may be empty."""

    mood: Mood
    answer: str
    sentence: str
    act: str = ""


def verdict_of(seen: Seen | None, alerts: Sequence[AlertRow], now: datetime) -> Verdict:
    """The worst of what is known decides."""
    if seen is None:
        return Verdict(Mood.UNKNOWN, "Looking", "The repository is being looked at for the first time.")
    if seen.status is None:
        return Verdict(Mood.UNKNOWN, "Not known", f"The repository cannot be looked at: {seen.trouble}.", seen.hint)
    age = (now - seen.at).total_seconds()
    if age > STALE_SECONDS:
        words = f"The repository was last seen {span(age)} ago, and has not answered since."
        return Verdict(Mood.UNKNOWN, "Not known", words, "lifeboat status")
    status = seen.status
    if not status.sources:
        words = "No source is set up, so nothing is protected."
        return Verdict(Mood.BAD, "Not safe", words, "lifeboat init")
    late = [one for one in status.sources if not one.meets_objective]
    if late:
        names = [typed(one.source) for one in late]
        act = f"lifeboat backup {names[0] if len(names) == 1 else 'all'}"
        return Verdict(Mood.BAD, "Not safe", sentence(f"{'; '.join(_late(one, age) for one in late)}."), act)
    problem = next((one for one in status.findings if one.level is Level.PROBLEM), None)
    if problem is not None:
        return Verdict(Mood.BAD, "Not safe", sentence(f"{_named(problem.subject)}{problem.message}."), problem.hint)
    critical = next((one for one in alerts if one.severity == "critical"), None)
    if critical is not None:
        happened = str(critical.facts.get("happened") or critical.key)
        return Verdict(Mood.BAD, "Not safe", _sentence(happened), str(critical.facts.get("to_do") or ""))
    lost = (
        f"If all of it were gone now, at most this would be lost: {_and([_loss(one, age) for one in status.sources])}."
    )
    warnings = [one for one in alerts if one.severity == "warning"]
    if warnings:
        more = f"{len(warnings)} warning{'s' if len(warnings) > 1 else ''} to look at below"
        return Verdict(Mood.DOUBTFUL, "Safe, but", f"{lost} {sentence(more)}.")
    return Verdict(Mood.GOOD, "Safe", lost)


def _loss(one: SourceStatus, age: float) -> str:
    """What a loss of everything in this instant would cost."""
    return f"{span(round((one.age_seconds or 0.0) + max(age, 0.0)))} of {PEOPLE.get(typed(one.source), one.source)}"


def _late(one: SourceStatus, age: float) -> str:
    name = PEOPLE.get(typed(one.source), one.source)
    if one.age_seconds is None:
        return f"there is no backup of {name}"
    goal = span(one.objective_seconds)
    return f"the newest copy of {name} is {span(round(one.age_seconds + max(age, 0.0)))} old, and the goal is {goal}"


def _and(some: Sequence[str]) -> str:
    return ", ".join(some[:-1]) + (" and " if some[:-1] else "") + some[-1]


def _named(subject: str) -> str:
    return f"{subject}: " if subject else ""


def _sentence(text: str) -> str:
    words = sentence(text)
    return words if words.endswith((".", "!", "?")) else f"{words}."
