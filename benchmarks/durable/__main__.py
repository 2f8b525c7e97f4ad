"""`python -m benchmarks.durable`: measure in interleaved rounds and print the tables. Exits 1 if nothing is synced here.

A missed goal is marked and does not change the exit status: benchmarks are never tests.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.durable.report import Results, rendered, state_of_disk
from benchmarks.durable.rows import CONTESTANTS, GOALS, ROWS, Row

__all__: list[str] = []

ROUNDS = 5
QUICK_ROUNDS = 3
PATIENCE = 600.0
"""The time after which a measurement is given up, in seconds."""


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.durable", description="Measure durable actors against the store and peers.")
    parser.add_argument("--rounds", type=int, help=f"how many interleaved rounds (default {ROUNDS}; with --quick {QUICK_ROUNDS})")
    parser.add_argument("--quick", action="store_true", help="smaller sizes, fewer rounds: a first impression")
    parser.add_argument("--only", action="append", metavar="NAME", help="this row or contestant only; may be repeated")
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="where the databases are made (default: the one for temporary files)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures to FILE")
    return parser.parse_args(arguments)


def chosen(only: Sequence[str] | None) -> tuple[list[Row], list[str]]:
    """The rows and contestants to measure. The disk is always included, because it can void the tables."""
    names = [row.plays for row in ROWS]
    asked = set(only or ())
    if unknown := asked - {*names, *CONTESTANTS}:
        sys.exit(f"unknown: {', '.join(sorted(unknown))}. There are {', '.join([*names, *CONTESTANTS])}.")
    wanted = asked & set(names)
    wanted |= {goal.over[1] for goal in GOALS if goal.row in wanted and goal.over[1]} | ({"one_caller"} if wanted else set())
    columns = asked & set(CONTESTANTS)
    players = [name for name in CONTESTANTS if not columns or name in columns | {"disk"}]
    return [row for row in ROWS if not wanted or row.plays in wanted], players


def measured(contestant: str, row: Row, calls: int, folder: Path | None) -> dict[str, object]:
    """Take one measurement, in its own process."""
    command = [sys.executable, "-m", "benchmarks.worker", row.module_of(contestant), row.plays, str(calls)]
    place = os.environ if folder is None else {**os.environ, "TMPDIR": str(folder.resolve())}
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE, env=place)  # noqa: S603 - it runs itself
    except subprocess.TimeoutExpired:
        return {"missing": f"not done within {PATIENCE:g} s"}
    except subprocess.CalledProcessError as error:
        sys.exit(f"{contestant}, {row.plays}: it failed, so there is no comparison.\n{error.stderr}")
    answer: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return answer


def interleaved(rows: Sequence[Row], contestants: Sequence[str], rounds: int) -> Iterator[tuple[int, Row, str]]:
    """The order of measurements. Contestants of one row are adjacent; every second round reverses the order."""
    for number in range(rounds):
        for row in rows:
            for contestant in contestants if number % 2 == 0 else reversed(contestants):
                yield number, row, contestant


def show(progress: str) -> None:
    """Show the current measurement on one line of the terminal, if there is a terminal."""
    if sys.stderr.isatty():
        print(f"\r{progress.ljust(60)}\r", end="", file=sys.stderr, flush=True)


def main() -> int:
    """Measure and print. Returns whether the tables are valid, as an exit status."""
    asked = options()
    if asked.folder is not None and not asked.folder.is_dir():
        sys.exit(f"{asked.folder} is not a folder. Create it first: the databases are made in the folder of --folder.")
    rounds: int = asked.rounds or (QUICK_ROUNDS if asked.quick else ROUNDS)
    rows, contestants = chosen(asked.only)
    results = Results()
    for number, row, contestant in interleaved(rows, contestants, rounds):
        if (contestant, row.plays) in results.missing:
            continue
        show(f"round {number + 1} of {rounds}: {row.plays}, {contestant}")
        calls = row.calls(contestant, quick=asked.quick)
        results.add(contestant, row, calls, measured(contestant, row, calls, asked.folder))
    show("")
    print(rendered(results, rows))
    print(f"Medians of {rounds} interleaved rounds." + (" Quick: too small to judge by." if rounds < ROUNDS or asked.quick else ""))
    if asked.json:
        figures = [{"contestant": who, "row": row, "seconds": each} for (who, row), each in results.seconds.items()]
        asked.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0 if state_of_disk(results)[0] else 1


if __name__ == "__main__":
    sys.exit(main())
