"""Deadlines: nothing begins after its own, no caller waits longer, and none is told so too early."""

from __future__ import annotations

import math
from collections.abc import Iterator

from randomlab.contract.story import JUST, Story
from randomlab.notes import Sent

__all__ = ["DEADLINES", "deadline_of", "own_timeout"]


def deadline_of(story: Story, sent: Sent) -> float:
    """When a message must have begun: the caller's deadline, which nested calls inherit; for a cast, its own limit."""
    if sent.way != "call":
        return math.inf if sent.within is None else sent.at + sent.within
    outer = story.sent.get(sent.by) if sent.by is not None else None
    inherited = deadline_of(story, outer) if outer is not None and outer.way == "call" else math.inf
    inherited = min(inherited, story.left.get(sent.by or "", math.inf))
    return min(sent.at + own_timeout(story, sent), inherited)


def own_timeout(story: Story, sent: Sent) -> float:
    """The nearest of: the sender's own word, the handler's, its actor's, the system's."""
    kind, handler = story.application.kind_of(sent.target), story.application.handler_of(sent.target, sent.handler)
    choices = (
        sent.within,
        handler and handler.options.get("timeout"),
        kind and kind.options.get("timeout"),
        story.application.settings.get("call_timeout", 5.0),
    )
    return next(float(each) for each in choices if each is not None)


def nothing_begins_late(story: Story) -> Iterator[str]:
    """A message whose deadline has passed is not begun. A cast that a commit holds back is sent when it leaves."""
    for page, began in story.began.items():
        sent = story.sent.get(page)
        if sent is None or (sent.way != "call" and story.policy(sent.sender.partition("#")[0]) == "every"):
            continue
        if story.slowed and _gathered(story, sent):
            continue  # that is sent by a task of its own, which may have been held
        limit = deadline_of(story, sent)
        if began.at > limit + JUST:
            yield f"{page} began at {began.at:g}, but its deadline was {limit:g}"


def _gathered(story: Story, sent: Sent | None) -> bool:
    """Whether it is a gathered call, or led to by one."""
    while sent is not None and " gathers " not in sent.sender:
        sent = None if sent.by is None else story.sent.get(sent.by)
    return sent is not None


def nobody_waits_longer(story: Story) -> Iterator[str]:
    """A call ends by its deadline, and a timeout comes at it, not before."""
    for page, got in story.got.items():
        sent = story.sent[page]
        if sent.way != "call" or got.error == "not looked at":
            continue
        limit = max(deadline_of(story, sent), sent.at)
        if got.at > limit + JUST and not story.slowed:
            yield f"the caller of {page} waited until {got.at:g}; its deadline was {limit:g}"
        if got.error == "CallTimeout" and got.at < limit - JUST:
            yield f"the caller of {page} got CallTimeout at {got.at:g}; its deadline was {limit:g}"


def timeouts_know_what_began(story: Story) -> Iterator[str]:
    """`CallTimeout.begun` says whether the handler had begun; one that had not never does."""
    for page, got in story.got.items():
        if got.error != "CallTimeout":
            continue
        began = story.began.get(page)
        before = began is not None and story.place(began) < story.place(got)
        if bool(got.begun) != before or (began is not None and not before):
            yield f"the caller of {page} was told begun={got.begun}: it began at {began and began.at}"


DEADLINES = (nothing_begins_late, nobody_waits_longer, timeouts_know_what_began)
