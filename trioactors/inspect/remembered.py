"""What a system remembers: its last crashes one by one, all crashes by cause, and its figures over time."""

from __future__ import annotations

import math
from typing import Final

import attrs

from trioactors.errors import UsageError
from trioactors.history.crashes import Crash, CrashGroup, count_since
from trioactors.history.history import History
from trioactors.history.series import GAP, Mark, Sample
from trioactors.inspect.failures import FailureOrigin, origin_of
from trioactors.settings import count, seconds
from trioactors.system.system import System, runtime_of

__all__ = ["CrashPage", "CrashRow", "FailureGroup", "SampleMark", "Samples", "crashes", "failure_groups", "group_row", "samples"]

_GROUPS_KEPT: Final = 7 * 86_400.0
"""Groups without a crash for longer than this are not shown: a week."""
_LONGEST: Final = 7 * 86_400.0
_STEPS: Final = (1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0, 28_800.0)
_WORDS: Final = {Mark.PAUSED: "paused", Mark.CLOCK: "clock set", Mark.STARTED: "started"}


@attrs.frozen(kw_only=True)
class FailureGroup:
    """All failures with one cause: of one class, or of one child that is no actor, with one type of error."""

    kind: str
    """What failed: *crash*."""
    owner: str
    """The class of the actors; for another child, its kind and name."""
    error: str
    count: int
    """All failures so far, also those that are not kept one by one any more."""
    recent: int
    """Those within the window, counted by the minute; by the hour if the window begins before the last hour in which there were any."""
    rate: float
    """Failures per second within the window."""
    first: float
    """When the first one happened, on the wall clock, in seconds since 1970."""
    last: float
    names: tuple[str, ...]
    """The children that failed last, at most five."""
    hours: tuple[tuple[float, int], ...]
    """How many in each hour of the last day in which there were any: the beginning of the hour on the wall clock, and the number."""
    minutes: tuple[tuple[float, int], ...]
    """The same for the minutes of the last hour in which there were any."""


@attrs.frozen(kw_only=True)
class CrashRow:
    """One failure, as it is remembered."""

    kind: str
    name: str
    path: str
    owner: str
    error: str
    reason: str
    text: str
    report: str
    """The crash report, shortened. Empty if there were more than ten failures within a second: only ten of them have one."""
    incarnation: int
    time: float
    """On Trio's clock, as in `FailureRow`."""
    wall_time: float
    origin: FailureOrigin


@attrs.frozen(kw_only=True)
class CrashPage:
    """The last failures, one by one."""

    total: int
    """Failures that are kept."""
    matched: int
    rows: tuple[CrashRow, ...]


@attrs.frozen(kw_only=True)
class SampleMark:
    """A gap in the figures."""

    at: float
    """When the figures go on, on the wall clock."""
    what: str
    """*started*, *paused* (nothing was recorded: the program stood still, or its machine slept) or *clock set*."""


@attrs.frozen(kw_only=True)
class Samples:
    """The figures over time, by column. The value at a place of each column belongs to the time at that place of `at`; None is unknown."""

    step: float
    """The seconds from one value to the next."""
    at: tuple[float, ...]
    """The ends of the times, on the wall clock, ascending."""
    accepted: tuple[float | None, ...]
    """Messages accepted per second; the next four are per second, too."""
    handled: tuple[float | None, ...]
    restarts: tuple[float | None, ...]
    failures: tuple[float | None, ...]
    dead_letters: tuple[float | None, ...]
    wait: tuple[float | None, ...]
    """The longest wait of a message in that time, in seconds."""
    lag: tuple[float | None, ...]
    """The longest that a task blocked the event loop, in seconds."""
    backlog: tuple[float | None, ...]
    """The most messages that waited at once."""
    backlog_mean: tuple[float | None, ...]
    down: tuple[float | None, ...]
    """The most children that were down at once."""
    actors: tuple[float | None, ...]
    marks: tuple[SampleMark, ...]
    """Gaps and what they are from. Where a mark is, a value of None precedes it."""


def failure_groups(system: System, *, window: float = 3_600.0, limit: int = 100) -> tuple[FailureGroup, ...]:
    """Return the failures of *system* by cause, the group with the last failure first; also those of earlier runs, with a store.

        for group in inspect.failure_groups(system, window=600):
            print(group.owner, group.error, group.count, group.rate)

    *window* is for the rate, in seconds, at most a day. Raises `UsageError` if the system remembers nothing, and `SpecError`.
    """
    history, most = _history(system), count(limit, "limit")
    length = seconds(window, "window", least=1.0)
    now = runtime_of(system).environment.wall_clock()
    recent = [group for group in reversed(history.book.groups.values()) if group.last > now - _GROUPS_KEPT]
    return tuple(group_row(group, now, length) for group in recent[:most])


