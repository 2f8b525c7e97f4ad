"""Snapshot plus differences equals state, for any state and any speed."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioactors.console.differences import applied, difference

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2), st.sampled_from([0.0, 1.0, 0.5]), st.sampled_from(["", "a", "…", "<b>"])
)
keys = st.sampled_from(["a", "b", "name", "number", "is", "list", "set"])
rows = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from("abcde")}, optional={"x": scalars, "number": st.integers(0, 3)}),
    max_size=6,
    unique_by=lambda row: row["name"],
)
values = st.recursive(
    st.one_of(scalars, rows),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=12,
)


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal as JSON: true is not 1."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@given(values, values)
def test_a_snapshot_and_its_difference_are_the_next_state(old: Any, new: Any) -> None:
    before = copy.deepcopy(old)

    change = difference(old, new)

    assert same(old, before)
    assert same(old if change is None else applied(old, json.loads(json.dumps(change))), new)
    assert (change is None) == same(old, new)


@given(st.lists(values, min_size=1, max_size=12), st.lists(st.booleans(), max_size=12))
def test_a_viewer_of_any_speed_ends_with_the_state_that_was_looked_at_last(states: list[Any], looks: list[bool]) -> None:
    shown, last = states[0], states[0]
    for state, look in zip(states[1:], looks, strict=False):
        if look:
            change = difference(last, state)
            shown = shown if change is None else applied(shown, change)
            last = state

    assert same(shown, last)


@given(rows, rows)
def test_rows_that_only_moved_are_not_sent_again(old: list[Any], new: list[Any]) -> None:
    moved = list(reversed(old))

    change = difference(old, moved)

    assert "is" not in json.dumps(change or {}).replace("list", "")


def test_a_row_that_changed_is_sent_as_its_change() -> None:
    old = [{"name": "a", "waiting": 0, "age": 1}, {"name": "b", "waiting": 3, "age": 1}]
    new = [{"name": "b", "waiting": 4, "age": 1}, {"name": "a", "waiting": 0, "age": 1}]

    assert difference(old, new) == {"list": [{"from": 1, "change": {"change": {"waiting": {"is": 4}}}}, [0, 1]]}


@pytest.mark.parametrize(("old", "new"), [(True, 1), (1, 1.0), (0, False), ({"a": 1}, {"a": True}), ([], {}), (None, 0)])
def test_what_python_takes_for_equal_and_json_does_not_is_a_change(old: Any, new: Any) -> None:
    change = difference(old, new)

    assert change is not None
    assert same(applied(old, change), new)
