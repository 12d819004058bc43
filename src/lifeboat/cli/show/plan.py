"""What came of writing the recovery plan, and whether it is still true."""

from collections.abc import Sequence

from rich.console import RenderableType

from lifeboat.cli.show.console import BAD, DOUBTFUL, GOOD, STRONG, columns, facts, line, next_steps, safe, text
from lifeboat.evidence.plan.report import PlanCheck, PlanWritten
from lifeboat.evidence.plan.stable import Changed


def draw_written(written: PlanWritten) -> list[RenderableType]:
    approved = [one for one in written.facts.approvals if one.version == written.version]
    rows = [("written", ", ".join(written.files)), ("version", str(written.version))]
    rows.append(("approved", ", ".join(one.by for one in approved) if approved else "by nobody yet"))
    rows.append(("to be written by people", ", ".join(written.to_write) or "nothing"))
    drawn: list[RenderableType] = [facts([(name, safe(value)) for name, value in rows])]
    if written.changed:
        drawn += ["", line((f"changed since version {written.version_before}", STRONG)), _table(written.changed)]
    for sentence in written.said:
        drawn += ["", line(("note  ", DOUBTFUL), sentence)]
    if not written.in_ledger:
        why = "the ledger could not be written" if written.facts.installation.has_key else "there is no key here"
        drawn += ["", line(("note  ", DOUBTFUL), f"{why}: the version is kept in the file alone")]
    steps = [("lifeboat report plan --check", "later: is it still true?")]
    if not approved and written.in_ledger:
        steps.insert(0, ('lifeboat report plan --approve "Name, role"', "when somebody has read it"))
    return [*drawn, *next_steps(*steps)]


def draw_check(checked: PlanCheck) -> list[RenderableType]:
    drawn: list[RenderableType] = [
        facts(
            [
                ("plan", safe(checked.file)),
                ("version", text(f"{checked.version}, made {checked.made:%Y-%m-%d %H:%M} UTC")),
            ]
        )
    ]
    if checked.changed:
        drawn += ["", _table(checked.changed)]
    drawn += [line(("stale  ", BAD), sentence) for sentence in checked.reasons]
    drawn += [line(("note   ", DOUBTFUL), sentence) for sentence in checked.not_looked_at]
    if not checked.is_stale:
        return [*drawn, "", text("still true", GOOD)]
    if checked.approval:
        drawn.append(line(("stale  ", BAD), checked.approval))
    count = len(checked.changed) + len(checked.reasons) + bool(checked.approval)
    if count == 1 and checked.approval:
        steps = ('lifeboat report plan --approve "Name, role"', "when somebody has read it")
        return [*drawn, "", text("true, and not approved", BAD), *next_steps(steps)]
    return [
        *drawn,
        "",
        text(f"stale: {count} {'reason' if count == 1 else 'reasons'} to make it anew", BAD),
        *next_steps(("lifeboat report plan", "make it anew; what people wrote stays")),
    ]


def _table(changed: Sequence[Changed]) -> RenderableType:
    table = columns("what", "in the plan", "now", fold=("what", "in the plan", "now"))
    for one in changed:
        table.add_row(safe(one.what), safe(one.was), safe(one.now))
    return table
