"""Stops of whole systems, drains, and waits for supervisors."""

from __future__ import annotations

from collections.abc import Iterator

from randomlab.contract.declared import ROOT, above, lives
from randomlab.contract.hands import Window
from randomlab.contract.story import JUST, Story
from randomlab.notes import Finished, Op
from trioactors.trace.records import (
    ChildExited,
    Drained,
    GaveUp,
    MessageAccepted,
    MessageDeadLettered,
    RestartScheduled,
    StopForced,
)

__all__ = ["DRAINS"]


def _stop_timeout(story: Story) -> float:
    return float(story.application.settings.get("stop_timeout", 20.0))


def _longest(story: Story) -> float:
    """How long a drain may take: two graces, or half of the time, are left for the stop."""
    timeout, grace = _stop_timeout(story), float(story.application.settings.get("grace", 5.0))
    return timeout - min(2 * grace, timeout / 2)


def whole_stops_keep_their_time(story: Story) -> Iterator[str]:
    """The stop of a system is over within its time, drain included, and is forced then, not before."""
    if story.slowed:
        return
    timeout, grace = _stop_timeout(story), float(story.application.settings.get("grace", 5.0))
    for begins in [note for note in story.all(Op) if note.what == "end"]:
        records = [record for life, record in story.trace if life == begins.life]
        ended = next((each.time for each in records if isinstance(each, ChildExited) and each.child == ROOT), None)
        forced = next((each.time for each in records if isinstance(each, StopForced)), None)
        until = begins.at + timeout
        if forced is not None and abs(forced - until) > JUST:
            yield f"the stop that began at {begins.at:g} was forced at {forced:g}; its time was over at {until:g}"
        if ended is not None and ended > until + (2 * grace if story.application.store else 0.0) + JUST:
            yield f"the stop that began at {begins.at:g} took until {ended:g}; its time was over at {until:g}"


def drains_leave_nothing(story: Story) -> Iterator[str]:
    """If the drain of a system was over before its time, whatever was accepted until then has been handled, also by late actors."""
    if story.slowed or (story.store_disturbed and story.application.store is None):
        return
    paused = {note.target for note in story.all(Op) if note.what == "pause"}
    for life in lives(story):
        for place, record in life:
            if not isinstance(record, Drained) or record.child != ROOT or record.seconds >= _longest(story) - JUST:
                continue
            if any(isinstance(each, StopForced) for _, each in life):
                continue
            accepted = {each.message for at, each in life if at < place and isinstance(each, MessageAccepted)}
            for at, each in life:
                left = at > place and isinstance(each, MessageDeadLettered) and each.message in accepted
                if left and each.child not in paused and "stopped" in each.reason:
                    yield f"the drain was over at {record.time:g}; {each.child} had accepted a message that is now a dead letter"


def drains_wait_for_replies(story: Story) -> Iterator[str]:
    """An actor that is drained gives the replies that it owes, as long as there is time: no caller is told that it stopped instead."""
    given = {note.page for note in story.all(Finished)}
    drains = [each for each in story.by_hand if each.what == "stop and drain" and each.done]
    for page, got in story.got.items():
        ended = story.ended.get(page)
        if got.error != "ActorStopped" or ended is None or page in given or ended.how != "returned" or ended.value is not None:
            continue
        for each in drains:
            owed = each.child == ended.actor and ended.seen <= each.first <= got.seen <= each.last
            if owed and got.at < each.begins + _longest(story) - JUST and _alone(story, each) and not story.slowed:
                yield f"{each.child} was drained from {each.begins:g} on, and {page} got ActorStopped at {got.at:g} instead of its reply"


def _alone(story: Story, drain: Window) -> bool:
    """Whether nothing else can have stopped the child that was drained."""
    names = above(story, drain.child) | {drain.child}
    others = [each for each in story.by_hand if each.child in names and each.first <= drain.last and each.last >= drain.first]
    restarted = any(
        isinstance(record, RestartScheduled | GaveUp)
        and names & {record.child, *getattr(record, "group", ())}
        and drain.begins <= record.time <= drain.ends
        for _, record in story.trace
    )
    exits = [
        record
        for _, record in story.trace[drain.first : int(drain.last)]
        if isinstance(record, ChildExited) and record.child in names
    ]
    return (
        len(others) == 1
        and not restarted
        and len(exits) == 1
        and exits[0].reason.kind.value == "shutdown"
        and not exits[0].reason.detail
    )


def nobody_waits_for_their_own_end(story: Story) -> Iterator[str]:
    """A handler that waits for a supervisor which must stop it learns so at once, and not when its grace is over."""
    if story.slowed or story.crashed_by_plan:
        return
    begun = {note.id: note for note in story.all(Op) if note.phase == "begins" and "!" in note.id}
    for note in story.all(Op):
        page = note.id.rpartition("!")[0]
        began, first = story.began.get(page), begun.get(note.id)
        if note.phase != "cancelled" or began is None or first is None or note.what not in {"stop", "restart"}:
            continue
        if note.at <= first.at + JUST or not _same_supervisor(story, began.actor, note.target) or _brutal(story, began.actor):
            continue
        rest = [record for life, record in story.trace[note.seen :] if life == note.life and record.child == began.actor]
        exited = next((record for record in rest if isinstance(record, ChildExited)), None)
        if (
            exited is not None
            and exited.reason.kind.value == "killed"
            and exited.time <= note.at + JUST
            and not _forced(story, note.life)
        ):
            waited = f"{page} asked for {note.what} {note.target} at {first.at:g} and waited for its own supervisor"
            yield f"{waited} until it was killed at {note.at:g}"


def _brutal(story: Story, actor: str) -> bool:
    """Whether an actor is killed at the moment in which it is asked to stop."""
    leaf = next(leaf for leaf in story.application.tree.leaves() if leaf.name == actor)
    return str(leaf.options.get("grace")).startswith("ta.")


def _same_supervisor(story: Story, one: str, other: str) -> bool:
    """Whether both have one supervisor: one further above may be free while another one stops the actor."""
    return " guest " not in other and " guest " not in one and bool(set(_direct(story, other)) & set(_direct(story, one)))


def _direct(story: Story, child: str) -> list[str]:
    return [tree.name for tree in story.application.tree.trees() for each in tree.children if each.name == child]


def _forced(story: Story, life: int) -> bool:
    return any(number == life and isinstance(record, StopForced) for number, record in story.trace)


def callers_learn_of_the_end(story: Story) -> Iterator[str]:
    """When a whole system has stopped in order, none of its callers still waits: each has got its answer or an error."""
    told = {note.life for note in story.all(Op) if note.what == "told"}
    roots = [(life, record) for life, record in story.trace if isinstance(record, ChildExited) and record.child == ROOT]
    ends = {life: record.time for life, record in roots if life in told}
    for page, got in story.got.items():
        sent = story.sent[page]
        if got.error == "NodeDown" and sent.life in ends and got.at >= ends[sent.life] and page not in story.left:
            yield f"the system was down at {ends[sent.life]:g}, and the sender of {page} still waited for {sent.target}"


DRAINS = (
    whole_stops_keep_their_time,
    drains_leave_nothing,
    drains_wait_for_replies,
    nobody_waits_for_their_own_end,
    callers_learn_of_the_end,
)
