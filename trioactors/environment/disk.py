"""The disk, as far as a store needs it: files, folders, and what it takes to make either survive a power cut.

A write is in memory until the file is synced, and a name is in memory until its folder is. A sync that failed must not be tried
again: the operating system has already marked the pages clean, so the second one succeeds and proves nothing. Whoever writes
through this port follows these rules; `trioactors.testing` has a disk that breaks whoever does not.

The port reads nothing into what it carries and joins no paths for anybody.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import attrs

from trioactors.errors import StoreError, StoreFull, StoreUnavailable

__all__ = ["Disk", "DiskFile", "RealDisk", "refusal"]

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class DiskFile(Protocol):
    """One open file."""

    @property
    def linked(self) -> bool:
        """Whether the file still has a name; what is written to one without is lost."""
        ...

    @property
    def size(self) -> int:
        """How many bytes are in it."""
        ...

    def read(self) -> bytes:
        """Everything in it."""
        ...

    def read_at(self, offset: int, size: int) -> bytes:
        """The *size* bytes from *offset* on, or as many of them as there are."""
        ...

    def write(self, offset: int, data: bytes) -> None:
        """Put all of *data* at *offset*."""
        ...

    def truncate(self, size: int) -> None:
        """Cut the file to *size* bytes."""
        ...

    def sync(self) -> None:
        """Return when everything written so far survives a power cut."""
        ...

    def lock(self) -> bool:
        """Take the file for this opening alone; False if another has it. Closing it gives it back, as does the process's end."""
        ...

    def close(self) -> None:
        """Let go of it; nothing is synced."""
        ...


class Disk(Protocol):
    """Where files live. Paths are absolute, and every method raises OSError as the system calls do."""

    def make_folder(self, path: Path) -> None:
        """See to it that the folder is there, its parents too, and that it survives a power cut."""
        ...

    def names(self, folder: Path) -> Sequence[str]:
        """What is in the folder, sorted."""
        ...

    def open(self, path: Path) -> DiskFile:
        """Open the file for reading and writing; it is created where there is none."""
        ...

    def rename(self, old: Path, new: Path) -> None:
        """Give the file another name in the same folder, in place of whatever had that name."""
        ...

    def remove(self, path: Path) -> None:
        """Remove the file's name."""
        ...

    def sync_folder(self, path: Path) -> None:
        """Return when the names in the folder survive a power cut."""
        ...


def refusal(error: OSError, what: str) -> StoreError:
    """The store's error for an operation that the system refused before anything lasting happened."""
    reason = error.strerror or str(error)
    if error.errno in _NO_ROOM:
        return StoreFull(f"{what}: no room ({reason}). Make room, then try again.")
    return StoreUnavailable(f"{what}: {reason}")


def _sync(descriptor: int) -> None:
    if sys.platform == "darwin":  # fsync leaves the data in the drive's own cache there
        import fcntl  # noqa: PLC0415 - not on every system

        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)


@attrs.define
class _RealFile:
    _descriptor: int

    @property
    def linked(self) -> bool:
        return os.fstat(self._descriptor).st_nlink > 0

    @property
    def size(self) -> int:
        return os.fstat(self._descriptor).st_size

    def read(self) -> bytes:
        return self.read_at(0, self.size)

    def read_at(self, offset: int, size: int) -> bytes:
        parts: list[bytes] = []
        end = offset + size
        while offset < end:
            part = os.pread(self._descriptor, end - offset, offset)
            if not part:
                break
            parts.append(part)
            offset += len(part)
        return b"".join(parts)

    def write(self, offset: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = os.pwrite(self._descriptor, view, offset)
            view = view[written:]
            offset += written

    def truncate(self, size: int) -> None:
        os.ftruncate(self._descriptor, size)

    def sync(self) -> None:
        _sync(self._descriptor)

    def lock(self) -> bool:
        import fcntl  # noqa: PLC0415 - not on every system

        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        os.close(self._descriptor)


@attrs.frozen
class RealDisk:
    """The real one."""

    def make_folder(self, path: Path) -> None:
        """Create the folder and its parents, and sync each folder that got a new name.

        The deepest folder that was there may have been made a moment ago by a process that was killed before it synced.
        """
        missing: list[Path] = []
        folder = path
        while not folder.is_dir():
            missing.append(folder)
            folder = folder.parent
        with suppress(PermissionError):  # then it was not made by us
            self.sync_folder(folder.parent)
        for folder in reversed(missing):
            folder.mkdir(0o700, exist_ok=True)  # another process may make it at the same time
            self._sync_or_remove(folder)

    def names(self, folder: Path) -> Sequence[str]:
        """What is in the folder, sorted."""
        return sorted(entry.name for entry in folder.iterdir())

    def open(self, path: Path) -> DiskFile:
        """Open or create the file, for its owner only; a link in the last place is refused."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        return _RealFile(os.open(path, flags, 0o600))

    def rename(self, old: Path, new: Path) -> None:
        """Replace *new* by *old*, in one step."""
        old.replace(new)

    def remove(self, path: Path) -> None:
        """Remove the file's name."""
        path.unlink()

    def sync_folder(self, path: Path) -> None:
        """Sync the names in the folder."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
        try:
            _sync(descriptor)
        finally:
            os.close(descriptor)

    def _sync_or_remove(self, folder: Path) -> None:
        """A second sync would prove nothing, so after a failed one the name must be made again."""
        try:
            self.sync_folder(folder.parent)
        except OSError:
            with suppress(OSError):  # somebody else's files are in it by now
                folder.rmdir()
            raise
