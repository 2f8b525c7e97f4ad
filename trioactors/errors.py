"""The errors of stores, and who is to blame.

    TrioactorsError
    └── StoreError                      durable state could not be read or kept
        ├── StoreUnavailable            the store cannot do it now; the same may work later
        │   └── StoreFull               there is no room: make some, then try again
        ├── StoreConflict               somebody else wrote: this owner is not the only one
        ├── StoreCorrupt                what is stored is not what was written
        ├── StorePoisoned               a sync failed: nobody knows what is on the disk. Open it again, never retry
        ├── StoreLocked                 another process, or another store in this one, has it open
        ├── NewerSchema                 a newer version of this library wrote it
        └── BadStoreURL (ValueError)    the address of a store makes no sense
            └── BackendMissing          it does, but the package behind it is not installed

A durable operation has three outcomes, never two: it is done, it failed and nothing happened, or nobody can say. The first
returns; of the others each class says by `outcome` which it is, so that a caller never has to guess.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import ClassVar

__all__ = [
    "BackendMissing",
    "BadStoreURL",
    "NewerSchema",
    "Outcome",
    "StoreConflict",
    "StoreCorrupt",
    "StoreError",
    "StoreFull",
    "StoreLocked",
    "StorePoisoned",
    "StoreUnavailable",
    "TrioactorsError",
]


class Outcome(enum.Enum):
    """What became of a durable operation that raised."""

    FAILED = "failed"
    """Nothing happened: the store is as it was before."""

    INDETERMINATE = "indeterminate"
    """Nobody knows whether it happened, until the store has been opened again."""


class TrioactorsError(Exception):
    """The root of every error of this library."""


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
