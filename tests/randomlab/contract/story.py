"""The story of a run: what the rules read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Final, TypeVar, cast

import attrs

from randomlab.contract.hands import OUT, Window, windows
from randomlab.data import Application
from randomlab.notes import Began, Ended, Got, Note, Op, Sent
from trioactors.testing.simulation import Simulation
from trioactors.testing.simulation.plans import Injection, Kind
from trioactors.trace.records import MessageShed, TraceRecord

__all__ = ["JUST", "Story"]

N = TypeVar("N", bound=Note)

JUST: Final = 1e-6
"""Seconds by which two sums of the same times may differ."""

_OF_STORE = frozenset({Kind.ERROR, Kind.FULL, Kind.SYNC, Kind.KILL_BEFORE, Kind.KILL_AFTER, Kind.CUT, Kind.KILL, Kind.POWER})
_OF_TIME = frozenset({Kind.HOLD, Kind.STALL, Kind.DELAY})


@attrs.frozen(eq=False)
class Story:
    """A run, as its actors and users noted it."""

    application: Application
    notes: Sequence[Note]
    trace: Sequence[tuple[int, TraceRecord]]
    injected: Sequence[tuple[float, Injection]]
    lives: int

    @classmethod
    def of(cls, application: Application, simulation: Simulation, notes: Sequence[Note]) -> Story:
        """The story of *simulation*."""
        return cls(application, tuple(notes), tuple(simulation.trace), tuple(simulation.injected), simulation.node.lives)

    def all(self, kind: type[N]) -> Sequence[N]:
        """All notes of one kind, in order."""
        return cast("Sequence[N]", self._by_kind[kind])

    @cached_property
    def _by_kind(self) -> Mapping[type[Note], Sequence[Note]]:
        kinds: defaultdict[type[Note], list[Note]] = defaultdict(list)
        for note in self.notes:
            kinds[type(note)].append(note)
        return kinds

    def place(self, note: Note) -> int:
        """The place of a note among all of them: much happens in one moment."""
        return self._places[id(note)]

    @cached_property
    def _places(self) -> Mapping[int, int]:
        return {id(note): place for place, note in enumerate(self.notes)}

    @cached_property
    def began(self) -> dict[str, Began]:
        """How each page began."""
        return {note.page: note for note in self.all(Began)}

    @cached_property
    def ended(self) -> dict[str, Ended]:
        """How each page ended."""
        return {note.page: note for note in self.all(Ended)}

    @cached_property
    def got(self) -> dict[str, Got]:
        """What the sender of each page got."""
        return {note.page: note for note in self.all(Got)}

    @cached_property
    def sent(self) -> dict[str, Sent]:
        """How each page was sent."""
        return {note.page: note for note in self.all(Sent)}

    @cached_property
    def left(self) -> dict[str, float]:
        """When the callers that did not wait to the end left; what their calls led to has this deadline, too. They may note it later."""
        return {
            note.id: self.sent[note.id].at + note.seconds for note in self.all(Op) if note.what == "leave" and note.id in self.sent
        }

    def at_its_limit(self, ended: Ended) -> bool:
        """Whether a handler ended when its execution limit passed: its actor may have crashed just before, whatever came of the handler."""
        began = self.began.get(ended.page)
        handler = None if began is None else self.application.handler_of(ended.actor, began.handler)
        limit = None if handler is None else handler.options.get("execution_timeout")
        return began is not None and limit is not None and ended.at >= began.at + limit - JUST

    def shed(self, sent: Sent, before: float) -> bool:
        """Whether a message may have been dropped, as too late for a reply: its caller waits to its deadline."""
        return any(
            isinstance(record, MessageShed)
            and (life, record.child, record.handler) == (sent.life, sent.target, sent.handler)
            and sent.at <= record.time <= before
            for life, record in self.trace
        )

    @cached_property
    def by_hand(self) -> list[Window]:
        """What was done to children by hand."""
        return windows(self.notes)

    def touched(self, children: Collection[str], first: int, last: float) -> bool:
        """Whether one of *children* may have been stopped, started or forgotten by hand between two places of the trace."""
        return any(each.child in children and each.first <= last and each.last >= first for each in self.by_hand)

    def changed(self, children: Collection[str], before: float) -> bool:
        """Whether one of *children* may have been taken out or replaced by hand: it may be missing, or stand at another place."""
        return any(each.child in children and each.what in OUT and each.first <= before for each in self.by_hand)

    def life_at(self, place: int) -> int:
        """The life of the node in which the record at a place of the trace was made; the last one beyond its end."""
        return self.trace[place][0] if place < len(self.trace) else self.lives

    @cached_property
    def store_disturbed(self) -> bool:
        """Whether commits may have failed, or the node may have been killed."""
        refuses = self.application.store in {"flaky file:", "small file:"}
        return refuses or any(one.kind in _OF_STORE for _, one in self.injected) or self.ended_early

    @cached_property
    def ended_early(self) -> bool:
        """Whether a life of the node ended otherwise than by `settle`."""
        return self.was_killed(1)

    def was_killed(self, life: int) -> bool:
        """Whether a life of the node ended otherwise than by `settle`, which ends one only where a store survives it."""
        return self.lives - life > (1 if self.application.lasting else 0)

    @cached_property
    def slowed(self) -> bool:
        """Whether the clock went on while a task could not."""
        return any(one.kind in _OF_TIME for _, one in self.injected)

    @cached_property
    def crashed_by_plan(self) -> bool:
        """Whether actors were crashed from outside."""
        return any(one.kind is Kind.CRASH for _, one in self.injected)

    def policy(self, actor: str) -> str:
        """How an actor is kept: every, within, or no."""
        kind = self.application.kind_of(actor)
        persist = "" if kind is None else str(kind.options.get("persist", ""))
        return "every" if persist.endswith("EVERY_MESSAGE") else "within" if persist else "no"
