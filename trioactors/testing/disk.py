"""A simulated disk: a power cut may lose unsynced data, in part or entirely.

For each file and folder it keeps the durable content and the later changes, in order. A sync makes the changes durable. A failed sync loses
them, as operating systems do: reads still show them, but no later sync saves them. At a power cut, `Keep` decides which unsynced changes
have arrived. Every operation that changes something is counted, so that a test can cut the power, or fail, at each one.
"""

from __future__ import annotations

import enum
import errno
import os
import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import attrs

from trioactors.environment.disk import DiskFile

__all__ = ["Keep", "Power", "PowerCut", "SimulatedDisk"]

T = TypeVar("T")

_SECTOR_BYTES = 512


class PowerCut(BaseException):
    """The power failed during an operation. Only the test catches this."""


class Keep(enum.Enum):
    """The unsynced changes that survive a power cut."""

    NOTHING = "nothing"
    EVERYTHING = "everything"
    PREFIX = "prefix"
    """The first changes, up to some point; the last write may be torn."""

    ANYTHING = "anything"
    """Any sectors of any writes, and any changes of names."""


@attrs.define(eq=False)
class _Inode:
    cached: bytearray = attrs.field(factory=bytearray)
    durable: bytes = b""
    pending: list[tuple[int, bytes | None]] = attrs.field(factory=list[tuple[int, bytes | None]])
    """Writes (offset, data) and truncations (size, None) since the last sync."""

    names: int = 0
    locked: bool = False


@attrs.define(eq=False)
class _Folder:
    cached: dict[str, _Inode] = attrs.field(factory=dict[str, _Inode])
    durable: dict[str, _Inode] = attrs.field(factory=dict[str, _Inode])
    pending: list[tuple[str | None, str | None, _Inode]] = attrs.field(factory=list[tuple[str | None, str | None, _Inode]])
    """Changes of names since the last sync: old name, new name, file."""

    def inodes(self) -> Iterator[_Inode]:
        """Every file that has a name here or may have one after a power cut, including removed ones."""
        yield from self.durable.values()
        yield from (inode for _, _, inode in self.pending)
        yield from self.cached.values()


