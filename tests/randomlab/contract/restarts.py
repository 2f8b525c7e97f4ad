"""Restarts: who is restarted, with whom, after which wait, how often, and what happens when it was too often.

The rules replay the trace of one supervisor in one life of the node. What was done by hand is known to within a stretch of the trace; where
it matters at which place of the stretch, each of them is possible.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from randomlab.contract.declared import Backoff, Life, Place, backoff_of, budget_of, lives, members, rule_of
from randomlab.contract.story import JUST, Story
from randomlab.data import Tree
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

__all__ = ["RESTARTS"]

_BY_ITSELF = frozenset({"restart", "restart_child"})


def restarts_are_counted(story: Story) -> Iterator[str]:
    """A supervisor gives up at the first restart beyond its intensity: not before, and never after."""
    for tree in story.application.tree.trees():
        budget = budget_of(tree.options.get("intensity"))
        if budget is None and not (tree.options.get("backoff") or tree.options.get("child_intensity")):
            budget = (3, 5.0)
        for life in lives(story):
            yield from _counted(tree, budget, life)


def _counted(tree: Tree, budget: tuple[int, float] | None, life: Life) -> Iterator[str]:
    names, times = set(members(tree)), list[float]()
    for _, record in life:
        if isinstance(record, ChildExited) and record.child == tree.name:
            times.clear()  # it counts anew when it starts
        elif isinstance(record, RestartScheduled) and record.child in names:
            times.append(record.time)
            if budget is not None and _within(times, record.time, budget[1]) > budget[0]:
                yield f"{tree.name} restarts {record.child} at {record.time:g}: {times} are more than {budget}"
        elif isinstance(record, GaveUp) and record.child == tree.name:
            if budget is None:
                yield f"{tree.name} gave up at {record.time:g}; its restarts do not count"
                continue
            counted = _within(times, record.time, budget[1]) + 1
            if counted <= budget[0] or record.restarts != counted:
                yield f"{tree.name} gave up at {record.time:g} after {record.restarts}; {times} are {counted} of {budget}"


def _within(times: Sequence[float], now: float, period: float) -> int:
    return sum(time >= now - period for time in times)


def own_restarts_are_counted(story: Story) -> Iterator[str]:
    """A child fails at the first restart beyond its own budget, which is counted anew after a restart by hand."""
    for tree in story.application.tree.trees():
        budget = budget_of(tree.options.get("child_intensity"))
        for life in lives(story):
            for name in members(tree):
                yield from _own(story, tree, name, budget, life)


def _own(story: Story, tree: Tree, name: str, budget: tuple[int, float] | None, life: Life) -> Iterator[str]:
    restarts: list[tuple[Place, float]] = []
    for place, record in life:
        if isinstance(record, ChildExited) and record.child == tree.name:
            restarts.clear()
        elif isinstance(record, RestartScheduled | ChildFailed) and record.child == name:
            most = [time for at, time in restarts if at >= _surely_anew(story, name, place)]
            least = [time for at, time in restarts if at >= _perhaps_anew(story, name, place)]
            if isinstance(record, RestartScheduled):
                restarts.append((place, record.time))
                if budget is not None and _within(least, record.time, budget[1]) + 1 > budget[0]:
                    yield f"{tree.name} restarts {name} at {record.time:g}; it had {least} already, of {budget}"
            elif budget is None or _within(most, record.time, budget[1]) + 1 <= budget[0]:
                yield f"{name} failed at {record.time:g}; it had {most} before, of {budget}"


def _surely_anew(story: Story, name: str, now: Place) -> float:
    """Where the count of a child began at the latest: with the last restart by hand that was done before *now*."""
    done = [
        each.first for each in story.by_hand if each.child == name and each.what in _BY_ITSELF and each.done and each.last <= now
    ]
    return max(done, default=0)


def _perhaps_anew(story: Story, name: str, now: Place) -> float:
    """Where it may have begun."""
    begun = [min(each.last, now) for each in story.by_hand if each.child == name and each.first <= now]
    return max(begun, default=0)


def backoffs_grow(story: Story) -> Iterator[str]:
    """A restart waits longer with each one in a row, up to the cap; a healthy run or a restart by hand begins a new row."""
    for tree in story.application.tree.trees():
        backoff = backoff_of(tree)
        for life in lives(story):
            for name in members(tree):
                yield from _grows(story, tree, name, backoff, life)


def _grows(story: Story, tree: Tree, name: str, backoff: Backoff | None, life: Life) -> Iterator[str]:
    before, ran, ready, latest = {0}, 0.0, None, 0
    for place, record in life:
        if isinstance(record, ChildExited) and record.child == tree.name:
            before, latest = {0}, place
        elif record.child != name:
            continue
        elif isinstance(record, ChildStarted):
            ready = record.time
        elif isinstance(record, ChildExited):
            ran, ready = (0.0 if ready is None else record.time - ready), None
        elif isinstance(record, RestartScheduled):
            rows = _rows(story, name, before, (latest, place), healthy=backoff is not None and ran >= backoff.reset_after - JUST)
            fits = {row for row in rows if _fits(backoff, row, record.delay)}
            if not fits:
                yield f"{name} waits {record.delay:g} s at {record.time:g}; as one of {sorted(rows)} in a row, with {backoff}"
            before, latest = fits or rows, place


def _rows(story: Story, name: str, before: set[int], since: tuple[Place, Place], *, healthy: bool) -> set[int]:
    """How many restarts in a row this one may be."""
    rows = {row + 1 for row in before}
    if healthy:
        return {1}
    if since[0] < _surely_anew(story, name, since[1]):
        return {1}
    return rows | {1} if since[0] < _perhaps_anew(story, name, since[1]) else rows


def _fits(backoff: Backoff | None, row: int, delay: float) -> bool:
    if backoff is None:
        return delay == 0
    least, most = backoff.span(row)
    return least - JUST <= delay <= most + JUST


def restarts_wait_their_time(story: Story) -> Iterator[str]:
    """A child does not start before its back-off is over, unless it is started by hand or with its group."""
    for tree in story.application.tree.trees():
        names = members(tree)
        for life in lives(story):
            due: dict[str, tuple[Place, float]] = {}
            for place, record in life:
                if isinstance(record, RestartScheduled) and record.child in names:
                    due = {name: each for name, each in due.items() if name not in record.group}
                    due[record.child] = place, record.time + record.delay
                elif isinstance(record, ChildExited) and record.child == tree.name:
                    due.clear()
                elif isinstance(record, ChildStarted | ChildStartFailed) and record.child in due:
                    since, time = due.pop(record.child)
                    if record.time < time - JUST and not story.touched(names, since, place):
                        yield f"{record.child} starts at {record.time:g}; its back-off is over at {time:g}"


def groups_restart_whole(story: Story) -> Iterator[str]:
    """A restart names the whole group, and starts all of it, in order, up to a child that does not start."""
    for tree in story.application.tree.trees():
        for life in lives(story):
            for number, (place, record) in enumerate(life):
                if isinstance(record, RestartScheduled) and record.child in members(tree):
                    yield from _names_all(story, tree, record, place)
                    yield from _starts_all(story, tree, record, life[number:])


def _names_all(story: Story, tree: Tree, record: RestartScheduled, place: Place) -> Iterator[str]:
    strategy, names = str(tree.options.get("strategy", "one_for_one")), members(tree)
    if story.changed(names, place):
        return
    group = {
        "one_for_all": names,
        "rest_for_one": names[names.index(record.child) :],
    }.get(strategy, [record.child])
    lasting = [name for name in group if rule_of(story, name) != "temporary"]
    named = [name for name in record.group if name in lasting]
    if named != lasting or not set(record.group) <= set(group) | _added(names, record):
        yield f"{tree.name} ({strategy}) restarts {record.child} at {record.time:g} with {record.group}, not {lasting}"


def _added(names: Sequence[str], record: RestartScheduled) -> set[str]:
    """Children that were added at run time."""
    return {name for name in record.group if name not in names}


def _starts_all(story: Story, tree: Tree, record: RestartScheduled, rest: Life) -> Iterator[str]:
    waiting = [name for name in record.group if rule_of(story, name) != "temporary"]
    names, first = set(members(tree)), rest[0][0]
    for place, each in rest[1:]:
        if not waiting or story.touched(names, first, place) or _falls(tree, each):
            return
        if isinstance(each, RestartScheduled | ChildFailed) and each.child in names:
            if record.group == (record.child,) and each.child != record.child:
                continue  # its supervisor does not wait for one that is restarted in place
            if not record.delay:
                yield f"{tree.name} restarts {each.child} at {each.time:g}, and {waiting} of the restart at {record.time:g} wait"
            return
        if isinstance(each, ChildStartFailed) and each.child in waiting:
            return
        if isinstance(each, ChildStarted | ChildIgnored) and each.child in waiting:
            if each.child != waiting[0]:
                yield f"{tree.name} starts {each.child} at {each.time:g} before {waiting[0]}, which restarts with it"
                return
            waiting.remove(each.child)


def _falls(tree: Tree, record: TraceRecord) -> bool:
    return isinstance(record, GaveUp | ChildExited) and record.child == tree.name


def failed_starts_are_tried_again(story: Story) -> Iterator[str]:
    """When a start inside a restart fails, nothing of its group starts before it is tried again."""
    for tree in story.application.tree.trees():
        names = members(tree)
        for life in lives(story):
            for number, (place, record) in enumerate(life):
                if isinstance(record, ChildStartFailed) and record.child in names:
                    yield from _tried(story, tree, (place, record), life[number + 1 :])


def _tried(story: Story, tree: Tree, failed: tuple[Place, ChildStartFailed], rest: Life) -> Iterator[str]:
    names, child = members(tree), failed[1].child
    if story.changed(names, failed[0]):
        return
    behind = set(names) if tree.options.get("strategy") == "one_for_all" else set(names[names.index(child) + 1 :])
    if str(tree.options.get("strategy", "one_for_one")) == "one_for_one":
        return
    for place, record in rest:
        if story.touched(names, failed[0], place) or _falls(tree, record):
            return
        if isinstance(record, RestartScheduled) and child in record.group:
            return
        if isinstance(record, ChildStarted) and record.child in behind - {child}:
            waits = f"{child} did not start at {failed[1].time:g}, and was not tried again"
            yield f"{tree.name} starts {record.child} at {record.time:g}; {waits}"
            return


def incarnations_are_counted(story: Story) -> Iterator[str]:
    """Each incarnation of a child has the next number; one that starts anew as a child, the first."""
    for life in lives(story):
        latest: dict[str, int] = {}
        ended: dict[str, int] = {}
        for _, record in life:
            if isinstance(record, ChildStarted):
                if record.incarnation not in {latest.get(record.child, 0) + 1, 1}:
                    yield f"{record.child} starts as {record.incarnation} at {record.time:g}; its last was {latest.get(record.child)}"
                latest[record.child] = record.incarnation
            elif isinstance(record, ChildExited):
                if record.incarnation not in {latest.get(record.child, 0), latest.get(record.child, 0) + 1, 1}:
                    yield f"{record.child} exits as {record.incarnation} at {record.time:g}; its last was {latest.get(record.child)}"
                if ended.get(record.child) == record.incarnation > 1:
                    yield f"{record.child} exits twice as {record.incarnation}"
                latest[record.child] = ended[record.child] = record.incarnation


RESTARTS = (
    restarts_are_counted,
    own_restarts_are_counted,
    backoffs_grow,
    restarts_wait_their_time,
    groups_restart_whole,
    failed_starts_are_tried_again,
    incarnations_are_counted,
)
