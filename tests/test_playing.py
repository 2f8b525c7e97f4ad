"""A run under a given schedule; a run that never ends is noticed."""

from __future__ import annotations

import re
import socket
import threading  # noqa: TID251 - one that wakes the program from outside

import outcome
import pytest
import trio

import trioactors as ta
from trioactors.testing import Policy, Stuck, isolated_system, replay
from trioactors.testing.playing import play, play_seed
from trioactors.testing.schedules import Playback, Tape
from trioactors.testing.scheduling import Schedule

IN_TURN = Playback(Tape(Policy.STEP))


async def race() -> list[int]:
    order: list[int] = []

    async def runner(number: int) -> None:
        for _ in range(3):
            await trio.lowlevel.checkpoint()
            order.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(4):
            nursery.start_soon(runner, number)
    return order


def test_a_run_gives_what_main_returned_and_its_tape() -> None:
    played = play_seed(race, 1, Policy.STEP)
    order = played.result.unwrap()

    assert sorted(order) == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert played.tape.policy is Policy.STEP
    assert replay(race, str(played.tape)) == order
    assert played.steps > 12


def test_a_tape_of_zeros_serves_everybody_in_turn() -> None:
    assert play(race, IN_TURN).result.unwrap() == [0, 1, 2, 3] * 3


def test_in_batches_nobody_gets_a_step_ahead() -> None:
    for seed in range(20):
        order = play_seed(race, seed, Policy.BATCH).result.unwrap()

        assert [sorted(order[start : start + 4]) for start in (0, 4, 8)] == [[0, 1, 2, 3]] * 3


def test_with_single_steps_somebody_does() -> None:
    orders = [play_seed(race, seed, Policy.STEP).result.unwrap() for seed in range(20)]

    assert any(order[0] == order[1] for order in orders)


def test_what_main_raises_is_in_the_result() -> None:
    async def fail() -> None:
        raise OSError("mine")

    result = play(fail, IN_TURN).result

    assert isinstance(result, outcome.Error)
    assert repr(result.error) == "OSError('mine')"


def test_time_is_virtual() -> None:
    async def main() -> float:
        await trio.sleep(86_400)
        return trio.current_time()

    assert play(main, IN_TURN).result.unwrap() == 86_400


async def wait_for_nobody() -> None:
    await trio.sleep(5)
    await trio.Event().wait()


def test_a_program_that_nobody_will_wake_is_stuck() -> None:
    with pytest.raises(Stuck, match="every task waits, and nothing will wake any of them") as caught:
        replay(wait_for_nobody, "step:")

    assert re.search(r"test_playing\.py:\d+ in wait_for_nobody", str(caught.value))


def test_a_program_that_never_stops_turning_is_stuck() -> None:
    async def turn() -> None:
        while True:  # noqa: ASYNC110 - turning is the point
            await trio.lowlevel.checkpoint()

    with pytest.raises(Stuck, match="no end after 500 steps"):
        replay(turn, "step:", steps=500)


def test_a_program_that_is_stuck_ends_in_order() -> None:
    ended: list[str] = []

    async def main() -> None:
        async with isolated_system() as system:
            try:
                await trio.sleep_forever()
            finally:
                ended.append(repr(system))

    with pytest.raises(Stuck):
        replay(main, "step:")

    assert len(ended) == 1


def test_a_loop_that_waits_for_its_deadline_is_given_the_time() -> None:
    ended: list[float] = []

    async def main() -> None:
        with trio.move_on_after(60, shield=True):
            while True:  # noqa: ASYNC110 - turning is the point
                await trio.lowlevel.checkpoint()
        ended.append(trio.current_time())

    with pytest.raises(Stuck, match="no end after 500 steps"):
        replay(main, "step:", steps=500)

    assert len(ended) == 1
    assert ended[0] >= 60


async def test_no_run_begins_while_trio_runs() -> None:
    with pytest.raises(ta.UsageError, match="start it from a synchronous function, not while Trio is running"):
        replay(wait_for_nobody, "step:")


def test_what_it_raises_on_its_way_out_is_told_as_the_cause() -> None:
    async def main() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise OSError("mine")

    with pytest.raises(Stuck) as caught:
        replay(main, "step:")

    assert repr(caught.value.__cause__) == "OSError('mine')"


def test_an_interrupt_of_a_program_that_is_stuck_is_the_result() -> None:
    async def main() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replay(main, "step:")


def test_many_waiting_tasks_are_not_all_listed() -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(trio.sleep_forever)

    with pytest.raises(Stuck, match="and 22 more"):
        replay(main, "step:")


def test_who_looks_between_the_steps_may_still_wake_a_program() -> None:
    woken: list[trio.Event] = []

    async def main() -> str:
        await trio.sleep(5)
        woken.append(trio.Event())
        await woken[0].wait()
        return "woken"

    def look(_: Schedule) -> None:
        for event in woken:
            event.set()

    assert play(main, IN_TURN, look=look).result.unwrap() == "woken"


def test_a_thread_may_still_wake_a_program() -> None:
    lock = threading.Lock()
    lock.acquire()

    async def main() -> str:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, lock.acquire)
            for _ in range(100):
                await trio.lowlevel.checkpoint()
            lock.release()
        return "woken"

    assert play(main, IN_TURN).result.unwrap() == "woken"


def test_a_socket_may_still_wake_a_program() -> None:
    async def main() -> bytes:
        here, there = socket.socketpair()
        with here, there:
            reader = trio.socket.from_stdlib_socket(here)
            token = trio.lowlevel.current_trio_token()

            def write() -> None:
                token.run_sync_soon(lambda: None)
                there.send(b"x")

            thread = threading.Thread(target=write)
            thread.start()
            read = await reader.recv(1)
            thread.join()
            return read

    assert play(main, IN_TURN).result.unwrap() == b"x"
