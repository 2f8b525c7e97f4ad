"""A part of an actor's state, page by page: any list, object or long text in it can be read and searched to its end.

A part is named by its path: keys and indexes from the outside in, as the rows of the page above it give them. Nothing is shown that the
whole state would not show: the class must say `inspect=True`, and fields with `repr=False` are not there. A page converts its own rows
only. A search converts what it looks at, at most some ten thousand values at a time, and says how far it has come.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Final, TypeAlias, cast

import attrs

from trioactors.errors import SpecError
from trioactors.inspect.actors import actor_child, folded
from trioactors.inspect.plain import STATE_LIMITS, Cut, Limits, Plain, plain, plain_and_cuts, unfolded, visible_fields
from trioactors.settings import count
from trioactors.system.system import System
from trioactors.trace.formatting import described, told

__all__ = ["StatePage", "StateRow", "Step", "state"]

Step: TypeAlias = str | int
"""A key, the name of a field, or an index: in a dict, a number is the place of a key that is not a short string."""

_SHOWN: Final = Limits(text=1_000, items=20, depth=3, total=200)
"""Limits of the value of one row."""
_SEARCHED: Final = Limits(text=10_000, items=20, depth=3, total=50)
"""Limits of what a search reads of one row."""
_VALUES: Final = 20_000
"""Values that one search converts."""
_PIECE: Final = 1_000
"""Characters of a long text in one row."""
_KEY: Final = 200
"""The longest key that is a step."""


@attrs.frozen(kw_only=True)
class StateRow:
    """One item, field, or piece of a text."""

    step: Step
    """The last step of its path."""
    key: str
    """The key or index as text; of a piece of a text, the number of its first character."""
    value: Plain
    cuts: tuple[Cut, ...]
    """Where the value is shortened; the paths begin in the value."""


@attrs.frozen(kw_only=True)
class StatePage:
    """One page of a part of a state."""

    type: str
    """The class of the part."""
    total: int
    """Its items, fields, or pieces of text."""
    rows: tuple[StateRow, ...]
    matched: int
    """Rows that match the search, as far as it went; all rows, if nothing is searched for."""
    end: int
    """How far the search went: the number of the first row that it has not read."""
    next: int | None
    """The `offset` of the next page; None if there is none."""


_Entry: TypeAlias = tuple[Step, str, object]
"""A step, the key as text, and the value."""


def state(
    system: System, name: str, *, path: Sequence[Step] = (), offset: int = 0, limit: int = 50, search: str = ""
) -> StatePage | None:
    """Return a page of the part of the state of the actor *name* at *path*: *limit* rows, starting at *offset*.

    With *search*, only rows whose key or value contains it, ignoring case; one call reads a limited number of rows. None if the state is
    not shown: the class does not say `inspect=True`, or the actor is down. Raises `UnknownName`, `WrongClass` if the child is not an
    actor, and `SpecError` if another argument is invalid, or nothing is at *path* now.
    """
    child = actor_child(system, name)
    steps, wanted = _checked(path, search)
    count(offset, "offset")
    count(limit, "limit")
    incarnation = child.present
    if incarnation is None or incarnation.ended is not None or incarnation.actor is None or not child.plan.inspect:
        return None
    part = _at(incarnation.state, steps, child.name)
    return _page(part, offset, limit, wanted)


def _checked(path: object, search: object) -> tuple[Sequence[Step], str]:
    if not isinstance(path, list | tuple) or not all(type(step) in {str, int} for step in cast("Sequence[object]", path)):
        raise SpecError(f"path={path!r:.80} must be a list of keys and indexes")
    return cast("Sequence[Step]", path), folded(search)


# --- the way to a part ---


def _at(value: object, path: Sequence[Step], name: str) -> object:
    for depth, step in enumerate(path):
        found = list(itertools.islice(_part(unfolded(value)).at(step), 1))
        if not found:
            raise SpecError(f"path={list(path)!r:.200}: in the state of {name!r} there is no {step!r:.80} at depth {depth} now")
        value = found[0]
    return unfolded(value)


@attrs.frozen
class _Part:
    """A value that has parts."""

    total: int
    entries: Callable[[int], Iterator[_Entry]]
    """The entries from an index on."""
    at: Callable[[Step], Iterator[object]]
    """The value at a step, if there is one."""


_NOTHING: Final = _Part(0, lambda _: iter(()), lambda _: iter(()))


def _part(value: object) -> _Part:
    if isinstance(value, str):
        return _text(str.__str__(value))
    if (fields := visible_fields(value)) is not None:
        return _Part(len(fields), lambda start: ((key, key, each) for key, each in fields[start:]), partial(_field, fields))
    if isinstance(value, dict):
        mapping = cast("dict[object, object]", value)
        return _Part(len(mapping), partial(_keyed, mapping), partial(_looked_up, mapping))
    if isinstance(value, list | tuple | set | frozenset | deque):
        items = cast("Collection[object]", value)
        return _Part(len(items), partial(_numbered, items), partial(_item, items))
    return _NOTHING


def _field(fields: Sequence[tuple[str, object]], step: Step) -> Iterator[object]:
    return (each for key, each in fields if key == step)


def _from(items: Iterable[Any], start: int) -> Iterator[Any]:
    return iter(items[start:]) if isinstance(items, list | tuple) and start else itertools.islice(items, start, None)


def _numbered(items: Collection[object], start: int) -> Iterator[_Entry]:
    return ((index, str(index), each) for index, each in enumerate(_from(items, start), start))


def _item(items: Collection[object], step: Step) -> Iterator[object]:
    return itertools.islice(items, step, None) if isinstance(step, int) and step >= 0 else iter(())


def _keyed(mapping: dict[object, object], start: int) -> Iterator[_Entry]:
    for index, (key, each) in enumerate(_from(mapping.items(), start), start):
        short = type(key) is str and len(key) <= _KEY
        yield (str(key) if short else index), (key if type(key) is str else described(key, told)), each


def _looked_up(mapping: dict[object, object], step: Step) -> Iterator[object]:
    if isinstance(step, str):
        if step in mapping:
            return iter((mapping[step],))
        first = itertools.islice(mapping.items(), STATE_LIMITS.items)  # in a whole state, the path has the text of any key
        return (each for key, each in first if not isinstance(key, str) and described(key, told) == step)
    return itertools.islice(mapping.values(), step, None) if step >= 0 else iter(())


def _text(text: str) -> _Part:
    """A long text: a row for each piece."""
    pieces = -(-len(text) // _PIECE)
    return _Part(
        pieces,
        lambda start: (
            (index, f"{index * _PIECE:,}", text[index * _PIECE : (index + 1) * _PIECE]) for index in range(start, pieces)
        ),
        lambda _: iter(()),
    )


# --- the page ---


def _page(value: object, offset: int, limit: int, search: str) -> StatePage:
    part = _part(value)
    total = part.total
    if search:
        return _searched(value, part, offset, limit, search)
    rows = tuple(itertools.starmap(_row, itertools.islice(part.entries(min(offset, total)), limit)))
    end = min(offset, total) + len(rows)
    return StatePage(type=_kind(value), total=total, rows=rows, matched=total, end=end, next=end if end < total else None)


def _searched(value: object, part: _Part, offset: int, limit: int, search: str) -> StatePage:
    left, matched, end, following = _VALUES, 0, min(offset, part.total), None
    rows: list[StateRow] = []
    text = value if isinstance(value, str) else None
    for step, key, each in part.entries(end):
        if left <= 0:
            break
        looked = each if text is None else text[int(step) * _PIECE : (int(step) + 1) * _PIECE + len(search) - 1]
        found, cost = _holds(looked, search)
        left -= cost
        if found or (text is None and search in key.casefold()):
            matched += 1
            if len(rows) < limit:
                rows.append(_row(step, key, each))
            elif following is None:
                following = end
        end += 1
    if following is None and end < part.total:
        following = end
    return StatePage(type=_kind(value), total=part.total, rows=tuple(rows), matched=matched, end=end, next=following)


def _holds(value: object, search: str) -> tuple[bool, int]:
    """Whether *value* contains *search*, and how many values were read for it."""
    if isinstance(value, str):
        return search in value.casefold(), 1 + len(value) // 1_000
    texts = list(_texts(plain(value, _SEARCHED)))
    return any(search in text.casefold() for text in texts), 1 + len(texts)


def _texts(value: Plain) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    else:
        yield str(value)


def _row(step: Step, key: str, value: object) -> StateRow:
    shown, cuts = plain_and_cuts(value, _SHOWN)
    return StateRow(step=step, key=str(plain(key, _SHOWN)), value=shown, cuts=cuts)


def _kind(value: object) -> str:
    return type(value).__qualname__
