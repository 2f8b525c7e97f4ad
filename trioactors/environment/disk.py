"""The disk, as far as a store needs it: files and folders, and making them survive a power cut.

A write is only in memory until the file is synced, and a name is only in memory until its folder is synced. A failed sync must not be tried
again: the operating system has already marked the pages clean, so the second one succeeds and proves nothing. Stores must follow these
rules; `trioactors.testing` has a simulated disk on which a store that does not loses data.

The port does not interpret what it carries, and does not join paths.
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

from trioactors.environment.forks import in_forked_children
from trioactors.errors import StoreError, StoreFull, StoreUnavailable

__all__ = ["Disk", "DiskFile", "RealDisk", "refusal"]

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class DiskFile(Protocol):
    """One open file."""

    @property
    def linked(self) -> bool:
        """Whether the path with which the file was opened still leads to it. If not, no later opening finds what is written to it."""
        ...

    @property
    def size(self) -> int:
        """The size in bytes."""
        ...

    def read(self) -> bytes:
        """Read the whole file."""
        ...

    def read_at(self, offset: int, size: int) -> bytes:
        """Read *size* bytes from *offset* on, or as many as there are."""
        ...

    def write(self, offset: int, data: bytes) -> None:
        """Write all of *data* at *offset*."""
        ...

    def truncate(self, size: int) -> None:
        """Cut the file to *size* bytes."""
        ...

    def sync(self) -> None:
        """Make everything written so far survive a power cut."""
        ...

    def lock(self) -> bool:
        """Lock the file. Returns False if it is locked already.

        The lock ends when the file is closed or the process exits, also if a process that was forked meanwhile lives on.
        """
        ...

    def close(self) -> None:
        """Close the file, without syncing it."""
        ...


class Disk(Protocol):
    """A file system. Paths are absolute, and every method raises OSError as the system calls do."""

    def make_folder(self, path: Path) -> None:
        """Create the folder and its parents unless they exist, and make them survive a power cut."""
        ...

    def names(self, folder: Path) -> Sequence[str]:
        """The names in the folder, sorted."""
        ...

    def open(self, path: Path) -> DiskFile:
        """Open the file for reading and writing. It is created if it does not exist."""
        ...

    def rename(self, old: Path, new: Path) -> None:
        """Rename the file within its folder. A file that has the new name is replaced."""
        ...

    def remove(self, path: Path) -> None:
        """Remove the name of the file."""
        ...

    def sync_folder(self, path: Path) -> None:
        """Make the names in the folder survive a power cut."""
        ...


def refusal(error: OSError, what: str) -> StoreError:
    """Make the store's error for an operation that the operating system refused before anything was changed."""
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


@attrs.define(eq=False)
class _RealFile:
    _descriptor: int
    """The number of the open file; -1 if it is closed. The number of a closed file may soon belong to another one."""
    _path: Path
    _identity: tuple[int, int]
    _locked: bool = attrs.field(default=False, init=False)

    @classmethod
    def of(cls, descriptor: int, path: Path) -> _RealFile:
        status = os.fstat(descriptor)
        file = cls(descriptor, path, (status.st_dev, status.st_ino))
        in_forked_children(file, cls.leave)
        return file

    @property
    def linked(self) -> bool:
        try:
            status = os.lstat(self._path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return (status.st_dev, status.st_ino) == self._identity

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
        self._locked = True
        return True

    def close(self) -> None:
        """Close the file. Its lock ends explicitly: closing alone keeps it while a forked process has the file open, too."""
        if self._locked:
            import fcntl  # noqa: PLC0415 - not on every system

            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self.leave()

    def leave(self) -> None:
        """Close the file without ending its lock. In a forked process, the lock is the parent's."""
        descriptor, self._descriptor, self._locked = self._descriptor, -1, False
        if descriptor >= 0:
            os.close(descriptor)


@attrs.frozen
class RealDisk:
    """The disk of this machine."""

    def make_folder(self, path: Path) -> None:
        """Create the folder and its parents, and sync each folder that got a new name.

        The deepest folder that existed is synced too: a process that was killed before it synced may have just made it.
        """
        missing: list[Path] = []
        folder = path
        while not folder.is_dir():
            missing.append(folder)
            folder = folder.parent
        with suppress(PermissionError):  # then the folder was not made by this process or one like it
            self.sync_folder(folder.parent)
        for folder in reversed(missing):
            folder.mkdir(0o700, exist_ok=True)  # another process may make it at the same time
            self._sync_or_remove(folder)

    def names(self, folder: Path) -> Sequence[str]:
        """The names in the folder, sorted."""
        return sorted(entry.name for entry in folder.iterdir())

    def open(self, path: Path) -> DiskFile:
        """Open or create the file, readable by its owner only. A symbolic link is refused."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        return _RealFile.of(os.open(path, flags, 0o600), path)

    def rename(self, old: Path, new: Path) -> None:
        """Rename *old* to *new*, atomically."""
        old.replace(new)

    def remove(self, path: Path) -> None:
        """Remove the name of the file."""
        path.unlink()

    def sync_folder(self, path: Path) -> None:
        """Sync the names in the folder."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
        try:
            _sync(descriptor)
        finally:
            os.close(descriptor)

    def _sync_or_remove(self, folder: Path) -> None:
        """Sync the name of *folder*; if that fails, remove it. A second sync would prove nothing, so the name must be made again."""
        try:
            self.sync_folder(folder.parent)
        except OSError:
            with suppress(OSError):  # another process may have put files into it
                folder.rmdir()
            raise
