"""A drain: what was accepted is handled before the stop, what comes from outside is refused meanwhile."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
import trio
from attrs import define
from trio.testing import MockClock

import trioactors as ta
from shared.trees import top
from trioactors.testing import crash, isolated_system

DRAIN = ta.Settings(drain_on_stop=True)


class Slow(ta.Actor[None]):
    """Handles each message in a tenth of a second."""

    def __init__(self, done: list[Any]) -> None:
        self.done = done

    @ta.handler
    async def work(self, number: int) -> int:
        await trio.sleep(0.1)
        self.done.append(number)
        return number

    @ta.handler
    async def stick(self) -> None:
        await trio.sleep_forever()

    @ta.handler
    def fail(self) -> None:
        raise OSError("once")


@pytest.fixture
def done() -> list[Any]:
    return []


def slow(done: list[Any], name: str = "a", **options: Any) -> ta.ChildSpec:
    return ta.child(partial(Slow, done), name=name, **options)


async def fill(system: ta.System, count: int = 10, name: str = "a") -> Slow:
    actor = system.get(Slow, name)
    for number in range(count):
        await actor.work.cast(number)
    return actor


# --- one actor ---


async def test_without_a_drain_what_waits_becomes_dead_letters(autojump_clock: MockClock, done: list[Any]) -> None:
    async with isolated_system(top(slow(done))) as system:
        await ta.stop(await fill(system))

    assert done == [0]
    assert len(system.dead_letters()) == 9


async def test_a_stop_with_a_drain_handles_everything_first(autojump_clock: MockClock, done: list[Any]) -> None:
    async with isolated_system(top(slow(done))) as system:
        await ta.stop(await fill(system), drain=True)

        assert done == list(range(10))
        assert system.dead_letters() == ()
        assert trio.current_time() == pytest.approx(1.0)


async def test_a_call_that_waits_is_answered_and_a_new_one_is_refused(autojump_clock: MockClock, done: list[Any]) -> None:
    answers: list[Any] = []

    async def ask(actor: Slow, number: int) -> None:
        try:
            answers.append(await actor.work(number))
        except ta.ActorStopped as error:
            answers.append(str(error))

    async with isolated_system(top(slow(done))) as system, trio.open_nursery() as nursery:
        actor = await fill(system, 3)
        nursery.start_soon(ask, actor, 3)
        await trio.sleep(0.05)
        nursery.start_soon(partial(ta.stop, actor, drain=True))
        await trio.sleep(0.05)
        await ask(actor, 4)
        with pytest.raises(ta.ActorStopped, match="being drained"):
            await actor.work.cast(5)
        with pytest.raises(ta.ActorStopped, match="being drained"):
            actor.work.cast_nowait(6)

    assert answers == ["a is being drained: it handles what it has accepted, takes no new messages, and then stops", 3]
    assert done == [0, 1, 2, 3]


async def test_a_number_is_the_most_seconds_that_a_drain_takes(
    autojump_clock: MockClock, done: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    recorder = ta.Recorder()
    async with isolated_system(top(slow(done)), observers=[recorder]) as system:
        await ta.stop(await fill(system), drain=0.35)

        assert done == [0, 1, 2, 3]  # the one in progress is finished within the grace

    assert system.ledger().dead_lettered == 6
    assert [(record.child, record.left) for record in recorder.of(ta.Drained)] == [("a", 6)]
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        "a: the drain is over after 0.35 s, and 6 messages still wait in a"
    ]


async def test_true_takes_what_a_whole_stop_would_permit(autojump_clock: MockClock, done: list[Any]) -> None:
    async with isolated_system(top(slow(done))) as system:
        actor = system.get(Slow, "a")
        actor.stick.cast_nowait()
        await ta.stop(actor, drain=True)

        assert trio.current_time() == 10 + 5  # the drain, and the grace


async def test_the_spec_of_a_child_can_say_it(autojump_clock: MockClock, done: list[Any]) -> None:
    async with isolated_system(top(slow(done, drain=True))) as system:
        await ta.stop(await fill(system))

    assert done == list(range(10))


async def test_the_caller_of_stop_can_say_otherwise(autojump_clock: MockClock, done: list[Any]) -> None:
    async with isolated_system(top(slow(done, drain=True))) as system:
        await ta.stop(await fill(system), drain=False)

    assert len(done) == 1


async def test_an_actor_that_crashes_during_its_drain_is_restarted_and_goes_on(autojump_clock: MockClock, done: list[Any]) -> None:
    async with isolated_system(top(slow(done))) as system:
        actor = await fill(system, 3)
        await actor.fail.cast()
        await actor.work.cast(9)
        await ta.stop(actor, drain=True)

        assert done == [0, 1, 2, 9]
        with pytest.raises(ta.ActorStopped, match="will not be restarted"):
            await actor.work.cast(1)


async def test_the_mailbox_stays_closed_to_others_over_a_crash(autojump_clock: MockClock, done: list[Any]) -> None:
    async with isolated_system(top(slow(done))) as system, trio.open_nursery() as nursery:
        actor = await fill(system, 5)
        nursery.start_soon(partial(ta.stop, actor, drain=True))
        await trio.sleep(0.15)
        crash(actor)
        await trio.sleep(0.05)

        with pytest.raises(ta.ActorStopped, match="being drained"):
            await actor.work.cast(99)

    assert 99 not in done
    assert done[-1] == 4


async def test_a_cancelled_drain_leaves_the_actor_running_and_open(autojump_clock: MockClock, done: list[Any]) -> None:
    async with isolated_system(top(slow(done))) as system:
        actor = await fill(system)
        with trio.move_on_after(0.25) as scope:
            await ta.stop(actor, drain=True)

        assert scope.cancelled_caught
        assert await actor.work(99) == 99
        assert done[-1] == 99


async def test_a_stopped_actor_can_be_started_again_after_a_drain(autojump_clock: MockClock, done: list[Any]) -> None:
    async with isolated_system(top(slow(done))) as system:
        actor = await fill(system)
        await ta.stop(actor, drain=True)
        await ta.restart(actor)

        assert await actor.work(99) == 99


async def test_an_actor_that_drains_may_send_to_itself(autojump_clock: MockClock) -> None:
    class Countdown(ta.Actor[None]):
        def __init__(self) -> None:
            self.left = 5

        @ta.handler
        async def tick(self) -> None:
            await trio.sleep(0.1)
            self.left -= 1
            seen.append(self.left)
            if self.left:
                await self.context.ref.tick.cast()  # type: ignore[attr-defined]

    seen: list[int] = []
    async with isolated_system() as system:
        countdown = await system.start(Countdown)
        await countdown.tick.cast()
        await ta.stop(countdown, drain=True)

    assert seen == [4, 3, 2, 1, 0]


class Desk(ta.Actor[None]):
    """Answers later, from a timer."""

    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.owed: list[ta.Deferred[str]] = []

    @ta.handler
    def ask(self) -> str:
        token: ta.Deferred[str] = self.context.defer()
        self.owed.append(token)
        self.context.after(self.delay, self.give)
        return token.pending

    @ta.handler
    def give(self) -> None:
        self.owed.pop(0).reply("at last")


async def test_a_drain_waits_for_the_replies_that_are_owed(autojump_clock: MockClock) -> None:
    answers: list[str] = []

    async def ask(desk: Desk) -> None:
        answers.append(await desk.ask())

    async with isolated_system() as system, trio.open_nursery() as nursery:
        desk = await system.start(partial(Desk, 2.0))
        nursery.start_soon(ask, desk)
        await trio.sleep(1)
        await ta.stop(desk, drain=True)

        assert answers == ["at last"]
        assert trio.current_time() == 2


async def test_a_drain_does_not_wait_for_a_caller_that_has_left(autojump_clock: MockClock) -> None:
    async def ask(desk: Desk) -> None:
        with trio.move_on_after(3):
            await desk.ask()

    async with isolated_system() as system, trio.open_nursery() as nursery:
        desk = await system.start(partial(Desk, 100.0))
        nursery.start_soon(ask, desk)
        await trio.sleep(1)
        await ta.stop(desk, drain=True)

        assert trio.current_time() == 3


async def test_a_lost_token_does_not_hold_a_drain(autojump_clock: MockClock) -> None:
    class Forgetful(Desk):
        @ta.handler
        def give(self) -> None:
            self.owed.clear()

    async def ask(desk: Desk) -> None:
        with pytest.raises(ta.NoReply):
            await desk.ask()

    async with isolated_system() as system, trio.open_nursery() as nursery:
        desk = await system.start(partial(Forgetful, 2.0))
        nursery.start_soon(ask, desk)
        await trio.sleep(1)
        await ta.stop(desk, drain=True)

        assert trio.current_time() == 2


async def test_an_actor_cannot_drain_itself_from_a_handler(autojump_clock: MockClock) -> None:
    class Selfish(ta.Actor[None]):
        @ta.handler(raises=ta.CallCycle)
        async def end(self) -> None:
            await ta.stop(self.context.ref, drain=True)

    async with isolated_system() as system:
        selfish = await system.start(Selfish)
        with pytest.raises(ta.CallCycle):
            await selfish.end()

        assert trio.current_time() == 0


async def test_a_dynamic_child_is_drained_while_others_start_and_restart(autojump_clock: MockClock, done: list[Any]) -> None:
    async with isolated_system() as system, trio.open_nursery() as nursery:
        first = await system.start(partial(Slow, done), name="a")
        await fill(system)
        nursery.start_soon(partial(ta.stop, first, drain=True))
        await trio.sleep(0.15)
        other = await system.start(partial(Slow, []), name="b")
        await other.fail.cast()
        assert await other.work(1) == 1
        assert trio.current_time() == pytest.approx(0.25)

    assert done == list(range(10))


async def test_a_paused_actor_is_neither_resumed_nor_waited_for(autojump_clock: MockClock, done: list[Any]) -> None:
    async with isolated_system(top(slow(done)), settings=DRAIN) as system:
        actor = await fill(system)
        await ta.pause(actor)

    assert done == [0]
    assert system.ledger().dead_lettered == 9
    assert trio.current_time() < 1


async def test_an_actor_can_be_resumed_while_it_is_drained(autojump_clock: MockClock, done: list[Any]) -> None:
    async with isolated_system(top(slow(done))) as system, trio.open_nursery() as nursery:
        actor = await fill(system)
        nursery.start_soon(partial(ta.stop, actor, drain=True))
        await trio.sleep(0.05)
        await ta.resume(actor)

    assert done == list(range(10))


# --- a whole system ---


async def test_a_system_drains_if_its_settings_say_so(autojump_clock: MockClock, done: list[Any]) -> None:
    recorder = ta.Recorder()
    async with isolated_system(top(slow(done)), settings=DRAIN, observers=[recorder]) as system:
        await fill(system)

    assert done == list(range(10))
    assert system.dead_letters() == ()
    [drained] = recorder.of(ta.Drained)
    assert (drained.child, drained.seconds, drained.left) == (":root", pytest.approx(1.0), 0)


async def test_open_system_takes_it_too_and_overrides_the_settings(autojump_clock: MockClock, done: list[Any]) -> None:
    async with ta.open_system(top(slow(done)), drain=True) as system:
        await fill(system)
    assert done == list(range(10))

    done.clear()
    async with ta.open_system(top(slow(done)), settings=DRAIN, drain=False) as system:
        await fill(system)
    assert len(done) == 1


class Hop(ta.Actor[None]):
    """Sends what it gets to another actor, a number of times."""

    @ta.handler
    async def hop(self, left: int, other: str) -> None:
        await trio.sleep(0.1)
        seen = self.context.system.get(Counter, "counter")
        await seen.count.cast()
        if left:
            await self.context.system.get(Hop, other).hop.cast(left - 1, self.context.name)


class Counter(ta.Actor[None]):
    def __init__(self, seen: list[float]) -> None:
        self.seen = seen

    @ta.handler
    def count(self) -> None:
        self.seen.append(trio.current_time())


async def test_what_handlers_send_on_is_handled_too_in_cycles_and_to_those_that_stop_first(
    autojump_clock: MockClock, done: list[Any]
) -> None:
    tree = top(
        ta.child(Hop, name="first"),
        ta.Supervisor(ta.child(Hop, name="last"), ta.child(partial(Counter, done), name="counter"), name="below"),
    )
    async with isolated_system(tree, settings=DRAIN) as system:
        await system.get(Hop, "last").hop.cast(20, "first")

    assert len(done) == 21
    assert system.ledger().dead_lettered == 0


async def test_actors_that_handlers_start_during_the_drain_take_part(autojump_clock: MockClock, done: list[Any]) -> None:
    class Starter(ta.Actor[None]):
        @ta.handler
        async def begin(self) -> None:
            await trio.sleep(1)
            started = await self.context.system.start(partial(Slow, done), name="a")
            for number in range(3):
                await started.work.cast(number)

    async with isolated_system(top(ta.child(Starter, name="starter")), settings=DRAIN) as system:
        await system.get(Starter, "starter").begin.cast()

    assert done == [0, 1, 2]


async def test_the_outside_is_refused_while_a_system_drains(autojump_clock: MockClock, done: list[Any]) -> None:
    async def outside(actor: Slow) -> None:
        await trio.sleep(0.5)
        with pytest.raises(ta.ActorStopped, match="being drained"):
            await actor.work(99)

    async with trio.open_nursery() as nursery, isolated_system(top(slow(done)), settings=DRAIN) as system:  # noqa: ASYNC112
        nursery.start_soon(outside, await fill(system))  # noqa: ASYNC111 - this call is made when the block is over

    assert done == list(range(10))


async def test_the_drain_leaves_time_for_the_ordered_stop(autojump_clock: MockClock, done: list[Any], diary: Any) -> None:
    class Tidy(ta.Actor[None]):
        async def on_stop(self, _reason: ta.Exit) -> None:
            await trio.sleep(1)
            diary.append(f"tidied at {trio.current_time():g}")

    recorder = ta.Recorder()
    async with isolated_system(top(ta.child(Tidy), slow(done)), settings=DRAIN, observers=[recorder]) as system:
        system.get(Slow, "a").stick.cast_nowait()

    assert diary == ["tidied at 16"]  # 10 s of draining, and the grace of the stuck actor
    assert not recorder.of(ta.StopForced)


async def test_a_system_that_drains_in_time_is_not_forced(autojump_clock: MockClock, done: list[Any]) -> None:
    recorder = ta.Recorder()
    settings = ta.Settings(drain_on_stop=2.5)
    async with isolated_system(top(slow(done, grace=1)), settings=settings, observers=[recorder]) as system:
        system.get(Slow, "a").stick.cast_nowait()
        await fill(system, 3)

    assert trio.current_time() == 3.5
    assert not recorder.of(ta.StopForced)
    assert system.ledger().dead_lettered == 3


async def test_a_child_with_drain_false_takes_no_part(autojump_clock: MockClock, done: list[Any]) -> None:
    other: list[Any] = []
    async with isolated_system(top(slow(done), slow(other, "b", drain=False)), settings=DRAIN) as system:
        await fill(system, 3)
        await fill(system, 10, "b")

    assert done == [0, 1, 2]
    assert len(other) < 10
    assert trio.current_time() == pytest.approx(0.4)


async def test_a_message_sent_by_on_stop_is_handled_by_a_sibling_that_started_earlier(
    autojump_clock: MockClock, done: list[Any]
) -> None:
    class Last(ta.Actor[None]):
        async def on_stop(self, _reason: ta.Exit) -> None:
            await self.context.system.get(Slow, "a").work.cast(7)

    async with isolated_system(top(slow(done), ta.child(Last)), settings=DRAIN):
        pass

    assert done == [7]


async def test_a_child_with_drain_is_drained_in_its_turn_although_its_system_is_not(
    autojump_clock: MockClock, done: list[Any]
) -> None:
    other: list[Any] = []
    async with isolated_system(top(slow(other, "b"), slow(done, drain=True))) as system:
        await fill(system)
        await fill(system, 30, "b")

    assert done == list(range(10))
    assert len(other) < 30


async def test_an_actor_that_crashes_in_its_turn_is_not_waited_for(autojump_clock: MockClock, done: list[Any]) -> None:
    async with isolated_system(top(slow(done, drain=True))) as system:
        actor = await fill(system, 2)
        await actor.fail.cast()
        await fill(system, 5)

    assert done == [0, 1]
    assert trio.current_time() == pytest.approx(0.2)
    assert system.ledger().dead_lettered == 5


async def test_a_start_that_is_abandoned_is_not_drained(autojump_clock: MockClock) -> None:
    class Late(ta.Actor[None]):
        async def on_start(self) -> None:
            await trio.sleep(20)

    with trio.move_on_after(1):
        async with ta.open_system(top(ta.child(Late, drain=True, grace=2))):
            pass

    assert trio.current_time() == 3


async def test_a_function_may_take_longer_to_stop_than_other_requests(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(ta.child(serving(diary, 1_000), name="serve", drain=2_000.0))) as system:
        await trio.testing.wait_all_tasks_blocked()
        await system.supervisor("top").terminate_child("serve")

        assert diary == ["finished at 1000"]


async def test_dynamic_children_are_drained_together(autojump_clock: MockClock) -> None:
    lists: list[list[Any]] = [[] for _ in range(5)]
    async with isolated_system() as system:
        workers = system.supervisor()
        for number, each in enumerate(lists):
            await workers.start_child(slow(each, f"w{number}", drain=True))
            await fill(system, 10, f"w{number}")

    assert lists == [list(range(10))] * 5
    assert trio.current_time() == pytest.approx(1.0)


async def test_a_tree_that_shuts_down_by_itself_drains_children_that_say_so(autojump_clock: MockClock, done: list[Any]) -> None:
    async def work() -> None:
        for number in range(5):
            await ta.current_system().get(Slow, "a").work.cast(number)

    job = ta.child(work, name="job", significant=True, restart="temporary")
    tree = top(slow(done, drain=True), job, auto_shutdown="any_significant")
    async with isolated_system(tree) as system:
        await system.wait_stopped()

    assert done == list(range(5))


async def test_a_group_restart_keeps_the_mailbox_and_drains_nothing(autojump_clock: MockClock, done: list[Any]) -> None:
    tree = top(ta.child(partial(Slow, []), name="b"), slow(done, drain=True), strategy="one_for_all")
    async with isolated_system(tree) as system:
        actor = await fill(system, 5)
        await system.get(Slow, "b").fail.cast()
        await ta.flush(actor)

        assert trio.current_time() <= 0.6
        assert len(done) >= 4


async def test_a_force_ends_a_drain(autojump_clock: MockClock, done: list[Any]) -> None:
    settings = ta.Settings(drain_on_stop=True, stop_timeout=2)
    async with isolated_system(top(slow(done, drain=True)), settings=settings) as system:
        system.get(Slow, "a").stick.cast_nowait()
        await fill(system, 2)

    assert trio.current_time() == 2
    assert (system.ledger().crashed, system.ledger().dead_lettered) == (1, 2)


async def test_casts_that_wait_for_room_are_handled(autojump_clock: MockClock, done: list[Any]) -> None:
    async with isolated_system(top(slow(done)), settings=ta.Settings(mailbox=2)) as system, trio.open_nursery() as nursery:
        actor = system.get(Slow, "a")
        for number in range(6):
            nursery.start_soon(actor.work.cast, number)
        await trio.testing.wait_all_tasks_blocked()
        await ta.stop(actor, drain=True)

    assert sorted(done) == list(range(6))


# --- durable actors ---


@define
class Tally:
    total: int = 0


class Forwarder(ta.Actor[Tally], persist=ta.EVERY_MESSAGE):
    def __init__(self, to: str) -> None:
        self.to = to

    @ta.handler
    async def add(self, by: int) -> None:
        self.state.total += by
        await self.context.system.get(Slow, self.to).work.cast(by)


async def test_casts_that_wait_for_a_commit_are_handled_before_the_stop(autojump_clock: MockClock, done: list[Any]) -> None:
    tree = top(ta.child(partial(Forwarder, "a"), name="durable"), slow(done))
    async with isolated_system(tree, settings=DRAIN) as system:
        for by in range(1, 6):
            await system.get(Forwarder, "durable").add.cast(by)

    assert done == [1, 2, 3, 4, 5]


async def test_a_cast_held_for_a_commit_reaches_an_actor_that_is_drained_meanwhile(
    autojump_clock: MockClock, done: list[Any]
) -> None:
    tree = top(ta.child(partial(Forwarder, "a"), name="durable"), slow(done))
    async with isolated_system(tree) as system:
        actor = await fill(system, 1)
        await system.get(Forwarder, "durable").add(3)
        await ta.stop(actor, drain=True)

    assert done == [0, 3]


# --- functions ---


async def polling(system: Callable[[], ta.System], pause: float = 0.01) -> None:
    while True:
        await system().get(Slow, "a").work.cast(1)
        await trio.sleep(pause)


async def test_functions_stop_before_the_actors_are_drained(autojump_clock: MockClock, done: list[Any]) -> None:
    tree = top(slow(done), ta.child(partial(polling, ta.current_system), name="poll"))
    recorder = ta.Recorder()
    async with isolated_system(tree, settings=DRAIN, observers=[recorder]) as system:
        await trio.sleep(1.005)

    ledger = system.ledger()
    assert ledger.accepted == ledger.handled == len(done)
    assert ledger.accepted > 50
    assert not recorder.of(ta.RestartScheduled)


async def test_a_function_with_drain_false_runs_until_its_turn(autojump_clock: MockClock, done: list[Any], diary: Any) -> None:
    async def log(name: str) -> None:
        try:
            await trio.sleep_forever()
        finally:
            diary.append(f"{name} at {trio.current_time():g}")

    tree = top(
        ta.child(partial(log, "writer"), name="writer", drain=False), slow(done), ta.child(partial(log, "poll"), name="poll")
    )
    async with isolated_system(tree, settings=DRAIN) as system:
        await fill(system)

    assert diary == ["poll at 0", "writer at 1"]


def serving(finished: list[str], rest: float) -> Callable[[], Awaitable[None]]:
    async def serve() -> None:
        try:
            await ta.stop_requested()
            await trio.sleep(rest)
            finished.append(f"finished at {trio.current_time():g}")
        except trio.Cancelled:
            finished.append(f"cancelled at {trio.current_time():g}")
            raise

    return serve


@pytest.mark.parametrize(
    ("drain", "rest", "end"),
    [(10.0, 3, "finished at 3"), (True, 3, "finished at 3"), (2.0, 3, "cancelled at 2"), (False, 3, "cancelled at 0")],
)
async def test_a_function_with_drain_is_told_and_has_time_to_finish(
    autojump_clock: MockClock, diary: Any, *, drain: bool | float, rest: float, end: str
) -> None:
    async with isolated_system(top(ta.child(serving(diary, rest), drain=drain))):
        await trio.testing.wait_all_tasks_blocked()

    assert diary == [end]


async def test_a_function_that_is_told_is_not_restarted_when_it_returns(autojump_clock: MockClock, diary: Any) -> None:
    spec = ta.child(serving(diary, 1), name="serve", restart="permanent", drain=5.0)
    async with isolated_system(top(spec)) as system:
        await trio.testing.wait_all_tasks_blocked()
        await system.supervisor("top").terminate_child("serve")
        [row] = system.supervisor("top").which_children()

    assert (row.status, row.incarnation) == (ta.ChildStatus.UNDEFINED, 1)
    assert diary == ["finished at 1"]


async def test_a_function_is_cancelled_at_once_when_it_restarts_with_others(autojump_clock: MockClock, diary: Any) -> None:
    tree = top(slow([]), ta.child(serving(diary, 1), drain=5.0), strategy="rest_for_one")
    async with isolated_system(tree) as system:
        await trio.testing.wait_all_tasks_blocked()
        await system.get(Slow, "a").fail.cast()
        await trio.testing.wait_all_tasks_blocked()

        assert diary == ["cancelled at 0"]


async def test_stop_requested_needs_a_function(autojump_clock: MockClock) -> None:
    class Asking(ta.Actor[None]):
        @ta.handler(raises=ta.UsageError)
        async def ask(self) -> None:
            await ta.stop_requested()

    with pytest.raises(ta.UsageError, match="a child"):
        await ta.stop_requested()
    async with isolated_system() as system:
        with pytest.raises(ta.UsageError, match="a child"):
            await (await system.start(Asking)).ask()


async def test_a_drain_may_have_no_limit(autojump_clock: MockClock, done: list[Any]) -> None:
    settings = ta.Settings(drain_on_stop=True, stop_timeout=math.inf)
    async with isolated_system(top(slow(done)), settings=settings) as system:
        await fill(system, 500)

    assert len(done) == 500


async def test_stop_requested_needs_a_drain(autojump_clock: MockClock, diary: Any) -> None:
    """It could never be told."""
    recorder = ta.Recorder()
    async with isolated_system(observers=[recorder]) as system:
        supervisor = system.supervisor()
        await supervisor.start_child(ta.child(serving(diary, 1), name="serve", restart="temporary"))
        await trio.testing.wait_all_tasks_blocked()

    [crash] = recorder.of(ta.ChildExited)[:1]
    assert isinstance(crash.reason.error, ta.UsageError)
    assert (
        str(crash.reason.error)
        == "stop_requested(): serve has no drain= and is never told; declare it as ta.child(..., drain=10.0)"
    )
