"""Forms of literals, enums, and plain JSON values. Unions are in a module of their own."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NewType

from trioactors.serializer.declaration import Declaration
from trioactors.serializer.forms import INT, LARGEST, SMALLEST, STR, Form
from trioactors.serializer.problems import DATA_ERRORS, Problem, at_key, expected

__all__ = ["JSON", "Json", "enum_form", "literal_form"]

if TYPE_CHECKING:  # a recursive alias for type checkers; at run time a name of its own, which the builder can look up
    Json = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
else:
    Json = NewType("Json", object)
    Json.__doc__ = "The type of a field that holds plain JSON values of any shape; they are stored as they are."

_PLAIN_DEPTH = 64


def literal_form(values: tuple[object, ...], members: tuple[Form, ...]) -> Form:
    """The form of a `Literal`; each value is written in the form of its own type."""
    forms: dict[tuple[Any, Any], Any] = {
        (type(value), value): member.dump(value) for value, member in zip(values, members, strict=True)
    }
    back: dict[tuple[Any, Any], Any] = {(type(form), form): key[1] for key, form in forms.items()}
    if len(back) != len(forms):
        raise Problem("two values of the Literal have the same written form")
    known = ", ".join(repr(value) for value in values)

    def dump(value: Any) -> Any:
        try:
            return forms[type(value), value]
        except (KeyError, TypeError):
            raise expected(f"one of {known}", value) from None

    def load(form: Any, _: object = None) -> Any:
        try:
            return back[type(form), form]
        except (KeyError, TypeError):
            raise expected(f"one of {known}", form) from None

    literal = Form(name="Literal", runtime=tuple({type(value) for value in values}), dump=dump, load=load)
    if all(type(form) is str for form in forms.values()):
        literal.text = literal
    return literal


def enum_form(kind: type[enum.Enum], declaration: Declaration) -> Form:
    """The form of an enum: members by name (aliases can be read, too), flags by number, because they combine."""
    if issubclass(kind, enum.Flag):
        return _flag_form(kind, declaration)
    members = dict(kind.__members__)

    def dump(value: Any) -> str:
        if type(value) is not kind:
            raise expected(f"a {kind.__name__}", value)
        name: str = value.name
        return name

    def load(form: Any, _: object = None) -> Any:
        if type(form) is str and form in members:
            return members[form]
        raise expected(f"the name of a {kind.__name__}", form)

    form = Form(name=declaration.name, runtime=(kind,), dump=dump, load=load, declaration=declaration)
    form.text = form
    return form


def _flag_form(kind: type[enum.Flag], declaration: Declaration) -> Form:
    def dump(value: Any) -> Any:
        if type(value) is not kind:
            raise expected(f"a {kind.__name__}", value)
        return INT.dump(value.value)

    def load(form: Any, _: object = None) -> Any:
        number = INT.load(form, None)
        try:
            value = kind(number)
        except DATA_ERRORS as error:  # an enum's own `_missing_` among them
            raise Problem(f"no {kind.__name__} has the number {number}") from error
        if type(value) is not kind or value.value != number:
            raise Problem(f"no {kind.__name__} has the number {number}")
        return value

    return Form(name=declaration.name, runtime=(kind,), dump=dump, load=load, declaration=declaration)


def _plain(value: Any, depth: int) -> Any:
    """Return *value* if it is plain JSON at every level."""
    descend = _DESCENTS.get(type(value))
    if descend is not None:
        if depth == 0:
            raise Problem(f"a JSON value of more than {_PLAIN_DEPTH} levels, or one that contains itself")
        descend(value, depth)
    elif not _is_atom(value):
        raise expected("a JSON value", value)
    return value


def _is_atom(value: Any) -> bool:
    if type(value) is int:
        return SMALLEST <= value <= LARGEST
    if type(value) is float:
        return value - value == 0.0
    return value is None or type(value) is bool or type(value) is str


def _plain_list(values: list[Any], depth: int) -> None:
    for index, item in enumerate(values):
        try:
            _plain(item, depth - 1)
        except Problem as problem:
            raise problem.under(f"[{index}]") from None


def _plain_dict(values: dict[Any, Any], depth: int) -> None:
    for key, item in values.items():
        try:
            STR.dump(key)
            _plain(item, depth - 1)
        except Problem as problem:
            raise problem.under(at_key(key)) from None


_DESCENTS: dict[Any, Callable[[Any, int], None]] = {list: _plain_list, dict: _plain_dict}


def _json(value: Any, _: object = None) -> Any:
    return _plain(value, _PLAIN_DEPTH)


JSON = Form(name="Json", runtime=(), dump=_json, load=_json, hashable=False, keys=None)
