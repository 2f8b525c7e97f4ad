"""The trial of one copy of the packages: simulations, until one is not sound. A process of its own, which `hunting.py` starts and reads.

A simulation that never comes back is ended by an alarm, which ends the process.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Mapping, Sequence

from randomlab.drawing import drawn
from randomlab.running import play
from simlab.campaigns import SCENARIOS

from mutants.telling import begin, found, say
from trioactors.testing.simulation.simulating import tried

__all__ = ["LABS", "scenario_and_seed"]

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


def scenario(number: int) -> None:
    """Run what is tried as number so and so."""
    name, seed = scenario_and_seed(number)
    tried(SCENARIOS[name], seed, shrinking=0)


def application(number: int) -> None:
    """Run the random application of a seed."""
    error = play(drawn(number), number).error
    if error is not None:
        raise error


LABS: Mapping[str, tuple[Callable[[int], str], Callable[[int], None]]] = {
    "scenarios": (lambda number: scenario_and_seed(number)[0], scenario),
    "applications": ("application {}".format, application),
}
"""For each lab: what the try of a number is called, and the try."""


def verdict(lab: str, first: int, seeds: int, seconds: int) -> dict[str, object]:
    """Try so many seeds; what was wrong with the first that was not sound."""
    called, run = LABS[lab]
    for number in range(first, first + seeds):
        say(called(number))
        signal.alarm(seconds)
        try:
            run(number)
        except BaseException as error:  # noqa: ASYNC103 - whatever comes of a bug shows it
            return found(number - first + 1, called(number), type(error).__name__, str(error))  # noqa: ASYNC104
    return {"seeds": seeds, "found": False}


def main(arguments: Sequence[str]) -> None:
    """Try the seeds of a lab: its name, the first one, how many, and the seconds for each."""
    begin()
    say(json.dumps(verdict(arguments[0], *map(int, arguments[1:]))))


if __name__ == "__main__":
    main(sys.argv[1:])
