"""SQLite's file layer on a simulated disk: a port of its Unix layer to `trioactors.environment.disk`.

A power cut under SQLite is only meaningful if the disk gets the same operations as on a real system. So this module does what `os_unix.c`
of SQLite does: the first sync of a new journal also syncs its folder, and its result is ignored; deleting a journal syncs its folder if
SQLite asks for it; an empty file counts as missing; and each failure has its own code, because SQLite reacts to the code.

There is no shared memory here, so SQLite uses the database exclusively (`PRAGMA locking_mode = EXCLUSIVE`). It then keeps a rollback
journal open and blanks its first bytes instead of deleting it. That would hide the very case that must be tested, a deleted journal that
comes back; so a blanked journal is deleted here and created again at the next write.

After a power cut nothing reaches the disk any more: SQLite does not know that the process is dead and continues to clean up.
"""

from __future__ import annotations

import errno
import random
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, cast

import apsw
import attrs

from trioactors.environment.disk import Disk, DiskFile

__all__ = ["DiskVFS", "seed_chance"]

_SECTOR_BYTES: Final = 4096
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_JOURNALS: Final = apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL | apsw.SQLITE_OPEN_WAL
_METHODS: Final = frozenset(name for name in dir(apsw.VFS) if name.startswith("x"))


class _Seed(apsw.VFS):
    """A VFS that gives SQLite the seed of its random numbers; SQLite asks the VFS that is the default at that moment."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        super().__init__("trioactors-seed", base=None, makedefault=True, exclude=set(_METHODS - {"xRandomness"}))

    def xRandomness(self, numbytes: int) -> bytes:  # noqa: N802 - SQLite's name
        return self._chance.randbytes(numbytes)


def seed_chance(chance: random.Random) -> None:
    """Seed SQLite's random numbers (the salts of its logs, the nonces of its journals) from *chance*."""
    seed = _Seed(chance)
    apsw.randomness(0)  # forget the old seed
    apsw.randomness(1)  # fetch the new one
    seed.unregister()


class _At:
    """Surrounds an operation of the disk: its failure becomes SQLite's *code*; after a power cut it is refused."""

    __slots__ = ("_code", "_vfs")

    def __init__(self, vfs: DiskVFS, code: int) -> None:
        self._vfs = vfs
        self._code = code

    def __enter__(self) -> None:
        if self._vfs.dead:
            raise apsw.exception_for(self._code)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            return
        if isinstance(error, OSError):
            full = self._code == apsw.SQLITE_IOERR_WRITE and error.errno in _NO_ROOM
            raise apsw.exception_for(apsw.SQLITE_FULL if full else self._code) from error
        if not isinstance(error, apsw.Error):
            self._vfs.end = error


class DiskVFS(apsw.VFS):
    """The files of one database on a disk. Call `unregister` when the database is closed."""

    def __init__(self, name: str, disk: Disk, *, syncs_folders: bool = True) -> None:
        self.disk = disk
        self.syncs_folders = syncs_folders
        """False simulates a SQLite that was built with SQLITE_DISABLE_DIRSYNC."""

        self.extra = False
        """Whether the folder is synced after a journal is deleted: `PRAGMA synchronous = EXTRA`."""

        self.end: BaseException | None = None
        """The exception that ended the simulated process during an operation."""

        self.abandoned = False
        """Whether the process counts as dead because the database was not closed."""

        self.reading = _At(self, apsw.SQLITE_IOERR_READ)
        self.writing = _At(self, apsw.SQLITE_IOERR_WRITE)
        self.truncating = _At(self, apsw.SQLITE_IOERR_TRUNCATE)
        self.syncing = _At(self, apsw.SQLITE_IOERR_FSYNC)
        self.looking = _At(self, apsw.SQLITE_IOERR_FSTAT)
        self.deleting = _At(self, apsw.SQLITE_IOERR_DELETE)
        self.syncing_names = _At(self, apsw.SQLITE_IOERR_DIR_FSYNC)
        self.opening = _At(self, apsw.SQLITE_CANTOPEN)
        self._finding = _At(self, apsw.SQLITE_IOERR_ACCESS)
        self._database: DiskFile | None = None
        super().__init__(name, base=None)

    @property
    def dead(self) -> bool:
        """Whether the process is dead: nothing may reach the disk."""
        return self.abandoned or self.end is not None

    def check(self) -> None:
        """Raise the exception that ended the process, if any."""
        if self.end is not None:
            raise self.end

    def there(self, path: Path) -> bool:
        """Whether the file exists."""
        return path.name in self.disk.names(path.parent)

    def still_open(self) -> None:
        """Raise OSError if the process that opened the database was killed: a dead process cannot look up names."""
        if self._database is not None:
            self._database.read_at(0, 0)

    def remove(self, path: Path, *, sync: bool) -> None:
        """Delete a journal."""
        with self.deleting:
            self.still_open()
            self.disk.remove(path)
        if sync and self.syncs_folders:
            with self.syncing_names:
                self.disk.sync_folder(path.parent)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        """Open a file. One without a name is temporary and kept in memory."""
        flags[1] = asked = flags[0]
        if name is None:
            return cast("apsw.VFSFile", _Scratch())
        path = Path(name if isinstance(name, str) else name.filename())
        with self.opening:
            if not asked & apsw.SQLITE_OPEN_CREATE and not self.there(path):
                raise apsw.exception_for(apsw.SQLITE_CANTOPEN)
            self.still_open()
            file = self.disk.open(path)
        if asked & apsw.SQLITE_OPEN_MAIN_DB and self._database is None:
            self._database = file
        kind = _RollbackJournal if asked & apsw.SQLITE_OPEN_MAIN_JOURNAL else _File
        fresh = asked & apsw.SQLITE_OPEN_CREATE != 0 and asked & _JOURNALS != 0
        return cast("apsw.VFSFile", kind(self, path, file, fresh))  # SQLite needs only the methods, not the class

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: FBT001, N802
        """Delete a file."""
        path = Path(filename)
        with self.deleting:
            if not self.there(path):
                raise apsw.exception_for(apsw.SQLITE_IOERR_DELETE_NOENT)
        self.remove(path, sync=syncdir)

    def xAccess(self, pathname: str, flags: int) -> bool:  # noqa: ARG002, N802 - every existing file may be read and written
        """Whether the file exists and is not empty."""
        path = Path(pathname)
        with self._finding:
            if not self.there(path):
                return False
            file = self.disk.open(path)
            size = file.size
            file.close()
        return size > 0

    def xFullPathname(self, name: str) -> str:  # noqa: N802
        """Paths are absolute already."""
        return name

    def xGetLastError(self) -> tuple[int, str]:  # noqa: N802
        """Return nothing: the exception has the error of the system."""
        return 0, ""


