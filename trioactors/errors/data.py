"""What goes wrong between state, bytes and the stores that keep them.

A durable operation has three outcomes, never two: it is done, it failed and nothing happened, or nobody can say. The first returns; of the
others each store error says by `outcome` which it is, so that a caller never has to guess.
"""

from __future__ import annotations

import enum
import shlex
from collections.abc import Sequence
from typing import ClassVar

from trioactors.errors.base import TrioactorsError

__all__ = [
    "BackendMissing",
    "BadDeclaration",
    "BadStoreURL",
    "EngineMissing",
    "NameUnresolved",
    "NewerSchema",
    "Outcome",
    "OverLimit",
    "RecordCorrupt",
    "RecordInvalid",
    "RecordOfOtherType",
    "RecordRefused",
    "RecordTooNew",
    "RecordTooOld",
    "SerializationError",
    "StateUnreadable",
    "StoreConflict",
    "StoreCorrupt",
    "StoreError",
    "StoreFull",
    "StoreLocked",
    "StorePoisoned",
    "StoreUnavailable",
    "StoredNameTaken",
    "TypeRefused",
    "ValueRefused",
]


class SerializationError(TrioactorsError):
    """A value could not become bytes, or bytes a value."""

    def __init__(self, problem: str, *, type_name: str = "", path: str = "", next_step: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.type_name = type_name
        self.path = path
        self.next_step = next_step

    def __str__(self) -> str:
        """Where, what, and what to do about it."""
        where = ": ".join(part for part in (self.type_name, self.path) if part)
        told = f"{where}: {self.problem}" if where else self.problem
        return f"{told}; {self.next_step}" if self.next_step else told


class BadDeclaration(SerializationError):
    """What `@stored(...)` was given cannot be meant."""


class TypeRefused(SerializationError):
    """A class or one of its fields has a type that cannot be carried."""


class NameUnresolved(TypeRefused):
    """An annotation names something that does not exist yet; ask again when it does."""


class StoredNameTaken(TypeRefused):
    """Two classes claim one stored name, so a record could mean either."""


class EngineMissing(SerializationError):
    """The chosen JSON engine is not installed."""


class ValueRefused(SerializationError):
    """A value is not what its annotation promises, so writing it would lose it."""


class OverLimit(SerializationError):
    """More bytes, depth or elements than the limits allow; nothing was written or parsed."""


class RecordRefused(SerializationError):
    """A record that cannot be read; it is left as it is."""


class RecordCorrupt(RecordRefused):
    """The bytes are not JSON, or not one of our envelopes."""


class RecordInvalid(RecordRefused):
    """The record is well-formed, and its value does not fit its class."""


class RecordOfOtherType(RecordRefused):
    """The record holds a class of another name."""


class RecordTooNew(RecordRefused):
    """The record was written by a newer version; this one would lose what it does not know."""


class RecordTooOld(RecordRefused):
    """The class declares no way up from the record's version."""


class Outcome(enum.Enum):
    """What became of a durable operation that raised."""

    FAILED = "failed"
    """Nothing happened: the store is as it was before."""

    INDETERMINATE = "indeterminate"
    """Nobody knows whether it happened, until the store has been opened again."""


class StoreError(TrioactorsError):
    """Durable state could not be read or kept."""

    outcome: ClassVar[Outcome] = Outcome.FAILED
    """Whether nothing happened, or nobody knows."""

    retryable: ClassVar[bool] = False
    """Whether the same operation on the same open store may work later."""


class StoreUnavailable(StoreError):
    """The store cannot do it now. Nothing happened."""

    retryable = True


class StoreFull(StoreUnavailable):
    """There is no room for what was to be written. Nothing happened: make room, then try again."""


class StoreConflict(StoreError):
    """Somebody else wrote where this owner believed itself alone."""

    def __init__(self, message: str, *, expected: int | None = None, actual: int | None = None) -> None:
        super().__init__(message)
        self.expected = expected
        self.actual = actual


class StoreCorrupt(StoreError):
    """What is stored is not what was written; it is never replaced by defaults."""


class StorePoisoned(StoreError):
    """A sync failed, so the disk may hold less than the store believes.

    The operating system forgets what it could not write: a second sync would succeed and prove nothing. Close the store and open it
    again; opening writes everything it could read once more, before it serves.
    """

    outcome = Outcome.INDETERMINATE


class StateUnreadable(StoreError):
    """A durable actor cannot start: its record is there, and cannot be read. It is left as it is, never replaced by defaults."""

    def __init__(self, name: str, store: str, reason: str) -> None:
        record = "" if store.startswith("<") else f" {shlex.quote(store)} {shlex.quote(name)}"
        super().__init__(
            f"the state of {name!r} in {store} cannot be read: {reason}. Nothing was changed. "
            f"Look at it with `trioactors inspect{record}`, or begin anew with `trioactors reset`, which keeps a copy."
        )
        self.name = name
        self.store = store
        self.reason = reason


class StoreLocked(StoreError):
    """Another process, or another store in this process, has it open."""

    def __init__(self, where: str, owner: str = "") -> None:
        holder = f"in use by {owner}" if owner else "in use by another process, or by another store in this one"
        super().__init__(f"{where} is {holder}. Stop that one first; the lock ends with its process, also when it is killed.")
        self.where = where
        self.owner = owner


class NewerSchema(StoreError):
    """A newer version of this library wrote the store; this one does not touch it."""

    def __init__(self, where: str, found: int, known: int) -> None:
        super().__init__(f"{where} has format {found}, and this version knows formats up to {known}. Install a newer trioactors.")
        self.found = found
        self.known = known


class BadStoreURL(StoreError, ValueError):
    """The address of a store makes no sense."""

    def __init__(self, url: str, problem: str) -> None:
        super().__init__(f"store URL {url!r}: {problem}")
        self.url = url
        self.problem = problem


class BackendMissing(BadStoreURL):
    """The scheme is known, but the package behind it is not installed."""

    def __init__(self, url: str, package: str, install: Sequence[str]) -> None:
        super().__init__(url, f"this store needs the package {package!r}. Install it: {' '.join(install)}")
        self.package = package
