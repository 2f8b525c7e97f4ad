"""Differences between two plain values."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioactors.inspect import Change, ChangeKind, changes

EVERYTHING = 1_000_000

leaf = st.none() | st.booleans() | st.integers(-1, 2) | st.sampled_from([0.0, 1.0, 1.5]) | st.text("ab", max_size=2)
value = st.recursive(
    leaf, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text("abc", max_size=1), inner, max_size=4)
)


def applied(old: Any, steps: tuple[Change, ...]) -> Any:
    """Apply the steps to *old*, as the protocol describes."""
    root = [copy.deepcopy(old)]
    for step in steps:
        *way, last = (0, *step.path)
        place: Any = root
        for key in way:
            place = place[key]
        match step.kind:
            case ChangeKind.GONE:
                assert same(place.pop(last), step.before)
            case ChangeKind.ADDED if isinstance(place, list):
                place.insert(last, step.after)
            case ChangeKind.ADDED:
                assert last not in place
                place[last] = step.after
            case ChangeKind.CHANGED:
                assert same(place[last], step.before)
                place[last] = step.after
    return root[0]


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal, types included."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(each, other[key]) for key, each in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@given(value, value)
def test_the_steps_lead_from_the_one_to_the_other(before: Any, after: Any) -> None:
    steps, more = changes(before, after, limit=EVERYTHING)

    assert same(applied(before, steps), after)
    assert more == 0


@given(value)
def test_nothing_has_changed_where_all_is_the_same(old: Any) -> None:
    assert changes(old, copy.deepcopy(old), limit=EVERYTHING) == ((), 0)


@given(value, value, st.integers(0, 4))
def test_what_is_left_out_is_counted(before: Any, after: Any, limit: int) -> None:
    everything, _ = changes(before, after, limit=EVERYTHING)

    first, more = changes(before, after, limit=limit)

    assert (first, more) == (everything[:limit], len(everything[limit:]))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"n": 1}, {"n": 2}, [(("n",), "changed", 1, 2)]),
        ({"n": 1}, {"n": True}, [(("n",), "changed", 1, True)]),
        ({}, {"n": None}, [(("n",), "added", None, None)]),
        ({"n": 1}, {}, [(("n",), "gone", 1, None)]),
        ([1, 2, 3], [1, 3], [((1,), "gone", 2, None)]),
        ([1, 3], [1, 2, 3], [((1,), "added", None, 2)]),
        ([1, 2, 3], [1], [((2,), "gone", 3, None), ((1,), "gone", 2, None)]),
        ({"shelf": [{"n": 1}, {"n": 2}]}, {"shelf": [{"n": 1}, {"n": 5}]}, [(("shelf", 1, "n"), "changed", 2, 5)]),
        ([], {}, [((), "changed", [], {})]),
    ],
)
def test_a_change_says_where_and_what(before: Any, after: Any, told: list[Any]) -> None:
    steps, _ = changes(before, after, limit=EVERYTHING)

    assert [(step.path, step.kind.value, step.before, step.after) for step in steps] == told
