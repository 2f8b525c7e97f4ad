"""Faults that were found by trying to break the runtime; each test would have caught one."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trioactors as ta
from trioactors.conformance import replay
from trioactors.testing import crash, isolated_system, restarted, run, suspended

MOOD: ContextVar[str] = ContextVar("mood", default="clean")


class Slow(ta.Actor[None]):
    """Takes its time to stop."""

    @ta.handler
    async def incarnation(self) -> int:
        return self.context.incarnation

    async def on_stop(self, _reason: ta.Exit) -> None:
        await trio.sleep(1)


class Moody(ta.Actor[None]):
    @ta.handler
    async def spoil(self) -> None:
        MOOD.set("dirty")
        raise ValueError

    @ta.handler
    async def mood(self) -> str:
        return MOOD.get()


class Untidy(ta.Actor[None]):
    """Has a task whose clean-up fails."""

    @ta.handler
    async def begin(self) -> None:
        async def task() -> None:
            try:
                await trio.sleep_forever()
            finally:
                raise ValueError("in clean-up")

        self.context.start_soon(task)


class Ticking(ta.Actor[None]):
    @ta.handler
    def tick(self) -> None: ...

    @ta.handler
    def begin(self, period: float) -> None:
        self.context.every(period, self.tick)


async def test_a_restart_during_a_stop_finds_nobody(system: ta.System) -> None:
    slow = await system.start(Slow, name="slow")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ta.stop, slow)
        await trio.sleep(0.1)
        with pytest.raises(ta.UnknownName):
            await ta.restart(slow)

    assert system.names() == ()


async def test_a_stop_that_nobody_waits_for_any_more_leaves_no_watch(system: ta.System) -> None:
    slow = await system.start(Slow, name="slow")

    with trio.move_on_after(0.1):
        await ta.stop(slow)
    await trio.sleep(2)

    assert system.names() == ()


def test_who_died_but_was_not_handled_yet_still_counts_as_running() -> None:
    row = {"restart": "transient", "shutdown": 5000, "significant": True, "plan": []}
    running = {"a": "running", "b": "running"}
    scenario = {
        "id": "two significant deaths at once",
        "flags": {"strategy": "one_for_one", "intensity": 3, "period": 3600, "auto_shutdown": "all_significant"},
        "children": [{"id": "a", **row}, {"id": "b", **row}],
        "steps": [
            {"action": "start", "result": "started", "events": [["start", "a"], ["start", "b"]], "children": running},
            {
                "action": ["exits", [["a", "normal"], ["b", "boom"]]],
                "result": "sent",
                "events": [["stop", "a", "normal"], ["stop", "b", "boom"], ["start", "b"]],
                "children": {"a": "undefined", "b": "running"},
            },
        ],
    }
    for step in scenario["steps"]:
        step.update(alive=True, reason=None)

    assert replay([scenario]) == []


async def test_siblings_of_a_culprit_that_is_stopped_in_its_back_off_are_closed(autojump_clock: MockClock) -> None:
    tree = ta.Supervisor(
        ta.child(Moody, name="a"),
        ta.child(Moody, name="b"),
        strategy="one_for_all",
        backoff=ta.Backoff(base=2),
        name="top",
    )

    async with isolated_system(tree) as system:
        a, b = system.get(Moody, "a"), system.get(Moody, "b")
        crash(a)
        await system.quiesce()
        await b.mood.cast()
        await ta.stop(a)

        assert [letter.target for letter in system.dead_letters()] == ["b"]
        with pytest.raises(ta.ActorStopped):
            await b.mood()


async def test_who_fell_with_a_culprit_comes_back_when_it_is_restarted_by_hand(autojump_clock: MockClock) -> None:
    """A schedule in which a group's start failed while its culprit was restarted by hand: the others stayed down, and callers waited."""
    tree = ta.Supervisor(
        ta.child(Slow, name="a"), ta.child(Slow, name="b"), name="pair", strategy="one_for_all", backoff=ta.Backoff()
    )
    async with isolated_system(tree) as system:
        a, b = system.get(Slow, "a"), system.get(Slow, "b")
        async with ta.watch(b) as deaths:
            crash(a)
            await deaths.next()

        await ta.restart(a)

        assert (await a.incarnation(), await b.incarnation()) == (2, 2)


async def test_if_that_restart_fails_nobody_waits_for_the_others(autojump_clock: MockClock) -> None:
    starts = iter([None, OSError("mine")])

    class Weak(Slow):
        async def on_start(self) -> None:
            error = next(starts)
            if error is not None:
                raise error

    tree = ta.Supervisor(
        ta.child(Weak, name="a"), ta.child(Slow, name="b"), name="pair", strategy="one_for_all", backoff=ta.Backoff()
    )
    async with isolated_system(tree) as system:
        a, b = system.get(Weak, "a"), system.get(Slow, "b")
        async with ta.watch(b) as deaths:
            crash(a)
            await deaths.next()

        with pytest.raises(ta.StartFailed, match="mine"):
            await ta.restart(a)
        with pytest.raises(ta.ActorStopped, match="will not be restarted"):
            await b.incarnation()


