"""From an annotation to its form; a type nobody has a form for is refused here, before any state exists.

One builder reads one set of class versions: the current ones, or those an older record names. Forms are kept only when the whole type
could be built, so a refusal leaves nothing half-made behind. A class that is met again while it is being built contains itself: it gets
a form that looks its hooks up late, and a guard against cycles.
"""

from __future__ import annotations

import collections
import collections.abc
import enum
import types
import typing
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ForwardRef, Literal, TypeVar, get_args, get_origin

import attrs

from trioactors.errors import NameUnresolved, StoredNameTaken
from trioactors.serializer import containers
from trioactors.serializer.annotations import fields_of, is_record, open_alias, origin_of
from trioactors.serializer.choices import JSON, Json, enum_form, literal_form, optional_form, union_form
from trioactors.serializer.declaration import Declaration, declaration_of
from trioactors.serializer.forms import BOOL, FLOAT, INT, NONE, STR, Form, unfinished
from trioactors.serializer.library import library_forms
from trioactors.serializer.problems import Problem
from trioactors.serializer.records import KEPT, Trail, check_class, dump_of, load_of, upcasting
from trioactors.serializer.rules import Rule, form_by_rule

__all__ = ["Builder", "Names", "reachable"]

_abc = collections.abc
_NEXT_STEP = "mark the field transient, or register the type with Serializer.register"


@attrs.define(eq=False)
class Names:
    """Who owns which stored name, in one serializer."""

    owners: dict[str, object] = attrs.field(factory=dict[str, object])

    def claim(self, declaration: Declaration, owner: object) -> None:
        """Give *owner* its names, or say who has them."""
        for name in declaration.names:
            other = self.owners.get(name, owner)
            if other is not owner:
                raise Problem(
                    f"the stored name {name!r} belongs to {_where(other)} and to {_where(owner)}",
                    "give one of them a name of its own with @stored(name=...)",
                    StoredNameTaken,
                )
        for name in declaration.names:
            self.owners[name] = owner


