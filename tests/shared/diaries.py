"""Children that write down their starts and stops."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import trio

import trioactors as ta
from trioactors.testing import crash


class Planned(Exception):
    """The error of a start that its plan lets fail."""


class Worker(ta.Actor[None]):
    """A child whose plan says what each of its starts does."""

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
    """What workers did, in order. It also makes their specs."""

    def worker(self, name: str, *, plan: Iterable[str] = (), **options: Any) -> ta.ChildSpec:
        """A child that writes into this diary; *plan* says what its starts do, and `ok` follows."""
        return ta.child(partial(Worker, name, self, iter(plan)), name=name, **options)

    def news(self) -> list[str]:
        """The entries since the last look."""
        fresh = list(self)
        self.clear()
        return fresh

    def get(self, system: ta.System, name: str) -> Worker:
        """The ref of a worker."""
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
        """Crash a worker, and wait until the system ends."""
        crash(self.get(system, name), error)
        await trio.sleep_forever()
