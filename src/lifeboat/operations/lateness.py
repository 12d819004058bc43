"""From when on a source's newest snapshot is too old. Pure.

A source that is backed up every hour has, until the next run has committed, a snapshot that is an hour and one run old; whoever asks in that time
must not hear an alarm every hour. What is late is a run that did not come, or takes much longer than the last.
"""

from lifeboat.repository.record import Record

BEGINS_LATE_SECONDS = (120.0, 600.0)
"""How much later than its minute a run may begin, by timers that spread them (services/schedule/systemd.py): of an hourly one, of a daily one."""


def allowed_seconds(newest: Record, objective_seconds: float) -> float:
    """The age that the newest snapshot may have: the objective, and twice the time that taking it took; never more than half as much again."""
    least, most = BEGINS_LATE_SECONDS
    run = max(0.0, (newest.finished - newest.started).total_seconds())
    begins = min(max(objective_seconds / 24, least), most)
    return objective_seconds + min(2 * run + begins, objective_seconds / 2)
