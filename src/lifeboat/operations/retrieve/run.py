"""Ask for what lies in archive classes, once; then wait for it, or come back.

Invariant: killed at any moment, the next run asks for nothing twice: the store knows what is coming, and the journal what was just asked for.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from functools import cached_property

from lifeboat.cloud.prices.load import load_prices
from lifeboat.cloud.prices.prices import Prices
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError, SettingsError
from lifeboat.foundation.sizes import show_seconds
from lifeboat.foundation.value import Value
from lifeboat.operations.reports.retrievals import Offer, RetrievalReport
from lifeboat.operations.retrieve.journal import NAME, RetrievalJournal
from lifeboat.operations.retrieve.needs import Needed, Wanted, WantedChanges, needed_objects
from lifeboat.operations.retrieve.plan import RetrievalPlan, offers_of, plan_retrieval, ready_at, to_prolong
from lifeboat.repository.errors import RetrievalNeeded
from lifeboat.repository.open_repository import Repository
from lifeboat.storage.archive import Answer, ArchivedObject, BringsBack, Tier
from lifeboat.storage.conformance.hooks import unwrapped
from lifeboat.storage.retrying import patiently

DAYS = 7
"""The slowest tier takes two; five are left for whoever comes back on Monday."""
AT_ONCE = 16
"""Some 500 requests a second at most: S3 takes 1,000 an account."""
BATCH = 500
"""Noted together."""
FIRST_PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 300.0
PAUSE_GROWS = 1.5
"""A look is a listing: after a quarter of an hour one in five minutes, which costs a few cents a day for a terabyte."""


CLASS_WORDS = {"GLACIER": "Glacier", "DEEP_ARCHIVE": "Deep Archive"}
"""As people call them."""


class TierRefused(SettingsError):
    """The archive class is not to be had at this tier."""

    code = "tier-refused"


class Waiting(Value):
    """How things stand between two looks."""

    ready: int
    objects: int
    ready_bytes: int
    bytes: int
    seconds: float
    """Since the waiting began."""
    ready_since: int
    """Of those that are ready, how many came since then."""
    ready_at: datetime | None
    next_look_seconds: float


def refuse_tier(tier: Tier, offers: Sequence[Offer]) -> None:
    """Raises:
    TierRefused: One of the classes is not to be had at it.
    """
    offer = next((one for one in offers if one.tier == tier), None)
    if offer is None or offer.refused_for is None:
        return
    others = [f"--tier {one.tier} ({show_seconds(one.seconds)})" for one in offers if one.seconds is not None]
    raise TierRefused(
        f"from {CLASS_WORDS.get(offer.refused_for, offer.refused_for)} nothing can be had at the tier {tier}; nothing was asked for",
        f"say {' or '.join(reversed(others))}",
    )


class Retrieval:
    """What one job needs from archive classes.

    Args:
        wanted: What it reads.
        days: For how long copies are to be readable.
        only_lists: Ask for the lists alone, from which follows what the chosen part needs.
        prices: Asked for where something has to be brought back, and not before: a list that cannot be read stops no other restore.
    """

    def __init__(
        self,
        repository: Repository,
        wanted: Sequence[Wanted | WantedChanges],
        clock: Clock,
        *,
        days: int = DAYS,
        only_lists: bool = False,
        prices: Callable[[], Prices] = load_prices,
    ) -> None:
        self._repository = repository
        self._wanted = wanted
        self._clock = clock
        self._days = days
        self._only_lists = only_lists
        self._load_prices = prices
        self._journal = RetrievalJournal(repository.state.directory / NAME, repository.id)

    def look(self, tier: Tier | None = None) -> RetrievalReport:
        """How everything stands; asks for nothing.

        Args:
            tier: As for ``plan_retrieval``.
        """
        return self._report(*self._plan(tier))

    def request(self, tier: Tier, *, upgrade: bool = False) -> RetrievalReport:
        """Ask for what is away.

        Args:
            upgrade: Also for what is coming at a slower tier.

        Raises:
            TierRefused: Nothing was asked for. ExpeditedUnavailable, StorageDenied: What was asked for until then comes.
        """
        _, plan, now = self._plan(tier if upgrade else None)
        refuse_tier(tier, offers_of(plan.away, self._prices, self._days)[1])
        taken = 0
        for batch in _batches(plan.away):
            taken += self._ask(batch, tier, now)
        again = self._report(*self._plan(None))
        return replace(again, requested=taken, tier=str(tier))

    def wait(self, tell: Callable[[Waiting], None] = lambda waiting: None) -> RetrievalReport:
        """Look again and again until nothing is coming any more.

        Args:
            tell: Called after each look that found something still coming.
        """
        began, first, pause = self._clock.monotonic(), -1, FIRST_PAUSE_SECONDS
        while True:
            needed, plan, now = self._plan(None)
            if not plan.coming:
                return self._report(needed, plan, now)
            ready = len(plan.readable)
            first = ready if first < 0 else min(first, ready)
            every = (*plan.away, *plan.coming, *plan.readable)
            tell(
                Waiting(
                    ready,
                    len(every),
                    _bytes(plan.readable),
                    _bytes(every),
                    self._clock.monotonic() - began,
                    ready - first,
                    ready_at(plan.coming, self._journal.asked(), self._prices),
                    pause,
                )
            )
            self._clock.sleep(pause)
            pause = min(pause * PAUSE_GROWS, LONGEST_PAUSE_SECONDS)

    def make_sure(self) -> RetrievalReport:
        """Before a restore begins: raise what is missing, and make copies last that would go too soon.

        Raises:
            RetrievalNeeded: Something cannot be read yet.
        """
        needed, plan, now = self._plan(None)
        report = self._report(needed, plan, now)
        if not report.is_readable:
            raise _not_yet(report)
        soon = to_prolong(plan.readable, now)
        for batch in _batches(soon):
            # Of a copy that is there the tier means nothing; this one every class has.
            self._ask(batch, Tier.STANDARD, now)
        return replace(report, prolonged=len(soon))

    @cached_property
    def _prices(self) -> Prices:
        return self._load_prices()

    def _plan(self, tier: Tier | None) -> tuple[Needed, RetrievalPlan, datetime]:
        now = self._repository.store.time_there()
        needed = needed_objects(self._repository, self._wanted, self._clock, now)
        meant = needed.lists if self._only_lists else needed.objects
        return needed, plan_retrieval(meant.values(), self._journal.asked(), now, tier), now

    def _report(self, needed: Needed, plan: RetrievalPlan, now: datetime) -> RetrievalReport:
        away, offers = offers_of(plan.away, self._prices, self._days) if plan.away else ((), ())
        every = (*plan.away, *plan.coming, *plan.readable)
        lists = needed.lists if needed.all_for_a_part and not self._only_lists else {}
        return RetrievalReport(
            snapshots=tuple(one.record.snapshot for one in self._wanted if isinstance(one, Wanted)),
            objects=len(every),
            bytes=_bytes(every),
            readable=len(plan.readable),
            coming=len(plan.coming),
            coming_bytes=_bytes(plan.coming),
            ready_at=ready_at(plan.coming, self._journal.asked(), self._prices) if plan.coming else None,
            readable_until=min((one.readable_until for one in plan.readable if one.readable_until), default=None),
            away=away,
            offers=offers,
            days=self._days,
            prices=self._prices.words if plan.away else "",
            only_lists=self._only_lists,
            all_for_a_part=needed.all_for_a_part,
            lists=len(lists),
            lists_bytes=_bytes(lists.values()),
        )

    def _ask(self, batch: Sequence[ArchivedObject], tier: Tier, now: datetime) -> int:
        """Ask for some; what the store took is noted even if it refused others. Returns how many are coming for that."""
        store = unwrapped(self._repository.store)
        assert isinstance(store, BringsBack)

        def ask(one: ArchivedObject) -> Answer | LifeboatError:
            try:
                return patiently(lambda: store.bring_back(one.name, self._days, tier), self._clock)
            except LifeboatError as error:
                return error

        with ThreadPoolExecutor(min(AT_ONCE, len(batch)), thread_name_prefix="retrieve") as pool:
            answers = list(zip(batch, pool.map(ask, batch), strict=True))
        taken = [one.name for one, answer in answers if answer is Answer.TAKEN]
        if taken:
            self._journal.note(taken, tier, now)
        for _, answer in answers:
            if isinstance(answer, LifeboatError):
                raise answer
        return len(taken)


def _batches(objects: Sequence[ArchivedObject]) -> Iterator[Sequence[ArchivedObject]]:
    """The first one alone: a right that is missing is then missed once."""
    if objects:
        yield objects[:1]
    for begin in range(1, len(objects), BATCH):
        yield objects[begin : begin + BATCH]


def _bytes(objects: object) -> int:
    return sum(one.size_bytes for one in objects)  # type: ignore[attr-defined]


def _not_yet(report: RetrievalReport) -> RetrievalNeeded:
    where = " and ".join(CLASS_WORDS.get(one.storage_class, one.storage_class) for one in report.away)
    said = []
    if report.away:
        said.append(f"{report.away_objects:,} of the objects it needs lie in {where}")
    if report.coming:
        said.append(f"{report.coming:,} were asked for and are not there yet")
    name = report.snapshots[0][:8] if len(report.snapshots) == 1 else "all"
    return RetrievalNeeded(
        f"this cannot be read yet: {', '.join(said)}",
        f"`lifeboat retrieve {name}` tells how long bringing them back takes and what it costs, asks first, and waits; then try again",
        report.snapshots[0] if len(report.snapshots) == 1 else "",
    )
