"""Lines that a type checker must refuse: every one that is marked, and no other. Never imported, never run.

A comment `E: why` marks an error that mypy and pyright both report; `E(mypy): why` or `E(pyright): why` marks one that only this
checker can see. Give each error one line of its own.
"""

from __future__ import annotations

from functools import partial

import trio
from attrs import define

import trioactors as ta


@define
class Tally:
    total: int = 0


class Counter(ta.Actor[Tally]):
    @ta.handler
    async def add(self, by: int = 1) -> int:
        self.state.total += by
        self.state.tootal += by  # E: the state has no such field
        return self.state.total

    @ta.handler
    async def describe(self, title: str, *, width: int) -> str:
        return f"{title}: {self.state.total:>{width}}"

    @ta.handler
    async def add_wrongly(self, by: str) -> int:
        return await self.add(by)  # E: a handler called from inside takes what it takes from outside

    async def not_a_handler(self) -> int:
        return self.state.total

    @ta.handler(execution_timeout="30")  # E: a limit is a number of seconds
    async def print(self, copies: int) -> int:
        return copies

    @ta.handler(execution_timeout=30.0)
    async def publish(self, copies: int) -> int:
        return copies

    @ta.handler(execution_timeout=30.0)  # E: a plain method cannot be cancelled
    def plain(self, copies: int) -> int:
        return copies


class Limiter(ta.Actor[Tally]):
    def __init__(self, *, limit: int) -> None:
        self.limit = limit

    @ta.handler
    async def allowed(self) -> bool:
        return self.state.total < self.limit


async def calls(counter: Counter) -> None:
    await counter.add(by="2")  # E: an argument of the wrong type
    await counter.add(2, 3)  # E: one argument too many
    await counter.publish("2")  # E: a handler with a limit takes what it takes without
    await counter.add(times=2)  # E: an argument that is not there
    await counter.describe("all")  # E: an argument is missing
    await counter.subtract(2)  # E: a handler that is not there
    text: str = await counter.add(2)  # E: the answer is a number
    print(text)


async def casts(counter: Counter) -> None:
    await counter.add.cast("2")  # E: an argument of the wrong type
    await counter.add.cast(2, 3)  # E: one argument too many
    await counter.describe.cast("all")  # E: an argument is missing
    counter.add.cast_nowait(by="2")  # E: an argument of the wrong type
    await counter.not_a_handler.cast()  # E: only a handler can be cast
    answer: int = await counter.add.cast(2)  # E: a cast has no answer
    print(answer)


async def starts(system: ta.System) -> None:
    await system.start(partial(Limiter, limit="3"), name="limiter")  # E: the constructor wants a number
    await system.start(partial(Limiter, most=3), name="limiter")  # E: the constructor has no such argument
    await system.start(Limiter, name="limiter")  # E: the constructor wants an argument
    await system.start(Counter, name=3)  # E: a name is text
    limiter: Limiter = system.get(Counter, "counter")  # E: the ref is typed as the class that was asked for
    print(limiter)


async def tasks(nursery: trio.Nursery, counter: Counter) -> None:
    nursery.start_soon(counter.add, "2")  # E: a nursery checks what it hands on
    nursery.start_soon(counter.add.cast, 2, 3)  # E: a nursery checks what it hands on


class Misspelt(ta.Actor[Tally], persits=None):  # E: a class keyword that is not there
    pass


class Unsure(ta.Actor[Tally], inspect="maybe"):  # E: it may be looked at, or it may not
    pass


class Narrowed(Counter):
    @ta.handler
    async def add(self, by: str = "") -> int:  # E: an overriding handler takes what the base takes
        return len(by)
