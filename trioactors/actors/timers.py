"""Timers: messages that an actor sends to itself when they become due.

A tick is an ordinary message in the actor's own mailbox, so it is handled one at a time like every other message. A timer
belongs to one incarnation and ends with it, together with a tick that may still wait. A timer never has two ticks waiting: one
that becomes due meanwhile is skipped, and later ticks keep to the grid of the first one, so they do not drift.

A timer set by a durable handler fires only after the commit of that handler. A timer that such a handler cancels or replaces is
restored if the commit fails.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from typing import Any

import attrs
import trio

from trioactors.messaging.definitions import HandlerSpec
from trioactors.messaging.mailbox import Mailbox, is_over
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
        """Whether the incarnation has ended."""

    def __repr__(self) -> str:
        """The actor, and how many timers it has."""
        return f"<timers of {self.mailbox.owner}: {len(self)}>"

    def __len__(self) -> int:
        """How many timers are set."""
        return len(self._by_key)

    def __iter__(self) -> Iterator[Timer]:
        """The timers that are set."""
        return iter(tuple(self._by_key.values()))

    def withdraw(self, key: Hashable) -> Timer | None:
        """Cancel the timer under *key* and return it; None if there is none."""
        timer = self._by_key.pop(key, None)
        if timer is not None:
            timer.cancel()
        return timer

    def add(self, timer: Timer) -> None:
        """Add *timer* under its key."""
        self._by_key[timer.key] = timer

    def forget(self, timer: Timer) -> None:
        """Remove *timer*, unless another timer has taken its key."""
        if self._by_key.get(timer.key) is timer:
            del self._by_key[timer.key]

    def send(self, timer: Timer) -> None:
        """Put a tick of *timer* into the mailbox."""
        tick = Envelope(timer.spec, timer.values, self._sender, tick=timer)
        if self._observers.meter is not None:
            tick.sent = trio.current_time()
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
        """Cancel all timers: the incarnation has ended."""
        self.closed = True
        for timer in self:
            timer.cancel()
        self._by_key.clear()


@attrs.define(eq=False)
class Timer:
    """A timer, with or without a period."""

    key: Hashable
    spec: HandlerSpec
    values: tuple[Any, ...] = attrs.field(repr=False)
    due: float
    period: float | None
    _timers: Timers = attrs.field(alias="timers", repr=False)
    waiting: bool = False
    """Whether a tick of it is in the mailbox."""
    _cancelled: bool = attrs.field(default=False, init=False)
    _scheduled: bool = attrs.field(default=False, init=False)
    _alarm: Alarm | None = attrs.field(default=None, init=False, repr=False)

    def schedule(self) -> None:
        """Fire when it is due, or at once if it is due already."""
        self._scheduled = True
        if not self._cancelled and not self._timers.closed:
            self._wait()

    def _wait(self) -> None:
        self._alarm = self._timers.deadlines.at(self.due, self._fire)

    def _fire(self) -> None:
        """Send the tick, and schedule the next one if there is a period."""
        if not is_over(self._timers.mailbox) and not self.waiting:
            self.waiting = True
            self._timers.send(self)
        if self.period is not None:
            missed = math.floor((trio.current_time() - self.due) / self.period)
            self.due += (missed + 1) * self.period
            self._wait()

    @property
    def fired(self) -> float:
        """When the waiting tick was due."""
        return self.due if self.period is None else self.due - self.period

    def delivered(self) -> None:
        """Note that the tick has left the mailbox. A timer without a period is then removed."""
        self.waiting = False
        if self.period is None:
            self.forget()

    def forget(self) -> None:
        """Remove the timer from its actor."""
        self._timers.forget(self)

    def revive(self) -> None:
        """Undo a cancellation or replacement: fire when due, or at once, unless the incarnation has ended."""
        if not self._timers.closed:
            self._timers.add(self)
            self._cancelled = False
            if self._scheduled:
                self._wait()

    def cancel(self) -> None:
        """Never fire again, and withdraw the tick if it still waits."""
        self._cancelled = True
        if self._alarm is not None:
            self._alarm.cancel()
        if self.waiting:
            self.waiting = False
            self._timers.mailbox.withdraw_tick(self)


@attrs.frozen(eq=False)
class Armed:
    """A timer set by a durable handler, possibly in place of another one."""

    timer: Timer
    replaced: Timer | None

    def release(self) -> None:
        """Schedule the timer; it fires at once if it is due."""
        self.timer.schedule()

    def undo(self, _: Exception | None) -> None:
        """Remove the timer, and restore the one it replaced."""
        self.timer.forget()
        if self.replaced is not None:
            self.replaced.revive()


@attrs.frozen(eq=False)
class Disarmed:
    """A timer cancelled by a durable handler."""

    timer: Timer

    def release(self) -> None:
        """Do nothing: the timer is cancelled already."""

    def undo(self, _: Exception | None) -> None:
        """Restore the timer."""
        self.timer.revive()
