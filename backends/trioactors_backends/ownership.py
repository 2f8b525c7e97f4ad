"""The small file beside a store that names its owner and holds a mark of what was acknowledged.

To own a store is to lock this file; the lock ends with the process, however that ends. The mark is a second source of truth. A log that
ends in an unreadable record looks the same if the record was never finished (then it must be dropped) and if it was acknowledged and
damaged later (then nothing must be served). The mark is written after the data that it acknowledges is synced, and is never synced
itself. So it can be behind the store but not ahead of it: a store that is behind its mark has lost data.
"""

from __future__ import annotations

import struct
from contextlib import suppress
from pathlib import Path
from zlib import crc32

import attrs

from trioactors.environment import Disk, DiskFile, refusal
from trioactors.errors import StoreLocked

__all__ = ["Mark", "Ownership"]

_MARK = struct.Struct(">8s16sQB")
_CHECKSUM = struct.Struct(">I")
_MAGIC = b"TRIOMARK"
_MARK_END = _MARK.size + _CHECKSUM.size
_OWNER = 64  # the offset of the owner's name
_OWNER_END = 128


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
        """Lock the file at *path* for *store*, opened by *process*. Raises `StoreLocked`, with the owner, if it is locked already."""
        try:
            file = disk.open(path)
        except OSError as error:
            raise refusal(error, f"{store}: cannot open its lock {path}") from error
        try:
            _lock(file, store, process)
            return cls(file)
        except OSError as error:
            file.close()
            raise refusal(error, f"{store}: cannot lock {path}") from error
        except StoreLocked:
            file.close()
            raise

    @property
    def linked(self) -> bool:
        """Whether the file still has its name, so that another owner would find the lock."""
        return self._file.linked

    def acknowledge(self, mark: Mark) -> None:
        """Write *mark* to the file."""
        self.mark = mark
        with suppress(OSError):  # an older mark says less, but nothing wrong; the commit itself is on the disk already
            self._file.write(0, mark.pack())

    def release(self) -> None:
        """Unlock the file."""
        self._file.close()


def _lock(file: DiskFile, store: str, process: int) -> None:
    if not file.lock():
        raise StoreLocked(store, _owner(file))
    file.write(_OWNER, f"process {process}".encode().ljust(_OWNER_END - _OWNER))


def _owner(file: DiskFile) -> str:
    return file.read()[_OWNER:_OWNER_END].decode("ascii", "replace").strip("\0 ")
