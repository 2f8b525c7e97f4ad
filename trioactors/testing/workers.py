"""Disks that take their time, in virtual time: workers that let the blocking calls of a store wait.

Hand one to `virtual_environment(worker=...)`, and have a store that waits for a disk, or says so (`FaultyStore(..., blocking=True)`): the
calls of other stores never leave the actor's own thread. As with a thread, calls run one after another and never inside each other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

import outcome
import trio

__all__ = ["HeldWorker", "SlowWorker"]

T = TypeVar("T")


class HeldWorker:
    """A disk that stands still when it is told to: calls run at once, but while it is held they wait."""

    def __init__(self) -> None:
        self._jobs: deque[tuple[Callable[[], Any], Callable[[Any], None]]] = deque()
        self._allowed: int | None = None
        self._working = False

    def __repr__(self) -> str:
        """Whether it is held, and what waits."""
        return f"<held worker: {'free' if self._allowed is None else 'held'}, {len(self)} calls wait>"

    def __len__(self) -> int:
        """How many calls wait."""
        return len(self._jobs)

    def hold(self) -> None:
        """Let every call wait from now on."""
        self._allowed = 0

    def step(self, count: int = 1) -> None:
        """Run the next *count* calls, those that come later included, and hold the others."""
        self._allowed = count + (self._allowed or 0)
        self._work()

    def release(self) -> None:
        """Run what waits, and everything that comes."""
        self._allowed = None
        self._work()

    def submit(self, call: Callable[[], T], done: Callable[[outcome.Outcome[T]], None], /) -> None:
        """Run *call* when it may."""
        self._jobs.append((call, done))
        self._work()

    def close(self) -> None:
        """What waits still runs when it may."""

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
        self.seconds = seconds
        """How long the next calls take; may be changed."""
        self._jobs: deque[tuple[Callable[[], Any], Callable[[Any], None]]] = deque()

    def __repr__(self) -> str:
        """How slow it is, and what it has to do."""
        return f"<slow worker: {self.seconds:g} s a call, {len(self._jobs)} to do>"

    def submit(self, call: Callable[[], T], done: Callable[[outcome.Outcome[T]], None], /) -> None:
        """Run *call* when its turn comes, and tell *done* when the time is over."""
        self._jobs.append((call, done))
        if len(self._jobs) == 1:
            trio.lowlevel.spawn_system_task(self._work, name="slow worker")

    def close(self) -> None:
        """What was submitted is still done."""

    async def _work(self) -> None:
        while True:
            call, done = self._jobs[0]
            result = outcome.capture(call)
            await trio.sleep(self.seconds)
            done(result)  # it may submit the next one, to be run here
            self._jobs.popleft()
            if not self._jobs:
                return
