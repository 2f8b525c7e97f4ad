"""Watching an actor for its exits."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import attrs
import trio

from trioactors.actors.child import ActorChild, is_gone
from trioactors.actors.ref import Ref, child_of
from trioactors.errors import ActorStopped, UsageError
from trioactors.errors.exits import Exit
from trioactors.scheduling.parking import Parking
from trioactors.settings import count
from trioactors.supervision.child import Incarnation, current_incarnation
from trioactors.supervision.watchers import watched

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
            print("it will not be restarted")

    Read them with `next`, or iterate. When the actor has exited for good and every exit is read, the iteration ends and `next` raises
    `ActorStopped`.
    """

    def __init__(self, child: ActorChild, limit: int) -> None:
        self._child = child
        self._deaths: deque[Death] = deque(maxlen=limit)
        self._parking = Parking()
        self._open = True
        incarnation = current_incarnation.get()
        self.watcher = None if incarnation is None else incarnation.child.name
        """The name of the child that watches; None if code outside the system does."""
        self.lost = 0
        """How many exits were dropped because they were not read in time."""

    def __repr__(self) -> str:
        """The watched actor, and how many exits are unread."""
        return f"<watch of {self._child.name}: {len(self._deaths)} exits to read>"

    def notify(self, incarnation: Incarnation | None) -> None:
        """Called when an incarnation becomes ready or exits, and when the actor is gone for good; keeps the exits."""
        if incarnation is not None and incarnation.ended is not None:
            self.lost += len(self._deaths) == self._deaths.maxlen
            reason, now = incarnation.ended, trio.current_time()
            self._deaths.append(Death(name=self._child.name, incarnation=incarnation.number, reason=reason, time=now))
        self._parking.wake()

    def close(self) -> None:
        """Called when the scope is left."""
        self._open = False
        self._parking.wake()

    async def next(self) -> Death:
        """The next exit, oldest first. Waits if there is none; the caller sets the deadline.

        If there will be none, raises `ActorStopped`, or `SystemClosed` if the system is closed: the actor has exited and will not be
        restarted. Raises `UsageError` after the scope of the watch was left.
        """
        await trio.lowlevel.checkpoint()
        while not self._deaths:
            if not self._open:
                raise UsageError(
                    f"{self!r} is over: its scope was left, so no exit can come; read it inside `async with ta.watch(...)`"
                )
            if is_gone(self._child):
                raise self._child.stopped()
            await self._parking.wait()
        return self._deaths.popleft()

    def __aiter__(self) -> Watch:
        """Iterate over the exits, until the actor has exited for good and every exit is read."""
        return self

    async def __anext__(self) -> Death:
        """The next exit."""
        try:
            return await self.next()
        except ActorStopped:
            raise StopAsyncIteration from None


@asynccontextmanager
async def watch(ref: Ref, *, limit: int = 100) -> AsyncGenerator[Watch, None]:
    """Watch an actor for its exits, while the scope is open.

        async with ta.watch(worker) as exits:
            with trio.fail_after(10):
                death = await exits.next()

    Each exit is reported with its reason, whether or not a restart follows. The last *limit* unread exits are kept. When the actor
    will not be restarted, the watch ends after its last exit: at once, if that was before the watch was opened. A watch needs no
    observer, and leaves nothing behind when its scope ends.
    """
    child = child_of(ref)
    count(limit, "watch: limit", least=1)
    child.runtime.check_thread(child)
    watching = Watch(child, limit)
    try:
        with watched(child, watching.notify):
            yield watching
    finally:
        watching.close()
