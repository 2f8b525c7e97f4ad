"""The hardware of one life of a simulated node: its disk and its worker, with the planned faults.

When the node dies it is *fenced*: its disk refuses all operations, and calls of the store do nothing. Its tasks are cancelled afterwards;
whatever they still do has no effect on what the next life finds.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar
from zlib import crc32

import attrs
import outcome
import trio

from trioactors.environment.disk import DiskFile
from trioactors.testing.disk import Keep, PowerCut, SimulatedDisk
from trioactors.testing.simulation.plans import AT_DISK, Injection, Kind
from trioactors.testing.workers import SLOW_STORE

__all__ = ["Faulty", "NodeDisk", "NodeWorker"]

T = TypeVar("T")

_ERRNO: Final = {Kind.ERROR: errno.EIO, Kind.SYNC: errno.EIO, Kind.FULL: errno.ENOSPC}


@attrs.define(eq=False)
class Faulty:
    """Counts operations and decides which of them fail. All lives of a node share one."""

    injections: Sequence[Injection] = attrs.field(repr=False)
    happened: Callable[[Injection], None] = attrs.field(repr=False)
    """Called with each fault that happens."""
    over: bool = False
    """Whether faults are over."""
    operations: int = 0
    syncs: int = 0
    calls: int = 0
    written: int = 0
    """A checksum of all written data."""

    def at_operation(self, *, sync: bool) -> Injection | None:
        """Count an operation of the disk. Returns the fault that is due in it."""
        self.operations += 1
        self.syncs += sync
        for one in self.injections:
            if one.kind is Kind.SYNC:
                if sync and one.at == self.syncs:
                    return self._due(one)
            elif one.kind in AT_DISK and one.at == self.operations:
                return self._due(one)
        return None

    def at_call(self) -> float:
        """Count a call of the store. Returns how many seconds it takes."""
        self.calls += 1
        for one in self.injections:
            if one.kind is Kind.DELAY and one.at == self.calls and self._due(one) is not None:
                return one.seconds
        return 0.0

    def _due(self, one: Injection) -> Injection | None:
        if self.over:
            return None
        self.happened(one)
        return one


class NodeDisk:
    """The disk as one life of the node sees it."""

    def __init__(self, disk: SimulatedDisk, faulty: Faulty, die: Callable[[Injection, Keep | None], None]) -> None:
        self._disk = disk
        self._faulty = faulty
        self._die = die
        self.fenced = False
        """Whether the node is dead."""

    def __repr__(self) -> str:
        """Show whether the node lives."""
        return f"<disk of a {'dead' if self.fenced else 'living'} node>"

    def make_folder(self, path: Path) -> None:
        """Make the folder."""
        self.change(lambda: self._disk.make_folder(path))

    def names(self, folder: Path) -> Sequence[str]:
        """The names in the folder."""
        self.check()
        return self._disk.names(folder)

    def open(self, path: Path) -> DiskFile:
        """Open or create the file."""
        self.check()
        if path.name in self._disk.names(path.parent):
            return _NodeFile(self, self._disk.open(path))
        return _NodeFile(self, self.change(lambda: self._disk.open(path)))

    def rename(self, old: Path, new: Path) -> None:
        """Give the file another name."""
        self.change(lambda: self._disk.rename(old, new))

    def remove(self, path: Path) -> None:
        """Remove the name."""
        self.change(lambda: self._disk.remove(path))

    def reserve(self, path: Path, size: int) -> bool:
        """Do nothing: this disk never fills up, it only fails as if it were full."""
        del path, size
        self.check()
        return False

    def sync_folder(self, path: Path) -> None:
        """Make the names durable."""
        self.change(lambda: self._disk.sync_folder(path), sync=True)

    def check(self) -> None:
        """Raise OSError if the node is dead."""
        if self.fenced:
            raise OSError(errno.EBADF, "the simulated node is dead")

    def saw(self, data: bytes) -> None:
        """Add *data* to the checksum of written data."""
        self._faulty.written = crc32(data, self._faulty.written)

    def change(self, do: Callable[[], T], *, sync: bool = False) -> T:
        """Change the disk by *do*, unless a fault is due."""
        self.check()
        due = self._faulty.at_operation(sync=sync)
        if due is None:
            return do()
        if due.kind in _ERRNO:
            code = _ERRNO[due.kind]
            place = self._disk.power.operations + 1
            self._disk.power.failures[place] = code
            try:
                do()
            finally:
                del self._disk.power.failures[place]  # if the disk did not count this operation, the next one must not fail
            raise OSError(code, os.strerror(code))
        if due.kind is Kind.CUT:
            self._disk.power.cut_at = self._disk.power.operations + 1
            with suppress(PowerCut):
                do()
        elif due.kind is Kind.KILL_AFTER:
            do()
        self._die(due, due.keep if due.kind is Kind.CUT else None)
        self.check()
        raise AssertionError("a dead node continues")


@attrs.define(eq=False)
class _NodeFile:
    _disk: NodeDisk
    _file: DiskFile
    _locked: bool = False
    """Whether this is the lock file: it holds a process id, which is not part of the run."""

    @property
    def linked(self) -> bool:
        return self._file.linked

    def read(self) -> bytes:
        self._disk.check()
        return self._file.read()

    def write(self, offset: int, data: bytes) -> None:
        if not self._locked:
            self._disk.saw(data)
        self._disk.change(lambda: self._file.write(offset, data))

    def truncate(self, size: int) -> None:
        self._disk.change(lambda: self._file.truncate(size))

    def sync(self) -> None:
        self._disk.change(self._file.sync, sync=True)

    def lock(self) -> bool:
        self._disk.check()
        self._locked = self._file.lock()
        return self._locked

    def close(self) -> None:
        self._file.close()

    @property
    def size(self) -> int:
        self._disk.check()
        return self._file.size

    def read_at(self, offset: int, size: int) -> bytes:
        self._disk.check()
        return self._file.read_at(offset, size)


class NodeWorker:
    """Runs the calls of the store in place, except those that are planned to be slow."""

    def __init__(self, faulty: Faulty, disk: NodeDisk) -> None:
        self._faulty = faulty
        self._disk = disk
        self._jobs: deque[tuple[float, Callable[[], Any], Callable[[Any], None]]] = deque()
        self._working = False

    def __repr__(self) -> str:
        """Show how many calls wait."""
        return f"<worker of a node: {len(self._jobs)} calls wait>"

    @property
    def busy(self) -> bool:
        """Whether a call waits or has not returned."""
        return bool(self._jobs) or self._working

    def submit(self, call: Callable[[], T], done: Callable[[outcome.Outcome[T]], None], /) -> None:
        """Run *call* in its turn. Calls of a dead node take no time."""
        seconds = 0.0 if self._disk.fenced else self._faulty.at_call()
        self._jobs.append((seconds, call, done))
        if not self._working:
            self._working = True
            self._work()

    def close(self) -> None:
        """Do nothing: calls that were submitted still run."""

    def _work(self) -> None:
        """Run the calls that take no time; a task runs the others."""
        while self._jobs:
            seconds, call, done = self._jobs[0]
            if seconds and not self._disk.fenced:
                trio.lowlevel.spawn_system_task(self._slowly, name=SLOW_STORE)
                return
            self._jobs.popleft()
            done(outcome.capture(call))
        self._working = False

    async def _slowly(self) -> None:
        """Run a slow call: half of its time passes before the call, the other half before its result."""
        seconds, call, done = self._jobs.popleft()
        await trio.sleep(seconds / 2)
        result = outcome.capture(call)
        await trio.sleep(seconds / 2)
        done(result)
        self._work()
