"""What a class says about its stored form: its name, its version, and the way up from older ones.

Names are promises to data that is already on disk. That is why they are declared and never derived from where a module happens to
live: a class can move, and be renamed, without losing one record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
"""Takes an object as its version wrote it (plain JSON values) and returns it as the next version would have."""

_ATTRIBUTE = "__trioactors_stored__"
_TRANSIENT_KEY = "trioactors.transient"
_UNKNOWN_KEY = "trioactors.unknown_fields"

TRANSIENT: Mapping[str, bool] = {_TRANSIENT_KEY: True}
"""Metadata that marks a field as transient, for `attrs.field(metadata=...)` and `dataclasses.field(metadata=...)`."""

UNKNOWN_FIELDS: Mapping[str, bool] = {_UNKNOWN_KEY: True}
"""Metadata that marks the field which keeps what the class does not know."""


@attrs.frozen(kw_only=True)
class Declaration:
    """A class's stored identity. `version` starts at 1; `oldest` is the first one that can still be read."""

    name: str
    version: int = 1
    former_names: tuple[str, ...] = ()
    renamed_fields: Mapping[str, str] = attrs.field(factory=dict[str, str])
    upcasters: Mapping[int, Upcaster] = attrs.field(factory=dict[int, Upcaster])

    @property
    def names(self) -> tuple[str, ...]:
        """Every name a record of this class may bear."""
        return (self.name, *self.former_names)

    @property
    def oldest(self) -> int:
        """The oldest version an upcaster leads away from."""
        return min(self.upcasters, default=self.version)


def stored(
    *,
    name: str,
    version: int = 1,
    former_names: tuple[str, ...] = (),
    renamed_fields: Mapping[str, str] | None = None,
    upcasters: Mapping[int, Upcaster] | None = None,
) -> Callable[[C], C]:
    """Give a class its stored name and version. `renamed_fields` maps old to new; `upcasters[n]` leads from version n to n + 1."""
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
        setattr(cls, _ATTRIBUTE, declaration)
        return cls

    return declare


def declaration_of(cls: type[Any]) -> Declaration:
    """What *cls* itself declared; a base class does not speak for it. By default its qualified name, without the module."""
    declared = cls.__dict__.get(_ATTRIBUTE)
    if isinstance(declared, Declaration):
        return declared
    return Declaration(name=cls.__qualname__.rpartition("<locals>.")[2])


def _fault_in(declaration: Declaration) -> str:
    """What is wrong with *declaration*, or nothing."""
    names, version = declaration.names, declaration.version
    if not all(type(name) is str and name and name.isprintable() for name in names):
        return "a stored name is a printable text that is not empty"
    if len(set(names)) != len(names):
        return "a former name is the name itself or stands there twice"
    if type(version) is not int or version < 1:
        return f"a version is a whole number from 1, not {version!r}"
    steps = sorted(declaration.upcasters)
    if steps and steps != list(range(steps[0], version)):
        return f"upcasters must lead from their oldest version to {version} without a gap, these start at {steps}"
    if steps and steps[0] < 1:
        return "versions start at 1"
    return ""


@overload
def transient(*, default: T) -> T: ...
@overload
def transient(*, factory: Callable[[], T]) -> T: ...
def transient(*, default: Any = attrs.NOTHING, factory: Callable[[], Any] | None = None) -> Any:
    """An attrs field that is never stored and starts from its default after every load."""
    if factory is not None:
        return attrs.field(factory=factory, metadata=dict(TRANSIENT))
    return attrs.field(default=default, metadata=dict(TRANSIENT))


@overload
def secret(*, default: T) -> T: ...
@overload
def secret(*, factory: Callable[[], T]) -> T: ...
def secret(*, default: Any = attrs.NOTHING, factory: Callable[[], Any] | None = None) -> Any:
    """An attrs field that is stored and never shown: in no repr, log, report, error, trace record or snapshot.

    One without a default is `attrs.field(repr=False)`, which means the same.
    """
    if factory is not None:
        return attrs.field(factory=factory, repr=False)
    return attrs.field(default=default, repr=False)


def unknown_fields() -> dict[str, Any]:
    """An attrs field that keeps what a record holds beyond the class's fields, and writes it back. Without it they are refused."""
    kept: dict[str, Any] = attrs.field(factory=dict[str, Any], metadata=dict(UNKNOWN_FIELDS))
    return kept


def is_transient(metadata: Mapping[Any, Any]) -> bool:
    """Whether a field with this *metadata* stays out of the record."""
    return bool(metadata.get(_TRANSIENT_KEY))


def keeps_unknown(metadata: Mapping[Any, Any]) -> bool:
    """Whether a field with this *metadata* collects unknown fields."""
    return bool(metadata.get(_UNKNOWN_KEY))
