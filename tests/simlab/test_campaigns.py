"""Each scenario of the lab is sound under its first seeds, and under every case that was ever kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from simlab.campaigns import SCENARIOS
from trioactors.testing.simulation.cases import kept_cases
from trioactors.testing.simulation.sim_tests import trials
from trioactors.testing.simulation.simulating import replayed

CORPUS = Path(__file__).parent / "corpus"
KEPT = [(folder.name, path.name) for folder in sorted(CORPUS.glob("*")) for path, _ in kept_cases(folder)]


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_is_sound_under_its_first_seeds(name: str) -> None:
    """The lab's own runs are longer: `nox -s sim`."""
    report = trials(SCENARIOS[name], range(40))

    assert report.runs == 40
    assert sum(report.faults.values()) > 40


@pytest.mark.parametrize(("folder", "file"), KEPT)
def test_what_once_failed_is_sound(folder: str, file: str) -> None:
    cases = {path.name: case for path, case in kept_cases(CORPUS / folder)}

    replayed(SCENARIOS[folder.replace("_", " ")], cases[file])
