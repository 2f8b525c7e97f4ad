"""The notes of the present run, and how they are made."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import attrs
import trio

from randomlab.looking import Looks
from randomlab.notes import Note
from trioactors.testing.simulation import Simulation
from trioactors.testing.simulation.node import present_life

__all__ = [
    "Record",
    "begin",
    "details_of",
    "did",
    "lock_of_this_life",
    "next_number",
    "note",
    "notes_of_this_run",
    "recorded",
    "simulation",
    "times",
]

N = TypeVar("N", bound=Note)


@attrs.define(eq=False)
class Record:
    """The notes of a run. Those of the first start come before its workload begins, which brings the simulation."""

    notes: list[Note] = attrs.field(factory=list[Note])
    simulation: Simulation | None = None
    looks: Looks = attrs.field(factory=Looks)
    numbers: Iterator[int] = attrs.field(factory=lambda: itertools.count(1))
    locks: dict[int, trio.Lock] = attrs.field(factory=dict[int, trio.Lock])
    times: Counter[str] = attrs.field(factory=Counter[str])


_present: ContextVar[Record] = ContextVar("randomlab_record")


@contextmanager
def recorded() -> Generator[Record, None, None]:
    """Record the run in the block."""
    record = Record()
    token = _present.set(record)
    try:
        yield record
    finally:
        _present.reset(token)


def begin(simulation: Simulation) -> None:
    """Tell the notes their simulation. Called by the workload of a run."""
    _present.get().simulation = simulation


def notes_of_this_run() -> list[Note]:
    """The notes of the present run."""
    return _present.get().notes


def lock_of_this_life() -> trio.Lock:
    """The lock that everything in the present life of the node shares."""
    life = present_life.get(None)
    return _present.get().locks.setdefault(0 if life is None else life.number, trio.Lock())


def simulation() -> Simulation:
    """The simulation of the present run."""
    found = _present.get().simulation
    assert found is not None  # users exist in a workload only
    return found


def next_number() -> int:
    """A number that nothing else in this run has."""
    return next(_present.get().numbers)


def times(what: str) -> int:
    """How many times this was asked about *what* in this run, this time included."""
    counted = _present.get().times
    counted[what] += 1
    return counted[what]


def did(act: str) -> None:
    """Note, for the coverage, that an act is carried out."""
    life = present_life.get(None)
    if life is None or not life.dead:
        record = _present.get()
        record.looks.act(act, len(record.notes))


def note(kind: type[N], **details: Any) -> N | None:
    """Make a note, unless it is of a dead life: what that does has no effect."""
    life = present_life.get(None)
    if life is not None and life.dead:
        return None
    record = _present.get()
    simulation = record.simulation
    if life is None and simulation is not None:
        life = simulation.node.life
    number = 1 if life is None else life.number
    made = kind(at=trio.current_time(), life=number, seen=0 if simulation is None else len(simulation.trace), **details)
    record.looks.note(made, len(record.notes), None if life is None else life.registry)
    record.notes.append(made)
    return made


def details_of(error: BaseException) -> dict[str, Any]:
    """What an error says, for a note."""
    outcome = getattr(error, "outcome", None)
    return {
        "error": type(error).__name__,
        "begun": getattr(error, "begun", None),
        "outcome": None if outcome is None else str(getattr(outcome, "value", outcome)),
    }
