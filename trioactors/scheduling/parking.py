"""A place where tasks wait to be woken.

`trio.Event` can be set only once, and `trio.lowlevel.ParkingLot` does more than is needed here: this is used for every commit and restart.
"""

from __future__ import annotations

from functools import partial

import attrs
from trio.lowlevel import Abort, Task, current_task, reschedule, wait_task_rescheduled

__all__ = ["Parking"]


@attrs.define(eq=False, repr=False)
class Parking:
    """Wakes all tasks that wait in it."""

    waiters: list[Task] = attrs.field(factory=list[Task], init=False, repr=False)

    def __repr__(self) -> str:
        """The number of waiting tasks."""
        return f"<parking: {len(self.waiters)} waiting>"

    def wake(self) -> None:
        """Wake every waiting task, in the order in which they came."""
        if self.waiters:
            waiters, self.waiters = self.waiters, []
            for task in waiters:
                reschedule(task)

    async def wait(self) -> None:
        """Wait until the next `wake`."""
        task = current_task()
        self.waiters.append(task)
        await wait_task_rescheduled(partial(self._leave, task))

    def _leave(self, task: Task, _: object) -> Abort:
        self.waiters.remove(task)
        return Abort.SUCCEEDED
