from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import planning
from planning import Lot, Plan, again, planned
from records import Entry, Stamp, Top
from walking import Walk

TOP = Top(Path("/root"), Path("top"))


def stamp(size: int = 1, inode: int = 0) -> Stamp:
    return Stamp(size, 0, inode)


def done(size: int = 1) -> Entry:
    return Entry(stamp(size), "unknown", sha256="0" * 64)


def seen(**sizes: int) -> Walk:
    return Walk({Path(name): stamp(size) for name, size in sizes.items()})


def todo(plan: Plan) -> dict[str, int]:
    """The page of each file that is still to be hashed."""
    return {str(path): lot.page for lot in plan.lots for path in lot.files}


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "PAGE", 2)


def test_at_first_everything_is_to_be_hashed(small_pages: None) -> None:
    plan = planned(TOP, seen(a=1, b=1, c=1), [])

    assert todo(plan) == {"a": 0, "b": 0, "c": 1}
    assert (plan.pages, plan.known, plan.changed, plan.gone) == (2, 0, 0, {})


def test_an_empty_folder_needs_no_page() -> None:
    assert planned(TOP, Walk(), []) == Plan(pages=0, lots=(), gone={}, known=0, changed=0)


def test_what_has_a_result_that_holds_is_not_hashed_again() -> None:
    plan = planned(TOP, seen(a=1, b=1), [{Path("a"): done(), Path("b"): done()}])

    assert (plan.lots, plan.known) == ((), 2)


def test_a_changed_file_is_hashed_again_and_stays_on_its_page() -> None:
    plan = planned(TOP, seen(a=1, b=2), [{Path("a"): done()}, {Path("b"): done()}])

    assert todo(plan) == {"b": 1}
    assert (plan.pages, plan.known, plan.changed) == (2, 1, 1)


def test_what_could_not_be_read_is_tried_again_and_has_not_changed() -> None:
    plan = planned(TOP, seen(a=1), [{Path("a"): Entry(stamp(), "unknown", problem="Permission denied")}])

    assert (todo(plan), plan.changed) == ({"a": 0}, 0)


def test_the_place_of_a_file_that_has_gone_is_free_for_a_new_one(small_pages: None) -> None:
    plan = planned(TOP, seen(b=1, c=1, d=1), [{Path("a"): done(), Path("b"): done()}])

    assert plan.gone == {0: [Path("a")]}
    assert todo(plan) == {"c": 0, "d": 1}


def test_what_is_only_out_of_sight_is_kept() -> None:
    walk = Walk({}, closed={Path("inner"): "Permission denied", Path("odd"): "Input/output error"})
    page = {Path("inner/deep/a"): done(), Path("odd"): done(), Path("other/a"): done()}

    assert planned(TOP, walk, [page]).gone == {0: [Path("other/a")]}


def test_a_top_folder_that_cannot_be_read_loses_nothing() -> None:
    walk = Walk({}, closed={Path(): "Permission denied"})

    assert planned(TOP, walk, [{Path("inner/a"): done()}]).gone == {}


def test_a_large_file_is_a_lot_of_its_own() -> None:
    plan = planned(TOP, seen(a=1, big=planning.LOT + 1, b=1, c=1), [])

    assert [[str(path) for path in lot.files] for lot in plan.lots] == [["a"], ["big"], ["b", "c"]]
    assert [lot.bytes for lot in plan.lots] == [1, planning.LOT + 1, 2]


def test_a_lot_whose_worker_crashed_is_tried_file_by_file_and_not_for_ever() -> None:
    lots = again(Lot(TOP, 3, {Path("a"): stamp(), Path("b"): stamp()}))

    assert lots == [Lot(TOP, 3, {Path("a"): stamp()}, 2), Lot(TOP, 3, {Path("b"): stamp()}, 2)]
    assert not again(lots[0])[0].hopeless
    assert again(again(lots[0])[0])[0].hopeless


names = st.sampled_from([Path(f"folder{n % 3}/{n}") for n in range(30)])


@given(st.dictionaries(names, st.integers(1, 3)), st.dictionaries(names, st.integers(1, 3)))
def test_whatever_there_was_each_file_gets_one_place_and_what_holds_is_left_alone(
    sizes: dict[Path, int], before: dict[Path, int]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planning, "PAGE", 4)
        patch.setattr(planning, "LOT", 5)
        old = list(before.items())
        pages = [{path: done(size) for path, size in old[at : at + 4]} for at in range(0, len(old), 4)]

        plan = planned(TOP, Walk({path: stamp(size) for path, size in sizes.items()}), pages)

    asked = Counter(path for lot in plan.lots for path in lot.files)
    assert asked == Counter(path for path, size in sizes.items() if before.get(path) != size)
    after = [set(page) - set(plan.gone.get(number, ())) for number, page in enumerate(pages)]
    after += [set() for _ in range(plan.pages - len(pages))]
    for lot in plan.lots:
        after[lot.page] |= set(lot.files)
        assert len(lot.files) == 1 or lot.bytes <= 5
    assert Counter(path for page in after for path in page) == Counter(list(sizes))
    assert all(len(page) <= 4 for page in after)
