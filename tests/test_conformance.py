"""Recorded OTP scenarios, replayed with real children under the real supervisor."""

from __future__ import annotations

import copy
import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from trioactors import conformance
from trioactors.conformance import load, replay
from trioactors.supervision.supervisor import SupervisorLoop
from trioactors.supervision.tree import SupervisorChild

FILE = Path(__file__).parent / "otp" / "supervisor_900.jsonl.gz"
SCENARIOS = load(FILE)
CHUNK = 100


def write(path: Path, scenarios: list[Any]) -> Path:
    path.write_text("\n".join(json.dumps(scenario) for scenario in scenarios) + "\n", encoding="utf-8")
    return path


def altered(scenario: Any, step: int) -> Any:
    """The same scenario, with an event in *step* that never happened."""
    wrong = copy.deepcopy(scenario)
    wrong["steps"][step]["events"].append(["start", "nobody"])
    return wrong


def test_there_are_nine_hundred_of_them() -> None:
    assert len(SCENARIOS) == 900


@pytest.mark.parametrize("first", range(0, 900, CHUNK))
def test_they_match_what_otp_did(first: int) -> None:
    assert replay(SCENARIOS[first : first + CHUNK]) == []


@pytest.mark.parametrize("first", range(0, 900, CHUNK))
def test_without_the_start_of_children_none_of_them_does(first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async def start_nothing(_self: Any, _cell: Any) -> bool:
        return True

    monkeypatch.setattr(SupervisorLoop, "start", start_nothing)

    assert len(replay(SCENARIOS[first : first + CHUNK])) == CHUNK


def test_where_workers_alone_are_not_started_none_of_them_does(monkeypatch: pytest.MonkeyPatch) -> None:
    start = SupervisorLoop.start

    async def start_supervisors(self: Any, cell: Any) -> bool:
        return await start(self, cell) if isinstance(cell, SupervisorChild) else True

    monkeypatch.setattr(SupervisorLoop, "start", start_supervisors)

    assert len(replay(SCENARIOS[:CHUNK])) == CHUNK


@pytest.mark.parametrize("step", [0, 1])
def test_a_wrong_expectation_is_reported_with_its_step(step: int) -> None:
    (mismatch,) = replay([SCENARIOS[0], altered(SCENARIOS[0], step)])

    assert (mismatch.scenario, mismatch.step, mismatch.action) == (
        SCENARIOS[0]["id"],
        step,
        SCENARIOS[0]["steps"][step]["action"],
    )
    assert mismatch.expected["events"] == [*mismatch.found["events"], ["start", "nobody"]]


@pytest.mark.parametrize("key", ["result", "alive", "children", "reason"])
def test_everything_that_was_recorded_is_compared(key: str) -> None:
    wrong = copy.deepcopy(SCENARIOS[0])
    wrong["steps"][1][key] = "sideways"

    (mismatch,) = replay([wrong])

    assert mismatch.step == 1


def test_plain_and_gzipped_files_are_read_alike(tmp_path: Path) -> None:
    plain = write(tmp_path / "plain.jsonl", SCENARIOS[:3])
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(plain.read_bytes()))

    assert load(plain) == load(packed) == SCENARIOS[:3]


def test_the_last_line_counts_over_all_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [write(tmp_path / "one", SCENARIOS[:2]), write(tmp_path / "two", SCENARIOS[2:5])]

    assert conformance.main([str(file) for file in files]) == 0
    assert capsys.readouterr().out == "5 of 5 scenarios match\n"


def test_a_mismatch_is_printed_and_told_by_the_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "wrong", [SCENARIOS[0], altered(SCENARIOS[1], 0)])

    assert conformance.main([str(file)]) == 1
    mismatch, last = capsys.readouterr().out.splitlines()
    assert json.loads(mismatch)["scenario"] == SCENARIOS[1]["id"]
    assert last == "1 of 2 scenarios match"


def test_no_scenario_at_all_is_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert conformance.main([str(write(tmp_path / "empty", []))]) == 1
    assert capsys.readouterr().out == "0 of 0 scenarios match\n"


def test_without_a_file_it_says_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert conformance.main([]) == 2
    assert "usage: python -m trioactors.conformance FILE..." in capsys.readouterr().err


def test_it_runs_as_a_command(tmp_path: Path) -> None:
    file = write(tmp_path / "few", SCENARIOS[:2])
    command = [sys.executable, "-m", "trioactors.conformance", str(file)]

    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "2 of 2 scenarios match"
