"""Promise 4: what happens to the message in progress, and to the actor, if a handler fails or is cancelled."""

from __future__ import annotations

import pytest
import trio

import trioactors as ta
from shared.actors import Broken, Collector
from shared.calls import Outcomes
from trioactors.testing import kill


class Fatal(BaseException):
    pass


class Keeper(Collector):
    """A collector that can exit in more ways."""

    @ta.handler
    def fail_at_once(self, error: type[BaseException]) -> None:
        raise error

    @ta.handler
    async def swallow(self, notes: list[str]) -> str:
        try:
            await trio.sleep_forever()
        except trio.Cancelled:  # noqa: ASYNC103 - the fault under test
            notes.append("swallowed")
        return "went on"

    @ta.handler
    async def end(self) -> str:
        self.context.stop()
        return "done"

    @ta.handler
    async def end_by_error(self) -> None:
        raise ta.Shutdown("enough")


@pytest.fixture
def system_tree() -> ta.Supervisor:
    return ta.Supervisor(ta.child(Keeper, name="alone"), name="top")


async def test_the_caller_of_the_fatal_message_knows_at_once_with_the_cause(system: ta.System) -> None:
    alone = system.get(Keeper, "alone")

    with pytest.raises(ta.ActorCrashed, match=r"alone exited \(crash: Broken\) before it replied") as caught:
        await alone.fail()

    assert isinstance(caught.value.__cause__, Broken)
    assert trio.current_time() == 0


async def test_a_cast_that_crashes_costs_its_sender_nothing(system: ta.System) -> None:
    alone = system.get(Keeper, "alone")

    await alone.fail.cast()

    assert await alone.keep("behind") == 2


async def test_the_fatal_message_is_not_delivered_again(system: ta.System) -> None:
    alone = system.get(Keeper, "alone")

    await alone.fail.cast()
    await alone.keep("behind")

    assert ta.info(alone).ledger == ta.Ledger(accepted=2, handled=1, crashed=1)


async def test_state_that_is_not_durable_is_new_after_a_crash(system: ta.System) -> None:
    alone = system.get(Keeper, "alone")
    await alone.keep("lost")

    await alone.fail.cast()

    assert await alone.seen() == []


@pytest.mark.parametrize(
    "error", [Broken, Fatal, StopIteration, StopAsyncIteration, GeneratorExit, ta.CallTimeout("", begun=True, inherited=True)]
)
async def test_whatever_a_handler_raises_is_its_own_crash(system: ta.System, error: type[BaseException]) -> None:
    alone = system.get(Keeper, "alone")

    with pytest.raises(ta.ActorCrashed):
        await alone.fail(error)

    assert await alone.keep("behind") == 2


@pytest.mark.parametrize("error", [Broken, Fatal, StopIteration, StopAsyncIteration, GeneratorExit])
async def test_whatever_a_plain_handler_raises_is_its_own_crash(system: ta.System, error: type[BaseException]) -> None:
    alone = system.get(Keeper, "alone")

    with pytest.raises(ta.ActorCrashed):
        await alone.fail_at_once(error)

    assert await alone.keep("behind") == 2


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
async def test_an_interrupt_inside_a_handler_ends_the_whole_system(
    autojump_clock: trio.testing.MockClock, interrupt: type[BaseException]
) -> None:
    outcomes = Outcomes()

    with pytest.raises(interrupt):  # noqa: PT012 - the block is the system's life
        async with ta.open_system() as system:
            keeper = await system.start(Keeper, name="keeper")
            await outcomes.call("call", keeper.fail, interrupt)
            await trio.sleep_forever()

    assert outcomes == {"call": ta.ActorCrashed}


async def test_a_handler_that_swallows_its_cancellation_is_killed_all_the_same(system: ta.System) -> None:
    notes: list[str] = []
    outcomes = Outcomes()
    alone = system.get(Keeper, "alone")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(outcomes.call, "call", alone.swallow.within(60), notes)
        await trio.testing.wait_all_tasks_blocked()
        await ta.stop(alone)

    assert notes == ["swallowed"]
    assert trio.current_time() == 5
    assert ta.info(alone).last_exit == ta.Exit(ta.ExitKind.KILLED)
    assert "call" in outcomes


async def test_a_killed_actor_tells_its_caller(system: ta.System) -> None:
    outcomes = Outcomes()
    alone = system.get(Keeper, "alone")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(outcomes.call, "call", alone.wait, 3)
        await trio.testing.wait_all_tasks_blocked()
        kill(alone)

    assert outcomes == {"call": ta.ActorCrashed}
    assert trio.current_time() == 0


async def test_a_handler_that_raises_shutdown_ends_in_order(system: ta.System) -> None:
    keeper = await system.start(Keeper, name="keeper", restart="transient")

    with pytest.raises(ta.ActorStopped, match="keeper stopped in order"):
        await keeper.end_by_error()
    await ta.stop(keeper)

    assert ta.info(keeper).last_exit == ta.Exit(ta.ExitKind.SHUTDOWN, "enough")


async def test_an_actor_that_stops_itself_answers_first(system: ta.System) -> None:
    keeper = await system.start(Keeper, name="keeper", restart="transient")

    assert await keeper.end() == "done"

    with pytest.raises(ta.ActorStopped):
        await keeper.seen()


async def test_a_permanent_actor_that_stops_itself_comes_back(system: ta.System) -> None:
    alone = system.get(Keeper, "alone")

    await alone.end()

    assert await alone.keep("behind") == 2
