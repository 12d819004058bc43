"""Feed a parser what nobody meant it to read, and see that it says so in words.

Each input may be taken, or refused by one of the errors that the target names; anything else is a failure: another exception, more than
``CPU_SECONDS`` of work or ``STUCK_SECONDS`` of silence, ``MEMORY_BYTES`` more than the process had, or the death of the process. Inputs run in
batches in a forked child under those limits, which tells beforehand which input it takes: whatever happens, the input is known, and it can be
made again from seed and number.
"""

import json
import mmap
import os
import random
import resource
import select
import signal
import struct
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from fuzz_mutate import bytes_mutated

from lifeboat.foundation.errors import LifeboatError

CPU_SECONDS = 2.0
"""Of the processor, not of the wall: a machine that does other things besides hangs nothing."""
STUCK_SECONDS = 60.0
"""Without the processor: waiting for something that never comes, or deep in C where no signal is heard."""
MEMORY_BYTES = 256 * 2**20
BATCH = 2000
MOST_FAILURES = 6
FOUND = Path(__file__).with_name("fuzz_found")
"""A folder for each target, and in it what once went wrong, in hex."""

Mutate = Callable[[random.Random, bytes, Sequence[bytes]], bytes]


@dataclass(frozen=True)
class Target:
    """A parser. Its seeds are sound: ``parse`` must take each."""

    name: str
    parse: Callable[[bytes], object]
    seeds: Sequence[bytes]
    mutate: Mutate = bytes_mutated
    refuses: tuple[type[BaseException], ...] = (LifeboatError,)
    share: float = 1.0
    """How many of the inputs it gets, where one is usual."""
    also: Sequence[bytes] = ()
    """More to begin with, which may be refused."""

    def input(self, seed: int, number: int) -> bytes:
        chance = random.Random(f"{seed} {self.name} {number}")
        return self.mutate(chance, chance.choice([*self.seeds, *self.also]), self.seeds)


@dataclass
class Failure:
    """What an input did; ``count`` inputs of the batch did the same at the same place."""

    target: str
    seed: int
    number: int
    what: str
    where: str
    raw: bytes
    count: int = 1

    def __str__(self) -> str:
        shown = (
            self.raw.hex() if len(self.raw) <= 3000 else self.raw[:3000].hex() + "... (the whole is in the saved file)"
        )
        return (
            f"{self.target}: input {self.number} of seed {self.seed} ({self.count} like it): {self.what}\n{self.where}\n"
            f"in hex: {shown}"
        )


class TooSlow(BaseException):
    """So that no handler of the parser's can swallow it."""


@dataclass
class Told:
    failures: list[Failure] = field(default_factory=list)
    inputs: int = 0
    taken: int = 0
    """Inputs that the parser took: where none is, mutations never get past the door."""

    def add(self, failure: Failure) -> None:
        """One more, or one that is known already."""
        for one in self.failures:
            if (one.what[:30], one.where) == (failure.what[:30], failure.where) and one.where:
                one.count += failure.count
                return
        self.failures.append(failure)


def fuzz(target: Target, count: int, seed: int, *, batch: int = BATCH) -> Told:
    """Try inputs 0 to ``count``; stops after ``MOST_FAILURES`` different failures."""
    for number, sound in enumerate((*target.seeds, *target.also)):
        try:
            target.parse(sound)
        except BaseException as error:
            if number >= len(target.seeds) and isinstance(error, target.refuses):
                continue
            raise AssertionError(f"seed {number} of {target.name} is not sound: {sound[:300]!r}") from error
    told = Told()
    while told.inputs < count and len(told.failures) < MOST_FAILURES:
        _run_batch(target, seed, range(told.inputs, min(count, told.inputs + batch)), told)
    return told


def again(target: Target, raw: bytes) -> list[Failure]:
    """Try one input that is known."""
    told = Told()
    one = Target(target.name, target.parse, [raw], lambda *_: raw, target.refuses)
    _run_batch(one, 0, range(1), told)
    return told.failures


def save(failures: Sequence[Failure], folder: Path) -> str:
    """Write the inputs out in hex; returns what to print."""
    for one in failures:
        file = folder / f"{one.target.replace(' ', '-')}-{one.seed}-{one.number}.hex"
        file.write_text(one.raw.hex() + "\n", encoding="ascii")
    return "\n\n".join(map(str, failures))


