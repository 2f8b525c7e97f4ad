"""The form of a type: how its values are written as plain JSON values and read back, without any conversion.

Every hook checks its argument first. Where Python would convert (`int(1.9)`, `list("abc")`, `True + 1`), a form refuses, in both
directions: everything that is written can be read, and is read as it was written.

An `int` is written as a JSON number if it fits into 64 signed bits, on which all readers agree, and as hexadecimal text otherwise. A
`float` is written as a number, or as `nan`, `inf` or `-inf`, for which JSON has no number. Type checkers allow an `int` in a `float`
field, so it is accepted there and stays an `int`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import attrs

from trioactors.serializer.declaration import Declaration
from trioactors.serializer.problems import DATA_ERRORS, Problem, expected

__all__ = [
    "ARRAY",
    "BOOL",
    "FLOAT",
    "INT",
    "NONE",
    "OBJECT",
    "STR",
    "TEXT",
    "Dump",
    "Form",
    "Load",
    "by_text",
    "exactly",
    "unfinished",
]

Dump = Callable[[Any], Any]
Load = Callable[[Any, Any], Any]
"""The second argument is the type that cattrs passes; it is not used."""

OBJECT: Any = dict
ARRAY: Any = list
TEXT: Any = str
"""The Python classes of JSON's values; untyped, because the type of their items is not known where they are compared."""

SMALLEST, LARGEST = -(2**63), 2**63 - 1
_BIG = re.compile(r"-?0x[1-9a-f][0-9a-f]*")
_KEY = re.compile(r"0|-?[1-9][0-9]{0,18}")
_ENDLESS = frozenset({"nan", "inf", "-inf"})


@attrs.define(eq=False)
class Form:
    """The stored form of one type."""

    name: str
    """Names its values inside a union."""

    runtime: tuple[type[Any], ...]
    """The exact classes of its values; empty if the class of a value does not show that it is one."""

    dump: Dump
    load: Load

    text: Form | None = None
    """The form for keys of a mapping, if it is always text."""

    hashable: bool = True
    parts: tuple[Form, ...] = ()
    declaration: Declaration | None = None
    """For attrs classes, dataclasses and enums."""

    recursive: bool = False

    keys: frozenset[str] | None = frozenset()
    """The keys that its written form may have if that is a JSON object; None if it may have any."""


def exactly(kind: type[Any], name: str) -> Form:
    """The form of a type that JSON has, too."""

    def check(value: Any, _: object = None) -> Any:
        if type(value) is not kind:
            raise expected(name, value)
        return value

    return Form(name=name, runtime=(kind,), dump=check, load=check)


def unfinished(declaration: Declaration, kind: type[Any]) -> Form:
    """The form of a class whose fields have no forms yet. Other forms can refer to it already; they find its hooks when they run."""

    def dump(value: Any) -> Any:
        return form.dump(value)

    def load(value: Any, _: object = None) -> Any:
        return form.load(value, None)

    form = Form(
        name=declaration.name,
        runtime=(kind,),
        dump=dump,
        load=load,
        hashable=kind.__hash__ is not None,
        declaration=declaration,
    )
    return form


def by_text(
    kind: type[Any], name: str, dump: Callable[[Any], str], load: Callable[[str], Any], runtime: type[Any] | None = None
) -> Form:
    """The form of a type with one canonical text. Any other text is refused, even if *load* accepts it."""
    real = runtime or kind

    def dump_text(value: Any) -> str:
        if type(value) is not real:
            raise expected(name, value)
        return dump(value)

    def load_text(value: Any, _: object = None) -> Any:
        if type(value) is not str:
            raise expected(f"{name} as text", value)
        try:
            loaded = load(value)
        except DATA_ERRORS as error:
            raise expected(name, value) from error
        if dump(loaded) != value:
            raise Problem(f"expected {name} in its only written form, {dump(loaded)!r}, got {value[:80]!r}")
        return loaded

    form = Form(name=name, runtime=(real,), dump=dump_text, load=load_text, hashable=real.__hash__ is not None)
    form.text = form
    return form


def _dump_int(value: Any) -> Any:
    if type(value) is not int:
        raise expected("int", value)
    return value if SMALLEST <= value <= LARGEST else hex(value)


def _load_int(value: Any, _: object = None) -> int:
    if type(value) is int and SMALLEST <= value <= LARGEST:
        return value
    if type(value) is str and _BIG.fullmatch(value):
        number = int(value, 16)
        if not SMALLEST <= number <= LARGEST:
            return number
    raise expected("int", value)


def _dump_int_key(value: Any) -> str:
    return str(_dump_int(value))


def _load_int_key(value: Any, _: object = None) -> int:
    if type(value) is str and _KEY.fullmatch(value):
        return _load_int(int(value))
    return _load_int(value)


def _dump_float(value: Any) -> Any:
    if type(value) is float:
        return value if value - value == 0.0 else str(value)
    if type(value) is int:
        return _dump_int(value)
    raise expected("float", value)


def _load_float(value: Any, _: object = None) -> float:
    if type(value) is float:
        if value - value == 0.0:
            return value
        raise Problem("expected float, got a number too large for one")
    if type(value) is str and value in _ENDLESS:
        return float(value)
    if type(value) is int or (type(value) is str and _BIG.fullmatch(value)):
        return _load_int(value)
    raise expected("float", value)


def _text() -> Form:
    form = exactly(str, "str")
    form.text = form
    return form


NONE = exactly(type(None), "None")
BOOL = exactly(bool, "bool")
STR = _text()
INT = Form(
    name="int",
    runtime=(int,),
    dump=_dump_int,
    load=_load_int,
    text=Form(name="int", runtime=(int,), dump=_dump_int_key, load=_load_int_key),
)
FLOAT = Form(name="float", runtime=(float,), dump=_dump_float, load=_load_float)
