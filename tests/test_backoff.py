"""Back-off: a restart waits, longer with each restart of the same child in a row, and its supervisor goes on meanwhile."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import attrs
import pytest
import trio
import trio.testing
from trio.testing import MockClock

import trioactors as ta
from shared.trees import lasting
from trioactors import inspect
from trioactors.testing import crash, isolated_system, restarted, virtual_environment
from trioactors.trace import RestartScheduled

STEADY = ta.Backoff(base=1, factor=2, cap=5, jitter=0)


def top(*children: Any, backoff: ta.Backoff = STEADY, **options: Any) -> ta.Supervisor:
    return ta.Supervisor(*children, name="top", backoff=backoff, **options)


def drawing(stream: Callable[[str], random.Random]) -> ta.Environment:
    return attrs.evolve(virtual_environment(), random=stream)


async def downtime(ref: Any) -> float:
    """Crash a child; the seconds until it runs again."""
    before = trio.current_time()
    async with ta.watch(ref) as watch:
        crash(ref)
        await watch.next()
    await restarted(ref, timeout=10_000)
    return trio.current_time() - before


async def test_without_back_off_a_restart_is_immediate(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(ta.Supervisor(diary.worker("a"), name="top")) as system:
        assert await downtime(diary.get(system, "a")) == 0


async def test_each_restart_waits_longer_up_to_the_cap(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a"))) as system:
        assert [await downtime(diary.get(system, "a")) for _ in range(5)] == [1, 2, 4, 5, 5]


@pytest.mark.parametrize(("seconds", "wait"), [(59, 4), (60, 1)])
async def test_a_child_that_was_healthy_for_long_enough_begins_anew(
    autojump_clock: MockClock, diary: Any, seconds: float, wait: float
) -> None:
    async with isolated_system(top(diary.worker("a"))) as system:
        await downtime(diary.get(system, "a"))
        await downtime(diary.get(system, "a"))
        await trio.sleep(seconds)

        assert await downtime(diary.get(system, "a")) == wait


async def test_a_start_that_takes_long_is_no_time_of_health(autojump_clock: MockClock) -> None:
    tries: list[float] = []

    async def slow(task_status: Any) -> None:
        tries.append(trio.current_time())
        await trio.sleep(5)
        task_status.started()
        raise OSError

    backoff = ta.Backoff(base=1, factor=2, cap=100, jitter=0, reset_after=4)
    async with isolated_system(top(ta.child(slow, name="slow"), backoff=backoff)):
        await trio.sleep_until(30)

    assert tries == [0, 5 + 1, 11 + 2, 18 + 4]


async def test_the_time_for_which_an_exit_waits_for_a_busy_supervisor_is_no_time_of_health(autojump_clock: MockClock) -> None:
    tries: list[float] = []

    async def brief() -> None:
        tries.append(trio.current_time())
        await trio.sleep(1)
        raise OSError

    async def slow(task_status: Any) -> None:
        await trio.sleep(20)
        task_status.started()
        await trio.sleep_forever()

    backoff = ta.Backoff(base=1, factor=2, cap=100, jitter=0, reset_after=10)
    async with isolated_system(top(ta.child(brief, name="brief"), backoff=backoff)) as system:
        await trio.sleep_until(2.5)  # brief runs again since 2, and exits at 3
        await system.supervisor("top").start_child(ta.child(slow, name="slow"))
        await trio.sleep(3)

    assert tries == [0, 2, 22.5 + 2]


async def test_it_can_go_on_for_ever(autojump_clock: MockClock) -> None:
    """The partner is away for an hour: tries without end, half a minute apart at most, and then the child runs."""
    tries: list[float] = []

    async def poll() -> None:
        tries.append(trio.current_time())
        if trio.current_time() < 3_600:
            raise OSError("the partner is away")
        await trio.sleep_forever()

    async with ta.open_system(top(ta.child(poll, name="poll"), backoff=ta.Backoff(jitter=0))) as system:
        await trio.sleep(3_700)

        assert lasting(system, "poll").status is ta.ChildStatus.RUNNING

    pauses = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert pauses[:4] == pytest.approx([0.1, 0.2, 0.4, 0.8])
    assert pauses[9:] == pytest.approx([30] * (len(pauses) - 9))
    assert len(tries) == 9 + (3_600 // 30)


async def test_an_intensity_that_is_asked_for_counts_too(autojump_clock: MockClock) -> None:
    async def poll() -> None:
        raise OSError("the partner is away")

    tree = top(ta.child(poll, name="poll"), intensity=ta.Intensity(limit=3, period=100))
    with pytest.raises(ta.SupervisorGaveUp):
        async with ta.open_system(tree) as system:
            await system.wait_stopped()

    assert trio.current_time() == 1 + 2 + 4


async def test_one_of_zero_never_waits_and_counts_as_none(autojump_clock: MockClock) -> None:
    """Otherwise a child that fails at once would be restarted without end, in a loop that lets nothing else run."""
    tries = list[float]()

    async def fail() -> None:
        tries.append(trio.current_time())
        raise OSError

    async with isolated_system(
        ta.Supervisor(
            ta.Supervisor(ta.child(fail, restart="permanent"), name="low", restart="temporary", backoff=ta.Backoff(base=0)),
            name="top",
        )
    ) as system:
        await trio.sleep(1)
        assert "low" not in system.names()

    assert tries == [0, 0, 0, 0]


async def test_the_supervisor_serves_others_meanwhile(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a"), diary.worker("b"))) as system:
        crash(diary.get(system, "a"))

        await system.supervisor("top").terminate_child("b")
        await system.supervisor("top").restart_child("b")

        assert trio.current_time() == 0
        assert lasting(system, "a").status is ta.ChildStatus.RESTARTING


async def test_another_child_is_restarted_meanwhile(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a"), diary.worker("b"))) as system:
        a, b = diary.get(system, "a"), diary.get(system, "b")
        async with ta.watch(a) as watch:
            crash(a)
            await watch.next()
        await trio.sleep(0.5)

        assert await downtime(b) == 1  # it is the first restart of b
        assert await a.incarnation() == 2


async def test_a_group_waits_as_long_as_the_one_that_failed(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a"), diary.worker("b"), strategy="one_for_all")) as system:
        a, b = diary.get(system, "a"), diary.get(system, "b")

        waits = []
        for culprit in (a, a, a, b, a):
            waits.append(await downtime(culprit))
            await system.quiesce()

        assert waits == [1, 2, 4, 1, 5]


@pytest.mark.parametrize(("strategy", "waits"), [("one_for_all", "abc"), ("rest_for_one", "bc")])
async def test_those_that_wait_with_their_group_are_shown_as_restarting(
    autojump_clock: MockClock, diary: Any, strategy: str, waits: str
) -> None:
    async with isolated_system(top(*map(diary.worker, "abc"), strategy=strategy)) as system:
        crash(diary.get(system, "b"))
        await trio.testing.wait_all_tasks_blocked()

        [tree] = [branch for branch in inspect.tree(system).children if branch.name == "top"]
        handle = system.supervisor("top")
        for rows in (handle.which_children(), inspect.actors(system).rows, tree.children):
            assert "".join(sorted(row.name for row in rows if row.status is ta.ChildStatus.RESTARTING)) == waits
        assert [row.name for row in inspect.actors(system, status="restarting").rows] == list(waits)
        assert ta.info(diary.get(system, "c")).status is inspect.actor(system, "c").status is ta.ChildStatus.RESTARTING
        assert "restarting" in repr(diary.get(system, "c"))

        assert await handle.restart_child("c")  # it is down to the rules, and can be started by hand
        assert {row.name: row.status for row in handle.which_children()}["c"] is ta.ChildStatus.RUNNING
        await trio.sleep(2)
        assert {row.status for row in handle.which_children()} == {ta.ChildStatus.RUNNING}


async def test_one_that_was_stopped_by_hand_waits_for_nothing(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(*map(diary.worker, "ab"), strategy="rest_for_one")) as system:
        await system.supervisor("top").terminate_child("a")
        crash(diary.get(system, "b"))
        await trio.testing.wait_all_tasks_blocked()

        assert ta.info(diary.get(system, "a")).status is ta.ChildStatus.UNDEFINED


async def test_messages_wait_for_the_next_incarnation(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a"))) as system:
        await diary.crash(system, "a")

        assert await diary.get(system, "a").incarnation() == 2
        assert trio.current_time() == 1


async def test_jitter_takes_off_its_share(autojump_clock: MockClock, diary: Any) -> None:
    class Half(random.Random):
        def random(self) -> float:
            return 0.5

    backoff = ta.Backoff(base=10, jitter=0.5)
    async with isolated_system(top(diary.worker("a"), backoff=backoff), environment=drawing(lambda _: Half())) as system:
        assert await downtime(diary.get(system, "a")) == 7.5


async def test_children_that_fell_together_do_not_come_back_together(autojump_clock: MockClock, diary: Any) -> None:
    backoff = ta.Backoff(base=10, factor=1, jitter=1)

    async with isolated_system(top(*(diary.worker(name) for name in "abcd"), backoff=backoff)) as system:
        delays = {await downtime(diary.get(system, name)) for name in "abcd"}

    assert len(delays) == 4


async def test_a_supervisor_asks_for_its_stream_once_and_keeps_it(autojump_clock: MockClock, diary: Any) -> None:
    labels: list[str] = []

    def stream(label: str) -> random.Random:
        labels.append(label)
        return random.Random(1)

    async with isolated_system(top(diary.worker("a"), backoff=ta.Backoff()), environment=drawing(stream)) as system:
        for _ in range(3):
            await downtime(diary.get(system, "a"))

    assert len(labels) == 1


async def test_no_back_off_draws_no_chance(autojump_clock: MockClock, diary: Any) -> None:
    def stream(label: str) -> random.Random:
        raise AssertionError(label)

    async with isolated_system(ta.Supervisor(diary.worker("a"), name="top"), environment=drawing(stream)) as system:
        await diary.crash(system, "a")

        assert await diary.get(system, "a").incarnation() == 2


async def test_a_group_stays_down_until_its_back_off_is_over(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(*(diary.worker(name) for name in "abc"), strategy="rest_for_one")) as system:
        diary.clear()

        await downtime(diary.get(system, "b"))
        await system.quiesce()

        assert trio.current_time() == 1
        assert diary.news() == ["stop c", "start b", "start c"]


async def test_a_failed_start_waits_before_the_next(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a", plan=["ok", "error", "ok"]))) as system:
        assert await downtime(diary.get(system, "a")) == 1 + 2


async def test_starts_that_fail_are_no_time_of_health(autojump_clock: MockClock, diary: Any) -> None:
    eager = ta.Backoff(base=1, factor=2, cap=100, jitter=0, reset_after=0)
    async with isolated_system(top(diary.worker("a", plan=["ok", "error", "error", "ok"]), backoff=eager)) as system:
        assert await downtime(diary.get(system, "a")) == 1 + 2 + 4
        assert await downtime(diary.get(system, "a")) == 1


async def test_the_wait_is_told(autojump_clock: MockClock, diary: Any) -> None:
    recorder = ta.Recorder()
    async with isolated_system(top(diary.worker("a"), diary.worker("b"), strategy="one_for_all")) as system:
        system.observe(recorder)
        await downtime(diary.get(system, "b"))
        system.unobserve(recorder)

    assert [(r.child, r.delay, r.group) for r in recorder.of(RestartScheduled)] == [("b", 1, ("a", "b"))]


async def test_the_end_of_the_wait_can_be_looked_up(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a"))) as system:
        a = diary.get(system, "a")
        assert ta.info(a).restart_at is None

        await diary.crash(system, "a")
        await trio.sleep(0.5)
        waiting, shown, [branch] = ta.info(a), inspect.actor(system, "a"), inspect.tree(system, name="top").children
        await a.incarnation()

        assert (waiting.status, waiting.restart_at) == (ta.ChildStatus.RESTARTING, 1)
        assert (shown.restart_at, branch.restart_at) == (1, 1)
        assert ta.info(a).restart_at is None


@pytest.mark.parametrize("act", [ta.restart, ta.stop])
async def test_a_child_that_is_restarted_or_stopped_by_hand_waits_no_more(autojump_clock: MockClock, diary: Any, act: Any) -> None:
    async with isolated_system(top(diary.worker("a"))) as system:
        a = diary.get(system, "a")
        await diary.crash(system, "a")
        await act(a)

        assert ta.info(a).restart_at is None


async def test_a_supervisor_that_is_stopped_leaves_no_child_waiting(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(ta.Supervisor(top(diary.worker("a")), name="above")) as system:
        await diary.crash(system, "a")
        await system.supervisor("above").terminate_child("top")

        assert ta.info(diary.get(system, "a")).restart_at is None


async def test_a_supervisor_that_is_killed_leaves_no_alarm_behind(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(ta.Supervisor(top(diary.worker("a")), name="above")) as system:
        await diary.crash(system, "a")
        lasting(system, "top").current.kill("by a test")
        await trio.sleep(5)
        await system.quiesce()

        assert ta.info(diary.get(system, "a")).restart_at is None
        assert await diary.get(system, "a").incarnation() == 2


async def test_a_restarted_supervisor_counts_anew(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(ta.Supervisor(top(diary.worker("a")), name="above")) as system:
        await downtime(diary.get(system, "a"))
        await system.supervisor("above").terminate_child("top")
        await system.supervisor("above").restart_child("top")

        assert await downtime(diary.get(system, "a")) == 1


async def test_terminating_a_child_cancels_its_restart(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a"))) as system:
        await diary.crash(system, "a")
        await system.supervisor("top").terminate_child("a")
        await trio.sleep(100)

        assert lasting(system, "a").status is ta.ChildStatus.UNDEFINED


async def test_a_restart_by_hand_counts_anew_and_leaves_no_alarm_behind(autojump_clock: MockClock, diary: Any) -> None:
    slow = ta.Backoff(base=10, factor=2, cap=100, jitter=0)
    async with isolated_system(top(diary.worker("a"), backoff=slow)) as system:
        await diary.crash(system, "a")  # due at 10
        await trio.sleep(1)
        await system.supervisor("top").terminate_child("a")
        await system.supervisor("top").restart_child("a")

        assert await downtime(diary.get(system, "a")) == 10
        assert trio.current_time() == 11


async def test_a_system_can_end_during_a_back_off(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a"))) as system:
        await diary.crash(system, "a")

    assert trio.current_time() == 0
    assert diary == ["start a"]


async def test_a_child_that_waits_refuses_to_be_restarted_by_hand(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a"))) as system:
        await diary.crash(system, "a")

        with pytest.raises(ta.ChildRestarting):
            await system.supervisor("top").restart_child("a")
