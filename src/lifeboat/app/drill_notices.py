"""Who hears that a drill begins and what it came to: the channels of ``[notify]``. One that fails stops nothing."""

import socket

from lifeboat.app.settings import Settings
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.progress import Progress
from lifeboat.foundation.sizes import show_seconds
from lifeboat.operations.drill.report import DrillReport, Outcome
from lifeboat.operations.drill.scenario import RULES, Scenario
from lifeboat.services.notify.notice import Kind, Notice
from lifeboat.services.notify.telling import send


def tell_begin(settings: Settings, clock: Clock, drill: str, scenario: Scenario, progress: Progress) -> None:
    notice = Notice(
        Kind.DRILL,
        _about(settings),
        f"drill {drill} begins: {scenario}",
        f"A drill has begun: it pretends to have lost {RULES[scenario].lost}.",
        "Nothing that is live is touched: everything goes to a server and a folder of the drill's own, which are wiped afterwards.",
        "Nothing. You are told how it ends.",
        clock.now(),
    )
    _send(notice, settings, clock, progress)


def tell_end(settings: Settings, clock: Clock, report: DrillReport, progress: Progress) -> None:
    rto = report.measures.rto_seconds
    back = "nothing was back" if rto is None else f"everything was back after {show_seconds(rto)}"
    differing = [one for one in report.compared if not one.is_equal]
    failed = [one for one in report.checked if not one.passed]
    wrong = [one.differences[0].subject for one in differing if one.differences] + [one.name for one in failed]
    happened = f"The drill {report.outcome}: {back} (objective {show_seconds(report.measures.rto_objective_seconds)})."
    if wrong:
        happened += f" Not as it was: {', '.join(wrong[:3])}."
    passed = report.outcome is Outcome.PASSED
    notice = Notice(
        Kind.DRILL,
        _about(settings),
        f"drill {report.drill} {report.outcome}: {report.scenario}",
        happened,
        "The copies can be restored, and this is how long it takes."
        if passed
        else "On the day of a disaster this would be so, too.",
        f"`lifeboat report drill {report.drill}` shows all of it."
        + ("" if passed else " Put down what is to be done: `lifeboat drill follow-up add`."),
        clock.now(),
    )
    _send(notice, settings, clock, progress)


def _about(settings: Settings) -> str:
    return f"{settings.folder.name or 'lifeboat'} on {socket.gethostname() or 'unnamed'}"


def _send(notice: Notice, settings: Settings, clock: Clock, progress: Progress) -> None:
    if not settings.drills.notify:
        return
    for failure in send(notice, settings.notify.channels(socket.gethostname()), clock).failures:
        progress.note(f"nobody was told of the drill by one way: {failure.message}")
