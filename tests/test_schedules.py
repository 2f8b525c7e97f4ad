"""Policies, and the tape of their choices."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

import trioactors as ta
from trioactors.testing.schedules import (
    HORIZONS,
    PATIENCE,
    Playback,
    Policy,
    Priorities,
    Recording,
    Steps,
    Tape,
    chooser,
    policy_of,
)

tapes = st.builds(Tape.of, st.sampled_from([Policy.BATCH, Policy.STEP]), st.lists(st.integers(0, 12)))


@given(tapes)
def test_a_tape_that_is_printed_can_be_read_back(tape: Tape) -> None:
    assert Tape.parse(str(tape)) == tape


def test_a_tape_is_one_short_word() -> None:
    assert str(Tape.of(Policy.PRIORITIES, [0] * 14 + [2, 1, 1, 0, 0])) == "step:0*14,2,1*2"


def test_zeros_at_the_end_of_a_tape_say_nothing() -> None:
    assert Tape.of(Policy.STEP, [1, 0, 0]) == Tape.of(Policy.STEP, [1])


@pytest.mark.parametrize("text", ["", "0,1", "mix:0", "priorities:1", "step:x", "step:1*y", "step:-1"])
def test_what_is_no_tape_is_refused(text: str) -> None:
    with pytest.raises(ta.UsageError, match="is not a tape"):
        Tape.parse(text)


def test_a_tape_counts_how_often_somebody_jumps_the_queue() -> None:
    assert Tape.of(Policy.STEP, [0, 2, 0, 1]).jumps == 2


@given(tapes, st.lists(st.integers(2, 9), max_size=20))
def test_a_recorded_playback_is_the_tape_as_far_as_it_goes(tape: Tape, lengths: list[int]) -> None:
    recording = Recording(Playback(tape))

    chosen = [recording.choose(range(length)) for length in lengths]

    padded = [*tape.choices, *[0] * len(lengths)]
    assert chosen == recording.choices == [min(choice, length - 1) for choice, length in zip(padded, lengths, strict=False)]


@pytest.mark.parametrize("policy", [Policy.BATCH, Policy.STEP, Policy.PRIORITIES])
def test_a_seed_chooses_the_same_each_time(policy: Policy) -> None:
    def choices(seed: int) -> list[int]:
        choosing = chooser(seed, policy)
        return [choosing.choose(range(5)) for _ in range(50)]

    assert choices(3) == choices(3)
    assert choices(3) != choices(4)


def test_single_steps_choose_anybody() -> None:
    steps = Steps(random.Random(1))

    assert {steps.choose(range(7)) for _ in range(200)} == set(range(7))


def test_with_priorities_the_same_task_goes_on_until_they_change() -> None:
    counts: Counter[int] = Counter()
    for seed in range(100):
        priorities = Priorities(random.Random(seed))
        chosen = [priorities.choose((10, 20, 30)) for _ in range(PATIENCE)]
        counts[sum(before != after for before, after in itertools.pairwise(chosen))] += 1

    assert set(counts) == {0, 1, 2, 3}


def test_who_is_first_by_priority_does_not_depend_on_who_waits_first() -> None:
    priorities = Priorities(random.Random(5))
    waiting = [10, 20, 30]
    first = waiting[priorities.choose(waiting)]

    assert waiting[::-1][priorities.choose(waiting[::-1])] == first


def test_nobody_goes_on_for_ever_while_others_wait() -> None:
    priorities = Priorities(random.Random(2))
    chosen = [priorities.choose((10, 20, 30)) for _ in range(3 * PATIENCE + max(HORIZONS))]

    assert set(chosen) == {0, 1, 2}


def test_a_mix_is_a_fifth_batches_and_two_fifths_of_each_other() -> None:
    drawn = Counter(policy_of(seed, Policy.MIX) for seed in range(2_000))

    assert 300 < drawn[Policy.BATCH] < 500
    assert 700 < drawn[Policy.STEP] < 900
    assert 700 < drawn[Policy.PRIORITIES] < 900
    assert Policy.MIX not in drawn


def test_a_policy_that_is_no_mix_is_itself() -> None:
    assert {policy_of(seed, Policy.STEP) for seed in range(50)} == {Policy.STEP}
