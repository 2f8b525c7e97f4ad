"""Watching an actor for its exits."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import attrs
import trio

from trioactors.actors.child import ActorChild
from trioactors.actors.ref import Ref, child_of
from trioactors.errors.exits import Exit
from trioactors.settings import count
from trioactors.supervision.child import Incarnation, current_incarnation

__all__ = ["Death", "Watch", "watch"]


@attrs.frozen(kw_only=True)
class Death:
    """An exit of the watched actor, at *time* on Trio's clock."""

    name: str
    incarnation: int
    reason: Exit
    time: float


class Watch:
    """The exits of an actor's incarnations, as `watch` gives it.

        async with ta.watch(worker) as exits:
            async for death in exits:
                print(death.incarnation, death.reason)

    Read them with `next`, or iterate. Nothing is reported after the scope is left.
    """

    def __init__(self, child: ActorChild, limit: int) -> None:
        self._child = child
        self._deaths: deque[Death] = deque(maxlen=limit)
        self._parked = trio.Event()
        self._last_reported = 0
        incarnation = current_incarnation.get()
        self.watcher = None if incarnation is None else incarnation.child.name
        """The name of the child that watches; None if code outside the system does."""
        self.lost = 0
        """How many exits were dropped because they were not read in time."""

    def __repr__(self) -> str:
        """The watched actor, and how many exits are unread."""
        return f"<watch of {self._child.name}: {len(self._deaths)} exits to read>"

    def notify(self, incarnation: Incarnation) -> None:
        """Called at each start and exit of an incarnation; keeps the exits."""
        if incarnation.ended is None or incarnation.number <= self._last_reported:
            return
        self._last_reported = incarnation.number
        self.lost += len(self._deaths) == self._deaths.maxlen
        death = Death(name=self._child.name, incarnation=incarnation.number, reason=incarnation.ended, time=trio.current_time())
        self._deaths.append(death)
        self._parked.set()

    async def next(self) -> Death:
        """The next exit, oldest first. Waits if there is none; the caller sets the deadline."""
        await trio.lowlevel.checkpoint()
        while not self._deaths:
            self._parked = trio.Event()
            await self._parked.wait()
        return self._deaths.popleft()

    def __aiter__(self) -> Watch:
        """Iterate over the exits. The iteration itself never ends."""
        return self

    async def __anext__(self) -> Death:
        """The next exit."""
        return await self.next()


@asynccontextmanager
async def watch(ref: Ref, *, limit: int = 100) -> AsyncGenerator[Watch, None]:
    """Watch an actor for its exits, while the scope is open.

        async with ta.watch(worker) as exits:
            with trio.fail_after(10):
                death = await exits.next()

    Each exit is reported with its reason, whether or not a restart follows. The last *limit* unread exits are kept. A watch
    needs no observer, and leaves nothing behind when its scope ends.
    """
    child = child_of(ref)
    count(limit, "watch: limit", least=1)
    child.runtime.check_thread(child)
    watching = Watch(child, limit)
    child.watchers = [*child.watchers, watching.notify]
    try:
        yield watching
    finally:
        child.watchers = [other for other in child.watchers if other != watching.notify]
