"""`nox -s planted`, or `PYTHONPATH=tests python -m planted [NAMES]`: what finds each planted bug, and how soon.

A name is that of a bug ("supervision 1") or of a room ("supervision"). With `--results`, each result is appended to a file when it is
there, and a hunt that was interrupted goes on where it was. Exits 1 if too many survive all ways that were tried.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import attrs
from mutants.hunting import TESTS, plant
from mutants.table import PACKAGES

from planted.hunting import WAYS, Result, hunt
from planted.table import Bug, bugs, chosen

SEEDS = 2_000
WANTED = 0.8
"""The share of the bugs that must be found."""


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="planted", description="Look what finds planted semantic bugs.")
    parser.add_argument("names", nargs="*", help="bugs or rooms (default: all)")
    parser.add_argument(
        "--by", choices=WAYS, action="append", help="a way to look for them (default: applications); may be repeated"
    )
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"the most seeds for each bug (default {SEEDS})")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default 0)")
    parser.add_argument(
        "--results", type=Path, help="a file of JSON lines: results are appended, and what is there is not tried again"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="how many at once (default: one per core)")
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="try nothing: plant one bug into a copy there")
    return parser.parse_args(arguments)


def say(text: str) -> None:
    """Print a line and flush it."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def known(path: Path | None, first: int) -> dict[tuple[str, str], Result]:
    """The last result of each bug and way in the file, of hunts that began at the same seed."""
    lines = path.read_text(encoding="utf-8").splitlines() if path and path.exists() else []
    results = [Result(**json.loads(line)) for line in lines]
    return {(one.bug, one.by): one for one in results if one.first == first or one.by == "tests"}


def left(
    wanted: Sequence[tuple[Bug, str]], seeds: int, before: Mapping[tuple[str, str], Result]
) -> Iterator[tuple[Bug, str, Result | None]]:
    """What is still to be tried, with what came of fewer seeds."""
    for bug, by in wanted:
        one = before.get((bug.name, by))
        if one is None or (not one.found and by != "tests" and one.seeds < seeds):
            yield bug, by, one


def hunted(asked: argparse.Namespace, wanted: Sequence[tuple[Bug, str]]) -> Sequence[Result]:
    """Hunt, say what came of it, and keep it."""
    results = known(asked.results, asked.first)
    with ThreadPoolExecutor(asked.processes) as pool:
        todo = list(left(wanted, asked.seeds, results))
        jobs = [pool.submit(hunt, bug, by, asked.first, asked.seeds, one) for bug, by, one in todo]
        try:
            for job in as_completed(jobs):
                result = job.result()
                results[result.bug, result.by] = result
                say(str(result))
                keep(result, asked.results)
        finally:  # a bug that is none, or an interrupt: do not begin the others
            pool.shutdown(wait=False, cancel_futures=True)
    return [results[bug.name, by] for bug, by in wanted]


def keep(result: Result, path: Path | None) -> None:
    """Append a result to the file, if there is one."""
    if path is not None:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(attrs.asdict(result))}\n")


def summary(results: Sequence[Result]) -> int:
    """Say how many were found; 1 if they are too few."""
    for by in dict.fromkeys(one.by for one in results):
        tried = [one for one in results if one.by == by]
        soon = sorted(one.seeds for one in tried if one.found)
        half = f", half of them within {soon[len(soon) // 2]}, all within {soon[-1]}" if soon else ""
        say(f"{by}: {len(soon)} of {len(tried)} found{half}")
    found = {one.bug for one in results if one.found}
    survivors = sorted({one.bug for one in results} - found)
    say(f"found by nobody: {', '.join(survivors) or 'none'}")
    return int(len(found) < WANTED * (len(found) + len(survivors)))


def planted(bug: Bug, folder: Path) -> None:
    """Plant *bug* into a new copy of the packages and their tests in *folder*, and say how to look at it."""
    plant(bug, folder, {**PACKAGES, "tests": TESTS})
    say(f"{bug.sentence}\nIt is in {folder / bug.file}. Watch it:")
    say(f"cd {shlex.quote(str(folder))} && PYTHONPATH=.:backends:tests python -P -m randomlab")


def main(arguments: Sequence[str] | None = None) -> int:
    """Hunt for the bugs."""
    asked = options(arguments)
    these = chosen(bugs(), asked.names)
    if asked.into:
        (one,) = these
        planted(one, asked.into)
        return 0
    wanted = [(bug, by) for by in asked.by or [WAYS[0]] for bug in these]
    return summary(hunted(asked, wanted))


if __name__ == "__main__":
    sys.exit(main())
