"""The small file beside a store that names its owner and holds a mark of what was acknowledged.

To own a store is to lock this file; the lock ends with the process, however that ends. The mark is a second source of truth. A log that
ends in an unreadable record looks the same if the record was never finished (then it must be dropped) and if it was acknowledged and
damaged later (then nothing must be served). The mark is written after the data that it acknowledges is synced, and is never synced
itself. So it can be behind the store but not ahead of it: a store that is behind its mark has lost data.
"""

from __future__ import annotations

import struct
from pathlib import Path
from zlib import crc32

import attrs

from trioactors.environment import Disk, DiskFile, is_full, refusal
from trioactors.errors import StoreLocked, StoreUnavailable

__all__ = ["Mark", "Ownership"]

_MARK = struct.Struct(">8s16sQB")
_CHECKSUM = struct.Struct(">I")
_MAGIC = b"TRIOMARK"
_MARK_END = _MARK.size + _CHECKSUM.size
_OWNER = 64  # the offset of the owner's name
_OWNER_END = 128
_PROCESS = b"process "


@attrs.frozen
class Mark:
    """The statement that everything up to `number`, in the store with this identity, is on the disk."""

    identity: bytes
    number: int
    clean: bool = False
    """Whether the store was closed in order, so that everything that can be read is on the disk."""

    def pack(self) -> bytes:
        """Return the mark as bytes."""
        body = _MARK.pack(_MAGIC, self.identity, self.number, self.clean)
        return body + _CHECKSUM.pack(crc32(body))

    @classmethod
    def unpack(cls, data: bytes) -> Mark | None:
        """Read the mark in *data*. Returns None if there is none, or if it is damaged."""
        body = data[: _MARK.size]
        if data[_MARK.size : _MARK_END] != _CHECKSUM.pack(crc32(body)) or not body.startswith(_MAGIC):
            return None
        _, identity, number, clean = _MARK.unpack(body)
        return cls(identity, number, bool(clean))


class Ownership:
    """The locked file of an open store."""

    def __init__(self, file: DiskFile) -> None:
        self._file = file
        self.mark = Mark.unpack(file.read()[:_MARK_END])

    @classmethod
    def take(cls, disk: Disk, path: Path, store: str, process: int) -> Ownership:
        """Lock the file at *path* for *store*, opened by *process*. Raises `StoreLocked`, with the owner, if it is locked."""
        try:
            file = disk.open(path)
        except OSError as error:
            raise refusal(error, f"{store}: cannot open its lock {path}") from error
        try:
            _lock(file, path, store, process)
            return cls(file)
        except OSError as error:
            file.close()
            raise refusal(error, f"{store}: cannot lock {path}") from error
        except (StoreLocked, StoreUnavailable):
            file.close()
            raise

    @property
    def linked(self) -> bool:
        """Whether the file still has its name, so that another owner would find the lock."""
        return self._file.linked

    def acknowledge(self, mark: Mark) -> OSError | None:
        """Write *mark* to the file. Returns the error if that failed.

        After a commit it may be ignored: an older mark says less, but nothing wrong, and the commit itself is on the disk already.
        """
        try:
            self._file.write(0, mark.pack())
        except OSError as error:
            return error
        self.mark = mark
        return None

    def release(self) -> None:
        """Unlock the file."""
        self._file.close()


def _lock(file: DiskFile, path: Path, store: str, process: int) -> None:
    if not file.lock():
        raise StoreLocked(store, _owner(file))
    if _is_foreign(file.read()):
        raise StoreUnavailable(f"{store}: its lock {path} is a file of another program. Choose another place for the store.")
    try:
        file.write(_OWNER, (_PROCESS + b"%d" % process).ljust(_OWNER_END - _OWNER))
    except OSError as error:
        if not is_full(error):  # the lock is held all the same, and an opening is what can make room
            raise


def _is_foreign(content: bytes) -> bool:
    """Whether no owner wrote this, not even in part: a power cut can leave any part of what was written, and zeros before it."""
    begin, name = content[: len(_MAGIC)], content[_OWNER : _OWNER + len(_PROCESS)]
    ours = _MAGIC.startswith(begin.rstrip(b"\0")) or (_PROCESS.startswith(name.rstrip(b"\0")) and name.strip(b"\0") != b"")
    return len(content) > _OWNER_END or not ours


def _owner(file: DiskFile) -> str:
    return file.read()[_OWNER:_OWNER_END].decode("ascii", "replace").strip("\0 ")
