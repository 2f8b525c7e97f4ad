"""Timers of an actor: messages to itself that become due.

A timer sends an ordinary message through the actor's own mailbox, so what it does is handled one at a time like everything else. It
belongs to one incarnation: with it die the timer and its tick that may still wait. A timer never has two ticks waiting; one that comes
due meanwhile is skipped, and the next keeps to the grid of the first (drift-free).

One that a durable handler sets rings only after the commit of that handler, and one that it cancels or replaces comes back if that commit
fails.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs
import trio

from trioactors.messaging.messages import NOWHERE, Envelope
from trioactors.scheduling.deadlines import Alarm
from trioactors.trace.records import TimerFired

if TYPE_CHECKING:
    from trioactors.actors.child import ActorCell
    from trioactors.messaging.handlers import HandlerSpec
    from trioactors.messaging.messages import Lineage
    from trioactors.supervision.child import Life

__all__ = ["Armed", "Disarmed", "Timer"]


@attrs.define(eq=False)
class Timer:
    """One timer."""

    key: object
    spec: HandlerSpec
    values: tuple[Any, ...] = attrs.field(repr=False)
    due: float
    period: float | None
    life: Life = attrs.field(repr=False)
    cell: ActorCell = attrs.field(repr=False)
    waiting: bool = False
    """Whether a tick is in the mailbox."""
    _cancelled: bool = attrs.field(default=False, init=False)
    _scheduled: bool = attrs.field(default=False, init=False)
    _alarm: Alarm | None = attrs.field(default=None, init=False, repr=False)

    def schedule(self) -> None:
        """It may ring from now on: when it is due, or at once if it was due already."""
        self._scheduled = True
        if not self._cancelled and self.life.ended is None:
            self._wait()

    def _wait(self) -> None:
        self._alarm = self.cell.runtime.alarms.at(self.due, self._ring)

    def _ring(self) -> None:
        """Send the tick, and come back if there is a period."""
        if self.cell.mailbox.closed is None and not self.waiting:
            self.waiting = True
            tick = Envelope(self.spec, self.values, self.life, tick=self)
            self.cell.mailbox.put_tick(tick)
            observers = self.cell.runtime.observers
            if observers.listeners:
                tick.lineage = NOWHERE.next(observers.number())
                self._tell(tick.lineage)
        if self.period is not None:
            missed = math.floor((trio.current_time() - self.due) / self.period)
            self.due += (missed + 1) * self.period
            self._wait()

    def _tell(self, lineage: Lineage) -> None:
        self.cell.runtime.observers.emit(
            TimerFired(
                time=trio.current_time(),
                child=self.cell.name,
                handler=self.spec.name,
                incarnation=self.life.number,
                **lineage.told,
            )
        )

    def delivered(self) -> None:
        """The tick leaves the mailbox. A timer without a period is done with it."""
        self.waiting = False
        if self.period is None:
            self.forget()

    def forget(self) -> None:
        """Its actor knows it no more."""
        timers = self.life.timers
        if timers is not None and timers.get(self.key) is self:
            del timers[self.key]

    def revive(self) -> None:
        """It was cancelled or replaced, and that is undone: ring when it was due, or now, if it may ring yet."""
        timers = self.life.timers
        if timers is not None and self.life.ended is None:
            timers[self.key] = self
            self._cancelled = False
            if self._scheduled:
                self._wait()

    def cancel(self) -> None:
        """Never ring again, and take back the tick that still waits."""
        self._cancelled = True
        if self._alarm is not None:
            self._alarm.cancel()
        if self.waiting:
            self.waiting = False
            self.cell.mailbox.withdraw_tick(self)


@attrs.frozen(eq=False)
class Armed:
    """A timer that was set, perhaps in the place of another."""

    timer: Timer
    replaced: Timer | None

    def release(self) -> None:
        """It rings from now on, at once if it is due."""
        self.timer.schedule()

    def undo(self) -> None:
        """It was never set."""
        self.timer.forget()
        if self.replaced is not None:
            self.replaced.revive()


@attrs.frozen(eq=False)
class Disarmed:
    """A timer that was cancelled."""

    timer: Timer

    def release(self) -> None:
        """It is silent already."""

    def undo(self) -> None:
        """It was never cancelled."""
        self.timer.revive()
