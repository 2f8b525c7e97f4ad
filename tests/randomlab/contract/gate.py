"""The output gate: nothing of a durable actor is seen before the state that it follows from is committed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import attrs

from randomlab.contract.story import Story
from randomlab.notes import Began, Ended, Finished, Got, Hook, Note, Sent, State, TimerSet
from trioactors.trace.records import ChildExited, ChildStarted, ChildStartFailed, StateCommitted

__all__ = ["GATE"]

Needed = Mapping[str, "Ended | Hook | None"]
"""For each message and hook that succeeded, what has to be committed before anything of it is seen: the last one that changed the state."""


@attrs.define
class _Desk:
    """What is known of one incarnation."""

    begun: State = ()
    ended: State | None = None
    changer: Ended | Hook | None = None


def _needed(story: Story) -> Needed:
    found: dict[str, Ended | Hook | None] = {}
    desks: dict[int, _Desk] = {}
    for note in story.notes:
        if not isinstance(note, Began | Ended | Hook) or story.policy(note.actor) != "every":
            continue
        desk = desks.setdefault(note.instance, _Desk())
        if isinstance(note, Began) or (isinstance(note, Hook) and note.phase == "begins"):
            if note.state != desk.ended:  # undone, or new: so it is the committed one
                desk.changer = None
            desk.begun = note.state
            continue
        desk.ended = note.state
        if isinstance(note, Hook):
            if note.phase == "returned" and note.why not in {"crash", "killed"}:
                desk.changer = note if note.state != desk.begun else desk.changer
                found[f"{note.hook} {note.actor}#{note.instance}"] = desk.changer
        elif note.how == "returned":
            desk.changer = note if note.state != desk.begun else desk.changer
            found[note.page] = desk.changer
        elif note.how == "declared":
            found[note.page] = desk.changer  # its own changes are undone; those before it are waited for
    ticks = {note.page for note in story.all(TimerSet) if note.repeats}  # one page many times: which of them is not known
    return {page: changer for page, changer in found.items() if page not in ticks}


def _commits(story: Story) -> Mapping[tuple[int, str], Sequence[int]]:
    """The places in the trace of all commits of each actor in each life."""
    found: dict[tuple[int, str], list[int]] = {}
    for place, (life, record) in enumerate(story.trace):
        if isinstance(record, StateCommitted):
            found.setdefault((life, record.child), []).append(place)
    return found


def _committed(commits: Mapping[tuple[int, str], Sequence[int]], changer: Ended | Hook, until: int) -> bool:
    places = commits.get((changer.life, changer.actor), ())
    first = bisect_left(places, changer.seen)
    return first < len(places) and places[first] < until


def nothing_leaves_before_its_commit(story: Story) -> Iterator[str]:
    """Answers, casts and timers of a durable actor come after a commit of the state which they follow from."""
    needed, is_committed = _needed(story), partial(_committed, _commits(story))
    given = {note.page: note.by for note in story.all(Finished)}
    timers = {note.page: note for note in story.all(TimerSet)}
    for note in story.notes:
        for what, source in _seen(story, note, given, timers):
            changer = needed.get(source)
            if changer is not None and not is_committed(changer, note.seen):
                yield f"{what} at {note.at:g} before the state that {changer.actor} left at {changer.at:g} was committed"


def _seen(story: Story, note: Note, given: Mapping[str, str], timers: Mapping[str, TimerSet]) -> Iterator[tuple[str, str]]:
    """What becomes visible by a note, and the message that it is from."""
    if isinstance(note, Got) and note.error in {None, "Refused"} and story.sent[note.page].way == "call":
        yield f"the caller of {note.page} got its answer", given.get(note.page, note.page)
    elif isinstance(note, Began):
        sent = story.sent.get(note.page)
        if sent is not None and sent.way != "call" and sent.by is not None:
            yield f"{note.page} began", sent.by
        elif note.page in timers:
            yield f"the timer {note.page} fired", timers[note.page].by


def casts_wait_for_their_handler(story: Story) -> Iterator[str]:
    """What a durable handler casts is not handled while it still runs: it may be undone yet."""
    running: set[str] = set()
    for note in story.notes:
        if isinstance(note, Began):
            sent = story.sent.get(note.page)
            if sent is not None and sent.way != "call" and sent.by in running and _durable(story, sent):
                yield f"{note.page} began at {note.at:g}, while {sent.by} that casts it still ran"
            running.add(note.page)
        elif isinstance(note, Ended):
            running.discard(note.page)


def _durable(story: Story, sent: Sent) -> bool:
    return story.policy(sent.sender.partition("#")[0]) == "every"


def starts_wait_for_their_commit(story: Story) -> Iterator[str]:
    """An actor is not ready before the changes of its `on_start` are committed."""
    commits, begun = _commits(story), dict[int, State]()
    for note in story.all(Hook):
        if note.hook != "on_start" or story.policy(note.actor) != "every":
            continue
        if note.phase == "begins":
            begun[note.instance] = note.state
        elif note.phase == "returned" and note.state != begun.get(note.instance, note.state):
            ready = _ready(story, note)
            if ready is not None and not _committed(commits, note, ready):
                yield f"{note.actor} was ready at {story.trace[ready][1].time:g}, before the changes of its on_start were committed"


def _ready(story: Story, hook: Hook) -> int | None:
    """The place in the trace of the start that this hook belongs to, if it succeeded."""
    for place in range(hook.seen, len(story.trace)):
        life, record = story.trace[place]
        if life != hook.life or record.child != hook.actor:
            continue
        if isinstance(record, ChildStarted):
            return place
        if isinstance(record, ChildStartFailed | ChildExited):
            return None
    return None


GATE = (nothing_leaves_before_its_commit, casts_wait_for_their_handler, starts_wait_for_their_commit)
