"""Alerts: what is wrong now, and what was."""

from collections.abc import Sequence
from datetime import datetime

from rich.console import RenderableType

from lifeboat.app.alerting import AlertCheck
from lifeboat.cli.show.console import BAD, DOUBTFUL, FAINT, GOOD, columns, line, next_steps, safe, text
from lifeboat.cli.show.moments import show_moment_short
from lifeboat.journal.rows import AlertRow

_STYLES = {"critical": BAD, "warning": DOUBTFUL, "info": FAINT}


def draw_check(done: AlertCheck) -> list[RenderableType]:
    """What is open, whom it was told, and what stood in the way."""
    drawn: list[RenderableType] = []
    for one in done.open:
        drawn += [line((f"{one.severity:<8} ", _STYLES[one.severity]), one.happened)]
        drawn += [text(f"         {one.means}", FAINT), text(f"         do: {one.to_do}")]
    drawn += [text("nothing is wrong", GOOD)] if not done.open else [""]
    drawn += [text(f"told by {where}") for where in done.reached]
    drawn += [text(f"could not be told: {why}", BAD) for why in done.not_sent]
    if done.nobody:
        drawn.append(text("nobody is told: neither an e-mail address nor another way is set", DOUBTFUL))
        drawn += next_steps(("lifeboat alerts test", "after LIFEBOAT_NOTIFY_EMAIL or [notify] in lifeboat.toml is set"))
    return drawn


def draw_history(rows: Sequence[AlertRow], now: datetime) -> list[RenderableType]:
    if not rows:
        return [text("no alert in that time", GOOD)]
    table = columns("since", "over", "severity", "what", fold=("what",))
    for row in rows:
        over = show_moment_short(row.closed, now) if row.closed else text("open", BAD)
        happened = str(row.facts.get("happened", row.key))
        table.add_row(
            show_moment_short(row.opened, now), over, text(row.severity, _STYLES.get(row.severity, "")), safe(happened)
        )
    return [table]
