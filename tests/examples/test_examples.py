from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from trioactors.testing import run

Load = Callable[[str], ModuleType]
Printed = Callable[[str], list[str]]
EXAMPLES = Path(__file__).parents[2] / "examples"


def test_every_program_is_tried_here(request: pytest.FixtureRequest) -> None:
    tried = request.path.read_text(encoding="utf-8")

    assert [path.stem for path in EXAMPLES.glob("*.py") if f'("{path.stem}")' not in tried] == []


def test_the_lost_ball_costs_one_incarnation_and_the_game_goes_on(printed: Printed) -> None:
    assert printed("ping_pong") == [
        "ping 1: pong (incarnation 1, 1 returned)",
        "ping 2: pong (incarnation 1, 2 returned)",
        "ping 3: lost, because pong exited (crash: BallLost) before it replied",
        "ping 4: pong (incarnation 2, 1 returned)",
        "ping 5: pong (incarnation 2, 2 returned)",
    ]


def test_every_good_job_is_done_although_workers_crash_around_it(printed: Printed) -> None:
    lines = printed("pool")

    good = lines[: lines.index("now the poisoned job, until the supervisors give up")]
    assert [line for line in good if "=" in line] == ["60 / 1 = 60", "60 / 3 = 20", "60 / 4 = 15", "60 / 6 = 10"]
    assert Counter(line for line in good if "=" not in line) == {
        "60 / 0: ZeroDivisionError": 2,
        "  restarting worker-1": 2,
    }


def test_the_poisoned_job_exhausts_the_pool_and_then_the_shop(printed: Printed) -> None:
    lines = printed("pool")

    poisoned = lines[lines.index("now the poisoned job, until the supervisors give up") :]
    assert poisoned.count("  pool gives up: 3 crashes") == 2
    assert poisoned.count("  restarting pool") == 1
    assert poisoned.count("  shop gives up: 2 crashes") == 1
    assert sum(line.startswith("  restarting worker-") for line in poisoned) == 4
    assert poisoned[-1].startswith("supervisor shop gave up: 2 restarts within 5 s, 1 are allowed; the last was of pool")


def test_functions_fall_and_come_back_together_and_end_their_tree(printed: Printed) -> None:
    assert printed("functions") == [
        "sensor opened",
        "sampler ready",
        "reporter ready",
        "reading 1",
        "reading 2",
        "sensor closed",
        "sensor opened",
        "sampler ready",
        "reading 4",
        "reading 5",
        "sensor closed",
        "the station is closed",
    ]


def test_the_light_goes_round_obeys_the_button_and_fails_to_red(printed: Printed) -> None:
    assert printed("traffic_light") == [
        "red (incarnation 1)",
        "green (incarnation 1)",
        "yellow (incarnation 1)",
        "press: True",
        "press: False",
        "red (incarnation 1)",
        "green (incarnation 1)",
        "red (incarnation 2)",
        "green (incarnation 2)",
    ]


def test_threads_count_through_the_portal_and_lose_nothing(load: Load) -> None:
    assert run(load("portal_threads").main) == 100
