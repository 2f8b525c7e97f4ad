"""Forms of unions.

A union of one member and `None` is written as that member or null. Any other union is written as `{"<name>": form}`, so reading never has
to guess the member. Members that look the same at run time (`list[int] | list[str]`) are refused when the codec is built.

A field may become a union later: `int` becomes `int | str`. Its old records hold the form of the one type, without a name. Such a form is
read as the only member that can read it. If several can (`"nan"` for `float | str`), nothing is guessed: the record is refused, and an
upcaster can say which it is. A form that could also be that of the union itself, as any dict with text for keys could, is not read so
either.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from trioactors.errors import StoredNameTaken
from trioactors.serializer.forms import OBJECT, Form, Load
from trioactors.serializer.problems import Problem, expected, shown

__all__ = ["optional_form", "readers_of", "union_form"]


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
        keys=member.keys,
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

    return Form(
        name="union",
        runtime=tuple(by_class),
        dump=dump,
        load=_load_of(members, by_name, known),
        hashable=all(member.hashable for member in members),
        parts=members,
        keys=frozenset(by_name),
    )


def _load_of(members: tuple[Form, ...], by_name: Mapping[str, Form], known: str) -> Load:
    distinct = frozenset(id(each) for each in members if each.keys is not None and each.keys.isdisjoint(by_name))

    def load(form: Any, _: object = None) -> Any:
        named = type(form) is OBJECT and len(form) == 1
        if named:
            name, inner = next(iter(form.items()))
            member = by_name.get(name)
            if member is not None:
                return member.load(inner, None)
        found, value = _only_reader(members, form, distinct)
        if found:
            return value
        if named:
            raise Problem(f"expected one of {known}, got the unknown name {shown(next(iter(form)))}")
        raise expected(f"an object that names one of {known}", form)

    return load


class _Trials(threading.local):
    """What the members of unions said of one form, while it is tried. Without this memory, nested unions would try without end."""

    def __init__(self) -> None:
        self.depth = 0
        self.said: dict[tuple[int, int], tuple[Any, object, Problem | None]] = {}
        """By form and member: the form itself (so that its id stays its own), what was read, and why nothing was."""


_trials = _Trials()


def _only_reader(members: tuple[Form, ...], form: Any, distinct: frozenset[int]) -> tuple[bool, object]:
    """Whether exactly one of *members* can read *form* as the member alone writes it, and what that one reads.

    The field had this type before it became a union. Raises a `Problem` if several can, or if the form of the one cannot be told from that
    of the union.
    """
    readers = readers_of(members, form)
    if not readers:
        return False, None
    if len(readers) == 1 and id(readers[0][0]) in distinct:
        return True, readers[0][1]
    names = " or ".join(sorted(member.name for member, _ in readers))
    raise Problem(
        f"this was written before the field became a union, and could be the form of {names}",
        "raise the version of the class, and let an upcaster write {<name of the member>: <old form>}",
    )


def readers_of(members: tuple[Form, ...], form: Any) -> list[tuple[Form, object]]:
    """The *members* that can read *form*, each with what it reads."""
    _trials.depth += 1
    try:
        found = [(member, *_tried(member, form)) for member in members]
    finally:
        _trials.depth -= 1
        if _trials.depth == 0:
            _trials.said.clear()
    return [(member, value) for member, value, problem in found if problem is None]


def _tried(member: Form, form: Any) -> tuple[object, Problem | None]:
    key = id(form), id(member)
    if key not in _trials.said:
        value, problem = None, None
        try:
            value = member.load(form, None)
        except Problem as refused:
            problem = refused
        _trials.said[key] = form, value, problem
    return _trials.said[key][1:]


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
