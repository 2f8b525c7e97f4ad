"""The small file beside a store that says who owns it, and how much it has acknowledged.

Owning is a lock on this file, which ends with the process whatever ends it. The acknowledgement is a second witness: a log that
ends in an unreadable record looks the same whether the record was never finished (then it must be dropped) or was acknowledged and
damaged since (then nothing may be served). The mark is written after the sync of what it acknowledges and never synced itself, so
it can be behind the store but not ahead of it; a store that is behind its mark has lost something.
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
_OWNER = 64  # where the owner's name begins
_OWNER_END = 128


@attrs.frozen
class Mark:
    """Of the store with this identity, everything up to `number` is known to be on the disk."""

    identity: bytes
    number: int
    clean: bool = False
    """Whether the store was closed, so that what can be read is what is on the disk."""

    def pack(self) -> bytes:
        """The mark as bytes."""
        body = _MARK.pack(_MAGIC, self.identity, self.number, self.clean)
        return body + _CHECKSUM.pack(crc32(body))

    @classmethod
    def unpack(cls, data: bytes) -> Mark | None:
        """The mark in *data*; None if there is none that can be trusted."""
        body = data[: _MARK.size]
        if data[_MARK.size : _MARK_END] != _CHECKSUM.pack(crc32(body)) or not body.startswith(_MAGIC):
            return None
        _, identity, number, clean = _MARK.unpack(body)
        return cls(identity, number, bool(clean))


class Ownership:
    """A store's own file, locked."""

    def __init__(self, file: DiskFile) -> None:
        self._file = file
        self.mark = Mark.unpack(file.read()[:_MARK_END])

    @classmethod
    def take(cls, disk: Disk, path: Path, store: str, process: int) -> Ownership:
        """Lock the file at *path* for *store*, opened by *process*, or say who has it."""
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
        """Whether the file still has its name, so that another owner would meet the lock."""
        return self._file.linked

    def acknowledge(self, mark: Mark) -> None:
        """Write down what is known to be on the disk."""
        self.mark = mark
        with suppress(OSError):  # an older mark witnesses less and is never wrong; the commit itself is on the disk already
            self._file.write(0, mark.pack())

    def release(self) -> None:
        """Give the store back."""
        self._file.close()


def _lock(file: DiskFile, store: str, process: int) -> None:
    if not file.lock():
        raise StoreLocked(store, _owner(file))
    file.write(_OWNER, f"process {process}".encode().ljust(_OWNER_END - _OWNER))


def _owner(file: DiskFile) -> str:
    return file.read()[_OWNER:_OWNER_END].decode("ascii", "replace").strip("\0 ")
