"""The disk: 260 bytes at the end of a file, then `fdatasync`. A faster contestant has not waited for the disk.

If this costs next to nothing, nothing is synced here, and the tables are void.
"""

from __future__ import annotations

import os
import sys

from benchmarks.durable.folder import fresh_folder
from benchmarks.durable.payload import tallies
from benchmarks.measure import Stopwatch

__all__: list[str] = []

SYNC = os.fsync if sys.platform == "darwin" else os.fdatasync


def one_caller(count: int) -> float:
    """One sync for each record."""
    records = tallies(count)
    with fresh_folder() as folder:
        file = os.open(folder / "bench.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        with Stopwatch() as watch:
            for record in records:
                os.write(file, record)
                SYNC(file)
        os.close(file)
        assert (folder / "bench.log").stat().st_size == sum(map(len, records))
    return watch.seconds
