"""What lies in archive classes: what bringing it back takes and costs, and how that stands."""

from datetime import datetime

from rich.console import RenderableType

from lifeboat.cli.show.console import DOUBTFUL, FAINT, GOOD, columns, facts, line, next_steps, text
from lifeboat.cli.show.moments import show_goal, show_moment
from lifeboat.cli.show.words import count
from lifeboat.foundation.sizes import show_bytes, show_seconds
from lifeboat.operations.reports.retrievals import Offer, RetrievalReport
from lifeboat.operations.retrieve.run import CLASS_WORDS, Waiting


def draw_retrieval(report: RetrievalReport) -> list[RenderableType]:
    """All of it, for a plan."""
    if not report.objects:
        return [line(("readable", GOOD), ": nothing of it lies in an archive class")]
    rows = [
        ("lies in", f"{class_words(one.storage_class)}: {count(one.objects, 'object')}, {show_bytes(one.bytes)}")
        for one in report.away
    ]
    if report.coming:
        by = f"; by {show_moment(report.ready_at)} at the latest" if report.ready_at else ""
        rows.append(("coming", f"{count(report.coming, 'object')}, {show_bytes(report.coming_bytes)}{by}"))
    if report.readable:
        until = f"; until {show_moment(report.readable_until)} at least" if report.readable_until else ""
        rows.append(("readable", f"{count(report.readable, 'object')} brought back{until}"))
    drawn: list[RenderableType] = [facts(rows)]
    if report.offers:
        drawn += ["", *_offers(report)]
    if report.all_for_a_part and not report.only_lists:
        drawn.append(_lists_first(report))
    return drawn


def say_short(report: RetrievalReport) -> str:
    """For a plan of something else: ``"80 objects lie in Deep Archive: bulk: 2 d, $0.01; standard: 12 h, $0.05"``."""
    said = []
    for one in report.away:
        lie = "lies" if one.objects == 1 else "lie"
        said.append(
            f"{count(one.objects, 'object')} ({show_bytes(one.bytes)}) {lie} in {class_words(one.storage_class)}"
        )
    if report.coming:
        by = f", by {show_moment(report.ready_at)} at the latest" if report.ready_at else ""
        said.append(f"{count(report.coming, 'object')} {'is' if report.coming == 1 else 'are'} coming{by}")
    offers = [f"{one.tier}: {say_offer(one)}" for one in report.offers if one.seconds is not None]
    return "; ".join(said) + (f". {'; '.join(offers)}" if offers else "")


def say_offer(offer: Offer) -> str:
    """``"12 h, about $0.05"``."""
    return f"{show_goal(offer.seconds or 0)}, about {show_dollars(offer.dollars or 0)}"


def show_dollars(amount: float) -> str:
    """Never less than what it is: ``"$0.01"`` for anything below a cent."""
    if amount <= 0:
        return "$0"
    return f"${max(amount, 0.01):,.2f}"


def class_words(storage_class: str) -> str:
    return CLASS_WORDS.get(storage_class, storage_class)


def draw_later(report: RetrievalReport, typed: str) -> list[RenderableType]:
    """What was asked for comes; when to be back, and what to type then."""
    drawn: list[RenderableType] = []
    if report.requested:
        drawn.append(line((f"asked for {count(report.requested, 'object')}", GOOD), f" at the tier {report.tier}"))
    by = f": by {show_moment(report.ready_at)} at the latest" if report.ready_at else ""
    drawn.append(text(f"{count(report.coming, 'object')} ({show_bytes(report.coming_bytes)}) coming{by}"))
    return drawn + next_steps((typed, "then: it goes on, and asks for nothing twice"))


def say_waiting(waiting: Waiting, now: datetime) -> str:
    """One line while waiting, what matters most first: ``"12 of 80 ready (1.2 of 8 GiB), at most 3 h 10 min more, next look in 300 s"``."""
    ready = f"{waiting.ready:,} of {waiting.objects:,} ready"
    said = [f"{ready} ({show_bytes(waiting.ready_bytes)} of {show_bytes(waiting.bytes)})"]
    if waiting.ready_at is not None:
        seconds = (waiting.ready_at - now).total_seconds()
        said.append(f"at most {show_seconds(seconds)} more" if seconds > 0 else "later than AWS promises")
    said.append(f"next look in {waiting.next_look_seconds:.0f} s")
    if waiting.ready_since and waiting.seconds >= 60:
        left = (waiting.objects - waiting.ready) * waiting.seconds / waiting.ready_since
        said.append(
            f"{waiting.ready_since * 3600 / waiting.seconds:,.0f} an hour, at which {show_seconds(left)} are left"
        )
    return ", ".join(said)


def _offers(report: RetrievalReport) -> list[RenderableType]:
    table = columns("tier", "takes up to", "costs about", right=("costs about",))
    for one in report.offers:
        if one.seconds is None:
            table.add_row(one.tier, text(f"not from {class_words(one.refused_for or '')}", FAINT), "")
        else:
            table.add_row(one.tier, show_goal(one.seconds), show_dollars(one.dollars or 0))
    about = f"copies can be read for {report.days} days; {report.prices}; the way out of AWS comes on top"
    return [table, "", text(about, FAINT)]


def _lists_first(report: RetrievalReport) -> RenderableType:
    return text(
        "where the chosen part lies is not known before the lists can be read, so all of the snapshot is meant; "
        f"`lifeboat retrieve ... --only-lists` asks for those first ({count(report.lists, 'object')}, {show_bytes(report.lists_bytes)}), "
        "and then for no more than the part: two waits in place of one",
        DOUBTFUL,
    )
