"""What the steps of a bucket share: they wait for the bucket, and for what they changed to show."""

from abc import ABC, abstractmethod

from lifeboat.cloud.bucket.calls import BucketCalls
from lifeboat.cloud.steps import Looked

ON, OFF, NOTHING, NOT_THERE = "on", "off", "nothing", "not there"


class BucketStep(ABC):
    """A setting of the bucket. Subclasses say ``name``, ``title``, ``why``, look and change."""

    name = ""
    title = ""
    why = ""
    after: tuple[str, ...] = ("bucket",)

    def __init__(self, calls: BucketCalls) -> None:
        self.calls = calls

    @abstractmethod
    def look(self) -> Looked:
        """Compare; a bucket that is not there has nothing set. Raises ``CloudError``."""

    @abstractmethod
    def change(self) -> None:
        """Make it as wanted. Raises ``CloudError``."""

    def carry_out(self) -> None:
        self.change()
        self.calls.settle(lambda: not self.look().differences)


def switched(on: bool) -> str:
    """As people read it."""
    return ON if on else OFF
