"""The one port for everything that is not deterministic.

Clocks, random streams, ids, secrets, the disk, listeners and the place where blocking calls run reach the runtime through one
frozen value, handed to the system when it opens. Nothing else in the runtime reads a clock but Trio's, draws a random number, starts a
thread, opens a file or a socket; so a test that hands in another `Environment` decides all of them, and two systems in one process can
live by different ones.

A mock clock jumps ahead while a worker thread is busy. That is why *where* a blocking call runs is part of this port: in a thread of
the store's own for production, in place under virtual time (`workers.py`).
"""

from __future__ import annotations

import os
import random
import secrets
import time
import uuid
from collections.abc import Callable

import attrs
import trio

from trioactors.environment.disk import Disk, RealDisk
from trioactors.environment.network import Listen, open_tcp
from trioactors.environment.workers import Worker, worker_for_this_run

__all__ = ["Environment"]


def _stream(_: str) -> random.Random:
    """A stream of its own for each label, seeded by the operating system."""
    return random.Random()  # jitter and sampling, nothing secret


def _new_id() -> str:
    return uuid.uuid4().hex


def _new_secret() -> str:
    return secrets.token_urlsafe(32)


def _stopwatch() -> Callable[[], float] | None:
    """A real clock; none under one that jumps (Trio's `MockClock`), where a task takes no time."""
    return None if hasattr(trio.lowlevel.current_clock(), "autojump_threshold") else time.perf_counter


@attrs.frozen(kw_only=True)
class Environment:
    """What the runtime may ask of the world. The defaults are the real one."""

    wall_clock: Callable[[], float] = time.time
    """Seconds since the epoch; for people and for records, never for deadlines."""

    random: Callable[[str], random.Random] = _stream
    """A random stream for a label. Whoever needs chance asks once, by a stable label, and keeps the stream."""

    new_id: Callable[[], str] = _new_id
    """A fresh unique id, as text."""

    worker: Callable[[], Worker] = worker_for_this_run
    """Where the blocking calls of a store run, one at a time; made once for each opening of a store, inside Trio."""

    disk: Disk = attrs.field(factory=RealDisk)
    """Where the files of a store live."""

    process: int = attrs.field(factory=os.getpid)
    """The number of this process: a store that is locked says whose it is."""

    new_secret: Callable[[], str] = _new_secret
    """Text that nobody can guess, of letters, digits, - and _."""

    listen: Listen = open_tcp
    """Opens the place where connections from a network come in."""

    stopwatch: Callable[[], Callable[[], float] | None] = _stopwatch
    """A clock that times how long a task holds the loop, or None, where that is not to be measured; asked for in Trio, when it begins."""
