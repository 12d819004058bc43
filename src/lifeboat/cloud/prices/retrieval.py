"""What it takes to bring archived copies back: dollars and hours, by speed. Pure.

Limits: time until the last object can be read, not the download; egress is ``download``, asked for only where the machine is not in AWS.
"""

from collections.abc import Iterable

from lifeboat.cloud.prices.prices import GB, MONTH_DAYS, Prices
from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.value import Value


class SpeedNotOffered(SettingsError):
    """A storage class cannot be brought back at the speed asked for."""

    code = "retrieval-speed-not-offered"


class Held(Value):
    """Objects of one storage class. Args: bytes: of all of them together."""

    storage_class: str
    count: int
    bytes: int


class Retrieval(Value):
    """Dollars and hours.

    Args:
        retrieval: Dollars per GB and request, of all classes. copies: Dollars for the copies in STANDARD while they last.
        hours_least, hours_most: Until all can be read; 0 where nothing is archived.
    """

    retrieval: float
    copies: float
    hours_least: float
    hours_most: float

    @property
    def dollars(self) -> float:
        return self.retrieval + self.copies


def retrieval_cost(objects: Iterable[Held], speed: str, prices: Prices, *, days: int = 7) -> Retrieval:
    """Bringing all of them back, and reading them once.

    Args:
        objects: Of any class; what is read at once costs its retrieval and its requests.
        speed: ``bulk``, ``standard`` or ``expedited``.
        days: For how long the copies stay readable.

    Raises:
        SpeedNotOffered
    """
    dollars, copies, least, most = 0.0, 0.0, 0.0, 0.0
    for held in objects:
        gb, one = held.bytes / GB, prices.of(held.storage_class)
        dollars += held.count / 1000 * one.gets + gb * one.retrieval_gb
        if not one.is_archive or not held.count:
            continue
        if speed not in one.restore:
            raise SpeedNotOffered(
                f"{held.storage_class} cannot be brought back {speed}", f"its speeds are: {', '.join(one.restore)}"
            )
        chosen = one.restore[speed]
        dollars += gb * chosen.gb + held.count / 1000 * chosen.requests
        copies += prices.of("STANDARD").storage(gb * days / MONTH_DAYS)
        least, most = max(least, chosen.minutes[0] / 60), max(most, chosen.minutes[1] / 60)
    return Retrieval(dollars, copies, least, most)


def download_cost(byte_count: int, prices: Prices) -> float:
    """Dollars for reading so much from outside of AWS in one month in which nothing else is read."""
    return max(byte_count / GB - prices.out_free_gb, 0.0) * prices.out_gb
