"""Timers of an actor: messages to itself that become due.

A timer sends an ordinary message through the actor's own mailbox, so what it does is handled one at a time like everything else. It
belongs to one incarnation: with it die the timer and its tick that may still wait. A timer never has two ticks waiting; one that comes
due meanwhile is skipped, and the next keeps to the grid of the first (drift-free).

One that a durable handler sets rings only after the commit of that handler, and one that it cancels or replaces comes back if that commit
fails.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from typing import Any

import attrs
import trio

from trioactors.messaging.handlers import HandlerSpec
from trioactors.messaging.mailbox import Mailbox
from trioactors.messaging.messages import NOWHERE, Envelope, Sender
from trioactors.scheduling.deadlines import Alarm, Deadlines
from trioactors.trace.observers import Observers
from trioactors.trace.records import TimerFired

__all__ = ["Armed", "Disarmed", "Timer", "Timers"]


class Timers:
    """The timers of one incarnation."""

    def __init__(self, mailbox: Mailbox, deadlines: Deadlines, observers: Observers, sender: Sender, incarnation: int) -> None:
        self.mailbox = mailbox
        self.deadlines = deadlines
        self._observers = observers
        self._sender = sender
        self._incarnation = incarnation
        self._by_key: dict[Hashable, Timer] = {}
        self.closed = False
        """Whether the incarnation is over."""

    def __repr__(self) -> str:
        """How many there are."""
        return f"<timers of {self.mailbox.owner}: {len(self)}>"

    def __len__(self) -> int:
        """How many will fire."""
        return len(self._by_key)

    def __iter__(self) -> Iterator[Timer]:
        """Those that will fire."""
        return iter(tuple(self._by_key.values()))

    def withdraw(self, key: Hashable) -> Timer | None:
        """Cancel the timer under *key* and return it; None if there is none."""
        timer = self._by_key.pop(key, None)
        if timer is not None:
            timer.cancel()
        return timer

    def add(self, timer: Timer) -> None:
        """Remember *timer* under its key."""
        self._by_key[timer.key] = timer

    def forget(self, timer: Timer) -> None:
        """Forget *timer*, unless another one has its key by now."""
        if self._by_key.get(timer.key) is timer:
            del self._by_key[timer.key]

    def send(self, timer: Timer) -> None:
        """Put the tick of *timer* into the mailbox."""
        tick = Envelope(timer.spec, timer.values, self._sender, tick=timer)
        self.mailbox.put_tick(tick)
        if self._observers.listeners:
            causation = tick.causation = NOWHERE.next(self._observers.number())
            self._observers.emit(
                TimerFired(
                    time=trio.current_time(),
                    child=self.mailbox.owner,
                    handler=timer.spec.name,
                    incarnation=self._incarnation,
                    **causation.as_fields,
                )
            )

    def close(self) -> None:
        """The incarnation is over: no timer fires any more."""
        self.closed = True
        for timer in self:
            timer.cancel()
        self._by_key.clear()


@attrs.define(eq=False)
class Timer:
    """One timer."""

    key: Hashable
    spec: HandlerSpec
    values: tuple[Any, ...] = attrs.field(repr=False)
    due: float
    period: float | None
    _timers: Timers = attrs.field(alias="timers", repr=False)
    waiting: bool = False
    """Whether a tick is in the mailbox."""
    _cancelled: bool = attrs.field(default=False, init=False)
    _scheduled: bool = attrs.field(default=False, init=False)
    _alarm: Alarm | None = attrs.field(default=None, init=False, repr=False)

    def schedule(self) -> None:
        """Fire from now on: when it is due, or at once if it was due already."""
        self._scheduled = True
        if not self._cancelled and not self._timers.closed:
            self._wait()

    def _wait(self) -> None:
        self._alarm = self._timers.deadlines.at(self.due, self._fire)

    def _fire(self) -> None:
        """Send the tick, and come back if there is a period."""
        if self._timers.mailbox.closed is None and not self.waiting:
            self.waiting = True
            self._timers.send(self)
        if self.period is not None:
            missed = math.floor((trio.current_time() - self.due) / self.period)
            self.due += (missed + 1) * self.period
            self._wait()

    @property
    def fired(self) -> float:
        """When the tick that waits was due."""
        return self.due if self.period is None else self.due - self.period

    def delivered(self) -> None:
        """The tick leaves the mailbox. A timer without a period is done with it."""
        self.waiting = False
        if self.period is None:
            self.forget()

    def forget(self) -> None:
        """Take it out of its actor's timers."""
        self._timers.forget(self)

    def revive(self) -> None:
        """Undo that it was cancelled or replaced: fire when it was due, or now, if it may fire yet."""
        if not self._timers.closed:
            self._timers.add(self)
            self._cancelled = False
            if self._scheduled:
                self._wait()

    def cancel(self) -> None:
        """Never fire again, and take back the tick that still waits."""
        self._cancelled = True
        if self._alarm is not None:
            self._alarm.cancel()
        if self.waiting:
            self.waiting = False
            self._timers.mailbox.withdraw_tick(self)


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
