"""The figures on the pages are the output of the labs, in the form in which the program writes them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from promises.__main__ import DOCS
from promises.bank import PAGE, SEED, banks
from promises.figures import Figure, blocks, renewed
from trioactors.testing.simulation.simulating import quietly

pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="the pages are not part of what was installed")


def shown() -> list[tuple[str, str]]:
    """The figures on all pages, by name, with their texts."""
    return [found for page in sorted(DOCS.glob("*.md")) for found in blocks(page.read_text(encoding="utf-8"))]


def test_each_page_shows_what_was_measured() -> None:
    folder = DOCS / "figures"
    different = [name for name, block in shown() if block != Figure.load(folder / f"{name}.json").block()]

    assert different == [], "nox -s promises -- --pages writes them"


def test_all_that_was_measured_is_shown() -> None:
    kept = [path.stem for path in (DOCS / "figures").glob("*.json")]

    assert sorted(kept) == sorted(name for name, _ in shown())
    assert {"bank", "crashlab", "mutants", "sim", "soak"} <= set(kept)


def test_a_place_is_filled_with_its_figure_and_nothing_else_is_touched(tmp_path: Path) -> None:
    figure = Figure("nox -s lab", "2026-01-31", "Python 3.11.7, 2 processors", ("one", "two"))
    figure.save(tmp_path / "lab.json")
    page = (
        "# Page\n\n<!-- figures: lab -->\nold\n<!-- end of figures -->\n\n<!-- figures: other -->\nkept\n<!-- end of figures -->\n"
    )

    new = renewed(page, tmp_path)

    assert list(blocks(new)) == [("lab", figure.block()), ("other", "kept\n")]
    assert figure.block() == "`nox -s lab` on 2026-01-31, Python 3.11.7, 2 processors:\n\n```console\none\ntwo\n```\n"
    assert renewed(new, tmp_path) == new
    assert new.startswith("# Page\n\n<!-- figures: lab -->\n`nox")


def test_the_bank_of_the_page_loses_money_under_its_seed_until_it_is_mended() -> None:
    page = PAGE.read_text(encoding="utf-8")
    seed = int(re.findall(SEED, page)[0])

    with quietly():
        wrong, mended = [bank.play(seed).error for bank in banks(page)]

    assert isinstance(wrong, AssertionError), "nox -s promises -- bank looks for another seed"
    assert mended is None
