"""The figures of handlers: `inspect.measuring`, `inspect.handlers`, and the histogram below them."""

from __future__ import annotations

import math
from functools import partial

import pytest
import trio
from attrs import define
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

import trioactors as ta
from trioactors import inspect
from trioactors.inspect import HandlerRow
from trioactors.system.system import runtime_of
from trioactors.testing import isolated_system
from trioactors.trace.handler_times import MOST, HandlerMeter
from trioactors.trace.histogram import ERROR, Histogram
from trioactors.trace.observers import Ending, Observers

PATIENT = ta.Settings(call_timeout=1_000.0)


class Declared(Exception):
    pass


class Worker(ta.Actor[None]):
    @ta.handler
    async def work(self, seconds: float) -> None:
        await trio.sleep(seconds)

    @ta.handler
    def quick(self) -> None:
        pass

    @ta.handler(raises=(Declared,))
    async def refuse(self) -> None:
        raise Declared

    @ta.handler
    async def break_down(self) -> None:
        raise ValueError("broken")

    @ta.handler(execution_timeout=2.0)
    async def overrun(self) -> None:
        await trio.sleep_forever()

    @ta.handler
    async def ask(self, other: Worker, seconds: float) -> None:
        await other.work(seconds)

    @ta.handler
    async def leave(self) -> None:
        raise ta.Shutdown

    @ta.handler
    async def later(self) -> str:
        token: ta.Deferred[str] = self.context.defer()
        self.context.start_soon(self.answer, token)
        return token.pending

    async def answer(self, token: ta.Deferred[str]) -> None:
        await trio.sleep(9.0)
        token.reply("at last")


class Narrow(Worker, mailbox=1):
    pass


class Strict(Worker, mailbox=1, overflow=ta.Overflow.FAIL):
    pass


class Timed(Worker):
    @ta.handler
    async def arm(self) -> None:
        self.context.after(1.0, self.quick)


class Saved(ta.Actor[int], persist=ta.EVERY_MESSAGE):
    @ta.handler
    async def tell(self, worker: Worker) -> None:
        await worker.quick.cast()
        await trio.sleep(6.0)
        self.state = 1


def row(system: ta.System, name: str, **options: object) -> HandlerRow:
    page = inspect.handlers(system, **options)  # type: ignore[arg-type]
    return next(each for each in page.rows if each.name == name)


def near(seconds: float) -> object:
    return pytest.approx(seconds, rel=ERROR, abs=2e-6)


# --- the histogram ---

durations = st.lists(st.floats(0.0, 1e6), min_size=1, max_size=50)


@given(durations, st.sampled_from([0.01, 0.5, 0.9, 0.99, 1.0]))
def test_a_quantile_is_that_of_the_sorted_durations_within_the_stated_error(seconds: list[float], share: float) -> None:
    histogram = Histogram()
    for each in seconds:
        histogram.add(each)

    exact = sorted(seconds)[max(1, math.ceil(share * len(seconds))) - 1]
    (found,) = histogram.quantiles(share)
    assert found == pytest.approx(exact, rel=ERROR, abs=1e-6)


@given(durations, durations)
def test_merged_histograms_are_the_histogram_of_all(some: list[float], others: list[float]) -> None:
    one, other, whole = Histogram(), Histogram(), Histogram()
    for each in some:
        one.add(each)
    for each in others:
        other.add(each)
    for each in (*some, *others):
        whole.add(each)
    one.merge(other)

    assert one == whole
    assert one.count == len(some) + len(others)


def test_an_empty_histogram_has_no_quantiles() -> None:
    assert Histogram().quantiles(0.5, 0.99) == (None, None)


# --- what is measured ---


async def test_nothing_is_measured_unless_somebody_wants_to_know(autojump_clock: MockClock) -> None:
    async with isolated_system(settings=PATIENT) as system:
        worker = await system.start(Worker, name="worker")
        await worker.quick()

        assert inspect.handlers(system) == inspect.HandlerPage(since=None, seconds=0.0, total=0, matched=0, left_out=False, rows=())
        assert not runtime_of(system).observers.watching


