"""Times of a running system as people write them: the time of day here, and the date when it changes."""

from __future__ import annotations

from datetime import date, datetime, tzinfo

import attrs

__all__ = ["LocalClock"]


@attrs.define
class LocalClock:
    """Converts times on the clock of a system, which begins anywhere, to the local time."""

    offset: float
    """What to add to get seconds since 1970."""
    now: float
    """Seconds since 1970: the date of this moment need not be told."""
    zone: tzinfo | None = None
    """The time zone; None is that of this machine."""
    _told: date = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._told = datetime.fromtimestamp(self.now, self.zone).date()

    def read(self, time: float) -> tuple[str | None, str]:
        """The date, if it is another one than before, and the time of day with milliseconds."""
        moment = datetime.fromtimestamp(time + self.offset, self.zone)
        known, self._told = self._told, moment.date()
        return None if known == self._told else f"{moment:%A, %Y-%m-%d}", f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03}"
