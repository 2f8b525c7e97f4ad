"""Errors in a group of one, as a nursery raises them: they are judged as if there were no nursery."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import partial
from typing import Any

import attrs
import pytest
import trio

import trioactors as ta
from shared.actors import Refused
from trioactors.testing import isolated_system


async def fail(error: BaseException, depth: int) -> None:
    """Raise *error* inside *depth* nurseries."""
    if depth == 0:
        raise error
    async with trio.open_nursery() as nursery:
        nursery.start_soon(fail, error, depth - 1)
        await trio.sleep_forever()


@attrs.define
class Count:
    done: int = 0


class Plain(ta.Actor[Count]):
    """Changes its state and raises, in a handler or in `on_start`."""

    def __init__(self, error: BaseException | None = None, depth: int = 0) -> None:
        self.state = Count()
        self.error, self.depth = error, depth

    async def on_start(self) -> None:
        if self.error is not None:
            await fail(self.error, self.depth)

    @ta.handler(raises=(Refused,))
    async def act(self, error: BaseException, depth: int) -> None:
        self.state.done += 1
        await fail(error, depth)

    @ta.handler(reads=True)
    def done(self) -> int:
        return self.state.done


class Durable(Plain, persist=ta.EVERY_MESSAGE):
    pass


class Stopping(ta.Actor[Count], persist=ta.EVERY_MESSAGE):
    """Stops in order in its hook, with a change that is not to be kept."""

    def __init__(self, depth: int) -> None:
        self.depth = depth

    async def on_continue(self) -> None:
        self.state.done += 1
        await fail(ta.Shutdown("enough"), self.depth)


@pytest.fixture
async def system(autojump_clock: trio.testing.MockClock) -> AsyncGenerator[ta.System, None]:
    async with isolated_system(store="memory:") as opened:
        yield opened


KINDS = pytest.mark.parametrize("kind", [Plain, Durable])

DEPTHS = pytest.mark.parametrize("depth", [0, 1, 3])


@KINDS
@DEPTHS
async def test_a_declared_error_goes_to_the_caller_as_itself(system: ta.System, kind: type[Plain], depth: int) -> None:
    actor = await system.start(kind, name="actor")

    with pytest.raises(Refused):
        await actor.act(Refused("no"), depth)

    assert ta.info(actor).incarnation == 1
    assert await actor.done() == (0 if kind is Durable else 1)


@DEPTHS
async def test_a_full_store_of_a_nested_call_undoes_the_message(system: ta.System, depth: int) -> None:
    actor = await system.start(Durable, name="actor")

    with pytest.raises(ta.StoreFull):
        await actor.act(ta.StoreFull("no room"), depth)

    assert (await actor.done(), ta.info(actor).incarnation) == (0, 1)


@KINDS
@DEPTHS
async def test_a_shutdown_stops_the_actor_in_order(system: ta.System, kind: type[Plain], depth: int) -> None:
    actor = await system.start(kind, name="actor", restart="transient")

    with pytest.raises(ta.ActorStopped, match=r"stopped in order \(shutdown:enough\)"):
        await actor.act(ta.Shutdown("enough"), depth)

    assert str(ta.info(actor).last_exit) == "shutdown:enough"
    assert (ta.info(actor).ledger.handled, ta.info(actor).ledger.crashed) == (1, 0)


@DEPTHS
async def test_a_shutdown_in_a_hook_keeps_no_change_of_the_hook(system: ta.System, depth: int) -> None:
    actor = await system.start(partial(Stopping, depth), name="actor", restart="transient")
    await system.quiesce()

    assert str(ta.info(actor).last_exit) == "shutdown:enough"
    assert ta.info(actor).revision == 0


@KINDS
@DEPTHS
async def test_a_start_that_is_declined_is_no_failure(system: ta.System, kind: type[Plain], depth: int) -> None:
    with pytest.raises(ta.StartFailed) as failed:
        await system.start(partial(kind, ta.Ignore("not now"), depth), name="actor")

    assert isinstance(failed.value.__cause__, ta.Ignore)


@DEPTHS
async def test_an_undeclared_error_is_the_cause_of_the_crash(system: ta.System, depth: int) -> None:
    actor = await system.start(Plain, name="actor")

    with pytest.raises(ta.ActorCrashed) as crashed:
        await actor.act(LookupError("a bug"), depth)

    assert type(crashed.value.__cause__) is LookupError


async def test_several_declared_errors_at_once_are_a_crash(system: ta.System) -> None:
    actor: Any = await system.start(Plain, name="actor")

    with pytest.raises(ta.ActorCrashed):
        await actor.act(ExceptionGroup("two", [Refused(), Refused()]), 0)

    assert await actor.done() == 0
    assert ta.info(actor).incarnation == 2
