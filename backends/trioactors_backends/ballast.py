"""Room for a snapshot on a disk that is full: a file of zeros that is there to be removed.

A new generation is what makes room, and writing it takes room: that of one snapshot, for a moment. When an append finds none, it is too
late to ask for that much. So the store holds it from the first commit on, in a file that does nothing else. The file is removed before a
snapshot is written and made again after the old generation is removed, so it never adds to the peak.

It is not needed for anything but room. It is never synced, its content means nothing, an opening does without it, and a failure to make or
to remove it is no error. It grows by half as much again when the data has grown, and not with each commit.

If live data fills the disk, so that no new generation finds room even without the ballast, it gives room to the commits that make the data
smaller. Otherwise nothing could ever be removed from such a store.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import attrs

from trioactors.environment import Disk, refusal
from trioactors.errors import StoreError, StoreFull
from trioactors_backends.generations import snapshot_bytes, snapshot_name
from trioactors_backends.keyspace import Keyspace
from trioactors_backends.recovery import Folder
from trioactors_backends.refusals import sure

__all__ = ["BALLAST", "Ballast", "discard", "no_room_to_open", "not_written", "room_for", "settle"]

BALLAST = "ballast"
"""The name of the file."""

_LEAST = 64 * 1024
"""The smallest ballast, in bytes."""

_RESCUE = 16 * 1024
"""What is held where there is no room for more, in bytes: enough to remove some records."""

_ROUNDING = 16 * 1024
"""What a new generation takes besides the bytes in its files: the rest of their last blocks, and their names."""

_BLOCK = 4 * 1024
"""The bytes in a block of most file systems. The log grows by so many, at least, between two looks at the size of the ballast."""


def room_for(keyspace: Keyspace) -> int:
    """The room that a new generation takes, in bytes."""
    return snapshot_bytes(keyspace) + _ROUNDING


@attrs.define
class Ballast:
    """The ballast of an open store."""

    disk: Disk
    folder: Path
    size: int = 0
    """The bytes that are held, as far as known: 0 until `hold` has looked."""

    due: int = 0
    """The length of the log from which on the ballast may be too small, in bytes."""

    @property
    def path(self) -> Path:
        """The path of the file."""
        return self.folder / BALLAST

    def hold(self, keyspace: Keyspace, end: int) -> bool:
        """Hold the room for a new generation of *keyspace*, while the log is *end* bytes long. Returns whether it is held."""
        room = room_for(keyspace)
        if self.size < room + room // 8:
            self._grow(room)
        self.due = end + max(_BLOCK, self.size - room if self.size >= room else room // 16)  # the data grows no faster than the log
        return self.size >= room - _ROUNDING

    def give(self, size: int) -> bool:
        """Make room for *size* bytes by cutting the file. Returns whether it was long enough."""
        with suppress(OSError):
            left = (self.size - size) // _BLOCK * _BLOCK
            if left > 0 and self.disk.reserve(self.path, left):
                self.size = left
                return True
        return False

    def release(self) -> None:
        """Remove the file, unless it is another program's."""
        self.size = 0
        with suppress(OSError):
            if self._is_empty():
                self.disk.remove(self.path)

    def _grow(self, room: int) -> None:
        left = self.size or self._left()
        for size in (max(_LEAST, room + room // 2), max(room, left), max(_RESCUE, left)):
            with suppress(OSError):
                if self.disk.reserve(self.path, size):
                    self.size = size
                return

    def _left(self) -> int:
        """The length of the file that an earlier process left."""
        with suppress(OSError):
            if BALLAST in self.disk.names(self.folder):
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
            return not file.read_at(0, _BLOCK).strip(b"\0")
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


def not_written(error: OSError, where: Path, keyspace: Keyspace, *, used: bool) -> StoreError:
    """Make the error for a commit that the disk refused. *used* says whether there is anything in the log that could be cleaned up."""
    refused = refusal(error, f"{where}: the commit was not written")
    if not isinstance(refused, StoreFull):
        return refused
    rest = f"a clean-up needs {room_for(keyspace):,} bytes of room for a moment" if used else "there is nothing to clean up"
    return StoreFull(f"{refused} {keyspace.live_bytes:,} bytes of data are alive, and {rest}.")


def no_room_to_open(where: Path, keyspace: Keyspace, refused: StoreFull) -> StoreFull:
    """A store that was not closed in order cannot be written once more."""
    return StoreFull(
        f"{where} cannot be opened yet: it was not closed in order, so everything is written once more, which takes "
        f"{room_for(keyspace):,} bytes of room for a moment. {refused}"
    )
