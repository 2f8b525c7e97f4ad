"""`PYTHONPATH=tests python -m randomlab 20000`: random applications, on all cores. Exits 1 if one broke a promise.

Each seed is one application and one run of it. A finding is shrunk, printed as a program, and kept in the folder corpus, which every run of
the suite tries. What the first seeds have met steers what the next ones draw (steering.py). At the end, what none has met is printed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from randomlab.chance import PLAIN, Plan
from randomlab.coverage import said
from randomlab.jobs import begin, work
from randomlab.rounds import ACTS, Results, played

SEEDS = 5_000
FAILURES = 5
"""The lab stops after this number of findings."""


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="randomlab", description="Run random applications and judge them by the whole contract.")
    parser.add_argument("seeds", nargs="?", type=int, default=SEEDS, help=f"the number of applications (default {SEEDS})")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default 0)")
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count() or 1, help="the number of processes (default: one per core)"
    )
    parser.add_argument("--shrinking", type=float, default=60.0, help="seconds for shrinking a finding (default 60)")
    drawing = parser.add_mutually_exclusive_group()
    drawing.add_argument("--plain", dest="plan", action="store_const", const=PLAIN, help="draw all as usual, whatever was met")
    drawing.add_argument("--plan", type=Plan.read, help="draw all with this plan, as a finding prints it")
    return parser.parse_args(arguments)


def say(text: str) -> None:
    """Print a line and flush it."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the lab."""
    asked = options(arguments)
    began, results = time.monotonic(), Results(say, FAILURES)
    with ProcessPoolExecutor(asked.processes, mp_context=multiprocessing.get_context("spawn"), initializer=begin) as pool:
        seeds = range(asked.first, asked.first + asked.seeds)
        played(seeds, results, partial(pool.map, work), shrinking=asked.shrinking, plan=asked.plan)
        pool.shutdown(cancel_futures=True)
    seconds, runs = time.monotonic() - began, results.coverage.runs
    for line in said(results.coverage, ACTS):
        say(line)
    say(
        f"applications {asked.first} and up: {runs:,} in {seconds:.0f} s ({runs / seconds:.0f} a second), {results.found} not sound"
    )
    return 1 if results.found else 0


if __name__ == "__main__":
    sys.exit(main())
