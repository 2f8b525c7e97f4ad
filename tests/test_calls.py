"""Promises 2, 3, 5 and 6: what a sender knows after a cast or a call has returned or raised."""

from __future__ import annotations

from functools import partial

import attrs
import pytest
import trio

import trioactors as ta
from shared.actors import Broken
from trioactors.testing import isolated_system


@attrs.define
class Done:
    marks: list[str] = attrs.field(factory=list)


class Worker(ta.Actor[Done]):
    @ta.handler
    async def work(self, mark: str, seconds: float = 0) -> str:
        await trio.sleep(seconds)
        self.state.marks.append(mark)
        return mark

    @ta.handler(reads=True)
    def done(self) -> list[str]:
        return list(self.state.marks)

    @ta.handler(timeout=1)
    async def hurried(self, seconds: float) -> None:
        await trio.sleep(seconds)

    @ta.handler
    async def fail(self, error: BaseException) -> None:
        raise error


class Brisk(Worker, timeout=2):
    pass


class Boss(ta.Actor[Done], timeout=20):
    """Delegates to a worker, and writes down the outcome."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker

    @ta.handler
    async def delegate(self, mark: str, seconds: float) -> str:
        return await self.worker.work(mark, seconds)

    @ta.handler
    async def delegate_twice(self, first: float, second: float) -> str:
        await self.worker.work("first", first)
        return await self.worker.work("second", second)

    @ta.handler
    async def delegate_together(self, seconds: float) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.worker.work, "one", seconds)
            nursery.start_soon(self.worker.work, "two", seconds)

    @ta.handler
    async def delegate_within(self, allowed: float, seconds: float) -> str:
        return await self.worker.work.within(allowed)("mark", seconds)

    @ta.handler
    async def try_within(self, allowed: float, seconds: float) -> str:
        try:
            return await self.worker.work.within(allowed)("mark", seconds)
        except ta.CallTimeout as late:
            return f"inherited={late.inherited} begun={late.begun}"

    @ta.handler
    async def incarnation(self) -> int:
        return self.context.incarnation


@pytest.fixture
async def worker(system: ta.System) -> Worker:
    return await system.start(Worker, name="worker")


@pytest.fixture
async def boss(system: ta.System, worker: Worker) -> Boss:
    return await system.start(partial(Boss, worker), name="boss")


# --- promise 2: what `cast` returned means ---


async def test_a_cast_that_returned_is_handled_before_a_later_call(worker: Worker) -> None:
    await worker.work.cast("cast")

    assert await worker.done() == ["cast"]


async def test_a_cast_returns_before_the_message_is_handled(worker: Worker) -> None:
    await worker.work.cast("slow", 3)

    assert trio.current_time() == 0
    assert await worker.done() == ["slow"]


async def test_a_cast_to_a_stopped_actor_raises(worker: Worker) -> None:
    await ta.stop(worker)

    with pytest.raises(ta.ActorStopped, match=r"worker is not running \(shutdown\) and will not be restarted"):
        await worker.work.cast("late")
    with pytest.raises(ta.ActorStopped):
        worker.work.cast_nowait("late")


async def test_a_cast_is_a_checkpoint(worker: Worker) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await worker.work.cast("cancelled")

    assert scope.cancelled_caught
    assert await worker.done() == []


async def test_a_cast_has_no_deadline(worker: Worker) -> None:
    await worker.work.cast("slow", 100)
    await worker.work.cast("behind")
    await trio.sleep(101)

    assert await worker.done() == ["slow", "behind"]


async def test_a_cast_with_a_deadline_is_shed_when_that_has_passed(worker: Worker) -> None:
    await worker.work.cast("slow", 3)
    await worker.work.within(2).cast("too late")
    worker.work.within(4).cast_nowait("in time")
    await ta.flush(worker)

    assert await worker.done() == ["slow", "in time"]
    assert ta.info(worker).ledger.expired == 1


async def test_the_limit_of_a_cast_is_none_of_its_handler(worker: Worker, system: ta.System) -> None:
    boss = await system.start(partial(Boss, worker))
    await boss.try_within.within(0.5).cast(4, 3)
    await ta.flush(boss)

    assert trio.current_time() == 3
    assert await worker.done() == ["mark"]


# --- promise 3: what `call` returned means ---


async def test_a_call_returns_when_its_message_is_handled(worker: Worker) -> None:
    assert await worker.work("slow", 3) == "slow"
    assert trio.current_time() == 3


async def test_a_call_made_inside_a_handler_stands_if_the_handler_fails_later(system: ta.System, worker: Worker) -> None:
    class Clumsy(Boss):
        @ta.handler
        async def delegate_and_fail(self) -> None:
            await self.worker.work("stands")
            raise Broken

    clumsy = await system.start(partial(Clumsy, worker), name="clumsy")

    with pytest.raises(ta.ActorCrashed):
        await clumsy.delegate_and_fail()

    assert await worker.done() == ["stands"]


# --- promise 6: deadlines ---


async def test_a_call_ends_by_the_default_deadline(worker: Worker) -> None:
    with pytest.raises(trio.TooSlowError):
        await worker.work("slow", 7)

    assert trio.current_time() == 5


async def test_the_system_sets_the_default_deadline(autojump_clock: trio.testing.MockClock) -> None:
    async with isolated_system(settings=ta.Settings(call_timeout=3)) as system:
        worker = await system.start(Worker, name="worker")

        with pytest.raises(ta.CallTimeout):
            await worker.work("slow", 4)

        assert trio.current_time() == 3


async def test_an_actor_sets_the_deadline_of_its_handlers(system: ta.System) -> None:
    brisk = await system.start(Brisk, name="brisk")

    with pytest.raises(ta.CallTimeout):
        await brisk.work("slow", 4)

    assert trio.current_time() == 2


async def test_a_handler_sets_its_own_deadline(system: ta.System) -> None:
    brisk = await system.start(Brisk, name="brisk")

    with pytest.raises(ta.CallTimeout):
        await brisk.hurried(4)

    assert trio.current_time() == 1


async def test_a_caller_may_lengthen_the_deadline(worker: Worker) -> None:
    assert await worker.work.within(10)("slow", 7) == "slow"


@pytest.mark.parametrize("seconds", [0, 1])
async def test_a_scope_of_trio_shortens_the_deadline(worker: Worker, seconds: float) -> None:
    with pytest.raises(trio.TooSlowError) as caught:
        with trio.fail_after(seconds):
            await worker.work("slow", 7)

    assert not isinstance(caught.value, ta.CallTimeout)
    assert trio.current_time() == seconds


async def test_a_timeout_says_what_the_actor_does_and_since_when(worker: Worker) -> None:
    await worker.work.cast("slow", 20)
    await trio.sleep(2)
    await worker.work.cast("waiting")

    with pytest.raises(ta.CallTimeout) as caught:
        await worker.done()

    assert str(caught.value) == (
        "no reply to 'done' in time: worker has been handling 'work' for 7 s, 2 messages wait, this message had not begun"
    )
    assert not caught.value.begun
    assert not caught.value.inherited


async def test_a_timeout_says_that_the_message_had_begun(worker: Worker) -> None:
    with pytest.raises(ta.CallTimeout, match="this message had begun") as caught:
        await worker.work("slow", 7)

    assert caught.value.begun


async def test_a_timeout_shows_whom_the_actor_waits_for(boss: Boss) -> None:
    with pytest.raises(ta.CallTimeout, match="boss waits for worker"):
        await boss.delegate.within(3)("slow", 4)


async def test_a_handler_that_began_is_finished_after_its_caller_timed_out(worker: Worker) -> None:
    with pytest.raises(ta.CallTimeout):
        await worker.work("slow", 7)

    assert await worker.done() == ["slow"]


async def test_a_message_whose_deadline_has_passed_is_shed(worker: Worker) -> None:
    await worker.work.cast("slow", 3)

    with pytest.raises(ta.CallTimeout):
        await worker.work.within(2)("too late")

    assert await worker.done() == ["slow"]
    assert ta.info(worker).ledger.expired == 1


async def test_a_message_whose_caller_has_gone_is_shed(worker: Worker) -> None:
    await worker.work.cast("slow", 3)

    with trio.move_on_after(2):
        await worker.work("nobody waits")

    assert await worker.done() == ["slow"]
    assert ta.info(worker).ledger.abandoned == 1


async def test_a_reply_in_the_moment_of_the_deadline_is_one_of_the_two(worker: Worker) -> None:
    try:
        outcome = await worker.work.within(3)("close", 3)
    except ta.CallTimeout:
        outcome = "late"

    assert outcome in {"close", "late"}
    assert await worker.done() == ["close"]


# --- promise 6: deadlines travel ---


async def test_an_inherited_deadline_ends_the_handler_and_is_no_crash(boss: Boss) -> None:
    with pytest.raises(ta.CallTimeout):
        await boss.delegate.within(2)("slow", 3)

    assert await boss.incarnation() == 1
    assert ta.info(boss).ledger == ta.Ledger(accepted=2, handled=1, expired=1)


async def test_an_inherited_deadline_frees_the_actor_at_once(boss: Boss) -> None:
    with pytest.raises(ta.CallTimeout):
        await boss.delegate.within(2)("slow", 4)
    await boss.incarnation()

    assert trio.current_time() == 2


async def test_the_deadline_of_a_nested_call_is_the_earlier_one(boss: Boss) -> None:
    assert await boss.try_within.within(9)(3, 4) == "inherited=False begun=True"
    assert trio.current_time() == 3


async def test_a_second_nested_call_has_only_what_the_first_one_left(boss: Boss) -> None:
    with pytest.raises(ta.CallTimeout):
        await boss.delegate_twice.within(3)(2, 2)

    assert trio.current_time() == 3
    assert await boss.incarnation() == 1


async def test_a_deadline_travels_through_several_actors(system: ta.System, worker: Worker, boss: Boss) -> None:
    class Chief(ta.Actor[None], timeout=20):
        @ta.handler
        async def order(self, seconds: float) -> str:
            return await boss.delegate("mark", seconds)

    chief = await system.start(Chief, name="chief")

    with pytest.raises(ta.CallTimeout):
        await chief.order.within(2)(4)
    await ta.flush(chief)
    await ta.flush(boss)

    assert trio.current_time() == 2
    assert ta.info(chief).ledger.expired == ta.info(boss).ledger.expired == 1


async def test_a_message_is_shed_by_an_inherited_deadline(boss: Boss, worker: Worker) -> None:
    await worker.work.cast("slow", 4)

    with pytest.raises(ta.CallTimeout):
        await boss.delegate.within(2)("never", 0)

    assert await worker.done() == ["slow"]


async def test_a_scope_around_a_call_travels_to_nested_calls(boss: Boss) -> None:
    with trio.move_on_after(2) as scope:
        await boss.delegate("slow", 4)
    await boss.incarnation()

    assert scope.cancelled_caught
    assert trio.current_time() == 2
    assert ta.info(boss).ledger.expired == 1
    assert await boss.incarnation() == 1


async def test_nested_calls_in_a_nursery_expire_like_one(boss: Boss) -> None:
    with pytest.raises(ta.CallTimeout):
        await boss.delegate_together.within(2)(4)

    assert await boss.incarnation() == 1
    assert ta.info(boss).ledger.expired == 1


async def test_a_caller_that_was_cancelled_lets_the_handler_finish(boss: Boss, worker: Worker) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(boss.delegate, "done", 3)
        await trio.sleep(1)
        nursery.cancel_scope.cancel()

    assert await boss.incarnation() == 1
    assert await worker.done() == ["done"]
    assert ta.info(boss).ledger.handled == 2


async def test_a_nested_call_that_misses_its_own_deadline_crashes_the_handler(boss: Boss) -> None:
    with pytest.raises(ta.ActorCrashed) as caught:
        await boss.delegate_within(1, 2)

    assert isinstance(caught.value.__cause__, ta.CallTimeout)
    assert not caught.value.__cause__.inherited
    assert await boss.incarnation() == 2


async def test_a_nested_call_of_a_cast_has_the_default_deadline_and_crashes(boss: Boss) -> None:
    await boss.delegate.cast("slow", 7)

    assert await boss.incarnation.within(9)() == 2
    assert trio.current_time() == 5


async def test_a_cast_inside_a_handler_inherits_no_deadline(system: ta.System, worker: Worker) -> None:
    class Notifier(ta.Actor[None]):
        @ta.handler
        async def notify(self) -> None:
            await worker.work.cast("slow", 3)

    notifier = await system.start(Notifier, name="notifier")

    await notifier.notify.within(1)()

    assert await worker.done() == ["slow"]
