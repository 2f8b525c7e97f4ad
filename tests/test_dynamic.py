"""Children that are started at run time, in thousands."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import trioactors as ta
from shared.trees import lasting
from trioactors import inspect
from trioactors.testing import isolated_system, suspended


class Sleeper(ta.Actor[None]):
    """Takes a second to stop."""

    def __init__(self, seconds: float = 0) -> None:
        self.seconds = seconds

    async def on_stop(self, _reason: ta.Exit) -> None:
        await trio.sleep(self.seconds)

    @ta.handler
    def whoami(self) -> str:
        return self.context.name


def crowd(**options: Any) -> ta.Supervisor:
    return ta.Supervisor(name="crowd", strategy="dynamic", **options)


async def test_thousands_of_children_run_and_stop(autojump_clock: MockClock) -> None:
    async with isolated_system(crowd()) as system:
        handle = system.supervisor("crowd")
        for number in range(2_000):
            await handle.start_child(ta.child(Sleeper, name=f"s{number}"))

        assert handle.count_children()["active"] == 2_000
        assert await system.get(Sleeper, "s1999").whoami() == "s1999"


async def test_they_stop_all_together_under_one_grace(autojump_clock: MockClock) -> None:
    async with isolated_system(crowd()) as system:
        for _ in range(50):
            await system.supervisor("crowd").start_child(ta.child(partial(Sleeper, 3)))

    assert trio.current_time() == 3


async def test_those_that_outlast_the_grace_are_cancelled_together(autojump_clock: MockClock) -> None:
    async with isolated_system(crowd()) as system:
        for _ in range(50):
            await system.supervisor("crowd").start_child(ta.child(partial(Sleeper, 100), grace=2))

    assert trio.current_time() == 2


async def test_one_that_ended_or_was_stopped_is_forgotten(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(crowd()) as system:
        handle = system.supervisor("crowd")
        await handle.start_child(diary.worker("ends", restart="transient"))
        await handle.start_child(diary.worker("stopped"))

        await diary.get(system, "ends").end()
        await handle.terminate_child("stopped")
        await system.quiesce()

        assert handle.which_children() == ()
        assert system.names() == ("crowd",)


async def test_an_ignored_one_is_forgotten(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(crowd()) as system:
        assert await system.supervisor("crowd").start_child(diary.worker("a", plan=["ignore"])) is None
        assert system.names() == ("crowd",)


async def test_only_the_one_that_crashed_is_restarted(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(crowd()) as system:
        for name in "abc":
            await system.supervisor("crowd").start_child(diary.worker(name))
        diary.clear()

        await diary.crash(system, "b")

        assert diary.news() == ["start b"]


async def test_a_name_that_is_free_again_can_be_taken(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system() as system:
        first = await system.start(Sleeper, name="a")
        await ta.stop(first)

        second = await system.start(Sleeper, name="a")

        assert second is not first
        assert await second.whoami() == "a"
        with pytest.raises(ta.ActorStopped):
            await first.whoami()


async def test_a_taken_name_is_refused(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        await system.start(Sleeper, name="a")

        with pytest.raises(ta.NameTaken, match="'a' belongs to <actor a: Sleeper, running"):
            await system.start(Sleeper, name="a")


async def test_an_explicit_stop_of_a_permanent_one_never_restarts_it(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(crowd(intensity=ta.Intensity(0))) as system:
        ref = await system.supervisor("crowd").start_child(diary.worker("a"))

        await ta.stop(ref)
        await ta.stop(ref)
        await system.quiesce()

        assert diary == ["start a", "stop a"]


async def test_they_are_gone_after_their_supervisor_was_restarted(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(ta.Supervisor(crowd(intensity=ta.Intensity(0)), name="top")) as system:
        for name in "ab":
            await system.supervisor("crowd").start_child(diary.worker(name))
        stranded = diary.get(system, "b")

        await diary.crash(system, "a")

        assert system.names() == ("top", "crowd")
        assert lasting(system, "crowd").incarnation == 2
        with pytest.raises(ta.ActorStopped):
            await stranded.incarnation()


async def test_they_are_gone_after_their_supervisor_was_killed_for_good(autojump_clock: MockClock, diary: Any) -> None:
    mortal = crowd(restart="temporary")
    async with isolated_system(ta.Supervisor(mortal, name="top")) as system:
        await system.supervisor("crowd").start_child(diary.worker("a"))
        stranded = diary.get(system, "a")

        lasting(system, "crowd").current.kill("a test")
        await system.quiesce()
        await system.supervisor("top").start_child(ta.child(trio.sleep_forever, name="barrier"))

        assert system.names() == ("top", "barrier")
        with pytest.raises(ta.ActorStopped):
            await stranded.incarnation()


async def test_a_stop_finds_one_that_died_meanwhile(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(crowd()) as system:
        ref = await system.supervisor("crowd").start_child(diary.worker("a", restart="transient"))

        with suspended(system, "crowd"):
            await ref.end()
        await ta.stop(ref)

        assert system.names() == ("crowd",)


async def test_a_start_of_an_actor_by_partial_is_typed_and_bound(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        ref = await system.start(partial(Sleeper, seconds=1), name="a", grace=0.5)

        assert await ref.whoami() == "a"

    assert trio.current_time() == 0.5


async def test_a_function_of_the_tree_can_start_actors_at_once(autojump_clock: MockClock) -> None:
    started: list[object] = []

    async def early() -> None:
        started.append(await ta.current_system().start(Sleeper, name="early"))

    async with isolated_system(ta.Supervisor(ta.child(early, name="function"), name="top")) as system:
        await system.quiesce()
        assert await ta.flush(system.get(Sleeper, "early")) is None

    assert len(started) == 1


async def test_a_start_that_waits_for_itself_to_be_over_is_refused(autojump_clock: MockClock) -> None:
    class Eager(ta.Actor[None]):
        async def on_start(self) -> None:
            await self.context.system.start(Sleeper, name="too early")

    with pytest.raises(ta.StartFailed) as caught:
        async with isolated_system(ta.Supervisor(ta.child(Eager, name="eager"), name="top")):
            pytest.fail("the body must not run")

    assert isinstance(caught.value.__cause__, ta.CallCycle)
    assert "eager" in str(caught.value.__cause__)


async def test_who_looks_is_told_which_children_are_forgotten_when_they_are_stopped(autojump_clock: MockClock) -> None:
    specified = [ta.child(Sleeper, name="kept"), ta.child(Sleeper, name="once", restart="temporary")]
    async with isolated_system(ta.Supervisor(*specified, crowd(), name="top")) as system:
        await system.start(Sleeper, name="guest")
        await system.supervisor("crowd").start_child(ta.child(Sleeper, name="one"))
        await system.supervisor("top").start_child(ta.child(Sleeper, name="later"))
        names = ("kept", "once", "guest", "one", "later")
        views = {name: inspect.actor(system, name) for name in names}
        root = inspect.tree(system)
        for name in names:
            await ta.stop(system.get(Sleeper, name))
        left = system.names()

    top = {child.name: child for child in root.children[1].children}
    branches = [*top.values(), *top["crowd"].children, *root.children[2].children]
    assert (
        {name for name in names if views[name].dynamic}
        == {branch.name for branch in branches if branch.dynamic}
        == {"guest", "one"}
    )
    assert {name for name in names if name not in left} == {"guest", "one", "once"}
