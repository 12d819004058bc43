"""``lifeboat`` with the pretended Lifeboat, as a process of its own: ``pretend_main.py '{"late": true}' status``."""

import json
import sys
import time

from pretend_lifeboat import DAMAGE, FixedClock, PretendLifeboat

import lifeboat.cli.main as main_module
from lifeboat.cli.run import Run


def work_slowly(pretended: PretendLifeboat) -> None:
    pretended.progress.begin("reading shop.users", total_bytes=20_000_000)
    for _ in range(20):
        pretended.progress.advance(100_000, 10)
        time.sleep(0.1)
    pretended.progress.note("uploads/a\x1b[31mb.txt vanished while it was read")


class SlowClock(FixedClock):
    """The date stands still, so that output is the same every day; spans are real."""

    def monotonic(self) -> float:
        return time.monotonic()


def main() -> None:
    answers = json.loads(sys.argv.pop(1))
    if answers.pop("slow", False):
        answers["during"] = work_slowly
    if answers.pop("damage", False):
        answers["findings"] = (DAMAGE,)
    if bug := answers.pop("bug", None):
        answers["fails_with"] = ValueError(bug)

    def make_run(*given: object) -> Run:
        environment, folder, _ = given
        return Run(environment, folder, SlowClock(), lambda s, c, p: PretendLifeboat(s, c, p, **answers))  # type: ignore[arg-type]

    main_module.Run = make_run  # type: ignore[assignment,misc]
    main_module.main()


main()
