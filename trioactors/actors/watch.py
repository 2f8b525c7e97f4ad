"""Watching an actor for its exits."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import attrs
import trio

from trioactors.actors.child import ActorCell
from trioactors.actors.ref import cell_of
from trioactors.errors.exits import Exit
from trioactors.supervision.child import Life, current_life

__all__ = ["Death", "Watch", "watch"]


@attrs.frozen(kw_only=True)
class Death:
    """An incarnation ended, at *time* on Trio's clock."""

    name: str
    incarnation: int
    reason: Exit
    time: float


class Watch:
    """Tells of the ends of an actor's incarnations, while its scope is open."""

    def __init__(self, cell: ActorCell, limit: int) -> None:
        self._cell = cell
        self._deaths: deque[Death] = deque(maxlen=limit)
        self._parked = trio.Event()
        self._told = 0
        life = current_life.get()
        self.watcher = None if life is None else life.cell.name
        """The child that watches; None where it is none."""
        self.lost = 0
        """How many ends were dropped because nobody read them."""

    def __repr__(self) -> str:
        """Whom it watches, and what waits to be read."""
        return f"<watch of {self._cell.name}: {len(self._deaths)} ends to read>"

    def tell(self, life: Life) -> None:
        """A life has begun, or ended."""
        if life.ended is None or life.number <= self._told:
            return
        self._told = life.number
        self.lost += len(self._deaths) == self._deaths.maxlen
        death = Death(name=self._cell.name, incarnation=life.number, reason=life.ended, time=trio.current_time())
        self._deaths.append(death)
        self._parked.set()

    async def next(self) -> Death:
        """The next end, oldest first; waits for one. The caller sets the deadline."""
        await trio.lowlevel.checkpoint()
        while not self._deaths:
            self._parked = trio.Event()
            await self._parked.wait()
        return self._deaths.popleft()

    def __aiter__(self) -> Watch:
        """Iterate over the ends, without an end of its own."""
        return self

    async def __anext__(self) -> Death:
        """The next end."""
        return await self.next()


@asynccontextmanager
async def watch(ref: object, *, limit: int = 100) -> AsyncGenerator[Watch, None]:
    """Watch an actor die, for as long as the scope is open.

    Each end of an incarnation is told with its reason, whether or not a restart follows; the last *limit* unread ones are kept. A watch is
    no trace observer: it is told even if none is attached, and leaves nothing behind.
    """
    cell = cell_of(ref)
    cell.runtime.check_thread(cell)
    watching = Watch(cell, limit)
    cell.watchers = [*cell.watchers, watching.tell]
    try:
        yield watching
    finally:
        cell.watchers = [other for other in cell.watchers if other != watching.tell]
