"""The declaration of a stored class: its stored name, its version, and the upcasters from older versions.

A stored name is a promise to the data that is already on disk. It is therefore declared, and never derived from the module of the class:
a class can move to another module or be renamed without losing a record.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, overload

import attrs

from trioactors.errors import BadDeclaration

__all__ = [
    "TRANSIENT",
    "UNKNOWN_FIELDS",
    "Declaration",
    "Upcaster",
    "declaration_of",
    "is_transient",
    "keeps_unknown",
    "secret",
    "stored",
    "transient",
    "unknown_fields",
]

T = TypeVar("T")
C = TypeVar("C", bound=type[Any])

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
"""A function from an object as its version wrote it (plain JSON values) to the object as the next version writes it."""

_ATTRIBUTE = "__trioactors_stored__"
_TRANSIENT_KEY = "trioactors.transient"
_UNKNOWN_KEY = "trioactors.unknown_fields"

TRANSIENT: Mapping[str, bool] = {_TRANSIENT_KEY: True}
"""Metadata that marks a field as transient, for `attrs.field(metadata=...)` and `dataclasses.field(metadata=...)`."""

UNKNOWN_FIELDS: Mapping[str, bool] = {_UNKNOWN_KEY: True}
"""Metadata that marks the field which keeps fields that the class does not have."""


@attrs.frozen(kw_only=True)
class Declaration:
    """The stored identity of a class. `version` starts at 1; `oldest` is the oldest version that can still be read."""

    name: str
    version: int = 1
    former_names: tuple[str, ...] = ()
    renamed_fields: Mapping[str, str] = attrs.field(factory=dict[str, str])
    upcasters: Mapping[int, Upcaster] = attrs.field(factory=dict[int, Upcaster])

    @property
    def names(self) -> tuple[str, ...]:
        """The names that records of this class can have."""
        return (self.name, *self.former_names)

    @property
    def oldest(self) -> int:
        """The oldest version that can be read: the first with an upcaster, or the current one if there is none."""
        return min(self.upcasters, default=self.version)


def stored(
    *,
    name: str,
    version: int = 1,
    former_names: tuple[str, ...] = (),
    renamed_fields: Mapping[str, str] | None = None,
    upcasters: Mapping[int, Upcaster] | None = None,
) -> Callable[[C], C]:
    """Give a class its stored name and version.

        @stored(name="tally", version=2, former_names=("counter",), renamed_fields={"count": "total"}, upcasters={1: to_cents})
        @define
        class Tally: ...

    `renamed_fields` maps old names to new ones; `upcasters[n]` turns an object of version n into one of version n + 1. Raises
    `BadDeclaration` if the arguments are invalid.
    """
    _check_shape("former_names", former_names, Sequence, name)
    _check_shape("renamed_fields", renamed_fields or {}, Mapping, name)
    _check_shape("upcasters", upcasters or {}, Mapping, name)
    declaration = Declaration(
        name=name,
        version=version,
        former_names=tuple(former_names),
        renamed_fields=dict(renamed_fields or {}),
        upcasters=dict(upcasters or {}),
    )
    if problem := _fault_in(declaration):
        raise BadDeclaration(problem, type_name=str(name))

    def declare(cls: C) -> C:
        if not _is_class(cls):
            raise BadDeclaration(f"@stored goes on a class, not on {cls!r:.80}", type_name=str(name))
        setattr(cls, _ATTRIBUTE, declaration)
        return cls

    return declare


def declaration_of(cls: type[Any]) -> Declaration:
    """The declaration of *cls* itself, not of a base class. Without one, the stored name is its qualified name without the module."""
    declared = cls.__dict__.get(_ATTRIBUTE)
    if isinstance(declared, Declaration):
        return declared
    return Declaration(name=cls.__qualname__.rpartition("<locals>.")[2])


def _check_shape(option: str, given: object, wanted: type, name: object) -> None:
    if not isinstance(given, wanted) or isinstance(given, str):
        raise BadDeclaration(f"{option}={given!r:.80} must be a {'tuple' if wanted is Sequence else 'dict'}", type_name=str(name))


def _is_class(value: object) -> bool:
    return isinstance(value, type)


def _fault_in(declaration: Declaration) -> str:
    """The fault in *declaration*; empty if there is none."""
    names, version = declaration.names, declaration.version
    if not all(type(name) is str and name and name.isprintable() for name in names):
        return "a stored name must be a printable text that is not empty"
    if len(set(names)) != len(names):
        return "a former name equals the current name, or is given twice"
    if type(version) is not int or version < 1:
        return f"a version must be a whole number from 1, not {version!r}"
    if not all(type(each) is str for pair in declaration.renamed_fields.items() for each in pair):
        return "renamed_fields maps old names to new names"
    return _fault_in_upcasters(declaration.upcasters, version)


def _fault_in_upcasters(upcasters: Mapping[Any, object], version: int) -> str:
    if not all(type(step) is int for step in upcasters):
        return "upcasters maps versions, which are whole numbers, to functions"
    for step, upcaster in upcasters.items():
        if not callable(upcaster) or inspect.iscoroutinefunction(upcaster):
            return f"the upcaster from version {step} must be a plain function, not {upcaster!r:.80}"
    steps = sorted(upcasters)
    if steps and steps != list(range(steps[0], version)):
        return f"upcasters must lead from the oldest version to {version} without a gap, but there are upcasters for {steps}"
    if steps and steps[0] < 1:
        return "versions start at 1"
    return ""


@overload
def transient(*, default: T) -> T: ...
@overload
def transient(*, factory: Callable[[], T]) -> T: ...
def transient(*, default: Any = attrs.NOTHING, factory: Callable[[], Any] | None = None) -> Any:
    """Make an attrs field that is never stored; it gets its default after every load."""
    if factory is not None:
        return attrs.field(factory=_checked_factory(factory), metadata=dict(TRANSIENT))
    return attrs.field(default=default, metadata=dict(TRANSIENT))


@overload
def secret(*, default: T) -> T: ...
@overload
def secret(*, factory: Callable[[], T]) -> T: ...
def secret(*, default: Any = attrs.NOTHING, factory: Callable[[], Any] | None = None) -> Any:
    """Make an attrs field that is stored but never shown: not in a repr, log, crash report, error, trace record or snapshot.

    For a secret field without a default, write `attrs.field(repr=False)`, which means the same.
    """
    if factory is not None:
        return attrs.field(factory=_checked_factory(factory), repr=False)
    return attrs.field(default=default, repr=False)


def _checked_factory(factory: Callable[[], T]) -> Callable[[], T]:
    if not callable(factory):
        raise BadDeclaration(f"factory={factory!r:.80} must be a function without arguments")
    return factory


def unknown_fields() -> dict[str, Any]:
    """Make an attrs field that keeps the fields of a record which the class does not have, and writes them back.

    Without such a field, a record with unknown fields is refused.
    """
    kept: dict[str, Any] = attrs.field(factory=dict[str, Any], metadata=dict(UNKNOWN_FIELDS))
    return kept


def is_transient(metadata: Mapping[Any, Any]) -> bool:
    """Whether a field with this *metadata* is left out of the record."""
    return bool(metadata.get(_TRANSIENT_KEY))


def keeps_unknown(metadata: Mapping[Any, Any]) -> bool:
    """Whether a field with this *metadata* keeps unknown fields."""
    return bool(metadata.get(_UNKNOWN_KEY))
