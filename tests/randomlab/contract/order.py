"""Messages: each begins once at most, one at a time, in the order of their sender."""

from __future__ import annotations

from collections.abc import Iterator

from randomlab.contract.story import Story
from randomlab.notes import Began, Ended, Sent, TimerSet

__all__ = ["ORDER"]


def once(story: Story) -> Iterator[str]:
    """No message begins twice, whatever crashes."""
    ticks = {note.page for note in story.all(TimerSet) if note.repeats}
    seen: dict[str, Began] = {}
    for note in story.all(Began):
        if note.page in seen and note.page not in ticks:
            yield f"{note.page} began twice: {seen[note.page]} and {note}"
        seen[note.page] = note


def one_at_a_time(story: Story) -> Iterator[str]:
    """An actor begins no message while it handles another one."""
    busy: dict[tuple[int, str], Began] = {}
    for note in story.notes:
        if isinstance(note, Began):
            place = (note.life, note.actor)
            if place in busy:
                yield f"{note.actor} begins {note.page} while it handles {busy[place].page}"
            busy[place] = note
        elif isinstance(note, Ended):
            busy.pop((note.life, note.actor), None)


def in_order(story: Story) -> Iterator[str]:
    """Messages of one sender to one actor begin in the order in which they were sent, those that wait in a full mailbox too.

    A call leaves a durable actor before the casts that wait for its commit, so calls and casts of one are two sequences.
    """
    latest: dict[tuple[int, str, str, str], tuple[int, Sent]] = {}
    places = {note.page: place for place, note in enumerate(story.notes) if isinstance(note, Began)}
    for note in story.all(Sent):
        began = places.get(note.page)
        if began is None:
            continue
        gated = story.policy(note.sender.partition("#")[0]) == "every"
        way = note.way if gated and note.way == "call" else "message"
        line = (note.life, note.sender, note.target, way)
        if line in latest and latest[line][0] > began:
            yield f"{note.sender} sent {latest[line][1].page} before {note.page}, and {note.target} began it after"
        latest[line] = max(latest.get(line, (began, note)), (began, note), key=lambda one: one[0])


ORDER = (once, one_at_a_time, in_order)
