"""Supervision as OTP has it: who comes back, who falls with whom, in which order, and how long a stop may take.

The rules read the trace of starts and exits. Each is about one supervisor in one life of the node, and its declared children.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from randomlab.contract.declared import DYNAMIC, Life, Place, above, is_over, lives, members, rule_of
from randomlab.contract.story import JUST, Story
from randomlab.data import Tree
from randomlab.notes import Hook
from trioactors.trace.records import (
    ChildExited,
    ChildFailed,
    ChildIgnored,
    ChildStarted,
    ChildStartFailed,
    GaveUp,
    RestartScheduled,
    TraceRecord,
)

__all__ = ["SUPERVISION"]

_A_STOP = 30.0
"""Seconds that the stop of a group takes at most, with all graces and stalls."""


def children_come_back(story: Story) -> Iterator[str]:
    """After a crash a permanent or transient child starts again, unless its supervisor gives up or falls, or its budget is used up."""
    for tree in story.application.tree.trees():
        for life in lives(story):
            for number, (place, record) in enumerate(life):
                if isinstance(record, ChildExited) and record.child in members(tree):
                    yield from _comes_back(story, tree, (place, record), life[number:])


def _comes_back(story: Story, tree: Tree, exited: tuple[Place, ChildExited], rest: Life) -> Iterator[str]:
    place, record = exited
    rule, later = rule_of(story, record.child), [each for _, each in rest[1:]]
    if story.changed({record.child}, math.inf):
        return
    if not _due(record, rule):
        if rule != "permanent" and _scheduled(record.child, later):
            yield f"{record.child} ({rule}) exited ({record.reason}) and is restarted"
    elif not _settled(record, later, above(story, record.child)) and not is_over(rest, place) and not _cut_off(story, place):
        group = members(tree) if tree.options.get("strategy", "one_for_one") != "one_for_one" else [record.child]
        if not story.touched(group, place, math.inf):  # a group whose cause was stopped by hand in its back-off stays down
            yield f"{record.child} exited ({record.reason}) at {record.time:g} and was not restarted"


def _cut_off(story: Story, place: Place) -> bool:
    """Whether the node was killed so soon after that place that a group may still have been stopping, also at the end of the run."""
    life, record = story.trace[place]
    following = next((later.time for number, later in story.trace[place:] if number > life), math.inf)
    return following - record.time < _A_STOP


def _due(record: ChildExited, rule: str) -> bool:
    """Whether its rule starts it again. A `shutdown` without a word of its own may be the work of its supervisor."""
    kind = record.reason.kind.value
    if type(record.reason.error).__name__ == "Ignore":
        return False  # it declined to start
    if rule == "permanent":
        return kind != "shutdown" or bool(record.reason.detail or record.reason.error)
    return rule == "transient" and kind in {"crash", "killed"}


def _scheduled(child: str, rest: Sequence[TraceRecord]) -> bool:
    """Whether it is restarted for itself before a start with others: if that fails, it is tried again."""
    for record in rest:
        if isinstance(record, ChildStarted | ChildStartFailed | ChildExited) and record.child == child:
            return False
        if isinstance(record, RestartScheduled) and record.child == child:
            return True
    return False


def _settled(exited: ChildExited, rest: Sequence[TraceRecord], higher: set[str]) -> bool:
    """Whether what must follow did: a start, also one that failed or was declined, its own failure, or the fall of something above."""
    for record in rest:
        if (
            isinstance(record, ChildStarted | ChildStartFailed | ChildIgnored | ChildFailed | RestartScheduled)
            and record.child == exited.child
        ):
            return True
        if isinstance(record, GaveUp | ChildExited) and record.child in higher:
            return True
    return False


def groups_fall_together(story: Story) -> Iterator[str]:
    """Before a child starts again, the others that depend on it have been stopped, last one first, and they start after it, in order."""
    for tree in story.application.tree.trees():
        strategy = str(tree.options.get("strategy", "one_for_one"))
        if not story.changed(members(tree), math.inf):
            for life in lives(story):
                yield from _groups(story, tree, strategy, life)


def _groups(story: Story, tree: Tree, strategy: str, life: Life) -> Iterator[str]:
    names = [child.name for child in tree.children]
    running: dict[str, bool] = {}
    for number, (_, record) in enumerate(life):
        if isinstance(record, ChildStarted) and record.child in names:
            running[record.child] = True
        elif isinstance(record, ChildExited) and record.child in names:
            running[record.child] = False
        elif isinstance(record, RestartScheduled) and record.child in names:
            group = _group(names, strategy, record.child)
            for other in group:
                if running.get(other) and other != record.child:
                    yield f"{tree.name} ({strategy}) restarts {record.child} at {record.time:g} while {other} still runs"
            yield from _starts(story, tree, group, life[number:])
        elif isinstance(record, ChildExited) and record.child == tree.name:
            for name in names:
                if running.get(name):
                    yield f"{tree.name} exited at {record.time:g} while {name} still ran"


def _group(names: Sequence[str], strategy: str, child: str) -> list[str]:
    if strategy == "one_for_all":
        return list(names)
    return list(names[names.index(child) :]) if strategy == "rest_for_one" else [child]


def _starts(story: Story, tree: Tree, group: Sequence[str], rest: Life) -> Iterator[str]:
    """The next starts within a group come in its order, until one exits or fails. What is started by hand does not wait for it."""
    expected = 0
    for place, record in rest[1:]:
        if isinstance(record, ChildExited | ChildStartFailed | RestartScheduled) and (
            record.child in group or record.child == tree.name
        ):
            return
        if isinstance(record, ChildStarted) and record.child in group and not story.touched({record.child}, place, place):
            number = group.index(record.child)
            if number < expected:
                yield f"{tree.name} started {record.child} after {group[expected - 1]} at {record.time:g}"
            expected = number + 1


def temporary_children_stay_away(story: Story) -> Iterator[str]:
    """A temporary child that has exited does not run again, until its supervisor starts anew."""
    for tree in story.application.tree.trees():
        temporary = {name for name in members(tree) if rule_of(story, name) == "temporary"}
        for life in lives(story):
            yield from _stays_away(story, tree, temporary, life)


def _stays_away(story: Story, tree: Tree, temporary: set[str], life: Life) -> Iterator[str]:
    gone: dict[str, Place] = {}
    for place, record in life:
        if isinstance(record, ChildExited) and record.child == tree.name:
            gone.clear()
        elif isinstance(record, ChildExited) and record.child in temporary:
            gone[record.child] = place
        elif (
            isinstance(record, ChildStarted)
            and record.child in gone
            and not story.touched({record.child}, gone[record.child], place)
        ):
            yield f"{record.child} is temporary, had exited, and started again at {record.time:g}"


def stops_go_backwards(story: Story) -> Iterator[str]:
    """When a supervisor stops, its children exit in reverse order, and one is not asked before the one behind it has exited."""
    for tree in story.application.tree.trees():
        names = [child.name for child in tree.children]
        for life in range(1, story.lives + 1):
            yield from _backwards(story, tree, names, life)


def _backwards(story: Story, tree: Tree, names: Sequence[str], life: int) -> Iterator[str]:
    """A child's `on_stop` by order begins only when all running siblings behind it are down, unless it alone is stopped or restarted."""
    hooks = [note for note in story.all(Hook) if note.life == life and note.hook == "on_stop" and note.phase == "begins"]
    for note in hooks:
        if note.actor not in names or note.why != "shutdown" or _left_by_itself(story, note):
            continue
        if story.touched(names, note.seen, note.seen) or story.changed(names, note.seen):
            continue
        running: dict[str, float] = {}
        for number, record in story.trace[: note.seen]:
            if number == life and isinstance(record, ChildStarted):
                running[record.child] = record.time
            elif number == life and isinstance(record, ChildExited):
                running.pop(record.child, None)
        if running.get(note.actor, note.at) == note.at or _asked_before(story, tree, note, running[note.actor]):
            continue  # its start was in progress, and is abandoned before anything else is stopped
        behind = [name for name in names[names.index(note.actor) + 1 :] if name in running]
        if behind:
            yield f"{tree.name} stops {note.actor} at {note.at:g} while {', '.join(behind)} still run"


