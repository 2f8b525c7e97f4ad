"""What can be counted in a process that is at rest.

Readings are kept in one array that is made beforehand: what measures must not grow while it measures.
"""

from __future__ import annotations

import ctypes
import gc
import itertools
import math
import os
import re
import statistics
import sys
import tempfile
import threading  # noqa: TID251 - it counts them
import weakref
from array import array
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import trio

PER = 100_000
"""Slopes are for so many calls."""

STEP = 128 * 1024
"""A change by more bytes than that, once in a run, is no leak but a table of the process that was made anew: CPython's table of interned
names is one of a megabyte, and is made anew, smaller or larger, when so many names have come and gone."""

_IN_USE = re.compile(rb"# bytes in allocated blocks\s*=\s*([\d,]+)")
_M_ARENA_MAX = -8
_CURSORS = 200
_REFERENCE = 80
_PAGE = os.sysconf("SC_PAGE_SIZE")
_DESCRIPTORS = Path("/dev/fd")
_CLEAR_CACHES: Callable[[], None] = getattr(sys, "_clear_internal_caches" if sys.version_info >= (3, 13) else "_clear_type_cache")
"""CPython 3.13 gave it another name, and 3.14 warns of the old one."""


class _MallocInfo(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
    )


@cache
def _beneath() -> Callable[[], int]:
    """How many bytes malloc has given out; always 0 where the C library cannot say (it is not glibc 2.33 or later).

    What threads keep for themselves counts as given out. `GLIBC_TUNABLES=glibc.malloc.tcache_count=0`, as in the session, keeps it small.
    """
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallinfo2"):
        return lambda: 0
    library.mallopt(_M_ARENA_MAX, 1)  # it tells of the first arena only, and each thread would have its own
    ask: Any = library.mallinfo2
    ask.restype = _MallocInfo

    def told() -> int:
        info = ask()
        return int(info.uordblks + info.hblkhd)

    return told


def _in_blocks() -> int:
    """How many bytes CPython's own allocator has given out. It says so only on the standard error of C, so that is caught."""
    sys.stderr.flush()
    with tempfile.TemporaryFile(buffering=0) as caught:
        really = os.dup(2)
        try:
            os.dup2(caught.fileno(), 2)
            sys._debugmallocstats()
        finally:
            os.dup2(really, 2)
            os.close(really)
        caught.seek(0)
        found = _IN_USE.search(caught.read())
    if found is None:
        raise RuntimeError("this Python does not tell what its allocator has given out: the soak needs CPython with pymalloc")
    return int(found[1].replace(b",", b""))


def _dead_references() -> int:
    """How many bytes are in weak references to what is gone. `sqlite3` drops those to its cursors by 200 (in some versions of Python)."""
    dead = sum(type(thing) is weakref.ref and thing() is None for thing in gc.get_objects())
    return _REFERENCE * min(dead, _CURSORS)


def allocated() -> int:
    """How many bytes are in use, without up to 200 dead weak references."""
    return _in_blocks() - _dead_references() + _beneath()()


def resident() -> int:
    """How many bytes of the process are in memory; 0 where the system does not say."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text(encoding="ascii").split()[1]) * _PAGE if statm.exists() else 0


class Earlier:
    """The threads and descriptors that the process had before. They are not ours, and may end at any time."""

    def __init__(self) -> None:
        self.threads = weakref.WeakSet(threading.enumerate())
        self.descriptors = frozenset(_open_descriptors())


def tasks(_: Earlier) -> int:
    """How many tasks Trio has."""
    return trio.lowlevel.current_statistics().tasks_living


def threads(earlier: Earlier) -> int:
    """How many threads there are more. Trio's idle ones are not counted: it keeps them for later."""
    return sum(thread not in earlier.threads and not thread.name.startswith("Trio thread") for thread in threading.enumerate())


def descriptors(earlier: Earlier) -> int:
    """How many descriptors are open that were not."""
    return sum(number not in earlier.descriptors for number in _open_descriptors())


def _open_descriptors() -> Sequence[str]:
    return os.listdir(_DESCRIPTORS)  # noqa: PTH208 - no objects are wanted


COUNTS: dict[str, Callable[[Earlier], int]] = {"tasks": tasks, "threads": threads, "descriptors": descriptors}
MEASURES: dict[str, Callable[[Earlier], int]] = {"allocated": lambda _: allocated(), "resident": lambda _: resident(), **COUNTS}


def settle() -> None:
    """Collect what is garbage, and what only that garbage kept; and names that CPython's method cache holds on to, up to 4,096 of them."""
    for _ in range(3):
        gc.collect()
    _CLEAR_CACHES()


class Readings:
    """Readings of everything, each after so many calls."""

    def __init__(self, room: int) -> None:
        allocated()  # what the first time costs
        self._earlier = Earlier()
        self._width = 1 + len(MEASURES)
        self._values = array("q", bytes(8 * self._width * room))
        self._length = 0

    def __len__(self) -> int:
        """How many there are."""
        return self._length

    def take(self, calls: int) -> None:
        """Read everything now, after so many *calls*."""
        settle()
        at = self._length * self._width
        self._values[at] = calls
        for offset, read in enumerate(MEASURES.values(), 1):
            self._values[at + offset] = read(self._earlier)
        self._length += 1

    def lower(self) -> None:
        """Read the memory again, and keep what is less: a table that grows before its old entries go is no leak."""
        settle()
        at = (self._length - 1) * self._width
        for offset, (name, read) in enumerate(MEASURES.items(), 1):
            if name not in COUNTS:
                self._values[at + offset] = min(self._values[at + offset], read(self._earlier))

    def calls(self) -> Sequence[int]:
        """After how many calls each was taken."""
        return self._values[: self._length * self._width : self._width]

    def of(self, measure: str) -> Sequence[int]:
        """All readings of one measure."""
        offset = 1 + list(MEASURES).index(measure)
        return self._values[offset : self._length * self._width : self._width]


@attrs.frozen
class Slope:
    """How much something grows in 100,000 calls, and how sure that is."""

    value: float
    error: float
    """The standard error."""

    @property
    def surely(self) -> float:
        """What it grows by at least, with a doubt of one in forty."""
        return self.value - 2 * self.error

    def __str__(self) -> str:
        """In KiB."""
        return f"{self.value / 1024:+.1f} ± {self.error / 1024:.1f}"


def without_step(values: Sequence[int]) -> tuple[Sequence[int], int]:
    """*values* without the largest change between two of them, and that change; 0 and all of them where none is larger than `STEP`."""
    changes = [after - before for before, after in itertools.pairwise(values)]
    at = max(range(len(changes)), key=lambda number: abs(changes[number]))
    if abs(changes[at]) <= STEP:
        return values, 0
    step = changes[at] - round(statistics.median(changes))
    return [*values[: at + 1], *(value - step for value in values[at + 1 :])], step


def slope(calls: Sequence[int], values: Sequence[int]) -> Slope:
    """The slope of the line through *values*, by least squares."""
    middle, mean = sum(calls) / len(calls), sum(values) / len(values)
    spread = sum((call - middle) ** 2 for call in calls)
    by_call = sum((call - middle) * (value - mean) for call, value in zip(calls, values, strict=True)) / spread
    rest = sum((value - mean - by_call * (call - middle)) ** 2 for call, value in zip(calls, values, strict=True))
    error = math.sqrt(rest / max(1, len(calls) - 2) / spread)
    return Slope(PER * by_call, PER * error)
