"""Facts held against articles. Pure.

Invariants: what is not known supports nothing; every article has a gap, for what cannot be seen from here is one.
"""

from collections.abc import Iterable, Mapping

from lifeboat.evidence.compliance.articles import ARTICLES, Article
from lifeboat.evidence.compliance.facts import Fact
from lifeboat.foundation.value import Value


class Shortfall(Value):
    """A gap that can be closed. Args: found: What was found instead; empty where nobody looked."""

    missing: str
    found: str


class Row(Value):
    """One article: what supports it, what is missing, what cannot be seen from here."""

    article: Article
    evidence: tuple[Fact, ...]
    gaps: tuple[Shortfall, ...]

    @property
    def beyond(self) -> tuple[str, ...]:
        return self.article.beyond


def hold(facts: Iterable[Fact]) -> tuple[Row, ...]:
    """Every article with its evidence and its gaps."""
    by_name: Mapping[str, Fact] = {one.name: one for one in facts}
    rows = []
    for article in ARTICLES:
        evidence, gaps = [], []
        for need in article.needs:
            fact = by_name.get(need.fact)
            if fact is not None and fact.holds:
                evidence.append(fact)
            else:
                gaps.append(Shortfall(need.missing, "" if fact is None else fact.said))
        rows.append(Row(article, tuple(evidence), tuple(gaps)))
    return tuple(rows)
