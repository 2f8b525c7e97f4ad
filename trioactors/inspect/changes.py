"""The changes between two plain values, as a list: where, the value before, and the value after.

The changes are steps. Applied in order to the older value, they produce the newer one, so each index refers to a list to which the earlier
steps have been applied: removals are listed from the end of a list, additions from its beginning. If items were added or removed in one
place of a list, only they are reported, not every item that moved.

A viewer that rebuilds a value needs something else: few bytes, and table rows recognized after a new sort. That is
`trioactors.console.differences`.
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import attrs

from trioactors.inspect.plain import Plain
from trioactors.settings import count

__all__ = ["Change", "ChangeKind", "Path", "changes"]

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indexes from the outside in; empty for the whole value."""


class ChangeKind(enum.Enum):
    """The kind of a step."""

    CHANGED = "changed"
    ADDED = "added"
    """A new key, or an item inserted into a list."""
    GONE = "gone"


@attrs.frozen(kw_only=True)
class Change:
    """One step."""

    path: Path
    kind: ChangeKind
    before: Plain
    """Also None if there was nothing."""
    after: Plain
    """Also None if there is nothing."""


def changes(before: Plain, after: Plain, *, limit: int) -> tuple[tuple[Change, ...], int]:
    """Return the first *limit* steps from *before* to *after*, and the number of further steps. `True` and `1` are different values."""
    steps = _steps((), before, after)
    first = tuple(itertools.islice(steps, count(limit, "limit")))
    return first, sum(1 for _ in steps)


def _steps(path: Path, before: Plain, after: Plain) -> Iterator[Change]:
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _in_object(path, before, after)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _in_list(path, before, after)
    elif not _same(before, after):
        yield Change(path=path, kind=ChangeKind.CHANGED, before=before, after=after)


def _in_object(path: Path, before: Mapping[str, Plain], after: Mapping[str, Plain]) -> Iterator[Change]:
    for key, value in before.items():
        if key in after:
            yield from _steps((*path, key), value, after[key])
        else:
            yield Change(path=(*path, key), kind=ChangeKind.GONE, before=value, after=None)
    for key, value in after.items():
        if key not in before:
            yield Change(path=(*path, key), kind=ChangeKind.ADDED, before=None, after=value)


def _in_list(path: Path, before: Sequence[Plain], after: Sequence[Plain]) -> Iterator[Change]:
    first = _alike(before, after)
    last = _alike(before[first:][::-1], after[first:][::-1])
    old, new = before[first : len(before) - last], after[first : len(after) - last]
    paired = min(len(old), len(new))
    for index in range(paired):
        yield from _steps((*path, first + index), old[index], new[index])
    for index in reversed(range(paired, len(old))):
        yield Change(path=(*path, first + index), kind=ChangeKind.GONE, before=old[index], after=None)
    for index in range(paired, len(new)):
        yield Change(path=(*path, first + index), kind=ChangeKind.ADDED, before=None, after=new[index])


def _alike(one: Sequence[Plain], other: Sequence[Plain]) -> int:
    """The number of equal items at the beginning."""
    return next(
        (index for index, (mine, theirs) in enumerate(zip(one, other, strict=False)) if not _same(mine, theirs)),
        min(len(one), len(other)),
    )


def _same(one: Plain, other: Plain) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and one == other
