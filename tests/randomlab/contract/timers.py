"""Timers: not before they are due, not twice, not when cancelled or replaced, and never in another incarnation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from randomlab.contract.story import JUST, Story
from randomlab.notes import Began, Cancelled, TimerSet
from trioactors.trace.records import ChildExited

__all__ = ["TIMERS"]

_LONG = 20.0
"""Seconds after which an actor has come to whatever waited for it."""


def timers_fire_when_due(story: Story) -> Iterator[str]:
    """The nth tick does not come before its time."""
    timers = {note.page: note for note in story.all(TimerSet)}
    ticks: dict[str, int] = {}
    for note in story.all(Began):
        timer = timers.get(note.page)
        if timer is None:
            continue
        number = ticks[note.page] = ticks.get(note.page, 0) + 1
        due = timer.at + timer.delay * (number if timer.repeats else 1)
        if note.at < due - JUST:
            yield f"the timer {timer.key} of {timer.actor} fired at {note.at:g}, tick {number} is due at {due:g}"
        if note.instance != timer.instance:
            yield f"the timer {timer.key} of {timer.actor}#{timer.instance} fired in instance {note.instance}"


def cancelled_timers_are_silent(story: Story) -> Iterator[str]:
    """A timer that was cancelled or replaced does not fire, if the message that did it was not undone."""
    present: dict[tuple[int, str], TimerSet] = {}
    silent: set[str] = set()
    for note in story.notes:
        if isinstance(note, TimerSet | Cancelled):
            stays = _stays(story, note)
            before = present.get((note.instance, note.key))
            if stays is not False and before is not None:
                silent |= {before.page} if stays else set()
                present.pop((note.instance, note.key))
            if isinstance(note, TimerSet):
                silent.discard(note.page)
                present[note.instance, note.key] = note
        elif isinstance(note, Began) and note.page in silent:
            yield f"{note.actor} handles {note.page}, a timer that was cancelled or replaced"


def _stays(story: Story, note: TimerSet | Cancelled) -> bool | None:
    """Whether the message that did it was kept; None if that cannot be known here."""
    if story.policy(note.actor) != "every":
        return True
    if story.store_disturbed:
        return None
    ended = story.ended.get(note.by)
    return None if ended is None or story.at_its_limit(ended) else ended.how == "returned"


def timers_of_the_living_fire(story: Story) -> Iterator[str]:
    """A timer fires if its actor runs on for long enough, unless it was replaced, cancelled or undone."""
    if story.slowed or story.store_disturbed or story.crashed_by_plan:
        return
    pages = Counter((note.instance, note.key) for note in story.all(TimerSet))
    touched = {(note.instance, note.key) for note in story.all(Cancelled)}
    for note in story.all(TimerSet):
        ended = story.ended.get(note.by)
        if pages[note.instance, note.key] > 1 or (note.instance, note.key) in touched or note.page in story.began:
            continue
        gone = _gone(story, note)
        if ended is not None and ended.how == "returned" and note.at + note.delay + _LONG < gone:
            kind = story.application.kind_of(note.actor)
            if kind is not None and kind.options.get("overflow") != "drop_oldest" and not _hangs(story, note, gone):
                yield f"the timer {note.key} of {note.actor} (set at {note.at:g}, due after {note.delay:g} s) never fired"


def _gone(story: Story, note: TimerSet) -> float:
    """When the actor that set a timer exited; otherwise, when the last thing happened in that life of the node."""
    for life, record in story.trace[note.seen :]:
        if life == note.life and isinstance(record, ChildExited) and record.child == note.actor:
            return record.time
    return max(other.at for other in story.notes if other.life == note.life)


def _hangs(story: Story, timer: TimerSet, end: float) -> bool:
    """Whether the actor of a timer is still in a handler at the end, or works off what was sent before its tick."""
    begun = [note for note in story.all(Began) if note.instance == timer.instance]
    sent = {note.page: story.sent[note.page].at for note in begun if note.page in story.sent}
    backlog = any(note.at > end - _LONG and sent.get(note.page, end) <= timer.at + timer.delay for note in begun)
    return backlog or any(note.page not in story.ended for note in begun)


TIMERS = (timers_fire_when_due, cancelled_timers_are_silent, timers_of_the_living_fire)
