"""What becomes of a run that fails: whether it is repeated, made small and kept, or raised as it is."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from trioactors.testing.playing import is_finding
from trioactors.testing.simulation import Faults, Simulation, simulate
from trioactors.testing.simulation.scenarios import Scenario, Workload
from trioactors.testing.simulation.sim_tests import trials
from trioactors.testing.simulation.simulating import scenario_of


async def third(simulation: Simulation) -> None:
    await simulation.system()
    assert simulation.seed != 2, "the third"


def bare(workload: Workload) -> Scenario:
    return scenario_of(workload, store=None, faults=Faults.none())


def notes(error: BaseException) -> str:
    return "\n".join(getattr(error, "__notes__", ()))


def test_what_fails_once_and_not_again_is_not_called_repeatable(tmp_path: Path) -> None:
    shared = itertools.count()

    async def once(simulation: Simulation) -> None:
        await simulation.system()
        assert next(shared) != 2, "by chance"

    with pytest.raises(AssertionError, match="by chance") as found:
        trials(bare(once), range(5), corpus=tmp_path / "corpus")

    assert "seed 2 failed, but not when it ran again" in notes(found.value)
    assert "Repeat it" not in notes(found.value)
    assert not (tmp_path / "corpus").exists()


def test_a_corpus_that_cannot_be_written_hides_no_failure(tmp_path: Path) -> None:
    corpus = tmp_path / "a file"
    corpus.touch()

    with pytest.raises(AssertionError, match="the third") as found:
        trials(bare(third), range(5), corpus=corpus)

    assert f"could not be kept in {corpus}" in notes(found.value)
    assert "seed 2 fails. Repeat it with seed=2" in notes(found.value)
    assert "case='{" in notes(found.value)


@pytest.mark.parametrize(
    "outcome", [KeyboardInterrupt(), SystemExit(1), pytest.skip.Exception("not here")], ids=lambda error: type(error).__name__
)
def test_what_is_no_failure_is_raised_as_it_is_and_not_kept(outcome: BaseException, tmp_path: Path) -> None:
    async def ended(simulation: Simulation) -> None:
        await simulation.system()
        raise outcome

    with pytest.raises(type(outcome)) as found:
        trials(bare(ended), range(5), corpus=tmp_path / "corpus")

    assert found.value is outcome
    assert notes(outcome) == 'simulate: it was raised under seed=0, policy="priorities"'
    assert not (tmp_path / "corpus").exists()


def test_what_pytest_fails_by_is_a_failure_like_any_other(tmp_path: Path) -> None:
    async def failing(simulation: Simulation) -> None:
        await simulation.system()
        with pytest.raises(LookupError):
            simulation.sometimes("there")

    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE") as found:
        trials(bare(failing), range(5), corpus=tmp_path)

    assert "seed 0 fails. Repeat it with seed=0" in notes(found.value)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("error", "finding"),
    [
        (AssertionError(), True),
        (ExceptionGroup("all", [OSError()]), True),
        (BaseExceptionGroup("all", [OSError(), pytest.fail.Exception("no")]), True),
        (BaseExceptionGroup("all", [OSError(), KeyboardInterrupt()]), False),
        (pytest.skip.Exception("not here"), False),
        (pytest.xfail.Exception("known"), False),
        (SystemExit(1), False),
    ],
    ids=repr,
)
def test_a_finding_is_what_says_that_something_is_wrong(error: BaseException, *, finding: bool) -> None:
    assert is_finding(error) is finding


def test_ctrl_c_beside_a_failure_is_ctrl_c() -> None:
    async def both(simulation: Simulation) -> None:
        await simulation.system()
        raise BaseExceptionGroup("both", [AssertionError("a bug"), KeyboardInterrupt()])

    with pytest.raises(KeyboardInterrupt):
        simulate(both, store=None)


def test_ctrl_c_while_a_failure_is_made_small_tells_what_was_found(tmp_path: Path) -> None:
    runs = itertools.count()

    async def impatient(simulation: Simulation) -> None:
        await simulation.system()
        if next(runs) == 4:
            raise KeyboardInterrupt
        raise AssertionError("a bug")

    with pytest.raises(KeyboardInterrupt) as found:
        trials(scenario_of(impatient), [3], corpus=tmp_path / "corpus")

    assert "seed 3 failed and was being shrunk: AssertionError('a bug')" in notes(found.value)
    assert "Repeat it with seed=3" in notes(found.value)
