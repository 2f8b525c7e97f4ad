"""Partings: whoever waits for an actor that is stopped learns it, and an actor learns that a deferred caller has left."""

from __future__ import annotations

from collections.abc import Iterator

from randomlab.contract.slowness import TASKS, slow
from randomlab.contract.story import JUST, Story
from randomlab.notes import Ended, Finished, Op, Sent
from trioactors.trace.records import ChildExited, ChildStarted, RestartScheduled

__all__ = ["PARTINGS"]

_STOPS = frozenset({"stop", "stop and drain", "forget", "terminate_child"})
_STARTS = frozenset({"restart", "restart_child"})
_SOON = 20.0
"""Seconds in which an actor handles what waits, if nothing hangs."""


def nobody_waits_for_the_stopped(story: Story) -> Iterator[str]:
    """When somebody has stopped an actor for good, nobody waits for it any more: neither for its answer nor for room in its mailbox."""
    begun: dict[str, Op] = {}
    given = {note.page for note in story.all(Finished)}
    for note in story.all(Op):
        if note.what not in _STOPS:
            continue
        if note.phase == "begins":
            begun[note.id] = note
        elif note.phase == "done" and note.id in begun and _gone(story, begun[note.id], note):
            for page, sent in story.sent.items():
                if sent.target == note.target and sent.life == note.life and sent.at <= note.at and page not in given:
                    yield from _still_waits(story, sent, note)


def _gone(story: Story, begins: Op, done: Op) -> bool:
    """Whether the actor ran until then and does not come back in this life, unless somebody starts it later."""
    running = False
    for place, (life, record) in enumerate(story.trace):
        if life != done.life:
            continue
        if isinstance(record, ChildStarted | ChildExited) and record.child == done.target:
            if place < begins.seen:
                running = isinstance(record, ChildStarted)
            elif isinstance(record, ChildStarted):
                return False
        elif isinstance(record, RestartScheduled) and done.target in record.group and place >= begins.seen:
            return False
    return running and not any(note.target == done.target and note.what in _STARTS for note in story.all(Op))


def _still_waits(story: Story, sent: Sent, done: Op) -> Iterator[str]:
    got, ended = story.got.get(sent.page), story.ended.get(sent.page)
    if (
        got is None
        or got.error in {"NodeDown", "not looked at"}
        or got.at <= done.at + JUST
        or story.shed(sent, done.at)
        or slow(story, TASKS, done.at, got.at)
    ):
        return
    if (ended is None and sent.page not in story.began) or (ended is not None and ended.how == "returned" and ended.value is None):
        yield f"the sender of {sent.page} waited until {got.at:g} ({got.error}) for {sent.target}, which was stopped at {done.at:g}"


def who_leaves_is_missed(story: Story) -> Iterator[str]:
    """The message of `defer(left=...)` is sent when the caller leaves before its reply, by a deadline or because it is cancelled."""
    given = {note.page for note in story.all(Finished)}
    ends = [note.at for note in story.notes]
    for page, ended in story.ended.items():
        sent, kind = story.sent.get(page), story.application.kind_of(ended.actor)
        if sent is None or kind is None or sent.way != "call" or page in given or not _tells(story, sent, ended):
            continue
        left = _left(story, page)
        if left is None or f"{page}/left" in story.began or kind.options.get("overflow") == "drop_oldest":
            continue
        since = max(left, ended.at)
        if since + _SOON < ends[-1] and not story.slowed and not story.store_disturbed and _stays(story, ended, since):
            yield f"the caller of {page} left at {left:g}, and {ended.actor} was not told"


def _tells(story: Story, sent: Sent, ended: Ended) -> bool:
    handler = story.application.handler_of(sent.target, sent.handler)
    return handler is not None and "(" in handler.defers and handler.defers != "defer()" and ended.how == "returned"


def _left(story: Story, page: str) -> float | None:
    """When its caller left."""
    got = story.got.get(page)
    return got.at if got is not None and got.error == "CallTimeout" else story.left.get(page)


def _stays(story: Story, ended: Ended, since: float) -> bool:
    """Whether the incarnation lives on for long enough, is not paused, and hangs in no handler."""
    for life, record in story.trace[ended.seen :]:
        if life == ended.life and record.time <= since + _SOON and isinstance(record, ChildExited) and record.child == ended.actor:
            return False
    paused = any(note.what == "pause" and note.target == ended.actor and note.id != "the end" for note in story.all(Op))
    hangs = any(began.actor == ended.actor and page not in story.ended for page, began in story.began.items())
    return story.lives <= 2 and ended.life == 1 and not paused and not hangs


PARTINGS = (nobody_waits_for_the_stopped, who_leaves_is_missed)
