"""The last commits of durable actors, with what each changed: kept while somebody watches, told when somebody reads.

A commit is kept as two records, the one before and the one now, and nothing is made of them while the actors work: whoever reads has them
decoded, by the actor's own codec, and told as its state is told. So the same rules hold: nothing but where the class says `inspect=True`,
and no field with `repr=False`. Records are large where states are, so the ring is bounded by bytes as well, one look decodes so many of
them at the most, and of a very large one the differences are not told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import attrs

from trioactors.errors import SerializationError
from trioactors.inspect.changes import Change, changes
from trioactors.inspect.plain import Limits, plain
from trioactors.inspect.watching import Watchers
from trioactors.persistence.committer import Kept
from trioactors.settings import count
from trioactors.system.system import System, runtime_of

__all__ = ["CommitPage", "CommitRing", "CommitRow"]

_STATES: Final = Limits(text=10_000, items=2_000, total=20_000)
"""How much of two states is compared."""
_VALUES: Final = Limits(text=200, items=10, depth=3, total=30)
"""How much of what was there, and of what is there now, is told."""
_CHANGES: Final = 20
"""How many differences of one commit are told."""
_LARGEST: Final = 256 * 1024
"""Bytes of a record, beyond which its differences are not told."""
_LOOK: Final = 512 * 1024
"""Bytes of records after which one look ends."""


@attrs.frozen(kw_only=True)
class CommitRow:
    """One commit."""

    number: int
    """Counted from 0 over the life of the ring."""
    time: float
    child: str
    revision: int
    size: int
    """Bytes of the record."""
    correlation: int | None
    """The chain of messages that led to it, where somebody listened and it was one."""
    changes: tuple[Change, ...] | None
    """The first of them. None where the actor's class does not say `inspect=True`, or the record is too large to look into."""
    more: int
    """How many changes are left out."""


@attrs.frozen(kw_only=True)
class CommitPage:
    """What a reader has not seen yet."""

    rows: tuple[CommitRow, ...]
    cursor: int
    """Where to read on."""
    lost: int
    """How many commits had left the ring before they were read."""


@attrs.define(eq=False)
class _Entry:
    """A commit in the ring: as it came, until somebody reads it."""

    kept: Kept | CommitRow
    weight: int
    """Bytes that it holds, or held before it was read."""


class CommitRing:
    """Keeps the last *limit* commits, of at most *size* bytes together, while somebody watches."""

    def __init__(self, limit: int = 1_000, size: int = 4 * 1024 * 1024) -> None:
        self._limit = count(limit, "CommitRing: limit", least=1)
        self._size = count(size, "CommitRing: size", least=1)
        self._entries: deque[_Entry] = deque()
        self._held = 0
        self._next = 0
        self._watchers = Watchers(
            self._listen,
            self._unlisten,
        )

    def __repr__(self) -> str:
        """How full it is, and whether anybody watches."""
        return f"<commit ring: {len(self._entries)} commits, {self._held} bytes, {len(self._watchers)} watch>"

    @property
    def cursor(self) -> int:
        """Where one begins to read who wants what comes from now on."""
        return self._next

    @contextmanager
    def watching(self, system: System) -> Generator[CommitRing, None, None]:
        """Listen to *system* while this block, or another one like it, is open."""
        with self._watchers.watching(system):
            yield self

    def _listen(self, system: System) -> None:
        if (committer := runtime_of(system).committer) is not None:  # without a store there are no commits
            committer.listeners.append(self._keep)

    def _unlisten(self, system: System) -> None:
        if (committer := runtime_of(system).committer) is not None:
            committer.listeners.remove(self._keep)

    def _keep(self, kept: Kept) -> None:
        weight = len(kept.before) + len(kept.after)
        if not kept.inspect or max(len(kept.before), len(kept.after)) > _LARGEST:
            entry = _Entry(_row(self._next, kept, None, 0), 0)
        else:
            entry = _Entry(kept, weight)
        self._next += 1
        self._entries.append(entry)
        self._held += entry.weight
        while len(self._entries) > self._limit or self._held > self._size:
            self._held -= self._entries.popleft().weight

    def read(self, cursor: int, *, limit: int = 100, child: str | None = None) -> CommitPage:
        """The commits from *cursor* on, at most *limit* and about half a megabyte of records: of one *child*, or all.

        A reader that comes from before what is kept is told what it has lost; one with a number that this ring never gave begins anew.
        Raises `SpecError`.
        """
        oldest = self._next - len(self._entries)
        cursor = oldest if count(cursor, "cursor") > self._next else cursor
        at = max(cursor, oldest)
        limit = count(limit, "limit", least=1)
        rows: list[CommitRow] = []
        weight = 0
        while at < self._next and len(rows) < limit and weight < _LOOK:
            entry = self._entries[at - oldest]
            if child in {None, entry.kept.child}:
                rows.append(_told(at, entry))
                weight += entry.weight
            at += 1
        return CommitPage(rows=tuple(rows), cursor=at, lost=max(0, oldest - cursor))


def _told(number: int, entry: _Entry) -> CommitRow:
    """What is told of *entry*; it is made once, and its records are let go."""
    kept = entry.kept
    if isinstance(kept, Kept):
        try:
            old, new = (plain(kept.decode(data), _STATES) for data in (kept.before, kept.after))
        except SerializationError:  # a rule of the user's may refuse to read what another one wrote
            kept = _row(number, kept, None, 0)
        else:
            first, more = changes(old, new, limit=_CHANGES)
            kept = _row(number, kept, tuple(map(_cut, first)), more)
        entry.kept = kept
    return kept


def _cut(change: Change) -> Change:
    return attrs.evolve(change, before=plain(change.before, _VALUES), after=plain(change.after, _VALUES))


def _row(number: int, kept: Kept, told: tuple[Change, ...] | None, more: int) -> CommitRow:
    return CommitRow(
        number=number,
        time=kept.time,
        child=kept.child,
        revision=kept.revision,
        size=len(kept.after),
        correlation=kept.correlation,
        changes=told,
        more=more,
    )