def known_inputs(name: str) -> list[bytes]:
    """What once made this target fail."""
    folder = FOUND / name.replace(" ", "-")
    return [bytes.fromhex(file.read_text(encoding="ascii")) for file in sorted(folder.glob("*.hex"))]


def _run_batch(target: Target, seed: int, numbers: range, told: Told) -> None:
    """Try as many of these as the child lives through; whoever killed it is a failure, and the next batch begins behind it."""
    progress = mmap.mmap(-1, 16)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _child(target, seed, numbers, progress, writing)
    os.close(writing)
    try:
        said, stuck = _listen(reading, progress, child)
        _, status = os.waitpid(child, 0)
    except BaseException:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    finally:
        os.close(reading)
    done, taken = struct.unpack("qq", progress[:16])
    told.taken += taken
    for line in said.splitlines():
        with suppress(ValueError):  # half a line of a child that was killed
            one = json.loads(line)
            raw = bytes.fromhex(one.pop("hex"))
            told.add(Failure(target.name, seed, raw=raw, **one))
    if status == 0:
        told.inputs += len(numbers)
        return
    number = numbers[min(done, len(numbers) - 1)]
    what = f"nothing came of it for {STUCK_SECONDS:.0f} s" if stuck else f"the process died with status {status:#x}"
    told.failures.append(Failure(target.name, seed, number, what, "", target.input(seed, number)))
    told.inputs = number + 1


def _listen(reading: int, progress: mmap.mmap, child: int) -> tuple[str, bool]:
    """All that the child says, and whether it had to be killed because it came no further."""
    said, last, since, stuck = b"", -1, time.monotonic(), False
    while True:
        ready, _, _ = select.select([reading], [], [], 0.5)
        if ready:
            piece = os.read(reading, 65536)
            if not piece:
                return said.decode(), stuck
            said += piece
        (now,) = struct.unpack("q", progress[:8])
        if now != last:
            last, since = now, time.monotonic()
        elif not stuck and time.monotonic() - since > STUCK_SECONDS:
            stuck = True
            os.kill(child, signal.SIGKILL)


def _child(target: Target, seed: int, numbers: range, progress: mmap.mmap, writing: int) -> None:
    """Never returns. Seen failures are told once each, with how many there were, at the end or as soon as there are too many."""
    failures: dict[str, Failure] = {}
    status = 1
    try:
        signal.signal(signal.SIGPROF, _too_slow)
        limit = _size_now() + MEMORY_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))
        taken = 0
        for done, number in enumerate(numbers):
            progress[:16] = struct.pack("qq", done, taken)
            raw = target.input(seed, number)
            try:
                signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
                try:
                    target.parse(raw)
                    taken += 1
                finally:
                    signal.setitimer(signal.ITIMER_PROF, 0)
            except target.refuses:
                pass
            except BaseException as error:
                one = _failure(target, seed, number, raw, error)
                failures.setdefault(one.where.splitlines()[-1] + one.what[:40], one).count += one.number != number
        progress[:16] = struct.pack("qq", len(numbers), taken)
        status = 0
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.getrlimit(resource.RLIMIT_AS)[1]))
        with os.fdopen(writing, "w") as pipe:
            for one in failures.values():
                kept = {
                    "number": one.number,
                    "what": one.what,
                    "where": one.where,
                    "count": one.count,
                    "hex": one.raw.hex(),
                }
                pipe.write(json.dumps(kept) + "\n")
        os._exit(status)


def _failure(target: Target, seed: int, number: int, raw: bytes, error: BaseException) -> Failure:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [one for one in frames if "lifeboat" in one.filename]
    where = "\n".join(
        f"  {one.filename.rsplit('/lifeboat/', 1)[-1]}:{one.lineno} {one.line}" for one in (ours or frames)[-4:]
    )
    what = type(error).__name__
    with suppress(Exception):
        what += f": {error}"[:300]
    return Failure(target.name, seed, number, what, where or "  nowhere", raw)


def _too_slow(number: int, frame: FrameType | None) -> None:
    raise TooSlow(f"more than {CPU_SECONDS} s of work")


def _size_now() -> int:
    """Bytes of address space in use."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * mmap.PAGESIZE
