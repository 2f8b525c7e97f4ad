"""`nox -s sim` or `PYTHONPATH=tests python -m simlab 20000`: simulations under many seeds, on all cores. Exits 1 if a run is not sound.

The seeds are shared among the scenarios. A failure is shrunk and printed with a line that repeats it; its case is kept in the folder
corpus, which every run of the suite tries.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from hashlib import blake2b

from simlab.campaigns import SCENARIOS
from simlab.jobs import Job, begin, digest_of, jobs, shape_of, spread, work
from trioactors.testing.simulation.sim_tests import Report

SEEDS = 10_000
DIGESTS = {"all": digest_of, "shape": shape_of}
FAILURES = 5
"""The lab stops after this number of failures."""


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="simlab", description="Simulate whole applications and look for broken promises.")
    parser.add_argument(
        "seeds", nargs="?", type=int, default=SEEDS, help=f"the number of seeds over all scenarios (default {SEEDS})"
    )
    parser.add_argument("--first", type=int, default=0, help="the first seed of each scenario (default 0)")
    parser.add_argument("--only", choices=sorted(SCENARIOS), action="append", help="this scenario only; may be repeated")
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count() or 1, help="the number of processes (default: one per core)"
    )
    parser.add_argument(
        "--digest",
        nargs="?",
        choices=sorted(DIGESTS),
        const="all",
        help="print a hash for each scenario, to compare processes or versions: of everything that happens, or of its shape without texts",
    )
    return parser.parse_args(arguments)


class Tally:
    """The totals of all jobs of one scenario."""

    def __init__(self) -> None:
        self.runs = self.lives = self.operations = 0
        self.points: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()

    def add(self, report: Report) -> None:
        """Add a job."""
        self.runs += report.runs
        self.lives += report.lives
        self.operations += report.operations
        self.points.update(report.points)
        self.points.update(report.moments)
        self.faults.update(report.faults)

    def __str__(self) -> str:
        """The totals as text."""
        faults = ", ".join(f"{kind} {times:,}" for kind, times in sorted(self.faults.items()))
        return f"{self.runs:,} runs, {self.operations:,} operations, {self.lives:,} starts of the node; faults: {faults or 'none'}"


def say(text: str) -> None:
    """Print a line and flush it."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def compare(all_jobs: Sequence[Job], digest: Callable[[Job], str], processes: int) -> int:
    """Print a hash for each scenario."""
    found: dict[str, list[str]] = {}
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn"), initializer=begin) as pool:
        for job, one in zip(all_jobs, pool.map(digest, all_jobs), strict=True):
            found.setdefault(job.scenario, []).append(one)
    for name, digests in found.items():
        say(f"{name}: {blake2b(''.join(digests).encode(), digest_size=16).hexdigest()}")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the lab."""
    asked = options(arguments)
    names = asked.only or list(SCENARIOS)
    if asked.digest:
        return compare(list(spread(names, asked.first, asked.seeds)), DIGESTS[asked.digest], asked.processes)
    if not __debug__:
        say("python -O removes the checks, so that every run would be sound: only --digest makes sense with it")
        return 1
    tallies = {name: Tally() for name in names}
    failures: list[str] = []
    began = time.monotonic()
    with ProcessPoolExecutor(asked.processes, mp_context=multiprocessing.get_context("spawn"), initializer=begin) as pool:
        for done in pool.map(work, jobs(names, asked.first, asked.seeds)):
            tallies[done.job.scenario].add(done.report)
            if done.failure:
                failures.append(done.failure)
                say(done.failure)
            if len(failures) >= FAILURES:
                pool.shutdown(cancel_futures=True)
                break
    seconds = time.monotonic() - began
    for name, tally in tallies.items():
        say(f"{name}: {tally}")
        never = [point for point, times in sorted(tally.points.items()) if not times]
        if never:
            say(f"  never reached: {', '.join(never)}")
    runs = sum(tally.runs for tally in tallies.values())
    say(f"seeds {asked.first} and up: {runs:,} runs in {seconds:.0f} s ({runs / seconds:.0f} a second), {len(failures)} not sound")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
