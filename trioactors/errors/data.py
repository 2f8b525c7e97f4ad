"""Errors of the serializer and of stores.

A durable operation has three outcomes, not two: it succeeded, it failed and changed nothing, or its effect is unknown. The first returns;
for the other two, the `outcome` of each store error says which it is, so that a caller never has to guess.
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
    """A value could not be written as bytes, or bytes could not be read as a value.

    `problem` says what is wrong, `type_name` and `path` where, `next_step` what to do; any of the last three may be empty.
    """

    def __init__(self, problem: str, *, type_name: str = "", path: str = "", next_step: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.type_name = type_name
        self.path = path
        self.next_step = next_step

    def __str__(self) -> str:
        """The place, the problem and the next step."""
        where = ": ".join(part for part in (self.type_name, self.path) if part)
        text = f"{where}: {self.problem}" if where else self.problem
        return f"{text}; {self.next_step}" if self.next_step else text


class BadDeclaration(SerializationError):
    """The arguments of `@stored(...)` are invalid."""


class TypeRefused(SerializationError):
    """A class, or the type of one of its fields, cannot be stored."""


class NameUnresolved(TypeRefused):
    """An annotation uses a name that does not exist yet; try again when it does."""


class StoredNameTaken(TypeRefused):
    """Two classes have the same stored name, so a record could belong to either."""


class EngineMissing(SerializationError):
    """The chosen JSON engine is not installed."""


class ValueRefused(SerializationError):
    """A value does not match its annotation, so it would not be read back as it was."""


class OverLimit(SerializationError):
    """A record has more bytes, depth or elements than the limits allow; nothing was written or parsed."""


class RecordRefused(SerializationError):
    """A record cannot be read; it is left as it is."""


class RecordCorrupt(RecordRefused):
    """The bytes are not JSON, or not an envelope of trioactors."""


class RecordInvalid(RecordRefused):
    """The record is well-formed, but its value does not fit its class."""


class RecordOfOtherType(RecordRefused):
    """The record holds a class with another stored name."""


class RecordTooNew(RecordRefused):
    """The record was written by a newer version; this one would lose the parts it does not know."""


class RecordTooOld(RecordRefused):
    """The class has no upcaster that starts from the record's version."""


class Outcome(enum.Enum):
    """The effect of a durable operation that raised an error."""

    FAILED = "failed"
    """Nothing was changed: the store is as it was before."""

    INDETERMINATE = "indeterminate"
    """Whether it happened is unknown until the store has been opened again."""


class StoreError(TrioactorsError):
    """Durable state could not be read or saved."""

    outcome: Outcome = Outcome.FAILED
    """Whether nothing was changed, or the effect is unknown."""

    retryable: ClassVar[bool] = False
    """Whether the same operation on the same open store may succeed later."""


class StoreUnavailable(StoreError):
    """The store cannot do it now. Nothing was changed."""

    retryable = True


class StoreFull(StoreUnavailable):
    """There is no room for the data. Nothing was changed: make room, then try again."""


class StoreConflict(StoreError):
    """Something else wrote to the store: a revision is not the one that this owner expected."""

    def __init__(self, message: str, *, expected: int | None = None, actual: int | None = None) -> None:
        super().__init__(message)
        self.expected = expected
        self.actual = actual


class StoreCorrupt(StoreError):
    """The stored data is not what was written. It is never replaced by defaults."""


class StorePoisoned(StoreError):
    """A sync failed, so the disk may hold less than was written to it.

    After a failed sync the operating system drops the data that it could not write: a second sync would succeed and prove nothing. Close
    the store and open it again. Opening writes everything that can be read once more before it serves any of it.
    """

    outcome = Outcome.INDETERMINATE


class StateUnreadable(StoreError):
    """A durable actor cannot start because its record cannot be read. The record is left as it is, never replaced by defaults."""

    def __init__(self, name: str, store: str, reason: str) -> None:
        record = "" if store.startswith(("<", "memory:")) else f" {shlex.quote(store)} {shlex.quote(name)}"
        super().__init__(
            f"the state of {name!r} in {store} cannot be read: {reason}. Nothing was changed. "
            f"Look at it with `trioactors inspect{record}`; then restart the actor with a program that can read it, or start it afresh "
            f"with ta.reset(system, {name!r}) or `trioactors reset`, which keep a copy."
        )
        self.name = name
        self.store = store
        self.reason = reason


class StoreLocked(StoreError):
    """The store is open in another process, or a second time in this one."""

    def __init__(self, where: str, owner: str = "") -> None:
        holder = f"in use by {owner}" if owner else "in use by another process, or by another store in this one"
        super().__init__(f"{where} is {holder}. Stop that one first; its lock ends with its process, even if that is killed.")
        self.where = where
        self.owner = owner


class NewerSchema(StoreError):
    """The store was written by a newer version of trioactors; this one changes nothing in it."""

    def __init__(self, where: str, found: int, known: int) -> None:
        super().__init__(f"{where} has format {found}, and this version knows formats up to {known}. Install a newer trioactors.")
        self.found = found
        self.known = known


class BadStoreURL(StoreError, ValueError):
    """The URL of a store is invalid."""

    def __init__(self, url: str, problem: str) -> None:
        super().__init__(f"store URL {url!r}: {problem}")
        self.url = url
        self.problem = problem


class BackendMissing(BadStoreURL):
    """The scheme of the URL is known, but the package behind it is not installed."""

    def __init__(self, url: str, package: str, install: Sequence[str]) -> None:
        super().__init__(url, f"this store needs the package {package!r}. Install it: {' '.join(install)}")
        self.package = package
