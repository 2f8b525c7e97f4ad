"""What supervisors were declared to do: what the rules about supervision stand on."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import attrs

from randomlab.contract.story import Story
from randomlab.data import Tree
from trioactors.trace.records import ChildExited, ChildFailed, ChildStarted, TraceRecord

__all__ = [
    "DYNAMIC",
    "ROOT",
    "Backoff",
    "Life",
    "Place",
    "above",
    "backoff_of",
    "budget_of",
    "is_for_good",
    "is_over",
    "lives",
    "members",
    "rule_of",
]

ROOT: Final = ":root"
"""The supervisor of all. In a life that is killed, it has no exit."""
DYNAMIC: Final = ":dynamic"
"""The supervisor of guests. It exits first when the whole system stops, and then only."""

Place: TypeAlias = int
"""A place in the trace of all lives."""
Life: TypeAlias = Sequence[tuple[Place, TraceRecord]]


def lives(story: Story) -> Iterator[Life]:
    """The trace of each life of the node, with the places of the records in the whole trace."""
    for life in range(1, story.lives + 1):
        yield [(place, record) for place, (number, record) in enumerate(story.trace) if number == life]


# --- what was declared ---


def members(tree: Tree) -> list[str]:
    """The names of the declared children, in start order."""
    return [child.name for child in tree.children]


def rule_of(story: Story, child: str) -> str:
    """The restart rule of a declared child."""
    for tree in story.application.tree.trees():
        for each in tree.children:
            if each.name == child:
                function = not isinstance(each, Tree) and each.make == "idle"
                return str(each.options.get("restart", "transient" if function else "permanent"))
    return "permanent"


def above(story: Story, child: str) -> set[str]:
    """The supervisors above a child, with the root of the system."""
    parents = {each.name: tree.name for tree in story.application.tree.trees() for each in tree.children}
    found = {ROOT}
    while child in parents:
        child = parents[child]
        found.add(child)
    return found


def _arguments(text: object, names: Sequence[str]) -> dict[str, float]:
    """The arguments of an expression such as `ta.Intensity(3, 5.0)`, by their names."""
    call = ast.parse(str(text), mode="eval").body
    if not isinstance(call, ast.Call):
        return {}
    given = dict(zip(names, call.args, strict=False)) | {each.arg: each.value for each in call.keywords if each.arg is not None}
    return {name: float(ast.literal_eval(value)) for name, value in given.items()}


def budget_of(options: object) -> tuple[int, float] | None:
    """The limit and the period of an intensity; None if there is none."""
    if not options:
        return None
    found = {"limit": 3.0, "period": 5.0} | _arguments(options, ("limit", "period"))
    return int(found["limit"]), found["period"]


@attrs.frozen(kw_only=True)
class Backoff:
    """How long restarts wait."""

    base: float = 0.1
    factor: float = 2.0
    cap: float = 30.0
    jitter: float = 0.5
    reset_after: float = 60.0

    def span(self, row: int) -> tuple[float, float]:
        """The shortest and the longest wait before the restart that is the *row*-th in a row."""
        longest = min(self.cap, self.base * self.factor ** (row - 1))
        return longest * (1.0 - self.jitter), longest


def backoff_of(tree: Tree) -> Backoff | None:
    """How long the restarts of the children of *tree* wait; None if they do not."""
    options = tree.options.get("backoff")
    return Backoff(**_arguments(options, ("base", "factor", "cap", "jitter", "reset_after"))) if options else None


def is_for_good(story: Story, record: TraceRecord) -> bool:
    """Whether a child ended by itself, surely, and is not restarted."""
    if isinstance(record, ChildFailed):
        return True
    if not isinstance(record, ChildExited):
        return False
    kind, said = record.reason.kind.value, bool(record.reason.detail or record.reason.error)
    by_itself = kind in {"normal", "crash"} or (kind == "shutdown" and said)
    rule = rule_of(story, record.child)
    return by_itself and (rule == "temporary" or (rule == "transient" and kind in {"normal", "shutdown"}))


def is_over(life: Life, after: Place) -> bool:
    """Whether nothing starts any more in this life after the moment of a place: the whole tree stops from there on, or was killed."""
    time = next((record.time for place, record in life if place >= after), 0.0)
    return not any(isinstance(record, ChildStarted) and record.time > time for place, record in life if place > after)
