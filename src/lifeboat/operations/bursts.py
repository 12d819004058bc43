"""Far more deletes or updates of a collection than is usual there. Pure.

Two looks: ``bursts_among`` finds by the counts of the segments which of them are worth reading, ``Burst.found`` then says from the operations
themselves when it began, to the operation.

What is usual: counts are summed in steps of two minutes, and the middle one of all others is taken. So what goes on all the time
is not a burst, however much it is; and what comes back in even distances (a clean-up every hour) is not one either.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.foundation.value import Value
from lifeboat.operations.suspects import Kind, Suspect, in_order, people_say
from lifeboat.sources.mongodb.document_words import id_text
from lifeboat.sources.mongodb.oplog.change import KIND_AT, front_of, read_change, when_of

STEP_SECONDS = 120
"""A TTL index deletes once a minute: a step holds one or two of its rounds, never none."""
LEAST = {"d": 100, "u": 1000}
"""Fewer are no disaster by their number alone. Updates are an application's daily bread, deletes are not."""
TIMES_USUAL = 5
FEW_STEPS = 5
"""With fewer others than these to compare with, the missing ones count as quiet."""
ALIKE = 3
"""So many other bursts, each at least a third as large and all in even distances, make one usual."""
QUIET_SECONDS = 30
"""A pause of more than this ends a burst."""
EXAMPLES = 3
BEGINNING = ClusterTime(0, 0)


class Counts(Value):
    """Of one segment. Args: deletes, updates: By namespace."""

    through: ClusterTime
    deletes: Mapping[str, int]
    updates: Mapping[str, int]


class Worth(Value):
    """What is worth reading. Args: first, last: Seconds. usual: Operations in a second that are nothing special."""

    namespace: str
    kind: str
    first: int
    last: int
    usual: float


