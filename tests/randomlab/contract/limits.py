"""Limits: a dynamic supervisor takes as many children as it may have, and refuses what is one too many."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from randomlab.contract.declared import above
from randomlab.contract.story import Story
from randomlab.data import Tree
from randomlab.notes import Op
from trioactors.trace.records import ChildExited

__all__ = ["LIMITS"]

_MAY_GO_ON = frozenset({"cancelled", "CallTimeout"})
"""How a request ends that may be carried out all the same."""


@attrs.frozen
class _Hire:
    """A request for one more child, which was answered."""

    begins: Op
    ends: Op


def limits_are_kept(story: Story) -> Iterator[str]:
    """A supervisor refuses a child because it has as many as it may have, and only then."""
    for tree in story.application.tree.trees():
        most = tree.options.get("max_children")
        hires = list(_hires(story, tree)) if most else []
        for hire in hires:
            others = [other for other in hires if other is not hire and other.begins.life == hire.begins.life]
            surely = [other for other in others if _surely(story, tree, other, hire)]
            perhaps = [other for other in others if _perhaps(story, tree, other, hire)]
            asked = f"{tree.name} was asked for {hire.begins.target} at {hire.begins.at:g}"
            if hire.ends.phase == "done" and len(surely) >= most:
                yield f"{asked}; it may have {most}, had {[other.begins.target for other in surely]}, and took it"
            elif hire.ends.phase == "TooManyChildren" and len(perhaps) < most:
                yield f"{asked}; it may have {most}, had {[other.begins.target for other in perhaps]} at most, and refused it"


def _hires(story: Story, tree: Tree) -> Iterator[_Hire]:
    begun: dict[str, Op] = {}
    for note in story.all(Op):
        if note.what != f"hire by {tree.name}":
            continue
        if note.phase == "begins":
            begun[note.id] = note
        elif note.id in begun:
            yield _Hire(begun[note.id], note)


def _surely(story: Story, tree: Tree, other: _Hire, hire: _Hire) -> bool:
    """Whether another child was there for as long as a request lasted."""
    there = other.ends.phase == "done" and story.place(other.ends) < story.place(hire.begins)
    names = {other.begins.target, tree.name, *above(story, tree.name)}
    return there and not _exits(story, names, other.begins.seen, hire.ends.seen)


def _perhaps(story: Story, tree: Tree, other: _Hire, hire: _Hire) -> bool:
    """Whether another child may have been there at some moment of a request."""
    first, last = story.place(hire.begins), story.place(hire.ends)
    if story.place(other.begins) > last:
        return False
    refused = other.ends.phase != "done" and other.ends.phase not in _MAY_GO_ON
    if refused and story.place(other.ends) < first:
        return False
    stops = (note for note in story.all(Op) if (note.what, note.target, note.phase) == ("stop", other.begins.target, "done"))
    if any(story.place(note) < first for note in stops):
        return False
    over = other.ends.phase not in _MAY_GO_ON and story.place(other.ends) < first
    return not (over and _exits(story, {tree.name}, other.ends.seen, hire.begins.seen))


def _exits(story: Story, names: set[str], first: int, last: int) -> bool:
    return any(isinstance(record, ChildExited) and record.child in names for _, record in story.trace[first:last])


LIMITS = (limits_are_kept,)