def group_row(group: CrashGroup, now: float, window: float) -> FailureGroup:
    """The row of *group* at the wall-clock time *now*."""
    recent = count_since(group, now - window)
    return FailureGroup(
        kind=group.kind,
        owner=group.owner,
        error=group.error,
        count=group.count,
        recent=recent,
        rate=recent / window,
        first=group.first,
        last=group.last,
        names=group.names,
        hours=tuple((slot * 3_600.0, number) for slot, number in group.hours),
        minutes=tuple((slot * 60.0, number) for slot, number in group.minutes),
    )


def crashes(
    system: System,
    *,
    name: str | None = None,
    owner: str | None = None,
    error: str | None = None,
    limit: int = 100,
    offset: int = 0,
) -> CrashPage:
    """Return the failures that are kept one by one, the last one first; only those of a child, of an *owner* or with an *error*, if given.

    Kept are the last `Settings.crashes_kept` of the last `Settings.crashes_kept_for` seconds. Raises `UsageError` if the system remembers
    nothing, and `SpecError`.
    """
    most, skipped = count(limit, "limit"), count(offset, "offset")
    kept = _history(system).crashes()
    wanted = [(field, value) for field, value in (("child", name), ("owner", owner), ("error", error)) if value is not None]
    found = [crash for crash in kept if all(getattr(crash, field) == value for field, value in wanted)]
    shift = runtime_of(system).environment.wall_clock() - runtime_of(system).now()
    rows = tuple(_crash_row(system, crash, shift) for crash in found[skipped : skipped + most])
    return CrashPage(total=len(kept), matched=len(found), rows=rows)


def _crash_row(system: System, crash: Crash, shift: float) -> CrashRow:
    return CrashRow(
        kind=crash.kind,
        name=crash.child,
        path=crash.path,
        owner=crash.owner,
        error=crash.error,
        reason=crash.reason,
        text=crash.text,
        report=crash.report,
        incarnation=crash.incarnation,
        time=crash.wall_time - shift,
        wall_time=crash.wall_time,
        origin=origin_of(system, crash),
    )


def samples(system: System, *, span: float = 600.0, points: int = 720) -> Samples:
    """Return the figures of the last *span* seconds, at most a week, in about *points* steps at most.

    Up to an hour, they are made of one sample a second; beyond, of one a minute. Rates are averages over a step; of the other figures it is
    the worst, so that a peak is not lost. Raises `UsageError` if the system remembers nothing, and `SpecError`.
    """
    log = _history(system).figures
    length = min(_LONGEST, seconds(span, "span", least=1.0))
    most = count(points, "points", least=10)
    step = next((each for each in _STEPS if length / each <= most), _LONGEST / most)
    now = runtime_of(system).environment.wall_clock()
    return _columns(log.thinned(now - length, step), step)


def _columns(found: list[Sample], step: float) -> Samples:
    """The samples by column, with a value that is unknown in each gap."""
    rows: list[tuple[float, Sample | None]] = []
    for sample in found:
        if rows and (sample.mark or sample.at - rows[-1][0] > sample.seconds + max(step, GAP)):
            rows.append((max(rows[-1][0] + 0.001, sample.at - max(sample.seconds, 0.002) + 0.001), None))
        rows.append((sample.at, sample))
    gauges = ("wait", "lag", "backlog", "backlog_mean", "down", "actors")
    return Samples(
        step=step,
        at=tuple(at for at, _ in rows),
        **{name: tuple(_rate(sample, name) for _, sample in rows) for name in _RATES},
        **{name: tuple(_value(sample, name) for _, sample in rows) for name in gauges},
        marks=tuple(SampleMark(at=sample.at, what=_WORDS[sample.mark]) for sample in found if sample.mark),
    )


_RATES: Final = ("accepted", "handled", "restarts", "failures", "dead_letters")


def _rate(sample: Sample | None, name: str) -> float | None:
    """Per second; unknown in a gap, and in the first moment of a program."""
    return None if sample is None or not sample.seconds else _short(getattr(sample, name) / sample.seconds)


def _value(sample: Sample | None, name: str) -> float | None:
    return None if sample is None or math.isnan(value := getattr(sample, name)) else _short(value)


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def _history(system: System) -> History:
    history = runtime_of(system).history
    if history is None:
        raise UsageError(
            "this system remembers nothing: open it with ta.open_system(..., history=True), which tests need to ask for"
        )
    return history
