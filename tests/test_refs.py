from __future__ import annotations

import copy
import pickle
import threading  # noqa: TID251 - a plain thread is what these tests are about
from functools import partial

import pytest
import trio
import trio.testing

import trioactors as ta
from shared.actors import Tally
from trioactors.testing import crash, isolated_system, restarted, run


class Counter(ta.Actor[Tally]):
    limit = 3

    @ta.handler
    async def add(self, by: int = 1) -> int:
        self.state.total += by
        return self.state.total

    @ta.handler
    def total(self) -> int:
        return self.state.total

    def helper(self) -> int:
        return self.state.total


class Mute(ta.Actor[None]):
    pass


async def closed_ref() -> Counter:
    async with ta.open_system() as system:
        return await system.start(Counter, name="counter")


async def test_a_ref_calls_and_casts_the_same_handler(system: ta.System) -> None:
    counter = await system.start(Counter, name="counter")

    await counter.add.cast(by=2)

    assert await counter.add(3) == 5


async def test_there_is_one_ref_per_actor(system: ta.System) -> None:
    counter = await system.start(Counter, name="counter")

    assert system.get(Counter, "counter") is counter


async def test_a_ref_survives_a_restart(system: ta.System) -> None:
    counter = await system.start(Counter, name="counter")
    await counter.add(7)

    crash(counter)
    await restarted(counter)

    assert await counter.total() == 0


@pytest.mark.parametrize("name", ["state", "context", "helper", "limit", "on_start", "_private", "missing", "__actor_plan__"])
async def test_reading_anything_but_a_handler_is_refused(system: ta.System, name: str) -> None:
    counter = await system.start(Counter, name="counter")

    with pytest.raises(ta.NotAHandler, match=r"Handlers: add, total\.") as caught:
        getattr(counter, name)

    assert caught.value.name == name
    assert caught.value.handlers == ("add", "total")


@pytest.mark.parametrize("name", ["state", "add", "fresh"])
async def test_setting_anything_is_refused(system: ta.System, name: str) -> None:
    counter = await system.start(Counter, name="counter")

    with pytest.raises(ta.NotAHandler, match="Handlers: add, total"):
        setattr(counter, name, 1)


@pytest.mark.parametrize("name", ["state", "add", "_cell"])
async def test_deleting_anything_is_refused(system: ta.System, name: str) -> None:
    counter = await system.start(Counter, name="counter")
    await counter.add()

    with pytest.raises(ta.NotAHandler, match="Handlers: add, total"):
        delattr(counter, name)


async def test_a_ref_without_handlers_says_so(system: ta.System) -> None:
    mute = await system.start(Mute, name="mute")

    with pytest.raises(ta.NotAHandler, match="none at all"):
        mute.anything  # type: ignore[attr-defined]  # noqa: B018


async def test_hasattr_tells_handlers_from_the_rest(system: ta.System) -> None:
    counter = await system.start(Counter, name="counter")

    assert hasattr(counter, "add")
    assert not hasattr(counter, "state")


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
async def test_a_ref_can_be_neither_copied_nor_pickled(system: ta.System, duplicate: object) -> None:
    counter = await system.start(Counter, name="counter")

    with pytest.raises(ta.UsageError, match=r"system\.get"):
        duplicate(counter)  # type: ignore[operator]


async def test_a_ref_shows_the_state_of_its_actor(system: ta.System) -> None:
    counter = await system.start(Counter, name="counter")
    counter.add.cast_nowait()

    assert repr(counter) == "<ref to <actor counter: Counter, running, incarnation 1, 1 waiting>>"


async def test_a_handler_of_a_ref_shows_whose_it_is(system: ta.System) -> None:
    counter = await system.start(Counter, name="counter")

    assert repr(counter.add).startswith("<handler add of <actor counter: Counter, running")


@pytest.mark.parametrize("arguments", [{"to": 1}, {"by": 1, "more": 2}])
async def test_arguments_that_do_not_fit_raise_in_the_sender(system: ta.System, arguments: dict[str, int]) -> None:
    counter = await system.start(Counter, name="counter")

    with pytest.raises(TypeError, match="unexpected keyword"):
        await counter.add(**arguments)

    assert ta.info(counter).ledger.accepted == 0


