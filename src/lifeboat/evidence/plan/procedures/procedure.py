"""The shape of a procedure, and the phrases that procedures share.

A command that needs something nobody can know beforehand (a moment, a snapshot) takes it from a variable that is set in the line above to a
sentence: whoever copies it without writing the right thing there is refused by Lifeboat, and nothing is restored to a wrong moment.
"""

import shlex
from collections.abc import Iterable, Mapping

from lifeboat.evidence.plan.facts import PlanFacts
from lifeboat.foundation.sizes import show_bytes, show_seconds
from lifeboat.foundation.value import Value

MOMENT = "BEFORE='a moment before it happened, such as 2026-11-26T14:03:00+03:00'"
OPERATION = "OP='the number in front of the operation, as timeline --suspects shows it'"
ANOTHER_PLACE = "Write the new place as `LIFEBOAT_REPOSITORY` into .env, which wins over lifeboat.toml; for a new key take the old one out of both"
DRILLS: Mapping[str | None, str] = {
    "database-loss": "drill --scenario database-loss",
    "file-loss": "drill --scenario file-loss",
    "server-loss": "drill --scenario server-loss",
    "ransomware": "drill --scenario ransomware --before '2 hours ago'",
    "key-holder-lost": "drill --scenario key-holder-lost --key-file second.key",
}
"""How each is measured; ``bad-deploy`` needs a collection and is named where there is one."""
NEEDS_KEY = frozenset(
    {"restore", "diff", "timeline", "retrieve", "keygen", "verify", "replicate", "emergency", "drill"}
)
NEW_MACHINE = "the first steps of procedure C, until it lists the copies"
SNAPSHOT = "SNAPSHOT='the first 8 letters of a snapshot of that list'"


class Step(Value):
    """Something to do, and what to type for it."""

    text: str
    lines: tuple[str, ...] = ()


class Procedure(Value):
    """One procedure.

    Args:
        letter: By which the decision tree calls it. question: What it answers, to be answered with yes or no.
        expected: How long it takes. told: Who has to be told.
    """

    letter: str
    title: str
    question: str
    stop: str
    steps: tuple[Step, ...]
    expected: str
    check: tuple[Step, ...]
    after: tuple[str, ...]
    told: str
    undo: Step


class Typed:
    """Writes commands as they are typed on this installation."""

    def __init__(self, facts: PlanFacts) -> None:
        config = facts.installation.config
        self._option = f" --config {shlex.quote(config)}" if config else ""
        self._folder = facts.installation.folder
        self._has_key = facts.installation.has_key

    def __call__(self, words: str) -> str:
        # What needs the key is typed on another machine, where this one's settings file is not.
        elsewhere = not self._has_key and words.split()[0] in NEEDS_KEY
        return f"lifeboat {words}{'' if elsewhere else self._option}"

    def enter(self) -> str:
        return f"cd {shlex.quote(self._folder)}"


def here(facts: PlanFacts) -> Step:
    """The first step of whatever needs the key."""
    installation = facts.installation
    uri = (
        ""
        if facts.source("db").is_set_up
        else " `MONGODB_URI` of the server to restore into has to stand in .env there."
    )
    if installation.has_key:
        return Step(f"On {installation.host}, as {installation.user}.{uri}", (Typed(facts).enter(),))
    return Step(
        f"{installation.host} has no key and can restore nothing. Go to a machine that has it: the keeper's, or a new one "
        f"({NEW_MACHINE}). `MONGODB_URI` of the server to restore into has to stand in .env there."
    )


def beside(facts: PlanFacts) -> str:
    """A target beside the live database, after ``--to``."""
    names = facts.database.protected or ()
    return f"{names[0]}_check" if len(names) == 1 else facts.drill_to or "env:STAGING_URI"


def example(facts: PlanFacts) -> str:
    """A collection that is there."""
    names = facts.database.protected or ("shop",)
    return facts.database.example or f"{names[0]}.users"


def point_words(facts: PlanFacts, *, elsewhere: bool = False) -> str:
    """What the newest point of the database is called. Args: elsewhere: on a machine that stored nothing itself."""
    at = facts.behind_at if elsewhere or facts.installation.label not in facts.stored_by else ""
    return f"--at {quoted(f'newest{at}')}" if facts.streams else quoted(f"latest{at}")


def newest_words(facts: PlanFacts) -> str:
    """The newest snapshot, on a machine that stored nothing itself."""
    return quoted(f"latest{facts.behind_at}")


def whose(facts: PlanFacts) -> str:
    """A sentence for who would else restore the database of another machine."""
    if not facts.behind_at:
        return ""
    return f" Several machines store here ({', '.join(facts.stored_by)}): behind the @ stands whose is meant."


def expected(facts: PlanFacts, sources: Iterable[str], scenario: str | None) -> str:
    """How long it takes, from what was measured; says so where nothing was."""
    wanted = [one for one in facts.sources if one.source in sources and one.snapshots]
    parts = []
    last = next((one for one in facts.drills or () if one.scenario == scenario and one.seconds is not None), None)
    if last is not None and last.seconds is not None:
        parts.append(f"the last drill of it took {show_seconds(last.seconds)} ({last.ended:%Y-%m-%d}, {last.outcome})")
    seconds = [one.restore_seconds for one in wanted]
    if wanted and None not in seconds:
        total, size = sum(one for one in seconds if one is not None), sum(one.bytes or 0 for one in wanted)
        parts.append(
            f"restoring the {show_bytes(size)} alone: about {show_seconds(total)}, as fast as the last one here"
        )
    if not parts:
        amount = f" of {show_bytes(sum(one.bytes or 0 for one in wanted))}" if wanted else ""
        how = f"; `{Typed(facts)(DRILLS[scenario])}` measures it" if scenario in DRILLS else ""
        return f"not measured yet: no restore{amount} was made on this machine and kept in mind{how}"
    return "; ".join(parts)


def quoted(path: str) -> str:
    return shlex.quote(path)


def told(facts: PlanFacts, lost: bool = True) -> str:
    """Who has to be told; chapter "Who is told" has the words."""
    words = "the incident lead at once" if facts.contacts else "whoever leads"
    if not lost:
        return f"{words}; nobody outside, as long as nothing was lost or seen"
    return f'{words}; then chapter "Who is told": the authority within 72 hours, if personal data were lost, changed or seen'
