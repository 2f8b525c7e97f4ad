"""Forms of unions, literals, enums, and plain JSON values.

A union of one member and `None` is written as that member or null. Any other union is written as `{"<name>": form}`, so reading never has
to guess the member. Members that look the same at run time (`list[int] | list[str]`) are refused when the codec is built.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NewType

from trioactors.errors import StoredNameTaken
from trioactors.serializer.declaration import Declaration
from trioactors.serializer.forms import INT, LARGEST, OBJECT, SMALLEST, STR, Form
from trioactors.serializer.problems import DATA_ERRORS, Problem, at_key, expected, shown

__all__ = ["JSON", "Json", "enum_form", "literal_form", "optional_form", "union_form"]

if TYPE_CHECKING:  # a recursive alias for type checkers; at run time a name of its own, which the builder can look up
    Json = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
else:
    Json = NewType("Json", object)
    Json.__doc__ = "The type of a field that holds plain JSON values of any shape; they are stored as they are."

_PLAIN_DEPTH = 64


def optional_form(member: Form) -> Form:
    """The form of *member* or None."""
    dump_member, load_member = member.dump, member.load

    def dump(value: Any) -> Any:
        return None if value is None else dump_member(value)

    def load(form: Any, _: object = None) -> Any:
        return None if form is None else load_member(form, None)

    return Form(
        name=f"{member.name} or None",
        runtime=(*member.runtime, type(None)),
        dump=dump,
        load=load,
        hashable=member.hashable,
        parts=(member,),
    )


def union_form(members: tuple[Form, ...]) -> Form:
    """The form of a union; the name of the member is written with its value."""
    by_class: dict[type[Any], Form] = {}
    by_name: dict[str, Form] = {}
    for member in members:
        _claim_classes(member, by_class)
        _claim_names(member, by_name)
    for member in members:
        if member.runtime == (float,):
            by_class.setdefault(int, member)  # an int is a float to the type checkers
    known = " | ".join(sorted(member.name for member in members))

    def dump(value: object) -> dict[str, Any]:
        member = by_class.get(type(value))
        if member is None:
            raise expected(f"one of {known}", value)
        return {member.name: member.dump(value)}

    def load(form: Any, _: object = None) -> Any:
        if type(form) is not OBJECT or len(form) != 1:
            raise expected(f"an object that names one of {known}", form)
        name, inner = next(iter(form.items()))
        member = by_name.get(name)
        if member is None:
            raise Problem(f"expected one of {known}, got the unknown name {shown(name)}")
        return member.load(inner, None)

    return Form(
        name="union",
        runtime=tuple(by_class),
        dump=dump,
        load=load,
        hashable=all(member.hashable for member in members),
        parts=members,
    )


def _claim_classes(member: Form, by_class: dict[type[Any], Form]) -> None:
    if not member.runtime:
        raise Problem(f"{member.name} in a union would match every other member", "wrap it in a class")
    for kind in member.runtime:
        if other := by_class.get(kind):
            raise Problem(
                f"{other.name} and {member.name} in a union look the same at run time ({kind.__name__})",
                "wrap one of them in a class",
            )
        by_class[kind] = member


def _claim_names(member: Form, by_name: dict[str, Form]) -> None:
    for name in member.declaration.names if member.declaration else (member.name,):
        if name in by_name:
            raise Problem(
                f"two members of a union have the name {name!r}", "give one of them another name with @stored", StoredNameTaken
            )
        by_name[name] = member


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


JSON = Form(name="Json", runtime=(), dump=_json, load=_json, hashable=False)
