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
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Protocol

import attrs

from trioactors.environment.forks import in_forked_children
from trioactors.errors import StoreError, StoreFull, StoreUnavailable

__all__ = ["Disk", "DiskFile", "RealDisk", "is_full", "refusal"]

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_CANNOT_ALLOCATE = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})
_READ_WRITE = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_ZEROS_BYTES = 1024 * 1024
_LOOK_BYTES = 4096


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

    def reserve(self, path: Path, size: int) -> bool:
        """Make the file at *path* *size* bytes of zeros that take up room on the disk, so that there is room when it is removed.

        Returns False on a disk that never fills up: there, nothing is done. If it fails, the file is as long as before. A file that begins
        with something else than zeros is left alone (`FileExistsError`).
        """
        ...

    def sync_folder(self, path: Path) -> None:
        """Make the names in the folder survive a power cut."""
        ...


def is_full(error: OSError) -> bool:
    """Whether there was no room: on the disk, in a quota, or within the size that a file may have."""
    return error.errno in _NO_ROOM


def refusal(error: OSError, what: str) -> StoreError:
    """Make the store's error for an operation that the operating system refused before anything was changed."""
    reason = error.strerror or str(error)
    if is_full(error):
        return StoreFull(f"{what}: no room ({reason}). Make room, then try again.")
    return StoreUnavailable(f"{what}: {reason}")


def _sync(descriptor: int) -> None:
    if sys.platform == "darwin":  # fsync leaves the data in the drive's own cache there
        import fcntl  # noqa: PLC0415 - not on every system

        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)


def _allocate(descriptor: int, begin: int, size: int) -> None:
    """Let the file have *size* bytes, with room for each of them. It has *begin* bytes already."""
    if sys.platform != "darwin":
        try:
            os.posix_fallocate(descriptor, 0, size)  # from the start: a copy of the file may have holes
        except OSError as error:
            if error.errno not in _CANNOT_ALLOCATE:
                raise
        else:
            return
    while begin < size:
        begin += os.pwrite(descriptor, bytes(min(_ZEROS_BYTES, size - begin)), begin)


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
        return _RealFile.of(os.open(path, _READ_WRITE, 0o600), path)

    def rename(self, old: Path, new: Path) -> None:
        """Rename *old* to *new*, atomically."""
        old.replace(new)

    def remove(self, path: Path) -> None:
        """Remove the name of the file."""
        path.unlink()

    def reserve(self, path: Path, size: int) -> bool:
        """Make a file of *size* zeros that takes up room."""
        descriptor = os.open(path, _READ_WRITE, 0o600)
        with ExitStack() as undo:
            undo.callback(os.close, descriptor)
            before = os.fstat(descriptor).st_size
            if os.pread(descriptor, _LOOK_BYTES, 0).strip(b"\0"):
                raise FileExistsError(errno.EEXIST, "there is a file of another program", str(path))
            undo.callback(os.ftruncate, descriptor, before)
            _allocate(descriptor, before, size)
            os.ftruncate(descriptor, size)
            undo.pop_all()
        os.close(descriptor)
        return True

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
