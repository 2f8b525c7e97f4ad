"""What is counted is counted right."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from soak.clocks import WorkingClock
from soak.measures import STEP, Slope, allocated, slope, without_step


def grown_by(make: Callable[[], object]) -> int:
    """How many bytes what *make* makes needs. The median of several: other threads of the process come and go."""

    def once() -> int:
        before = allocated()
        kept = make()
        return allocated() - before if kept is not None else 0

    return statistics.median_low(once() for _ in range(7))


def test_allocated_memory_is_counted_to_the_byte() -> None:
    assert 32_000 <= grown_by(lambda: [float(number) for number in range(1_000)]) <= 48_000  # 24 bytes each, in blocks of 32
    assert 1_000_000 <= grown_by(lambda: bytes(1_000_000)) <= 1_010_000  # beneath CPython's own allocator


PROGRAM = """
import trio
from soak.clocks import WorkingClock
from soak.measures import COUNTS, Readings, slope

async def main():
    Readings(1).take(0)  # the first one costs more
    readings = Readings(10)
    for number in range(10):
        readings.take(number)
    await trio.lowlevel.checkpoint()
    return readings

readings = trio.run(main, clock=WorkingClock())
assert list(readings.calls()) == list(range(10))
print(round(slope(readings.calls(), readings.of("allocated")).value / 100_000), *(len(set(readings.of(count))) for count in COUNTS))
"""
"""Ten readings in a process of their own: in that of the tests, memory of others comes and goes."""


@pytest.mark.lab
def test_reading_does_not_grow_what_it_reads() -> None:
    world = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}

    ran = subprocess.run([sys.executable, "-c", PROGRAM], env=world, capture_output=True, text=True, check=True)

    growth, *different = map(int, ran.stdout.split())
    assert abs(growth) < 1_000
    assert different == [1, 1, 1]


def test_the_slope_of_a_line_is_its_slope() -> None:
    line = slope([100, 200, 300, 400], [7, 9, 11, 13])

    assert line.value == pytest.approx(2_000)
    assert line.error == pytest.approx(0)


def test_the_slope_of_a_noise_is_not_sure() -> None:
    line = slope([100, 200, 300, 400, 500, 600], [0, 90, 0, 90, 0, 90])

    assert line.value > 0
    assert line.surely < 0


def test_one_large_step_is_left_out() -> None:
    values = [0, 10, 20, STEP + 130, STEP + 140]

    assert without_step(values) == ([0, 10, 20, 30, 40], STEP + 100)
    assert without_step([-value for value in values]) == ([0, -10, -20, -30, -40], -STEP - 100)


def test_a_second_one_is_not_nor_is_one_that_is_not_large() -> None:
    twice = [0, 0, 2 * STEP, 2 * STEP, 4 * STEP, 4 * STEP]
    small = [0, 0, STEP, STEP]

    assert without_step(twice) == ([0, 0, 0, 0, 2 * STEP, 2 * STEP], 2 * STEP)
    assert without_step(small) == (small, 0)


def test_a_slope_is_shown_in_kib() -> None:
    assert str(Slope(2_048, 512)) == "+2.0 ± 0.5"


def test_a_working_clock_skips_what_nobody_works_in() -> None:
    clock = WorkingClock()

    async def main() -> float:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(clock.jump)
            began = trio.current_time()
            await trio.sleep(1_000)
            nursery.cancel_scope.cancel()
        return trio.current_time() - began

    assert 1_000 <= trio.run(main, clock=clock) < 1_010
