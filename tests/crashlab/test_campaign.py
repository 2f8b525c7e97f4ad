"""What the figures of a campaign are held against."""

from __future__ import annotations

import pytest
from attrs import evolve

from crashlab.campaign import ROOM, Tally
from crashlab.checker import Kind, Violation

SOUND = Tally("sqlite", kills=100, in_flight=30, opening=5, acknowledged=1_000, unanswered=7, largest=2_048, seconds=2.5)
LOST = Violation(Kind.LOST, "hot", "1.a.2 at 1")


def test_sound_figures_are_no_complaint() -> None:
    assert SOUND.complaints() == []
    assert str(SOUND) == (
        "sqlite: 100 kills, 30 in a commit (30%), 5 before it had come back; 1,000 calls acknowledged, 7 more were kept unanswered; "
        "files up to 2 KiB; 2.5 s"
    )


@pytest.mark.parametrize(
    ("tally", "complaint"),
    [
        (evolve(SOUND, violations=[(3, LOST)]), "found in life 3: LOST hot: 1.a.2 at 1: it was acknowledged, and is not there"),
        (evolve(SOUND, in_flight=29), "only 29% of the kills hit a commit in flight; 30% must"),
        (evolve(SOUND, acknowledged=99), "only 99 calls were acknowledged, so there was nothing to lose"),
        (evolve(SOUND, largest=ROOM + 1), "the files grew to 33,554,433 bytes; 33,554,432 are enough"),
    ],
)
def test_each_failure_is_a_complaint(tally: Tally, complaint: str) -> None:
    assert tally.complaints() == [complaint]


def test_many_violations_are_counted() -> None:
    tally = evolve(SOUND, violations=[(3, LOST)] * 25)

    assert len(tally.complaints()) == 11
    assert tally.complaints()[-1] == "and 15 more"
