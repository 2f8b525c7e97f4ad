"""How long messages wait and how long handlers run, by class and handler, measured while somebody wants to know.

    waiting     from the send to the begin of the handler, or until the message is dropped unhandled
    handling    from the begin of the handler to its end: how long the message occupies its actor

A call or a cast that waits for room in a full mailbox waits from its send. A cast of a durable handler is sent when its commit releases it,
and a tick when its timer fires. A cast that was sent before the measuring began carries no time, so its wait is not counted. Handling ends
when the handler returns: a deferred reply may come later, and so may the commit of a durable actor. Nested calls belong to the handler that
makes them.

While nothing is measured, a message costs nothing more than without this module: the loop asks one list whether anyone observes or
measures. `handled` runs for each message while it is measured, so it repeats a few lines on purpose.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Final

import attrs

from trioactors.trace.histogram import Histogram
from trioactors.trace.observers import Ending, Measured, Observers, Plan, Timed

__all__ = ["MOST", "WINDOW", "HandlerMeter", "Tally", "Timing"]

WINDOW: Final = 60.0
"""The seconds that recent figures cover, at most."""
_SLICE: Final = 10.0
"""Seconds after which the oldest part of the recent figures is dropped."""
_FOLD: Final = 1_000
"""Durations that are kept before they are counted."""
_HANDLED: Final = Ending.HANDLED
MOST: Final = 2_000
"""Handlers that are measured; a program with more has made up classes."""


@attrs.define
class Tally:
    """What was counted of one handler from *start* on."""

    start: float
    handling: Histogram = attrs.field(factory=Histogram)
    waiting: Histogram = attrs.field(factory=Histogram)
    errors: int = 0
    """Handlers that ended with an error, crashes among them."""
    crashed: int = 0
    shed: int = 0
    """Messages that were dropped unhandled: their caller was gone, or their deadline had passed or was too near."""
    longest: float = -math.inf
    """The longest handling."""
    longest_at: float = 0.0
    longest_by: str = ""
    """The actor of the longest handling."""
    waited: float = -math.inf
    """The longest wait."""
    new_handling: list[float] = attrs.field(factory=list[float])
    """Durations that are not in the histogram yet: counting many at once costs a fifth of counting each."""
    new_waiting: list[float] = attrs.field(factory=list[float])

    def fold(self) -> Tally:
        """Put the new durations into the histograms."""
        if self.new_waiting:
            self.waited = max(self.waited, *self.new_waiting, 0.0)
        self.handling.add_all(self.new_handling)
        self.waiting.add_all(self.new_waiting)
        self.new_handling.clear()
        self.new_waiting.clear()
        return self

    def merge(self, other: Tally) -> None:
        """Count all that *other* has counted."""
        self.start = min(self.start, other.start)
        self.handling.merge(other.handling)
        self.waiting.merge(other.waiting)
        self.errors += other.errors
        self.crashed += other.crashed
        self.shed += other.shed
        self.waited = max(self.waited, other.waited)
        if other.longest > self.longest:
            self.longest, self.longest_at, self.longest_by = other.longest, other.longest_at, other.longest_by


@attrs.define(eq=False)
class Timing:
    """The figures of one handler: everything since it was first seen, in parts, the newest of which are those of the last minute."""

    actor: str
    """The class."""
    handler: str
    now: Tally
    _past: Tally
    _recent: deque[Tally] = attrs.field(factory=deque[Tally])
    turn: float = 0.0
    """When the newest part is complete."""

    def begin(self, now: float) -> Tally:
        """Begin a new part at *now*, and return it."""
        if self.turn:
            self._recent.append(self.now.fold())
        while self._recent and self._recent[0].start <= now - WINDOW:
            self._past.merge(self._recent.popleft())
        self.now = Tally(now - now % _SLICE)
        self.turn = self.now.start + _SLICE
        return self.now

    def recent(self, now: float) -> Tally:
        """The figures of the last minute, at most."""
        oldest = now - WINDOW
        self.now.fold()
        return _sum(now, [part for part in (*self._recent, self.now) if part.start > oldest])

    def everything(self, now: float) -> Tally:
        """The figures since the measuring began."""
        self.now.fold()
        return _sum(now, [self._past, *self._recent, self.now])


def _sum(now: float, parts: list[Tally]) -> Tally:
    total = Tally(now)
    for part in parts:
        total.merge(part)
    return total


class HandlerMeter:
    """Measures the handlers of one system, while that is wanted."""

    def __init__(self, observers: Observers, now: Callable[[], float]) -> None:
        self._observers = observers
        self._clock = now
        self._viewers = 0
        self._timings: dict[Plan, dict[str, Timing]] = {}
        self._looked_at: dict[str, tuple[int, dict[str, Timing]]] = {}
        """The actors that are measured on their own: how many look at each, and its figures."""
        self._count = 0
        self._began = 0.0
        self.since: float | None = None
        """When the measuring began; None if nothing is measured."""
        self.left_out = False
        """Whether there were more handlers than are measured."""

    def __repr__(self) -> str:
        """Whether it is measuring, and how many handlers."""
        return f"<handler meter: {'not measured' if self.since is None else f'{self._count} handlers'}>"

    @contextmanager
    def wanted(self, actor: str | None = None) -> Generator[None, None, None]:
        """Measure while this block is open; with *actor*, that actor on its own too. The figures are dropped with the last such block."""
        if not self._viewers:
            self.since = self._began = self._clock()
            self._observers.measure(self)
        self._viewers += 1
        if actor is not None:
            looking, timings = self._looked_at.get(actor, (0, {}))
            self._looked_at[actor] = (looking + 1, timings)
        try:
            yield
        finally:
            if actor is not None:
                self._look_away(actor)
            self._viewers -= 1
            if not self._viewers:
                self._observers.measure(None)
                self.since, self._count, self.left_out = None, 0, False
                self._timings.clear()

    def _look_away(self, actor: str) -> None:
        looking, timings = self._looked_at.pop(actor)
        if looking > 1:
            self._looked_at[actor] = (looking - 1, timings)

    def timings(self, actor: str | None = None) -> Iterator[Timing]:
        """The figures of all handlers, or of those of one actor that is measured on its own."""
        if actor is not None:
            yield from self._looked_at.get(actor, (0, {}))[1].values()
        else:
            for of_class in self._timings.values():
                yield from of_class.values()

    # --- for each message ---

    def handled(self, child: Measured, message: Timed, began: float, now: float, ending: Ending = _HANDLED) -> None:
        """Count a message whose handler ended *now*."""
        spec = message.spec
        try:
            timing = self._timings[child.plan][spec.name]
        except KeyError:
            if (found := self._new(child, spec.name)) is None:
                return
            timing = found
        if began < self._began and not spec.is_async:
            return  # a plain handler that began before the measuring takes the time of the message before it
        tally = timing.now if now < timing.turn else timing.begin(now)
        new, took = tally.new_handling, now - began
        new.append(took)
        if took > tally.longest:
            tally.longest, tally.longest_at, tally.longest_by = took, now, child.name
        try:  # noqa: SIM105 - a context manager for each message would cost more than the rest
            tally.new_waiting.append(began - message.sent)
        except AttributeError:
            pass  # a cast from before the measuring
        if len(new) >= _FOLD:
            tally.fold()
        if ending is not _HANDLED or self._looked_at:
            own = self._counted_own(child, message, began, now) if child.name in self._looked_at else tally
            for each in {id(tally): tally, id(own): own}.values():
                each.errors += ending is not _HANDLED
                each.crashed += ending is Ending.CRASHED

    def shed(self, child: Measured, message: Timed, now: float) -> None:
        """Count a message that was dropped unhandled. It has waited until now."""
        sent = getattr(message, "sent", None)
        for timing in self._of(child, message.spec.name):
            tally = timing.now if now < timing.turn else timing.begin(now)
            tally.shed += 1
            _wait(tally, sent, now)

    def _counted_own(self, child: Measured, message: Timed, began: float, now: float) -> Tally:
        """Count the message once more for its actor, which is looked at."""
        timing = self._own(child, message.spec.name)
        own = timing.now if now < timing.turn else timing.begin(now)
        own.handling.add(now - began)
        if now - began > own.longest:
            own.longest, own.longest_at, own.longest_by = now - began, now, child.name
        _wait(own, getattr(message, "sent", None), began)
        return own

    def _of(self, child: Measured, handler: str) -> Iterator[Timing]:
        timing = self._timings.get(child.plan, {}).get(handler) or self._new(child, handler)
        if timing is not None:
            yield timing
        if child.name in self._looked_at:
            yield self._own(child, handler)

    def _own(self, child: Measured, handler: str) -> Timing:
        timings = self._looked_at[child.name][1]
        if handler not in timings:
            timings[handler] = self._timing(child, handler)
        return timings[handler]

    def _new(self, child: Measured, handler: str) -> Timing | None:
        """The figures of a handler that is seen for the first time; None if there are too many."""
        if self._count >= MOST:
            self.left_out = True
            return None
        self._count += 1
        timing = self._timings.setdefault(child.plan, {})[handler] = self._timing(child, handler)
        return timing

    def _timing(self, child: Measured, handler: str) -> Timing:
        now = self._clock()
        return Timing(child.plan.name, handler, Tally(now), Tally(now))


def _wait(tally: Tally, sent: float | None, until: float) -> None:
    if sent is not None:
        tally.waiting.add(until - sent)
        tally.waited = max(tally.waited, until - sent)
