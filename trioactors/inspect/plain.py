"""Any value as plain data: dicts with text keys, lists, texts, numbers, booleans and None; bounded, and without what is secret.

Classes of fields (attrs, dataclasses) become their fields, those with `repr=False` left out. Of anything else that a JSON text cannot
hold, its `repr` is told, in few characters. Nothing is escaped: a name with markup in it stays the text that it is, and whoever draws it
must draw text. What is too long is cut, and a note in its place says how large it was.
"""

from __future__ import annotations

import dataclasses
import enum
import itertools
import math
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable
from functools import lru_cache, partial
from typing import Any, Final, TypeAlias, cast

import attrs

from trioactors.trace.formatting import described, told

__all__ = ["CUT", "SNAPSHOT_LIMITS", "STATE_LIMITS", "Limits", "Plain", "plain"]

Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"

CUT: Final = "\u2026"
"""How a note about what was cut begins; also the key under which it stands in an object."""

_SAFE_INTEGER: Final = 2**53
"""Beyond it a browser rounds, so a number is told as text."""

_SPELT_BITS: Final = 4_096

_CONTAINERS: Final = (dict, list, tuple, set, frozenset, deque)
"""What is looked into. A container of somebody else's class is told by its own `repr`."""


@attrs.frozen(kw_only=True)
class Limits:
    """How much of a value is told."""

    text: int = 1_000
    """Characters of one text."""
    items: int = 100
    """Items of one container, or fields of one object."""
    depth: int = 8
    total: int = 5_000
    """Values in all."""


STATE_LIMITS: Final = Limits()
SNAPSHOT_LIMITS: Final = Limits(text=100_000, items=10_000, depth=250, total=1_000_000)
"""For snapshots, which are bounded by what was asked for."""


def plain(value: object, limits: Limits = SNAPSHOT_LIMITS) -> Plain:
    """*value* as plain data that `json.dumps` takes."""
    return _Telling(limits).tell(value, 0)


class _Telling:
    """One value on its way to plain data."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._left = limits.total

    def tell(self, value: object, depth: int) -> Plain:
        self._left -= 1
        while isinstance(value, enum.Enum):
            value = value.value
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._text(str.__str__(value))
        if isinstance(value, int | float):
            return _number(value)
        if isinstance(value, bytes | bytearray):
            return f"{CUT} {len(value):,} bytes"
        return self._compound(value, depth)

    def _compound(self, value: object, depth: int) -> Plain:
        fields, kind = _fields(value), type(value).__name__
        if fields is None and not isinstance(value, _CONTAINERS):
            return self._other(value)
        if depth >= self._limits.depth or self._left <= 0:
            return f"{CUT} {kind}"
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
            found[self._text(key) if isinstance(key, str) else self._other(key)] = self.tell(value, depth + 1)
        if len(found) < count:
            found[CUT] = f"and {count - len(found):,} more of {count:,}"
        return found

    def _list(self, items: Collection[object], depth: int) -> list[Plain]:
        found: list[Plain] = []
        for item in itertools.islice(items, self._limits.items):
            if self._left <= 0:
                break
            found.append(self.tell(item, depth + 1))
        if len(found) < len(items):
            found.append(f"{CUT} and {len(items) - len(found):,} more of {len(items):,}")
        return found

    def _text(self, text: str) -> str:
        if len(text) <= self._limits.text:
            return text
        return f"{text[: self._limits.text]}{CUT} {len(text):,} characters"

    def _other(self, value: object) -> str:
        return self._text(described(value, told))


def _number(value: float) -> int | float | str:
    """A number, as text where JSON or a browser would lose it; one that Python would refuse to spell out is told by its size."""
    if not isinstance(value, int):
        return float(value) if math.isfinite(value) else str(float(value))
    if abs(value) <= _SAFE_INTEGER:
        return int(value)
    bits = value.bit_length()
    return str(int(value)) if bits <= _SPELT_BITS else f"{CUT} a whole number of {bits:,} bits"


def _fields(value: object) -> list[tuple[str, object]] | None:
    """The fields that may be told of an attrs class or a dataclass; None for anything else."""
    told_fields = _told_of(cast("Hashable", type(value)))
    if told_fields is None:
        return None
    return [
        (name, getattr(value, name, None) if form is None else described(getattr(value, name, None), form))
        for name, form in told_fields
    ]


@lru_cache(maxsize=1_024)
def _told_of(known: Hashable) -> tuple[tuple[str, Callable[[object], str] | None], ...] | None:
    """Which fields of the class *known* may be told, and how where they say so themselves; None where it is no class of fields."""
    kind = cast("type[object]", known)
    if attrs.has(kind):
        return tuple((field.name, _form_of(field)) for field in attrs.fields(kind) if field.repr is not False)
    if dataclasses.is_dataclass(kind):
        return tuple((field.name, None) for field in dataclasses.fields(kind) if field.repr)
    return None


def _form_of(field: attrs.Attribute[Any]) -> Callable[[object], str] | None:
    return partial(_formatted, cast("Callable[[object], str]", field.repr)) if callable(field.repr) else None


def _formatted(form: Callable[[object], str], value: object) -> str:
    """*value* as its field wants it shown; nothing at all must not look as if there had been no wish."""
    return form(value) or "-"
