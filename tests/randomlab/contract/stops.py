"""Stops: each child is asked when the one behind it is down, has its grace, and is cancelled then; nothing starts meanwhile.

The moment at which a supervisor begins to stop its children is known when it gives up, when it restarts a group, when it is asked to by
hand, when a supervisor above it stops, and when the whole system does. From there on the rules follow the exits, one after another.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import attrs

from randomlab.contract.declared import DYNAMIC, Life, Place, above, lives, members
from randomlab.contract.story import JUST, Story
from randomlab.data import Node, Tree
from randomlab.notes import Hook, Op
from trioactors.trace.records import (
    ChildExited,
    ChildFailed,
    ChildStarted,
    ChildStartFailed,
    GaveUp,
    MessageRecord,
    RestartScheduled,
    StopForced,
)

__all__ = ["STOPS"]


def stops_take_their_graces(story: Story) -> Iterator[str]:
    """Children that are stopped together exit one after another, each within its grace, and none of them starts meanwhile."""
    if story.slowed:
        return
    for life in lives(story):
        if any(isinstance(record, StopForced) for _, record in life):
            continue
        for tree in story.application.tree.trees():
            yield from _of_groups(story, tree, life)
            yield from _of_one(story, tree, life)


@attrs.frozen
class _Stop:
    """A stretch of the trace in which children of a supervisor are stopped."""

    story: Story
    life: Life
    first: Place
    last: Place
    """Its end, exclusive."""

    def exit_of(self, name: str, asked: float) -> ChildExited | None:
        """The exit of a child in this stretch, since it was *asked*; None if it did not run."""
        exits = [
            record
            for place, record in self.life
            if self.first <= place < self.last and isinstance(record, ChildExited) and record.child == name and record.time >= asked
        ]
        return exits[-1] if exits else None

    def follow(self, child: Node, asked: float, cap: float) -> Iterator[str]:
        """Follow the stop of one child that was *asked* then and is cancelled at *cap* at the latest."""
        exited = self.exit_of(child.name, asked)
        if exited is None:
            return
        if self.story.changed({child.name}, self.last):
            return
        until = min(cap, asked + _grace(self.story, child))
        if exited.time > until + JUST:
            yield f"{child.name} was asked to stop at {asked:g}, had time until {until:g}, and exited at {exited.time:g}"
        if isinstance(child, Tree):
            if not self._stops_already(child):
                yield from self.children(child, asked, until)
        elif exited.reason.kind.value == "killed" and exited.time < until - JUST - self._stopped_for(exited, asked):
            yield f"{child.name} was asked to stop at {asked:g} and cancelled at {exited.time:g}; it had time until {until:g}"
        yield from self._starts(child.name, asked)

    def _stopped_for(self, exited: ChildExited, asked: float) -> float:
        """For how long the child had been stopping by itself when it was *asked*: its grace is not counted anew."""
        hooks = (
            note for note in self.story.all(Hook) if (note.hook, note.phase, note.actor) == ("on_stop", "begins", exited.child)
        )
        own = [note.at for note in hooks if note.incarnation == exited.incarnation and asked - 60.0 < note.at < asked]
        return asked - own[-1] if own else 0.0

    def children(self, tree: Tree, asked: float, cap: float) -> Iterator[str]:
        """Follow the stop of all children of *tree*. A start in progress is abandoned first."""
        names = members(tree)
        if tree.options.get("strategy") == "dynamic":
            return  # its guests stop together
        if self.story.touched(names, self.first, self.last) or self.story.changed(names, self.last):
            return
        starting = [each for each in tree.children if self._starting(each.name, asked)]
        for child in (*starting, *(each for each in reversed(tree.children) if each not in starting)):
            yield from self.follow(child, asked, cap)
            exited = self.exit_of(child.name, asked)
            asked = asked if exited is None else max(asked, exited.time)
        end = self.exit_of(tree.name, asked)
        if end is not None and end.time > max(asked, 0.0) + JUST:
            yield f"all children of {tree.name} were down at {asked:g}; it exited at {end.time:g}"

    def _stops_already(self, tree: Tree) -> bool:
        """Whether the supervisor had a reason of its own to stop its children before this stretch: it ends, or restarts a group."""
        names, grouped = members(tree), str(tree.options.get("strategy", "one_for_one")) != "one_for_one"
        shuts_down = str(tree.options.get("auto_shutdown", "never")) != "never"
        significant = {child.name for child in tree.children if shuts_down and child.options.get("significant")}
        ends = restarts = False
        for place, record in self.life:
            if place >= self.first:
                break
            if record.child == tree.name and isinstance(record, ChildStarted | GaveUp):
                ends = isinstance(record, GaveUp)
            elif record.child in names and isinstance(record, ChildExited | ChildFailed | ChildStartFailed):
                ends = ends or (record.child in significant and not isinstance(record, ChildStartFailed))
                restarts = grouped
            elif record.child in names and isinstance(record, ChildStarted | RestartScheduled):
                restarts = False
        return ends or restarts

    def _starting(self, name: str, asked: float) -> bool:
        """Whether a start of the child was in progress when its supervisor was *asked*."""
        exited = self.exit_of(name, asked)
        return exited is not None and self._started(name, exited.incarnation) > asked

    def _started(self, name: str, incarnation: int) -> float:
        """When a start of the child was over; infinite if it never was."""
        records = (record for place, record in self.life if place < self.last and isinstance(record, ChildStarted))
        return next((one.time for one in records if (one.child, one.incarnation) == (name, incarnation)), math.inf)

    def _starts(self, name: str, asked: float) -> Iterator[str]:
        """A start in progress may end well within the grace of its child; none begins."""
        for place, record in self.life:
            if not isinstance(record, ChildStarted) or record.child != name or not self.first <= place < self.last:
                continue
            begun = [
                note.at
                for note in self.story.all(Hook)
                if (note.actor, note.incarnation, note.hook, note.phase) == (name, record.incarnation, "on_start", "begins")
            ]
            if record.time > asked + JUST and not any(at <= asked + JUST for at in begun):
                yield f"{name} started at {record.time:g}; it was asked to stop at {asked:g}"


def _grace(story: Story, child: Node) -> float:
    """The time that a child may take to stop. A function is cancelled at once."""
    if isinstance(child, Tree):
        return float(child.options.get("grace", math.inf))
    if child.make == "idle":
        return 0.0
    grace = child.options.get("grace", story.application.settings.get("grace", 5.0))
    return 0.0 if str(grace).startswith("ta.") else float(grace)


def _of_groups(story: Story, tree: Tree, life: Life) -> Iterator[str]:
    """Stops for the restart of a group. Its record says when it was decided, and comes when the stops are done."""
    by_name = {child.name: child for child in tree.children}
    for place, record in life:
        if not isinstance(record, RestartScheduled) or record.child not in by_name or len(record.group) < 2:
            continue
        stop = _Stop(story, life, _cause(life, record.child, place), place)
        if story.touched(by_name.keys(), stop.first, place):
            continue
        asked = record.time
        for name in reversed(record.group):
            if name in by_name and name != record.child:
                yield from stop.follow(by_name[name], asked, math.inf)
                exited = stop.exit_of(name, asked)
                asked = asked if exited is None else max(asked, exited.time)


def _cause(life: Life, child: str, before: Place) -> Place:
    """Where the child exited, or did not start, that the restart at *before* is about."""
    return max(
        (
            place
            for place, each in life
            if place < before and isinstance(each, ChildExited | ChildStartFailed) and each.child == child
        ),
        default=0,
    )


def _of_one(story: Story, tree: Tree, life: Life) -> Iterator[str]:
    """Stops of a whole supervisor: it gave up, or the system stops."""
    for place, record in life:
        gave_up = isinstance(record, GaveUp) and record.child == tree.name
        whole = isinstance(record, ChildExited) and record.child == DYNAMIC and tree is story.application.tree
        if not gave_up and not whole:
            continue
        last = next((at for at, each in life if at > place and isinstance(each, ChildExited) and each.child == tree.name), None)
        if last is not None and not story.touched(above(story, tree.name) | {tree.name}, place, last):
            yield from _Stop(story, life, place, last + 1).children(tree, record.time, math.inf)


def stops_by_hand_take_their_grace(story: Story) -> Iterator[str]:
    """A child that is stopped by hand while its supervisor does nothing else exits within its grace, however often it is asked."""
    if story.slowed:
        return
    parents = {child.name: (tree, child) for tree in story.application.tree.trees() for child in tree.children}
    for each in story.by_hand:
        if each.what not in {"stop", "terminate_child", "restart"} or not each.done:
            continue
        rest = [record for number, record in story.trace[each.first :] if number == story.life_at(each.first)]
        exited = next((record for record in rest if isinstance(record, ChildExited) and record.child == each.child), None)
        if exited is None or not _runs(story, each.child, each.first):
            continue
        place = next(number for number, (_, record) in enumerate(story.trace) if record is exited)
        if place >= each.last or any(isinstance(record, StopForced) for record in rest):
            continue
        grace = _time_to_stop(story, each.child, parents, each.first, int(each.last))
        if grace is not None and exited.time > each.begins + grace + JUST:
            asked = f"{each.child} was asked to stop ({each.what}) at {each.begins:g}"
            yield f"{asked}; its grace is {grace:g}, and it exited at {exited.time:g}"


def _runs(story: Story, name: str, before: Place) -> bool:
    """Whether a child ran at a place of the trace, and was not being stopped."""
    life = story.life_at(before)
    records = (record for number, record in reversed(story.trace[:before]) if number == life and record.child == name)
    return isinstance(next((one for one in records if isinstance(one, ChildStarted | ChildExited)), None), ChildStarted)


def _time_to_stop(story: Story, name: str, parents: dict[str, tuple[Tree, Node]], first: Place, last: Place) -> float | None:
    """The grace of a child, if its supervisor does nothing else from *first* to *last*; None otherwise."""
    if " guest " in name:  # one that a handler starts, and that starts slowly, keeps the supervisor of all guests busy
        guests = any(
            " guest " in record.child and record.child != name and not isinstance(record, MessageRecord)
            for _, record in story.trace[first:last]
        )
        return None if guests else float(story.application.settings.get("grace", 5.0))
    if any(note.what == "replace" and note.target == name and note.seen <= first for note in story.all(Op)):
        return float(story.application.settings.get("grace", 5.0))  # one without options is in its place
    tree, child = parents[name]
    others = {*members(tree), *above(story, name)} - {name}
    if isinstance(child, Tree) or story.touched(others, first, last):
        return None
    busy = any(
        isinstance(record, ChildExited | ChildStarted | ChildStartFailed | RestartScheduled | GaveUp | ChildFailed)
        and record.child in others
        for _, record in story.trace[first:last]
    )
    return None if busy else _grace(story, child)


STOPS = (stops_take_their_graces, stops_by_hand_take_their_grace)
