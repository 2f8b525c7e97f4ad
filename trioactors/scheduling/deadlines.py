"""Everything in a system that becomes due: call deadlines, actor timers, graces and back-offs.

A cancel scope per call would be the obvious way, but it costs as much as the rest of the call. Instead, everything that becomes due is an
entry here, and one task sleeps until the first of them is due, on Trio's clock. Calls with the same timeout become due in the order in
which they were made, so each timeout has a `Series`, a plain queue. Entries without such an order go into a heap.

An entry that no longer matters is not removed. It is skipped when its turn comes, and whenever a queue or the heap has doubled since the
last sweep, all such entries are swept out. So the cost per entry is constant, and at most half of the entries are of no use.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, Protocol

import attrs
import trio

__all__ = ["SMALLEST_SWEEP", "Alarm", "Dated", "Deadlines", "Due", "Series"]

SMALLEST_SWEEP: Final = 1_024


class Due(Protocol):
    """Something that becomes due."""

    @property
    def pending(self) -> bool:
        """Whether it still matters."""
        ...

    def fire(self) -> None:
        """Do what is due now. Must not raise, and cannot wait."""
        ...


class Dated(Due, Protocol):
    """Something that knows when it becomes due."""

    @property
    def deadline(self) -> float:
        """The time at which it becomes due, on Trio's clock."""
        ...


@attrs.define(eq=False)
class Alarm:
    """A function to call at a given time."""

    due: float
    action: Callable[[], None] = attrs.field(repr=False)
    pending: bool = True

    def fire(self) -> None:
        """Call the function, once."""
        self.pending = False
        self.action()

    def cancel(self) -> None:
        """Do not call the function. Without effect if it was called already."""
        self.pending = False


class Series:
    """Entries that become due in the order in which they are added."""

    __slots__ = ("_deadlines", "_sweep_at", "queue")

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._sweep_at = SMALLEST_SWEEP
        self.queue: deque[Dated] = deque()

    def __repr__(self) -> str:
        """The number of entries."""
        return f"<series of {len(self.queue)}>"

    def add(self, entry: Dated) -> None:
        """Fire *entry* at its deadline, which must not be before that of the entry added last."""
        queue = self.queue
        queue.append(entry)
        length = len(queue)
        if length == 1:  # otherwise an earlier entry wakes the task anyway
            if entry.deadline < self._deadlines.wakes:
                self._deadlines.rewind(entry.deadline)
        elif length >= self._sweep_at:
            kept = [entry for entry in queue if entry.pending]
            queue.clear()
            queue.extend(kept)
            self._sweep_at = max(SMALLEST_SWEEP, 2 * len(kept))


@attrs.define(eq=False)
class Deadlines:
    """All entries of a system, and the task that fires them."""

    _heap: list[tuple[float, int, Due]] = attrs.field(factory=list[tuple[float, int, Due]], init=False, repr=False)
    _order: itertools.count[int] = attrs.field(factory=itertools.count, init=False, repr=False)
    _sweep_at: int = attrs.field(default=SMALLEST_SWEEP, init=False)
    _sleep: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False, repr=False)
    _series: dict[float, Series] = attrs.field(factory=dict[float, Series], init=False, repr=False)
    wakes: float = -math.inf
    """The time at which the task wakes next."""

    def series(self, timeout: float) -> Series:
        """The queue for entries that become due *timeout* seconds after they are added."""
        return self._series.setdefault(timeout, Series(self))

    def rewind(self, due: float) -> None:
        """Wake the task at *due*, which is earlier than planned."""
        self.wakes = self._sleep.deadline = due

    def add(self, due: float, entry: Due) -> None:
        """Fire *entry* at *due* (Trio's clock), if it is still pending then."""
        heapq.heappush(self._heap, (due, next(self._order), entry))
        if due < self.wakes:
            self.rewind(due)
        if len(self._heap) >= self._sweep_at:
            self._sweep()

    def at(self, due: float, action: Callable[[], None]) -> Alarm:
        """Call *action* at *due*. Returns an alarm that can be cancelled."""
        alarm = Alarm(due, action)
        self.add(due, alarm)
        return alarm

    def pending(self) -> list[object]:
        """The entries that still matter."""
        return [entry for _, entry in self._entries() if entry.pending]

    @property
    def overdue(self) -> bool:
        """Whether an entry is due that has not fired yet."""
        now = trio.current_time()
        return any(entry.pending and due <= now for due, entry in self._entries())

    def _entries(self) -> Iterator[tuple[float, Due]]:
        yield from ((due, entry) for due, _, entry in self._heap)
        for series in self._series.values():
            yield from ((entry.deadline, entry) for entry in series.queue)

    async def run(self) -> None:
        """Fire what becomes due, in order, until cancelled."""
        while True:
            now = trio.current_time()
            self.wakes = math.inf  # entries that are added while others fire then call `rewind`
            first = self._fire_heap(now)
            for series in tuple(self._series.values()):
                first = min(first, _fire_series(series.queue, now))
            self.wakes = min(self.wakes, first)
            with trio.CancelScope(deadline=self.wakes) as self._sleep:
                await trio.sleep_forever()

    def _fire_heap(self, now: float) -> float:
        """Fire what is due. Returns when the next entry is due.

        Firing may add entries, and a sweep may then replace the heap: read it anew each time.
        """
        while self._heap and (self._heap[0][0] <= now or not self._heap[0][2].pending):
            entry = heapq.heappop(self._heap)[2]
            if entry.pending:
                entry.fire()
        return self._heap[0][0] if self._heap else math.inf

    def _sweep(self) -> None:
        self._heap = [item for item in self._heap if item[2].pending]
        heapq.heapify(self._heap)
        self._sweep_at = max(SMALLEST_SWEEP, 2 * len(self._heap))


def _fire_series(queue: deque[Dated], now: float) -> float:
    """Fire what is due. Returns when the next entry is due."""
    while queue and (queue[0].deadline <= now or not queue[0].pending):
        entry = queue.popleft()
        if entry.pending:
            entry.fire()
    return queue[0].deadline if queue else math.inf