async def test_too_many_arguments_raise_in_the_sender(system: ta.System) -> None:
    counter = await system.start(Counter, name="counter")

    with pytest.raises(TypeError):
        await counter.add.cast(1, 2)  # type: ignore[call-arg]

    assert ta.info(counter).ledger.accepted == 0


@pytest.mark.parametrize("value", [-1, float("nan"), "soon", True])
async def test_within_wants_seconds(system: ta.System, value: object) -> None:
    counter = await system.start(Counter, name="counter")

    with pytest.raises(ta.SpecError, match="within"):
        counter.add.within(value)  # type: ignore[arg-type]


async def test_operations_refuse_what_is_no_ref() -> None:
    with pytest.raises(ta.UsageError, match=r"not a ref: pass what system\.start"):
        await ta.stop("counter")


async def test_a_call_after_the_system_closed_says_so(autojump_clock: trio.testing.MockClock) -> None:
    counter = await closed_ref()

    with pytest.raises(ta.SystemClosed, match="counter: its system is closed"):
        await counter.add()


async def test_a_cast_after_the_system_closed_says_so(autojump_clock: trio.testing.MockClock) -> None:
    counter = await closed_ref()

    with pytest.raises(ta.SystemClosed, match="counter: its system is closed"):
        await counter.add.cast()


async def test_a_cast_that_does_not_wait_says_so_too_after_the_system_closed(autojump_clock: trio.testing.MockClock) -> None:
    counter = await closed_ref()

    with pytest.raises(ta.SystemClosed, match="counter: its system is closed"):
        counter.add.cast_nowait()


def test_a_ref_of_another_run_is_refused() -> None:
    counter = run(closed_ref)

    with pytest.raises(ta.SystemClosed, match="its system is closed"):
        run(partial(counter.add, 1))


async def test_an_actor_of_another_system_can_be_called(system: ta.System) -> None:
    class Forwarder(ta.Actor[None]):
        def __init__(self, target: Counter) -> None:
            self.target = target

        @ta.handler
        async def forward(self, by: int) -> int:
            return await self.target.add(by)

    counter = await system.start(Counter, name="counter")

    async with isolated_system() as other:
        forwarder = await other.start(partial(Forwarder, counter), name="counter")

        assert await forwarder.forward(4) == 4


def refused_in_a_thread(act: object) -> list[BaseException]:
    """The error of *act* in a plain thread, where no Trio runs."""
    raised: list[BaseException] = []

    def work() -> None:
        try:
            act()  # type: ignore[operator]
        except BaseException as error:  # noqa: ASYNC103 - handed to the test
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return raised


async def test_a_cast_from_another_thread_is_sent_to_the_portal(system: ta.System) -> None:
    counter = await system.start(Counter, name="counter")

    [error] = refused_in_a_thread(counter.add.cast_nowait)

    assert isinstance(error, ta.WrongThread)
    assert "counter" in str(error)
    assert "system.portal()" in str(error)


async def test_a_call_from_another_run_is_sent_to_the_portal(system: ta.System) -> None:
    counter = await system.start(Counter, name="counter")

    [error] = refused_in_a_thread(partial(trio.run, counter.add))

    assert isinstance(error, ta.WrongThread)
    assert "system.portal()" in str(error)


async def test_a_call_without_any_run_is_sent_to_the_portal(system: ta.System) -> None:
    counter = await system.start(Counter, name="counter")

    for call in (counter.add, counter.add.cast):
        [error] = refused_in_a_thread(partial(call().send, None))

        assert isinstance(error, ta.WrongThread)


async def test_a_call_that_is_refused_at_once_lets_others_run_and_can_be_cancelled(system: ta.System) -> None:
    counter = await system.start(Counter, name="counter")
    await ta.stop(counter)

    with trio.testing.assert_checkpoints(), pytest.raises(ta.ActorStopped):
        await counter.add()
    with trio.CancelScope() as scope:
        scope.cancel()
        await counter.add()

    assert scope.cancelled_caught