class _Quiet:
    """The methods of a file that only matter with several processes: there is just one."""

    __slots__ = ()

    def xLock(self, level: int) -> None:  # noqa: N802
        pass

    def xUnlock(self, level: int) -> None:  # noqa: N802
        pass

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        return False

    def xFileControl(self, op: int, ptr: int) -> bool:  # noqa: ARG002, N802
        return False

    def xSectorSize(self) -> int:  # noqa: N802
        return _SECTOR_BYTES

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        """A torn write never changes the bytes beside it: SQLite assumes this on Unix."""
        return apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE


@attrs.define(eq=False)
class _File(_Quiet):
    """A file of the disk."""

    vfs: DiskVFS
    path: Path
    file: DiskFile
    fresh: bool
    """Whether the next sync is the first of a new journal, which also syncs the folder."""

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        with self.vfs.reading:
            return self.file.read_at(offset, amount)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        with self.vfs.writing:
            self.file.write(offset, data)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        with self.vfs.truncating:
            self.file.truncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: ARG002, N802 - there is only one kind of sync
        with self.vfs.syncing:
            self.file.sync()
            if self.fresh and self.vfs.syncs_folders:
                with suppress(OSError):  # as SQLite does
                    self.vfs.disk.sync_folder(self.path.parent)
        self.fresh = False

    def xFileSize(self) -> int:  # noqa: N802
        with self.vfs.looking:
            return self.file.size

    def xClose(self) -> None:  # noqa: N802
        self.file.close()


@attrs.define(eq=False)
class _RollbackJournal(_File):
    """A journal that is deleted when SQLite, in exclusive mode, only blanks its first bytes."""

    deleted: bool = False

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        if offset == 0 and not any(data):
            self.vfs.remove(self.path, sync=self.vfs.extra)
            self.deleted = True
            return
        if self.deleted:
            self.xClose()
            with self.vfs.opening:
                self.file = self.vfs.disk.open(self.path)
            self.deleted, self.fresh = False, True
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        if not self.deleted:
            super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        if not self.deleted:
            super().xSync(flags)

    def xFileSize(self) -> int:  # noqa: N802
        return 0 if self.deleted else super().xFileSize()


@attrs.define(eq=False)
class _Scratch(_Quiet):
    """A temporary file in memory."""

    content: bytearray = attrs.field(factory=bytearray)

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        return bytes(self.content[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self.content.extend(bytes(max(0, offset - len(self.content))))
        self.content[offset : offset + len(data)] = data

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        del self.content[newsize:]

    def xSync(self, flags: int) -> None:  # noqa: N802
        pass

    def xFileSize(self) -> int:  # noqa: N802
        return len(self.content)

    def xClose(self) -> None:  # noqa: N802
        pass
