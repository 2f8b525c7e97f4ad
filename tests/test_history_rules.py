"""What a history keeps: the rules, against slow and obvious models."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import attrs
from hypothesis import given
from hypothesis import strategies as st

from trioactors.history.crashes import BLOCK, BLOCK_SIZE, GROUPS, Crash, CrashBlock, CrashBook, count_since
from trioactors.history.figures import FigureLog
from trioactors.history.records import Past, Records
from trioactors.history.series import FIELDS, Mark, Sample, Series, Totals, sampled
from trioactors.persistence import Batch

LONG = "x" * 8_000


def crash(number: int = 0, *, owner: str = "Counter", error: str = "ValueError", at: float = 0.0, report: str = "") -> Crash:
    return Crash(
        child=f"child-{number}",
        path=f"top/child-{number}",
        child_kind="actor",
        owner=owner,
        error=error,
        reason=f"crash: {error}",
        text="no",
        report=report,
        incarnation=1,
        time=at,
        wall_time=at,
        run=0.0,
    )


def sample(at: float, *, mark: int = Mark.NONE, **values: float) -> Sample:
    return Sample(
        at=at,
        mark=mark,
        **(dict.fromkeys([name for name in FIELDS if name not in {"at", "mark"}], 0.0) | {"seconds": 1.0} | values),
    )


def totals(time: float, wall_time: float, handled: int = 0) -> Totals:
    return Totals(
        time=time,
        wall_time=wall_time,
        accepted=handled,
        handled=handled,
        restarts=0,
        failures=0,
        dead_letters=0,
        wait=0.0,
        lag=0.0,
        backlog=0,
        down=0,
        actors=1,
    )


def stored(book: CrashBook, disk: dict[int, CrashBlock]) -> None:
    """Store what has changed."""
    disk.update({block.number: block for block in book.unsaved()})
    for number in book.dropped:
        disk.pop(number, None)
    book.mark_saved()


# --- crashes ---

crashes = st.lists(
    st.builds(
        crash,
        st.integers(0, 5),
        owner=st.sampled_from("AB"),
        error=st.sampled_from(["ValueError", "OSError"]),
        at=st.integers(0, 20_000).map(float),
        report=st.sampled_from(["", LONG]),
    ),
    max_size=400,
)


@given(crashes, st.integers(1, 120), st.lists(st.sampled_from(["store", "restart"]), max_size=30))
def test_the_last_crashes_are_kept_and_all_are_counted(given_crashes: list[Crash], kept: int, acts: list[str]) -> None:
    book, disk = CrashBook(kept), dict[int, CrashBlock]()
    for number, each in enumerate(given_crashes):
        book.add(each)
        if number % 13 == 0 and number // 13 < len(acts):
            stored(book, disk)
            if acts[number // 13] == "restart":
                groups = tuple(book.groups.values())
                book = CrashBook(kept)
                book.load(list(disk.values()), groups)

    assert list(book.newest_first()) == given_crashes[::-1][:kept]
    assert {cause: group.count for cause, group in book.groups.items()} == Counter(each.cause for each in given_crashes)
    for group in book.groups.values():
        mine = [each for each in given_crashes if each.cause == group.cause]
        assert (group.first, group.last) == (mine[0].wall_time, mine[-1].wall_time)
    stored(book, disk)
    assert len(disk) <= kept // BLOCK + kept * 8_500 // BLOCK_SIZE + 2
    assert sum(len(block.crashes) for block in disk.values()) < kept + BLOCK


@given(st.lists(st.integers(0, 7_000), min_size=1, max_size=80).map(sorted), st.integers(0, 3_600))
def test_a_count_within_a_window_is_right_to_the_minute(seconds: list[int], window: int) -> None:
    book, now = CrashBook(10), seconds[-1]
    for second in seconds:
        book.add(crash(at=float(second)))

    (group,) = book.groups.values()
    since = now - window
    if since // 60 >= group.minutes[0][0]:
        assert count_since(group, since) == sum((second // 60 + 1) * 60 > since for second in seconds)
    else:
        assert count_since(group, since) == sum((second // 3_600 + 1) * 3_600 > since for second in seconds)


def test_the_number_of_groups_is_limited_and_the_one_that_is_quiet_longest_goes() -> None:
    book = CrashBook(10)
    for number in range(GROUPS):
        book.add(crash(owner=f"class-{number}"))
    book.add(crash(owner="class-0"))

    book.add(crash(owner="one more"))

    assert len(book.groups) == GROUPS
    assert ("crash", "class-0", "ValueError") in book.groups
    assert ("crash", "class-1", "ValueError") not in book.groups


def test_a_write_that_failed_is_to_be_done_again_with_what_was_dropped_meanwhile() -> None:
    book, disk = CrashBook(BLOCK), dict[int, CrashBlock]()
    for _ in range(BLOCK):
        book.add(crash())
    stored(book, disk)
    book.add(crash(1))
    lost, dropped = {block.number for block in book.unsaved()}, list(book.dropped)
    book.mark_saved()
    for _ in range(2 * BLOCK):
        book.add(crash(2))

    book.mark_unsaved(lost, dropped)
    stored(book, disk)

    again = CrashBook(BLOCK)
    again.load(list(disk.values()), ())
    assert list(again.newest_first()) == list(book.newest_first())
    assert len(disk) <= 2


def test_what_was_never_stored_is_forgotten_without_a_trace() -> None:
    book = CrashBook(BLOCK)
    for _ in range(5 * BLOCK):
        book.add(crash())

    assert (len(book), book.dropped) == (BLOCK, [])
    assert sum(len(block.crashes) for block in book.unsaved()) == BLOCK


def test_a_block_of_long_reports_takes_fewer_crashes() -> None:
    book = CrashBook(1_000)
    for _ in range(100):
        book.add(crash(report=LONG))

    assert max(sum(each.size for each in block.crashes) for block in book.unsaved()) < BLOCK_SIZE + 10_000


# --- figures ---


def slowly_merged(samples: Sequence[Sample]) -> dict[str, float]:
    covered = sum(each.seconds for each in samples)
    lags = [each.lag for each in samples if not math.isnan(each.lag)]
    return {
        "at": samples[-1].at,
        "mark": max(each.mark for each in samples),
        "seconds": covered,
        **{n: sum(getattr(each, n) for each in samples) for n in ("accepted", "handled", "restarts", "failures", "dead_letters")},
        **{name: max(getattr(each, name) for each in samples) for name in ("wait", "backlog", "down")},
        "lag": max(lags, default=math.nan),
        "backlog_mean": sum(each.backlog_mean * each.seconds for each in samples) / covered
        if covered
        else samples[-1].backlog_mean,
        "actors": samples[-1].actors,
    }


numbers = st.integers(0, 9).map(float)
values = st.fixed_dictionaries(
    {name: numbers for name in FIELDS if name not in {"at", "mark", "lag"}} | {"lag": st.one_of(numbers, st.just(math.nan))}
)


@given(st.lists(st.tuples(st.integers(0, 200), values), min_size=1, max_size=60), st.integers(1, 40), st.integers(1, 60))
def test_a_series_is_the_last_samples_in_ascending_order_and_merges_as_a_slow_model_does(
    given_samples: list[tuple[int, dict[str, float]]], limit: int, step: int
) -> None:
    series, model = Series(limit), list[Sample]()
    for at, chosen in given_samples:
        each = sample(float(at), **chosen)
        series.add(each)
        model = [*(kept for kept in model if kept.at < at), each][-limit:]

    assert [each.at for each in series.between(0.0)] == [each.at for each in model]
    found, groups = series.thinned(0.0, float(step)), dict[float, list[Sample]]()
    for each in model:
        groups.setdefault(each.at // step, []).append(each)
    assert len(found) == len(groups)
    for row, group in zip(found, groups.values(), strict=True):
        assert str(attrs.asdict(row)) == str({name: slowly_merged(group)[name] if name != "mark" else 0 for name in FIELDS})


def test_samples_that_were_dropped_do_not_come_back_when_the_clock_is_set_back() -> None:
    series = Series(20)
    for second in range(22):
        series.add(sample(float(second)))

    series.add(sample(10.0))

    assert [each.at for each in series.between(0.0)] == [float(second) for second in range(2, 11)]


def test_a_marked_sample_begins_a_new_step() -> None:
    series = Series(10)
    for at, mark in ((60.0, Mark.NONE), (61.0, Mark.STARTED), (62.0, Mark.NONE)):
        series.add(sample(at, mark=mark))

    assert [(each.at, each.mark) for each in series.thinned(0.0, 60.0)] == [(60.0, Mark.NONE), (62.0, Mark.STARTED)]


def test_a_loop_of_restarts_does_not_multiply_the_points() -> None:
    series = Series(3_600)
    for second in range(3_600):
        series.add(sample(float(second), mark=Mark.STARTED))

    assert len(series.thinned(0.0, 60.0)) == 60


def test_a_sample_says_what_came_before_it() -> None:
    first = totals(10.0, 1_000.0, handled=5)

    assert (sampled(None, first).mark, sampled(None, first).handled, sampled(None, first).seconds) == (Mark.STARTED, 0, 0.0)
    assert sampled(first, totals(11.0, 1_001.0, handled=9)).handled == 4
    assert sampled(first, totals(11.0, 1_001.2)).mark == Mark.NONE
    assert sampled(first, totals(20.0, 1_010.0)).mark == Mark.PAUSED
    assert sampled(attrs.evolve(first, pause=7.0), totals(17.5, 1_007.5)).mark == Mark.NONE
    assert sampled(first, totals(11.0, 4_601.0)).mark == Mark.CLOCK
    assert sampled(first, totals(11.0, 500.0)).mark == Mark.CLOCK


def test_a_clock_that_was_set_back_drops_what_is_later_and_goes_on() -> None:
    log = FigureLog()
    for second in range(300):
        log.add(totals(float(second), 1_200.0 + second))

    log.add(totals(300.0, 1_260.0))
    log.add(totals(301.0, 1_261.0))

    assert [each.at for each in log.seconds.between(1_255.0)] == [1_255.0, 1_256.0, 1_257.0, 1_258.0, 1_259.0, 1_260.0, 1_261.0]
    assert [each.mark for each in log.seconds.between(1_259.0)] == [Mark.NONE, Mark.CLOCK, Mark.NONE]


def test_each_minute_is_made_of_its_seconds() -> None:
    log = FigureLog()
    for second in range(181):
        log.add(totals(float(second), 6_000.0 + second, handled=10 * second))

    assert [(each.at, each.handled, each.seconds) for each in log.minutes.between(0.0)] == [
        (6_059.0, 590.0, 59.0),
        (6_119.0, 600.0, 60.0),
        (6_179.0, 600.0, 60.0),
    ]
    assert list(log.unsaved) == [100, 101, 102]


def test_figures_come_back_from_their_records_and_a_minute_cut_by_a_restart_is_one() -> None:
    records, log, disk = Records(), FigureLog(), dict[str, bytes]()

    def stop() -> None:
        assert log.last is not None
        log.complete(log.last.wall_time)
        disk.update({write.key.name: write.data or b"" for write in log.writes(records)})

    def start(now: float) -> FigureLog:
        past, fresh = Past(), FigureLog()
        for name, data in disk.items():
            records.add(past, name, data)
        fresh.load(past, now)
        return fresh

    for second in range(90):
        log.add(totals(float(second), 6_000.0 + second, handled=second))
    stop()
    log = start(6_100.0)
    for second in range(60):
        log.add(totals(float(second), 6_100.0 + second, handled=second))
    stop()
    log = start(6_200.0)

    assert len(log.seconds) == 150
    assert [(each.at, each.handled, each.mark) for each in log.minutes.between(0.0)] == [
        (6_059.0, 59.0, Mark.STARTED),
        (6_119.0, 30.0 + 19.0, Mark.STARTED),
        (6_159.0, 40.0, Mark.NONE),
    ]


def test_figures_from_a_future_that_has_not_come_are_left_out() -> None:
    log = FigureLog()

    log.load(Past(seconds=[sample(10.0), sample(99.0)], minutes=[sample(10.0), sample(99.0)]), now=50.0)

    assert (len(log.seconds), len(log.minutes)) == (1, 1)


@given(st.lists(st.integers(0, 30 * 86_400), max_size=300))
def test_the_number_of_records_of_figures_has_a_bound(seconds: list[int]) -> None:
    """Whatever the clock does."""
    records, log, names = Records(), FigureLog(), set[str]()
    for moment, at in enumerate(seconds):
        log.add(totals(float(moment), float(at)))
        if moment % 7 == 0:
            names |= {write.key.name for write in Batch(tuple(log.writes(records))).writes}
            log.unsaved.clear()

    assert len(names) <= 60 + 168


def test_a_store_that_refuses_for_long_costs_no_memory() -> None:
    log = FigureLog()
    for minute in range(1_000):
        log.add(totals(60.0 * minute, 60.0 * minute))

    assert len(log.unsaved) == 60
