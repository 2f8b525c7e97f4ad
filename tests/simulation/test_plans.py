"""What will go wrong in a run is drawn from its seed, within what is allowed, and can be made less."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import trioactors as ta
from trioactors.testing.disk import Keep
from trioactors.testing.simulation.plans import AT_DISK, AT_STEP, Faults, Injection, Kind, Plan, drawn, stream

PLANS = [drawn(seed, Faults()) for seed in range(1_000)]
KINDS = {
    "crashes": [Kind.CRASH],
    "kills": [Kind.KILL, Kind.KILL_BEFORE, Kind.KILL_AFTER],
    "power_cuts": [Kind.POWER, Kind.CUT],
    "holds": [Kind.HOLD],
    "stalls": [Kind.STALL],
    "clocks": [Kind.CLOCK],
    "errors": [Kind.ERROR],
    "full": [Kind.FULL],
    "syncs": [Kind.SYNC],
    "delays": [Kind.DELAY],
}


def counted(plan: Plan) -> Counter[Kind]:
    return Counter(one.kind for one in plan.injections)


@given(st.integers(0, 10_000))
def test_the_same_seed_draws_the_same_plan(seed: int) -> None:
    assert drawn(seed, Faults()) == drawn(seed, Faults())


def test_other_seeds_draw_other_plans() -> None:
    assert len(set(PLANS)) > 850


def test_every_kind_is_drawn() -> None:
    assert sum(map(counted, PLANS), Counter[Kind]()).keys() == set(Kind)


def test_every_way_in_which_power_goes_is_drawn() -> None:
    assert {one.keep for plan in PLANS for one in plan.injections if one.kind is Kind.CUT} == set(Keep)


def test_each_kind_has_a_place_that_is_counted() -> None:
    assert AT_STEP | AT_DISK | {Kind.DELAY} == set(Kind)
    assert not AT_STEP & AT_DISK


def test_some_runs_have_no_fault_and_most_have() -> None:
    assert 50 < PLANS.count(Plan()) < 200


def test_no_faults_means_none() -> None:
    assert {drawn(seed, Faults.none()) for seed in range(100)} == {Plan()}


@pytest.mark.parametrize("name", KINDS)
def test_a_limit_of_three_is_reached_and_kept(name: str) -> None:
    allowed = attrs.evolve(Faults.none(), **{name: 3})

    totals = [counted(drawn(seed, allowed)) for seed in range(200)]

    assert {kind for total in totals for kind in total} == set(KINDS[name])
    assert {total.total() for total in totals} == {0, 1, 2, 3}


def test_what_a_store_in_memory_survives_ends_no_process_and_breaks_no_disk() -> None:
    kinds = {one.kind for seed in range(300) for one in drawn(seed, Faults().survivable).injections}

    assert kinds == {Kind.CRASH, Kind.HOLD, Kind.STALL, Kind.CLOCK, Kind.DELAY}


def test_nothing_lasts_longer_than_allowed_and_the_clock_is_set_both_ways() -> None:
    injections = [one for seed in range(300) for one in drawn(seed, Faults(seconds=2.0)).injections]

    lasting = [one.seconds for one in injections if one.kind is not Kind.CLOCK]
    clocks = [one.seconds for one in injections if one.kind is Kind.CLOCK]
    assert min(lasting) == 0 < max(lasting) <= 2
    assert -200 <= min(clocks) < 0 < max(clocks) <= 200


def test_places_are_counted_from_one_and_a_run_has_them_near_or_far() -> None:
    places = [one.at for plan in PLANS for one in plan.injections if one.kind in AT_STEP]

    assert min(places) == 1
    assert 1_000 < max(places) <= 1_024


@pytest.mark.parametrize(("value", "shown"), [(-1, "-1"), (0.5, "0.5"), (True, "True"), ("2", "'2'"), (None, "None")])
def test_a_wrong_number_of_faults_is_refused_by_name(value: Any, shown: str) -> None:
    with pytest.raises(ta.UsageError, match=rf"Faults\(kills={shown}\): expected how often it may happen in one run, 0 or more"):
        Faults(kills=value)


@pytest.mark.parametrize("value", [-1, math.inf, math.nan, "8", True])
def test_a_wrong_length_of_faults_is_refused_by_name(value: Any) -> None:
    with pytest.raises(ta.UsageError, match=r"Faults\(seconds=.*\): expected the longest duration of a fault in seconds"):
        Faults(seconds=value)


@pytest.mark.parametrize(
    ("injection", "text"),
    [
        (Injection(Kind.CRASH, 5, 0.5), "crash at step 5"),
        (Injection(Kind.HOLD, 5, seconds=1.5), "hold at step 5, 1.5 s"),
        (Injection(Kind.CUT, 7, keep=Keep.PREFIX, seconds=2), "power cut in at operation 7, 2 s, keeps prefix"),
        (Injection(Kind.SYNC, 2), "failed sync at sync 2"),
        (Injection(Kind.DELAY, 3, seconds=4), "slow store at call 3, 4 s"),
    ],
)
def test_a_fault_says_what_it_is(injection: Injection, text: str) -> None:
    assert str(injection) == text
    assert str(Plan((injection, injection))) == f"{text}; {text}"


def test_an_empty_plan_says_so() -> None:
    assert str(Plan()) == "no fault"


@pytest.mark.parametrize(("pick", "met"), [(0.0, "a"), (0.49, "b"), (0.9999, "d"), (1.0, "d")])
def test_a_fault_meets_one_of_those_there_are(pick: float, met: str) -> None:
    assert Injection(Kind.CRASH, 1, pick).one_of("abcd") == met


def test_streams_differ_by_seed_and_label_only() -> None:
    first = [stream(seed, label).random() for seed in (1, 2) for label in ("a", "b")]

    assert first == [stream(seed, label).random() for seed in (1, 2) for label in ("a", "b")]
    assert len(set(first)) == 4
