"""What ``lifeboat serve`` starts: jobs as ``lifeboat schedule run JOB``, and one ``lifeboat stream`` that is begun again whenever it ends.

Limits: a job that was begun is watched by its own ``schedule run``, which holds the job's lock and remembers the end: when serve is
killed the job goes on to its end, and the next serve sees it run. The stream ends by itself when serve is gone: its input closes.
"""

import json
import subprocess
import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from lifeboat.foundation.clock import Clock
from lifeboat.services.schedule.due import Past, Timed
from lifeboat.services.schedule.memory import JobMemory, JobStillRuns, ScheduleMemory
from lifeboat.services.schedule.process import ask_to_end, begin_lifeboat, kill_group
from lifeboat.services.schedule.told import SLOT

DONE = (0, 3, 4)
"""Exit statuses after which a slot is done: findings and what is missing are told, and would be the same a minute later."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0
HOPELESS_PAUSE_SECONDS = 600.0
"""For a stream that settings, key or database forbid: somebody may have changed them."""
STEADY_SECONDS = 60.0
"""A stream that ran so long before it ended begins again at once."""
HOPELESS = (2, 10, 11)
STREAM = "stream"


class JobRuns:
    """The ``Runs`` of the loop.

    Args:
        seen: Asked before a backup begins: when the newest one began that others have made, and how long to leave the slot to them.
    """

    def __init__(
        self,
        memory: ScheduleMemory,
        config: Path | None,
        environment: Mapping[str, str],
        folder: Path,
        clock: Clock,
        seen: Callable[[str], tuple[datetime | None, timedelta]],
    ) -> None:
        self._memory = memory
        self._config = ("--config", str(config)) if config else ()
        self._environment = environment
        self._folder = folder
        self._clock = clock
        self._seen = seen
        self._mutex = threading.Lock()
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self._is_over = False
        self.jobs: tuple[Timed, ...] = ()

    def pasts(self) -> Mapping[str, Past]:
        said = self._memory.read().get("jobs", {})
        now = self._clock.now()
        return {job.name: self._past(job, self._memory_of(said.get(job.name, {})), now) for job in self.jobs}

    def running(self) -> Collection[str]:
        with self._mutex:
            for job, child in list(self.children.items()):
                if child.poll() is not None:
                    del self.children[job]
            mine = set(self.children)
        return mine | {job.name for job in self.jobs if job.name not in mine and self._runs_elsewhere(job.name)}

    def settle(self, job: str, slot: datetime) -> None:
        with self._memory.job_changed(job) as said:
            said.slot, said.tries = slot.isoformat(), 0

    def begin(self, job: str, slot: datetime, tries: int) -> None:
        with self._memory.job_changed(job) as said:
            said.slot, said.tries, said.tried = slot.isoformat(), tries, self._clock.now().isoformat()
        self.start(job, slot)

    def start(self, job: str, slot: datetime | None = None) -> None:
        """Begin a run now, whatever is due. Args: slot: The planned time it is for, so that the journal knows it; None: for no slot."""
        planned = {SLOT: slot.isoformat()} if slot else {}
        with self._mutex:
            if job in self.children or self._is_over:
                return
            self.children[job] = begin_lifeboat(
                ("schedule", "run", job, "--quiet", "--for-serve", *self._config),
                self._folder,
                {**self._environment, **planned},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )

    def any_child(self) -> bool:
        with self._mutex:
            return any(child.poll() is None for child in self.children.values())

    def ask_to_stop(self) -> None:
        with self._mutex:
            for child in self.children.values():
                ask_to_end(child)

    def kill(self) -> None:
        """End them at once; none is begun any more."""
        with self._mutex:
            self._is_over = True
            for child in self.children.values():
                kill_group(child)

    def _runs_elsewhere(self, job: str) -> bool:
        """A run that somebody else began: a timer, a person, a serve that was killed."""
        said = self._memory.job(job)
        return said.was_killed and self._memory.is_running(job)

    def _memory_of(self, said: Mapping[str, Any]) -> JobMemory:
        return JobMemory(**{key: said[key] for key in JobMemory.__dataclass_fields__ if key in said})

    def _past(self, job: Timed, said: JobMemory, now: datetime) -> Past:
        began, ended, tried = (_instant(text) for text in (said.began, said.ended, said.tried))
        good = said.tries == 0 or bool(said.status in DONE and ended and tried and ended >= tried)
        past = Past(_instant(said.slot), said.tries, began, ended, good)
        if began and ended and said.status in DONE and began <= now:
            # By a timer, or by hand with `schedule run`: the slot needs no second one.
            past = replace(past, seen=began)
        newest = job.slots.last_until(now - job.jitter)
        is_open = past.slot is None or past.slot < newest or not past.good
        if is_open and now >= newest and (past.seen is None or past.seen < newest):
            seen, behind = self._seen(job.name)
            past = replace(past, seen=max((one for one in (past.seen, seen) if one), default=None), behind=behind)
        return past


class StreamChild:
    """Args: changed: Hears of every status of the stream, and of what happened to it."""

    def __init__(
        self,
        memory: ScheduleMemory,
        config: Path | None,
        environment: Mapping[str, str],
        folder: Path,
        clock: Clock,
        say: Callable[[str], None],
    ) -> None:
        self._memory = memory
        self._config = ("--config", str(config)) if config else ()
        self._environment = environment
        self._folder = folder
        self._clock = clock
        self._say = say
        self._child: subprocess.Popen[bytes] | None = None
        self._began = 0.0
        self._pause = FIRST_PAUSE_SECONDS
        self._not_before = 0.0
        self.status: dict[str, Any] | None = None
        """The newest that it said of itself, as ``stream --json`` prints it."""
        self.trouble: str | None = None
        """Why it does not run; None while it does."""

    @property
    def is_running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def look(self) -> None:
        """Begin it if it does not run and its pause is over."""
        if self._child is not None and (code := self._child.poll()) is not None:
            self._ended(code)
        if self._child is None and self._clock.monotonic() >= self._not_before:
            self._begin()

    def ask_to_stop(self) -> None:
        if self._child is not None:
            ask_to_end(self._child)

    def kill(self) -> None:
        if self._child is not None:
            kill_group(self._child)

    def _begin(self) -> None:
        with ExitStack() as stack:
            try:
                lock = stack.enter_context(self._memory.alone(STREAM))
            except JobStillRuns:
                # That of a serve which was killed stores what it has read, then ends.
                self._not_before = self._clock.monotonic() + FIRST_PAUSE_SECONDS
                self.trouble = "an earlier one is about to end"
                return
            self._child = begin_lifeboat(
                ("stream", "--json", "--ends-with-input", *self._config),
                self._folder,
                self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=(lock,),
                start_new_session=True,
            )
        self._began, self.trouble = self._clock.monotonic(), None
        threading.Thread(target=self._listen, args=(self._child,), name="stream-listener", daemon=True).start()

    def _listen(self, child: "subprocess.Popen[bytes]") -> None:
        assert child.stdout is not None
        for line in child.stdout:
            try:
                said = json.loads(line)
            except ValueError:
                continue
            if not isinstance(said, dict):
                continue
            if said.get("kind") == "status":
                self.status = said
            elif isinstance(error := said.get("error"), dict):
                self.trouble = str(error.get("message"))
                self._say(f"stream: {error.get('message')} [{error.get('code')}]; do: {error.get('hint')}")
            elif said.get("kind") == "event" and said.get("level") != "ok":
                hint = f"; do: {said['hint']}" if said.get("hint") else ""
                self._say(f"stream: {said.get('message')} [{said.get('code')}]{hint}")

    def _ended(self, code: int) -> None:
        child, self._child = self._child, None
        assert child is not None and child.stdin is not None
        child.stdin.close()
        ran = self._clock.monotonic() - self._began
        if code in HOPELESS:
            self._pause = HOPELESS_PAUSE_SECONDS
        elif ran >= STEADY_SECONDS or self._pause > LONGEST_PAUSE_SECONDS:
            self._pause = FIRST_PAUSE_SECONDS
        self._not_before = self._clock.monotonic() + self._pause
        self.trouble = self.trouble or f"it ended with exit status {code}"
        self._say(f"stream: it ended with exit status {code}; it begins again in {self._pause:.0f} s")
        if self._pause <= LONGEST_PAUSE_SECONDS:
            self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
