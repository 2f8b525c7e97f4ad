"""`nox -s promises -- bank`: the number of runs that show the bug of docs/simulation.md; `-- bank 100000` tries more seeds.

The bank is taken from the page, before and after it is fixed. The seed on the page must be one that fails: if it does not fail any more,
because the library takes other steps, the first seed that does replaces it.
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from trioactors.testing.simulation.scenarios import Scenario
from trioactors.testing.simulation.simulating import quietly, tried

__all__ = ["PAGE", "SEED", "banks", "failing", "main"]

PAGE = Path(__file__).parents[2] / "docs" / "simulation.md"
SEEDS = 20_000
MENDED = 2_000
"""The number of seeds that the fixed bank is tried with, besides those that failed before."""
CHUNK = 50

SEED = re.compile(r"(?<=seeds=\[)\d+(?=\])")
"""Matches the seed on the page."""


def banks(page: str) -> Iterator[Scenario]:
    """The banks that the page simulates, in order. Run each before you ask for the next, which fixes it in place."""
    namespace: dict[str, Any] = {"__name__": "simulation"}
    for code in re.findall(r"^```python\n(.*?)^```", page, flags=re.DOTALL | re.MULTILINE):
        simulated = "test_no_money_is_lost = sim_test(" in code
        if "class Account(" in code or simulated:
            exec(compile(code.replace("\ntest_no_money_is_lost()\n", "\n"), str(PAGE), "exec", dont_inherit=True), namespace)
        if simulated:
            found = namespace["test_no_money_is_lost"].scenario
            assert isinstance(found, Scenario)
            yield found


@functools.cache
def _bank(number: int) -> Scenario:
    text = PAGE.read_text(encoding="utf-8")
    return next(bank for place, bank in enumerate(banks(text)) if place == number)


def failing(number: int, seeds: Sequence[int]) -> list[int]:
    """The seeds under which money is lost; runs in a process of the pool. Bank 0 is wrong, bank 1 is fixed."""
    with quietly():
        return [seed for seed in seeds if _bank(number).play(seed).error is not None]


def _all_failing(pool: ProcessPoolExecutor, number: int, seeds: Sequence[int]) -> list[int]:
    parts = [seeds[first : first + CHUNK] for first in range(0, len(seeds), CHUNK)]
    return [seed for part in pool.map(functools.partial(failing, number), parts) for seed in part]


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the seeds; the exit status."""
    parser = argparse.ArgumentParser(prog="bank", description="Look how rarely the bug of docs/simulation.md shows.")
    parser.add_argument("seeds", nargs="?", type=int, default=SEEDS, help=f"how many (default {SEEDS})")
    count = parser.parse_args(arguments).seeds
    with ProcessPoolExecutor(os.cpu_count() or 1, mp_context=multiprocessing.get_context("spawn")) as pool:
        found = _all_failing(pool, 0, range(count))
        again = _all_failing(pool, 1, [*found, *range(min(count, MENDED))])
    if not found or again:
        _say(f"{len(found)} of {count:,} seeds lose money, and when it is mended {again}: the page must show something else")
        return 1
    _try_one_of(found)
    for line in _failure(found[0]):
        _say(line)
    _say(f"\n{len(found)} of {count:,} seeds lose money: {', '.join(map(str, found))}")
    _say(f"mended: none of these, and none of the first {min(count, MENDED):,} seeds")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _failure(seed: int) -> list[str]:
    """The output of a test that fails under *seed*."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            tried(_bank(0), seed, corpus=Path(folder, "corpus"))
        except AssertionError as error:
            return "\n".join((str(error), *error.__notes__)).replace(f"{folder}{os.sep}", "").splitlines()
    return []


def _try_one_of(found: Sequence[int]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    shown = SEED.search(page)
    if shown is None or int(shown[0]) not in found:
        PAGE.write_text(SEED.sub(str(found[0]), page, count=1), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
