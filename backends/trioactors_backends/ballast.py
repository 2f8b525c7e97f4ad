"""Room for a snapshot on a disk that is full: a file of zeros that is there to be removed.

A new generation is what makes room, and writing it takes room: that of one snapshot, for a moment. When an append finds none, it is too
late to ask for that much. So the store holds it from the first commit on, in a file that does nothing else. The file is removed before a
snapshot is written and made again after the old generation is removed, so it never adds to the peak.

Its length decides which commits are written (`room`). It is never synced, its content means nothing, and an opening does without it. If it
cannot be made for another reason than lack of room, nothing is known about the room, and commits are written as long as they find some.
It grows by half as much again when the data has grown, and not with each commit.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import attrs

from trioactors.environment import Disk, is_full, refusal
from trioactors.errors import StoreError, StoreFull, StoreUnavailable
from trioactors_backends.generations import snapshot_bytes, snapshot_name
from trioactors_backends.keyspace import Keyspace
from trioactors_backends.recovery import Folder
from trioactors_backends.refusals import sure
from trioactors_backends.room import BLOCK, RESERVE, ROUNDING, Sizes, enough, in_blocks, wanted

__all__ = ["BALLAST", "Ballast", "discard", "no_room_to_open", "not_written", "room_for", "settle"]

BALLAST = "ballast"
"""The name of the file."""

_LEAST = 64 * 1024
"""The smallest ballast, in bytes."""

_RESCUE = 24 * 1024
"""What is held where there is no room for more, in bytes: enough to remove some records."""


def room_for(snapshot: int) -> int:
    """The ballast that lets every commit be written after which a snapshot takes no more than *snapshot* bytes."""
    return in_blocks(snapshot + ROUNDING + RESERVE)


@attrs.define
class Ballast:
    """The ballast of an open store."""

    disk: Disk
    folder: Path
    size: int = 0
    """The bytes that are held, as far as known: 0 until `hold` has looked."""

    due: int = 0
    """The length of the log up to which the ballast is surely enough, in bytes."""

    refused: OSError = attrs.field(factory=lambda: OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    """Why it could not be made larger when that was tried last."""

    _known: bool = True
    """Whether lack of room is all that kept the file from being made larger."""

    _again: int = 0
    """The length of the log from which on more than is needed is asked for again, in bytes."""

    @property
    def path(self) -> Path:
        """The path of the file."""
        return self.folder / BALLAST

    @property
    def held(self) -> int | None:
        """The bytes that are held. None if the file cannot be made for another reason than lack of room."""
        return self.size if self._known else None

    def hold(self, room: int, end: int, sizes: Sizes | None = None) -> None:
        """Hold *room* bytes, or more, while the log is *end* bytes long. *sizes* are those of a commit that may do with less."""
        least = room if sizes is None else 0 if sizes.removes else wanted(sizes)
        ahead = self.size < room + room // 8 and end >= self._again
        if ahead or self.size < least or not self.size:
            self._again = end + max(BLOCK, room // 16)
            self._grow(
                [*([max(_LEAST, room + room // 2)] if ahead else []), room, *([] if sizes is None else [least, enough(sizes)])]
            )
        self.look(room, end)
        if self.held is None:
            self.due = end + max(BLOCK, room // 16)

    def look(self, room: int, end: int) -> None:
        """Find out how far the log can grow from *end*, while *room* is needed. The data grows no faster than the log."""
        self.due = end + max(0, self.size - room)

    def cut(self, left: int) -> bool:
        """Make room by cutting the file to *left* bytes. Returns whether that worked."""
        with suppress(OSError):
            if self.disk.reserve(self.path, left):
                self.size, self._again = left, sys.maxsize  # what was given up is not asked for again before the next clean-up
                return True
        return False

    def release(self) -> None:
        """Remove the file, unless it is another program's."""
        self.size = self.due = self._again = 0
        with suppress(OSError):
            if self._is_empty():
                self.disk.remove(self.path)

    def _grow(self, sizes: Sequence[int]) -> None:
        """Make the file as long as the first of *sizes* for which there is room. If there is none, find out what is held."""
        left = self.size or self._left()
        self._known = True
        first, *others = sizes
        smaller = sorted({*others, max(_RESCUE, left), left}, reverse=True)
        for size in (first, *(each for each in smaller if self.size < each < first)):
            try:
                self._known = self.disk.reserve(self.path, size)
            except OSError as error:
                self.refused, self._known = error, left > 0 or is_full(error)
            else:
                self.size = size if self._known else 0
                return

    def _left(self) -> int:
        """The length of the file that an earlier process left."""
        with suppress(OSError):
            if BALLAST in self.disk.names(self.folder) and self._is_empty():
                file = self.disk.open(self.path)
                try:
                    return file.size
                finally:
                    file.close()
        return 0

    def _is_empty(self) -> bool:
        """Whether the file begins with zeros. One with something in it was not made by a store."""
        file = self.disk.open(self.path)
        try:
            return not file.read_at(0, BLOCK).strip(b"\0")
        finally:
            file.close()


def discard(disk: Disk, place: Path, files: Folder, first: int) -> None:
    """Remove what is left of generations after *first* that were begun and never finished."""
    for name in files.begun(first):
        with suppress(OSError):
            disk.remove(place / name)


def settle(disk: Disk, place: Path, files: Folder, first: int, *, used: bool) -> None:
    """Remove the generations before *first*, without writing that one again. *used* says whether its log holds a frame.

    They were left by a process that ended in the middle of this. It may have ended before the name of the snapshot of *first* was durable,
    or after its sync failed, and another sync of the same name would prove nothing. So the snapshot gets its name once more. That is done
    only while the generation before is whole: a power cut may leave the snapshot without its name. If the log is used, or the generation
    before is not whole, the name was durable before.
    """
    if not files.before(first):
        return
    if not used and files.previous(first) in files.logs:
        path = place / snapshot_name(first)
        part = path.with_name(path.name + ".new")
        with sure(place):
            disk.rename(path, part)
            disk.rename(part, path)
            disk.sync_folder(place)
    for name in files.before(first):
        with suppress(OSError):
            disk.remove(place / name)


def not_written(error: OSError, where: Path, keyspace: Keyspace, sizes: Sizes) -> StoreError:
    """Make the error for a commit that the disk has no room for. *error* says why, or why the ballast could not be made larger."""
    refused = refusal(error, f"{where}: the commit was not written")
    if not isinstance(refused, StoreFull):
        return StoreUnavailable(f"{refused}. The file {BALLAST!r} cannot be made larger.")
    others = "" if sizes.removes else " Removing records makes room, too."
    return StoreFull(
        f"{refused} {keyspace.live_bytes:,} bytes of data are alive, and after this commit {wanted(sizes):,} bytes of room must be left, "
        f"so that a clean-up fits.{others}"
    )


def no_room_to_open(where: Path, keyspace: Keyspace, refused: StoreFull) -> StoreFull:
    """A store that was not closed in order cannot be written once more."""
    return StoreFull(
        f"{where} cannot be opened yet: it was not closed in order, so everything is written once more, which takes "
        f"{snapshot_bytes(keyspace) + ROUNDING:,} bytes of room for a moment. {refused}"
    )
