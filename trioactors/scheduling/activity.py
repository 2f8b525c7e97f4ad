"""How much of a system is busy, and waiting until nothing is."""

from __future__ import annotations

import attrs
import trio

from trioactors.scheduling.parking import Parking

__all__ = ["Activity"]


@attrs.define(eq=False)
class Activity(Parking):
    """Counts the mailboxes and supervisors that have something to do. Its waiters wait until there are none."""

    busy: int = 0
    """Mailboxes and supervisors add themselves here, and call `less` when they are done."""

    def less(self) -> None:
        """Note that one of them has nothing left to do."""
        self.busy -= 1
        if self.busy == 0 and self.waiters:
            self.wake()

    async def idle(self) -> None:
        """Wait until nothing is busy. A checkpoint."""
        if self.busy == 0:
            await trio.lowlevel.checkpoint()
        else:
            await self.wait()
