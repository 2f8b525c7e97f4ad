"""Answers: what a sender was told is what happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from randomlab.contract.deadlines import deadline_of
from randomlab.contract.story import JUST, Story
from randomlab.notes import Began, Ended, Finished, Got, Sent
from trioactors.trace.records import MessageDeadLettered

__all__ = ["ANSWERS"]


def answers_are_true(story: Story) -> Iterator[str]:
    """An answer is what the handler returned, or the reply that was given later; a declared error is one that it raised."""
    given = {note.page: note for note in story.all(Finished)}
    for page, got in story.got.items():
        if story.sent[page].way == "call" and got.error != "NodeDown":
            yield from _told(story, given, page, got)


def _told(story: Story, given: Mapping[str, Finished], page: str, got: Got) -> Iterator[str]:
    ended, began = story.ended.get(page), story.began.get(page)
    match got.error:
        case None:
            value = given[page].value if page in given else ended and ended.value
            if ended is None or ended.how != "returned" or got.value != value:
                yield f"the caller of {page} got {got.value}; it ended: {ended}, the reply was {value}"
        case "Refused":
            failed = page in given and given[page].value is None
            if not failed and (ended is None or ended.how != "declared" or not _declares(story, page)):
                yield f"the caller of {page} got Refused; it ended: {ended}"
        case "ActorCrashed" if began is None:
            yield f"the caller of {page} got ActorCrashed, but it never began"
        case "MailboxFull" if began is not None:
            yield f"the caller of {page} got MailboxFull, but it began at {began.at:g}"
        case _:
            pass


def _declares(story: Story, page: str) -> bool:
    sent = story.sent[page]
    handler = story.application.handler_of(sent.target, sent.handler)
    return handler is not None and "raises" in handler.options


def refused_casts_never_begin(story: Story) -> Iterator[str]:
    """A cast that was refused is not handled."""
    for page, got in story.got.items():
        if story.sent[page].way != "call" and got.error in {"MailboxFull", "ActorStopped", "UnknownName"} and page in story.began:
            yield f"the sender of {page} got {got.error}, but it began at {story.began[page].at:g}"


def failed_messages_leave_nothing(story: Story) -> Iterator[str]:
    """If an error says that a durable message failed, nothing of it is kept. A reply that is failed later is no failed message."""
    later_failed = {note.page for note in story.all(Finished) if note.value is None}
    kept: dict[str, Began] = {}
    for note in story.all(Began):
        for page in note.state:
            kept.setdefault(page, note)
    for page, got in story.got.items():
        told = got.error is not None and (got.outcome == "failed" or got.error in {"Refused", "MailboxFull"})
        if told and page in kept and page not in later_failed and story.policy(story.sent[page].target) == "every":
            later = [note for note in story.all(Began) if page in note.state and note.at > got.at]
            if later:
                yield f"the caller of {page} got {got.error} ({got.outcome}), but it was kept: {later[0]}"


def callers_learn_at_once(story: Story) -> Iterator[str]:
    """When a handler has ended, its caller learns it in the same moment, if nothing slows the program down."""
    if story.slowed or story.store_disturbed:
        return
    for page, ended in story.ended.items():
        sent, got = story.sent.get(page), story.got.get(page)
        if sent is None or got is None or sent.way != "call" or got.error in {"NodeDown", "not looked at"} or got.at < ended.at:
            continue
        if ended.how == "returned" and ended.value is None:
            continue
        if got.at > ended.at + JUST and not (got.error == "ActorCrashed" and _stops_slowly(ended)):
            yield f"{page} ended ({ended.how}) at {ended.at:g}; its caller learned it at {got.at:g}: {got.error or 'ok'}"
        elif not _fits(story, ended, got, sent):
            yield f"{page} ended ({ended.how}) and its caller got {got.error or 'an answer'}"


def _stops_slowly(ended: Ended) -> bool:
    """A handler that is killed with its actor ends before the actor has."""
    return ended.how == "killed"


def _fits(story: Story, ended: Ended, got: Got, sent: Sent) -> bool:
    """Whether a caller may get this. At the very moment of its deadline it may get a timeout instead."""
    if got.error == "CallTimeout":
        return got.at >= deadline_of(story, sent) - JUST
    if got.error == "ActorCrashed" and story.at_its_limit(ended):
        return True
    if got.error == "CallCycle" and story.place(got) < story.place(ended):
        return True  # its wait was ended before, because the caller had to be stopped
    declares = _declares(story, sent.page)
    allowed: dict[str, set[str | None]] = {
        "returned": {None, "ActorCrashed", "ActorStopped"} if story.crashed_by_plan else {None},
        "declared": {"Refused"} if declares else {"ActorCrashed", "ActorStopped"},
        "crashed": {"ActorCrashed", "ActorStopped"},
        "left": {"ActorStopped", "ActorCrashed", "NoReply"},
    }
    return ended.how not in allowed or got.error in allowed[ended.how]


def accepted_messages_are_handled(story: Story) -> Iterator[str]:
    """A cast that was accepted begins, unless its life ends, it is late or dropped, or it is a dead letter of an actor that is gone."""
    if story.ended_early:
        return
    dead = Counter(record.child for _, record in story.trace if isinstance(record, MessageDeadLettered))
    missing: Counter[str] = Counter()
    for page, got in story.got.items():
        sent = story.sent[page]
        kind = story.application.kind_of(sent.target)
        if sent.way == "call" or got.error is not None or sent.within is not None or page in story.began:
            continue
        if kind is None or kind.options.get("overflow") == "drop_oldest" or not _left(story, sent):
            continue
        missing[sent.target] += 1
        if missing[sent.target] > dead[sent.target]:
            yield f"{page} was accepted by {sent.target} and never began; it has {dead[sent.target]} dead letters"


def _left(story: Story, sent: Sent) -> bool:
    """Whether the message left its sender: what a durable actor sends leaves if the state that it follows from is committed."""
    sender, mark, _ = sent.sender.partition("#")
    if not mark or story.policy(sender) != "every":
        return not sent.by or not sent.by.startswith("on_")
    if sent.by is None:  # a task's, which leaves with the commit on its way
        return not story.store_disturbed
    ended = story.ended.get(sent.by)
    if ended is None or ended.how != "returned" or story.at_its_limit(ended):
        return False
    return not story.store_disturbed and not story.crashed_by_plan


def undone_messages_send_nothing(story: Story) -> Iterator[str]:
    """What a durable handler cast before it was undone never leaves."""
    for page, began in story.began.items():
        sent = story.sent.get(page)
        if sent is None or sent.by is None or sent.way == "call":
            continue
        sender = sent.sender.partition("#")[0]
        ended = story.ended.get(sent.by)
        if story.policy(sender) == "every" and ended is not None and ended.how != "returned":
            yield f"{sent.by} ended ({ended.how}), but the cast {page} that it sent began at {began.at:g}"


ANSWERS = (
    answers_are_true,
    refused_casts_never_begin,
    failed_messages_leave_nothing,
    callers_learn_at_once,
    accepted_messages_are_handled,
    undone_messages_send_nothing,
)
