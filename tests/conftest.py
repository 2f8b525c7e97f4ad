"""What the whole suite shares: nobody waits on a real clock, and a diary in which children write what they do."""

from __future__ import annotations

import math
import sys
import threading  # noqa: TID251 - what it waits with is patched here
import time
from collections.abc import Generator, Iterable, Iterator
from functools import partial
from typing import Any

import pytest
import trio

import trioactors as ta
from trioactors.testing import crash

pytest_plugins = ["pytester"]


WAITERS = {"threading", "__channelexec__"}
"""Who may wait for an event: a thread for its own beginning, and a process of pytest-xdist for its next test."""


class Waited(AssertionError):
    """A test waited on a real clock."""


@pytest.fixture(autouse=True, scope="session")
def no_real_waiting() -> Generator[None, None, None]:
    """Sleeping on a real clock raises, in every test of this process."""
    really_sleep = time.sleep  # noqa: TID251 - the one that is patched
    event_wait = threading.Event.wait
    sleep_time = trio._core._run.SystemClock.deadline_to_sleep_time

    def sleep(seconds: float) -> None:
        if sys._getframe(1).f_globals["__name__"] != "subprocess":  # so it waits for a program that may be long in ending
            raise Waited("time.sleep")
        really_sleep(seconds)

    def wait(self: threading.Event, timeout: float | None = None) -> bool:
        if sys._getframe(1).f_globals["__name__"] not in WAITERS:
            raise Waited("threading.Event.wait")
        return event_wait(self, timeout)

    def deadline_to_sleep_time(self: Any, deadline: float) -> float:
        left = sleep_time(self, deadline)
        if 0 < left < math.inf:
            raise Waited("a deadline on trio.SystemClock")
        return left

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "sleep", sleep)
        patch.setattr(threading.Event, "wait", wait)
        patch.setattr(trio._core._run.SystemClock, "deadline_to_sleep_time", deadline_to_sleep_time)
        yield


class Planned(Exception):
    """What a start raises whose plan says so."""


class Worker(ta.Actor[None]):
    """A child that does at each start what its plan says, and writes down its starts and stops."""

    def __init__(self, name: str, diary: Diary, plan: Iterator[str]) -> None:
        self.name = name
        self.diary = diary
        self.plan = plan

    async def on_start(self) -> None:
        match next(self.plan, "ok"):
            case "error":
                self.diary.append(f"fail {self.name}")
                raise Planned(self.name)
            case "ignore":
                self.diary.append(f"ignore {self.name}")
                raise ta.Ignore
            case "hang":
                self.diary.append(f"hang {self.name}")
                await trio.sleep_forever()
            case _:
                self.diary.append(f"start {self.name}")

    async def on_stop(self, _reason: ta.Exit) -> None:
        self.diary.append(f"stop {self.name}")

    @ta.handler
    def incarnation(self) -> int:
        return self.context.incarnation

    @ta.handler
    def end(self) -> None:
        self.context.stop()

    @ta.handler
    def fail(self, error: Exception) -> None:
        raise error

    @ta.handler
    async def hang(self) -> None:
        await trio.sleep_forever()


class Diary(list[str]):
    """What children did, in order. It also declares them."""

    actor = Worker

    def worker(self, name: str, *, plan: Iterable[str] = (), **options: Any) -> ta.ChildSpec:
        """A child that writes into this diary; *plan* is what its starts do, `ok` past the end."""
        return ta.child(partial(Worker, name, self, iter(plan)), name=name, **options)

    def news(self) -> list[str]:
        """What was written since the last look."""
        fresh = list(self)
        self.clear()
        return fresh

    def get(self, system: ta.System, name: str) -> Worker:
        """The ref of one of its workers."""
        return system.get(Worker, name)

    async def crash(self, system: ta.System, *names: str, error: Exception | None = None) -> None:
        """Crash these workers, one after another, and let everything settle that follows."""
        for name in names:
            ref = self.get(system, name)
            async with ta.watch(ref) as watch:
                crash(ref, error)
                await watch.next()
            await system.quiesce()

    async def doom(self, system: ta.System, name: str, error: Exception | None = None) -> None:
        """Crash a worker, and wait for the end of the system."""
        crash(self.get(system, name), error)
        await trio.sleep_forever()


@pytest.fixture
def diary() -> Diary:
    """An empty diary."""
    return Diary()