@attrs.define(eq=False)
class Builder:
    """Makes and keeps forms, all for one set of class versions."""

    names: Names
    trail: Trail
    rule_for: Callable[[Any], Rule[Any, Any] | None]
    versions: Mapping[str, int] | None = None
    """Stored name to version, for classes an older record holds; None for the current ones."""

    _done: dict[Any, Form] = attrs.field(factory=dict[Any, Form], init=False)
    _draft: dict[Any, Form] = attrs.field(factory=dict[Any, Form], init=False)
    _open: list[Any] = attrs.field(factory=list[Any], init=False)
    _library: dict[Any, Form] = attrs.field(init=False, factory=lambda: dict(_built_in()))

    def build(self, kind: Any) -> Form:
        """The form of *kind* and of everything in it, or a `Problem` that leads to what cannot be carried."""
        self._draft, self._open = {}, []
        form = self.form(kind)
        self._done.update(self._draft)
        return form

    def form(self, kind: Any) -> Form:
        """The form of *kind*, as part of what is being built."""
        if get_origin(kind) is typing.Annotated:
            kind = kind.__origin__  # what it says beside the type may not even be hashable
        known = self._library, self._done, self._draft
        try:
            found = next((forms[kind] for forms in known if kind in forms), None)
        except TypeError as error:
            raise Problem(f"{kind!r} is not a type that can be carried") from error
        if found is None:
            found = self._new(kind)
            self._draft[kind] = found
        elif kind in self._open:
            found.recursive = True
        return found

    def knows(self, kind: Any) -> bool:
        """Whether *kind* has a form already."""
        return kind in self._library or kind in self._done

    def _new(self, kind: Any) -> Form:
        if (rule := self.rule_for(kind)) is not None:
            return form_by_rule(rule, self.form(rule.via))
        opened = open_alias(kind)
        if opened is not kind:
            return self._alias(kind, opened)
        if is_record(origin_of(kind)):
            return self._record(kind)
        if isinstance(kind, type) and issubclass(kind, enum.Enum):
            return self._enum(kind)
        return self._composite(kind)

    def _alias(self, kind: Any, opened: Any) -> Form:
        if kind in self._open:
            raise Problem(f"{kind} is an alias that contains itself", "make it a class")
        self._open.append(kind)
        form = self.form(opened)
        self._open.remove(kind)
        return form

    def _enum(self, kind: type[enum.Enum]) -> Form:
        declaration = declaration_of(kind)
        if declaration.version != 1 or declaration.renamed_fields:
            raise Problem(f"{kind.__qualname__} is an enum: it has no versions", "keep the old member's name as an alias")
        self.names.claim(declaration, kind)
        return enum_form(kind, declaration)

    def _record(self, kind: Any) -> Form:
        cls: type[Any] = origin_of(kind)
        declaration = declaration_of(cls)
        if cls is kind and hasattr(cls, "__parameters__") and cls.__parameters__:
            raise Problem(f"{cls.__qualname__} is generic", f"say of what: {cls.__name__}[int]")
        self.names.claim(declaration, cls)
        fields = fields_of(kind)
        check_class(cls, fields, declaration)
        form = unfinished(declaration, cls)
        self._draft[kind] = form
        self._open.append(kind)
        carried = tuple(field for field in fields if not field.transient)
        forms = {field.name: KEPT if field.keeps_unknown else self._inside(f".{field.name}", field.kind) for field in carried}
        self._open.remove(kind)
        load = load_of(cls, carried, forms, declaration)
        version = self._version(declaration)
        form.parts = tuple(forms.values())
        form.load = load if version >= declaration.version else upcasting(load, declaration, version)
        form.dump = dump_of(cls, carried, forms, self.trail if form.recursive else None)
        return form

    def _version(self, declaration: Declaration) -> int:
        if self.versions is None:
            return declaration.version
        return next((self.versions[name] for name in declaration.names if name in self.versions), 1)

    def _composite(self, kind: Any) -> Form:
        make = self._makers().get(get_origin(kind))
        if make is None or not hasattr(kind, "__args__"):
            raise _refusal(kind)
        return make(get_args(kind))

    def _makers(self) -> dict[Any, Callable[[tuple[Any, ...]], Form]]:
        """How to make the form of a type with arguments, by its origin."""
        return {
            typing.Union: self._union,
            types.UnionType: self._union,
            Literal: lambda values: literal_form(values, tuple(self.form(type(value)) for value in values)),
            tuple: self._tuple,
            list: lambda of: containers.sequence_form(list, self._inside("[]", of[0])),
            _abc.MutableSequence: lambda of: containers.sequence_form(list, self._inside("[]", of[0])),
            _abc.Sequence: lambda of: self._union((types.GenericAlias(list, of), types.GenericAlias(tuple, (*of, ...)))),
            deque: lambda of: containers.deque_form(self._inside("[]", of[0])),
            set: lambda of: containers.set_form(set, self._hashable(of[0])),
            frozenset: lambda of: containers.set_form(frozenset, self._hashable(of[0])),
            _abc.MutableSet: lambda of: containers.set_form(set, self._hashable(of[0])),
            _abc.Set: lambda of: self._union((types.GenericAlias(set, of), types.GenericAlias(frozenset, of))),
            dict: self._mapping,
            _abc.Mapping: self._mapping,
            _abc.MutableMapping: self._mapping,
        }

    def _mapping(self, arguments: tuple[Any, ...]) -> Form:
        return containers.mapping_form(self._hashable(arguments[0]), self._inside("[]", arguments[1]))

    def _union(self, members: tuple[Any, ...]) -> Form:
        forms = tuple(self.form(member) for member in members if member is not type(None))
        inner = forms[0] if len(forms) == 1 else union_form(forms)
        return optional_form(inner) if type(None) in members else inner

    def _tuple(self, arguments: tuple[Any, ...]) -> Form:
        if arguments[1:] == (...,):
            return containers.sequence_form(tuple, self._inside("[]", arguments[0]))
        return containers.fixed_tuple_form(tuple(self._inside(f"[{n}]", kind) for n, kind in enumerate(arguments)))

    def _hashable(self, kind: Any) -> Form:
        form = self._inside("[]", kind)
        if not form.hashable:
            raise Problem(f"{_spelt(kind)} cannot be hashed", "use a frozen class, a tuple or a frozenset").under("[]")
        return form

    def _inside(self, step: str, kind: Any) -> Form:
        try:
            return self.form(kind)
        except Problem as problem:
            raise problem.under(step) from problem.__cause__


def reachable(root: Form) -> list[Form]:
    """The forms of every declared class that a value of *root* can hold, *root* first."""
    seen: dict[int, Form] = {}
    waiting = [root]
    while waiting:
        form = waiting.pop()
        if id(form) not in seen:
            seen[id(form)] = form
            waiting.extend(form.parts)
    return [form for form in seen.values() if form.declaration is not None]


def _built_in() -> Iterator[tuple[Any, Form]]:
    yield from ((int, INT), (float, FLOAT), (str, STR), (bool, BOOL), (None, NONE), (type(None), NONE), (Json, JSON))
    yield from library_forms()


def _refusal(kind: Any) -> Problem:
    if kind is None:
        return Problem("the field has no annotation", "say what it holds")
    if kind is Any or kind is object:
        return Problem(f"{_spelt(kind)} says nothing about what it holds", "annotate it, or use Json for plain JSON values")
    if isinstance(kind, str | ForwardRef):
        return Problem(f"the name in {kind!r} was never resolved", "call attrs.resolve_types first", NameUnresolved)
    if isinstance(kind, TypeVar):
        return Problem(f"the type variable {kind} stands for nothing", "say of what: Box[int]")
    if origin_of(kind) in (list, tuple, set, frozenset, dict, deque):
        return Problem(
            f"a bare {origin_of(kind).__name__} says nothing about what it holds",
            f"annotate its items: {origin_of(kind).__name__}[...]",
        )
    return Problem(f"there is no stored form for {_spelt(kind)}", _NEXT_STEP)


def _spelt(kind: Any) -> str:
    return f"{kind.__module__}.{kind.__qualname__}" if isinstance(kind, type) and not get_args(kind) else str(kind)


def _where(owner: object) -> str:
    return _spelt(owner)
