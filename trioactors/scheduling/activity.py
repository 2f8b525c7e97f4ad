"""How much is going on in a system, and waiting until nothing is."""

from __future__ import annotations

import attrs
import trio

__all__ = ["Activity"]


@attrs.define(eq=False)
class Activity:
    """How many mailboxes and supervisors have something to do, and who waits until none has."""

    busy: int = 0
    _waiters: list[trio.lowlevel.Task] = attrs.field(factory=list[trio.lowlevel.Task], init=False, repr=False)

    def less(self) -> None:
        """One has finished what it had to do."""
        self.busy -= 1
        if self.busy == 0 and self._waiters:
            waiters, self._waiters = self._waiters, []
            for task in waiters:
                trio.lowlevel.reschedule(task)

    async def idle(self) -> None:
        """Wait until nobody is busy. A checkpoint."""
        if self.busy == 0:
            await trio.lowlevel.checkpoint()
            return
        task = trio.lowlevel.current_task()
        self._waiters.append(task)

        def abort(_: object) -> trio.lowlevel.Abort:
            self._waiters.remove(task)
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)
