"""Code that both type checkers must accept, with its types; pytest only checks that the definitions hold at run time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Generic, TypeVar, assert_type

import trio
from attrs import define

import trioactors as ta
from trioactors import inspect, testing
from trioactors.console import RoleWord, serve_console

T = TypeVar("T")
A = TypeVar("A", bound=ta.Actor[Any])


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
    async def join(self, store: Store[int]) -> None:
        assert_type(await self.context.ref.add(2), int)
        self.context.start_soon(store.keep, 3)
        self.context.start_soon(partial(store.keep, item=3))
        self.context.after(1.0, self.add, key="add")
        self.context.every(1.0, partial(self.add, by=2))
        self.context.defer(left=partial(self.add, 1))
        await store.follow(self.context.ref)

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

    @ta.handler
    async def follow(self, counter: Counter) -> int:
        return await counter.total()


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


async def start_takes_what_makes_an_actor(system: ta.System, kind: type[A], make: ta.Startable[A], chosen: type[Counter]) -> A:
    assert_type(await system.start(kind), A)
    assert_type(await system.start(chosen, restart="transient"), Counter)
    assert_type(await system.start(partial(Store[int])), Store[int])
    return await system.start(make)


async def pulse() -> None:
    await trio.sleep(1)


async def serve(*, port: int = 80, task_status: trio.TaskStatus[int]) -> None:
    task_status.started(port)


class Pulse:
    async def __call__(self) -> None:
        await trio.sleep(1)

    async def beat(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> int:
        task_status.started()
        return 1


@asynccontextmanager
async def pool(size: int = 1) -> AsyncGenerator[int, None]:
    yield size


def every_kind_of_child() -> ta.Supervisor:
    return ta.Supervisor(
        ta.child(Counter, restart=ta.Restart.TRANSIENT),
        ta.child(Store[int], restart="permanent"),
        ta.child(partial(Limiter, limit=3)),
        ta.child(pulse),
        ta.child(partial(trio.sleep, 3)),
        ta.child(serve),
        ta.child(partial(serve, port=8080)),
        ta.child(Pulse()),
        ta.child(Pulse().beat),
        ta.child(ta.resource(pool)),
        ta.child(ta.resource(partial(pool, 10))),
        ta.child(trio.sleep_forever),
        ta.Supervisor(name="below", strategy="rest_for_one", auto_shutdown="never", give_up="crash", restart="temporary"),
        name="top",
        strategy=ta.Strategy.ONE_FOR_ALL,
    )


async def a_word_can_be_kept(system: ta.System, restart: ta.RestartWord, strategy: ta.StrategyWord) -> None:
    overflow: ta.OverflowWord = "drop_oldest"
    shutdown: ta.AutoShutdownWord = "never"
    give_up: ta.GiveUpWord = "crash"
    reason: ta.ExitKindWord = "killed"
    ta.Supervisor(name="top", strategy=strategy, restart=restart, auto_shutdown=shutdown, give_up=give_up)
    system.explain("top", reason=reason)
    assert_type(ta.Overflow(overflow), ta.Overflow)


async def words_of_the_tools(system: ta.System) -> None:
    inspect.actors(system, sort="waiting", status="running")
    inspect.actors(system, sort=inspect.SortBy.AGE, status=ta.ChildStatus.RUNNING)
    inspect.durable(system, sort="size")
    await serve_console(link_role="viewer", authorize=role_of)
    await testing.restarted(await system.start(Counter))
    await testing.until(await system.start(Counter), lambda state: state.total > 3)


def role_of(headers: Mapping[str, str]) -> RoleWord | None:
    return "admin" if headers.get("role") == "chief" else None


async def any_ref(refs: list[ta.Ref], unknown: object) -> None:
    for ref in refs:
        assert_type(ta.info(ref).name, str)
        await ta.stop(ref)
    if isinstance(unknown, Counter):
        assert_type(await unknown.add(), int)
    if isinstance(unknown, ta.Ref):
        await ta.flush(unknown)


async def every_actor_is_any_ref(counter: Counter, store: Store[int]) -> None:
    await any_ref([counter, store], counter)
    async with ta.watch(store) as exits:
        assert_type(await exits.next(), ta.Death)


async def main() -> None:
    async with ta.open_system() as system:
        assert_type(system, ta.System)
        counter = await system.start(Counter, name="counter")
        await ta.flush(counter)
        await ta.stop(counter)
        workers = system.supervisor("workers")
        started = await workers.start_child(ta.child(Counter, name="worker"))
        assert_type(started, Counter)
        assert_type(await started.add(2), int)
        async with ta.gather_calls() as calls:
            assert_type(calls.start(counter.add, by=2).value, int)
