"""The measurement of a cost, the same for all contestants.

The garbage collector runs before each measurement and stays enabled during it, with its default thresholds. Memory is resident memory,
which includes a thread's stack as well as Python's objects; it is measured in a fresh process.
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
    """Measures the time of a `with` block, in seconds. It can also be started and stopped by hand, across the end of a block."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._began = 0.0

    def start(self) -> Self:
        """Collect the garbage of the preparations, then start the clock."""
        gc.collect()
        self._began = time.perf_counter()
        return self

    def stop(self) -> float:
        """Stop the clock and return the seconds."""
        self.seconds = time.perf_counter() - self._began
        return self.seconds

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def resident() -> int:
    """The resident memory of this process, in bytes; its peak if the operating system does not show the present value."""
    if STATM.exists():
        return int(STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class Growth:
    """Measures the growth of the process in a `with` block, in bytes."""

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