def _asked_before(story: Story, tree: Tree, note: Hook, started: float) -> bool:
    """Whether the supervisor, or one above, was to stop when the actor *started*: by hand, with the whole system, or as it gave up."""
    names = above(story, tree.name) | {tree.name}
    if any(each.child in names and each.life == note.life and each.begins <= started <= each.ends for each in story.by_hand):
        return True
    running = True  # back from the note: the actor ran, started, and waited for that since it was down
    for life, record in reversed(story.trace[: note.seen]):
        if life != note.life or (isinstance(record, ChildExited) and record.child == note.actor and not running):
            return False
        if isinstance(record, ChildStarted) and record.child == note.actor:
            running = False
        whole = isinstance(record, ChildExited) and record.child == DYNAMIC
        if not running and (whole or (isinstance(record, GaveUp) and record.child in names)):
            return True
    return False


def _left_by_itself(story: Story, note: Hook) -> bool:
    """Whether the actor raised `Shutdown` itself."""
    return any(ended.instance == note.instance and ended.how == "left" for ended in story.ended.values()) or story.crashed_by_plan


def stops_keep_their_grace(story: Story) -> Iterator[str]:
    """`on_stop` is cancelled when the grace is over, not later, and never before."""
    if story.slowed or story.ended_early:
        return
    begun: dict[int, Hook] = {}
    for note in story.all(Hook):
        if note.hook != "on_stop":
            continue
        if note.phase == "begins":
            begun[note.instance] = note
            continue
        leaf = next((one for one in story.application.tree.leaves() if one.name == note.actor), None)
        if leaf is None or note.instance not in begun:
            continue
        grace = leaf.options.get("grace", story.application.settings.get("grace", 5.0))
        if _replaced(story, note):  # one without options may be in its place
            grace = max(grace, story.application.settings.get("grace", 5.0)) if isinstance(grace, float) else grace
        if isinstance(grace, float) and note.at - begun[note.instance].at > grace + JUST:
            yield f"on_stop of {note.actor} ran for {note.at - begun[note.instance].at:g} s; its grace is {grace:g}"


def _replaced(story: Story, note: Hook) -> bool:
    return any(each.child == note.actor and each.what == "replace" and each.first <= note.seen for each in story.by_hand)


SUPERVISION = (
    children_come_back,
    groups_fall_together,
    temporary_children_stay_away,
    stops_go_backwards,
    stops_keep_their_grace,
)
