"""`Parking`: tasks wait in it until the next `wake`."""

from __future__ import annotations

import trio
from trio.testing import wait_all_tasks_blocked

from trioactors.scheduling.parking import Parking


async def test_every_waiting_task_is_woken() -> None:
    parking, woken = Parking(), list[int]()

    async def waits(number: int) -> None:
        await parking.wait()
        woken.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(3):
            nursery.start_soon(waits, number)
        await wait_all_tasks_blocked()
        parking.wake()

    assert sorted(woken) == [0, 1, 2]
    assert parking.waiters == []


async def test_a_wake_is_for_those_who_wait_already() -> None:
    parking = Parking()
    parking.wake()

    with trio.move_on_after(0) as scope:
        await parking.wait()

    assert scope.cancelled_caught


async def test_a_cancelled_task_waits_no_more_and_the_others_do() -> None:
    parking, woken = Parking(), list[str]()

    async def waits() -> None:
        await parking.wait()
        woken.append("other")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(waits)
        await wait_all_tasks_blocked()
        with trio.move_on_after(0):
            await parking.wait()
        assert repr(parking) == "<parking: 1 waiting>"
        parking.wake()

    assert woken == ["other"]
