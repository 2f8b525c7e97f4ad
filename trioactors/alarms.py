"""One heap of deadlines for a whole system: call deadlines, actor timers, graces and back-offs.

A cancel scope per call would be the obvious way and costs as much as the rest of the call. Instead everything that becomes due is an
entry of one heap, and one task sleeps until the first of them, on Trio's clock. An entry whose matter is settled is not searched for:
it is skipped when it comes up, and when the heap has doubled since the last look the settled ones are swept out, which keeps the cost
of an entry constant and the heap at most twice as large as what still counts.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable
from typing import Final, Protocol

import attrs
import trio

__all__ = ["Alarm", "Alarms", "Due"]

SMALLEST_SWEEP: Final = 1_024


class Due(Protocol):
    """Something that becomes due."""

    @property
    def pending(self) -> bool:
        """Whether it still matters."""
        ...

    def ring(self) -> None:
        """It is due now. Must not raise and cannot wait."""
        ...


@attrs.define(eq=False)
class Alarm:
    """A plain function to call when it is due."""

    due: float
    action: Callable[[], None] = attrs.field(repr=False)
    pending: bool = True

    def ring(self) -> None:
        """Call the function, once."""
        self.pending = False
        self.action()

    def cancel(self) -> None:
        """Never ring. Cancelling twice, or after it rang, is harmless."""
        self.pending = False


@attrs.define(eq=False)
class Alarms:
    """The heap, and the task that waits for its head."""

    _heap: list[tuple[float, int, Due]] = attrs.field(factory=list, repr=False)
    _order: itertools.count[int] = attrs.field(factory=itertools.count, repr=False)
    _sweep_at: int = SMALLEST_SWEEP
    _sleep: trio.CancelScope = attrs.field(factory=trio.CancelScope, repr=False)
    _wakes: float = -math.inf

    def add(self, due: float, entry: Due) -> None:
        """Let *entry* ring at *due* (Trio's clock), if it is still pending then."""
        heapq.heappush(self._heap, (due, next(self._order), entry))
        if due < self._wakes:
            self._wakes = self._sleep.deadline = due
        if len(self._heap) >= self._sweep_at:
            self._sweep()

    def at(self, due: float, action: Callable[[], None]) -> Alarm:
        """Call *action* at *due*; the alarm that is returned can be cancelled."""
        alarm = Alarm(due, action)
        self.add(due, alarm)
        return alarm

    def __len__(self) -> int:
        """How many entries still matter."""
        return sum(entry.pending for _, _, entry in self._heap)

    @property
    def overdue(self) -> bool:
        """Whether something is due that has not rung yet."""
        now = trio.current_time()
        return any(entry.pending and due <= now for due, _, entry in self._heap)

    async def run(self) -> None:
        """Ring what becomes due, in order, until cancelled."""
        while True:
            self._ring(trio.current_time())
            self._wakes = self._heap[0][0] if self._heap else math.inf
            with trio.CancelScope(deadline=self._wakes) as self._sleep:
                await trio.sleep_forever()

    def _ring(self, now: float) -> None:
        heap = self._heap
        while heap and (heap[0][0] <= now or not heap[0][2].pending):
            entry = heapq.heappop(heap)[2]
            if entry.pending:
                entry.ring()

    def _sweep(self) -> None:
        self._heap = [item for item in self._heap if item[2].pending]
        heapq.heapify(self._heap)
        self._sweep_at = max(SMALLEST_SWEEP, 2 * len(self._heap))
