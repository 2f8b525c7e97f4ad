"""Watching an actor for its exits."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import attrs
import trio

from trioactors.actors.child import ActorChild
from trioactors.actors.ref import child_of
from trioactors.errors.exits import Exit
from trioactors.supervision.child import Incarnation, current_incarnation

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

    def __init__(self, child: ActorChild, limit: int) -> None:
        self._child = child
        self._deaths: deque[Death] = deque(maxlen=limit)
        self._parked = trio.Event()
        self._last_reported = 0
        incarnation = current_incarnation.get()
        self.watcher = None if incarnation is None else incarnation.child.name
        """The child that watches; None where it is none."""
        self.lost = 0
        """How many ends were dropped because nobody read them."""

    def __repr__(self) -> str:
        """Whom it watches, and what waits to be read."""
        return f"<watch of {self._child.name}: {len(self._deaths)} ends to read>"

    def notify(self, incarnation: Incarnation) -> None:
        """A life has begun, or ended."""
        if incarnation.ended is None or incarnation.number <= self._last_reported:
            return
        self._last_reported = incarnation.number
        self.lost += len(self._deaths) == self._deaths.maxlen
        death = Death(name=self._child.name, incarnation=incarnation.number, reason=incarnation.ended, time=trio.current_time())
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
    child = child_of(ref)
    child.runtime.check_thread(child)
    watching = Watch(child, limit)
    child.watchers = [*child.watchers, watching.notify]
    try:
        yield watching
    finally:
        child.watchers = [other for other in child.watchers if other != watching.notify]
