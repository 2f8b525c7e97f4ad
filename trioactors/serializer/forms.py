"""The JSON form of a type: how its values become plain JSON values and come back, with nothing converted on the way.

Every hook checks first. Where Python would oblige (`int(1.9)`, `list("abc")`, `True + 1`), a form refuses, on the way out as on the way
in: what is written can be read, and what is read is what was written.

An `int` is a JSON number where every reader agrees on it (64 bits, signed) and hexadecimal text beyond. A `float` is a number, or one
of three words where JSON has none. An `int` in a `float` field is what the type checkers allow, and stays an `int`.
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
"""The second argument is the type cattrs passes along; nobody here needs it."""

OBJECT: Any = dict
ARRAY: Any = list
TEXT: Any = str
"""What JSON's values are in Python; untyped, because what they hold is not known when they are compared with."""

SMALLEST, LARGEST = -(2**63), 2**63 - 1
_BIG = re.compile(r"-?0x[1-9a-f][0-9a-f]*")
_KEY = re.compile(r"0|-?[1-9][0-9]{0,18}")
_ENDLESS = frozenset({"nan", "inf", "-inf"})


@attrs.define(eq=False)
class Form:
    """How one type is carried."""

    name: str
    """Marks its values inside a union."""

    runtime: tuple[type[Any], ...]
    """The exact classes of its values; empty when they cannot be told by class."""

    dump: Dump
    load: Load

    text: Form | None = None
    """The form to use as a mapping's key, when it is always text."""

    hashable: bool = True
    parts: tuple[Form, ...] = ()
    declaration: Declaration | None = None
    """For attrs classes, dataclasses and enums."""

    recursive: bool = False


def exactly(kind: type[Any], name: str) -> Form:
    """A type that JSON has itself."""

    def check(value: Any, _: object = None) -> Any:
        if type(value) is not kind:
            raise expected(name, value)
        return value

    return Form(name=name, runtime=(kind,), dump=check, load=check)


def unfinished(declaration: Declaration, kind: type[Any]) -> Form:
    """A class's form before its fields have theirs; what refers to it meanwhile finds its hooks when it runs."""

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
    """A type with one canonical text: *load* must accept it, and reading must lead back to the very same text."""
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
            raise Problem(f"expected {name} in its one written form, {dump(loaded)!r}, got {value[:80]!r}")
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
