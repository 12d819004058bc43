"""An exercise at a terminal: how to begin, what a team is told, whether it is mended."""

import shlex
from typing import TYPE_CHECKING

from rich.console import RenderableType

from lifeboat.cli.show.console import BAD, GOOD, STRONG, indented, line, text, unbroken
from lifeboat.foundation.sizes import show_seconds

if TYPE_CHECKING:
    from lifeboat.app.exercise.running import Broken, ExerciseReady, Judged

WANTING_AT_MOST = 5


def draw_ready(ready: "ExerciseReady") -> list[RenderableType]:
    drawn: list[RenderableType] = ["", line(("The exercise is up.", GOOD), " Leave this terminal; Ctrl-C ends it.")]
    drawn += ["", line(("In another terminal", STRONG))]
    drawn += [unbroken(f"  cd {shlex.quote(ready.folder)}", STRONG)]
    if ready.to_unset:
        drawn += [unbroken(f"  unset {' '.join(ready.to_unset)}", STRONG)]
    drawn += [unbroken("  lifeboat demo --break 1", STRONG), unbroken("  lifeboat demo --check", STRONG)]
    drawn += [
        "",
        text("Settings and key are in that folder (lifeboat.toml, .env): every command of Lifeboat works there."),
    ]
    drawn += [text("The database is at:"), unbroken(f"  {ready.mongodb_uri}")]
    drawn += ["", line(("Tasks", STRONG), " (docs/training.md)")]
    return drawn + [indented(text(one), 2) for one in ready.tasks]


def draw_broken(broken: "Broken") -> list[RenderableType]:
    head = f"Task {broken.task}, {broken.minutes} minutes. The clock runs."
    drawn: list[RenderableType] = ["", line((head, BAD)), "", text(broken.told), ""]
    drawn += [unbroken(f"  {one}") for one in broken.where]
    return [*drawn, "", line("mended? ", ("lifeboat demo --check", STRONG))]


def draw_judged(judged: "Judged") -> list[RenderableType]:
    took = f"after {show_seconds(judged.seconds)} (time box: {judged.minutes} min)"
    if judged.solved:
        late = judged.seconds > judged.minutes * 60
        return [line((f"Task {judged.task} is solved", GOOD), f" {took}{', too late' if late else ''}")]
    drawn: list[RenderableType] = [line((f"Task {judged.task} is not solved", BAD), f" {took}")]
    drawn += [indented(text(one), 2) for one in judged.wanting[:WANTING_AT_MOST]]
    if (more := len(judged.wanting) - WANTING_AT_MOST) > 0:
        drawn.append(indented(text(f"and {more:,} more"), 2))
    return drawn
