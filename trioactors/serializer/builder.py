"""The form of an annotation. A type without a form is refused here, before any state exists.

A builder serves one set of class versions: the current ones, or those that an older record names. Forms are kept only if the whole type
could be built, so a refusal leaves nothing half-built behind. A class that turns up again while it is being built contains itself: it
gets a form that looks its hooks up when it runs, and a guard against cycles.
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
from trioactors.serializer.choices import JSON, Json, enum_form, literal_form
from trioactors.serializer.declaration import Declaration, declaration_of
from trioactors.serializer.forms import BOOL, FLOAT, INT, NONE, STR, Form, unfinished
from trioactors.serializer.problems import Problem, inside
from trioactors.serializer.records import KEPT, Trail, check_class, dump_of, keys_of, load_of, upcasting
from trioactors.serializer.rules import Rule, form_by_rule
from trioactors.serializer.unions import optional_form, union_form

__all__ = ["Builder", "Names", "reachable"]

_abc = collections.abc
_NEXT_STEP = "mark the field transient, or register the type with Serializer.register"


@attrs.define(eq=False)
class Names:
    """The stored names of one serializer, and the type that owns each."""

    owners: dict[str, object] = attrs.field(factory=dict[str, object])

    def claim(self, declaration: Declaration, owner: object) -> None:
        """Register the names of *owner*. Raises a `Problem` if one of them belongs to another type."""
        for name in declaration.names:
            other = self.owners.get(name, owner)
            if other is not owner:
                raise Problem(
                    f"the stored name {name!r} belongs to {_spelt(other)} and to {_spelt(owner)}",
                    "give one of them another name with @stored(name=...)",
                    StoredNameTaken,
                )
        for name in declaration.names:
            self.owners[name] = owner


@attrs.define(eq=False)
class Builder:
    """Builds and keeps forms, all for one set of class versions."""

    names: Names
    trail: Trail
    rule_for: Callable[[Any], Rule[Any, Any] | None]
    versions: Mapping[str, int] | None = None
    """The versions of the classes in an older record, by stored name; None for the current versions."""

    _done: dict[Any, Form] = attrs.field(factory=dict[Any, Form], init=False)
    _draft: dict[Any, Form] = attrs.field(factory=dict[Any, Form], init=False)
    _open: list[Any] = attrs.field(factory=list[Any], init=False)
    _library: dict[Any, Form] = attrs.field(init=False, factory=lambda: dict(_built_in()))

    def build(self, kind: Any) -> Form:
        """Build the form of *kind* and of everything in it. Raises a `Problem` with the path to a type that cannot be stored."""
        self._draft, self._open = {}, []
        form = self.form(kind)
        self._done.update(self._draft)
        return form

    def form(self, kind: Any) -> Form:
        """Return the form of *kind*, as a part of the type that is being built."""
        if get_origin(kind) is typing.Annotated:
            kind = kind.__origin__  # the metadata beside the type may not be hashable
        known = self._library, self._done, self._draft
        try:
            found = next((forms[kind] for forms in known if kind in forms), None)
        except TypeError as error:
            raise Problem(f"{kind!r} is not a type that can be stored") from error
        if found is None:
            found = self._new(kind)
            self._draft[kind] = found
        elif kind in self._open:
            found.recursive = True
        return found

    def knows(self, kind: Any) -> bool:
        """Whether *kind* already has a form."""
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
            raise Problem(
                f"{kind.__qualname__} is an enum, and enums have no versions", "keep the old name of a member as an alias"
            )
        if not kind.__members__:
            raise Problem(f"{kind.__qualname__} has no members, so no value has this class", "annotate the enum that is meant")
        self.names.claim(declaration, kind)
        return enum_form(kind, declaration)

    def _record(self, kind: Any) -> Form:
        cls: type[Any] = origin_of(kind)
        declaration = declaration_of(cls)
        if cls is kind and hasattr(cls, "__parameters__") and cls.__parameters__:
            raise Problem(f"{cls.__qualname__} is generic", f"give its arguments, as in {cls.__name__}[int]")
        self.names.claim(declaration, cls)
        fields = fields_of(kind)
        check_class(cls, fields, declaration)
        form = unfinished(declaration, cls)
        form.keys = keys_of(fields, declaration)
        self._draft[kind] = form
        self._open.append(kind)
        carried = tuple(field for field in fields if not field.transient)
        forms = {field.name: KEPT if field.keeps_unknown else self._inside(f".{field.name}", field.kind) for field in carried}
        self._open.remove(kind)
        load = load_of(cls, fields, forms, declaration)
        version = self._version(declaration)
        form.parts = tuple(forms.values())
        form.load = load if version >= declaration.version else upcasting(load, declaration, version)
        form.dump = dump_of(cls, fields, forms, self.trail if form.recursive else None)
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
        """Functions that make the form of a type with arguments, by the origin of the type."""
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
        if any(getattr(kind, "__unpacked__", False) or get_origin(kind) is typing.Unpack for kind in arguments):
            raise Problem("a tuple with an unpacked part has no stored form", "use tuple[X, ...], or a field for the rest")
        return containers.fixed_tuple_form(tuple(self._inside(f"[{n}]", kind) for n, kind in enumerate(arguments)))

    def _hashable(self, kind: Any) -> Form:
        form = self._inside("[]", kind)
        if not form.hashable:
            raise Problem(f"{_spelt(kind)} cannot be hashed", "use a frozen class, a tuple or a frozenset").under("[]")
        return form

    def _inside(self, step: str, kind: Any) -> Form:
        return inside(step, self.form, kind)


def reachable(root: Form) -> list[Form]:
    """The forms of all declared classes that a value of *root* can contain, *root* first."""
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
    from trioactors.serializer.library import library_forms  # noqa: PLC0415 - decimal and zoneinfo are slow to import

    yield from library_forms()


def _refusal(kind: Any) -> Problem:
    if kind is Any or kind is object:
        return Problem(f"{_spelt(kind)} does not say what it holds", "annotate it, or use Json for plain JSON values")
    if isinstance(kind, str | ForwardRef):
        return Problem(f"the name in {kind!r} was never resolved", "call attrs.resolve_types first", NameUnresolved)
    if isinstance(kind, TypeVar):
        return Problem(f"the type variable {kind} has no value", "give the arguments of the generic class, as in Box[int]")
    if origin_of(kind) in (list, tuple, set, frozenset, dict, deque):
        return Problem(
            f"a bare {origin_of(kind).__name__} does not say what it holds",
            f"annotate its items: {origin_of(kind).__name__}[...]",
        )
    advice = next((step for base, step in _ADVICE.items() if _is_kind_of(kind, base)), _NEXT_STEP)
    return Problem(f"there is no stored form for {_spelt(kind)}", advice)


def _is_kind_of(kind: Any, base: Any) -> bool:
    cls = origin_of(kind)
    if base is _TYPED_DICT:
        return typing.is_typeddict(cls)
    return isinstance(cls, type) and issubclass(cls, base) and (base is not tuple or hasattr(cls, "_fields"))


_TYPED_DICT: Any = object()
"""Stands for all classes made with `typing.TypedDict`, which are told by a function."""

_ADVICE: dict[Any, str] = {
    _TYPED_DICT: "make it an attrs class; or annotate Json, for plain JSON values",
    tuple: "make it a frozen attrs class, which has a name and versions as a NamedTuple has not",
    collections.Counter: "annotate dict[..., int], and store dict(counter)",
    collections.defaultdict: "annotate dict[...], and use setdefault: the function that makes the default cannot be stored",
    collections.OrderedDict: "annotate dict[...], which keeps its order, too",
    collections.ChainMap: "store the list of its dicts",
}


def _spelt(kind: Any) -> str:
    return f"{kind.__module__}.{kind.__qualname__}" if isinstance(kind, type) and not get_args(kind) else str(kind)
