"""The recovery plan as a document: facts and what people wrote in, blocks out. Pure; chapters stand in the files beside."""

from collections.abc import Mapping

from lifeboat.evidence.paper.document import Bullets, Commands, Document, Facts, NewPage, Paragraph, Writing, Yours
from lifeboat.evidence.plan import back, front, state
from lifeboat.evidence.plan.facts import PlanFacts
from lifeboat.evidence.plan.procedures.all_of_them import by_letter
from lifeboat.evidence.plan.procedures.procedure import Procedure, Step


def plan_document(facts: PlanFacts, version: int, yours: Mapping[str, str]) -> Document:
    """The whole plan.

    Args:
        yours: What people wrote, by the name of the part; names that are no more are kept in a chapter of their own.
    """
    writing = Writing()
    front.card(writing, facts, yours)
    writing.add(NewPage())
    front.about(writing, facts, version, yours)
    front.what_happened(writing, facts)
    front.whom_to_call(writing, facts, yours)
    back.needed(writing, facts, yours)
    for one in by_letter(facts):
        _procedure(writing, one)
    back.who_is_told(writing, facts, yours)
    back.people_bring_back(writing, yours)
    state.objectives(writing, facts)
    state.protected(writing, facts)
    state.not_protected(writing, facts, yours)
    state.copies(writing, facts)
    state.tests(writing, facts, yours)
    state.gaps(writing, facts)
    known = frozenset(one.name for one in writing.blocks if isinstance(one, Yours))
    back.kept_from_before(writing, yours, known)
    back.appendix(writing, facts)
    of = facts.application or facts.installation.label
    approved = any(one.version == version for one in facts.approvals)
    standing = "approved" if approved else "not approved"
    return Document(
        f"Disaster recovery plan of {of}",
        f"{facts.organisation + ' · ' if facts.organisation else ''}version {version}, {facts.made:%Y-%m-%d}, {standing}",
        tuple(writing.blocks),
        f"Recovery plan of {of}, version {version} of {facts.made:%Y-%m-%d}. Confidential: it holds names and telephone numbers, and no secret.",
    )


def _procedure(writing: Writing, one: Procedure) -> None:
    writing.chapter(f"{one.letter}. {one.title}")
    writing.add(
        Facts(
            (
                ("when", one.question),
                ("stop first", one.stop),
                ("takes", one.expected),
                ("tell", one.told),
            )
        )
    )
    for number, step in enumerate(one.steps, 1):
        _step(writing, f"{number}. ", step)
    writing.section("Check")
    for step in one.check:
        _step(writing, "", step)
    writing.section("Afterwards")
    writing.add(Bullets(one.after))
    writing.section("To undo it")
    _step(writing, "", one.undo)


def _step(writing: Writing, before: str, step: Step) -> None:
    writing.add(Paragraph(f"{before}{step.text}"))
    if step.lines:
        writing.add(Commands(step.lines))
