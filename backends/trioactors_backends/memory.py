"""A store in memory: as fast as it gets, and gone with its process.

It keeps bytes, never the objects they came from, so an actor on it meets the same encoding, the same revisions and the same errors
as on a disk. Closing it keeps what is in it: it outlives every supervisor of the system that owns it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trioactors.environment import Environment
from trioactors.errors import BadStoreURL, StoreLocked, StoreUnavailable
from trioactors.persistence import (
    SCAN_LIMIT,
    Address,
    Answer,
    Batch,
    Corrupt,
    Found,
    Key,
    Limits,
    Options,
    Record,
    Space,
)
from trioactors_backends.generations import write_store
from trioactors_backends.keyspace import Keyspace, entry_of

__all__ = ["MemoryStore"]


class MemoryStore:
    """Records in memory."""

    def __init__(self, *, limits: Limits | None = None) -> None:
        self._limits = Limits() if limits is None else limits
        self._keyspace = Keyspace()
        self._environment: Environment | None = None

    def __repr__(self) -> str:
        state = "closed" if self._environment is None else "open"
        return f"<MemoryStore {state}: {len(self._keyspace)} records, revision {self._keyspace.sequence}>"

    @classmethod
    def from_address(cls, address: Address, limits: Limits) -> MemoryStore:
        """The store of `memory:`, a new one each time."""
        address.allow()
        if address.url.rstrip("?")[len(address.scheme) :] != ":":
            raise BadStoreURL(address.url, "a store in memory has no path: write memory:")
        return cls(limits=limits)

    @property
    def blocking(self) -> bool:
        """Never: it waits for nothing."""
        return False

    def open(self, environment: Environment) -> None:
        """Take it: one owner at a time, as with any store."""
        if self._environment is not None:
            raise StoreLocked("this memory store", "a system in this process")
        self._environment = environment

    def read(self, keys: Sequence[Key]) -> Sequence[Record | Corrupt | None]:
        """What is committed under each of *keys*."""
        self._open_environment()
        return [self._keyspace.read(key) for key in keys]

    def scan(
        self, space: Space, start: str = "", stop: str | None = None, *, limit: int = SCAN_LIMIT, reverse: bool = False
    ) -> Sequence[Found]:
        """Records of the space by name."""
        self._open_environment()
        return self._keyspace.scan(space, start, stop, limit, reverse=reverse)

    def commit(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        """Keep the batches."""
        self._open_environment()
        decision = self._keyspace.decide(batches, self._limits)
        entries = [entry_of(change.key, change.revision, change.data) for change in decision.changes]
        self._keyspace.apply(entries, decision.sequence)
        return decision.answers

    def backup(self, to: Path) -> None:
        """Write a filesystem store to the folder *to*: there it can be opened again."""
        environment = self._open_environment()
        write_store(environment, to.resolve(), self._keyspace, Options(limits=self._limits))

    def close(self) -> None:
        """Nothing is let go of but the right to use it."""
        self._environment = None

    def _open_environment(self) -> Environment:
        if self._environment is None:
            raise StoreUnavailable("the memory store is not open")
        return self._environment
