"""Count and show the documents that differ between two instants; a filter may choose among them."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from lifeboat.foundation.sizes import MIB
from lifeboat.operations.diff_report import DiffRow, FieldDifference
from lifeboat.operations.differing import BothSides, Pair
from lifeboat.sources.mongodb.document_words import differences, id_text, summary
from lifeboat.sources.mongodb.documents import spans_of
from lifeboat.sources.mongodb.filter_match import Matcher

MATCHED_TOGETHER_BYTES = MIB


@dataclass
class Account:
    """What differs. Args: limit: How many rows are kept."""

    limit: int
    counts: Counter[str] = field(default_factory=Counter)
    rows: list[DiffRow] = field(default_factory=list)

    def add(self, pair: Pair) -> None:
        self.counts[_verdict(pair)] += 1
        self.show(pair)

    def show(self, pair: Pair) -> None:
        if len(self.rows) < self.limit:
            self.rows.append(_row(pair))


def account_of(pairs: Iterable[Pair], limit: int, matcher: Matcher | None) -> Account:
    """Count all of them, or those of which one of the two fits."""
    account = Account(limit)
    for pair in pairs if matcher is None else fitting(pairs, matcher):
        account.add(pair)
    return account


def account_of_sides(sides: BothSides, limit: int, matcher: Matcher | None) -> Account:
    """The same of two states that were compared by digests; without a filter only those that are shown are read again."""
    if matcher is not None:
        return account_of(sides.pairs(), limit, matcher)
    account = Account(limit)
    account.counts.update(added=sides.added, removed=sides.removed, changed=sides.changed)
    for pair in sides.first_pairs(limit):
        account.show(pair)
    return account


def fitting(pairs: Iterable[Pair], matcher: Matcher) -> Iterator[Pair]:
    """Those of which the document before or the one after fits."""
    waiting: list[Pair] = []
    size = 0
    for pair in pairs:
        waiting.append(pair)
        size += len(pair.before or b"") + len(pair.after or b"")
        if size >= MATCHED_TOGETHER_BYTES:
            yield from _fitting(waiting, matcher)
            waiting, size = [], 0
    yield from _fitting(waiting, matcher)


def _fitting(pairs: list[Pair], matcher: Matcher) -> Iterator[Pair]:
    fit: set[int] = set()
    for side in range(2):
        there = [(number, document) for number, pair in enumerate(pairs) if (document := pair[side]) is not None]
        block = b"".join(document for _, document in there)
        if block:
            begins = {begin: number for (begin, _), (number, _) in zip(spans_of(block), there, strict=True)}
            fit |= {begins[begin] for begin, _ in matcher.spans(block)}
    return (pair for number, pair in enumerate(pairs) if number in fit)


def _verdict(pair: Pair) -> str:
    if pair.before is None:
        return "added"
    return "removed" if pair.after is None else "changed"


def _row(pair: Pair) -> DiffRow:
    before, after = pair
    if before is not None and after is not None:
        fields = tuple(FieldDifference(one.path, one.stored, one.live) for one in differences(after, before))
        return DiffRow("changed", id_text(after), "", fields)
    there = after if before is None else before
    assert there is not None
    return DiffRow(_verdict(pair), id_text(there), summary(there))
