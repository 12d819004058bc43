"""Bills of what lies there and of what will come, under one set of age rules and under others. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from lifeboat.cloud.cost.bill import NOT_COUNTED, Beside, Bill, bills, total_of
from lifeboat.cloud.cost.cohort import Cohort, Policy, Stage
from lifeboat.cloud.cost.coming import (
    LISTS_A_LOOK,
    LISTS_A_RUN,
    LOOKS_A_DAY,
    PACK_BYTES,
    ArchiveGrowth,
    Begun,
    Growth,
    coming,
    everything_kept,
)
from lifeboat.cloud.cost.lying import Lying
from lifeboat.cloud.cost.usage import MONTH, STANDARD, Usage, add_nightly_reading
from lifeboat.cloud.cost.versions import Versions
from lifeboat.cloud.prices.prices import GB, MONTH_DAYS, Prices
from lifeboat.foundation.value import Value
from lifeboat.operations.cost.report import CostMonth, CostNow, CostReport, GrowthRow, PolicyCost
from lifeboat.repository.names import typed
from lifeboat.retention.rules import Rules

GB_A_NIGHT = 175.0
"""An hour's verification at 50 MiB a second."""
WORTH_A_WORD = 0.1
"""A lever that moves less than this share is none."""


class Question(Value):
    """What is to be projected.

    Args:
        begin: Now. prefix: Of the repository in the bucket; empty or ending in a slash.
        versions: What was deleted and is billed still; None: not known. It goes in ``noncurrent_days`` at the latest.
        day_bytes: So much is uploaded each day and all of it kept, as the age rules say; None: backups as Lifeboat makes them.
        gb_a_night: What verification reads at most; 0: it does not. nights: Of a month, on which it does.
        outside: Who reads is not in AWS.
    """

    subject: str
    begin: datetime
    months: int
    prices: Prices
    rules: Rules
    prefix: str = ""
    growths: tuple[Growth, ...] = ()
    archive: ArchiveGrowth | None = None
    begun: Begun | None = None
    lying: Lying | None = None
    lying_exact: bool = True
    versions: Versions | None = None
    noncurrent_days: int = 0
    day_bytes: float | None = None
    gb_a_night: float = 0.0
    nights: float = MONTH_DAYS
    outside: bool = False
    beside: Beside | None = None
    budget: float = 50.0
    basis: str = ""


def project(question: Question, policy: Policy, words: str, others: Sequence[tuple[Policy, str]]) -> CostReport:
    """The report under ``policy``; ``others`` are compared with it. Each policy comes with what it does, in words."""
    chosen = _bills(question, policy)
    compared = [(_bills(question, other), other, told) for other, told in others if other.name != policy.name]
    rows = tuple(
        sorted(
            (PolicyCost(other.name, told, found[-1].total, total_of(found)) for found, other, told in compared),
            key=lambda one: one.last,
        )
    )
    over = next((one.month for one in chosen if one.total > question.budget), None)
    return CostReport(
        subject=question.subject,
        now=_now(question),
        policy=PolicyCost(
            policy.name, words, chosen[-1].total, total_of(chosen), tuple(_month(one) for one in chosen)
        ),
        prices=question.prices.words,
        basis=question.basis,
        growth=tuple(_rows(question)),
        budget=question.budget,
        over_budget=over,
        lever=_lever(chosen, rows),
        others=rows,
        assumed=tuple(_assumed(question, policy)),
        not_counted=NOT_COUNTED,
    )  # fmt: skip


def _bills(question: Question, policy: Policy) -> list[Bill]:
    usage = Usage(question.begin, question.months, question.prices).add(_cohorts(question, policy))
    runs = sum(one.runs_a_day for one in question.growths)
    looks = LOOKS_A_DAY * LISTS_A_LOOK if question.day_bytes is None else 0
    usage.puts[STANDARD].add_span(0, question.months, MONTH_DAYS * (runs * LISTS_A_RUN + looks))
    if question.gb_a_night:
        add_nightly_reading(
            usage, (question.gb_a_night, question.nights), PACK_BYTES, question.prices, outside=question.outside
        )
    return bills(usage, question.prices, question.beside)


