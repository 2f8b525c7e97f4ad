"""Options that are words: the words that type checkers know are those that the library takes."""

from __future__ import annotations

import enum
from typing import Any, get_args

import pytest

import trioactors as ta
from trioactors import console, inspect, names, testing


def pairs() -> dict[str, tuple[type[enum.Enum], Any]]:
    """Each public enum that has words, with its words."""
    found: dict[str, tuple[type[enum.Enum], Any]] = {}
    for door in (names, inspect, testing, console):
        public = vars(door)
        found |= {name: (public[name.removesuffix("Word")], public[name]) for name in public if name.endswith("Word")}
    return found


@pytest.mark.parametrize("name", pairs())
def test_there_is_a_word_for_each_member_and_no_other(name: str) -> None:
    kind, words = pairs()[name]

    assert get_args(words) == tuple(member.value for member in kind)


def test_every_enum_that_is_an_option_has_words() -> None:
    assert set(pairs()) == {
        *("AutoShutdownWord", "ChildStatusWord", "ExitKindWord", "GiveUpWord", "OverflowWord", "RestartWord", "StrategyWord"),
        *("DurableSortWord", "HandlerSortWord", "HandlerSpanWord", "OnUnreadableWord", "SortByWord", "PolicyWord", "RoleWord"),
    }


async def work() -> None:
    """Do nothing."""


def test_a_wrong_word_still_names_those_that_are_known() -> None:
    word: Any = "transiant"

    with pytest.raises(ta.SpecError, match=r"restart='transiant' is unknown; choose one of 'permanent', 'transient', 'temporary'"):
        ta.child(work, restart=word)
