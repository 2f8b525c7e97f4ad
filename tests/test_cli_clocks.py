"""Times as people write them."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone

from trioactors.cli.clocks import LocalClock
from trioactors.cli.tables import traced_lines

NOW = 1_796_047_323.0
"""2026-11-30 14:02:03 in UTC."""
EAST = timezone(timedelta(hours=9, minutes=30))


def test_the_time_of_day_has_milliseconds_and_today_is_not_told() -> None:
    clock = LocalClock(NOW - 100.0, NOW, UTC)

    assert clock.read(100.0) == (None, "14:02:03.000")
    assert clock.read(100.0427) == (None, "14:02:03.042")
    assert clock.read(99.9996) == (None, "14:02:02.999")


def test_the_date_is_told_when_it_changes() -> None:
    clock = LocalClock(NOW, NOW, UTC)
    midnight = 9 * 3_600 + 57 * 60 + 57

    assert [clock.read(time) for time in (midnight - 0.001, midnight, midnight + 1)] == [
        (None, "23:59:59.999"),
        ("Tuesday, 2026-12-01", "00:00:00.000"),
        (None, "00:00:01.000"),
    ]


def test_it_is_the_date_here() -> None:
    assert LocalClock(NOW, NOW, EAST).read(0.0) == (None, "23:32:03.000")
    assert LocalClock(NOW, NOW, EAST).read(1_800.0) == ("Tuesday, 2026-12-01", "00:02:03.000")


def test_a_trace_has_the_date_in_a_line_of_its_own() -> None:
    clock = LocalClock(NOW, NOW, UTC)
    row = {"kind": "MessageHandled", "child": "anna", "fields": {"handler": "note", "cause": None}}

    assert traced_lines({**row, "time": 1.0}, clock) == ['14:02:04.000  MessageHandled     anna  handler="note"']
    assert traced_lines({**row, "time": 90_000.5}, clock) == [
        "--- Tuesday, 2026-12-01 ---",
        '15:02:03.500  MessageHandled     anna  handler="note"',
    ]
