"""Every bug can still be planted, and the hunt for it goes on where it was and counts only what the bug did."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from mutants.hunting import Hunt
from mutants.table import NotThere, text_of

from planted.__main__ import known, left, main, summary
from planted.hunting import Result, by_seeds, by_tests, suite
from planted.suite import in_order
from planted.table import BUGS, Bug, bugs, chosen

ALL = bugs()
TESTS = Path(__file__).parents[1]

MISSED = Hunt(9, found=False)


def bug(name: str) -> Bug:
    (one,) = chosen(ALL, [name])
    return one


def result(bug: str = "a 1", by: str = "applications", *, seeds: int = 9, found: bool = False) -> Result:
    return Result(bug, by, 0, seeds, found=found)


# --- the bugs ---


@pytest.mark.parametrize("one", ALL, ids=str)
def test_a_bug_can_still_be_planted_at_one_place(one: Bug) -> None:
    text = text_of(one.file)

    assert ast.dump(ast.parse(one.applied(text))) != ast.dump(ast.parse(text))


def test_every_bug_has_a_name_of_its_room_and_a_sentence() -> None:
    assert len({one.name for one in ALL}) == len(ALL) >= 40
    assert {one.room for one in ALL} == {path.stem for path in BUGS.glob("*.toml")}
    assert [one.name for one in ALL if not one.sentence.endswith(".")] == []


@pytest.mark.parametrize("text", ["something else\n", "the line\nthe line\n"])
def test_a_bug_whose_lines_are_not_at_one_place_says_what_to_do(text: str) -> None:
    one = Bug("room 1", "It breaks.", "trioactors/x.py", before="the line\n", after="")

    with pytest.raises(
        NotThere, match=r"room 1 \(trioactors/x\.py\): .* at [02] places, not at one\. Adapt it in tests/planted/bugs"
    ):
        one.applied(text)


def test_bugs_are_chosen_by_name_and_by_room() -> None:
    assert chosen(ALL, []) == ALL
    assert [one.name for one in chosen(ALL, ["actors 2", "scheduling"])] == ["actors 2", "scheduling 2"]
    with pytest.raises(ValueError, match="no planted bug is called 'actor'"):
        chosen(ALL, ["actor"])


# --- the hunt ---


def failing(*seeds: int, without: tuple[int, ...] = ()) -> Callable[..., Hunt]:
    """A trial in which these seeds fail with the bug, and those without it, too."""

    def trial(bug: Bug | None, count: int, *, first: int, lab: str) -> Hunt:
        bad = [seed for seed in (without if bug is None else (*without, *seeds)) if first <= seed < first + count]
        if not bad:
            return Hunt(count, found=False)
        return Hunt(min(bad) - first + 1, found=True, scenario=f"{lab} {min(bad)}", error="Broken", text="some_rule: it is broken")

    return trial


def test_a_hunt_counts_the_seeds_until_the_bug_is_found() -> None:
    found = by_seeds("applications", ALL[0], 100, 50, trial=failing(119, 130))

    assert (found.seeds, found.found, found.rule, found.text) == (20, True, "some_rule", "it is broken")


def test_a_seed_that_fails_without_the_bug_does_not_count() -> None:
    found = by_seeds("applications", ALL[0], 0, 50, trial=failing(30, without=(7, 12)))
    missed = by_seeds("applications", ALL[0], 0, 50, trial=failing(without=(7, 49)))

    assert (found.seeds, found.found, found.passed_over) == (31, True, ("7", "12"))
    assert (missed.seeds, missed.found, missed.passed_over) == (50, False, ("7", "49"))


def test_a_test_that_fails_without_the_bug_does_not_count() -> None:
    def trial(bug: Bug | None, *, passed_over: tuple[str, ...] = (), only: str = "") -> Hunt:
        bad = [each for each in ("test_flaky", "test_good") if each not in passed_over and (bug or (each == only == "test_flaky"))]
        return Hunt(3, found=bool(bad), scenario=bad[0] if bad else "", error="AssertionError")

    found = by_tests(ALL[0], trial=trial)

    assert (found.found, found.rule, found.passed_over) == (True, "test_good, AssertionError", ("test_flaky",))


def test_a_hunt_goes_on_where_it_was(tmp_path: Path) -> None:
    rows = [result("actors 2", seeds=40), result("actors 3", seeds=7, found=True), result("actors 6", "tests", seeds=900)]
    file = tmp_path / "results.jsonl"
    file.write_text("".join(f"{json.dumps(attrs.asdict(row))}\n" for row in rows))
    wanted = [(bug("actors 2"), "applications"), (bug("actors 3"), "applications"), (bug("actors 6"), "tests")]
    other = (bug("actors 7"), "applications")

    before = known(file, 0)

    assert list(before.values()) == rows
    assert list(left([*wanted, other], 100, before)) == [(*wanted[0], rows[0]), (*other, None)]
    assert [one.by for one in known(file, 5_000).values()] == ["tests"]
    assert by_seeds("applications", ALL[0], 0, 100, begun=40, trial=failing(20, 60)).seeds == 61


def test_what_is_known_is_not_tried_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "results.jsonl"
    file.write_text(f"{json.dumps(attrs.asdict(result('scheduling 2', seeds=12, found=True)))}\n")

    assert main(["scheduling", "--results", str(file), "--processes=1"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "applications: 1 of 1 found, half of them within 12, all within 12"
    assert len(file.read_text().splitlines()) == 1


def test_too_few_found_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    found = [result(f"a {number}", found=True) for number in range(4)]

    assert summary([*found, result("b 1")]) == 0
    assert summary([*found, result("b 1"), result("b 2")]) == 1
    assert summary([*found, result("b 1"), result("b 2"), result("b 2", "tests", found=True)]) == 0
    assert "found by nobody: b 1, b 2" in capsys.readouterr().out


def test_a_bug_is_planted_into_a_folder_to_look_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = bug("scheduling 2")

    assert main([one.name, "--into", str(tmp_path / "copy")]) == 0

    assert (tmp_path / "copy" / one.file).read_text() == one.applied(text_of(one.file))
    printed = capsys.readouterr().out
    assert one.sentence in printed
    assert f"cd {tmp_path / 'copy'} && PYTHONPATH=.:backends:tests python -P -m randomlab" in printed


# --- the tests as a way to find a bug ---


def test_tests_of_the_changed_module_come_first() -> None:
    order = [str(path.relative_to(TESTS)) for path in in_order(TESTS, "trioactors/messaging/mailbox.py")]

    assert order[0] == "test_mailbox.py"
    assert len(order) > 100
    assert not [path for path in order if path.startswith(("randomlab/", "simlab/", "architecture/"))]


def test_a_test_finds_a_bug_in_a_copy_of_the_checkout() -> None:
    one = bug("actors 9")
    test = "tests/test_grouped_errors.py::test_a_declared_error_goes_to_the_caller_as_itself[1-Plain]"

    found = suite(one.file, one, only=test)

    assert (found.seeds, found.found, found.scenario) == (1, True, test)
    assert "Refused" in found.text
