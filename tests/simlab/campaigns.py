"""The scenarios of the lab by name, with the crashes that they allow."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from simlab import diaries, judging, letterboxes, lodgers, scribes, trees, vaults, watched, windows
from trioactors.errors import Ignore, MailboxFull, StartFailed, ValueRefused
from trioactors.testing.simulation import Faults, crashes_are_planned
from trioactors.testing.simulation.scenarios import Scenario
from trioactors.testing.simulation.simulating import scenario_of

__all__ = ["SCENARIOS", "SHARE", "SHARES"]

_SCRIBES = crashes_are_planned(LookupError, ValueRefused, MailboxFull)

_FAILING = Faults(errors=4, full=4, delays=8)
_DIARIES = [crashes_are_planned(LookupError, MailboxFull), *judging.SUPERVISION]

SCENARIOS: Mapping[str, Scenario] = {
    "scribes": scenario_of(scribes.write, tree=scribes.TREE, check=[_SCRIBES]),
    "scribes in sqlite": scenario_of(scribes.write, tree=scribes.TREE, store="sqlite:", check=[_SCRIBES]),
    "scribes in memory": scenario_of(scribes.write, tree=scribes.ENDURING, store="memory:", check=[_SCRIBES]),
    "windows": scenario_of(windows.keep, tree=windows.TREE, check=[crashes_are_planned(LookupError)]),
    "windows on a flaky store": scenario_of(
        windows.keep_on_flaky_store,
        tree=windows.TREE,
        store=watched.flaky_store,
        faults=Faults(full=4, delays=4),
        check=[crashes_are_planned(LookupError)],
    ),
    "trees": scenario_of(
        trees.administer,
        tree=trees.TREE,
        store=None,
        faults=Faults(crashes=4).survivable,
        check=[crashes_are_planned(trees.Planned), *judging.SUPERVISION],
    ),
    "lodgers": scenario_of(
        lodgers.lodge,
        tree=lodgers.TREE,
        store=None,
        faults=Faults(crashes=3).survivable,
        check=[crashes_are_planned(lodgers.Fallen, StartFailed, Ignore), *judging.SUPERVISION],
    ),
    "letterboxes": scenario_of(
        letterboxes.correspond,
        tree=letterboxes.TREE,
        store=None,
        settings=letterboxes.SETTINGS,
        faults=attrs.evolve(Faults.none(), holds=2, stalls=1, clocks=4),
        check=[crashes_are_planned(), *judging.SUPERVISION],
    ),
    "diaries": scenario_of(diaries.journal, tree=diaries.TREE, store=watched.watched_store, faults=_FAILING, check=_DIARIES),
    "diaries in order": scenario_of(
        diaries.journal_in_order,
        tree=diaries.TREE,
        store=watched.flaky_store,
        faults=attrs.evolve(_FAILING, kills=0, power_cuts=0, delays=30),
        check=_DIARIES,
    ),
    "vaults": scenario_of(vaults.keep_safe, tree=vaults.TREE, store=None, faults=Faults(), check=[crashes_are_planned()]),
}
"""The scenarios. A run of the lab shares its seeds among them."""

SHARE = 4
"""The share of the seeds that a scenario gets."""

SHARES = {"scribes in sqlite": 1, "diaries": 1, "diaries in order": 1, "trees": 2, "letterboxes": 2}
"""Scenarios with another share, because they take longer."""
