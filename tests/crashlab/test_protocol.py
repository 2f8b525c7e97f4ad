"""Lines: what is written is read, and half of one is nothing."""

from __future__ import annotations

import pytest

from crashlab.protocol import Acknowledged, Call, Recovered, Report, Seen, Transcript, understood

CALL = Call(12, "solo", 3)


@pytest.mark.parametrize(
    "report",
    [
        Acknowledged("hot", CALL, 41),
        Seen("hot", 0),
        Recovered("hot", 0, ()),
        Recovered("hot", 7, (CALL, Call(13, "a", 1))),
        "opening",
        "ready",
        "begin",
        "end",
    ],
)
def test_what_is_said_is_understood(report: Report) -> None:
    assert understood(str(report)) == report


@pytest.mark.parametrize("line", ["", "ack", "ack hot 1.a.1", "ack hot 1.a 3", "seen hot x", "begin now", "Traceback"])
def test_what_no_child_says_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        understood(line)


def test_a_line_counts_when_it_is_whole() -> None:
    transcript = Transcript()

    transcript.hear(b"ready\nseen hot 1")
    before = list(transcript.lines)
    transcript.hear(b"7\nack hot 1.a")

    assert before == ["ready"]
    assert transcript.lines == ["ready", "seen hot 17"]
    assert transcript.reports == ["ready", Seen("hot", 17)]


@pytest.mark.parametrize(
    ("said", "in_flight"),
    [
        (b"", False),
        (b"begin\n", True),
        (b"begin\nend\n", False),
        (b"begin\nend\nbegin\nseen hot 1\n", True),
        (b"begin\nend\nbegi", False),
    ],
)
def test_a_commit_is_in_flight_between_its_marks(said: bytes, in_flight: bool) -> None:  # noqa: FBT001 - what is expected
    transcript = Transcript()

    transcript.hear(said)

    assert transcript.in_flight is in_flight
