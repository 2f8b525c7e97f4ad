"""A case is text that makes the same run again; a bad one is refused with the name of its file."""

from __future__ import annotations

import json
from functools import partial, wraps
from pathlib import Path

import attrs
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

import trioactors as ta
from trioactors.testing import Policy, Tape
from trioactors.testing.disk import Keep
from trioactors.testing.simulation import Simulation, simulate
from trioactors.testing.simulation.cases import Case, kept_cases, name_of
from trioactors.testing.simulation.plans import Injection, Kind, Plan
from trioactors.testing.simulation.simulating import scenario_of

numbers = st.floats(0, 1, exclude_max=True)
injections = st.builds(
    Injection, st.sampled_from(Kind), st.integers(1, 2_000), numbers, st.floats(-800, 800), st.sampled_from(Keep)
)
names = st.sampled_from(["0", "1", "1.0", "2.15"])
plans = st.builds(Plan, st.lists(injections, max_size=4).map(tuple), st.frozensets(names))
tapes = st.builds(Tape.of, st.sampled_from([Policy.STEP, Policy.BATCH]), st.lists(st.integers(0, 9)))
cases = st.builds(Case, st.integers(0), plans, tapes, st.text(), st.text())

CASE = Case(
    7, Plan((Injection(Kind.POWER, 3, 0.25, 1.5, Keep.PREFIX),), frozenset({"1", "0.2"})), Tape(Policy.STEP, (0, 2)), "it broke"
)


@given(cases)
def test_a_case_read_back_is_the_same_case(case: Case) -> None:
    read = Case.loads(case.dumps())

    assert read == case
    assert (read.failure, read.test) == (case.failure, case.test)
    assert Case.loads(case.line()) == case


@given(cases)
def test_its_line_is_one_line_and_says_nothing_of_what_was_wrong(case: Case) -> None:
    assert "\n" not in case.line()
    assert Case.loads(case.line()).failure == ""


def test_equal_cases_give_equal_text_in_every_process() -> None:
    names = [f"{client}.{turn}" for client in range(5) for turn in range(5)]
    case = attrs.evolve(CASE, plan=attrs.evolve(CASE.plan, without=frozenset(names)))

    assert json.loads(case.dumps())["without"] == names
    assert json.loads(case.line())["without"] == names


def test_its_text_is_for_people_too() -> None:
    for part in ('"seed": 7', '"kind": "power"', '"keep": "prefix"', '"tape": "step:0,2"', '"failure": "it broke"'):
        assert part in CASE.dumps()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        "[]",
        "null",
        CASE.dumps().replace('"seed"', '"seeds"'),
        CASE.dumps().replace("7", '"seven"'),
        CASE.dumps().replace('"power"', '"flood"'),
        CASE.dumps().replace('"prefix"', '"half"'),
        CASE.dumps().replace('"step:0,2"', "12"),
    ],
)
def test_what_is_no_case_is_refused(text: str) -> None:
    with pytest.raises(ta.UsageError, match="this is not a case of a simulation"):
        Case.loads(text)


def test_a_bad_tape_is_refused() -> None:
    with pytest.raises(ta.UsageError, match="'walk:0,2' is not a tape"):
        Case.loads(CASE.dumps().replace("step:", "walk:"))


# --- whose it is ---


async def first(_: Simulation) -> None:
    await trio.lowlevel.checkpoint()


async def second(_: Simulation) -> None:
    await trio.lowlevel.checkpoint()


def test_a_run_knows_its_test_by_its_file_and_its_name() -> None:
    assert scenario_of(first, store=None).play(3).case.test == "test_cases.first"
    assert name_of(partial(partial(first))) == "test_cases.first"
    assert name_of(wraps(first)(lambda: None)) == "test_cases.first"
    assert name_of(Path.read_text).endswith("Path.read_text")
    assert name_of(print) == "print"

    def within() -> None: ...

    assert name_of(within) == "test_cases.test_a_run_knows_its_test_by_its_file_and_its_name.within"


def test_a_case_of_another_test_is_refused_by_both_names() -> None:
    case = scenario_of(first, store=None).play(3).case

    assert simulate(first, store=None, case=case).seed == 3
    with pytest.raises(
        ta.UsageError,
        match=r"this case \(seed 3\) belongs to test_cases\.first and means nothing in test_cases\.second: choose that test",
    ):
        simulate(second, store=None, case=case.line())


def test_an_older_case_that_names_no_test_is_anybodys() -> None:
    older = json.loads(scenario_of(first, store=None).play(3).case.dumps())
    del older["test"]

    case = Case.loads(json.dumps(older))

    assert case.test == ""
    assert simulate(second, store=None, case=case).seed == 3


def test_a_case_has_the_same_file_whichever_test_it_is_of(tmp_path: Path) -> None:
    """Those that were kept before a case named its test keep their names."""
    path = CASE.keep_in(tmp_path)

    assert attrs.evolve(CASE, test="test_cases.first").keep_in(tmp_path) == path
    assert Case.load(path).test == "test_cases.first"


# --- the corpus ---


def test_a_kept_case_is_found_again(tmp_path: Path) -> None:
    corpus = tmp_path / "a" / "corpus"

    path = CASE.keep_in(corpus)

    assert list(kept_cases(corpus)) == [(path, CASE)]
    assert Case.load(path).failure == "it broke"


def test_equal_cases_are_kept_once(tmp_path: Path) -> None:
    CASE.keep_in(tmp_path)
    attrs.evolve(CASE, failure="it broke in other words").keep_in(tmp_path)
    attrs.evolve(CASE, seed=8).keep_in(tmp_path)

    assert len(list(kept_cases(tmp_path))) == 2


def test_cases_come_by_name(tmp_path: Path) -> None:
    for seed in range(9):
        attrs.evolve(CASE, seed=seed).keep_in(tmp_path)

    paths = [path for path, _ in kept_cases(tmp_path)]
    assert paths == sorted(paths)
    assert len(paths) == 9


def test_a_corpus_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert list(kept_cases(tmp_path / "nowhere")) == []


@pytest.mark.parametrize("content", [b"{}", b"\xff\xfe\xfd"])
def test_a_bad_file_in_the_corpus_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.json").write_bytes(content)

    with pytest.raises(ta.UsageError, match=r"bad\.json: "):
        list(kept_cases(tmp_path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ta.UsageError, match=r"missing\.json: .*No such file"):
        Case.load(tmp_path / "missing.json")
