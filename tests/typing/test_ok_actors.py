"""Code that both type checkers must accept, with its types; pytest only checks that the definitions hold at run time."""

from __future__ import annotations

from collections.abc import Awaitable
from functools import partial
from typing import Generic, TypeVar, assert_type

import trio
from attrs import define

import trioactors as ta

T = TypeVar("T")


@define
class Tally:
    total: int = 0


class Counter(ta.Actor[Tally], inspect=True):
    @ta.handler
    async def add(self, by: int = 1) -> int:
        assert_type(self.state, Tally)
        self.state.total += by
        return self.state.total

    @ta.handler
    def total(self) -> int:
        return self.state.total

    @ta.handler(timeout=1.0, raises=(ValueError,), reads=True)
    async def describe(self, title: str, *, width: int) -> str:
        return f"{title}: {self.state.total:>{width}}"

    @ta.handler(execution_timeout=30.0, timeout=60)
    async def publish(self, title: str, *, copies: int = 1) -> int:
        return self.state.total * copies * len(title)

    @ta.handler(execution_timeout=30.0)
    def printed(self, title: str) -> Awaitable[int]:
        return self.publish(title)

    @ta.handler(execution_timeout=None)
    async def unlimited(self, title: str) -> str:
        return title

    @ta.handler
    async def add_twice(self, by: int) -> int:
        assert_type(await self.add(by), int)
        return await self.add(by=by)


class Limiter(ta.Actor[Tally]):
    def __init__(self, *, limit: int) -> None:
        self.limit = limit

    @ta.handler
    async def allowed(self) -> bool:
        return self.state.total < self.limit


class Store(ta.Actor[Tally], Generic[T]):
    @ta.handler
    async def keep(self, item: T) -> tuple[T, int]:
        return item, self.state.total


class Doubling(Counter):
    @ta.handler
    async def add(self, by: int = 1) -> int:
        self.state.total += 2 * by
        return self.state.total


async def calls_and_casts(counter: Counter) -> None:
    assert_type(await counter.add(), int)
    assert_type(await counter.add(2), int)
    assert_type(await counter.add(by=2), int)
    assert_type(await counter.total(), int)
    assert_type(await counter.describe("all", width=3), str)
    assert_type(await counter.publish("all", copies=3), int)
    assert_type(await counter.printed("all"), int)
    assert_type(await counter.unlimited("all"), str)
    await counter.publish.cast("all")
    await counter.add.cast(2)
    await counter.describe.cast("all", width=3)
    counter.add.cast_nowait(by=2)


async def a_call_is_a_function_like_any_other(counter: Counter) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(counter.add, 2)
        nursery.start_soon(counter.add.cast, 2)
        nursery.start_soon(partial(counter.describe, "all", width=3))


async def start_gives_the_class(system: ta.System) -> None:
    assert_type(await system.start(Counter, name="counter"), Counter)
    assert_type(await system.start(partial(Limiter, limit=3), name="limiter"), Limiter)
    assert_type(system.get(Counter, "counter"), Counter)


async def generic_actors_keep_their_argument(system: ta.System) -> None:
    store = await system.start(Store[int], name="store")
    assert_type(store, Store[int])
    assert_type(await store.keep(3), tuple[int, int])


async def a_subclass_stands_in_for_its_base(system: ta.System) -> None:
    doubling = await system.start(Doubling, name="doubling")
    assert_type(await doubling.add(by=2), int)
    await calls_and_casts(doubling)


async def main() -> None:
    async with ta.open_system() as system:
        assert_type(system, ta.System)
        counter = await system.start(Counter, name="counter")
        await ta.flush(counter)
        await ta.stop(counter)
