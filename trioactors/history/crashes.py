"""The last crashes, and their groups by cause. The rules only: times are passed in.

A crash is an entry in a block of at most `BLOCK` entries. Blocks are what is stored: a new entry changes the last block only, and a
block is dropped as a whole when the entries after it are enough. So a crash loop writes little, and the number of records has a bound.

A group counts all crashes of one class (or of one child that is no actor) with one type of error. It outlasts its entries: after a
storm, the last entries are all from its last seconds, while the groups say how often and since when.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Final, TypeAlias

import attrs

from trioactors.serializer import stored

__all__ = ["BLOCK", "BLOCK_SIZE", "GROUPS", "Cause", "Crash", "CrashBlock", "CrashBook", "CrashGroup", "CrashKind", "count_since"]

BLOCK: Final = 50
"""The most entries of a block."""

BLOCK_SIZE: Final = 64_000
"""The characters after which a block takes no further entry."""

GROUPS: Final = 100
"""The most groups; the one that has not crashed for the longest time is dropped."""

_NAMES: Final = 5
"""The children that a group names, those that crashed last."""

_MINUTE: Final = 60
_HOUR: Final = 3_600
_MINUTES: Final = 60
_HOURS: Final = 24

Cause: TypeAlias = tuple[str, str, str]
"""What makes a group: the kind of entry, its owner, and its error."""


class CrashKind:
    """The kinds of entries. Later ones (dead letters, parked runs, failed steps) are read and grouped like these."""

    CRASH: Final = "crash"


@stored(name="trioactors.crash")
@attrs.frozen(kw_only=True)
class Crash:
    """One failure of a child."""

    kind: str = CrashKind.CRASH
    child: str
    """The name of the child."""
    path: str
    child_kind: str
    owner: str
    """The class of an actor; for any other child, its kind and its name."""
    error: str
    """The type of the error; how it ended, if there was none."""
    reason: str
    text: str
    """The text of the error, shortened."""
    report: str = attrs.field(default="", repr=False)
    """The crash report with the traceback, shortened; empty if crashes came too fast to write one for each."""
    incarnation: int
    time: float
    """When, on Trio's clock in that run of the program."""
    wall_time: float
    run: float
    """When that run of the program began, on the wall clock."""

    @property
    def cause(self) -> Cause:
        """The group that it belongs to."""
        return (self.kind, self.owner, self.error)

    @property
    def size(self) -> int:
        """About the number of characters that it takes."""
        return 200 + sum(map(len, (self.child, self.path, self.owner, self.error, self.reason, self.text, self.report)))


@stored(name="trioactors.crash_block")
@attrs.frozen
class CrashBlock:
    """Crashes that follow each other, as stored."""

    number: int
    crashes: tuple[Crash, ...]


