"""The rules of a stop, as functions of times."""

from __future__ import annotations

import math
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioactors.supervision.stopping import Stopping, drain_end, longest_drain, whole_stop
from trioactors.system.signals import Reaction, exit_of, reaction

times = st.integers(0, 60).map(float)
lengths = times | st.just(math.inf)


@given(times, lengths, lengths, times)
def test_a_drain_ends_before_the_stop_is_forced_and_leaves_time_for_the_ordered_stop(
    now: float, drain: float, stop_timeout: float, grace: float
) -> None:
    stopping = whole_stop(now, drain, stop_timeout=stop_timeout, grace=grace)

    assert stopping.forced_at == now + stop_timeout
    assert now <= stopping.latest <= stopping.forced_at
    if stop_timeout < math.inf:
        assert stopping.forced_at - stopping.latest == min(2 * grace, stop_timeout / 2)
    assert (stopping.drain_until is None) == (drain == 0)
    if stopping.drain_until is not None:
        assert stopping.drain_until == min(now + drain, stopping.latest)


def test_by_default_a_stop_takes_less_than_kubernetes_grants() -> None:
    stopping = whole_stop(0.0, math.inf, stop_timeout=20.0, grace=5.0)

    assert stopping == Stopping(began=0.0, drain_until=10.0, latest=10.0, forced_at=20.0)


def test_half_of_a_short_time_is_left_for_the_ordered_stop() -> None:
    assert longest_drain(stop_timeout=4.0, grace=5.0) == 2.0


SYSTEM = Stopping(began=0.0, drain_until=12.0, latest=15.0, forced_at=20.0)
QUIET = Stopping(began=0.0, drain_until=None, latest=15.0, forced_at=20.0)


@pytest.mark.parametrize(
    ("own", "stopping", "end"),
    [
        (None, None, None),
        (None, QUIET, None),
        (None, SYSTEM, 12.0),
        (0.0, SYSTEM, None),
        (2.0, SYSTEM, 12.0),
        (2.0, QUIET, 12.0),
        (30.0, QUIET, 15.0),
        (math.inf, QUIET, 15.0),
        (math.inf, None, 17.0),
        (30.0, None, 40.0),
    ],
)
def test_when_the_drain_of_one_child_ends(own: float | None, stopping: Stopping | None, end: float | None) -> None:
    assert drain_end(10.0, own, stopping, longest=7.0) == end


@pytest.mark.parametrize(
    ("counted", "since_last", "then"),
    [
        (0, 0.0, Reaction.STOP),
        (1, 0.1, Reaction.NOTHING),
        (1, 0.2, Reaction.FORCE),
        (2, 0.1, Reaction.NOTHING),
        (2, 1.0, Reaction.DIE),
        (7, 1.0, Reaction.DIE),
    ],
)
def test_what_follows_from_a_signal(counted: int, since_last: float, then: Reaction) -> None:
    assert reaction(counted, since_last) is then


def test_how_a_program_ends_after_a_signal() -> None:
    assert isinstance(exit_of(signal.SIGINT), KeyboardInterrupt)
    assert [error.code for error in map(exit_of, (signal.SIGTERM, signal.SIGHUP)) if isinstance(error, SystemExit)] == [143, 129]
