"""Promise 7: a wait that could never end raises `CallCycle` at once, with the chain."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
import trio

import trioactors as ta


class Node(ta.Actor[None], mailbox=1):
    """Calls and casts along a path of names."""

    @ta.handler
    async def name(self) -> str:
        return self.context.name

    @ta.handler(raises=(ta.CallCycle,))
    async def walk(self, path: list[str]) -> str:
        if not path:
            return self.context.name
        return await self.context.system.get(Node, path[0]).walk(path[1:])

    @ta.handler
    async def walk_apart(self, path: list[str], heard: list[str], done: trio.Event) -> None:
        """Walk in a task of the actor that no handler waits for."""

        async def walking() -> None:
            heard.append(await self.context.system.get(Node, path[0]).walk(path[1:]))
            done.set()

        self.context.start_soon(walking)

    @ta.handler
    async def walk_in(self, nursery: trio.Nursery, path: list[str], heard: list[str]) -> None:
        """Walk in a task of another nursery."""

        async def walking() -> None:
            heard.append(await self.context.system.get(Node, path[0]).walk(path[1:]))

        nursery.start_soon(walking)
        await trio.sleep(1)

    @ta.handler(raises=(ta.CallCycle,))
    async def walk_below(self, path: list[str]) -> None:
        """Walk in a nursery of the handler, two levels down."""
        with pytest.raises(BaseExceptionGroup) as caught:  # noqa: PT012 - the nurseries raise together
            async with trio.open_nursery() as outer, trio.open_nursery() as inner:
                outer.start_soon(trio.sleep, 1)
                inner.start_soon(self.context.system.get(Node, path[0]).walk, path[1:])
        cycles, rest = caught.value.split(ta.CallCycle)
        assert cycles is not None
        assert rest is None
        raise ta.CallCycle(["seen", "below"])

    @ta.handler(raises=(ta.CallCycle,))
    async def cast_to(self, name: str, seconds: float) -> str:
        await trio.sleep(seconds)
        await self.context.system.get(Node, name).name.cast()
        return f"sent at {trio.current_time():g}"

    @ta.handler(raises=(ta.CallCycle,))
    async def do(self, operation: Callable[..., Awaitable[Any]], *, on: str) -> None:
        await operation(self.context.system.get(Node, on))

    @ta.handler(raises=(ta.CallCycle,))
    async def terminate(self, name: str) -> None:
        await self.context.system.supervisor("top").terminate_child(name)


@pytest.fixture
def system_tree() -> ta.Supervisor:
    return ta.Supervisor(*(ta.child(Node, name=name) for name in "abc"), name="top")


@pytest.fixture
def a(system: ta.System) -> Node:
    return system.get(Node, "a")


@pytest.fixture
def b(system: ta.System) -> Node:
    return system.get(Node, "b")


@pytest.mark.parametrize(("path", "chain"), [("a", "aa"), ("ba", "bab"), ("bca", "cabc"), ("bcb", "cbc"), ("bb", "bb")])
async def test_a_circle_of_calls_is_refused_at_once_with_its_chain(a: Node, path: str, chain: str) -> None:
    with pytest.raises(ta.CallCycle, match=" -> ".join(chain)) as caught:
        await a.walk(list(path))

    assert trio.current_time() == 0
    assert caught.value.chain == tuple(chain)


async def test_nobody_is_harmed_by_a_refused_circle(a: Node, b: Node) -> None:
    with pytest.raises(ta.CallCycle):
        await a.walk(["b", "a"])

    assert await a.walk(["b"]) == "b"
    assert await b.walk(["a"]) == "a"


async def test_a_circle_below_a_nursery_of_the_handler_is_seen(a: Node) -> None:
    with pytest.raises(ta.CallCycle, match="seen -> below"):
        await a.walk_below(["b", "a"])


async def test_two_actors_that_cast_into_each_others_full_mailboxes_are_told(a: Node, b: Node) -> None:
    ends: list[str] = []

    async def cast_from(node: Node, name: str) -> None:
        try:
            ends.append(await node.cast_to(name, 1))
        except ta.CallCycle as cycle:
            ends.append(" -> ".join(cycle.chain))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(cast_from, a, "b")
        nursery.start_soon(cast_from, b, "a")
        await trio.testing.wait_all_tasks_blocked()
        a.name.cast_nowait()
        b.name.cast_nowait()

    assert sorted(ends) in (["a -> b -> a", "sent at 1"], ["b -> a -> b", "sent at 1"])
    assert trio.current_time() == 1


async def test_a_cast_that_finds_room_is_no_wait(a: Node) -> None:
    assert await a.cast_to("a", 0) == "sent at 0"


async def test_a_chain_that_meets_at_one_actor_is_no_circle(a: Node, b: Node) -> None:
    heard: list[str] = []

    async def walk(node: Node) -> None:
        heard.append(await node.walk(["c"]))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(walk, a)
        nursery.start_soon(walk, b)

    assert heard == ["c", "c"]


async def test_a_task_of_the_actor_makes_no_circle(a: Node) -> None:
    heard: list[str] = []
    done = trio.Event()

    await a.walk_apart(["b", "a"], heard, done)
    await done.wait()

    assert heard == ["a"]


async def test_a_task_in_a_foreign_nursery_makes_no_circle(a: Node) -> None:
    heard: list[str] = []

    async with trio.open_nursery() as nursery:
        await a.walk_in(nursery, ["b", "a"], heard)

    assert heard == ["a"]


async def test_the_wait_is_over_with_the_call(a: Node, b: Node) -> None:
    await a.walk(["b"])

    assert await b.walk(["a"]) == "a"


@pytest.mark.parametrize("operation", [ta.stop, ta.restart, ta.flush])
async def test_an_actor_that_waits_for_its_own_end_is_told(a: Node, operation: Callable[..., Awaitable[Any]]) -> None:
    with pytest.raises(ta.CallCycle, match="a -> a"):
        await a.do(operation, on="a")

    assert trio.current_time() == 0
    assert ta.info(a).incarnation == 1


async def test_an_actor_that_terminates_itself_is_told(a: Node) -> None:
    with pytest.raises(ta.CallCycle, match="a -> a"):
        await a.terminate("a")


async def test_an_actor_may_stop_another(a: Node, b: Node) -> None:
    await a.do(ta.stop, on="b")

    with pytest.raises(ta.ActorStopped):
        await b.name()


async def test_stopping_who_waits_for_oneself_is_a_circle(system: ta.System, a: Node) -> None:
    class Stopper(ta.Actor[None]):
        @ta.handler(raises=(ta.CallCycle,))
        async def stop(self, name: str) -> None:
            await ta.stop(self.context.system.get(ta.Actor, name))

    class Asker(ta.Actor[None]):
        def __init__(self, stopper: Stopper) -> None:
            self.stopper = stopper

        @ta.handler(raises=(ta.CallCycle,))
        async def ask(self) -> None:
            await self.stopper.stop("asker")

    stopper = await system.start(Stopper, name="stopper")
    asker = await system.start(partial(Asker, stopper), name="asker")

    with pytest.raises(ta.CallCycle) as caught:
        await asker.ask()

    assert caught.value.chain == ("stopper", "asker", "stopper")


async def test_starting_a_sibling_in_on_start_is_a_circle(system: ta.System) -> None:
    class Parent(ta.Actor[None]):
        async def on_start(self) -> None:
            await self.context.system.supervisor("top").start_child(ta.child(Node, name="sibling"))

    with pytest.raises(ta.StartFailed) as caught:
        await system.supervisor("top").start_child(ta.child(Parent, name="parent"))

    assert isinstance(caught.value.__cause__, ta.CallCycle)
    assert "sibling" not in system.names()


async def test_calling_a_later_sibling_in_on_start_is_a_circle(system: ta.System) -> None:
    class Hasty(ta.Actor[None]):
        async def on_start(self) -> None:
            await self.context.system.get(Node, "later").name()

    tree = ta.Supervisor(ta.child(Hasty, name="hasty"), ta.child(Node, name="later"), name="inner")

    with pytest.raises(ta.StartFailed) as caught:
        await system.supervisor("top").start_child(tree)

    causes = [caught.value.__cause__, getattr(caught.value.__cause__, "__cause__", None)]
    assert any(isinstance(cause, ta.CallCycle) for cause in causes)


async def test_what_cannot_be_decided_ends_by_its_deadline(system: ta.System) -> None:
    class Lender(ta.Actor[None]):
        async def on_start(self) -> None:
            self.lock = trio.Lock()

        @ta.handler
        async def hold(self) -> None:
            async with self.lock:
                await trio.sleep_forever()

    lender = await system.start(partial(Lender), name="lender", grace=ta.BRUTAL_KILL)

    with pytest.raises(ta.CallTimeout, match="lender has been handling 'hold'"):
        await lender.hold()

    assert trio.current_time() == 5


class Partner(ta.Actor[None]):
    """Is one of a group that restarts together."""

    def __init__(self, handled: list[str]) -> None:
        self.handled = handled

    @ta.handler
    async def fall(self) -> None:
        await trio.sleep(1)
        raise LookupError

    @ta.handler
    async def note(self, text: str) -> None:
        self.handled.append(text)
        await trio.sleep(1)

    @ta.handler(raises=(ta.CallCycle,))
    async def tell(self, name: str, text: str) -> None:
        await self.context.system.get(Partner, name).note(text)


async def test_a_call_whose_wait_was_broken_by_a_stop_is_never_handled(system: ta.System) -> None:
    handled: list[str] = []
    partner = partial(Partner, handled)
    group = ta.Supervisor(ta.child(partner, name="one"), ta.child(partner, name="two"), name="group", strategy="one_for_all")
    await system.supervisor().start_child(group)
    one, two = system.get(Partner, "one"), system.get(Partner, "two")
    await two.fall.cast()
    with pytest.raises(ta.CallCycle) as caught:
        await one.tell("two", "in vain")
    await two.note("later")
    assert (handled, caught.value.begun) == (["later"], False)
    assert ta.info(two).ledger.abandoned == 1


async def _slow(*, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    await trio.sleep(2)
    task_status.started()
    await trio.sleep_forever()


class Asker(ta.Actor[None]):
    """Waits for another one, which waits for their supervisor."""

    @ta.handler(raises=(ta.CallCycle,))
    async def ask(self, name: str) -> None:
        await self.context.system.get(Asker, name).add()

    @ta.handler
    async def add(self) -> None:
        await self.context.system.supervisor("group").start_child(ta.child(_slow, name="new"))


async def test_a_call_that_had_begun_when_its_wait_was_broken_says_so(system: ta.System) -> None:
    group = ta.Supervisor(ta.child(_slow, name="slow"), ta.child(Asker, name="one"), ta.child(Asker, name="two"), name="group")
    await system.supervisor().start_child(group)
    handle, one = system.supervisor("group"), system.get(Asker, "one")
    await handle.terminate_child("slow")
    errors: list[ta.CallCycle] = []

    async def ask() -> None:
        with pytest.raises(ta.CallCycle) as caught:
            await one.ask("two")
        errors.append(caught.value)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(handle.restart_child, "slow")
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(handle.terminate_child, "one")
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(ask)
    assert [error.begun for error in errors] == [True]
    assert [row.name for row in handle.which_children()] == ["slow", "one", "two", "new"]
