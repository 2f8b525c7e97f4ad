"""Back-off: a restart waits, and its supervisor goes on meanwhile."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

import trioactors as ta
from shared.trees import lasting
from trioactors.testing import crash, isolated_system, restarted, virtual_environment
from trioactors.trace import RestartScheduled

STEADY = ta.Backoff(base=1, factor=2, cap=5, jitter=0)


def top(*children: Any, backoff: ta.Backoff = STEADY, **options: Any) -> ta.Supervisor:
    return ta.Supervisor(*children, name="top", backoff=backoff, intensity=ta.Intensity(10, 1_000), **options)


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


async def test_restarts_that_no_longer_count_shorten_the_wait(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a"))) as system:
        await downtime(diary.get(system, "a"))
        await downtime(diary.get(system, "a"))
        await trio.sleep(2_000)

        assert await downtime(diary.get(system, "a")) == 1


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

        assert await downtime(b) == 2  # it is the second restart that counts
        assert await a.incarnation() == 2


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


async def test_the_wait_is_told(autojump_clock: MockClock, diary: Any) -> None:
    recorder = ta.Recorder()
    async with isolated_system(top(diary.worker("a"), diary.worker("b"), strategy="one_for_all")) as system:
        system.observe(recorder)
        await downtime(diary.get(system, "b"))
        system.unobserve(recorder)

    assert [(r.child, r.delay, r.group) for r in recorder.of(RestartScheduled)] == [("b", 1, ("a", "b"))]


async def test_terminating_a_child_cancels_its_restart(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a"))) as system:
        await diary.crash(system, "a")
        await system.supervisor("top").terminate_child("a")
        await trio.sleep(100)

        assert lasting(system, "a").status is ta.ChildStatus.UNDEFINED


async def test_a_cancelled_restart_does_not_shorten_a_later_one(autojump_clock: MockClock, diary: Any) -> None:
    slow = ta.Backoff(base=10, factor=2, cap=100, jitter=0)
    async with isolated_system(top(diary.worker("a"), backoff=slow)) as system:
        await diary.crash(system, "a")  # due at 10
        await trio.sleep(1)
        await system.supervisor("top").terminate_child("a")
        await system.supervisor("top").restart_child("a")

        assert await downtime(diary.get(system, "a")) == 20


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
