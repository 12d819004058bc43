"""One piece of work by several processes: each takes the names whose hash falls in its range, the last one gathers and finishes.

The others leave what they found in the state folder, which all of them share; what a process that died had done is done again by the same
number started again. Nothing of this is believed that does not lie there: whoever may write to the state folder is this installation.

Source: ranges of a hash instead of ranges of names, so that a tree that changes between two walks leaves no gap and no overlap.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.replace_file import replace_file
from lifeboat.foundation.sizes import show_seconds
from lifeboat.foundation.value import Value

SHARDS_AT_MOST = 10_000
"""Kubernetes' own limit for the pods of an Indexed Job; an array of AWS Batch has at most as many."""
KEPT_SECONDS = 7 * 86_400
"""A board on which nothing was written for so long is of a run that nobody finishes."""
WAIT_SECONDS = 3600.0
"""How long the last shard waits for the others, unless somebody says how long."""
RESULT_COUNTS_SECONDS = 3600.0
"""A process that is started again after its run was finished belongs to it for so long."""
LOOK_EVERY_SECONDS = 0.5
_SPACE = 1 << 64


def holder(uniform: bytes, of: int) -> int:
    """The number of the shard to which a hash falls."""
    return int.from_bytes(uniform[:8], "big") * of // _SPACE


class ShardRefused(SettingsError):
    """A shard that does not fit the others of its run, or is no shard at all."""

    code = "shard-refused"


class ShardsMissing(SettingsError):
    """The last shard has waited as long as it was told to, and others are not done."""

    code = "shards-missing"


class Shard(Value):
    """One of ``of`` processes.

    Args:
        number: From 0, as ``JOB_COMPLETION_INDEX`` and ``AWS_BATCH_JOB_ARRAY_INDEX`` count.
        run: What all processes of this piece of work are called together.
    """

    number: int
    of: int
    run: str

    @classmethod
    def read(cls, text: str, run: str) -> "Shard":
        """``0/4`` to ``3/4``; raises ``ShardRefused``."""
        found = re.fullmatch(r"([0-9]{1,5})/([0-9]{1,5})", text)
        if found is None:
            raise ShardRefused(f"`{text}` is no shard", "number and how many there are, as 0/4, 1/4, 2/4, 3/4")
        number, of = int(found[1]), int(found[2])
        if not 1 <= of <= SHARDS_AT_MOST:
            raise ShardRefused(f"{of} shards", f"from 1 to {SHARDS_AT_MOST:,}")
        if number >= of:
            raise ShardRefused(f"there is no shard {number} of {of}", f"shards count from 0: 0/{of} to {of - 1}/{of}")
        if not run:
            raise ShardRefused(
                "the shards of one run need a name that they share",
                "--shard-run NAME or LIFEBOAT_SHARD_RUN: the same for all of them, another one for the next run",
            )
        return cls(number, of, run)

    @property
    def gathers(self) -> bool:
        """Whether it is the one that finishes what all of them did."""
        return self.number == self.of - 1

    def holds(self, uniform: bytes) -> bool:
        """Whether a name falls to it. Args: uniform: a hash, or the first eight bytes of one."""
        return holder(uniform, self.of) == self.number

    def holds_name(self, name: bytes) -> bool:
        """The same for a name that is no hash, such as a path."""
        return self.holds(hashlib.blake2b(name, digest_size=8).digest())

    def __str__(self) -> str:
        return f"shard {self.number} of {self.of}"


class Sharing(Value):
    """What one process of several was asked for. Args: wait_seconds: How long the last one waits for the others."""

    shard: Shard
    wait_seconds: float = WAIT_SECONDS


class ShardDone(Value):
    """The report of a shard that does not gather.

    Args:
        did: In words: ``412 objects read, 1.2 GiB``.
        next: Who goes on.
        was_done: It had nothing to do: an earlier process of this number had done it.
    """

    shard: int
    of: int
    run: str
    task: str
    did: str
    next: str
    was_done: bool = False

    @classmethod
    def of_shard(
        cls, shard: Shard, task: str, did: str, *, was_done: bool = False, finished: bool = False
    ) -> "ShardDone":
        """Args: finished: The last shard has gathered already."""
        last = shard.of - 1
        gathers = f"shard {last} has gathered" if finished else f"shard {last} gathers"
        return cls(shard.number, shard.of, shard.run, task, did, gathers, was_done)


