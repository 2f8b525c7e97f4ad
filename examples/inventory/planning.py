"""Decide what has to be hashed and where the results are kept. Plain functions from data to data.

The state of a durable actor is written as a whole whenever it changes. So the 50,000 files of a folder cannot be the state of one actor:
each result would rewrite all earlier ones. They are kept on *pages* of a hundred files. A file stays on its page, so the next run knows
where its result is. The files to hash are handed out in *lots*, each for one page: one message, one thread, one commit. That makes small
files cheap, and keeps the cost of a crash low, since large files go into small lots.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, count, repeat
from pathlib import Path
from typing import Final

from attrs import evolve, frozen

from records import Entry, Stamp, Top
from walking import Walk

__all__ = ["Lot", "Plan", "again", "planned"]

PAGE: Final = 100
"""Files per page, which makes a record of some 20 kB."""
LOT: Final = 16_000_000
"""Bytes per lot, unless a single file has more."""
TRIES: Final = 3
"""How many workers a file may crash before it is skipped."""


@frozen
class Lot:
    """Some files of one page, which one worker hashes for one message."""

    top: Top
    page: int
    files: Mapping[Path, Stamp]
    attempt: int = 1

    @property
    def bytes(self) -> int:
        """The number of bytes to read."""
        return sum(stamp.size for stamp in self.files.values())

    @property
    def hopeless(self) -> bool:
        """Whether it has been tried too often."""
        return self.attempt > TRIES


@frozen
class Plan:
    """The work to do in one top folder."""

    pages: int
    """The number of pages after this plan."""
    lots: tuple[Lot, ...]
    gone: Mapping[int, Sequence[Path]]
    """Results to drop, by page, because their files have gone."""
    known: int
    """Files that already have a result."""
    changed: int
    """Files that have changed since they were hashed."""


def planned(top: Top, walk: Walk, pages: Sequence[Mapping[Path, Entry]]) -> Plan:
    """Compare the *walk* of *top* with the results on its *pages*."""
    known = {path: entry for page in pages for path, entry in page.items()}
    gone = {number: [path for path in page if vanished(path, walk)] for number, page in enumerate(pages)}
    todo = {path: stamp for path, stamp in walk.files.items() if not settled(known.get(path), stamp)}
    where = {path: number for number, page in enumerate(pages) for path in page}
    room = free_places([len(page) - len(gone[number]) for number, page in enumerate(pages)])
    work: dict[int, dict[Path, Stamp]] = defaultdict(dict)
    for path, stamp in todo.items():
        work[where[path] if path in where else next(room)][path] = stamp
    return Plan(
        pages=max((len(pages), *(number + 1 for number in work))),
        lots=tuple(Lot(top, page, files) for page, asked in work.items() for files in portions(asked)),
        gone={number: paths for number, paths in gone.items() if paths},
        known=len(walk.files) - len(todo),
        changed=sum(path in known and known[path].sha256 is not None for path in todo),
    )


def settled(entry: Entry | None, stamp: Stamp) -> bool:
    """Whether a file has a valid result. Files that could not be read are tried again in each run."""
    return entry is not None and entry.sha256 is not None and entry.stamp == stamp


def vanished(path: Path, walk: Walk) -> bool:
    """Whether a file has gone, and is not merely hidden because a folder above it cannot be read now."""
    return path not in walk.files and path not in walk.closed and walk.closed.keys().isdisjoint(path.parents)


def free_places(used: Sequence[int]) -> Iterator[int]:
    """Yield the page for each new file, without end: first pages with room, then new ones."""
    old = chain.from_iterable(repeat(number, max(0, PAGE - taken)) for number, taken in enumerate(used))
    new = chain.from_iterable(repeat(number, PAGE) for number in count(len(used)))
    return chain(old, new)


def portions(files: Mapping[Path, Stamp]) -> Iterator[Mapping[Path, Stamp]]:
    """Split *files* into lots by size, with at least one file each."""
    portion: dict[Path, Stamp] = {}
    size = 0
    for path, stamp in files.items():
        if portion and size + stamp.size > LOT:
            yield portion
            portion, size = {}, 0
        portion[path] = stamp
        size += stamp.size
    if portion:
        yield portion


def again(lot: Lot) -> list[Lot]:
    """Split a lot whose worker crashed into single files, so that the file that caused the crash does not hold up the others."""
    return [evolve(lot, files={path: stamp}, attempt=lot.attempt + 1) for path, stamp in lot.files.items()]
