"""The limits of a record, checked before a parser sees any of its bytes.

The check takes linear time and runs at the speed of C: it passes over the whole buffer a few times and never loops over bytes in Python.
It only counts. Bytes that are not JSON, such as unbalanced brackets, pass it and are refused by the parser.
"""

from __future__ import annotations

import re

import attrs

from trioactors.errors import OverLimit, SpecError

__all__ = ["Limits", "check_size", "checked_limits"]

# Possessive, and the last alternative always matches: no input makes it backtrack.
_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_BRACKETS_AND_COMMAS = b"[]{},"
_ALL_BUT_STRUCTURE = bytes(byte for byte in range(256) if byte not in _BRACKETS_AND_COMMAS)
_ONE_KIND = bytes.maketrans(b"{}", b"[]")


def _at_least_one(_instance: object, attribute: attrs.Attribute[int], value: int) -> None:
    if type(value) is not int or value < 1:
        raise SpecError(f"Limits.{attribute.name}={value!r:.80} must be a whole number from 1")


@attrs.frozen(kw_only=True)
class Limits:
    """The limits of a record. They hold for writing and for reading, so every record that can be written can be read."""

    bytes: int = attrs.field(default=64 * 1024 * 1024, validator=_at_least_one)
    """The length of a record, including the envelope, in bytes."""

    depth: int = attrs.field(default=64, validator=_at_least_one)
    """The number of levels of arrays and objects, including the envelope."""

    elements: int = attrs.field(default=2_000_000, validator=_at_least_one)
    """The number of values in a record, counted as its commas and opening brackets."""


def checked_limits(limits: object) -> Limits:
    """Return *limits*, which must be a `Limits`. Raises `SpecError`."""
    if not isinstance(limits, Limits):
        raise SpecError(f"limits={limits!r:.80} must be Limits; write limits=Limits(bytes=...)")
    return limits


def check_size(data: bytes, limits: Limits, type_name: str) -> None:
    """Raise `OverLimit` if *data* is over one of *limits*. Cheap upper bounds are tried first, then the exact count."""
    if len(data) > limits.bytes:
        raise _over("bytes", f"{len(data):,} bytes", limits.bytes, type_name)
    opened = data.count(b"[") + data.count(b"{")
    if opened <= limits.depth and opened + data.count(b",") <= limits.elements:
        return
    structure = _STRINGS.sub(b"", data).translate(None, _ALL_BUT_STRUCTURE)
    elements = len(structure) - structure.count(b"]") - structure.count(b"}")
    if elements > limits.elements:
        raise _over("elements", f"{elements:,} elements", limits.elements, type_name)
    if _is_deeper(structure, limits.depth):
        raise _over("depth", f"more than {limits.depth} levels", limits.depth, type_name)


def _is_deeper(structure: bytes, depth: int) -> bool:
    """Whether brackets nest more than *depth* deep. Each pass removes the innermost level; unclosed brackets count, too."""
    brackets = structure.translate(_ONE_KIND, b",")
    for levels in range(depth + 1):
        peeled = brackets.replace(b"[]", b"")
        if len(peeled) == len(brackets):
            return levels + brackets.count(b"[") > depth
        brackets = peeled
    return True


def _over(limit: str, found: str, allowed: int, type_name: str) -> OverLimit:
    return OverLimit(
        f"{found}, the limit is {allowed:,}",
        type_name=type_name,
        next_step=f"store less in one record, or raise Limits({limit}=...)",
    )