@stored(name="trioactors.crash_group")
@attrs.frozen(kw_only=True)
class CrashGroup:
    """All crashes with one cause."""

    kind: str
    owner: str
    error: str
    count: int
    first: float
    """When the first one happened, on the wall clock."""
    last: float
    names: tuple[str, ...]
    """The children that crashed last, the last one first."""
    minutes: tuple[tuple[int, int], ...]
    """How many in each minute: minutes since 1970, and crashes; those of the last hour in which there were any."""
    hours: tuple[tuple[int, int], ...]
    """How many in each hour, in the same way; those of the last day."""

    @property
    def cause(self) -> Cause:
        """What its crashes have in common."""
        return (self.kind, self.owner, self.error)

    def with_crash(self, crash: Crash) -> CrashGroup:
        """The group after one more crash."""
        others = tuple(name for name in self.names if name != crash.child)
        return attrs.evolve(
            self,
            count=self.count + 1,
            last=crash.wall_time,
            names=(crash.child, *others)[:_NAMES],
            minutes=_counted(self.minutes, int(crash.wall_time // _MINUTE), _MINUTES),
            hours=_counted(self.hours, int(crash.wall_time // _HOUR), _HOURS),
        )


def count_since(group: CrashGroup, since: float) -> int:
    """The crashes of *group* from the wall-clock time *since* on: by the minute within its last hour with crashes, else by the hour."""
    oldest = min((slot for slot, _ in group.minutes), default=0)
    fine = since // _MINUTE >= oldest
    slots, length = (group.minutes, _MINUTE) if fine else (group.hours, _HOUR)
    return sum(number for slot, number in slots if (slot + 1) * length > since)


def _counted(slots: tuple[tuple[int, int], ...], slot: int, most: int) -> tuple[tuple[int, int], ...]:
    """*slots* with one more in *slot*; the last *most* of them. A clock that was set back counts in a slot that is there already."""
    if slots and slots[-1][0] == slot:
        return (*slots[:-1], (slot, slots[-1][1] + 1))
    known = dict(slots)
    known[slot] = known.pop(slot, 0) + 1  # moved to the end: it is the slot of now
    return tuple(known.items())[-most:]


@attrs.define(eq=False)
class _Block:
    number: int
    length: int = 0
    """How many of its entries are kept."""
    entries: int = 0
    """How many it has taken."""
    size: int = 0
    dirty: bool = False
    stored: bool = False
    """Whether it may be in the store."""

    def take(self, crash: Crash) -> None:
        self.length += 1
        self.entries += 1
        self.size += crash.size

    @property
    def full(self) -> bool:
        return self.entries >= BLOCK or self.size >= BLOCK_SIZE


@attrs.define(eq=False, repr=False)
class CrashBook:
    """The last *kept* crashes and their groups, in the order in which they happened."""

    kept: int
    groups: dict[Cause, CrashGroup] = attrs.field(factory=dict[Cause, CrashGroup], init=False)
    """The groups, that with the most recent crash last."""
    dirty: bool = attrs.field(default=False, init=False)
    """Whether something is not stored yet."""
    dropped: list[int] = attrs.field(factory=list[int], init=False)
    """The numbers of blocks that are stored and not needed any more."""
    _crashes: deque[Crash] = attrs.field(factory=deque[Crash], init=False)
    _blocks: deque[_Block] = attrs.field(factory=deque["_Block"], init=False)
    """They share out the crashes, in order."""
    _next: int = attrs.field(default=0, init=False)

    def __repr__(self) -> str:
        """The number of crashes and of groups."""
        return f"<{len(self)} crashes in {len(self.groups)} groups>"

    def __len__(self) -> int:
        """The number of crashes that can be read."""
        return len(self._crashes)

    def newest_first(self) -> Iterator[Crash]:
        """The crashes, the last one first."""
        return reversed(self._crashes)

    def add(self, crash: Crash) -> None:
        """Remember *crash*, and forget what is too much."""
        if not self._blocks or self._blocks[-1].full:
            self._blocks.append(_Block(self._next))
            self._next += 1
        self._crashes.append(crash)
        self._blocks[-1].take(crash)
        self._blocks[-1].dirty = self.dirty = True
        group = self.groups.pop(crash.cause, None) or _new_group(crash)
        self.groups[crash.cause] = group.with_crash(crash)
        self._shrink()

    def _shrink(self) -> None:
        while len(self._crashes) > self.kept:
            self._crashes.popleft()
            self._blocks[0].length -= 1
            if not self._blocks[0].length:
                block = self._blocks.popleft()
                if block.stored:
                    self.dropped.append(block.number)
        while len(self.groups) > GROUPS:
            del self.groups[next(iter(self.groups))]

    def load(self, blocks: list[CrashBlock], groups: tuple[CrashGroup, ...]) -> None:
        """Begin with what earlier runs have stored. Called once, while the book is empty."""
        for stored_block in sorted((block for block in blocks if block.crashes), key=lambda block: block.number):
            block = _Block(stored_block.number, stored=True)
            for crash in stored_block.crashes:
                block.take(crash)
            self._crashes.extend(stored_block.crashes)
            self._blocks.append(block)
            self._next = block.number + 1
        self.groups.update((group.cause, group) for group in groups)
        self._shrink()
        self.dirty = bool(self.dropped)

    def unsaved(self) -> list[CrashBlock]:
        """The blocks that have changed since they were stored."""
        crashes = iter(self._crashes)
        blocks = [(block, tuple(islice(crashes, block.length))) for block in self._blocks]
        return [CrashBlock(block.number, entries) for block, entries in blocks if block.dirty]

    def mark_saved(self) -> None:
        """Note that all of it is about to be stored."""
        for block in self._blocks:
            block.stored = block.stored or block.dirty
            block.dirty = False
        self.dirty = False
        self.dropped.clear()

    def mark_unsaved(self, numbers: set[int], dropped: list[int]) -> None:
        """Note that the blocks *numbers* were not stored after all, and that those *dropped* may still be there."""
        for block in self._blocks:
            block.dirty = block.dirty or block.number in numbers
        kept = {block.number for block in self._blocks}
        self.dropped.extend(sorted({*dropped, *numbers} - kept))
        self.dirty = True


def _new_group(crash: Crash) -> CrashGroup:
    return CrashGroup(
        kind=crash.kind,
        owner=crash.owner,
        error=crash.error,
        count=0,
        first=crash.wall_time,
        last=crash.wall_time,
        names=(),
        minutes=(),
        hours=(),
    )
