"""The `Serializer`: a registry of stored names, types and forms. Two serializers share nothing."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar, get_origin, overload

import attrs

from trioactors.errors import BadDeclaration, TypeRefused
from trioactors.serializer.builder import Builder, Names
from trioactors.serializer.codec import Codec
from trioactors.serializer.declaration import Declaration
from trioactors.serializer.engines import Engine, JsonEngine, engine_for
from trioactors.serializer.forms import Form, Load
from trioactors.serializer.limits import Limits, checked_limits
from trioactors.serializer.problems import DATA_ERRORS, Problem, raised
from trioactors.serializer.records import Trail
from trioactors.serializer.rules import Rule

__all__ = ["Serializer"]

T = TypeVar("T")
V = TypeVar("V")


@attrs.define(eq=False)
class Serializer:
    """Makes the codecs of types.

        codec = Serializer().codec(Tally)
        assert codec.decode(codec.encode(Tally(3))) == Tally(3)

    It never pickles, never imports a name that it reads, and only builds objects of the classes that the codec was made for.
    """

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
        """Open the engine now, so that a missing package is reported before there is anything to write."""
        checked_limits(self.limits)
        self._json = engine_for(self.engine)
        self._trail = Trail(self.limits.depth, self.limits.elements)
        self._builder = self._new_builder(None)

    @overload
    def codec(self, kind: type[T]) -> Codec[T]: ...
    @overload
    def codec(self, kind: Any) -> Codec[Any]: ...
    def codec(self, kind: Any) -> Codec[Any]:
        """Return the codec of *kind*, which is built once. Raises `TypeRefused`, with the path of the field, if *kind* cannot be stored."""
        if get_origin(kind) is Annotated:
            kind = kind.__origin__  # the metadata beside the type may not be hashable
        try:
            found: Codec[Any] | None = self._codecs.get(kind)
        except TypeError:
            raise TypeRefused(f"{kind!r} is not a type that can be stored") from None
        if found is None:
            found = Codec(self._form(self._builder, kind), self.limits, self._json, lambda versions: self._reader(kind, versions))
            self._codecs[kind] = found
        return found

    def check(self, kind: Any) -> None:
        """Raise `TypeRefused` if *kind* cannot be stored, and `NameUnresolved` if that cannot be known yet."""
        self.codec(kind)

    def register(self, kind: type[T], *, name: str, via: type[V], dump: Callable[[T], V], load: Callable[[V], T]) -> None:
        """Store values of *kind* as values of *via*, under the stored name *name*.

            serializer.register(complex, name="complex", via=str, dump=str, load=complex)

        Raises `BadDeclaration` if *kind* already has a form; so call it before a type that contains *kind* is used.
        """
        _check_rule(kind, via, name=name, dump=dump, load=load)
        if self._builder.knows(kind) or kind in self._rules:
            raise BadDeclaration(f"{kind.__qualname__} already has a stored form", type_name=name, next_step="register types first")
        try:
            self._names.claim(Declaration(name=name), kind)
        except Problem as problem:
            raise problem.as_error(BadDeclaration, name) from None
        self._rules[kind] = Rule(name=name, runtime=kind, via=via, dump=dump, load=load)

    def register_family(self, base: type[Any], rule: Callable[[Any], Rule[Any, Any]]) -> None:
        """Store values of *base* and of its subclasses by the `Rule` that *rule* makes for each annotation."""
        _check_family(base, rule)
        if base in self._families:
            raise BadDeclaration(f"the family of {base.__qualname__} is already registered")
        self._families[base] = rule

    def knows_family(self, base: type[Any]) -> bool:
        """Whether `register_family` was called for *base*."""
        return any(base is known for known in self._families)

    def rule_for(self, kind: Any) -> Rule[Any, Any] | None:
        """The rule that was registered for *kind*, or for a family that it belongs to; None if there is none."""
        try:
            known = self._rules.get(kind)
        except TypeError:  # it cannot be hashed, so it was not registered
            return None
        if known is not None:
            return known
        cls = get_origin(kind) or kind
        if isinstance(cls, type):
            for base, rule in self._families.items():
                if issubclass(cls, base):
                    return _rule_made(rule, kind)
        return None

    def _new_builder(self, versions: Mapping[str, int] | None) -> Builder:
        return Builder(self._names, self._trail, self.rule_for, versions)

    def _form(self, builder: Builder, kind: Any) -> Form:
        try:
            return builder.build(kind)
        except Problem as problem:
            raise problem.as_error(TypeRefused, getattr(kind, "__qualname__", str(kind))) from problem.__cause__

    def _reader(self, kind: Any, versions: Mapping[str, int]) -> Load:
        return self._form(self._new_builder(versions), kind).load


def _check_family(base: object, rule: object) -> None:
    """Check the arguments of `Serializer.register_family`. Raises `BadDeclaration`."""
    if not isinstance(base, type) or not callable(rule) or inspect.iscoroutinefunction(rule):
        raise BadDeclaration(f"register_family takes a class and a function that makes a Rule, not {base!r:.80} and {rule!r:.80}")


def _rule_made(make: Callable[[Any], Rule[Any, Any]], kind: Any) -> Rule[Any, Any]:
    """The rule that the function of a family makes for *kind*."""
    try:
        rule = make(kind)
    except DATA_ERRORS as error:
        raise raised("the function that makes its rule failed", error) from error
    given: Any = rule
    if not isinstance(given, Rule):
        raise Problem(f"the function that makes its rule gave {rule!r:.80}, which is no Rule")
    return rule


def _check_rule(kind: object, via: object, *, name: object, **functions: object) -> None:
    """Check the arguments of `Serializer.register`. Raises `BadDeclaration`."""
    if type(name) is not str or not name or not name.isprintable():
        raise BadDeclaration("a stored name must be a printable text that is not empty", type_name=f"{name!r:.80}")
    if not isinstance(kind, type):
        raise BadDeclaration(f"only a class can be registered, not {kind!r:.80}", type_name=name)
    try:
        hash(via)
    except TypeError:
        raise BadDeclaration(f"via={via!r:.80} is no type", type_name=name) from None
    if via is None or via is kind or isinstance(via, str | bytes | int | float):
        raise BadDeclaration(f"via={via!r:.80} must be another type, which has a stored form", type_name=name)
    for option, function in functions.items():
        if not callable(function) or inspect.iscoroutinefunction(function):
            raise BadDeclaration(f"{option}={function!r:.80} must be a plain function", type_name=name)
