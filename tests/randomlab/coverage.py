"""What a run has met, and what many runs have: acts, pairs of an act and a fault, and states, also those that an act met.

The definitions:

* An act lasts from the moment at which it is carried out until what came of it is noted: an answer, or the end of an operation.
  One that notes neither is a moment.
* A fault lasts as long as it holds, stalls, or slows something, or keeps the node down; the others are a moment.
* A *pair* is met if an act and a fault overlap, or come within `NEAR` seconds of virtual time of each other.
* An act *meets* a state if the actor that carries it out, the one that it is aimed at, or the supervisor of either is in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Final

import attrs

from randomlab.notes import Got, Note, Op, Sent
from randomlab.states import FAILED_COMMITS, STATES, names
from trioactors.testing.simulation.plans import Injection, Kind
from trioactors.trace.records import (
    ChildFailed,
    ChildIgnored,
    ChildStarted,
    ChildStartFailed,
    CommitFailed,
    TraceRecord,
)

__all__ = ["FAULTS", "NEAR", "Coverage", "Did", "Met", "met", "said"]

NEAR: Final = 0.1
"""Seconds between an act and a fault that still touch each other."""

FAULTS: Final = tuple(kind.value for kind in Kind)

_LASTING: Final = frozenset({Kind.HOLD, Kind.STALL, Kind.DELAY, Kind.KILL, Kind.POWER, Kind.KILL_BEFORE, Kind.KILL_AFTER, Kind.CUT})

Pair = tuple[str, str]


@attrs.frozen(eq=False)
class Did:
    """An act that was carried out."""

    act: str
    at: float
    place: int
    """The number of notes before it: what it notes itself is the next one."""
    states: int
    """Of the actor that did it, of the one that it was aimed at, and of their supervisors."""


@attrs.frozen
class Met:
    """What one run has met."""

    acts: frozenset[str]
    pairs: frozenset[Pair]
    """Acts and faults."""
    states: frozenset[str]
    places: frozenset[Pair]
    """Acts and states."""


def met(
    acts: Sequence[Did],
    notes: Sequence[Note],
    trace: Sequence[tuple[int, TraceRecord]],
    injected: Sequence[tuple[float, Injection]],
    looked: frozenset[str],
) -> Met:
    """What a run has met; *looked* are the states that were seen by looking."""
    places = {(did.act, did.states) for did in acts}
    return Met(
        acts=frozenset(act for act, _ in places),
        pairs=frozenset(_pairs(acts, notes, injected)) if injected else frozenset(),
        states=looked | frozenset(_traced(trace)),
        places=frozenset((act, state) for act, found in places for state in _names(found)),
    )


@cache
def _names(found: int) -> tuple[str, ...]:
    return tuple(names(found))


def _pairs(acts: Sequence[Did], notes: Sequence[Note], injected: Sequence[tuple[float, Injection]]) -> Iterator[Pair]:
    over = _ends(notes)
    for did in acts:
        end = _end(did, notes, over)
        for at, fault in injected:
            if at <= end + NEAR and did.at <= at + (fault.seconds if fault.kind in _LASTING else 0.0) + NEAR:
                yield did.act, fault.kind.value


def _ends(notes: Sequence[Note]) -> Mapping[str, float]:
    """When each page was answered, and each operation was over."""
    pages = {note.page: note.at for note in notes if isinstance(note, Got)}
    return pages | {note.id: note.at for note in notes if isinstance(note, Op)}


def _end(did: Did, notes: Sequence[Note], over: Mapping[str, float]) -> float:
    match notes[did.place] if did.place < len(notes) else None:
        case Sent(at=did.at, page=known) | Op(at=did.at, id=known):
            return over.get(known, did.at)
        case _:
            return did.at


def _traced(trace: Sequence[tuple[int, TraceRecord]]) -> Iterator[str]:
    """The states that the trace tells."""
    ran: set[tuple[int, str]] = set()
    for life, record in trace:
        match record:
            case ChildStarted():
                ran.add((life, record.child))
            case ChildStartFailed() if (life, record.child) in ran:
                yield "loop: restart failed"
            case ChildIgnored():
                yield "loop: start declined"
            case ChildFailed():
                yield "loop: child failed"
            case CommitFailed():
                yield FAILED_COMMITS.get(record.error, "gate: commit refused")
            case _:
                pass


@attrs.define(eq=False)
class Coverage:
    """How many runs have met what."""

    runs: int = 0
    acts: Counter[str] = attrs.field(factory=Counter[str])
    pairs: Counter[Pair] = attrs.field(factory=Counter[Pair])
    states: Counter[str] = attrs.field(factory=Counter[str])
    places: Counter[Pair] = attrs.field(factory=Counter[Pair])

    def add(self, one: Met) -> None:
        """Add a run."""
        self.runs += 1
        self.acts.update(one.acts)
        self.pairs.update(one.pairs)
        self.states.update(one.states)
        self.places.update(one.places)


def said(coverage: Coverage, acts: Sequence[str]) -> Iterator[str]:
    """What was met of what there is, and what never was, as lines. *acts* are all acts."""
    never = [act for act in acts if not coverage.acts[act]]
    yield f"{len(acts) - len(never)} of {len(acts)} acts were met{_list(never)}"
    unmet = {fault: [act for act in acts if not coverage.pairs[act, fault]] for fault in FAULTS}
    count = len(acts) * len(FAULTS)
    yield f"{count - sum(map(len, unmet.values()))} of {count} pairs of an act and a fault were met"
    for fault, without in unmet.items():
        if without:
            yield f"  {fault} never met {'any' if len(without) == len(acts) else _few(without)}"
    states = [state for state in STATES if not coverage.states[state]]
    yield f"{len(STATES) - len(states)} of {len(STATES)} states were met{_list(states)}"
    rare = sorted((count, state) for state, count in coverage.states.items())[:_RARE]
    yield f"  the rarest: {', '.join(f'{state} ({count:,})' for count, state in rare)}"
    yield f"{len(coverage.places):,} pairs of an act and a state were met"


_RARE: Final = 8
"""States that are listed as the rarest."""


_FEW: Final = 15
"""Acts that are listed for one fault: what is never met in a long session is listed to the end."""


def _few(never: Sequence[str]) -> str:
    more = len(never) - _FEW
    return ", ".join(never[:_FEW]) + (f" and {more} more" if more > 0 else "")


def _list(never: Sequence[str]) -> str:
    return f"; never: {', '.join(never)}" if never else ""
