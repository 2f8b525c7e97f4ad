"""The trial of one copy of the packages: simulations, until one is not sound. A process of its own, which `hunting.py` starts and reads.

It says on standard output, one line each: where the packages come from, the number of each seed before that is tried, and as JSON what
came of it all. A simulation that never comes back is ended by an alarm, which ends the process.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from collections.abc import Sequence

from simlab.campaigns import SCENARIOS

import trioactors
import trioactors_backends.filesystem
from trioactors.testing.simulation.simulating import tried

__all__ = ["scenario_and_seed"]

_BYTES = 4 * 1024**3
"""Of memory: a bug may ask for all of it."""

_TEXT = 160

ELSEWHERE = frozenset({"scribes in sqlite"})
"""The same program as another one, on a store in which there is no mutant."""

TWICE = ("diaries", "diaries in order")
"""They use the most of the packages, and take two turns."""


def scenario_and_seed(number: int) -> tuple[str, int]:
    """What is tried as number so and so: the scenarios take turns."""
    names = [name for name in SCENARIOS if name not in ELSEWHERE]
    turns = [*names, *TWICE]
    turn, at = divmod(number, len(turns))
    name = turns[at]
    return name, turn * turns.count(name) + turns[:at].count(name)


def say(text: str) -> None:
    """Print a line, now."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def verdict(seeds: int, seconds: int) -> dict[str, object]:
    """Try so many seeds; what was wrong with the first that was not sound."""
    for number in range(seeds):
        name, seed = scenario_and_seed(number)
        say(str(number))
        signal.alarm(seconds)
        try:
            tried(SCENARIOS[name], seed, shrinking=0)
        except BaseException as error:  # noqa: ASYNC103 - whatever comes of a bug shows it
            text = " ".join(str(error).split())
            return {  # noqa: ASYNC104
                "seeds": number + 1,
                "scenario": name,
                "seed": seed,
                "error": type(error).__name__,
                "text": text[:_TEXT],
            }
    return {"seeds": seeds}


def main(arguments: Sequence[str]) -> None:
    """Try as many seeds as the first argument says, each for as many seconds as the second one does."""
    resource.setrlimit(resource.RLIMIT_AS, (_BYTES, _BYTES))
    say(json.dumps([trioactors.__file__, trioactors_backends.filesystem.__file__]))
    say(json.dumps(verdict(*map(int, arguments))))


if __name__ == "__main__":
    main(sys.argv[1:])
