"""Objects of one size, written at one time, that share a fate: in which storage class they are when, and when they are gone. Pure."""

from datetime import datetime, timedelta

from lifeboat.cloud.lifecycle.course import GONE, HIDDEN, course_of
from lifeboat.cloud.lifecycle.rules import Lifecycle, Rule
from lifeboat.foundation.value import Value


class Stage(Value):
    """From ``at`` on the objects are in this storage class. Args: hidden: deleted, and billed still, as older versions."""

    at: datetime
    storage_class: str
    hidden: bool = False


class Cohort(Value):
    """Args:
    each_bytes: Size of each object. count: May be a fraction: half an object a day is one every other day.
    stages: The first is when they were written; in order of time.
    gone: From then on nothing of them is billed but what a minimum duration still asks for; None: never.
    """

    each_bytes: float
    count: float
    stages: tuple[Stage, ...]
    gone: datetime | None = None

    @property
    def all_bytes(self) -> float:
        return self.each_bytes * self.count


class Policy(Value):
    """What becomes of objects in the bucket.

    Args:
        name: As people chose it. lifecycle: Of the whole bucket.
        versions_kept: Whether what is deleted stays, and is billed, until a rule lets it go.
    """

    name: str
    lifecycle: Lifecycle
    versions_kept: bool = True


def cohort_of(
    policy: Policy,
    key: str,
    each_bytes: float,
    count: float,
    created: datetime,
    removed: datetime | None = None,
    *,
    storage_class: str = "STANDARD",
    not_before: datetime | None = None,
) -> Cohort:
    """The course of objects at ``key`` (in full, as the rules see it), until somebody deletes them or a rule does.

    Args:
        removed: When prune deletes them, to the day; None: it never does.
        not_before: Rules act from then on at the earliest: what they are to do with objects that lie there since longer.
    """
    lifecycle = policy.lifecycle
    if removed is not None:
        rule = Rule("deleted by prune", prefix=key, expire_on=max(removed, created + timedelta(days=1)).date())
        lifecycle = Lifecycle((*lifecycle.rules, rule), lifecycle.minimum)
    events = course_of(
        lifecycle,
        key,
        round(each_bytes),
        created,
        storage_class=storage_class,
        versions_kept=policy.versions_kept,
        not_before=not_before,
    )
    stages, gone = [Stage(created, storage_class)], None
    for event in events:
        if event.becomes == GONE:
            gone = event.at
        elif event.becomes == HIDDEN:
            stages.append(Stage(event.at, event.kept_as, hidden=True))
        else:
            stages.append(Stage(event.at, event.becomes))
    return Cohort(each_bytes, count, tuple(stages), gone)
