"""What Kubernetes and AWS Batch do with shards: starts all of them, and each again that did not end well; and kills, as clouds do."""

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from subprocess import Popen
from typing import Any

Start = Callable[[int], "Popen[str]"]
ENDED_WELL = (0, 3)
"""3: it ran to its end and has found something."""


@dataclass
class Ended:
    """Args: reports: Of each shard, its ``--json``. killed: Numbers, in the order of dying."""

    reports: dict[int, Any] = field(default_factory=dict)
    codes: dict[int, int] = field(default_factory=dict)
    killed: list[int] = field(default_factory=list)


def run_shards(
    start: Start,
    of: int,
    chance: random.Random,
    kills: int,
    after: tuple[float, float] = (0.3, 1.6),
    is_at_work: Callable[[int], bool] = lambda number: True,
) -> Ended:
    """Run them until all have ended well.

    Args:
        start: Starts the shard of this number, with ``--json``.
        kills: How many of them die, one after the other.
        after: A victim dies so many seconds after the kill before it, or later.
        is_at_work: Whether killing this one now interrupts what the test is about.
    """
    ended, running = Ended(), {number: start(number) for number in range(of)}
    next_kill = time.monotonic() + chance.uniform(*after)
    until = time.monotonic() + 240
    while running:
        assert time.monotonic() < until, f"shards {sorted(running)} do not end"
        victims = [one for one in sorted(running) if is_at_work(one)] if kills and time.monotonic() >= next_kill else []
        if victims:
            victim = chance.choice(victims)
            running[victim].kill()
            running[victim].communicate()
            ended.killed.append(victim)
            running[victim] = start(victim)
            kills, next_kill = kills - 1, time.monotonic() + chance.uniform(*after)
        for number, process in list(running.items()):
            if process.poll() is None:
                continue
            out, err = process.communicate()
            assert process.returncode in ENDED_WELL, f"shard {number} ended with {process.returncode}:\n{out}{err}"
            ended.reports[number], ended.codes[number] = json.loads(out), process.returncode
            del running[number]
        time.sleep(0.02)
    return ended