async def test_a_call_waits_from_its_send_and_is_handled_from_its_begin_to_its_end(autojump_clock: MockClock) -> None:
    async with isolated_system(settings=PATIENT) as system:
        worker = await system.start(Worker, name="worker")
        with inspect.measuring(system):
            async with trio.open_nursery() as nursery:
                for _ in range(3):
                    nursery.start_soon(worker.work, 2.0)

            found = row(system, "Worker.work")

    assert (found.count, found.errors, found.crashed, found.shed) == (3, 0, 0, 0)
    assert found.handling_p50 == near(2.0)
    assert found.handling_worst == 2.0
    assert (found.waiting_p50, found.waiting_p99, found.waiting_worst) == (near(2.0), near(4.0), 4.0)
    assert (found.worst_by, found.rate, found.busy) == ("worker", 0.5, near(1.0))


@pytest.mark.parametrize("how", ["cast", "cast_nowait"])
async def test_casts_carry_a_time_while_handlers_are_measured(how: str, autojump_clock: MockClock) -> None:
    async with isolated_system(settings=PATIENT) as system:
        worker = await system.start(Worker, name="worker")
        with inspect.measuring(system):
            await worker.work.cast(5.0)
            if how == "cast":
                await worker.quick.cast()
            else:
                worker.quick.cast_nowait()
            await trio.sleep(3.0)
            assert inspect.figures(system).mailbox_wait == 3.0
            await worker.quick()

            found = row(system, "Worker.quick")

    assert (found.count, found.waiting_worst) == (2, 5.0)


async def test_a_cast_that_waits_for_room_waits_from_its_send(autojump_clock: MockClock) -> None:
    async with isolated_system(settings=PATIENT) as system:
        narrow = await system.start(Narrow, name="narrow")
        with inspect.measuring(system):
            await narrow.work.cast(4.0)
            await narrow.work.cast(1.0)
            await trio.sleep(1.0)
            await narrow.quick.cast()
            await narrow.quick()

            assert row(system, "Narrow.quick").waiting_worst == near(4.0)


async def test_the_wait_of_a_cast_from_before_the_measuring_is_not_counted(autojump_clock: MockClock) -> None:
    async with isolated_system(settings=PATIENT) as system:
        worker = await system.start(Worker, name="worker")
        await worker.work.cast(5.0)
        await worker.quick.cast()
        with inspect.measuring(system):
            await worker.quick()
            found = row(system, "Worker.quick")
            begun_before = row(system, "Worker.work")

    assert (found.count, found.waiting_worst) == (2, 5.0)  # that of the call
    assert (begun_before.handling_worst, begun_before.waiting_worst) == (5.0, None)


async def test_a_tick_waits_from_when_its_timer_fired(autojump_clock: MockClock) -> None:
    async with isolated_system(settings=PATIENT) as system:
        timed = await system.start(Timed, name="timed")
        with inspect.measuring(system):
            await timed.arm()
            await timed.work(3.0)
            await timed.quick()

            found = row(system, "Timed.quick")

    assert (found.count, found.waiting_worst) == (2, 2.0)


async def test_errors_crashes_and_limits_are_counted_apart(autojump_clock: MockClock) -> None:
    async with isolated_system(settings=PATIENT) as system:
        worker = await system.start(Worker, name="worker")
        with inspect.measuring(system):
            with pytest.raises(Declared):
                await worker.refuse()
            for broken in (worker.break_down, worker.overrun):
                with pytest.raises(ta.ActorCrashed):
                    await broken()
            with pytest.raises(ta.ActorStopped):
                await worker.leave()

            rows = {each.handler: each for each in inspect.handlers(system).rows}

    assert {name: (each.count, each.errors, each.crashed) for name, each in rows.items()} == {
        "refuse": (1, 1, 0),
        "break_down": (1, 1, 1),
        "overrun": (1, 1, 1),
        "leave": (1, 0, 0),
    }
    assert rows["overrun"].handling_worst == 2.0


async def test_a_nested_call_is_part_of_the_handler_that_makes_it(autojump_clock: MockClock) -> None:
    async with isolated_system(settings=PATIENT) as system:
        one, other = await system.start(Worker, name="one"), await system.start(Worker, name="other")
        with inspect.measuring(system):
            await one.ask(other, 3.0)

            assert row(system, "Worker.ask").handling_worst == 3.0
            assert row(system, "Worker.work").handling_worst == 3.0


