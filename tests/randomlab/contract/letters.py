"""Dead letters and records that are too large: what could not be delivered or kept is accounted for, and nothing else is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from randomlab.contract.story import Story
from randomlab.notes import Ended, State, TimerSet
from trioactors.trace.records import ChildExited, ChildStartFailed, CommitFailed, MessageDeadLettered

__all__ = ["LETTERS"]

_MOST: Final = 20_000
"""Bytes of the largest record of a small store."""
_SOON: Final = 30.0
"""Seconds after which an actor that crashed is down, with its hooks."""
_AROUND: Final = 16
"""Bytes that a record may have for each page beside its text, and as often for itself."""


def dead_letters_were_not_handled(story: Story) -> Iterator[str]:
    """An actor has no more dead letters than messages that nobody waited for and that were not handled in full."""
    letters = Counter(record.child for _, record in story.trace if isinstance(record, MessageDeadLettered))
    timers: Counter[str] = Counter()
    for timer in story.all(TimerSet):
        timers[timer.actor] += 10_000 if timer.repeats else _open(story, timer.page, timer.actor)
    for actor, count in letters.items():
        kind = story.application.kind_of(actor)
        if kind is None or any("(" in handler.defers and handler.defers != "defer()" for handler in kind.handlers):
            continue  # messages about callers that left are not counted
        sent = [each for each in story.sent.values() if each.target == actor and each.way != "call"]
        most = timers[actor] + sum(_open(story, each.page, actor) for each in sent)
        if count > most:
            yield f"{actor} has {count} dead letters; {most} of what was sent to it was not handled"


def _open(story: Story, page: str, actor: str) -> bool:
    """Whether a message may not have been handled in full: what a durable actor handled may be undone later."""
    ended = story.ended.get(page)
    undone = story.policy(actor) != "no" and (story.store_disturbed or story.crashed_by_plan)
    return undone or ended is None or ended.how != "returned"


def records_keep_their_limit(story: Story) -> Iterator[str]:
    """A state that is larger than the store takes is told to its caller, whom nobody else is mistaken for, and crashes its actor."""
    if story.application.store != "small file:":
        return
    for page, got in story.got.items():
        ended = story.ended.get(page)
        if ended is None or story.policy(ended.actor) != "every" or story.sent[page].way != "call":
            continue
        if got.error is None and ended.how == "returned" and _size(ended.state) > _MOST:
            yield f"the caller of {page} got an answer; {ended.actor} had {_size(ended.state)} bytes"
        elif got.error == "OverLimit" and not _large(story, ended.actor, int(got.seen), ended.life):
            yield f"the caller of {page} got OverLimit; {ended.actor} never had more than {_MOST} bytes before"
    for place, (life, record) in enumerate(story.trace):
        if isinstance(record, CommitFailed) and record.error == "OverLimit":
            rest = [each for number, each in story.trace[place + 1 :] if number == life]
            ends = any(isinstance(each, ChildExited | ChildStartFailed) and each.child == record.child for each in rest)
            if not ends and any(each.time > record.time + _SOON for each in rest):
                yield f"{record.child} left a state at {record.time:g} that is larger than the store takes, and goes on"


def _size(state: State) -> int:
    """The bytes that a state has at least."""
    return sum(len(page) for page in state)


def _may_exceed(state: State) -> bool:
    return _size(state) + _AROUND * (len(state) + 8) > _MOST


def _large(story: Story, actor: str, before: int, life: int) -> bool:
    """Whether a message of the actor may have left a state that is too large."""
    return any(
        note.actor == actor and note.life == life and note.seen <= before and _may_exceed(note.state) for note in story.all(Ended)
    )


LETTERS = (dead_letters_were_not_handled, records_keep_their_limit)