class Board:
    """Where the shards of one run leave what they found.

    Args:
        folder: The state folder of the repository.
        task: What is done, such as ``verify``; runs of different tasks may have the same name.
        what: All that must be the same for every shard: arguments, repository, sources.
    """

    def __init__(self, folder: Path, task: str, shard: Shard, what: Mapping[str, Any], clock: Clock) -> None:
        self.shard = shard
        self._clock = clock
        self._above = folder / "shards"
        self._what = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()
        run = hashlib.sha256(f"{task}\0{shard.run}\0{shard.of}".encode()).hexdigest()[:16]
        self.folder = self._above / f"{task}-{run}"

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold this shard's number; a second process with the same one is refused."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.folder / f"{self.shard.number}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._cannot(error) from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ShardRefused(
                    f"{self.shard} of run {self.shard.run} is being done by another process",
                    "give each process a number of its own",
                ) from None
            except OSError:
                pass  # no locks there: two with the same number do the same work twice, and harm nothing
            self._forget_old_ones()
            yield
        finally:
            os.close(descriptor)

    def path(self, name: str, number: int | None = None) -> Path:
        """A file of a shard's own, this one's if no number is given; named in its part it is there whole."""
        return self.folder / f"{self.shard.number if number is None else number}.{name}"

    def part(self, number: int | None = None) -> dict[str, Any] | None:
        """What a shard left, or None while it is not done; raises ``ShardRefused`` when it did another work than this."""
        return self._read(str(self.shard.number if number is None else number))

    def leave(self, part: Mapping[str, Any]) -> None:
        """Say that this shard is done, and what it found; durable when it returns."""
        self._write(str(self.shard.number), part)

    def result(self) -> dict[str, Any] | None:
        """What the gathering shard made of all parts, once it has.

        Raises:
            ShardRefused: That was long ago: this is another run, and the old report would be taken for its own.
        """
        found = self._read("result")
        if found is not None:
            age = self._clock.now().timestamp() - (self.folder / "result.json").stat().st_mtime
            if age > RESULT_COUNTS_SECONDS:
                raise ShardRefused(
                    f"a run called {self.shard.run} was finished {show_seconds(age)} ago",
                    "a name of its own for each run, such as that of its job: --shard-run or LIFEBOAT_SHARD_RUN",
                )
        return found

    def finish(self, result: Mapping[str, Any]) -> None:
        """Remember the result, for shards that are started again, and let go of what led to it."""
        self._write("result", result)
        for path in self.folder.iterdir():
            if path.name != "result.json" and path.suffix != ".lock":
                with suppress(OSError):
                    path.unlink()

    def gather(self, seconds: float, tell: Callable[[int], None] = lambda missing: None) -> list[dict[str, Any]]:
        """Wait for the parts of all others, and return them with this one's, in order.

        Args:
            seconds: How long at most; raises ``ShardsMissing`` then.
            tell: Hears how many are missing, whenever that changes.
        """
        until = self._clock.monotonic() + seconds
        parts: dict[int, dict[str, Any]] = {}
        told = -1
        while True:
            for number in range(self.shard.of):
                if number not in parts and (part := self.part(number)) is not None:
                    parts[number] = part
            missing = self.shard.of - len(parts)
            if not missing:
                return [parts[number] for number in range(self.shard.of)]
            if missing != told:
                tell(missing)
                told = missing
            if self._clock.monotonic() >= until:
                some = ", ".join(str(number) for number in range(self.shard.of) if number not in parts)[:100]
                raise ShardsMissing(
                    f"{missing} of {self.shard.of} shards of run {self.shard.run} are not done: {some}",
                    "start those again, then this one: what is done is not done twice",
                )
            self._clock.sleep(LOOK_EVERY_SECONDS)

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            said = json.loads((self.folder / f"{name}.json").read_bytes())
        except (OSError, ValueError, RecursionError):
            return None
        if not isinstance(said, dict) or not isinstance(said.get("said"), dict):
            return None
        if said.get("what") != self._what:
            raise ShardRefused(
                f"another shard of run {self.shard.run} was told to do something else",
                "the same command and settings for all shards of a run; a new --shard-run for new work",
            )
        part: dict[str, Any] = said["said"]
        return part

    def _write(self, name: str, said: Mapping[str, Any]) -> None:
        try:
            replace_file(self.folder / f"{name}.json", json.dumps({"what": self._what, "said": said}).encode())
        except OSError as error:
            raise self._cannot(error) from error

    def _forget_old_ones(self) -> None:
        """Remove boards of runs that ended or were given up long ago."""
        for folder in list(self._above.iterdir()):
            with suppress(OSError):
                newest = max((path.stat().st_mtime for path in folder.iterdir()), default=folder.stat().st_mtime)
                if folder != self.folder and self._clock.now().timestamp() - newest > KEPT_SECONDS:
                    shutil.rmtree(folder)

    def _cannot(self, error: OSError) -> SettingsError:
        return SettingsError(
            f"{self.folder} in the state folder cannot be written: {(error.strerror or str(error)).lower()}",
            "all shards share one state folder: set LIFEBOAT_STATE to it, and see that this user may write there",
        )
