from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import trio

import trioactors as ta
from shared.actors import Counter, Refused
from trioactors.testing import ThreadGuard


class Refusing(Counter):
    @ta.handler(raises=(Refused,))
    async def refuse(self) -> None:
        raise Refused


@pytest.fixture
async def counter(system: ta.System) -> Refusing:
    return await system.start(Refusing, name="counter")


async def in_thread(act: Callable[..., Any], *args: Any) -> Any:
    return await trio.to_thread.run_sync(partial(act, *args))


async def test_a_thread_calls_through_the_portal(system: ta.System, counter: Counter) -> None:
    portal = system.portal()

    assert await in_thread(partial(portal.call, counter.add, by=2)) == 2


async def test_a_thread_casts_through_the_portal(system: ta.System, counter: Counter) -> None:
    portal = system.portal()

    await in_thread(portal.cast, counter.add, 3)

    assert await counter.add(0) == 3


async def test_a_thread_gets_the_error_of_its_call(system: ta.System, counter: Refusing) -> None:
    portal = system.portal()

    with pytest.raises(Refused):
        await in_thread(portal.call, counter.refuse)


async def test_a_thread_runs_any_async_function(system: ta.System, counter: Counter) -> None:
    portal = system.portal()

    await in_thread(portal.call, ta.stop, counter)

    with pytest.raises(ta.ActorStopped):
        await in_thread(portal.call, counter.add)


async def test_the_portal_refuses_its_own_thread(system: ta.System, counter: Counter) -> None:
    portal = system.portal()

    with pytest.raises(ta.WrongThread, match="await the handler instead") as caught:
        portal.call(counter.add)

    assert "outside the Trio run" not in str(caught.value)


async def test_a_portal_is_closed_with_its_system(autojump_clock: trio.testing.MockClock, thread_guard: ThreadGuard) -> None:
    async with ta.open_system() as system:
        portal = system.portal()
        counter = await system.start(Counter, name="counter")
        before = repr(portal)

    with pytest.raises(ta.SystemClosed, match="the system behind this portal is closed"):
        await in_thread(portal.call, counter.add)
    assert (before, repr(portal)) == ("<portal, open>", "<portal, closed>")


def test_a_portal_is_closed_when_its_run_is_over() -> None:
    async def main() -> tuple[ta.Portal, Counter]:
        async with ta.open_system() as system:
            return system.portal(), await system.start(Counter, name="counter")

    portal, counter = trio.run(main)

    with pytest.raises(ta.SystemClosed):
        portal.call(counter.add)


@pytest.mark.parametrize("wrong", [5, None, "add", object()], ids=["number", "nothing", "text", "object"])
async def test_what_is_no_handler_is_refused(system: ta.System, wrong: Any) -> None:
    portal = system.portal()

    for act in (portal.call, portal.cast):
        with pytest.raises(ta.UsageError, match="takes a handler of a ref"):
            await in_thread(act, wrong)
