"""Ends of supervisors: when significant children end them, why else they exit, what is said of it, and which names are free afterwards."""

from __future__ import annotations

import math
from collections.abc import Iterator

from randomlab.contract.declared import ROOT, Life, Place, above, is_for_good, is_over, lives, members, rule_of
from randomlab.contract.story import JUST, Story
from randomlab.data import Tree
from randomlab.notes import Op, Row
from trioactors.trace.records import ChildExited, ChildFailed, ChildIgnored, ChildStarted, GaveUp, RestartScheduled, TraceRecord

__all__ = ["ENDS"]

_LONG = 30.0
"""Seconds after which a supervisor has certainly done what it had to."""


def _significant(tree: Tree) -> set[str]:
    return {child.name for child in tree.children if child.options.get("significant")}


def significant_children_end_their_supervisor(story: Story) -> Iterator[str]:
    """If a significant child ends by itself and stays down, or fails, its supervisor shuts down: at the first one, or at the last."""
    for tree in story.application.tree.trees():
        shutdown, significant = str(tree.options.get("auto_shutdown", "never")), _significant(tree)
        if shutdown == "never":
            continue
        for life in lives(story):
            down, ran = set[str](), dict[str, int]()
            for number, (place, record) in enumerate(life):
                if isinstance(record, ChildExited) and record.child == tree.name:
                    down.clear()
                elif isinstance(record, ChildStarted):
                    down.discard(record.child)
                    ran[record.child] = record.incarnation
                elif isinstance(record, ChildExited) and ran.get(record.child) != record.incarnation:
                    continue  # a start that failed is no exit
                elif record.child in significant and is_for_good(story, record):
                    down.add(record.child)
                    if shutdown == "any_significant" or down == significant:
                        yield from _shuts_down(story, tree, (place, record), life[number + 1 :])


def _shuts_down(story: Story, tree: Tree, ended: tuple[Place, TraceRecord], rest: Life) -> Iterator[str]:
    place, record = ended
    names = {*members(tree), tree.name}
    for now, each in rest:
        if story.touched(names | above(story, tree.name), place, now) or story.changed(names, now):
            return
        if isinstance(each, ChildExited | GaveUp) and each.child == tree.name:
            return
        if isinstance(each, RestartScheduled) and record.child in each.group:
            return  # it was stopped for this, and its exit was none of its own
        if each.time > record.time + _LONG:
            yield f"{record.child} is significant and ended at {record.time:g}; {tree.name} goes on at {each.time:g}: {each}"
            return


def supervisors_exit_for_a_reason(story: Story) -> Iterator[str]:
    """A supervisor exits because it gave up, a significant child ended, one above it stopped it, or somebody asked for it."""
    for tree in story.application.tree.trees():
        for life in lives(story):
            first = 0
            for number, (place, record) in enumerate(life):
                if not isinstance(record, ChildExited) or record.child != tree.name:
                    continue
                before = [each for at, each in life if first <= at < place]
                first = place
                if not _explained(story, tree, before, life[number:]):
                    yield f"{tree.name} exited at {record.time:g} ({record.reason}) without a reason"
                elif any(isinstance(each, GaveUp) and each.child == tree.name for each in before) and not (
                    is_over(life[number:], place) or _stopped_from_above(story, tree, life[number:])
                ):
                    yield from _says_so(tree, record)


def _explained(story: Story, tree: Tree, before: list[TraceRecord], rest: Life) -> bool:
    place = rest[0][0]
    if story.touched({tree.name, *above(story, tree.name)}, place, place) or is_over(rest, place) or story.store_disturbed:
        return True
    ended = {each.child for each in before if isinstance(each, ChildExited | ChildFailed)} & _significant(tree)
    shutdown = str(tree.options.get("auto_shutdown", "never"))
    if (ended and shutdown == "any_significant") or (shutdown == "all_significant" and ended == _significant(tree)):
        return True
    if any(isinstance(each, GaveUp) and each.child == tree.name for each in before):
        return True
    started = any(isinstance(each, ChildStarted) and each.child == tree.name for each in before)
    return not started or _stopped_from_above(story, tree, rest)


def _stopped_from_above(story: Story, tree: Tree, rest: Life) -> bool:
    """Whether what follows shows that a supervisor above it stops, or restarts it with others."""
    higher = above(story, tree.name)
    for _, each in rest[1:]:
        if isinstance(each, ChildExited) and each.child in higher:
            return True
        if isinstance(each, RestartScheduled) and tree.name in each.group:
            return each.child != tree.name
        if isinstance(each, ChildStarted) and each.child == tree.name:
            return False
    return True


def _says_so(tree: Tree, record: ChildExited) -> Iterator[str]:
    kind, error = record.reason.kind.value, type(record.reason.error).__name__
    wanted = "crash" if tree.options.get("give_up") == "crash" else "shutdown"
    if kind not in {wanted, "killed"} or (kind == wanted and error != "SupervisorGaveUp"):
        yield f"{tree.name} gave up and exited as {kind} ({error}) at {record.time:g}; that is {wanted}"