def _put(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        return
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def _move(names: dict[str, _Inode], old: str | None, new: str | None, inode: _Inode) -> None:
    if old is not None and names.get(old) is inode:
        del names[old]
    if new is not None:
        names[new] = inode


@attrs.define
class Power:
    """Counts the operations and makes planned ones fail."""

    random: random.Random
    failures: dict[int, int]
    """The errno of each operation that fails, by its number."""

    cut_at: int | None
    """The operation during which the power is cut."""

    operations: int = 0
    epoch: int = 0

    def step(self) -> None:
        """Begin an operation. Raises its planned failure."""
        self.operations += 1
        if self.cut_at is not None and self.operations >= self.cut_at:
            raise PowerCut
        code = self.failures.get(self.operations)
        if code is not None:
            raise OSError(code, os.strerror(code))

    def end_of_process(self) -> None:
        """End the process: its open files become invalid."""
        self.epoch += 1
        self.cut_at = None


class SimulatedDisk:
    """Files in memory that behave as on a disk. `operations` counts the operations that changed something, from one on.

    With a `capacity`, in bytes, a write that finds no room writes what fits, and fails with ENOSPC; the contents of all files that have a
    name count. Without one, the disk never fills up.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        failures: Mapping[int, int] | None = None,
        cut_at: int | None = None,
        capacity: int | None = None,
    ) -> None:
        self.power = Power(random.Random(seed), dict(failures or {}), cut_at)  # noqa: S311 - to replay, not to guard
        self.capacity = capacity
        self._folders: dict[Path, _Folder] = {}

    def __repr__(self) -> str:
        return f"<SimulatedDisk after {self.operations} operations>"

    @property
    def operations(self) -> int:
        """The number of operations that changed something."""
        return self.power.operations

    def power_cut(self, keep: Keep) -> None:
        """Lose the unsynced changes that *keep* does not save, all open files and all locks. The disk can be used again afterwards."""
        self.power.end_of_process()
        inodes = dict.fromkeys(
            inode for folder in self._folders.values() for inode in folder.inodes()
        )  # each once, in a fixed order
        for folder in self._folders.values():
            for old, new, inode in self._survivors(folder.pending, keep):
                _move(folder.durable, old, new, inode)
            folder.pending.clear()
            folder.cached = dict(folder.durable)
        for inode in inodes:
            self._settle(inode, keep)
        for folder in self._folders.values():
            for inode in folder.cached.values():
                inode.names = 1

    def kill(self) -> None:
        """End the process without a power cut: locks and open files are gone, everything written is kept."""
        self.power.end_of_process()
        for folder in self._folders.values():
            for inode in folder.cached.values():
                inode.locked = False

    def contents(self, path: Path) -> bytes:
        """The content of the file as a reader sees it."""
        return bytes(self._find(path).cached)

    def damage(self, path: Path, content: bytes) -> None:
        """Replace the content of the file on the disk, as damage would."""
        inode = self._find(path)
        inode.cached, inode.durable = bytearray(content), content
        inode.pending.clear()

    def make_folder(self, path: Path) -> None:
        """Make the folder; it is durable at once."""
        if path not in self._folders:
            self.power.step()
            self._folders[path] = _Folder()

    def names(self, folder: Path) -> Sequence[str]:
        """The names in the folder, sorted."""
        return sorted(self._folder(folder).cached)

    def open(self, path: Path) -> DiskFile:
        """Open or create the file."""
        folder, name = self._split(path)
        if name not in folder.cached:
            inode = _Inode(names=1)
            self._rename(folder, None, name, inode)
        return _SimulatedFile(self.power, self._room, folder, name, folder.cached[name], self.power.epoch)

    def rename(self, old: Path, new: Path) -> None:
        """Give the file another name."""
        folder, name = self._split(old)
        inode = self._find(old)
        target = new.name
        replaced = folder.cached.get(target)
        if replaced is not None:
            replaced.names = 0
        self._rename(folder, name, target, inode)

    def remove(self, path: Path) -> None:
        """Remove the name."""
        folder, name = self._split(path)
        inode = self._find(path)
        inode.names = 0
        self._rename(folder, name, None, inode)

    def reserve(self, path: Path, size: int) -> bool:
        """Make a file of *size* zeros, if the disk has a capacity."""
        if self.capacity is None:
            return False
        file = self.open(path)
        before = file.size
        if file.read().strip(b"\0"):
            raise FileExistsError(errno.EEXIST, "there is a file of another program", str(path))
        with ExitStack() as undo:
            undo.callback(file.truncate, before)
            if size > before:
                file.write(before, bytes(min(size - before, self._room() + 1)))  # one too many fails as all do
            undo.pop_all()
        if size < before:
            file.truncate(size)
        return True

    def sync_folder(self, path: Path) -> None:
        """Make the names durable."""
        folder = self._folder(path)
        try:
            self.power.step()
        except OSError:
            folder.pending.clear()
            raise
        for old, new, inode in folder.pending:
            _move(folder.durable, old, new, inode)
        folder.pending.clear()

    def _room(self) -> int:
        """The bytes that can still be written."""
        if self.capacity is None:
            return sys.maxsize
        used = sum(len(inode.cached) for folder in self._folders.values() for inode in folder.cached.values())
        return max(0, self.capacity - used)

    def _rename(self, folder: _Folder, old: str | None, new: str | None, inode: _Inode) -> None:
        try:
            self.power.step()
        except PowerCut:
            folder.pending.append((old, new, inode))
            raise
        folder.pending.append((old, new, inode))
        _move(folder.cached, old, new, inode)

    def _survivors(self, pending: Sequence[T], keep: Keep) -> Sequence[T]:
        match keep:
            case Keep.NOTHING:
                return ()
            case Keep.EVERYTHING:
                return tuple(pending)
            case Keep.PREFIX:
                return tuple(pending[: self.power.random.randint(0, len(pending))])
            case Keep.ANYTHING:
                return tuple(one for one in pending if self.power.random.random() < 0.5)  # noqa: PLR2004 - a coin

    def _settle(self, inode: _Inode, keep: Keep) -> None:
        content = bytearray(inode.durable)
        for offset, data in self._survivors(self._torn(inode.pending, keep), keep):
            _put(content, offset, data)
        inode.durable = bytes(content)
        inode.cached = content
        inode.pending.clear()
        inode.locked = False

    def _torn(self, pending: Sequence[tuple[int, bytes | None]], keep: Keep) -> Sequence[tuple[int, bytes | None]]:
        """Split the writes into the pieces that can arrive separately."""
        if keep not in (Keep.PREFIX, Keep.ANYTHING):
            return pending
        pieces: list[tuple[int, bytes | None]] = []
        for offset, data in pending:
            if not data:
                pieces.append((offset, data))
                continue
            size = _SECTOR_BYTES if keep is Keep.ANYTHING else self.power.random.randint(1, len(data))
            pieces.extend((offset + at, data[at : at + size]) for at in range(0, len(data), size))
        return pieces

    def _split(self, path: Path) -> tuple[_Folder, str]:
        return self._folder(path.parent), path.name

    def _folder(self, path: Path) -> _Folder:
        folder = self._folders.get(path)
        if folder is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        return folder

    def _find(self, path: Path) -> _Inode:
        folder, name = self._split(path)
        inode = folder.cached.get(name)
        if inode is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        return inode


@attrs.define(eq=False)
class _SimulatedFile:
    power: Power
    _room: Callable[[], int]
    _folder: _Folder
    _name: str
    _inode: _Inode
    _epoch: int
    _holds: bool = False

    @property
    def linked(self) -> bool:
        return self._folder.cached.get(self._name) is self._inode

    @property
    def size(self) -> int:
        self._check()
        return len(self._inode.cached)

    def read(self) -> bytes:
        return bytes(self._inode.cached)

    def read_at(self, offset: int, size: int) -> bytes:
        self._check()
        return bytes(self._inode.cached[offset : offset + size])

    def write(self, offset: int, data: bytes) -> None:
        """Write *data*. A failed write writes a part of it."""
        self._check()
        part = data[: self.power.random.randrange(len(data))] if data else b""
        fits = max(0, len(self._inode.cached) - offset) + self._room()
        try:
            self.power.step()
        except OSError:
            self._change(offset, part[:fits])
            raise
        except PowerCut:
            self._inode.pending.append((offset, data[:fits]))
            raise
        self._change(offset, data[:fits])
        if len(data) > fits:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def truncate(self, size: int) -> None:
        self._check()
        self.power.step()
        self._change(size, None)

    def sync(self) -> None:
        """Make the changes durable. A failed sync loses them."""
        self._check()
        try:
            self.power.step()
        except OSError:
            self._inode.pending.clear()
            raise
        arrived = bytearray(self._inode.durable)
        for offset, data in self._inode.pending:
            _put(arrived, offset, data)
        self._inode.durable = bytes(arrived)
        self._inode.pending.clear()

    def lock(self) -> bool:
        self._check()
        self._holds = not self._inode.locked
        self._inode.locked = True
        return self._holds

    def close(self) -> None:
        if self._holds and self._epoch == self.power.epoch:
            self._inode.locked = False

    def _change(self, offset: int, data: bytes | None) -> None:
        self._inode.pending.append((offset, data))
        _put(self._inode.cached, offset, data)

    def _check(self) -> None:
        if self._epoch != self.power.epoch:
            raise OSError(errno.EBADF, "this file was open before the power was cut")
