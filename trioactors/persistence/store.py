"""The port through which durable state leaves and returns: one ordered keyspace behind six synchronous methods.

A store keeps bytes under keys. A key is a name in a space; names are ordered by code point, and any Unicode text is a name. A
store never looks inside the bytes, never waits on Trio, and is called by one caller at a time (the runtime's serial worker),
so it needs no locks of its own.

Revisions make two owners of one record impossible to miss. A record's revision grows by one at each write and never comes back:
a key that is written anew after a removal starts above every revision the store has ever given. `ABSENT` is the revision of what
is not there. Every write says which revision it expects, and its batch is kept as a whole or answered with `Conflict`.

What a store promises when `commit` has returned is its durability, and nothing it cannot verify ever leaves it: a damaged record
is read as `Corrupt`, a damaged store is refused by `open`. Errors are the `StoreError` branch of `trioactors.errors`.
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
"""The revision of a key under which nothing is stored."""

SCAN_LIMIT = 1_000
"""How many records one scan returns unless it is told otherwise."""


class Space(enum.Enum):
    """The parts of the keyspace; a name in one has nothing to do with the same name in another."""

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
    """Where a record is: a name in a space. Names are compared as they are, by code point, with no folding of any kind."""

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
    """What is committed under a key."""

    data: bytes
    revision: int


@attrs.frozen
class Corrupt:
    """Something is stored under the key, and it is not what was written; `data` is what is left of it."""

    key: Key
    reason: str
    data: bytes = attrs.field(default=b"", repr=False)


Found: TypeAlias = tuple[Key, Record | Corrupt]
"""One result of a scan."""


@attrs.frozen
class Check:
    """The batch is kept only if the key is at this revision."""

    key: Key
    expected: int


@attrs.frozen
class Write:
    """New bytes for a key, or None to remove it, if it is at the expected revision (None: whichever it is at)."""

    key: Key
    data: bytes | None = attrs.field(repr=False)
    expected: int | None = attrs.field(kw_only=True)


@attrs.frozen
class Batch:
    """Writes that are kept together or not at all; a key is written once at most."""

    writes: tuple[Write, ...]
    checks: tuple[Check, ...] = ()

    def __attrs_post_init__(self) -> None:
        if len(self.writes) > 1 and len({write.key for write in self.writes}) < len(self.writes):
            raise ValueError("a batch writes each key once at most")


@attrs.frozen
class Committed:
    """The batch is kept. `revisions` has, for each write, its key's revision from now on (`ABSENT` for a removal)."""

    revisions: tuple[int, ...]


@attrs.frozen
class Conflict:
    """Nothing of the batch is kept: a key was not at the revision that was expected."""

    key: Key
    expected: int
    actual: int


@attrs.frozen
class TooLarge:
    """Nothing of the batch is kept: a name or a record is longer than the store's limits allow."""

    key: Key
    size: int
    limit: int


Answer: TypeAlias = Committed | Conflict | TooLarge
"""What became of one batch."""


class Store(Protocol):
    """Where committed state lives.

    A store is made closed. It can be opened again after it was closed, and must be after it raised `StorePoisoned`. All methods
    but `open` and `close` need it open, and raise `StoreUnavailable` where it is not.
    """

    @property
    def blocking(self) -> bool:
        """Whether a commit may wait for a disk; if not, calling it in place is cheaper than a thread."""
        ...

    def open(self, environment: Environment) -> None:
        """Lock it, bring its schema up to date, recover what was committed, and make that durable again before serving it."""
        ...

    def read(self, keys: Sequence[Key]) -> Sequence[Record | Corrupt | None]:
        """What is committed under each of *keys*, in their order; None where nothing is."""
        ...

    def scan(
        self, space: Space, start: str = "", stop: str | None = None, *, limit: int = SCAN_LIMIT, reverse: bool = False
    ) -> Sequence[Found]:
        """The first *limit* records of the space with start <= name < stop, by name; with *reverse* the last, from the end.

        To go on after a name, start at `name + chr(0)`; for all names with a prefix, stop at `prefix_end(prefix)`.
        """
        ...

    def commit(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        """Keep the batches, in order, with one sync for all; each is kept whole or not at all, and one answer is given for each.

        A later batch sees what an earlier one wrote. When this raises, none was kept, unless the error is indeterminate.
        """
        ...

    def backup(self, to: Path) -> None:
        """Write a complete store to the path *to*, where nothing may be yet."""
        ...

    def close(self) -> None:
        """Let go of everything; closing what is closed does nothing."""
        ...


class Backend(Protocol):
    """What an entry point of the group `trioactors.backends` names: a class of stores."""

    def from_address(self, address: Address, limits: Limits) -> Store:
        """A store, not yet open; `BadStoreURL` if the address makes no sense to it."""
        ...


def prefix_end(prefix: str) -> str | None:
    """The first text after all that begin with *prefix*; None where there is none."""
    kept = prefix.rstrip(chr(sys.maxunicode))
    if not kept:
        return None
    following = ord(kept[-1]) + 1
    if 0xD800 <= following <= 0xDFFF:  # noqa: PLR2004 - the surrogates are no characters
        following = 0xE000
    return kept[:-1] + chr(following)
