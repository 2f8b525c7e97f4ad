"""What a system remembers of its crashes and figures: over restarts, on bad stores, in storms."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

import trioactors as ta
from trioactors import inspect
from trioactors.errors import StoreFull, StorePoisoned, StoreUnavailable
from trioactors.history.crashes import CrashBook
from trioactors.history.records import PREFIX
from trioactors.inspect import FailureOrigin
from trioactors.persistence import Batch, Key, Limits, Space, Store, Write, store_at
from trioactors.system.system import runtime_of
from trioactors.testing import isolated_system, virtual_environment
from trioactors.testing.disk import Keep, SimulatedDisk
from trioactors.testing.stores import Fault, FaultyStore, Operation
from trioactors_backends.memory import MemoryStore

OFTEN = ta.Intensity(limit=10**6)


@attrs.define
class Till:
    sold: int = 0


class Clerk(ta.Actor[None]):
    @ta.handler
    def fail(self, text: str) -> None:
        raise ValueError(text)

    @ta.handler
    def lose(self) -> None:
        raise OSError("gone")


class Cashier(ta.Actor[Till], persist=ta.EVERY_MESSAGE):
    @ta.handler
    def sell(self) -> int:
        self.state.sold += 1
        return self.state.sold

    @ta.handler
    def fail(self) -> None:
        raise ValueError("no change")


async def poll() -> None:
    await trio.sleep(3)
    raise OSError("the line is dead")


def tree(*extra: Any) -> ta.Supervisor:
    return ta.Supervisor(ta.child(Clerk, name="anna"), ta.child(Cashier, name="till"), *extra, name="shop", intensity=OFTEN)


@asynccontextmanager
async def shop(
    store: Store | str | None, *extra: Any, environment: ta.Environment | None = None, **settings: Any
) -> AsyncGenerator[ta.System, None]:
    chosen = ta.Settings(**settings)
    async with isolated_system(tree(*extra), store=store, settings=chosen, environment=environment, history=True) as system:
        yield system


async def fails(system: ta.System, text: str = "no", *, times: int = 1) -> None:
    anna = system.get(Clerk, "anna")
    for _ in range(times):
        with pytest.raises(ta.ActorCrashed):
            await anna.fail(text)


def stored(store: Store) -> dict[str, bytes]:
    """The records of the history in a store that is closed or open."""
    return {key.name: getattr(found, "data", b"") for key, found in store.scan(Space.META, PREFIX, limit=10_000)}


@pytest.fixture(params=["memory", "file", "sqlite"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Store]:
    """Makes the store of a run; all of them hold the same data."""
    if request.param == "memory":
        kept = MemoryStore()
        return lambda: kept
    if request.param == "sqlite":
        pytest.importorskip("sqlite_utils")
    url = f"{request.param}:///{tmp_path / 'store'}"
    return lambda: store_at(url)


# --- crashes ---


async def test_crashes_survive_a_restart_of_the_program(autojump_clock: MockClock, made: Callable[[], Store]) -> None:
    async with shop(made(), ta.child(poll, name="poll")) as system:
        await fails(system, times=2)
        await trio.sleep(4)
    later = attrs.evolve(virtual_environment(), wall_clock=lambda: 1_700_003_600.0 + trio.current_time())
    async with shop(made(), environment=later) as system:
        page, groups = inspect.failures(system), inspect.failure_groups(system)
        one = inspect.failures(system, name="poll")
        each = inspect.crashes(system, name="anna")

    anna, polled = page.rows[1], page.rows[0]
    assert page.total == 2
    assert (anna.name, anna.actor, anna.reason, anna.text) == ("anna", "Clerk", "crash: ValueError", "no")
    assert (anna.origin, anna.incarnation, anna.status) == (FailureOrigin.EARLIER, 2, ta.ChildStatus.RUNNING)
    assert "raise ValueError(text)\nValueError: no" in anna.report
    assert (polled.name, polled.kind.value, polled.status, polled.actor) == ("poll", "function", None, None)
    assert one.rows == (polled,)
    assert [(g.owner, g.error, g.count, g.names) for g in groups] == [
        ("function poll", "OSError", 1, ("poll",)),
        ("Clerk", "ValueError", 2, ("anna",)),
    ]
    assert (each.total, each.matched, [row.incarnation for row in each.rows]) == (3, 2, [2, 1])


async def test_what_crashes_again_is_told_as_of_now(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with shop(store) as system:
        await fails(system, "before")
    async with shop(store) as system:
        await fails(system, "after")
        (row,) = inspect.failures(system).rows
        (group,) = inspect.failure_groups(system)

    assert (row.text, row.origin, group.count) == ("after", FailureOrigin.PRESENT, 2)


async def test_a_child_that_was_removed_is_still_told(autojump_clock: MockClock) -> None:
    async with shop("memory:") as system:
        ann = await system.start(Clerk, name="ann", restart="temporary")
        with pytest.raises(ta.ActorCrashed):
            await ann.fail("no")
        await trio.sleep(1)
        (row,) = inspect.failures(system).rows
        (named,) = inspect.failures(system, name="ann").rows
        with pytest.raises(ta.UnknownName):
            inspect.failures(system, name="nobody")

    assert (row.name, row.origin, row.status) == ("ann", FailureOrigin.REMOVED, None)
    assert named == row


async def test_a_flush_returns_when_the_crashes_before_it_are_stored(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with shop(store) as system:
        anna = system.get(Clerk, "anna")
        await anna.fail.cast("1")
        await anna.fail.cast("2")
        await ta.flush(anna)
        first = stored(store)
        await anna.fail.cast("3")
        await ta.flush(anna)  # although the last write was just now
        second = stored(store)

    assert [first[name].count(b'"ValueError: ') + first[name].count(b"\\nValueError: ") for name in first if "crashes" in name] == [
        2
    ]
    assert b"\\nValueError: 3" in b"".join(second.values())


async def test_without_a_store_the_last_crashes_are_in_memory(autojump_clock: MockClock) -> None:
    spec = ta.Supervisor(ta.child(Clerk, name="anna"), name="shop", intensity=OFTEN)
    async with isolated_system(spec, store=None, history=True) as system:
        await fails(system)
        await ta.flush(system.get(Clerk, "anna"))

        assert inspect.crashes(system).total == 1


async def test_a_storm_is_written_once_a_second_and_counted_in_full(autojump_clock: MockClock) -> None:
    store = FaultyStore(MemoryStore())
    async with shop(store) as system:
        await trio.sleep(0.5)
        before = store.count(Operation.COMMIT)
        for _ in range(1_000):
            await fails(system)
            await trio.sleep(0.005)
        written = store.count(Operation.COMMIT) - before
        page, (group,) = inspect.crashes(system, limit=1_000), inspect.failure_groups(system)

    assert written <= 6
    assert (group.count, page.total) == (1_000, 1_000)
    assert sum(bool(row.report) for row in page.rows) <= 60
    assert len(json.dumps(inspect.plain(page))) < 1_500_000


async def test_the_number_kept_and_the_time_are_settings(autojump_clock: MockClock) -> None:
    async with shop("memory:", crashes_kept=3, crashes_kept_for=60.0) as system:
        await fails(system, times=5)
        few = inspect.crashes(system).total
        await trio.sleep(61)

        assert (few, inspect.crashes(system).total) == (3, 0)
        assert inspect.failure_groups(system)[0].count == 5


async def test_the_rate_is_that_of_the_window(autojump_clock: MockClock) -> None:
    async with shop("memory:") as system:
        await fails(system, times=3)
        await trio.sleep(1_200)
        await fails(system, times=6)
        (short,), (long,) = inspect.failure_groups(system, window=600), inspect.failure_groups(system, window=3_600)

    assert (short.recent, short.rate, long.recent) == (6, 0.01, 9)


async def test_a_text_that_no_store_takes_is_escaped(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "trioactors")  # nor does pytest-xdist take it
    store = MemoryStore()
    async with shop(store) as system:
        await fails(system, "\ud800\x00 \u202e")
        await ta.flush(system.get(Clerk, "anna"))
    async with shop(store) as system:
        assert inspect.crashes(system).rows[0].text == "\\ud800\x00 \u202e"


async def test_an_error_in_the_history_is_logged_and_the_child_restarts(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shop("memory:") as system:
        monkeypatch.setattr(CrashBook, "add", lambda *_: 1 / 0)
        await fails(system, times=2)

        assert system.get(Clerk, "anna")
    assert "the crash of shop/anna is missing in the history" in caplog.text


# --- stores that fail ---


async def test_a_full_store_keeps_the_history_in_memory_says_so_once_and_takes_it_later(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    store = MemoryStore()
    faulty = FaultyStore(store)
    async with shop(faulty) as system:
        await trio.sleep(0.5)
        faulty.plan(full(1), full(2))
        await fails(system)
        await ta.flush(system.get(Clerk, "anna"))
        await fails(system)
        nothing = [name for name in stored(store) if "crashes" in name]
        await trio.sleep(65)
        still = [name for name in stored(store) if "crashes" in name]
        await trio.sleep(65)
        there = [name for name in stored(store) if "crashes" in name]

    assert (nothing, still) == ([], [])
    assert len(there) == 1
    assert [record.getMessage() for record in caplog.records if record.getMessage().startswith("the history")] == [
        "the history was not written and is in memory until it can be; next try in 60 s: no room"
    ]


def full(number: int) -> Fault:
    return Fault(at=number, operation=Operation.COMMIT, before=StoreFull("no room"))


async def test_a_history_that_fits_no_record_of_the_store_is_given_up(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with shop(store_at("memory:", limits=Limits(record_bytes=1_000))) as system:
        await fails(system, "x" * 300)
        await ta.flush(system.get(Clerk, "anna"))
        await fails(system)
        sold = await system.get(Cashier, "till").sell()

        assert (sold, inspect.crashes(system).total) == (1, 2)
    assert caplog.text.count("the history of this system is kept in memory only: the store refuses it") == 1


async def test_a_store_that_is_opened_again_keeps_what_was_not_written(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    faulty = FaultyStore(store)
    async with shop(faulty) as system:
        await trio.sleep(0.5)
        await fails(system)
        await ta.flush(system.get(Clerk, "anna"))
        faulty.plan(Fault(at=1, operation=Operation.COMMIT, before=StorePoisoned("the disk is bad")))
        with contextlib.suppress(ta.TrioactorsError):
            await system.get(Cashier, "till").sell()
        await trio.sleep(5)
        await fails(system, "after")
        await trio.sleep(65)
        count = inspect.crashes(system).total

    assert count >= 2
    store.open(virtual_environment())
    assert b"ValueError: after" in b"".join(stored(store).values())


@pytest.mark.parametrize("broken", [StoreUnavailable("down"), StoreFull("no room"), RuntimeError("a bug of the store")])
async def test_a_history_that_cannot_be_read_stops_no_program(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture, broken: Exception
) -> None:
    store = FaultyStore(MemoryStore(), Fault(at=1, operation=Operation.SCAN, before=broken))
    async with shop(store) as system:
        await fails(system)

        assert await system.get(Cashier, "till").sell() == 1
        assert inspect.crashes(system).total == 1
    assert "kept in memory only: it cannot be read" in caplog.text


async def test_records_that_cannot_be_read_are_left_out_and_written_anew(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    store = MemoryStore()
    async with shop(store) as system:
        await fails(system)
    store.open(virtual_environment())
    garbage = Write(Key(Space.META, f"{PREFIX}groups"), b"{not json", expected=None)
    other = Write(Key(Space.META, f"{PREFIX}unheard-of"), b"1", expected=None)
    store.commit([Batch((garbage, other))])
    store.close()
    async with shop(store) as system:
        groups, crashes = inspect.failure_groups(system), inspect.crashes(system).total
        await fails(system)
    async with shop(store) as system:
        again = inspect.failure_groups(system)

    assert (groups, crashes, [group.count for group in again]) == ((), 1, [1])
    assert "1 records of the history cannot be read and are left out: trioactors.history/groups" in caplog.text


async def test_a_history_of_a_newer_version_is_not_overwritten(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    store = MemoryStore()
    async with shop(store) as system:
        await fails(system)
    store.open(virtual_environment())
    newer = {name: data.replace(b'"version":1', b'"version":2') for name, data in stored(store).items()}
    store.commit([Batch(tuple(Write(Key(Space.META, name), data, expected=None) for name, data in newer.items()))])
    store.close()
    async with shop(store) as system:
        await fails(system, times=3)
    store.open(virtual_environment())

    assert stored(store) == newer
    assert "it was written by a newer version of trioactors" in caplog.text


async def test_no_commit_of_an_actor_fails_with_that_of_the_history(autojump_clock: MockClock) -> None:
    """A history that finds no room must not take along the states that would have found some."""
    groups: list[int] = []

    class Recording(FaultyStore):
        def commit(self, batches: Any) -> Any:
            spaces = [{write.key.space for write in batch.writes} for batch in batches]
            groups.append(len(batches))
            assert {Space.META} not in spaces or len(spaces) == 1
            return super().commit(batches)

    async with shop(Recording(MemoryStore())) as system:
        till = system.get(Cashier, "till")
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(till.sell)
                nursery.start_soon(partial(fails, system))
                await trio.sleep(0.3)
    assert len(groups) > 20


async def test_a_full_disk_costs_the_history_and_not_the_program(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    disk = SimulatedDisk(capacity=60_000)
    disk.make_folder(Path("/s"))
    world = attrs.evolve(virtual_environment(), disk=disk)
    async with shop("file:///s/store", environment=world) as system:
        for _ in range(30):
            await fails(system, "x" * 1_500)
            await trio.sleep(1.5)
        store_failed = inspect.failures(system, name=":store").rows
        remembered = inspect.crashes(system).total
        disk.capacity = None
        await trio.sleep(70)
        sold = await system.get(Cashier, "till").sell()
    async with shop("file:///s/store", environment=world) as system:
        again = inspect.crashes(system).total

    assert "the history was not written and is in memory" in caplog.text
    assert (store_failed, remembered, sold, again) == ((), 30, 1, 30)


@pytest.mark.parametrize("name", [[], {}, 1])
async def test_a_name_that_is_none_is_unknown(autojump_clock: MockClock, name: Any) -> None:
    async with shop("memory:") as system:
        await fails(system)

        with pytest.raises(ta.UnknownName):
            inspect.failures(system, name=name)
        assert inspect.crashes(system, name=name).matched == 0


# --- power cuts ---


@pytest.mark.parametrize("keep", Keep)
async def test_a_power_cut_loses_at_most_what_was_not_flushed(autojump_clock: MockClock, keep: Keep) -> None:
    for seed in range(10):
        disk = SimulatedDisk(seed=seed)
        disk.make_folder(Path("/s"))
        world = attrs.evolve(virtual_environment(), disk=disk)
        with contextlib.suppress(BaseExceptionGroup, ta.TrioactorsError):
            async with shop("file:///s/store", environment=world) as system:
                await fails(system, times=2)
                await ta.flush(system.get(Clerk, "anna"))
                await fails(system)
                disk.power_cut(keep)
        async with shop("file:///s/store", environment=world) as system:
            crashes, groups = inspect.crashes(system).total, inspect.failure_groups(system)

        assert crashes in {2, 3}
        assert [group.count for group in groups] == [crashes]


# --- figures ---


async def test_figures_of_earlier_runs_are_there_with_a_mark_at_the_restart(
    autojump_clock: MockClock, made: Callable[[], Store]
) -> None:
    async with shop(made()) as system:
        till = system.get(Cashier, "till")
        for _ in range(200):
            await till.sell()
            await trio.sleep(1)
    later = attrs.evolve(virtual_environment(), wall_clock=lambda: 1_700_000_300.0 + trio.current_time())
    async with shop(made(), environment=later) as system:
        await trio.sleep(10.5)
        minutes, hour, day = (inspect.samples(system, span=span) for span in (600, 3_600, 86_400))

    assert sum(value or 0.0 for value in minutes.handled) == pytest.approx(200, abs=3)
    assert [mark.what for mark in minutes.marks] == ["started", "started"]
    restarted = minutes.at.index(minutes.marks[1].at)
    assert minutes.handled[restarted - 1] is None
    assert list(minutes.at) == sorted(set(minutes.at))
    assert (minutes.step, hour.step, day.step) == (1.0, 5.0, 120.0)
    assert day.at[-1] == minutes.at[-1]
    assert all(len(column) == len(minutes.at) for column in (minutes.handled, minutes.wait, minutes.lag, minutes.down))


async def test_a_week_is_kept_and_no_more(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with shop(store) as system:
        history = runtime_of(system).history
        assert history is not None
        now = inspect.figures(system)
        from trioactors.inspect.recording import _totals  # noqa: PLC0415 - a week of samples, made by hand

        base = _totals(now, 0.0, 60.0, None)
        for minute in range(11_000):
            moment = 60.0 * minute
            history.sample(attrs.evolve(base, time=now.time + moment, wall_time=now.wall_time - 660_000.0 + moment))
        seconds, minutes = len(history.figures.seconds), len(history.figures.minutes)
        week = inspect.samples(system, span=86_400 * 30)

    assert (seconds, minutes) == (3_600, 10_080)
    assert week.step == 900.0
    assert len(week.at) < 2 * 720
    store.open(virtual_environment())
    assert len(stored(store)) <= 60 + 168 + 1


async def test_figures_cost_one_commit_a_minute(autojump_clock: MockClock) -> None:
    store = FaultyStore(MemoryStore())
    async with shop(store) as system:
        before = store.count(Operation.COMMIT)
        await trio.sleep(600)

        assert store.count(Operation.COMMIT) - before in {10, 11}
        assert sum(value is not None for value in inspect.samples(system, span=600).handled) >= 598


async def test_an_orderly_stop_writes_everything(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with shop(store) as system:
        await fails(system)
        await trio.sleep(5.5)
        await fails(system)
    async with shop(store) as system:
        assert len(inspect.samples(system, span=600).at) >= 6
        assert inspect.crashes(system).total == 2


async def test_a_clock_that_jumps_leaves_ascending_times_and_says_so(autojump_clock: MockClock) -> None:
    shift = [0.0]
    world = attrs.evolve(virtual_environment(), wall_clock=lambda: 1_700_000_000.0 + shift[0] + trio.current_time())
    async with shop("memory:", environment=world) as system:
        await trio.sleep(100)
        shift[0] = 500.0
        await trio.sleep(100)
        shift[0] = 450.0
        await trio.sleep(100)
        await fails(system)
        shift[0] = 0.0
        crashes = inspect.crashes(system).total
        await trio.sleep(10)
        shift[0] = 900.0
        await trio.sleep(10.5)
        found = inspect.samples(system, span=3_600)

    assert [mark.what for mark in found.marks][-2:] == ["clock set", "clock set"]
    assert list(found.at) == sorted(set(found.at))
    assert crashes == 1


async def test_a_program_that_stood_still_is_a_gap(autojump_clock: MockClock) -> None:
    async with shop("memory:") as system:
        await trio.sleep(10.5)
        autojump_clock.jump(30.0)
        await trio.sleep(10.5)
        found = inspect.samples(system, span=600)

    assert [mark.what for mark in found.marks] == ["started", "paused"]
    assert found.handled[found.at.index(found.marks[1].at) - 1] is None


async def test_two_recorders_record_once(autojump_clock: MockClock) -> None:
    from trioactors.inspect.recording import record_figures  # noqa: PLC0415 - few programs start one by hand

    async def more() -> None:
        await record_figures(ta.current_system())

    async with shop("memory:", ta.child(more, name="more")) as system:
        await trio.sleep(60)
        history = runtime_of(system).history

        assert history is not None
        assert len(history.figures.seconds) in {60, 61, 62}


@attrs.define
class Hand:
    """A stopwatch that each look at a system moves."""

    time: float = 0.0
    cost: float = 0.025

    def __call__(self) -> float:
        self.time += self.cost
        return self.time


async def test_a_large_system_is_sampled_less_often(autojump_clock: MockClock) -> None:
    """A sample takes at most a hundredth of the time."""
    hand = Hand()
    world = attrs.evolve(virtual_environment(), stopwatch=lambda: hand)
    async with shop("memory:", environment=world) as system:
        await trio.sleep(60)
        history = runtime_of(system).history
        assert history is not None
        often = len(history.figures.seconds)

    assert often == 60 / 2.5 + 1


# --- what is asked for ---


async def test_a_test_remembers_nothing_unless_it_asks(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with isolated_system(tree(), store=store) as system:
        await fails(system)
        await trio.sleep(100)
        for look in (inspect.failure_groups, inspect.crashes, inspect.samples):
            with pytest.raises(ta.UsageError, match="history=True"):
                look(system)
        rows = inspect.failures(system).rows
    store.open(virtual_environment())

    assert [row.name for row in rows] == ["anna"]
    assert stored(store) == {}


def test_on_a_real_clock_crashes_are_kept_and_figures_are_not() -> None:
    store = MemoryStore()

    async def main(*, history: bool | None) -> int | None:
        async with ta.open_system(store, tree(), history=history) as system:
            logging.getLogger("trioactors").addFilter(quiet := lambda _: False)
            await fails(system)
            await ta.flush(system.get(Clerk, "anna"))
            logging.getLogger("trioactors").removeFilter(quiet)
            found = runtime_of(system).history
            return None if found is None else len(found.figures.seconds)

    assert trio.run(partial(main, history=False)) is None
    store.open(virtual_environment())
    assert stored(store) == {}
    store.close()
    assert trio.run(partial(main, history=None)) == 0
    store.open(virtual_environment())
    assert sorted(stored(store)) == [f"{PREFIX}crashes/0000000000", f"{PREFIX}groups"]


@pytest.mark.parametrize("wrong", [1, "yes", 0.0])
def test_history_is_true_false_or_none(wrong: Any) -> None:
    async def main() -> None:
        with pytest.raises(ta.SpecError, match="history="):
            ta.open_system(history=wrong)

    trio.run(main)
