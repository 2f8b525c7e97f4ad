from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial

import attrs
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from trioactors.scheduling.deadlines import SMALLEST_SWEEP, Dated, Deadlines
from trioactors.testing import run


@attrs.define(eq=False)
class Entry:
    """An entry that writes down when it was due."""

    deadline: float
    rung: list[float] = attrs.field(factory=list)
    pending: bool = True

    def fire(self) -> None:
        self.pending = False
        self.rung.append(trio.current_time())


@asynccontextmanager
async def running() -> AsyncGenerator[Deadlines, None]:
    """Deadlines with a running task."""
    alarms = Deadlines()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(alarms.run)
        yield alarms
        nursery.cancel_scope.cancel()


async def test_an_alarm_rings_when_it_is_due(autojump_clock: trio.testing.MockClock) -> None:
    rung: list[float] = []

    async with running() as alarms:
        alarms.at(3, lambda: rung.append(trio.current_time()))
        await trio.sleep(5)

    assert rung == [3]


async def test_an_alarm_that_is_cancelled_never_rings(autojump_clock: trio.testing.MockClock) -> None:
    rung: list[float] = []

    async with running() as alarms:
        alarm = alarms.at(3, lambda: rung.append(trio.current_time()))
        alarm.cancel()
        alarm.cancel()
        await trio.sleep(5)

    assert rung == []


async def test_an_alarm_of_the_past_rings_at_once(autojump_clock: trio.testing.MockClock) -> None:
    rung: list[float] = []

    async with running() as alarms:
        await trio.sleep(5)
        alarms.at(3, lambda: rung.append(trio.current_time()))
        await trio.testing.wait_all_tasks_blocked()

    assert rung == [5]


async def test_an_earlier_alarm_is_not_kept_waiting_by_a_later_one(autojump_clock: trio.testing.MockClock) -> None:
    rung: list[float] = []

    async with running() as alarms:
        for due in (9, 3, 6):
            alarms.at(due, lambda: rung.append(trio.current_time()))
            await trio.sleep(1)
        await trio.sleep(9)

    assert rung == [3, 6, 9]


async def test_an_alarm_may_set_another_for_the_same_moment(autojump_clock: trio.testing.MockClock) -> None:
    rung: list[float] = []

    async with running() as alarms:
        alarms.at(2, lambda: alarms.at(2, lambda: rung.append(trio.current_time())) and None)
        await trio.sleep(3)

    assert rung == [2]


async def test_an_alarm_that_sets_thousands_loses_none(autojump_clock: trio.testing.MockClock) -> None:
    rung: list[float] = []

    async with running() as alarms:

        def burst() -> None:
            for _ in range(2 * SMALLEST_SWEEP):
                alarms.at(3, lambda: rung.append(trio.current_time()))

        alarms.at(2, burst)
        await trio.sleep(5)

    assert rung == [3] * 2 * SMALLEST_SWEEP


async def test_an_entry_of_a_series_that_sets_an_alarm_is_heard(autojump_clock: trio.testing.MockClock) -> None:
    rung: list[float] = []

    class Setting(Entry):
        def fire(self) -> None:
            super().fire()
            alarms.at(3, lambda: rung.append(trio.current_time()))

    async with running() as alarms:
        alarms.series(2).add(Setting(2))
        await trio.sleep(5)

    assert rung == [3]


@pytest.mark.parametrize(
    "keep", [lambda alarms: alarms.series(1_000).add, lambda alarms: partial(alarms.add, 1_000)], ids=["series", "heap"]
)
async def test_settled_entries_are_swept_out(
    autojump_clock: trio.testing.MockClock, keep: Callable[[Deadlines], Callable[[Dated], None]]
) -> None:
    alarms = Deadlines()
    add = keep(alarms)

    for number in range(4 * SMALLEST_SWEEP):
        entry = Entry(1_000)
        add(entry)
        entry.pending = number % 1_000 == 0

    kept = [*alarms._heap, *alarms.series(1_000).queue]
    assert len(kept) <= SMALLEST_SWEEP
    assert len(alarms.pending()) == 5


async def test_what_is_due_and_has_not_rung_is_overdue(autojump_clock: trio.testing.MockClock) -> None:
    alarms = Deadlines()
    alarms.add(1, Entry(1))

    before = alarms.overdue
    await trio.sleep(1)

    assert not before
    assert alarms.overdue


def test_queues_show_how_much_they_hold() -> None:
    alarms = Deadlines()
    series = alarms.series(1)
    series.add(Entry(1))

    assert repr(series) == "<series of 1>"


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.booleans(), st.booleans()), max_size=12),
    st.integers(0, 9),
)
def test_every_entry_rings_once_and_on_time_unless_it_is_settled(plans: list[tuple[int, int, bool, bool]], seed: int) -> None:
    """A plan says when an entry is added, how long it takes, whether it is part of a series, and whether it is settled at once."""
    entries: list[tuple[Entry, bool]] = []

    async def main() -> None:
        async with running() as alarms:
            for start, timeout, ordered, settled in sorted(plans):
                await trio.sleep(start - trio.current_time())
                entry = Entry(trio.current_time() + timeout)
                if ordered:
                    alarms.series(timeout).add(entry)
                else:
                    alarms.add(entry.deadline, entry)
                entry.pending = not settled
                entries.append((entry, settled))
            await trio.sleep(20)

    run(main, seed=seed)

    assert all(entry.rung == ([] if settled else [entry.deadline]) for entry, settled in entries)
