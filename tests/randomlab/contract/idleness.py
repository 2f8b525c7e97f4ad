"""Idleness: an actor that has nothing to do begins whatever waits for it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import attrs

from randomlab.contract.slowness import FAILING, STORE, TASKS, happened, slow
from randomlab.contract.story import JUST, Story
from randomlab.notes import Began, Ended, Hook, Note, Op, Sent
from trioactors.trace.records import ChildExited, ChildStarted, MessageDeadLettered, TraceRecord

__all__ = ["IDLENESS"]

_LONG = 30.0
"""Seconds after which a store that failed is open again, and everything that depends on it stopped."""


@attrs.define
class _Doing:
    """What an actor does in one life of the node."""

    started: bool = False
    busy: set[str] = attrs.field(factory=set[str])
    pauses: set[str] = attrs.field(factory=set[str])
    since: float | None = None
    """Since when it has been idle."""
    idle: list[tuple[float, float]] = attrs.field(factory=list[tuple[float, float]])
    """The times in which it was idle."""

    def look(self, at: float) -> None:
        """Note whether it is idle now."""
        if self.started and not self.busy and not self.pauses:
            self.since = at if self.since is None else self.since
        elif self.since is not None:
            self.idle.append((self.since, at))
            self.since = None

    def over(self, at: float) -> None:
        """Its life is over."""
        if self.since is not None:
            self.idle.append((self.since, at))


Doings = Mapping[tuple[int, str], _Doing]


def _doings(story: Story) -> Doings:
    """What each actor did in each life."""
    found: dict[tuple[int, str], _Doing] = {}
    ends: dict[int, float] = {}
    place = 0
    for note in (*story.notes, None):
        while place < len(story.trace) and (note is None or place < note.seen):
            life, record = story.trace[place]
            ends[life] = record.time
            _heed_record(found.setdefault((life, record.child), _Doing()), record)
            place += 1
        if note is not None:
            ends[note.life] = note.at
            _heed(found, note)
    for (life, _), doing in found.items():
        doing.over(ends[life])
    return found


def _heed_record(doing: _Doing, record: TraceRecord) -> None:
    if isinstance(record, ChildStarted):
        doing.started = True
    elif isinstance(record, ChildExited):
        doing.started = False
        doing.busy.clear()
    doing.look(record.time)


def _heed(found: dict[tuple[int, str], _Doing], note: Note) -> None:
    if isinstance(note, Began | Ended | Hook):
        doing = found.setdefault((note.life, note.actor), _Doing())
        if isinstance(note, Began):
            doing.busy.add(note.page)
        elif isinstance(note, Ended):
            doing.busy.discard(note.page)
        elif note.phase == "begins":
            doing.started = doing.started and note.hook != "on_stop"  # it takes no more messages
            doing.busy.add(note.hook)
        else:
            doing.busy.discard(note.hook)
        doing.look(note.at)
    elif isinstance(note, Op) and note.what == "pause":
        doing = found.setdefault((note.life, note.target), _Doing())
        if note.id == "the end":
            doing.pauses.clear()
        elif note.phase in {"begins", "paused", "paused by itself"}:
            doing.pauses.add(note.id)
        else:  # it is resumed, or the pause was not begun
            doing.pauses.discard(note.id)
        doing.look(note.at)


def the_idle_begin_what_waits(story: Story) -> Iterator[str]:
    """No message waits for an actor that runs, is not paused, and handles nothing."""
    doings = _doings(story)
    late = _late(story)
    for page, sent in story.sent.items():
        start, end = _waits(story, sent, late)
        doing = doings.get((sent.life, sent.target))
        if doing is None or end <= start:
            continue
        for idle, busy in doing.idle:
            since, until = max(idle, start), min(busy, end)
            if since + JUST < until and not _excused(story, sent.target, start, until):
                yield f"{page} waited for {sent.target}, which was idle from {since:g} to {until:g}"
                break


def _late(story: Story) -> Mapping[tuple[str, str], float]:
    """For each handler of an actor, when it first began a call that was not answered in time: it may shed calls after that."""
    found: dict[tuple[str, str], float] = {}
    for page, began in story.began.items():
        got = story.got.get(page)
        if got is None or got.error in {"CallTimeout", "not looked at"} or page in story.left:
            key = (began.actor, began.handler)
            found[key] = min(found.get(key, math.inf), began.at)
    return found


def _waits(story: Story, sent: Sent, late: Mapping[tuple[str, str], float]) -> tuple[float, float]:
    """From when to when a message waited in a mailbox, as far as that is sure."""
    nothing = (0.0, 0.0)
    got, began = story.got.get(sent.page), story.began.get(sent.page)
    kind = story.application.kind_of(sent.target)
    if kind is None or (began is not None and began.life != sent.life):
        return nothing
    if sent.way == "call":
        if began is not None:
            return sent.at, began.at
        sheds = got is not None and late.get((sent.target, sent.handler), math.inf) <= got.at
        return nothing if got is None or got.error != "CallTimeout" or sheds else (sent.at, got.at)
    if got is None or got.error is not None or _gated(story, sent) or kind.options.get("overflow") == "drop_oldest":
        return nothing
    if began is not None:
        return got.at, began.at
    exits = [  # it may be a dead letter from then on, perhaps before its sender goes on
        record.time
        for life, record in story.trace[sent.seen :]
        if life == sent.life and isinstance(record, ChildExited | MessageDeadLettered) and record.child == sent.target
    ]
    return got.at, min([*exits[:1], math.inf if sent.within is None else sent.at + sent.within])


def _gated(story: Story, sent: Sent) -> bool:
    """Whether it leaves its sender later than it is sent."""
    return story.policy(sent.sender.partition("#")[0]) == "every"


def _excused(story: Story, actor: str, start: float, end: float) -> bool:
    if slow(story, TASKS, start, end):
        return True
    durable = story.policy(actor) != "no"
    return durable and (slow(story, STORE, start, end) or happened(story, FAILING, start - _LONG, end))


IDLENESS = (the_idle_begin_what_waits,)
