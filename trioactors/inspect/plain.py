"""Any value as plain data: dicts with string keys, lists, strings, numbers, booleans and None; bounded in size, and without secrets.

An attrs class or dataclass becomes a dict of its fields, without those with `repr=False`. Anything else that JSON cannot express becomes
its `repr`, shortened. Nothing is escaped: a name that contains markup stays as it is, so a page must insert it as text. A value that is too
long is cut, and a note in its place gives the full size.
"""

from __future__ import annotations

import dataclasses
import enum
import itertools
import math
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sized
from functools import lru_cache, partial
from typing import Any, Final, TypeAlias, cast

import attrs

from trioactors.settings import count, of_class
from trioactors.trace.formatting import described, told

__all__ = [
    "CUT",
    "SNAPSHOT_LIMITS",
    "STATE_LIMITS",
    "Cut",
    "Limits",
    "Plain",
    "plain",
    "plain_and_cuts",
    "unfolded",
    "visible_fields",
]

Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"

CUT: Final = "\u2026"
"""The beginning of a note about a cut; in an object, also its key."""

_SAFE_INTEGER: Final = 2**53
"""Browsers round larger numbers, so those become strings."""

_SPELT_BITS: Final = 4_096
"""Longer integers are replaced by a note of their size: Python refuses to convert very long ones to decimal."""

_CONTAINERS: Final = (dict, list, tuple, set, frozenset, deque)
"""Containers whose items are converted. Any other container becomes its own `repr`."""


@attrs.frozen(kw_only=True)
class Limits:
    """Limits on the size of plain data."""

    text: int = 1_000
    """Characters per string."""
    items: int = 100
    """Items per container, or fields per object."""
    depth: int = 8
    """Levels of nesting."""
    total: int = 5_000
    """Values in total."""

    def __attrs_post_init__(self) -> None:
        for name in ("text", "items", "depth", "total"):
            count(getattr(self, name), f"Limits.{name}")


STATE_LIMITS: Final = Limits()
SNAPSHOT_LIMITS: Final = Limits(text=100_000, items=10_000, depth=250, total=1_000_000)
"""Limits for snapshots, whose size the caller has already limited."""


@attrs.frozen(kw_only=True)
class Cut:
    """A part of a value that is shown shortened, or only named."""

    path: tuple[str | int, ...]
    """Its keys and indexes in the plain value, from the outside in."""
    total: int
    """Its items, its fields, or its characters."""


def plain(value: object, limits: Limits = SNAPSHOT_LIMITS) -> Plain:
    """Return *value* as plain data that `json.dumps` accepts."""
    return _Conversion(of_class(limits, Limits, "limits", "inspect.Limits(text=1_000)")).convert(value, 0)


def plain_and_cuts(value: object, limits: Limits) -> tuple[Plain, tuple[Cut, ...]]:
    """Return *value* as plain data, and where it was cut."""
    conversion = _Conversion(limits)
    found = conversion.convert(value, 0)
    return found, tuple(_cuts(found, conversion.cut, ()))


def unfolded(value: object) -> object:
    """What is converted in place of *value*: the value of a member of an enum."""
    while isinstance(value, enum.Enum):
        value = value.value
    return value


def _cuts(found: Plain, totals: Mapping[int, int], path: tuple[str | int, ...]) -> Iterator[Cut]:
    """The cuts in *found*, which holds each value whose identity is in *totals*."""
    if (total := totals.get(id(found))) is not None:
        yield Cut(path=path, total=total)
    if isinstance(found, dict):
        for key, value in found.items():
            yield from _cuts(value, totals, (*path, key))
    elif isinstance(found, list):
        for index, value in enumerate(found):
            yield from _cuts(value, totals, (*path, index))