async def test_a_child_has_one_back_off_at_a_time(autojump_clock: MockClock, diary: Any) -> None:
    """A schedule in which a child in back-off was restarted with its group, and failed: its second back-off ended the system."""
    backoff = ta.Backoff(base=0.1, factor=2, jitter=0)
    tree = ta.Supervisor(
        diary.worker("a"),
        diary.worker("b", plan=["ok", "ok", "error"]),
        name="pair",
        strategy="rest_for_one",
        backoff=backoff,
        intensity=ta.Intensity(9),
    )
    async with isolated_system(tree) as system:
        crash(diary.get(system, "a"))
        await trio.sleep(0.01)
        await system.supervisor("pair").restart_child("b")
        crash(diary.get(system, "b"))  # its own back-off would end at 0.11; it comes back with a at 0.1, and fails; then at 0.3
        await trio.sleep(0.2)
        assert ta.info(diary.get(system, "b")).status is ta.ChildStatus.RESTARTING
        await trio.sleep(1)

        assert [await diary.get(system, name).incarnation() for name in "ab"] == [2, 4]


async def test_a_restart_by_hand_brings_nobody_back_who_was_terminated_since(autojump_clock: MockClock, diary: Any) -> None:
    tree = ta.Supervisor(diary.worker("a"), diary.worker("b"), name="pair", strategy="one_for_all", backoff=ta.Backoff(jitter=0))
    async with isolated_system(tree) as system:
        crash(diary.get(system, "a"))
        await trio.sleep(60)
        await system.supervisor("pair").terminate_child("b")

        await ta.restart(diary.get(system, "a"))

        assert ta.info(diary.get(system, "b")).status is ta.ChildStatus.UNDEFINED


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
@pytest.mark.parametrize("operation", ["delete_child", "restart_child"])
async def test_who_died_but_was_not_handled_yet_is_not_deleted_or_restarted_by_hand(
    strategy: str, operation: str, autojump_clock: MockClock
) -> None:
    """A schedule in which a child exited while it was being deleted: its group was stopped for a child that was gone, and stayed down."""
    tree = ta.Supervisor(ta.child(Slow, name="a"), ta.child(Slow, name="b"), name="pair", strategy=strategy, backoff=ta.Backoff())
    async with isolated_system(tree) as system:
        refused: list[ta.ChildRunning] = []

        async def meddle() -> None:
            with pytest.raises(ta.ChildRunning) as caught:
                await getattr(system.supervisor("pair"), operation)("a")
            refused.append(caught.value)

        async with trio.open_nursery() as nursery:
            with suspended(system):
                nursery.start_soon(meddle)
                await wait_all_tasks_blocked()
                crash(system.get(Slow, "a"))
                await wait_all_tasks_blocked()

        assert len(refused) == 1
        assert [await system.get(Slow, name).incarnation() for name in "ab"] == [2, 2]


async def test_context_variables_of_a_crashed_life_are_gone(system: ta.System) -> None:
    moody = await system.start(Moody, name="moody")

    with pytest.raises(ta.ActorCrashed):
        await moody.spoil()

    assert await moody.mood() == "clean"


async def test_a_task_that_fails_in_its_clean_up_is_reported(system: ta.System, caplog: pytest.LogCaptureFixture) -> None:
    untidy = await system.start(Untidy, name="untidy")
    await untidy.begin()
    await trio.testing.wait_all_tasks_blocked()

    await ta.stop(untidy)

    assert "in clean-up" in caplog.text


async def test_a_period_that_would_be_a_busy_loop_is_refused(system: ta.System) -> None:
    ticking = await system.start(Ticking, name="ticking")

    with pytest.raises(ta.ActorCrashed) as caught:
        await ticking.begin(1e-14)

    assert isinstance(caught.value.__cause__, ta.SpecError)
    await restarted(ticking)


@pytest.mark.parametrize("operation", [ta.restart, ta.flush])
async def test_a_closed_system_says_so(autojump_clock: MockClock, operation: Callable[[object], Awaitable[None]]) -> None:
    async with isolated_system() as system:
        slow = await system.start(Slow, name="slow")

    with pytest.raises(ta.SystemClosed):
        await operation(slow)


def test_a_ctrl_c_that_meets_a_call_in_progress_is_a_keyboard_interrupt() -> None:
    @trio.lowlevel.enable_ki_protection
    def ctrl_c() -> None:
        signal.raise_signal(signal.SIGINT)  # Trio keeps it for its main task, which waits for the answer

    class Pressing(ta.Actor[None]):
        @ta.handler
        async def press(self) -> None:
            ctrl_c()
            await trio.sleep(1)

    async def main() -> None:
        async with isolated_system() as system:
            await (await system.start(Pressing, name="pressing")).press()

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started us deaf to it
    try:
        with pytest.raises(KeyboardInterrupt):
            run(main)
    finally:
        signal.signal(signal.SIGINT, before)
