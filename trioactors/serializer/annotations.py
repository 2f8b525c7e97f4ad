"""The fields of a class, each with its resolved type: strings evaluated, aliases opened, type variables filled in.

An annotation is evaluated in the module that defines it, and nowhere else. If a name does not exist yet, the error says so, and the
caller can try again later.
"""

from __future__ import annotations

import dataclasses
import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any, Final, TypeVar, get_args, get_origin

import attrs

from trioactors.annotations import annotations_of, evaluated, is_unresolved
from trioactors.errors import NameUnresolved
from trioactors.serializer.declaration import is_transient, keeps_unknown
from trioactors.serializer.problems import Problem

__all__ = ["Field", "fields_of", "is_record", "open_alias", "origin_of"]


@attrs.frozen(kw_only=True)
class Field:
    """A field of an attrs class or of a dataclass."""

    name: str
    alias: str
    kind: Any
    init: bool
    default: Callable[[Any], object] | None
    """Makes the value of a field that is not in the record, as a function of the instance; None if there is no default."""
    transient: bool
    keeps_unknown: bool
    secret: bool = False
    """Whether its value must not appear in any text (`repr=False`)."""
    check: Callable[[object, object], None] | None = None
    """The field's validator, as a function of an instance and a value."""

    @property
    def has_default(self) -> bool:
        """Whether the field may be missing in a record."""
        return self.default is not None


def is_record(kind: object) -> bool:
    """Whether *kind* is an attrs class or a dataclass."""
    return isinstance(kind, type) and (attrs.has(kind) or dataclasses.is_dataclass(kind))


def origin_of(kind: Any) -> Any:
    """The class behind a generic alias such as `Box[int]`; any other *kind* is returned as it is."""
    return get_origin(kind) or kind


def fields_of(kind: Any) -> tuple[Field, ...]:
    """The fields of *kind*, with the arguments of a generic class filled in. A transient field can have any annotation."""
    cls = origin_of(kind)
    filled = _arguments_by_owner(kind)
    annotated = {base: annotations_of(base) for base in cls.__mro__}
    found: list[Field] = []
    for field in _raw_fields(cls):
        if field.transient:
            found.append(field)
            continue
        owner = next((base for base in cls.__mro__ if field.name in annotated[base]), None)
        kind = field.kind
        if kind is None and owner is None:
            raise Problem("the field has no annotation", "annotate it with the type of its values").under(f".{field.name}")
        owner = owner or cls
        if is_unresolved(kind):
            kind = _evaluate(owner, field.name, annotated[owner].get(field.name, kind))
        found.append(attrs.evolve(field, kind=_substitute(kind, filled.get(owner, {}))))
    return tuple(found)


def open_alias(kind: Any) -> Any:
    """The type that a `NewType`, `Annotated`, `Final` or `type` alias stands for; any other *kind* is returned as it is."""
    if get_origin(kind) is typing.Annotated:
        return kind.__origin__
    if isinstance(kind, typing.NewType):
        return kind.__supertype__
    if get_origin(kind) is typing.Final:
        return get_args(kind)[0]
    alias = origin_of(kind)
    value = _value_of(alias)
    if value is _NO_ALIAS:
        return kind
    return _substitute(value, dict(zip(alias.__type_params__, get_args(kind), strict=False)))


_NO_ALIAS: Final = object()


def _value_of(alias: Any) -> Any:
    """The type that a `type` alias stands for, which Python evaluates when it is asked for; `_NO_ALIAS` for anything else."""
    try:
        return getattr(alias, "__value__", _NO_ALIAS)
    except NameError as error:
        raise Problem(
            f"the alias {alias} names {error.name!r}, which does not exist in {alias.__module__} (yet)",
            "define it at module level, and import it at run time too",
            NameUnresolved,
        ) from None


def _substitute(kind: Any, mapping: Mapping[Any, Any]) -> Any:
    """*kind* with its type variables replaced."""
    if isinstance(kind, TypeVar):
        return mapping.get(kind, kind)
    parameters = getattr(kind, "__parameters__", ())
    if not parameters or not mapping or isinstance(kind, type):
        return kind
    return kind[tuple(mapping.get(parameter, parameter) for parameter in parameters)]


