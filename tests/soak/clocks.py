"""Clocks on which other work on the machine does not show."""

from __future__ import annotations

import math
import time

import trio
from trio.testing import wait_all_tasks_blocked

_FOREVER = 1e9


class StillClock(trio.abc.Clock):
    """A clock that is moved by hand. Unlike Trio's `MockClock`, under which stores do without a thread, it is taken for a real one."""

    def __init__(self) -> None:
        self._now = 0.0
        self._held = True

    def start_clock(self) -> None:
        """Nothing runs."""

    def current_time(self) -> float:
        """Where it was moved to."""
        return self._now

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """For ever, if it is not due."""
        if not self._held and deadline != math.inf:
            self._now = max(self._now, deadline)
        return 0.0 if deadline <= self._now else _FOREVER

    def move(self, seconds: float) -> None:
        """Move it on."""
        self._now += seconds

    def let_go(self) -> None:
        """From here on it jumps to what is due next, so that everything ends."""
        self._held = False


class WorkingClock(trio.abc.Clock):
    """Time passes while this process works, as fast as it works; where it would only wait, the clock jumps.

    So shedding a message costs the time that it costs, and the rest of the machine costs none.
    """

    def __init__(self) -> None:
        self._skipped = 0.0
        self._began = 0.0

    def start_clock(self) -> None:
        """From here on."""
        self._began = time.process_time()

    def current_time(self) -> float:
        """What was worked and what was skipped."""
        return self._skipped + time.process_time() - self._began

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Not at all, or until `jump` has moved it."""
        return 0.0 if deadline <= self.current_time() else _FOREVER

    async def jump(self) -> None:
        """Skip the time in which nobody works; until cancelled."""
        while True:
            await wait_all_tasks_blocked()
            left = trio.lowlevel.current_statistics().seconds_to_next_deadline
            if 0 < left < math.inf:
                self._skipped += left
