"""How many snapshots are kept of which periods.

All periods are of UTC and of the store's clock (a record's ``finished``): no machine's clock or time zone has a say, and nothing is kept or
dropped because summer time began. A week begins on Monday (ISO 8601).
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.value import Value
from lifeboat.retention.periods import LOCK, closes, lock_end

SHORT, LONG = "short", "long"


class RulesKeepNothing(SettingsError):
    """The rules in ``[retention]`` would keep no snapshot at all."""

    code = "rules-keep-nothing"


class Rules(Value):
    """Of each of the newest so many hours, days ... that have a snapshot, the last one is kept. 0: no rule."""

    hourly: int = 24
    daily: int = 35
    weekly: int = 0
    monthly: int = 84
    """Seven years: the 2555 days that the mission asks for."""
    yearly: int = 0
    window_days: int = 7
    """Where a stream archives: any moment of so many days can be brought back."""
    lock_days: int = LOCK.days
    """After the end of its month, what nobody has proved is kept for so many days."""
    locked: bool = False
    """Whether an Object Lock holds what is stored as long: until then removing only hides, so nothing is removed."""
    versions_days: int | None = None
    """So many days the store keeps what was removed; None: it is gone at once, as far as anybody said."""

    def may_go(self, generation: str) -> datetime:
        """From when on what nobody needs of a generation is removed. Raises ``ValueError``."""
        closed = closes(generation)
        return max(closed, lock_end(generation, self.lock_days)) if self.locked else closed

    @property
    def window(self) -> timedelta:
        return timedelta(days=self.window_days)

    @property
    def takes_long(self) -> bool:
        """Whether the first backup of a month goes into ``long``."""
        return self.monthly > 0 or self.yearly > 0

    def of_class(self, class_: str) -> tuple["Rule", ...]:
        """The rules for one class; periods with 0 are left out."""
        counts = (
            {"hour": self.hourly, "day": self.daily, "week": self.weekly}
            if class_ == SHORT
            else {"month": self.monthly, "year": self.yearly}
        )
        return tuple(Rule(period, count) for period, count in counts.items() if count > 0)

    def check(self) -> None:
        """Refuse rules that cannot be meant; raises ``RulesKeepNothing``."""
        if not self.of_class(SHORT):
            raise RulesKeepNothing(
                "hourly, daily and weekly are all 0 under [retention]: no backup of the last month would be kept",
                "set at least one, such as daily = 35; monthly = 0 alone switches the monthly copies off",
            )


class Rule(Value):
    """One rule: the last snapshot of each of the newest ``count`` periods that have one."""

    period: str
    count: int

    @property
    def words(self) -> str:
        """``"the newest 24 hours"``."""
        return f"the newest {self.count} {self.period}s" if self.count > 1 else f"the newest {self.period}"

    def key(self, moment: datetime) -> tuple[int, ...]:
        """The period that a moment lies in; later periods compare greater."""
        return _KEYS[self.period](moment.astimezone(UTC))


_KEYS: dict[str, Callable[[datetime], tuple[int, ...]]] = {
    "hour": lambda at: (at.year, at.month, at.day, at.hour),
    "day": lambda at: (at.year, at.month, at.day),
    "week": lambda at: at.isocalendar()[:2],
    "month": lambda at: (at.year, at.month),
    "year": lambda at: (at.year,),
}