def bursts_among(
    segments: Sequence[Counts], least: Mapping[str, int] = LEAST
) -> tuple[list[Worth], list[tuple[str, str]]]:
    """What is worth reading, and the (namespace, kind) of what is much, but usual."""
    if not segments:
        return [], []
    first, last = (end(one.through.seconds for one in segments) // STEP_SECONDS for end in (min, max))
    steps: dict[tuple[str, str], dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for one in segments:
        for kind, counts in (("d", one.deletes), ("u", one.updates)):
            for namespace, count in counts.items():
                if count:
                    steps[namespace, kind][one.through.seconds // STEP_SECONDS] += count
    worth: list[Worth] = []
    usual: list[tuple[str, str]] = []
    for (namespace, kind), counted in sorted(steps.items()):
        much = [step for step in sorted(counted) if counted[step] >= least[kind]]
        others = _Others(counted, last - first + 1)
        hot = [step for step in much if counted[step] > TIMES_USUAL * others.middle_without(step)]
        found = _unusual(_runs(hot), counted)
        if much and not found:
            usual.append((namespace, kind))
        for run in found:
            # The step before may hold the beginning: an instant too late would bring back too little.
            begin, end = (run[0] - 1) * STEP_SECONDS, (run[-1] + 1) * STEP_SECONDS - 1
            worth.append(Worth(namespace, kind, begin, end, others.middle_without(run[0]) / STEP_SECONDS))
    return worth, usual


class _Others:
    """The middle of all steps but one."""

    def __init__(self, counted: Mapping[int, int], steps: int) -> None:
        self._counted = counted
        self._steps = steps

    def middle_without(self, step: int) -> float:
        seen = [count for other, count in self._counted.items() if other != step]
        return median(seen + [0] * (max(self._steps - 1, FEW_STEPS) - len(seen)))


def _runs(steps: Sequence[int]) -> list[list[int]]:
    """Steps that follow each other, one quiet one between them allowed."""
    runs: list[list[int]] = []
    for step in steps:
        if runs and step - runs[-1][-1] <= 2:
            runs[-1].append(step)
        else:
            runs.append([step])
    return runs


def _unusual(runs: Sequence[list[int]], counted: Mapping[int, int]) -> list[list[int]]:
    size = [sum(counted[step] for step in run) for run in runs]
    found = []
    for number, run in enumerate(runs):
        alike = [other for other, one in enumerate(runs) if one is not run and size[other] * 3 >= size[number]]
        if len(alike) < ALIKE or not _evenly([runs[one][0] for one in sorted([*alike, number])]):
            found.append(run)
    return found


def _evenly(steps: Sequence[int]) -> bool:
    apart = [later - earlier for earlier, later in pairwise(steps)]
    return max(apart) <= min(apart) * 1.5 + 1


@dataclass(slots=True)
class _Seen:
    """Operations of one second, or of one instant: a transaction's all have the time of its commit."""

    first: ClusterTime
    last: ClusterTime
    count: int = 0
    examples: list[str] = field(default_factory=list)


class Burst:
    """The operations of one ``Worth``, as they are read, in order."""

    def __init__(self, worth: Worth, least: Mapping[str, int] = LEAST) -> None:
        self.worth = worth
        self._least = least[worth.kind]
        self._front = front_of(worth.kind, worth.namespace)
        self._seconds: dict[int, _Seen] = {}
        self._transactions: list[_Seen] = []
        self._instant: ClusterTime | None = None
        self._count = 0
        self._stored: list[bytes] = []

    def add(self, block: bytes, begin: int, end: int, after: ClusterTime = BEGINNING) -> None:
        """Count one event of a block; what is of another collection, kind or time is passed over.

        Args:
            after: Those up to here were counted before.
        """
        if not block.startswith(self._front, begin + KIND_AT):
            return
        when = when_of(block, begin)
        if not self.worth.first <= when.time <= self.worth.last:
            return
        time = ClusterTime(when.time, when.inc)
        if time <= after:
            return
        if time != self._instant:
            self._end_instant()
            self._instant = time
        self._count += 1
        if self._count <= EXAMPLES:
            self._stored.append(block[begin:end])

    def _end_instant(self) -> None:
        if self._instant is None:
            return
        time, count = self._instant, self._count
        if count >= self._least:
            seen = _Seen(time, time)
            self._transactions.append(seen)  # exactly known: nothing around it belongs to it
        else:
            seen = self._seconds.setdefault(time.seconds, _Seen(time, time))
        seen.first, seen.last = min(seen.first, time), max(seen.last, time)
        seen.count += count
        for stored in self._stored[: EXAMPLES - len(seen.examples)]:
            seen.examples.append(_id_of(stored))
        self._instant, self._count, self._stored = None, 0, []

    def found(self) -> list[Suspect]:
        """The bursts in it."""
        self._end_instant()
        hot = self._hot()
        runs: list[list[int]] = []
        for second in hot:
            if runs and second - runs[-1][-1] <= QUIET_SECONDS:
                runs[-1].append(second)
            else:
                runs.append([second])
        bursts = [self._inside(self._back(run[0]), run[-1]) for run in runs]
        much = [one for one in bursts if sum(seen.count for seen in one) >= self._least]
        return in_order(map(self._suspect, [*much, *([one] for one in self._transactions)]))

    def _hot(self) -> list[int]:
        peak = max((one.count for one in self._seconds.values()), default=0)
        threshold = max(2 * TIMES_USUAL * self.worth.usual, peak / 50)
        return [second for second, one in sorted(self._seconds.items()) if one.count >= min(threshold, peak)]

    def _back(self, second: int) -> int:
        """To where it began: the last moments before it became much belong to it, unless they are usual."""
        known = self._seconds
        while True:
            earlier = next((one for one in (second - 1, second - 2) if one in known), None)
            if earlier is None or known[earlier].count <= 2 * self.worth.usual:
                return second
            second = earlier

    def _inside(self, begin: int, end: int) -> list[_Seen]:
        return [one for second, one in sorted(self._seconds.items()) if begin <= second <= end]

    def _suspect(self, inside: Sequence[_Seen]) -> Suspect:
        first, last = inside[0].first, inside[-1].last
        count = sum(one.count for one in inside)
        verb = "deleted" if self.worth.kind == "d" else "updated"
        together = first == last and count > 1
        took = last.seconds - first.seconds + 1
        spent = "in one transaction" if together else f"in {say_span(took)}"
        namespace = people_say(self.worth.namespace)
        one, many = ("bucket", "buckets") if namespace != self.worth.namespace else ("document", "documents")
        return Suspect(
            op=first.words(),
            through=last.words(),
            kind=Kind.DELETES if self.worth.kind == "d" else Kind.UPDATES,
            namespaces=(namespace,),
            instant=first.instant,
            seconds=took,
            documents=count,
            sentence=f"{namespace}: {count:,} {one if count == 1 else many} {verb} {spent}",
            examples=tuple([example for one in inside for example in one.examples][:EXAMPLES]),
            in_transaction=together,
        )


def _id_of(stored: bytes) -> str:
    change = read_change(stored)
    return id_text(change.o2 if change.kind == "u" and change.o2 is not None else change.o)


def say_span(seconds: int) -> str:
    """``3 s``, ``4 min``, ``2 h``."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{round(seconds / size)} {unit}"
    return f"{seconds} s"


def joined(suspects: Iterable[Suspect]) -> list[Suspect]:
    """One transaction over several collections is one suspect."""
    found: dict[tuple[str, Kind], Suspect] = {}
    for one in suspects:
        key = (one.op, one.kind)
        other = found.get(key)
        if other is None or not (one.in_transaction and other.in_transaction):
            found[key if other is None else (f"{one.op} {one.namespaces[0]}", one.kind)] = one
            continue
        names, count = (*other.namespaces, *one.namespaces), (other.documents or 0) + (one.documents or 0)
        verb = "deleted" if one.kind is Kind.DELETES else "updated"
        found[key] = Suspect(
            op=one.op,
            through=one.through,
            kind=one.kind,
            namespaces=names,
            instant=one.instant,
            seconds=1,
            documents=count,
            sentence=f"{', '.join(names)}: {count:,} documents {verb} in one transaction",
            examples=(*other.examples, *one.examples)[:EXAMPLES],
            in_transaction=True,
        )
    return list(found.values())
