"""`python -m benchmarks`: measure in interleaved rounds and print one table. Exits 1 if the floor was too slow for a valid comparison.

A missed goal is marked and does not change the exit status: benchmarks are never tests.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.scenarios import CONTESTANTS, SCENARIOS, Scenario
from benchmarks.table import Results, rendered, state_of_floor

__all__: list[str] = []

ROUNDS = 5
QUICK_ROUNDS = 3
PATIENCE = 600.0
"""The time after which a measurement is given up, in seconds."""


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="benchmarks", description="Measure trioactors against the floor and its peers.")
    parser.add_argument("--rounds", type=int, help=f"how many interleaved rounds (default {ROUNDS}; with --quick {QUICK_ROUNDS})")
    parser.add_argument("--quick", action="store_true", help="smaller sizes, fewer rounds, no 100,000: a first impression")
    parser.add_argument("--only", action="append", metavar="NAME", help="this scenario or contestant only; may be repeated")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures to FILE")
    return parser.parse_args(arguments)


def chosen(quick: bool, only: Sequence[str] | None) -> tuple[list[Scenario], list[str]]:  # noqa: FBT001 - as given on the command line
    """The scenarios and contestants to measure. `call` of the floor and of pykka is always included, because it can void the table."""
    scenarios = [s.smaller() if quick else s for s in SCENARIOS if s.quick or not quick]
    known = [s.name for s in scenarios]
    asked = set(only or ())
    if unknown := asked - {*known, *CONTESTANTS}:
        sys.exit(f"unknown: {', '.join(sorted(unknown))}. There are {', '.join([*known, *CONTESTANTS])}.")
    rows = asked & set(known)
    wanted = rows | {s.goal.beside for s in scenarios if s.name in rows and s.goal is not None} | {"call"}
    columns = asked & set(CONTESTANTS)
    players = [name for name in CONTESTANTS if not columns or name in columns | {"floor", "with_pykka"}]
    return [s for s in scenarios if not rows or s.name in wanted], players


def measured(scenario: Scenario, contestant: str) -> dict[str, object]:
    """Take one measurement, in its own process."""
    command = [sys.executable, "-m", "benchmarks.worker", contestant, scenario.plays, str(scenario.size)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE)  # noqa: S603 - it runs itself
    except subprocess.TimeoutExpired:
        return {"missing": f"not done within {PATIENCE:g} s"}
    except subprocess.CalledProcessError as error:
        sys.exit(f"{contestant}, {scenario.name}: it failed, so there is no comparison.\n{error.stderr}")
    answer: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return answer


def interleaved(scenarios: Sequence[Scenario], contestants: Sequence[str], rounds: int) -> Iterator[tuple[int, Scenario, str]]:
    """The order of measurements. Contestants of one scenario are adjacent; every second round reverses the order."""
    for number in range(rounds):
        for scenario in scenarios:
            for contestant in contestants if number % 2 == 0 else reversed(contestants):
                yield number, scenario, contestant


def show(progress: str) -> None:
    """Show the current measurement on one line of the terminal, if there is a terminal."""
    if sys.stderr.isatty():
        print(f"\r{progress.ljust(60)}\r", end="", file=sys.stderr, flush=True)


def main() -> int:
    """Measure and print. Returns whether the table is valid, as an exit status."""
    asked = options()
    rounds: int = asked.rounds or (QUICK_ROUNDS if asked.quick else ROUNDS)
    scenarios, contestants = chosen(asked.quick, asked.only)
    results = Results()
    for number, scenario, contestant in interleaved(scenarios, contestants, rounds):
        if (scenario.name, contestant) in results.missing:
            continue
        show(f"round {number + 1} of {rounds}: {scenario.name}, {contestant}")
        results.add(scenario, contestant, measured(scenario, contestant))
    show("")
    print(rendered(results, scenarios))
    print(f"Medians of {rounds} interleaved rounds." + (" Quick: too small to judge by." if rounds < ROUNDS or asked.quick else ""))
    if asked.json:
        figures = [{"scenario": s, "contestant": c, "figures": f} for (s, c), f in results.figures.items()]
        asked.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0 if state_of_floor(results)[0] else 1


if __name__ == "__main__":
    sys.exit(main())
