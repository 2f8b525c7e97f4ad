"""A store in memory: the fastest one, which ends with its process.

It keeps bytes, never objects, so actors get the same encoding, the same revisions and the same errors as with a store on disk. Closing it
keeps its records, so they outlive every supervisor of the system that owns it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trioactors.environment import Environment, in_forked_children
from trioactors.errors import BadStoreURL, StoreLocked
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
from trioactors_backends.refusals import not_open

__all__ = ["MemoryStore"]


class MemoryStore:
    """A store in memory."""

    def __init__(self, *, limits: Limits | None = None) -> None:
        self._limits = Limits() if limits is None else limits
        self._keyspace = Keyspace()
        self._environment: Environment | None = None
        self._left = False
        in_forked_children(self, MemoryStore._leave)

    def __repr__(self) -> str:
        state = "closed" if self._environment is None else "open"
        return f"<MemoryStore {state}: {len(self._keyspace)} records, revision {self._keyspace.sequence}>"

    @classmethod
    def from_address(cls, address: Address, limits: Limits) -> MemoryStore:
        """Make the store of `memory:`, a new one each time."""
        address.allow()
        if address.url.rstrip("?")[len(address.scheme) :] != ":":
            raise BadStoreURL(address.url, "a store in memory has no path: write memory:")
        return cls(limits=limits)

    @property
    def blocking(self) -> bool:
        """Whether a commit waits for the disk: never."""
        return False

    def open(self, environment: Environment) -> None:
        """Take the store; like any store, it has one owner at a time."""
        if self._environment is not None:
            raise StoreLocked("this memory store", "a system in this process")
        self._environment, self._left = environment, False

    def read(self, keys: Sequence[Key]) -> Sequence[Record | Corrupt | None]:
        """Return the record under each of *keys*."""
        self._open_environment()
        return [self._keyspace.read(key) for key in keys]

    def scan(
        self, space: Space, start: str = "", stop: str | None = None, *, limit: int = SCAN_LIMIT, reverse: bool = False
    ) -> Sequence[Found]:
        """Return the records of a space, in order of their names."""
        self._open_environment()
        return self._keyspace.scan(space, start, stop, limit, reverse=reverse)

    def commit(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        """Save the batches."""
        self._open_environment()
        decision = self._keyspace.decide(batches, self._limits)
        entries = [entry_of(change.key, change.revision, change.data) for change in decision.changes]
        self._keyspace.apply(entries, decision.sequence)
        return decision.answers

    def backup(self, to: Path) -> None:
        """Write a filesystem store with all records to the folder *to*."""
        environment = self._open_environment()
        write_store(environment, to.absolute(), self._keyspace, Options(limits=self._limits))

    def close(self) -> None:
        """Give the store back; its records stay."""
        self._environment = None

    def _leave(self) -> None:
        """Called in a forked process: what is here is a copy. It can be opened again."""
        self._left, self._environment = self._left or self._environment is not None, None

    def _open_environment(self) -> Environment:
        if self._environment is None:
            raise not_open("the memory store", left=self._left)
        return self._environment
