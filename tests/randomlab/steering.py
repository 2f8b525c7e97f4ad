"""What is drawn next: rare acts, pairs and states first. Functions from what was met to a plan.

Seeds are tried in rounds. All of a round are drawn with one plan, which follows from what was met until the round before the last:
so the processes never wait for each other, and the same seeds give the same plans, however many processes there are.

* An act is drawn more often the rarer its pairs with faults are, and a fault the rarer its pairs with acts are.
* An option, and all else that is drawn, is drawn more often if the runs that had it have met rare states.

Every other application is drawn as usual: what steering overlooks is found there.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import attrs

from randomlab.chance import Plan
from randomlab.coverage import Coverage, Met
from trioactors.testing.simulation.plans import Kind

__all__ = ["LATEST", "ROUND", "Drawn", "plan_after"]

ROUND: Final = 250
"""Seeds that are drawn with one plan."""

LATEST: Final = 4
"""The rounds by whose runs options are weighed: one alone has too few that met what is rare."""

_LEAST: Final = 0.5
_MOST: Final = 4.0
"""The smallest and the largest weight. What is met often stays frequent: it brings the others into their states."""

_FAULTS: Final[Mapping[str, tuple[Kind, ...]]] = {
    "crashes": (Kind.CRASH,),
    "kills": (Kind.KILL, Kind.KILL_BEFORE, Kind.KILL_AFTER),
    "power_cuts": (Kind.POWER, Kind.CUT),
    "holds": (Kind.HOLD,),
    "stalls": (Kind.STALL,),
    "clocks": (Kind.CLOCK,),
    "errors": (Kind.ERROR,),
    "full": (Kind.FULL,),
    "syncs": (Kind.SYNC,),
    "delays": (Kind.DELAY,),
}
"""What an application asks for, and what happens then."""


@attrs.frozen
class Drawn:
    """A run: what was drawn for it, in the words of a plan, and what it has met."""

    drew: frozenset[str]
    met: Met


def plan_after(coverage: Coverage, runs: Sequence[Drawn], acts: Sequence[str]) -> Plan:
    """The plan that follows from all that was met, and from the latest *runs*. *acts* are all acts."""
    faults = {name: [kind.value for kind in kinds] for name, kinds in _FAULTS.items()}
    every = [kind for kinds in faults.values() for kind in kinds]
    rare = {f"act {act}": _rarity(coverage.pairs[act, kind] for kind in every) for act in acts}
    rare_faults = {f"fault {name}": _rarity(coverage.pairs[act, kind] for act in acts for kind in faults[name]) for name in faults}
    options = {name: worth for name, worth in _worth(coverage, runs).items() if name not in rare and name not in rare_faults}
    return Plan({**_weights(rare), **_weights(rare_faults), **_weights(options, power=_SHARP)})


def _rarity(counts: Iterable[int]) -> float:
    """How rare pairs are: 1 if none of them was met, almost 0 if all were met often."""
    each = [1 / (1 + count) for count in counts]
    return sum(each) / len(each)


def _worth(coverage: Coverage, runs: Sequence[Drawn]) -> dict[str, float]:
    """How rare the states are that were met by the runs for which something was drawn: the mean of their worths."""
    worths: defaultdict[str, list[float]] = defaultdict(list)
    for run in runs:
        worth = sum(1 / coverage.states[state] for state in run.met.states)
        worth += sum(1 / coverage.places[place] for place in run.met.places) / _PLACES
        for name in run.drew:
            worths[name].append(worth)
    return {name: sum(each) / len(each) for name, each in worths.items()}


_SHARP: Final = 2.0
"""An option is one of many that a run has, so its share in what the run is worth is small: it is raised to this power."""

_PLACES: Final = 20
"""As many pairs of an act and a state are worth as much as one state."""


def _weights(values: Mapping[str, float], *, power: float = 1.0) -> dict[str, float]:
    """Weights around 1, in steps of half an octave so that a plan stays short."""
    if not values:
        return {}
    middle = sorted(values.values())[len(values) // 2] or 1.0
    return {name: _step((value / middle) ** power) for name, value in values.items()}


def _step(ratio: float) -> float:
    steps = round(2 * math.log2(max(ratio, 1e-9)))
    return round(min(_MOST, max(_LEAST, 2 ** (steps / 2))), 2)