async def test_a_call_that_timed_out_in_the_mailbox_is_shed_and_has_waited(autojump_clock: MockClock) -> None:
    async with isolated_system(settings=PATIENT) as system:
        worker = await system.start(Worker, name="worker")
        with inspect.measuring(system):
            await worker.work.cast(5.0)
            with pytest.raises(ta.CallTimeout):
                await worker.quick.within(2.0)()
            with trio.move_on_after(1.0):
                await worker.refuse()
            await worker.work(0.0)

            late, left = row(system, "Worker.quick"), row(system, "Worker.refuse")

    assert (late.count, late.shed, late.waiting_worst, late.handling_p99) == (0, 1, 5.0, None)
    assert (left.count, left.shed, left.waiting_worst) == (0, 1, 3.0)


async def test_a_call_whose_caller_gave_up_is_handled_to_its_end(autojump_clock: MockClock) -> None:
    async with isolated_system(settings=PATIENT) as system:
        worker = await system.start(Worker, name="worker")
        with inspect.measuring(system):
            with pytest.raises(ta.CallTimeout):
                await worker.work.within(1.0)(4.0)
            await worker.quick()

            found = row(system, "Worker.work")

    assert (found.count, found.errors, found.handling_worst) == (1, 0, 4.0)


async def test_a_refused_message_is_not_counted(autojump_clock: MockClock) -> None:
    async with isolated_system(settings=PATIENT) as system:
        strict = await system.start(Strict, name="strict")
        with inspect.measuring(system):
            await strict.work.cast(1.0)
            await trio.testing.wait_all_tasks_blocked()
            strict.quick.cast_nowait()
            with pytest.raises(ta.MailboxFull):
                strict.quick.cast_nowait()
            await trio.sleep(2.0)

            assert row(system, "Strict.quick").count == 1


async def test_handling_ends_with_the_handler_when_the_reply_is_deferred(autojump_clock: MockClock) -> None:
    async with isolated_system(settings=PATIENT) as system:
        worker = await system.start(Worker, name="worker")
        with inspect.measuring(system):
            assert await worker.later() == "at last"

            assert row(system, "Worker.later").handling_worst == 0.0


async def test_a_cast_of_a_durable_handler_waits_from_the_commit_that_releases_it(autojump_clock: MockClock) -> None:
    async with isolated_system(settings=PATIENT) as system:
        worker, saved = await system.start(Worker, name="worker"), await system.start(Saved, name="saved")
        with inspect.measuring(system):
            await saved.tell(worker)
            await worker.quick()

            assert row(system, "Worker.quick").waiting_worst == 0.0
            assert row(system, "Saved.tell").handling_worst == 6.0


# --- looking at it ---


async def test_a_handler_that_still_runs_is_shown_and_sorts_first(autojump_clock: MockClock) -> None:
    async with isolated_system(settings=PATIENT) as system:
        slow, stuck = await system.start(Worker, name="slow"), await system.start(Worker, name="stuck")
        await stuck.work.cast(100.0)
        with inspect.measuring(system):
            await slow.break_down.cast()
            await slow.overrun.cast()
            await trio.sleep(30.0)

            first = inspect.handlers(system).rows[0]

    assert (first.name, first.count, first.handling_p99) == ("Worker.work", 0, None)
    assert (first.running, first.running_since, first.running_by) == (1, 0.0, "stuck")


async def test_the_minute_forgets_and_all_does_not(autojump_clock: MockClock) -> None:
    async with isolated_system(settings=PATIENT) as system:
        worker = await system.start(Worker, name="worker")
        with inspect.measuring(system):
            await worker.work(3.0)
            await trio.sleep(90.0)
            await worker.work(1.0)

            recent, whole = row(system, "Worker.work"), row(system, "Worker.work", span="all")
            assert inspect.handlers(system).seconds == 60.0
            assert inspect.handlers(system, span="all").seconds == 94.0

    assert (recent.count, recent.handling_worst) == (1, 1.0)
    assert (whole.count, whole.handling_worst, whole.worst_at) == (2, 3.0, 3.0)


async def test_one_actor_is_measured_on_its_own_from_when_it_is_looked_at(autojump_clock: MockClock) -> None:
    async with isolated_system(settings=PATIENT) as system:
        one, other = await system.start(Worker, name="one"), await system.start(Worker, name="other")
        with inspect.measuring(system):
            await one.work(1.0)
            with inspect.measuring(system, actor="one"):
                await one.work(2.0)
                await other.work(3.0)
                own, everybody = row(system, "Worker.work", actor="one"), row(system, "Worker.work")

            assert inspect.handlers(system, actor="one").rows == ()
        assert (own.count, own.handling_worst) == (1, 2.0)
        assert (everybody.count, everybody.handling_worst, everybody.worst_by) == (3, 3.0, "other")


