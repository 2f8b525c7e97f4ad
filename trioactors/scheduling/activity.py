"""How much is going on in a system, and waiting until nothing is."""

from __future__ import annotations

import attrs
import trio

from trioactors.scheduling.parking import Parking

__all__ = ["Activity"]


@attrs.define(eq=False)
class Activity(Parking):
    """How many mailboxes and supervisors have something to do, and who waits until none has."""

    busy: int = 0

    def less(self) -> None:
        """One has finished what it had to do."""
        self.busy -= 1
        if self.busy == 0 and self.waiters:
            self.wake()

    async def idle(self) -> None:
        """Wait until nobody is busy. A checkpoint."""
        if self.busy == 0:
            await trio.lowlevel.checkpoint()
        else:
            await self.wait()
