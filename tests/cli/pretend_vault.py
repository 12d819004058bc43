"""An archive class that answers from memory: what is asked for comes when somebody waits, or not."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from pretend_lifeboat import NOW

from lifeboat.operations.reports.retrievals import AwayRow, Offer, RetrievalReport
from lifeboat.operations.retrieve.run import Waiting
from lifeboat.storage.archive import Tier

OFFERS = (
    Offer("bulk", 48 * 3600, 0.09),
    Offer("standard", 12 * 3600, 0.28),
    Offer("expedited", None, None, "DEEP_ARCHIVE"),
)


@dataclass
class PretendVault:
    """412 objects in Deep Archive. Args: comes: whether waiting helps. interrupted: somebody presses Ctrl-C meanwhile."""

    comes: bool = True
    interrupted: bool = False
    asked: list[str] = field(default_factory=list)
    state: str = "away"

    def report(self) -> RetrievalReport:
        away = self.state == "away"
        coming = 412 if self.state == "coming" else 0
        return RetrievalReport(
            snapshots=("3f2a91c0" * 4,),
            objects=412,
            bytes=10_000_000_000,
            readable=412 if self.state == "readable" else 0,
            coming=coming,
            coming_bytes=10_000_000_000 if coming else 0,
            ready_at=NOW + timedelta(hours=12) if coming else None,
            readable_until=NOW + timedelta(days=7) if self.state == "readable" else None,
            away=(AwayRow("DEEP_ARCHIVE", 412, 10_000_000_000),) if away else (),
            offers=OFFERS if away else (),
            days=7,
            prices="prices of us-east-1 of 2026-05-31",
            requested=412 if coming else 0,
            tier=self.asked[-1] if self.asked else None,
        )

    def look(self, tier: Tier | None = None) -> RetrievalReport:
        return self.report()

    def request(self, tier: Tier, *, upgrade: bool = False) -> RetrievalReport:
        self.asked.append(str(tier))
        self.state = "coming"
        return self.report()

    def wait(self, tell: Callable[[Waiting], None]) -> RetrievalReport:
        for number in range(3):
            tell(Waiting(number, 412, number, 10_000_000_000, number * 300.0, number, NOW + timedelta(hours=12), 300.0))
        if self.interrupted:
            raise KeyboardInterrupt
        self.state = "readable" if self.comes else "away"
        return self.report()
