"""Partitions: each key always at the same child, in every run, and all children used."""

from __future__ import annotations

import enum
import subprocess
import sys
from typing import Any

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

import trioactors as ta
from trioactors.testing import isolated_system

COUNTERS = ta.Partitions("counter", 4)
SESSIONS = ta.Partitions("sessions", 3)


@define
class Counts:
    counts: dict[str, int] = field(factory=dict[str, int])


class Counter(ta.Actor[Counts], persist=ta.EVERY_MESSAGE):
    @ta.handler
    async def add(self, key: str) -> int:
        self.state.counts[key] = self.state.counts.get(key, 0) + 1
        return self.state.counts[key]

    @ta.handler(reads=True)
    async def keys(self) -> list[str]:
        return list(self.state.counts)


def counter(name: str) -> ta.ChildSpec:
    return ta.child(Counter, name=name)


async def test_each_key_has_its_child(autojump_clock: MockClock) -> None:
    async with isolated_system(COUNTERS.supervisor(counter)) as system:
        for _ in range(2):
            for number in range(40):
                await system.get(Counter, COUNTERS.of(f"user {number}")).add(f"user {number}")

        held = [set(await system.get(Counter, name).keys()) for name in COUNTERS.names]
        assert await system.get(Counter, COUNTERS.of("user 7")).add("user 7") == 3

    assert all(held)
    assert sum(map(len, held)) == len(set().union(*held)) == 40


async def test_partitions_can_be_supervisors(autojump_clock: MockClock) -> None:
    tree = SESSIONS.supervisor(lambda name: ta.Supervisor(name=name, strategy="dynamic"), strategy="one_for_one")

    async with isolated_system(tree) as system:
        session = await system.supervisor(SESSIONS.of("ann")).start_child(ta.child(Counter, name="session ann"))

        assert await session.add("x") == 1
        assert [row.name for row in system.supervisor("sessions").which_children()] == ["sessions-0", "sessions-1", "sessions-2"]


@given(st.text() | st.binary() | st.integers(), st.integers(1, 50))
def test_a_key_belongs_to_one_of_the_partitions(key: str | bytes | int, number: int) -> None:
    partitions = ta.Partitions("p", number)

    assert partitions.of(key) in partitions.names
    assert partitions.of(key) == partitions.of(key)


def test_a_key_belongs_to_the_same_partition_in_every_run() -> None:
    program = "import trioactors as ta; print(ta.Partitions('counter', 4).of('alice'))"
    ran = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }

    assert ran == {f"{COUNTERS.of('alice')}\n"} == {"counter-3\n"}


def test_the_options_of_the_supervisor_are_passed_on() -> None:
    tree = COUNTERS.supervisor(counter, intensity=ta.Intensity(limit=9), restart="transient")

    assert (tree.name, tree.intensity, tree.restart) == ("counter", ta.Intensity(limit=9), ta.Restart.TRANSIENT)


@pytest.mark.parametrize("key", [None, 1.5, True, ("a",), object()])
def test_a_key_of_another_type_is_refused(key: Any) -> None:
    with pytest.raises(ta.SpecError, match=r"Partitions.of\("):
        COUNTERS.of(key)


@pytest.mark.parametrize(("name", "number"), [("", 3), (5, 3), ("a", 0), ("a", -1), ("a", 1.5), ("a", True), ("a", None)])
def test_wrong_options_are_refused(name: Any, number: Any) -> None:
    with pytest.raises(ta.SpecError):
        ta.Partitions(name, number)


@pytest.mark.parametrize("make", [None, 5, lambda _: Counter, lambda _: None, lambda _: ta.child(Counter, name="other")])
def test_a_function_that_makes_no_child_of_that_name_is_refused(make: Any) -> None:
    with pytest.raises(ta.SpecError, match=r"Partitions.supervisor"):
        COUNTERS.supervisor(make)


class Word(str, enum.Enum):  # noqa: UP042 - it is about such classes
    SUN = "sun"

    def __str__(self) -> str:
        return "something else"


class Number(int, enum.Enum):
    SEVEN = 7


class Loud(bytes):
    def __str__(self) -> str:
        return "LOUD"


LONG = 7**9_000
"""More digits than Python writes."""


@pytest.mark.parametrize(
    ("key", "equal"),
    [(Word.SUN, "sun"), (Number.SEVEN, 7), (Loud(b"low"), b"low"), (LONG, LONG)],
    ids=["str", "int", "bytes", "long"],
)
def test_equal_keys_belong_to_the_same_child(key: str | bytes | int, equal: str | bytes | int) -> None:
    partitions = ta.Partitions("p", 10_000)

    assert key == equal
    assert partitions.of(key) == partitions.of(equal)


@pytest.mark.parametrize("key", [True, 1.0, None, ("a", 1), COUNTERS])
def test_what_has_no_single_form_is_refused_as_a_key(key: Any) -> None:
    """Some are equal to keys that are accepted (True and 1.0 to 1), and equal keys must not have two children."""
    with pytest.raises(ta.SpecError, match="a key is a str, bytes or an int; of anything else, give one that stands for it"):
        COUNTERS.of(key)
