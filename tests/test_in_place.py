"""Restarts without a turn of the supervisor: under one_for_one, an actor without `on_start` goes on in its own task."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
import trio
from trio.testing import MockClock

import trioactors as ta
from trioactors.testing import crash, emitted, isolated_system, run, suspended

OFTEN = ta.Settings(intensity=ta.Intensity(limit=1_000, period=1.0))


class Poisoned(Exception):
    pass


class Plain(ta.Actor[None]):
    def __init__(self, plan: Iterator[str]) -> None:
        if next(plan, "ok") != "ok":
            raise Poisoned("made")

    @ta.handler
    async def fail(self) -> None:
        raise Poisoned("handled")

    @ta.handler
    def incarnation(self) -> int:
        return self.context.incarnation


def plain(plan: str = "") -> partial[Plain]:
    return partial(Plain, iter(plan.split()))


async def doom(make: partial[Plain], failures: int) -> None:
    async with isolated_system(ta.Supervisor(ta.child(make, name="plain"), name="top")) as system:
        ref = system.get(Plain, "plain")
        for _ in range(failures):
            await ref.fail.cast()
        await trio.sleep_forever()


async def test_the_next_life_answers_the_next_message(system: ta.System) -> None:
    ref = await system.start(plain(), name="plain")

    with pytest.raises(ta.ActorCrashed):
        await ref.fail()

    assert await ref.incarnation() == 2


async def test_it_is_told_and_counted_like_any_restart(system: ta.System) -> None:
    ref = await system.start(plain(), name="plain")

    with emitted(system, ta.RestartScheduled, child="plain", group=("plain",)), pytest.raises(ta.ActorCrashed):
        await ref.fail()
    await system.quiesce()

    assert ta.info(ref).incarnation == 2


async def test_too_many_of_them_make_the_supervisor_give_up(autojump_clock: MockClock) -> None:
    with pytest.raises(ta.SupervisorGaveUp) as caught:
        await doom(plain(), 4)

    assert len(caught.value.history) == 4


async def test_too_many_of_them_use_up_the_budget_of_the_child(system: ta.System) -> None:
    ref = await system.start(plain(), name="plain")
    for _ in range(4):
        await ref.fail.cast()
    await system.quiesce()

    assert ta.info(ref).status is ta.ChildStatus.FAILED
    assert ta.info(ref).incarnation == 4


async def test_one_that_cannot_be_made_again_is_tried_again_and_each_try_counts(autojump_clock: MockClock) -> None:
    with pytest.raises(ta.SupervisorGaveUp) as caught:
        await doom(plain("ok bad bad bad bad"), 1)

    assert [str(entry.reason) for entry in caught.value.history] == ["crash: Poisoned"] * 4


async def test_tries_that_fail_use_up_the_budget_of_the_child(system: ta.System) -> None:
    ref = await system.start(plain("ok bad bad bad bad ok"), name="plain")
    await ref.fail.cast()
    await system.quiesce()

    assert ta.info(ref).status is ta.ChildStatus.FAILED
    assert ta.info(ref).incarnation == 4


async def test_one_that_can_be_made_the_third_time_is_back(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        ref = await system.start(plain("ok bad ok"), name="plain")

        with pytest.raises(ta.ActorCrashed):
            await ref.fail()

        assert await ref.incarnation() == 3


async def test_a_row_of_poisoned_messages_lets_others_run(autojump_clock: MockClock) -> None:
    async with isolated_system(settings=OFTEN) as system:
        ref = await system.start(plain(), name="plain")
        for _ in range(500):
            ref.fail.cast_nowait()

        turns = 0
        while ta.info(ref).waiting:
            await trio.lowlevel.checkpoint()
            turns += 1

        assert turns >= 250


async def test_a_held_supervisor_restarts_nobody(system: ta.System) -> None:
    ref = await system.start(plain(), name="plain")

    with suspended(system):
        with pytest.raises(ta.ActorCrashed):
            await ref.fail()
        for _ in range(5):
            await trio.lowlevel.checkpoint()
        held = ta.info(ref).incarnation

    await system.quiesce()
    assert (held, ta.info(ref).incarnation) == (1, 2)


@pytest.mark.parametrize("seed", range(10))
def test_a_stop_in_the_midst_of_it_is_a_stop(seed: int) -> None:
    async def main() -> None:
        async with isolated_system(settings=OFTEN) as system:
            ref = await system.start(plain(), name="plain")
            for _ in range(seed):
                ref.fail.cast_nowait()
                await trio.lowlevel.checkpoint()

            await ta.stop(ref)

            assert system.names() == ()
            assert system.ledger().balanced

    run(main, seed=seed)


@pytest.mark.parametrize("seed", range(10))
def test_a_crash_in_the_midst_of_it_is_one_restart_more(seed: int) -> None:
    async def main() -> int:
        async with isolated_system(settings=OFTEN) as system:
            ref = await system.start(plain(), name="plain")
            with pytest.raises(ta.ActorCrashed):
                await ref.fail()
            for _ in range(seed % 4):
                await trio.lowlevel.checkpoint()
            life = ta.info(ref).incarnation
            try:
                crash(ref)
            except ta.ActorStopped:  # between two lives
                life -= 1
            return await ref.incarnation() - life

    assert run(main, seed=seed) == 1
