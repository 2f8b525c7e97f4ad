"""Leaks that are planted are found and named, and where nothing leaks nothing is found."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from attrs import evolve

from soak.leaks import ALLOCATED, CRASHES, RESIDENT, Verdict, soak
from soak.measures import Slope
from soak.planted import Leak, a_descriptor, a_task, a_thread, a_watcher, an_item, per_call, per_crash, planted
from soak.scenarios import SCENARIOS, SETTINGS, Scenario

CALLS = 1_500
READINGS = 5

SOUND = Verdict(
    scenario="calls",
    calls=133_000,
    measured=100_000,
    crashes=2_660,
    allocated=Slope(ALLOCATED + 200, 100),
    resident=Slope(RESIDENT, 0),
    step=0,
    counts={"tasks": (8, 8), "threads": (1, 1), "descriptors": (9, 9)},
    culprits=(),
    seconds=20.0,
)


def found(leak: Leak, each: str) -> Verdict:
    with planted(leak, each=per_call if each == "call" else per_crash) as scenario:
        return soak(scenario, CALLS, READINGS, kept=0)


@pytest.mark.lab
def test_a_list_that_grows_in_each_call_is_found_and_named() -> None:
    verdict = found(an_item, "call")

    assert any("allocated memory grows" in complaint for complaint in verdict.complaints())
    assert any("HOARD" in culprit for culprit in verdict.culprits)


@pytest.mark.lab
def test_what_piles_up_in_the_library_in_each_crash_is_found_and_named() -> None:
    verdict = found(a_watcher, "crash")

    assert any("allocated memory grows" in complaint for complaint in verdict.complaints())
    assert any("Child.watchers" in culprit for culprit in verdict.culprits)


@pytest.mark.lab
@pytest.mark.parametrize(("leak", "what"), [(a_task, "task"), (a_thread, "thread"), (a_descriptor, "descriptor")])
def test_one_more_in_each_crash_is_found_and_named(leak: Leak, what: str) -> None:
    verdict = found(leak, "crash")

    assert any(complaint.startswith(f"{what}s: from ") for complaint in verdict.complaints())
    named = "/dev/null" if what == "descriptor" else f"forgotten {what}"
    assert any(culprit.startswith(f"{what} ") and named in culprit for culprit in verdict.culprits)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_each_scenario_does_its_rounds_and_leaves_nothing(scenario: Scenario) -> None:
    verdict = soak(scenario, 300, readings=2, kept=0)

    assert not [complaint for complaint in verdict.complaints() if "memory" not in complaint]  # so few calls say nothing of memory


@pytest.mark.parametrize(
    "scenario", [each for each in SCENARIOS if each.store not in {None, "memory:"}], ids=lambda each: each.name
)
def test_the_files_of_a_store_are_in_a_folder_that_is_gone_afterwards(
    scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, temporary = tmp_path / "here", tmp_path / "temporary"
    here.mkdir()
    temporary.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))

    soak(scenario, 1, readings=2, kept=0)

    assert list(here.iterdir()) == list(temporary.iterdir()) == []


def test_readings_begin_when_as_many_crashes_are_kept_as_may_be_however_short_the_run_is() -> None:
    verdict = soak(SCENARIOS[0], 300, readings=2)

    assert (verdict.calls - verdict.measured) * CRASHES >= SETTINGS.crashes_kept


def test_what_is_within_the_bounds_is_no_complaint() -> None:
    assert SOUND.complaints() == []


@pytest.mark.parametrize(
    ("verdict", "complaint"),
    [
        (
            evolve(SOUND, allocated=Slope(ALLOCATED + 201, 100)),
            "allocated memory grows by +10.2 ± 0.1 KiB in 100,000 calls; 10 are allowed",
        ),
        (
            evolve(SOUND, resident=Slope(RESIDENT + 1, 0)),
            "resident memory grows by +1024.0 ± 0.0 KiB in 100,000 calls; 1,024 are allowed",
        ),
        (evolve(SOUND, counts={"threads": (1, 2)}), "threads: from 1 to 2 at rest"),
        (evolve(SOUND, crashes=2_659), "only 2659 of 133000 calls crashed, so restarts were not tried enough"),
    ],
)
def test_each_broken_bound_is_a_complaint(verdict: Verdict, complaint: str) -> None:
    assert verdict.complaints() == [complaint]


def test_a_short_run_may_lose_in_all_what_a_long_one_may_lose_in_each_part() -> None:
    short = evolve(SOUND, measured=10_000)

    assert evolve(short, allocated=Slope(10 * ALLOCATED, 0)).complaints() == []
    assert evolve(short, allocated=Slope(10 * ALLOCATED + 1, 0)).complaints() != []
