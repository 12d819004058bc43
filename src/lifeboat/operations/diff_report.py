"""What ``lifeboat diff`` is asked, and what it answers."""

from datetime import datetime

from lifeboat.foundation.finding import Finding
from lifeboat.foundation.value import Value

LIVE = "live"


class DiffRequest(Value):
    """Args:
    namespace: ``database.collection``, as it was called at both instants.
    since, until: Each an instant as people write it (``operations/moments.py``), a snapshot's id or ``latest``; ``until`` may be ``live``.
    filter: As typed; a document counts that fits at one of the two instants.
    limit: How many documents are shown; all are counted.
    """

    namespace: str
    since: str
    until: str = LIVE
    filter: str | None = None
    limit: int = 50


class DiffEnd(Value):
    """One of the two instants.

    Args:
        instant: By the server's clock; of ``live``, by this machine's.
        cluster_time: ``SECONDS.INCREMENT``, up to and including it; None where no exact one is known.
        snapshot: On which it is built; None for ``live``.
        replayed: Whether changes follow that snapshot.
        uuid: Of the collection that had the name then, hex; None where there was none.
    """

    text: str
    instant: datetime
    cluster_time: str | None
    snapshot: str | None
    replayed: bool
    uuid: str | None


class FieldDifference(Value):
    """Values are shortened; None where there is no such field."""

    path: str
    before: str | None
    after: str | None


class DiffRow(Value):
    """One document that differs.

    Args:
        verdict: ``added``, ``removed`` or ``changed``.
        document: Its ``_id``, as a filter takes it.
        summary: The first fields of what was added or removed. fields: Of what was changed.
    """

    verdict: str
    document: str
    summary: str = ""
    fields: tuple[FieldDifference, ...] = ()


class DiffReport(Value):
    """How a collection differs between two instants.

    Args:
        added, removed, changed: Exact.
        rows: The first ``limit`` of them.
    """

    namespace: str
    since: DiffEnd
    until: DiffEnd
    filter: str | None
    added: int
    removed: int
    changed: int
    rows: tuple[DiffRow, ...]
    seconds: float
    findings: tuple[Finding, ...] = ()
