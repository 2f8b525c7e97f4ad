"""`nox -s mutants`: how soon simulations find each planted bug; or `PYTHONPATH=tests python -m mutants`. Exits 1 if too many are missed.

Those that are argued to be equivalent are left out, unless they are asked for: `--all`, or `--only` and a part of the name.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from mutants.hunting import Hunt, hunted
from mutants.table import Mutant, kept

SEEDS = 2_000
CONTROL = 200
"""Seeds under which the packages as they are must be sound, before anything is said of a mutant."""
WANTED = 0.95
"""How many must be found, of those that are not equivalent."""


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="mutants", description="Look how soon simulations find planted bugs.")
    parser.add_argument("seeds", nargs="?", type=int, default=SEEDS, help=f"how many for each mutant at the most (default {SEEDS})")
    parser.add_argument("--only", action="append", default=[], help="mutants with this in their name or file; may be repeated")
    parser.add_argument("--all", action="store_true", help="also those that are argued to be equivalent")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="how many at once (default: one a core)")
    return parser.parse_args(arguments)


def say(text: str) -> None:
    """Print a line, now."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def chosen(mutants: Sequence[Mutant], only: Sequence[str], *, everyone: bool) -> Sequence[Mutant]:
    """Those that are to be tried."""
    if only:
        return [one for one in mutants if any(part == one.name or part in one.file for part in only)]
    return [one for one in mutants if everyone or not one.equivalent]


def line(mutant: Mutant, hunt: Hunt) -> str:
    """A line of the table."""
    what = (
        f"{hunt.scenario}: {hunt.error}: {hunt.text}"
        if hunt.found
        else "survived" + " (argued equivalent)" * bool(mutant.equivalent)
    )
    return f"{mutant.name:18} {mutant.file.rpartition('/')[2]:14} {hunt.seeds:5}  {what}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the mutants."""
    asked = options(arguments)
    began = time.monotonic()
    control = hunted(None, min(CONTROL, asked.seeds))
    if control.found:
        say(f"the packages as they are are not sound: {control.scenario}, {control.error}: {control.text}")
        return 1
    mutants = chosen(kept(), asked.only, everyone=asked.all)
    with ThreadPoolExecutor(asked.processes) as pool:
        hunts: list[Hunt] = []
        for mutant, hunt in zip(mutants, pool.map(partial(hunted, seeds=asked.seeds), mutants), strict=True):
            say(line(mutant, hunt))
            hunts.append(hunt)
    return summary(mutants, hunts, time.monotonic() - began)


def summary(mutants: Sequence[Mutant], hunts: Sequence[Hunt], seconds: float) -> int:
    """Say how many were found; 1 if they are too few, or if one is found that is argued to be equivalent."""
    pairs = [(mutant.group, hunt) for mutant, hunt in zip(mutants, hunts, strict=True) if not mutant.equivalent]
    wrong = [mutant.name for mutant, hunt in zip(mutants, hunts, strict=True) if mutant.equivalent and hunt.found]
    found = sum(hunt.found for _, hunt in pairs)
    for group in dict.fromkeys(group for group, _ in pairs):
        say(group_line(group, [hunt for known, hunt in pairs if known == group]))
    if wrong:
        say(f"argued to be equivalent, and found: {', '.join(wrong)}")
    say(f"{found} of {len(pairs)} found, in {sum(hunt.seeds for hunt in hunts):,} seeds and {seconds:.0f} s")
    return int(bool(wrong) or found < WANTED * len(pairs))


def group_line(group: str, hunts: Sequence[Hunt]) -> str:
    """How soon those of one group were found."""
    seeds = sorted(hunt.seeds for hunt in hunts if hunt.found)
    soon = f", half of them within {seeds[len(seeds) // 2]} seeds, all within {seeds[-1]}" if seeds else ""
    return f"{group}: {len(seeds)} of {len(hunts)} found{soon}"


if __name__ == "__main__":
    sys.exit(main())