def nothing_starts_below_one_that_gave_up(story: Story) -> Iterator[str]:
    """A supervisor that gave up restarts nothing more."""
    for tree in story.application.tree.trees():
        for life in lives(story):
            gave_up = math.inf
            for _, record in life:
                if isinstance(record, GaveUp) and record.child == tree.name:
                    gave_up = record.time
                elif isinstance(record, ChildExited) and record.child == tree.name:
                    gave_up = math.inf
                elif isinstance(record, RestartScheduled) and record.child in members(tree) and gave_up < math.inf:
                    yield f"{tree.name} gave up at {gave_up:g} and restarts {record.child} at {record.time:g}"


def names_are_held_and_freed(story: Story) -> Iterator[str]:
    """A name is taken for as long as its child is known, also while that is down; when it is taken out of the tree, it is free."""
    begun: dict[str, Op] = {}
    leaves = {leaf.name: leaf for leaf in story.application.tree.leaves()}
    for note in story.all(Op):
        if note.what != "take":
            continue
        if note.phase == "begins":
            begun[note.id] = note
            continue
        first = begun.get(note.id)
        if first is None or note.target not in leaves:
            continue
        known = {note.target, *above(story, note.target)} - {ROOT}
        if note.phase == "NameTaken" and _surely_free(story, known, first, note.seen):
            yield f"{note.target} was taken out of the tree, and its name is not free at {note.at:g}"
        forgotten = any(rule_of(story, name) == "temporary" for name in known)  # what exits for good is, with all below it
        if note.phase == "done" and not forgotten and not _out(story, known, first):
            yield f"{note.target} is known, and somebody else got its name at {note.at:g}"


def _surely_free(story: Story, known: set[str], take: Op, ends: int) -> bool:
    """Whether a child was taken out by hand, and nothing since then, up to the place in the trace where *take* ends, brought it back."""
    before = story.trace[:ends]
    life = [(place, record) for place, (number, record) in enumerate(before) if number == take.life]
    out = [note for note in story.all(Op) if _is_out(note, known, take)]
    if not out:
        return False
    others = [each for each in story.by_hand if each.child in known and each.what != "take" and each.last > out[-1].seen]
    others = [each for each in others if each.what != "rebuild"]
    again = any(isinstance(record, ChildStarted) and record.child in known and place >= out[-1].seen for place, record in life)
    return not again and not others


def _is_out(note: Op, known: set[str], take: Op) -> bool:
    return note.what == "out" and note.target in known and note.life == take.life and note.seen <= take.seen and note.at <= take.at


def _out(story: Story, known: set[str], take: Op) -> bool:
    """Whether the child may have been taken out before."""
    return any(each.child in known and each.what in {"delete_child", "replace", "rebuild"} for each in story.by_hand) or any(
        note.what == "take" and note.target in known and note.id != take.id for note in story.all(Op)
    )


def rows_are_true(story: Story) -> Iterator[str]:
    """What a supervisor says about a child is what happened to it last."""
    for row in story.all(Row):
        if story.changed({row.child}, row.seen) or " guest " in row.child:
            continue
        records = [record for life, record in story.trace[: row.seen] if life == row.life and record.child == row.child]
        last = next((one for one in reversed(records) if isinstance(one, ChildStarted | ChildExited)), None)
        latest = next(
            (one for one in reversed(records) if isinstance(one, ChildExited | ChildStarted | ChildFailed | ChildIgnored)), None
        )
        number = 0 if last is None else last.incarnation
        fallen = story.touched({row.child}, 0, row.seen) or any(
            isinstance(record, ChildExited)
            and record.child in above(story, row.child)
            and record.time >= (latest.time if latest else 0.0)
            for life, record in story.trace[: row.seen]
            if life == row.life
        )
        failed = {"failed", "starting"} | ({"undefined"} if fallen else set[str]())
        allowed = {
            ChildStarted: {"running", "stopping"},
            ChildFailed: failed,
        }.get(type(latest), {"undefined", "restarting", "starting", "stopping"})
        since = next((one for one in reversed(records) if isinstance(one, ChildStarted | ChildFailed)), None)
        if isinstance(since, ChildFailed) and isinstance(latest, ChildExited):
            allowed = allowed | {"failed"}  # it failed, and did not start when somebody tried
        if row.status not in allowed or row.incarnation not in (
            {number} if row.status == "running" else {0, 1, number, number + 1}
        ):
            yield f"{row.child} is said to be {row.status}, {row.incarnation} at {row.at:g}; its last record is {latest}"
        scheduled = [one.time + one.delay for one in records if isinstance(one, RestartScheduled)]
        if row.restart_at is not None and (not scheduled or abs(row.restart_at - scheduled[-1]) > JUST):
            yield f"{row.child} is said to be restarted at {row.restart_at:g}; that was decided for {scheduled}"


ENDS = (
    significant_children_end_their_supervisor,
    supervisors_exit_for_a_reason,
    nothing_starts_below_one_that_gave_up,
    names_are_held_and_freed,
    rows_are_true,
)
