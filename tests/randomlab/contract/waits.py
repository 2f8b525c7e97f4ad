"""Waits: none is a cycle, none outlasts the actor that it waits for, and who has left is missed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from randomlab.contract.deadlines import deadline_of, own_timeout
from randomlab.contract.declared import above, is_for_good, rule_of
from randomlab.contract.hands import BY_HAND
from randomlab.contract.occupied import idle_from
from randomlab.contract.story import JUST, Story
from randomlab.notes import Began, Ended, Finished, Got, Op, Sent
from trioactors.trace.records import ChildExited, ChildFailed, ChildIgnored, ChildStarted, GaveUp

__all__ = ["WAITS"]


def cycles_are_refused(story: Story) -> Iterator[str]:
    """A call that would close a cycle of actors whose handlers wait for each other is refused at once."""
    waits: dict[str, dict[str, str]] = {}
    """For each actor the pages that its handler waits for, with their targets."""
    for note in story.notes:
        if isinstance(note, Began):
            waits[note.actor] = {}
        elif isinstance(note, Ended):
            waits.pop(note.actor, None)
            for pending in waits.values():
                pending.pop(note.page, None)  # its reply is on the way
        elif isinstance(note, Got):
            for pending in waits.values():
                pending.pop(note.page, None)
        elif isinstance(note, Sent) and note.way == "call" and note.by is not None:
            sender = note.sender.partition("#")[0]
            if sender in waits:
                yield from _closes(story, note, sender, waits)
                if not _refused_at_once(story, note):
                    waits[sender][note.page] = note.target


def _refused_at_once(story: Story, sent: Sent) -> bool:
    """Whether it closed a cycle itself, and so nothing waited for it. A gathered call is sent a little after its note."""
    got = story.got.get(sent.page)
    return got is not None and got.error == "CallCycle" and got.at == sent.at


def _closes(story: Story, sent: Sent, sender: str, waits: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """A wait that is over in the same moment is none of a cycle: it was over and not noted yet, or it was the one to be refused."""
    got = story.got.get(sent.page)
    if got is None or got.error in {"ActorStopped", "UnknownName", "NodeDown", "not looked at"} or story.slowed:
        return
    lasting = {
        actor: {page: target for page, target in pending.items() if page not in story.got or story.got[page].at > sent.at + JUST}
        for actor, pending in waits.items()
    }
    if got.at > sent.at + JUST and sent.page not in story.began and _reaches(sent.target, sender, lasting):
        yield f"{sent.page} closes a cycle from {sender} over {sent.target}, and got {got.error} at {got.at:g} (sent at {sent.at:g})"


def _reaches(start: str, goal: str, waits: Mapping[str, Mapping[str, str]]) -> bool:
    seen, frontier = {start}, [start]
    while frontier:
        actor = frontier.pop()
        if actor == goal:
            return True
        frontier += [target for target in waits.get(actor, {}).values() if target not in seen]
        seen.update(frontier)
    return False


def nobody_waits_for_the_gone(story: Story) -> Iterator[str]:
    """Whoever waits for an actor that is gone for good learns it when it goes, and not at a deadline."""
    if story.slowed or story.ended_early or story.store_disturbed:
        return
    ends = _for_good(story)
    for page, got in story.got.items():
        sent = story.sent[page]
        if sent.target not in ends or got.error == "NodeDown" or sent.life != 1:
            continue
        gone = ends[sent.target]
        if sent.at < gone < got.at - JUST and page not in story.ended and not story.shed(sent, gone):
            yield f"the sender of {page} waited for {sent.target} until {got.at:g} ({got.error}); it had gone for good at {gone:g}"
        elif sent.at > gone + JUST and got.error not in {"ActorStopped", "UnknownName", "SystemClosed", "not looked at"}:
            yield f"{page} was sent at {sent.at:g} to {sent.target}, which had gone for good at {gone:g}, and got {got.error}"


def _for_good(story: Story) -> dict[str, float]:
    """When the temporary actors were gone, in the first life of the node: when their supervisors had time for their last exit."""
    temporary = {leaf.name for leaf in story.application.tree.leaves() if leaf.options.get("restart") == "temporary"}
    exits: dict[str, float] = {}
    for life, record in story.trace:
        if life == 1 and isinstance(record, ChildExited) and record.child in temporary:
            exits[record.child] = record.time
        elif life == 1 and isinstance(record, ChildStarted):
            exits.pop(record.child, None)
    parents = {child.name: tree for tree in story.application.tree.trees() for child in tree.children}
    fallen = {record.child for life, record in story.trace if life == 1 and isinstance(record, ChildExited)}
    return {name: idle_from(story, parents[name], at) for name, at in exits.items() if parents[name].name not in fallen}


def a_deferred_caller_that_leaves_is_missed(story: Story) -> Iterator[str]:
    """The message of `defer(left=...)` is sent if the caller leaves before its reply, and only then."""
    given = {note.page: note for note in story.all(Finished)}
    for page, began in story.began.items():
        original, mark, rest = page.rpartition("/left")
        if not mark or rest or original not in story.sent:
            continue
        got = story.got.get(original)
        reply = given.get(original)
        if got is not None and got.error is None and reply is not None and story.place(reply) < story.place(began):
            yield f"{page} was sent, although the caller of {original} got its reply at {got.at:g}"


def pauses_are_kept(story: Story) -> Iterator[str]:
    """A paused actor begins nothing, also after restarts, until it is resumed or exits for good.

    One that pauses itself is paused when it has handled that message.
    """
    pauses = _Pauses()
    for note in story.notes:
        if isinstance(note, Op):
            pauses.heed(story, note)
        elif isinstance(note, Ended) and pauses.by_itself.get(note.actor) == note.page:
            del pauses.by_itself[note.actor]
            pauses.since[note.actor] = note.seen
        elif not isinstance(note, Began) or note.actor not in pauses.since or note.life != 1:
            continue
        elif not _closed(story, note.actor, pauses.since[note.actor], note.seen):
            yield f"{note.actor} begins {note.page} at {note.at:g} while it is paused"


@attrs.define
class _Pauses:
    """The actors that are paused now."""

    since: dict[str, int] = attrs.field(factory=dict[str, int])
    """Where in the trace that was asked for."""
    asked: dict[str, int] = attrs.field(factory=dict[str, int])
    """The same, of pauses that may be still to come."""
    by_itself: dict[str, str] = attrs.field(factory=dict[str, str])
    """For actors that pause themselves, the page after which they do."""

    def heed(self, story: Story, note: Op) -> None:
        """One resume ends all pauses, and so does a stop for good."""
        if note.what == "pause" and note.phase == "begins":
            self.asked[note.target] = note.seen
        elif note.what == "pause" and note.phase == "paused":
            self.since[note.target] = self.asked.get(note.target, note.seen)
        elif note.what == "pause" and note.phase == "paused by itself":
            self.by_itself[note.target] = note.id.removesuffix(" rests")
        elif note.what == "pause" and note.phase == "resumes":
            self._over(note.target)
        elif note.what in BY_HAND - {"restart", "restart_child"} or note.phase == "StartFailed":
            for actor in [actor for actor in (*self.since, *self.by_itself) if note.target in above(story, actor) | {actor}]:
                self._over(actor)

    def _over(self, actor: str) -> None:
        self.since.pop(actor, None)
        self.by_itself.pop(actor, None)


def _closed(story: Story, actor: str, first: int, last: int) -> bool:
    """Whether an actor, or a supervisor above it, was given up between two places of the trace."""
    names = above(story, actor) | {actor}
    temporary = {name for name in names if rule_of(story, name) == "temporary"}
    return any(
        (isinstance(record, ChildIgnored | ChildFailed | GaveUp) and record.child in names)
        or (isinstance(record, ChildExited) and record.child in temporary)
        or (record.child in names and is_for_good(story, record))
        for _, record in story.trace[first:last]
    )


def expired_messages_crash_nobody(story: Story) -> Iterator[str]:
    """If a nested call fails because the caller's time is over, that is no crash of the handler which made it."""
    for page, ended in story.ended.items():
        if ended.how != "crashed" or ended.error != "CallTimeout":
            continue
        for nested, sent in story.sent.items():
            got = story.got.get(nested)
            if sent.by == page and got is not None and got.error == "CallTimeout" and got.at == ended.at:
                outer = story.sent.get(page)
                limit = min(deadline_of(story, outer) if outer is not None else ended.at + 1, story.left.get(page, ended.at + 1))
                own = sent.at + own_timeout(story, sent)
                if limit <= got.at + JUST and got.at < own - JUST and _last(story, page, nested):
                    yield f"{page} crashed at {ended.at:g}, because {nested} got CallTimeout with the deadline of its caller"


def _last(story: Story, page: str, nested: str) -> bool:
    """Whether nothing else was sent by the handler after that."""
    return not any(sent.by == page and sent.page > nested for sent in story.sent.values())


WAITS = (
    cycles_are_refused,
    nobody_waits_for_the_gone,
    a_deferred_caller_that_leaves_is_missed,
    pauses_are_kept,
    expired_messages_crash_nobody,
)
