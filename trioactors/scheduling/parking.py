"""A place where one task waits to be woken."""

from __future__ import annotations

import trio
from trio.lowlevel import reschedule, wait_task_rescheduled

__all__ = ["Parking"]


class Parking:
    """Wakes the one task that waits for it."""

    __slots__ = ("_waiter",)

    def __init__(self) -> None:
        self._waiter: trio.lowlevel.Task | None = None

    def __repr__(self) -> str:
        """Whether somebody waits."""
        return f"<bell, {'awaited' if self._waiter else 'unheard'}>"

    def wake(self) -> None:
        """Something changed."""
        if self._waiter is not None:
            waiter, self._waiter = self._waiter, None
            reschedule(waiter)

    async def wait(self) -> None:
        """Wait until something changes."""
        self._waiter = trio.lowlevel.current_task()
        await wait_task_rescheduled(self._leave)

    def _leave(self, _: object) -> trio.lowlevel.Abort:
        self._waiter = None
        return trio.lowlevel.Abort.SUCCEEDED
