"""The serializer: a registry of names, types and forms, all its own. Two of them share nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar, get_origin, overload

import attrs

from trioactors.errors import BadDeclaration, TypeRefused
from trioactors.serializer.builder import Builder, Names
from trioactors.serializer.codec import Codec
from trioactors.serializer.declaration import Declaration
from trioactors.serializer.engines import Engine, JsonEngine, engine_for
from trioactors.serializer.forms import Form, Load
from trioactors.serializer.limits import Limits
from trioactors.serializer.problems import Problem
from trioactors.serializer.records import Trail
from trioactors.serializer.rules import Rule

__all__ = ["Serializer"]

T = TypeVar("T")
V = TypeVar("V")


@attrs.define(eq=False)
class Serializer:
    """Makes codecs. It never pickles, never imports a name it reads, and never builds a class it was not asked for."""

    limits: Limits = attrs.field(kw_only=True, factory=Limits)
    engine: Engine = attrs.field(kw_only=True, default=Engine.STANDARD)
    _json: JsonEngine = attrs.field(init=False, repr=False)
    _names: Names = attrs.field(init=False, repr=False, factory=Names)
    _rules: dict[Any, Rule[Any, Any]] = attrs.field(init=False, repr=False, factory=dict[Any, Rule[Any, Any]])
    _families: dict[type[Any], Callable[[Any], Rule[Any, Any]]] = attrs.field(
        init=False, repr=False, factory=dict[type[Any], Callable[[Any], Rule[Any, Any]]]
    )
    _trail: Trail = attrs.field(init=False, repr=False)
    _builder: Builder = attrs.field(init=False, repr=False)
    _codecs: dict[Any, Codec[Any]] = attrs.field(init=False, repr=False, factory=dict[Any, Codec[Any]])

    def __attrs_post_init__(self) -> None:
        """Open the engine now: a missing package is known before there is anything to write."""
        self._json = engine_for(self.engine)
        self._trail = Trail(self.limits.depth, self.limits.elements)
        self._builder = self._new_builder(None)

    @overload
    def codec(self, kind: type[T]) -> Codec[T]: ...
    @overload
    def codec(self, kind: Any) -> Codec[Any]: ...
    def codec(self, kind: Any) -> Codec[Any]:
        """The codec of *kind*, built once; a type it cannot carry is refused here, with the path of the field."""
        if get_origin(kind) is Annotated:
            kind = kind.__origin__  # what it says beside the type may not be hashable
        try:
            found: Codec[Any] | None = self._codecs.get(kind)
        except TypeError:
            raise TypeRefused(f"{kind!r} is not a type that can be carried") from None
        if found is None:
            found = Codec(self._form(self._builder, kind), self.limits, self._json, lambda versions: self._reader(kind, versions))
            self._codecs[kind] = found
        return found

    def check(self, kind: Any) -> None:
        """Raise `TypeRefused` when *kind* cannot be carried, `NameUnresolved` when that cannot be known yet."""
        self.codec(kind)

    def register(self, kind: type[T], *, name: str, via: type[V], dump: Callable[[T], V], load: Callable[[V], T]) -> None:
        """Carry values of *kind* as a `via`, under a stored name of their own. Before anything that holds one is built."""
        if self._builder.knows(kind) or kind in self._rules:
            raise BadDeclaration(f"{kind.__qualname__} is carried already", type_name=name, next_step="register types first")
        try:
            self._names.claim(Declaration(name=name), kind)
        except Problem as problem:
            raise problem.as_error(BadDeclaration, name) from None
        self._rules[kind] = Rule(name=name, runtime=kind, via=via, dump=dump, load=load)

    def register_family(self, base: type[Any], rule: Callable[[Any], Rule[Any, Any]]) -> None:
        """Carry every annotation that is *base* or a subclass of it by the rule that *rule* makes for it."""
        if base in self._families:
            raise BadDeclaration(f"the family of {base.__qualname__} is registered already")
        self._families[base] = rule

    def knows_family(self, base: type[Any]) -> bool:
        """Whether `register_family` was called for *base*."""
        return base in self._families

    def _rule_for(self, kind: Any) -> Rule[Any, Any] | None:
        if kind in self._rules:
            return self._rules[kind]
        cls = get_origin(kind) or kind
        if isinstance(cls, type):
            for base, rule in self._families.items():
                if issubclass(cls, base):
                    return rule(kind)
        return None

    def _new_builder(self, versions: Mapping[str, int] | None) -> Builder:
        return Builder(self._names, self._trail, self._rule_for, versions)

    def _form(self, builder: Builder, kind: Any) -> Form:
        try:
            return builder.build(kind)
        except Problem as problem:
            raise problem.as_error(TypeRefused, getattr(kind, "__qualname__", str(kind))) from problem.__cause__

    def _reader(self, kind: Any, versions: Mapping[str, int]) -> Load:
        return self._form(self._new_builder(versions), kind).load
