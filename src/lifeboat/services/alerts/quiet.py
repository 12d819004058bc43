"""The hours in which people sleep."""

from datetime import datetime, tzinfo

from lifeboat.foundation.value import Value


class QuietHours(Value):
    """Only what is critical is told in them. Args: begin, end: Minutes of the day in ``zone``; equal: none. May go over midnight."""

    begin: int = 0
    end: int = 0
    zone: tzinfo | None = None

    def hold(self, now: datetime) -> bool:
        if self.begin == self.end:
            return False
        local = now.astimezone(self.zone)
        minute = local.hour * 60 + local.minute
        if self.begin < self.end:
            return self.begin <= minute < self.end
        return minute >= self.begin or minute < self.end