def _raw_fields(cls: type[Any]) -> Iterator[Field]:
    if attrs.has(cls):
        for attribute in attrs.fields(cls):
            yield Field(
                name=attribute.name,
                alias=attribute.alias or attribute.name,
                kind=attribute.type,
                init=attribute.init,
                default=_default(attribute),
                transient=is_transient(attribute.metadata),
                keeps_unknown=keeps_unknown(attribute.metadata),
                secret=attribute.repr is not True,
                check=_validator(attribute),
            )
    else:
        for field in dataclasses.fields(cls):
            yield Field(
                name=field.name,
                alias=field.name,
                kind=field.type,
                init=field.init,
                default=_dataclass_default(field),
                transient=is_transient(field.metadata),
                keeps_unknown=keeps_unknown(field.metadata),
                secret=not field.repr,
            )


def _default(attribute: Any) -> Callable[[Any], object] | None:
    """What attrs does for a field that is not given: its default or its factory, then its converter."""
    default: Any = attribute.default
    converter: Any = attribute.converter
    factory: Any = attrs.Factory  # a class, which its stub calls a function
    takes_more: Any = attrs.Converter
    if default is attrs.NOTHING:
        return None

    def make(instance: Any) -> object:
        value = default
        if isinstance(default, factory):
            value = default.factory(instance) if default.takes_self else default.factory()
        if isinstance(converter, takes_more):
            return converter.__call__(value, instance, attribute)
        return value if converter is None else converter(value)

    return make


def _dataclass_default(field: dataclasses.Field[Any]) -> Callable[[Any], object] | None:
    if field.default_factory is not dataclasses.MISSING:
        factory = field.default_factory
        return lambda _: factory()
    default = field.default
    return None if default is dataclasses.MISSING else lambda _: default


def _validator(attribute: attrs.Attribute[Any]) -> Callable[[object, object], None] | None:
    validator = attribute.validator
    if validator is None:
        return None
    return lambda instance, value: validator(instance, attribute, value)


def _evaluate(owner: type[Any], name: str, annotation: Any) -> Any:
    module = vars(sys.modules[owner.__module__]) if owner.__module__ in sys.modules else {}
    itself = {owner.__name__: owner}
    names = {**vars(owner), **itself, **module}
    if "<locals>" in owner.__qualname__:
        names.update(itself)
    names.update({parameter.__name__: parameter for parameter in getattr(owner, "__type_params__", ())})
    try:
        return evaluated(annotation, names)
    except NameError as error:
        raise Problem(
            f"the annotation {annotation!r} names {error.name!r}, which does not exist in {owner.__module__} (yet)",
            "define it at module level, import it at run time too, or call attrs.resolve_types first",
            NameUnresolved,
        ).under(f".{name}") from None
    except (AttributeError, SyntaxError, TypeError, ValueError) as error:
        if isinstance(error, AttributeError) and isinstance(
            error.obj, ModuleType
        ):  # a module that is still being imported, perhaps
            raise Problem(f"the annotation {annotation!r}: {error} (yet)", "define it there", NameUnresolved).under(
                f".{name}"
            ) from None
        raise Problem(f"the annotation {annotation!r} cannot be evaluated: {error}").under(f".{name}") from error


def _arguments_by_owner(kind: Any) -> dict[type[Any], dict[Any, Any]]:
    """For each class in the hierarchy of *kind*, the types that its own type variables stand for."""
    found: dict[type[Any], dict[Any, Any]] = {}

    def visit(alias: Any, outer: Mapping[Any, Any]) -> None:
        cls = origin_of(alias)
        arguments = tuple(_substitute(argument, outer) for argument in get_args(alias))
        mapping = dict(zip(getattr(cls, "__parameters__", ()), arguments, strict=False))
        found.setdefault(cls, mapping)
        for base in cls.__dict__.get("__orig_bases__", cls.__bases__):
            if origin_of(base) not in (typing.Generic, typing.Protocol, object):
                visit(base, mapping)

    visit(kind, {})
    return found