def _cohorts(question: Question, policy: Policy) -> Iterator[Cohort]:
    until = question.begin + MONTH * question.months
    if question.lying is not None:
        yield from question.lying.cohorts(policy, question.rules, question.begin, question.prefix)
    before, gone = question.begin - MONTH, question.begin + timedelta(days=question.noncurrent_days)
    for name, (size, count) in (question.versions or {}).items():
        yield Cohort(size / count, count, (Stage(before, name, hidden=True),), gone)
    if question.day_bytes is not None:
        yield from everything_kept(question.day_bytes, policy, question.begin, until, question.prefix)
        return
    yield from coming(
        question.growths,
        question.archive,
        question.rules,
        policy,
        question.begin,
        until,
        question.prefix,
        question.begun,
    )


def _month(bill: Bill) -> CostMonth:
    lines = {name: dollars for name, dollars in bill.lines().items() if dollars}
    return CostMonth(bill.month, bill.begins, bill.total, lines, bill.gb)


def _now(question: Question) -> CostNow | None:
    if question.lying is None:
        return None
    by_class, versions = question.lying.by_class(), question.versions
    gb = {name: size / GB for name, (size, _) in by_class.items()}
    old = {name: size / GB for name, (size, _) in (versions or {}).items()}
    return CostNow(
        sum(question.prices.of(name).storage(gb.get(name, 0) + old.get(name, 0)) for name in {*gb, *old}),
        gb,
        {name: count for name, (_, count) in by_class.items()},
        None if versions is None else old,
        question.lying_exact,
    )


def _rows(question: Question) -> Iterator[GrowthRow]:
    for one in question.growths:
        yield GrowthRow(typed(one.source), one.full_bytes, one.day_bytes, one.runs_a_day, one.grows_a_day)
    if question.archive is not None:
        yield GrowthRow("archive", 0, question.archive.day_bytes, question.archive.objects_a_day)
    if question.day_bytes is not None:
        yield GrowthRow("uploads", 0, question.day_bytes, 1)


def _lever(chosen: Sequence[Bill], others: Sequence[PolicyCost]) -> str:
    """Other age rules if they make it much cheaper, else the largest line."""
    last = chosen[-1]
    names = {
        "reads": "reading it to verify it",
        "versions": "older versions",
        "requests": "requests",
    }
    line, dollars = max(last.lines().items(), key=lambda pair: pair[1])
    said = names.get(line, f"storage in {line}" if line in last.storage else line)
    if not last.total:
        return "nothing is stored, so nothing is paid"
    share = f"{said} is ${dollars:,.2f} of ${last.total:,.2f} in month {last.month}"
    if line == "reads":
        return f'{share}: scrub = "30 3 1 * *" under [serve.jobs] reads once a month'
    best = others[0] if others else None
    if best is not None and best.last < last.total * (1 - WORTH_A_WORD):
        return f"age rules {best.name}: ${best.last:,.2f} instead of ${last.total:,.2f} in month {last.month} ({best.words})"
    return share


def _assumed(question: Question, policy: Policy) -> Iterator[str]:
    if question.day_bytes is not None:
        yield "all that is uploaded is kept until an age rule lets it go; nothing is read"
    else:
        yield "prune runs every week, and a month is stored whole twice: in short and, once, in long"
        yield "`lifeboat serve` looks every minute, which is LIST requests"
    if not policy.versions_kept:
        yield "the bucket keeps no versions: what is deleted is gone"
    if question.gb_a_night:
        place = "from outside of AWS" if question.outside else "from inside the same region: no downloads are billed"
        reads = f"verification reads all that is not archived on {question.nights:.0f} nights a month, {question.gb_a_night:.0f} GB at most"
        yield f"{reads} (what S3 bills by the reading: once in 30 or 180 days), {place}"
    if not question.lying_exact:
        yield "this machine may not list everything: what lies there is what the records say"