class _Conversion:
    """The conversion of one value to plain data."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._left = limits.total
        self.cut: dict[int, int] = {}
        """The sizes of what was cut, by the identities of the values that stand for it in the result."""

    def convert(self, value: object, depth: int) -> Plain:
        self._left -= 1
        while isinstance(value, enum.Enum):
            value = value.value
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            text = str.__str__(value)
            return text if len(text) <= self._limits.text else self._noted(self._text(text), len(text))
        if isinstance(value, int | float):
            return _number(value)
        if isinstance(value, bytes | bytearray):
            return f"{CUT} {len(value):,} bytes"
        return self._compound(value, depth)

    def _compound(self, value: object, depth: int) -> Plain:
        fields, kind = visible_fields(value), type(value).__name__
        if fields is None and not isinstance(value, _CONTAINERS):
            return self._other(value)
        if depth >= self._limits.depth or self._left <= 0:
            return self._noted(f"{CUT} {kind}", len(cast("Sized", value)) if fields is None else len(fields))
        if fields is not None:
            return self._object(fields, len(fields), depth)
        if isinstance(value, dict):
            mapping = cast("dict[object, object]", value)
            return self._object(mapping.items(), len(mapping), depth)
        return self._list(cast("Collection[object]", value), depth)

    def _object(self, pairs: Iterable[tuple[object, object]], count: int, depth: int) -> dict[str, Plain]:
        found: dict[str, Plain] = {}
        for key, value in itertools.islice(pairs, self._limits.items):
            if self._left <= 0:
                break
            found[self._text(key) if isinstance(key, str) else self._other(key)] = self.convert(value, depth + 1)
        if len(found) < count:
            found[CUT] = f"and {count - len(found):,} more of {count:,}"
            self.cut[id(found)] = count
        return found

    def _list(self, items: Collection[object], depth: int) -> list[Plain]:
        found: list[Plain] = []
        for item in itertools.islice(items, self._limits.items):
            if self._left <= 0:
                break
            found.append(self.convert(item, depth + 1))
        if len(found) < len(items):
            found.append(f"{CUT} and {len(items) - len(found):,} more of {len(items):,}")
            self.cut[id(found)] = len(items)
        return found

    def _text(self, text: str) -> str:
        if len(text) <= self._limits.text:
            return text
        return f"{text[: self._limits.text]}{CUT} {len(text):,} characters"

    def _noted(self, text: str, total: int) -> str:
        """*text*, which is new and stands for a value of *total* items or characters."""
        self.cut[id(text)] = total
        return text

    def _other(self, value: object) -> str:
        return self._text(described(value, told))


def _number(value: float) -> int | float | str:
    """A number, or a string if JSON or a browser would not preserve it."""
    if not isinstance(value, int):
        return float(value) if math.isfinite(value) else str(float(value))
    if abs(value) <= _SAFE_INTEGER:
        return int(value)
    bits = value.bit_length()
    return str(int(value)) if bits <= _SPELT_BITS else f"{CUT} a whole number of {bits:,} bits"


def visible_fields(value: object) -> list[tuple[str, object]] | None:
    """The visible fields of an instance of an attrs class or dataclass; None for anything else."""
    visible = _visible_fields(cast("Hashable", type(value)))
    if visible is None:
        return None
    return [
        (name, getattr(value, name, None) if form is None else described(getattr(value, name, None), form))
        for name, form in visible
    ]


@lru_cache(maxsize=1_024)
def _visible_fields(known: Hashable) -> tuple[tuple[str, Callable[[object], str] | None], ...] | None:
    """The visible fields of an attrs class or dataclass, each with its own `repr` function if it has one; None for other classes."""
    kind = cast("type[object]", known)
    if attrs.has(kind):
        return tuple((field.name, _form_of(field)) for field in attrs.fields(kind) if field.repr is not False)
    if dataclasses.is_dataclass(kind):
        return tuple((field.name, None) for field in dataclasses.fields(kind) if field.repr)
    return None


def _form_of(field: attrs.Attribute[Any]) -> Callable[[object], str] | None:
    return partial(_formatted, cast("Callable[[object], str]", field.repr)) if callable(field.repr) else None


def _formatted(form: Callable[[object], str], value: object) -> str:
    """*value* formatted by the `repr` function of its field, never empty: `described` would replace an empty text by the full `repr`."""
    return form(value) or "-"
