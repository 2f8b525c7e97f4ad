"""The program says what it found, and its exit status says whether that is well."""

from __future__ import annotations

import pytest

from soak import __main__ as program
from soak.planted import an_item, per_call, planted
from soak.scenarios import SCENARIOS


@pytest.mark.lab
def test_a_leak_is_shown_with_its_culprit_and_fails_the_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with planted(an_item, each=per_call) as scenario:
        monkeypatch.setattr(program, "SCENARIOS", (scenario,))
        soak = program.Soak()

        soak.soak(["planted"], 3_000)

    said = capsys.readouterr().out
    assert "planted: allocated memory grows by " in said
    assert "planted: suspect: a list at soak.planted['HOARD'] has " in said
    assert soak.complaints


def test_a_control_that_finds_nothing_fails_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    soak, sound = program.Soak(), program.leaks.soak(SCENARIOS[0], 500, 3)
    monkeypatch.setattr(program.leaks, "soak", lambda *_: sound)

    soak.control_leaks()

    assert soak.complaints == ["the planted leak was not found, so this soak would not find another"]


@pytest.mark.parametrize("arguments", [["--calls", "10"], ["--only", "nothing"], ["--calls", "many"]])
def test_what_shows_nothing_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        program.options(arguments)

    assert "error" in capsys.readouterr().err


def test_one_part_can_be_chosen() -> None:
    assert program.options(["--only", "overload", "--calls", "4000"]).only == ["overload"]


@pytest.mark.parametrize(
    ("arguments", "calls"),
    [([], 100_000), (["--quick"], 5_000), (["--calls", "4000"], 4_000), (["--quick", "--calls", "4000"], 4_000)],
)
def test_how_long_it_takes_can_be_chosen(arguments: list[str], calls: int) -> None:
    assert program.options(arguments).calls == calls
