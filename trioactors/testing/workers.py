"""Slow disks in virtual time: workers that delay the blocking calls of a store.

Pass one to `virtual_environment(worker=...)`, and use a store that waits for a disk or pretends to (`FaultyStore(..., blocking=True)`): the
calls of other stores do not go through the worker. As in a thread, calls run one after another, never nested.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final, TypeVar

import outcome
import trio

from trioactors.testing.given import require_seconds

__all__ = ["SLOW_STORE", "HeldWorker", "SlowWorker"]

T = TypeVar("T")

SLOW_STORE: Final = "slow store"
"""The name of the system task in which a simulated slow store makes a call."""


class HeldWorker:
    """A disk that can be held: calls run at once, but while it is held they wait."""

    def __init__(self) -> None:
        self._jobs: deque[tuple[Callable[[], Any], Callable[[Any], None]]] = deque()
        self._allowed: int | None = None
        self._working = False

    def __repr__(self) -> str:
        """Show whether it is held and how many calls wait."""
        return f"<held worker: {'free' if self._allowed is None else 'held'}, {len(self)} calls wait>"

    def __len__(self) -> int:
        """The number of waiting calls."""
        return len(self._jobs)

    def hold(self) -> None:
        """Make every call wait from now on."""
        self._allowed = 0

    def step(self, count: int = 1) -> None:
        """Run the next *count* calls, waiting or future ones, and hold the others."""
        self._allowed = count + (self._allowed or 0)
        self._work()

    def release(self) -> None:
        """Run all waiting and future calls."""
        self._allowed = None
        self._work()

    def submit(self, call: Callable[[], T], done: Callable[[outcome.Outcome[T]], None], /) -> None:
        """Run *call* as soon as it is allowed."""
        self._jobs.append((call, done))
        self._work()

    def close(self) -> None:
        """Do nothing: waiting calls still run when they are allowed."""

    def _work(self) -> None:
        if self._working:
            return
        self._working = True
        while self._jobs and self._allowed != 0:
            self._allowed = None if self._allowed is None else self._allowed - 1
            call, done = self._jobs.popleft()
            done(outcome.capture(call))
        self._working = False


class SlowWorker:
    """A disk that takes *seconds* for each call, on Trio's clock."""

    def __init__(self, seconds: float) -> None:
        require_seconds("SlowWorker(...)", seconds, "the duration of each call", least=0)
        self.seconds = seconds
        """The duration of the next calls in seconds; may be changed."""
        self._jobs: deque[tuple[Callable[[], Any], Callable[[Any], None]]] = deque()

    def __repr__(self) -> str:
        """Show the duration of a call and the number of waiting calls."""
        return f"<slow worker: {self.seconds:g} s a call, {len(self._jobs)} to do>"

    def submit(self, call: Callable[[], T], done: Callable[[outcome.Outcome[T]], None], /) -> None:
        """Run *call* in its turn, and call *done* with the result when the time is over."""
        self._jobs.append((call, done))
        if len(self._jobs) == 1:
            trio.lowlevel.spawn_system_task(self._work, name=SLOW_STORE)

    def close(self) -> None:
        """Do nothing: calls that were submitted still run."""

    async def _work(self) -> None:
        while True:
            call, done = self._jobs[0]
            result = outcome.capture(call)
            await trio.sleep(self.seconds)
            done(result)  # it may submit the next call, which runs here
            self._jobs.popleft()
            if not self._jobs:
                return
