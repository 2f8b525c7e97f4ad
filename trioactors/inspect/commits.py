"""Recent commits of durable actors, with what each changed.

A commit is kept as two stored records, the previous and the new one. They are decoded and compared only when a reader asks for them, with
the actor's own codec and the rules that apply to its state: only if the class says `inspect=True`, and without fields with `repr=False`.
Records can be large, so the ring is also bounded by bytes, one read decodes a limited number of bytes, and very large records are not
compared.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import attrs

from trioactors.inspect.changes import Change, changes
from trioactors.inspect.plain import Limits, plain
from trioactors.inspect.watching import Ring
from trioactors.persistence.committer import Kept
from trioactors.settings import count
from trioactors.system.system import System, runtime_of

__all__ = ["CommitPage", "CommitRing", "CommitRow"]

_STATES: Final = Limits(text=10_000, items=2_000, total=20_000)
"""Limits of the states that are compared."""
_VALUES: Final = Limits(text=200, items=10, depth=3, total=30)
"""Limits of the values shown in a change."""
_CHANGES: Final = 20
"""Changes listed per commit."""
_LARGEST: Final = 256 * 1024
"""Largest record that is compared, in bytes."""
_READ: Final = 512 * 1024
"""Bytes of records after which one read ends."""


@attrs.frozen(kw_only=True)
class CommitRow:
    """A commit."""

    number: int
    """Counted from 0 since the ring was made."""
    time: float
    child: str
    revision: int
    size: int
    """Of the record, in bytes."""
    correlation: int | None
    """The chain of messages that led to the commit, if it was a single one and an observer was attached."""
    changes: tuple[Change, ...] | None
    """The first changes. None if the actor's class does not say `inspect=True`, or the record is too large to compare."""
    more: int
    """Changes left out."""


@attrs.frozen(kw_only=True)
class CommitPage:
    """The commits that a reader has not seen yet."""

    rows: tuple[CommitRow, ...]
    cursor: int
    """The cursor for the next read."""
    lost: int
    """Commits that had left the ring before they were read."""


@attrs.define(eq=False)
class _Entry:
    """A commit in the ring: as submitted until it is read, then as a row."""

    kept: Kept | CommitRow
    weight: int
    """Bytes that it holds, or held until it was read."""


class CommitRing(Ring):
    """The last *limit* commits, at most *size* bytes in total, kept while the ring is watched."""

    def __init__(self, limit: int = 1_000, size: int = 4 * 1024 * 1024) -> None:
        super().__init__(
            self._listen,
            self._unlisten,
        )
        self._limit = count(limit, "CommitRing: limit", least=1)
        self._size = count(size, "CommitRing: size", least=1)
        self._entries: deque[_Entry] = deque()
        self._held = 0

    def __repr__(self) -> str:
        """The number of commits, bytes and watchers."""
        return f"<commit ring: {len(self._entries)} commits, {self._held} bytes, {self._watched.total()} watch>"

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
        """Return at most *limit* commits and about half a megabyte of records from *cursor* on, optionally only those of a *child*.

        `CommitPage.lost` counts the commits that left the ring before this read. A cursor that this ring has not given out starts with the
        oldest commit. Raises `SpecError` if an argument is invalid.
        """
        oldest = self._next - len(self._entries)
        at, lost = self._start(cursor, len(self._entries))
        limit = count(limit, "limit", least=1)
        rows: list[CommitRow] = []
        weight = 0
        while at < self._next and len(rows) < limit and weight < _READ:
            entry = self._entries[at - oldest]
            if child in {None, entry.kept.child}:
                rows.append(_compared(at, entry))
                weight += entry.weight
            at += 1
        return CommitPage(rows=tuple(rows), cursor=at, lost=lost)

    def newest(self, cursor: int, *, limit: int, child: str | None = None) -> tuple[int, int]:
        """The cursor from which at most the newest *limit* commits after *cursor* are read, and how many commits before them are skipped.

        Raises `SpecError` if an argument is invalid.
        """

        def wanted(entry: _Entry) -> bool:
            return entry.kept.child == child

        return self._newest(self._entries, cursor, count(limit, "limit", least=1), None if child is None else wanted)


def _compared(number: int, entry: _Entry) -> CommitRow:
    """The row of *entry*. It is made once; then the stored records are released."""
    kept = entry.kept
    if isinstance(kept, Kept):
        try:
            old, new = (plain(kept.decode(data), _STATES) for data in (kept.before, kept.after))
        except KeyboardInterrupt:
            raise
        except BaseException:  # noqa: ASYNC103 - a rule of the user's may refuse to read what another rule wrote, or fail in any way
            kept = _row(number, kept, None, 0)
        else:
            first, more = changes(old, new, limit=_CHANGES)
            kept = _row(number, kept, tuple(map(_cut, first)), more)
        entry.kept = kept
    return kept


def _cut(change: Change) -> Change:
    return attrs.evolve(change, before=plain(change.before, _VALUES), after=plain(change.after, _VALUES))


def _row(number: int, kept: Kept, shown: tuple[Change, ...] | None, more: int) -> CommitRow:
    return CommitRow(
        number=number,
        time=kept.time,
        child=kept.child,
        revision=kept.revision,
        size=len(kept.after),
        correlation=kept.correlation,
        changes=shown,
        more=more,
    )
