"""How a cost is taken: the same for everybody.

The collector runs before each measurement and stays switched on during it, with its default thresholds. Memory is resident memory,
which counts a thread's stack as well as Python's objects; it is taken in a process that has done nothing before.
"""

from __future__ import annotations

import gc
import os
import resource
import sys
import time
from pathlib import Path
from typing import Self

__all__ = ["Growth", "Stopwatch"]

STATM = Path("/proc/self/statm")


class Stopwatch:
    """The seconds between `__enter__` and `__exit__`. It can also be started and stopped by hand, across the end of a block."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._began = 0.0

    def start(self) -> Self:
        """Collect the garbage of the preparations, then start."""
        gc.collect()
        self._began = time.perf_counter()
        return self

    def stop(self) -> float:
        """Stop, and tell the seconds."""
        self.seconds = time.perf_counter() - self._began
        return self.seconds

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def resident() -> int:
    """The bytes of memory this process occupies now; where the system does not tell, the most it ever did."""
    if STATM.exists():
        return int(STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class Growth:
    """The bytes by which the process grows in a block."""

    def __init__(self) -> None:
        self.bytes = 0
        self._before = 0

    def __enter__(self) -> Self:
        gc.collect()
        self._before = resident()
        return self

    def __exit__(self, *_: object) -> None:
        gc.collect()
        self.bytes = resident() - self._before
