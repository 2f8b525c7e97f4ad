"""The parts of a long run are summed up as one run; parts that are not sound, or not complete, are refused."""

from __future__ import annotations

import re

import pytest

from promises.parts import BadLog, summed


def part(first: int, *, runs: int = 1_400, wrong: int = 0, status: int = 0) -> list[str]:
    return [
        f"scribes: {runs:,} runs, 16,800 operations, 5,087 starts of the node; faults: clock 1,401, disk full 85, power cut in 3",
        "  never reached: kill while a commit is on its way, power while a commit is on its way",
        "trees in a row: 600 runs, 9,000 operations, 601 starts of the node; faults: none",
        f"seeds {first} and up: {runs + 600:,} runs in 90 s (22 a second), {wrong} not sound",
        f"exit {status}",
    ]


def test_parts_are_summed_up_as_one_run() -> None:
    second = part(2_000)
    second[1] = "  never reached: kill while a commit is on its way"

    assert summed([*second, "", *part(600)]) == [
        "scribes: 2,800 runs, 33,600 operations, 10,174 starts of the node; faults: clock 2,802, disk full 170, power cut in 6",
        "  never reached: kill while a commit is on its way",
        "trees in a row: 1,200 runs, 18,000 operations, 1,202 starts of the node; faults: none",
        "seeds 600 and up, in 2 parts one after another: 4,000 runs in 180 s (22 a second), 0 not sound",
    ]


def test_a_point_that_some_part_has_reached_is_reached() -> None:
    second = part(2_000)
    del second[1]

    assert not [line for line in summed([*part(600), *second]) if "never" in line]


def test_one_run_is_taken_word_by_word() -> None:
    assert summed(part(0)) == summed(part(0)[:-1]) == part(0)[:-1]


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ([], "there is no run in it"),
        ([*part(0), *part(2_000, wrong=2, status=1)], "line 9: 2 of these runs were not sound"),
        ([*part(0), *part(2_000, status=137)], "line 10: a run ended with exit 137"),
        ([*part(0), *part(2_000)[:3]], "the last run was cut off"),
        ([*part(0)[:3], *part(2_000)], "line 4: scribes comes twice, so the run before was cut off"),
        ([*part(0)[:3], "exit 137", *part(2_000)], "line 4 is none that a sound run of the lab says: 'exit 137'"),
        (["Traceback (most recent call last):", *part(0)], "line 1 is none that a sound run of the lab says: 'Traceback"),
        ([*part(0), *part(1_399)], "the seeds 1399 and up are counted twice: the part before ends with seed 1399"),
        ([*part(0), *part(2_000)[3:]], "line 6: its scenarios have 0 runs, and it says 2,000"),
        (
            [*part(0), *part(2_000)[2:3], "seeds 2000 and up: 600 runs in 9 s (6 a second), 0 not sound"],
            "have not the same scenarios",
        ),
    ],
)
def test_what_is_not_sound_or_not_whole_is_refused(lines: list[str], text: str) -> None:
    with pytest.raises(BadLog, match=re.escape(text)):
        summed(lines)
