"""The port of stores: one ordered keyspace behind six synchronous methods.

A store keeps bytes under keys. A key is a name in a space. Names are ordered by code point, and any Unicode text is a name. A
store never looks inside the bytes, never waits on Trio, and is called by one caller at a time (the runtime's serial worker), so
it needs no locks.

Revisions reveal a second owner of a record. A record's revision grows by one at each write and never repeats: a key that is
written again after a removal starts above every revision that the store has given. `ABSENT` is the revision of a key without a
record. Every write says which revision it expects, and its batch is committed as a whole or answered with `Conflict`.

When `commit` has returned, the batch is as durable as the store promises. A store returns nothing that it cannot verify: a
damaged record is read as `Corrupt`, and `open` refuses a damaged store. Errors are the `StoreError` branch of
`trioactors.errors`.
"""

from __future__ import annotations

import enum
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

import attrs

from trioactors.environment.environment import Environment
from trioactors.persistence.options import Address, Limits

__all__ = [
    "ABSENT",
    "SCAN_LIMIT",
    "Answer",
    "Backend",
    "Batch",
    "Check",
    "Committed",
    "Conflict",
    "Corrupt",
    "Found",
    "Key",
    "Record",
    "Space",
    "Store",
    "TooLarge",
    "Write",
    "prefix_end",
]

ABSENT = 0
"""The revision of a key without a record."""

SCAN_LIMIT = 1_000
"""The most records that a scan returns by default."""


class Space(enum.Enum):
    """The parts of the keyspace. The same name in two spaces means two unrelated keys."""

    STATE = "state"
    EVENT = "event"
    SNAPSHOT = "snapshot"
    OUTBOX = "outbox"
    INBOX = "inbox"
    TIMER = "timer"
    DEAD_LETTER = "dead_letter"
    QUARANTINE = "quarantine"
    META = "meta"


@attrs.frozen(cache_hash=True)
class Key:
    """The place of a record: a name in a space. Names are compared by code point, without any folding."""

    space: Space
    name: str

    def __attrs_post_init__(self) -> None:
        if self.name.isascii():
            return
        try:
            self.name.encode()
        except UnicodeEncodeError:
            raise ValueError(f"a key's name must be Unicode text, without lone surrogates: {self.name!r}") from None


@attrs.frozen
class Record:
    """The committed record of a key."""

    data: bytes
    revision: int


@attrs.frozen
class Corrupt:
    """A damaged record: what is stored is not what was written. `data` is what is left of it."""

    key: Key
    reason: str
    data: bytes = attrs.field(default=b"", repr=False)


Found: TypeAlias = tuple[Key, Record | Corrupt]
"""One result of a scan."""


@attrs.frozen
class Check:
    """A condition: the batch is committed only if the key is at this revision."""

    key: Key
    expected: int


@attrs.frozen
class Write:
    """New bytes for a key, or None to remove it. The key must be at the *expected* revision; None means any."""

    key: Key
    data: bytes | None = attrs.field(repr=False)
    expected: int | None = attrs.field(kw_only=True)


@attrs.frozen
class Batch:
    """Writes that are committed together or not at all. A key may be written only once."""

    writes: tuple[Write, ...]
    checks: tuple[Check, ...] = ()

    def __attrs_post_init__(self) -> None:
        if len(self.writes) > 1 and len({write.key for write in self.writes}) < len(self.writes):
            raise ValueError("a batch writes each key once at most")


@attrs.frozen
class Committed:
    """The batch is committed. `revisions` has, for each write, the new revision of its key (`ABSENT` for a removal)."""

    revisions: tuple[int, ...]


@attrs.frozen
class Conflict:
    """The batch is not committed: a key was not at the expected revision."""

    key: Key
    expected: int
    actual: int


@attrs.frozen
class TooLarge:
    """The batch is not committed: a name or a record exceeds the store's limits."""

    key: Key
    size: int
    limit: int


Answer: TypeAlias = Committed | Conflict | TooLarge
"""The outcome of one batch."""


class Store(Protocol):
    """Where committed state is stored. This is the port that a store implements.

        store = store_at("sqlite:///counter.db")
        store.open(environment)
        [answer] = store.commit([Batch((Write(Key(Space.STATE, "counter"), b"1", expected=ABSENT),))])
        [record] = store.read([Key(Space.STATE, "counter")])
        store.close()

    A new store is closed. It can be opened again after it was closed, and must be after it raised `StorePoisoned`. All methods
    except `open` and `close` raise `StoreUnavailable` unless the store is open. In a process that was forked while it was open, they raise
    `UsageError`, and `close` leaves the parent's files and its lock alone (`trioactors.environment.in_forked_children`).
    `trioactors.testing.stores.StoreContract` tests all promises made here.
    """

    @property
    def blocking(self) -> bool:
        """Whether a commit may wait for a disk. If not, the runtime calls the store directly, without a thread."""
        ...

    def open(self, environment: Environment) -> None:
        """Lock the store, update its schema, recover what was committed, and make that durable again before serving it."""
        ...

    def read(self, keys: Sequence[Key]) -> Sequence[Record | Corrupt | None]:
        """The committed record of each of *keys*, in their order; None for a key without one."""
        ...

    def scan(
        self, space: Space, start: str = "", stop: str | None = None, *, limit: int = SCAN_LIMIT, reverse: bool = False
    ) -> Sequence[Found]:
        """The first *limit* records of *space* with start <= name < stop, by name; with *reverse*, the last ones, from the end.

        To continue after a name, start at `name + chr(0)`. For all names with a prefix, stop at `prefix_end(prefix)`.
        """
        ...

    def commit(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        """Commit *batches* in order, with one sync for all. Each is committed whole or not at all; returns one answer for each.

        A later batch sees what an earlier one wrote. If this raises, no batch was committed, unless the error is indeterminate.
        """
        ...

    def backup(self, to: Path) -> None:
        """Write a complete copy of the store to the path *to*, which must not exist."""
        ...

    def close(self) -> None:
        """Release everything. Closing a closed store does nothing."""
        ...


class Backend(Protocol):
    """A class of stores: what an entry point in the group `trioactors.backends` names."""

    def from_address(self, address: Address, limits: Limits) -> Store:
        """A store for *address*, not yet open. Raises `BadStoreURL` if the address makes no sense."""
        ...


def prefix_end(prefix: str) -> str | None:
    """The first text after all texts that begin with *prefix*; None if there is none."""
    kept = prefix.rstrip(chr(sys.maxunicode))
    if not kept:
        return None
    following = ord(kept[-1]) + 1
    if 0xD800 <= following <= 0xDFFF:  # noqa: PLR2004 - surrogates are not characters
        following = 0xE000
    return kept[:-1] + chr(following)
