"""Event-loop delay: how long tasks run without a checkpoint, measured while observers or viewers are attached.

Everything in a Trio run stands still while one task runs without a checkpoint. A Trio instrument sees each step of a task begin and end.
That makes steps slower, so it is installed only while observers are attached or the figures are displayed. It reads a real clock, which the
environment provides. Under a mock clock there is none: nothing is measured, and nothing depends on it.

A step may handle many messages in a row, so the record names the child whose task it was, not a message.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

import trio

from trioactors.trace.observers import Observers
from trioactors.trace.records import LoopHeld

__all__ = ["WINDOW", "LoopLag", "Meter"]

WINDOW: Final = 10
"""Window of the worst lag, in seconds."""


class LoopLag:
    """Measures the event-loop delay in one system's Trio run, while that is wanted."""

    def __init__(
        self,
        stopwatch: Callable[[], Callable[[], float] | None],
        notable: float,
        observers: Observers,
        root_task: trio.lowlevel.Task,
        whose: Callable[[trio.lowlevel.Task], str],
    ) -> None:
        self._stopwatch = stopwatch
        self._notable = notable
        self._observers = observers
        self._root_task = root_task
        self._whose = whose
        self._closed = False
        self._viewers = 0
        self._meter: Meter | None = None

    def __repr__(self) -> str:
        """Whether it is measuring."""
        return f"<loop lag: {'not measured' if self._meter is None else 'measured'}>"

    @property
    def worst(self) -> float | None:
        """The longest step of the last `WINDOW` seconds, in seconds; None if nothing is measured."""
        return None if self._meter is None else self._meter.worst()

    @contextmanager
    def wanted(self) -> Generator[None, None, None]:
        """Measure while this block is open, even if no observer is attached."""
        self._viewers += 1
        self.reconsider()
        try:
            yield
        finally:
            self._viewers -= 1
            self.reconsider()

    def reconsider(self) -> None:
        """Install or remove the instrument, as it is wanted now."""
        wanted = not self._closed and bool(self._viewers or self._observers.listeners)
        if wanted is (self._meter is not None) or not self._here():
            return
        if self._meter is not None:
            trio.lowlevel.remove_instrument(self._meter)
            self._meter = None
        elif (clock := self._stopwatch()) is not None:
            self._meter = Meter(clock, self._notable, self._emit)
            trio.lowlevel.add_instrument(self._meter)

    def close(self) -> None:
        """Stop measuring: the system is closed."""
        self._closed = True
        self.reconsider()

    def _here(self) -> bool:
        """Whether the caller is in the system's own Trio run."""
        try:
            return trio.lowlevel.current_root_task() is self._root_task
        except RuntimeError:
            return False

    def _emit(self, task: trio.lowlevel.Task, held: float) -> None:
        if self._observers.listeners:
            now = trio.current_time()
            self._observers.emit(LoopHeld(time=now, child=self._whose(task), task=task.name, seconds=held))


class Meter(trio.abc.Instrument):
    """Times each step of each task. Keeps the longest of each second, and does next to nothing for all others."""

    def __init__(self, clock: Callable[[], float], notable: float, emit: Callable[[trio.lowlevel.Task, float], None]) -> None:
        self._clock = clock
        self._notable = notable
        self._emit = emit
        self._began = self._second = clock()
        self._worst = (self._began, 0.0)
        """The longest step of this second: when it ended, and its length."""
        self._least = 0.0
        """Shorter steps do not matter in this second."""
        self._past: deque[tuple[float, float]] = deque(maxlen=WINDOW)
        """The longest steps of the seconds before."""

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Note when the step begins."""
        del task
        self._began = self._clock()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Note how long the step took, if it matters."""
        now = self._clock()
        held = now - self._began
        if held > self._least or now - self._second >= 1.0:
            self._note(now, held, task)

    def _note(self, now: float, held: float, task: trio.lowlevel.Task) -> None:
        if now - self._second >= 1.0:
            self._past.append(self._worst)
            self._second, self._worst = now, (now, 0.0)
        if held > self._worst[1]:
            self._worst = (now, held)
        self._least = min(self._worst[1], self._notable)
        if held > self._notable:
            self._emit(task, held)

    def worst(self) -> float:
        """The longest step that ended within the last `WINDOW` seconds, from the longest of each second."""
        oldest = self._clock() - WINDOW
        return max((held for ended, held in (*self._past, self._worst) if ended > oldest), default=0.0)
