"""The killer kills at the moment that was drawn, says what went otherwise, and leaves nobody behind."""

from __future__ import annotations

import errno
import os
import random
import signal

import pytest

from crashlab.killer import Aim, LabError, Moment, Moments, killed, lived
from crashlab.protocol import Transcript


def write(text: str) -> None:
    os.write(1, text.encode())


def work() -> None:
    """Commit for ever."""
    while True:
        write("begin\n")
        write("seen hot 1\n")
        write("end\n")


def test_it_kills_after_so_many_lines_and_keeps_all_of_them() -> None:
    transcript = killed(work, Moment(7))

    assert transcript.lines[:7] == ["begin", "seen hot 1", "end", "begin", "seen hot 1", "end", "begin"]


def test_it_kills_in_a_commit() -> None:
    def commit_thrice() -> None:
        write("begin\nend\n" * 2 + "begin\n")
        signal.pause()

    transcript = killed(commit_thrice, Moment(3, Aim.COMMIT))

    assert transcript.in_flight
    assert transcript.count("begin") == 3


def test_it_kills_a_child_that_has_said_nothing() -> None:
    assert killed(signal.pause, Moment(0)).lines == []


def test_a_child_that_ends_before_its_moment_is_an_error() -> None:
    with pytest.raises(LabError, match=r"the child ended by itself after 1 lines; it was to be killed"):
        killed(lambda: write("ready\n"), Moment(2))


def test_a_child_that_fails_is_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise LookupError("planted")

    with pytest.raises(LabError, match=r"the child failed with status 1"):
        lived(fail)

    assert "LookupError: planted" in capfd.readouterr().err


def test_a_child_that_another_signal_ends_is_an_error() -> None:
    with pytest.raises(LabError, match=r"the child ended by SIGTERM by itself"):
        killed(lambda: signal.raise_signal(signal.SIGTERM), Moment(1))


def test_a_child_may_live_to_its_end() -> None:
    assert lived(lambda: write("ready\n")).lines == ["ready"]


class Interrupting(Moment):
    """Somebody presses Ctrl-C while the killer waits for its moment."""

    def reached(self, transcript: Transcript) -> bool:
        if transcript.lines:
            raise KeyboardInterrupt(transcript.lines[0])
        return False


def test_an_interrupted_killer_leaves_no_child() -> None:
    def tell_and_wait() -> None:
        write(f"{os.getpid()}\n")
        signal.pause()

    with pytest.raises(KeyboardInterrupt) as interrupt:
        killed(tell_and_wait, Interrupting(1))

    with pytest.raises(ProcessLookupError) as gone:
        os.kill(int(interrupt.value.args[0]), 0)
    assert gone.value.errno == errno.ESRCH


def test_the_same_seed_draws_the_same_moments() -> None:
    first, second = (Moments(random.Random(3)) for _ in range(2))

    assert [first.draw() for _ in range(20)] == [second.draw() for _ in range(20)]


def test_moments_of_every_sort_are_drawn() -> None:
    moments = Moments(random.Random(3))
    drawn = [moments.draw() for _ in range(1_000)]

    assert sum(moment.aim is Aim.COMMIT for moment in drawn) == pytest.approx(500, abs=60)
    assert {moment.count for moment in drawn if moment.aim is Aim.LINE} >= {0, 1, 2, 3}
    assert min(moment.count for moment in drawn if moment.aim is Aim.COMMIT) >= 1
