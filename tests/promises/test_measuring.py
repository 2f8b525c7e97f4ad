"""The output of a lab becomes a figure; the output of a failed lab does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from promises import __main__ as program
from promises.figures import Figure
from promises.parts import summed

PAGE = "<!-- figures: toy -->\n<!-- end of figures -->\n"


@pytest.fixture
def docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pages with a place for a toy lab: `json.tool` prints a file, and fails if it is not JSON."""
    monkeypatch.setattr(program, "LABS", {"toy": program.Lab("json.tool", "nox -s toy", last=2)})
    monkeypatch.setattr(program, "ROOT", tmp_path)
    (tmp_path / "page.md").write_text(PAGE, encoding="utf-8")
    (tmp_path / "good.json").write_text("[1, 2]", encoding="utf-8")
    (tmp_path / "bad.json").write_text("[1, 2", encoding="utf-8")
    return tmp_path


def test_the_last_lines_of_a_lab_are_kept_and_written_into_the_page(docs: Path) -> None:
    status = program.main(["toy", "good.json"], docs)

    kept = Figure.load(docs / "figures" / "toy.json")
    assert status == 0
    assert (kept.command, kept.printed) == ("nox -s toy -- good.json", ("    2", "]"))
    assert kept.block() in (docs / "page.md").read_text(encoding="utf-8")


def test_a_lab_that_finds_something_wrong_leaves_its_figure_as_it_was(docs: Path) -> None:
    program.main(["toy", "good.json"], docs)
    before = (docs / "page.md").read_text(encoding="utf-8")

    assert program.main(["toy", "bad.json"], docs) == 1
    assert (docs / "page.md").read_text(encoding="utf-8") == before


def test_what_a_long_run_has_printed_is_taken_from_its_log(docs: Path) -> None:
    log = docs / "run.txt"
    log.write_text("first\nsecond\n\nlast\n", encoding="utf-8")

    assert program.main(["--log", str(log), "toy", "1000000"], docs) == 0
    assert Figure.load(docs / "figures" / "toy.json").printed == ("second", "last")


def test_a_log_that_its_lab_refuses_leaves_the_figure_as_it_was(
    docs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "LABS", {"toy": program.Lab("json.tool", "nox -s toy", read=summed)})
    log = docs / "run.txt"
    log.write_text("nothing of the kind\n", encoding="utf-8")

    assert program.main(["--log", str(log), "toy"], docs) == 1
    assert f"{log}: line 1 is none that a sound run of the lab says" in capsys.readouterr().out
    assert not (docs / "figures").exists()


def test_a_log_belongs_to_a_lab(docs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        program.main(["--log", "run.txt"], docs)

    assert "which lab has printed it?" in capsys.readouterr().err


def test_pages_alone_measure_nothing(docs: Path) -> None:
    Figure("typed", "2026-01-31", "here", ("line",)).save(docs / "figures" / "toy.json")

    assert program.main(["--pages"], docs) == 0
    assert "line\n" in (docs / "page.md").read_text(encoding="utf-8")


def test_a_figure_that_no_page_shows_is_told(docs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (docs / "page.md").write_text("nothing\n", encoding="utf-8")

    program.main(["toy", "good.json"], docs)

    assert "no page shows toy: put <!-- figures: toy -->" in capsys.readouterr().out