async def test_rows_are_sorted_searched_and_paged(autojump_clock: MockClock) -> None:
    async with isolated_system(settings=PATIENT) as system:
        worker = await system.start(Worker, name="worker")
        with inspect.measuring(system):
            await worker.work(1.0)
            for _ in range(3):
                await worker.quick()
            with pytest.raises(Declared):
                await worker.refuse()
            page = partial(inspect.handlers, system)

            assert page(sort="rate").rows[0].handler == "quick"
            assert page(sort="errors").rows[0].handler == "refuse"
            assert [each.handler for each in page(sort="name").rows] == ["quick", "refuse", "work"]
            assert [each.handler for each in page(sort="name", reverse=True, limit=1, offset=1).rows] == ["refuse"]
            found = page(search="KER.W")
            assert (found.total, found.matched, [each.handler for each in found.rows]) == (3, 1, ["work"])


async def test_the_figures_are_dropped_when_nobody_looks_any_more(autojump_clock: MockClock) -> None:
    async with isolated_system(settings=PATIENT) as system:
        worker = await system.start(Worker, name="worker")
        with inspect.measuring(system), inspect.measuring(system):
            await worker.quick()
        with inspect.measuring(system):
            assert inspect.handlers(system).rows == ()
        assert not runtime_of(system).observers.watching


async def test_records_are_complete_while_handlers_are_measured_too(autojump_clock: MockClock) -> None:
    recorder = ta.Recorder()
    async with isolated_system(settings=PATIENT) as system:
        worker = await system.start(Worker, name="worker")
        system.observe(recorder)
        with inspect.measuring(system):
            await worker.quick.cast()
            await worker.quick()

    assert len(recorder.of(ta.MessageAccepted)) == len(recorder.of(ta.MessageHandled)) == 2
    assert all(record.message is not None for record in recorder.of(ta.MessageHandled))


@define
class Made:
    """A message, an actor and its class, all in one."""

    name: str
    sent: float = 0.0
    is_async: bool = True

    @property
    def plan(self) -> Made:
        return self

    @property
    def spec(self) -> Made:
        return self

    def __hash__(self) -> int:
        return hash(self.name)


def test_made_up_classes_do_not_grow_the_figures_without_bound() -> None:
    meter = HandlerMeter(Observers(), lambda: 0.0)
    with meter.wanted():
        for number in range(MOST + 10):
            made = Made(f"made-{number}")
            meter.handled(made, made, 0.0, 0.0, Ending.HANDLED)

        assert len(list(meter.timings())) == MOST
        assert meter.left_out
    assert not list(meter.timings())


def test_the_durations_of_a_burst_are_counted_before_they_are_many() -> None:
    meter, made = HandlerMeter(Observers(), lambda: 0.0), Made("made")
    with meter.wanted():
        for number in range(10_000):
            meter.handled(made, made, 0.001 * (number % 7), 1.0, Ending.HANDLED)
        (timing,) = meter.timings()

        assert len(timing.now.new_handling) < 1_000
        assert (timing.recent(1.0).handling.count, timing.recent(1.0).waiting.count) == (10_000, 10_000)


@given(durations)
def test_counting_many_at_once_is_counting_each(seconds: list[float]) -> None:
    each, at_once = Histogram(), Histogram()
    for one in seconds:
        each.add(one)
    at_once.add_all(list(seconds))

    assert at_once.count == each.count
    for share in (0.1, 0.5, 0.99):
        assert at_once.quantiles(share)[0] == pytest.approx(each.quantiles(share)[0], rel=2.1 * ERROR, abs=2e-6)


async def test_wrong_arguments_are_refused(autojump_clock: MockClock) -> None:
    async with isolated_system(settings=PATIENT) as system:
        for options in ({"sort": "slowest"}, {"span": "hour"}, {"search": 7}, {"limit": -1}, {"offset": -1}, {"reverse": 1}):
            with pytest.raises(ta.SpecError):
                inspect.handlers(system, **options)  # type: ignore[arg-type]
        with pytest.raises(ta.UnknownName), inspect.measuring(system, actor="nobody"):
            pass
        with pytest.raises(ta.WrongClass), inspect.measuring(system, actor=":dynamic"):
            pass
        with pytest.raises(ta.UsageError):
            inspect.handlers(7)  # type: ignore[arg-type]
