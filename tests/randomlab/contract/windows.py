"""`Within`: a change is committed within its window, and an orderly exit loses nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from randomlab.contract.slowness import FAILING, STORE, happened, over
from randomlab.contract.story import JUST, Story
from randomlab.notes import Began, Ended, Hook, Op, Present, State
from trioactors.trace.records import ChildExited, CommitFailed, StateCommitted

__all__ = ["WINDOWS"]

_TRIED_AGAIN = frozenset({"StoreFull", "StoreUnavailable"})
"""Failures of a commit after which its actor goes on."""


@attrs.frozen
class _Span:
    """A time in which a handler or a hook of an incarnation ran."""

    start: float
    end: float


@attrs.define
class _Life:
    """What is known of one incarnation under `Within`."""

    spans: list[_Span] = attrs.field(factory=list[_Span])
    changes: list[Ended | Hook] = attrs.field(factory=list["Ended | Hook"])
    begun: tuple[float, State] | None = None
    stops: float | None = None


def _incarnations(story: Story) -> dict[int, _Life]:
    found: dict[int, _Life] = {}
    for note in story.notes:
        if not isinstance(note, Began | Ended | Hook) or story.policy(note.actor) != "within":
            continue
        life = found.setdefault(note.instance, _Life())
        if isinstance(note, Began) or (isinstance(note, Hook) and note.phase == "begins"):
            life.begun = (note.at, note.state)
            if isinstance(note, Hook) and note.hook == "on_stop":
                life.stops = note.at
        elif life.begun is not None:
            life.spans.append(_Span(life.begun[0], note.at))
            if note.state != life.begun[1] and life.stops is None:
                life.changes.append(note)
            life.begun = None
    for life in found.values():
        if life.begun is not None:
            life.spans.append(_Span(life.begun[0], float("inf")))
    return found


def windows_are_kept(story: Story) -> Iterator[str]:
    """A change is handed to the store when its window ends, or when the handler that runs then has ended."""
    for life in _incarnations(story).values():
        for change in life.changes:
            limit = _limit(story, life, change, change.at + _seconds(story, change.actor))
            if not _kept(story, life, change, limit):
                yield f"{change.actor} changed its state at {change.at:g}; it was not committed until {limit:g}"


def _seconds(story: Story, actor: str) -> float:
    kind = story.application.kind_of(actor)
    assert kind is not None  # it has a policy
    return float(str(kind.options["persist"]).partition("(")[2].rstrip(")"))


def _limit(story: Story, life: _Life, change: Ended | Hook, moment: float) -> float:
    """When the change must be committed. A commit that failed is tried again after another window."""
    failures = [
        record.time
        for number, record in story.trace[change.seen :]
        if number == change.life and isinstance(record, CommitFailed) and record.child == change.actor
    ]
    for _ in range(len(failures) + 10):
        before = moment
        for failed in failures:
            if failed <= moment + JUST:
                moment = max(moment, failed + _seconds(story, change.actor))
        moment = max([moment, *(span.end for span in life.spans if span.start <= moment + JUST and span.end > moment)])
        moment = over(story, STORE, moment)
        if moment == before:
            break
    return moment


def _kept(story: Story, life: _Life, change: Ended | Hook, limit: float) -> bool:
    """Whether it was committed in time, or its incarnation was over before that."""
    if life.stops is not None and life.stops <= limit + JUST:
        return True
    for number, record in story.trace[change.seen :]:
        if number != change.life:
            break  # the life is over
        if record.time > limit + JUST:
            return False
        if isinstance(record, StateCommitted | ChildExited) and record.child == change.actor:
            return True
        if isinstance(record, CommitFailed) and record.error not in _TRIED_AGAIN:
            return True  # the store is opened anew, and whoever depends on it started anew
    return True


def orderly_exits_lose_nothing(story: Story) -> Iterator[str]:
    """After an exit in order the next incarnation begins with the state that the last one left, its window included."""
    if happened(story, FAILING, 0.0, float("inf")):
        return
    stopped: dict[str, Hook] = {}
    for note in story.notes:
        if isinstance(note, Op) and note.what == "forget":
            stopped.pop(note.target, None)
        elif isinstance(note, Hook) and note.hook == "on_stop" and note.phase == "returned":
            if story.policy(note.actor) == "within" and note.why in {"normal", "shutdown"}:
                stopped[note.actor] = note
        elif isinstance(note, Began | Present) or (isinstance(note, Hook) and note.phase == "begins"):
            before = stopped.pop(note.actor, None)
            kept = before is None or before.state == note.state or (note.state == () and _is_deleted(story, note))
            if before is not None and not kept and _in_order(story, before, note):
                yield f"{note.actor} exited in order at {before.at:g} with {before.state}, and began with {note.state}"


def _is_deleted(story: Story, start: Began | Hook | Present) -> bool:
    """Whether somebody had begun to delete the record of the actor and was not done: its start may have found none."""
    forgets = [note for note in story.all(Op) if (note.what, note.target) == ("forget", start.actor)]
    before = [note for note in forgets if story.place(note) < story.place(start)]
    return bool({note.id for note in before if note.phase == "begins"} - {note.id for note in before if note.phase == "done"})


def _in_order(story: Story, before: Hook, after: Began | Hook | Present) -> bool:
    """Whether the exit was in order to its end, and the store is still there."""
    if story.application.store == "memory:" and before.life != after.life:
        return False
    exits: Sequence[ChildExited] = [
        record
        for number, record in story.trace[before.seen : after.seen]
        if number == before.life and isinstance(record, ChildExited) and record.child == before.actor
    ]
    return bool(exits) and exits[0].reason.orderly


WINDOWS = (windows_are_kept, orderly_exits_lose_nothing)
