"""What serve runs here, and what is due elsewhere."""

from collections.abc import Sequence

from rich.console import RenderableType

from lifeboat.app.duties import Duty
from lifeboat.cli.show.console import FAINT, STRONG, columns, next_steps, safe, text


def draw_plan(rows: Sequence[Duty]) -> list[RenderableType]:
    table = columns("job", "what", "when", "runs", fold=("what", "runs"))
    for row in rows:
        where = safe("here") if row.here else text(row.why, FAINT)
        table.add_row(text(row.job, STRONG), safe(f"lifeboat {row.command}"), safe(row.time), where)
    return [table, *next_steps(("lifeboat serve", "run them"), ("lifeboat schedule status", "how each last ended"))]
