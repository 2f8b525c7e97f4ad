"""Every kept mutant can still be planted, and the hunt tells a bug from none."""

from __future__ import annotations

import ast
from collections import Counter

import attrs
import pytest

from mutants.__main__ import chosen, summary
from mutants.drawing import GROUPS, matters
from mutants.hunting import Hunt, Invalid, hunted
from mutants.table import Mutant, NotThere, kept, text_of

KEPT = kept()
STORE = "backends/trioactors_backends/filesystem.py"


def planted(old: str, new: str) -> Mutant:
    return Mutant("planted", "stores", STORE, "FilesystemStore.commit", "by hand", (old,), (new,))


@pytest.mark.parametrize("mutant", KEPT, ids=str)
def test_a_kept_mutant_can_still_be_planted(mutant: Mutant) -> None:
    text = text_of(mutant.file)
    changed = mutant.applied(text)

    assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(text))


def test_there_are_enough_mutants_of_every_kind() -> None:
    true = Counter(one.group for one in KEPT if not one.equivalent)

    assert true.keys() == GROUPS.keys()
    assert sum(true.values()) >= 30
    assert min(true.values()) >= 5
    assert len({one.name for one in KEPT}) == len(KEPT)


def test_a_mutant_whose_lines_are_gone_says_what_to_do() -> None:
    with pytest.raises(NotThere, match=r"no more = 1.*not there any more.*kept\.json.*mutants\.drawing"):
        planted("no more = 1", "no more = 2").applied(text_of(STORE))
    with pytest.raises(NotThere, match=r"no Old\.one any more.*mutants\.drawing"):
        attrs.evolve(KEPT[0], scope="Old.one").applied(text_of(KEPT[0].file))


def test_the_packages_as_they_are_are_sound() -> None:
    assert hunted(None, 10) == Hunt(10, found=False)


def test_a_store_that_keeps_nothing_is_found_soon() -> None:
    hunt = hunted(planted("        size = self._append(state, entries)", "        size = 0"), 20)

    assert hunt.found
    assert hunt.seeds <= 20
    assert hunt.error


def test_a_program_that_hangs_is_found() -> None:
    hunt = hunted(planted("        size = self._append(state, entries)", "        while True: pass"), 1, seconds=2)

    assert (hunt.seeds, hunt.found, hunt.error) == (1, True, "stuck")


def test_what_cannot_be_imported_is_no_mutant() -> None:
    broken = attrs.evolve(planted('_OWNER = "owner"', "_OWNER = owner"), scope="")

    with pytest.raises(Invalid, match=r"planted.*does not come up.*NameError.*choose another one"):
        hunted(broken, 1)


def test_too_few_found_is_a_failure() -> None:
    found, missed = Hunt(3, found=True, error="AssertionError"), Hunt(9, found=False)
    true = [attrs.evolve(KEPT[0], equivalent="")] * 20

    assert summary(true, [found] * 19 + [missed], 1.0) == 0
    assert summary(true, [found] * 18 + [missed] * 2, 1.0) == 1


def test_an_equivalent_mutant_must_not_be_found() -> None:
    equivalent = attrs.evolve(KEPT[0], equivalent="it is the same")

    assert summary([equivalent], [Hunt(9, found=False)], 1.0) == 0
    assert summary([equivalent], [Hunt(3, found=True, error="AssertionError")], 1.0) == 1


def test_equivalent_mutants_are_tried_when_they_are_asked_for() -> None:
    equivalent = attrs.evolve(KEPT[0], name="same", equivalent="it is the same")

    assert chosen([*KEPT, equivalent], (), everyone=True) == [*KEPT, equivalent]
    assert equivalent not in chosen([*KEPT, equivalent], (), everyone=False)
    assert chosen([*KEPT, equivalent], ["same"], everyone=False) == [equivalent]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("x: int = 1", "x: str = 1", False),
        ("def f(x: int) -> int: ...", "def f(x: str) -> str: ...", False),
        ("x = field(repr=False)", "x = field(repr=True)", False),
        ("x = field(eq=False)", "x = field(eq=True)", True),
        ("x = 1 + 1", "x = 1 - 1", True),
        ("x = 1", "x = = 1", False),
    ],
)
def test_a_draw_passes_over_what_is_no_other_program(before: str, after: str, *, expected: bool) -> None:
    assert matters(before, after) is expected
