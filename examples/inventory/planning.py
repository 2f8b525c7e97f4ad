"""Decides what has to be hashed, and where the results will be kept. Plain functions from data to data.

A durable actor is written as a whole whenever its state changes. So the 50,000 files of a folder cannot be the state of one actor: each
result would rewrite all those before it. They are kept on *pages* of a hundred files. A file stays on the page that it was given, so the
next run knows where its result is. And the files to hash are handed out in *lots*, each for one page: one message, one thread, one
commit. That makes small files cheap, and what a crash can cost stays small: large files go in lots of a few.
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
"""Files on a page, which is then a record of some 20 kB."""
LOT: Final = 16_000_000
"""Bytes in a lot, unless a single file has more."""
TRIES: Final = 3
"""How many workers a file may crash before it is given up."""


@frozen
class Lot:
    """Some files of one page, which one worker hashes in one go."""

    top: Top
    page: int
    files: Mapping[Path, Stamp]
    attempt: int = 1

    @property
    def bytes(self) -> int:
        """How much there is to read."""
        return sum(stamp.size for stamp in self.files.values())

    @property
    def hopeless(self) -> bool:
        """Whether it has been tried too often."""
        return self.attempt > TRIES


@frozen
class Plan:
    """What to do about one top folder."""

    pages: int
    """How many there will be."""
    lots: tuple[Lot, ...]
    gone: Mapping[int, Sequence[Path]]
    """Results to drop, by page: their files have vanished."""
    known: int
    """Files whose result is kept already."""
    changed: int
    """Files that are not what they were when they were hashed."""


def planned(top: Top, walk: Walk, pages: Sequence[Mapping[Path, Entry]]) -> Plan:
    """Compare what was seen in *top* with what is kept on its *pages*."""
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
    """Whether a file has a result that holds. What could not be read is tried again each time."""
    return entry is not None and entry.sha256 is not None and entry.stamp == stamp


def vanished(path: Path, walk: Walk) -> bool:
    """Whether a file is gone, and not only out of sight because a folder above it cannot be read now."""
    return path not in walk.files and path not in walk.closed and walk.closed.keys().isdisjoint(path.parents)


def free_places(used: Sequence[int]) -> Iterator[int]:
    """The page for each new file: first those with room, then new ones, without end."""
    old = chain.from_iterable(repeat(number, max(0, PAGE - taken)) for number, taken in enumerate(used))
    new = chain.from_iterable(repeat(number, PAGE) for number in count(len(used)))
    return chain(old, new)


def portions(files: Mapping[Path, Stamp]) -> Iterator[Mapping[Path, Stamp]]:
    """Cut *files* into lots by size, of one file at least."""
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
    """A lot whose worker crashed, file by file: if one of them is the reason, the others are not held up by it."""
    return [evolve(lot, files={path: stamp}, attempt=lot.attempt + 1) for path, stamp in lot.files.items()]
