"""Starts a process, listens to it, and kills it at a moment drawn beforehand.

The killer never sleeps and never guesses: it waits for what the child says, so that a moment is "after the 57th line" on any machine, and
not "after 0.2 s". Every child is a fork of this process, which has imported everything already: that saves nine tenths of a start, and
is killed like any other process.

What is read after the kill was said before it: the pipe keeps it. Only then it is decided what the kill has hit.

No child outlives its killer: it is killed and reaped in any case, and if the killer itself is killed, the pipe breaks under the child's
next line.
"""

from __future__ import annotations

import enum
import os
import random
import select
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager

import attrs

from crashlab.protocol import BEGIN, Transcript

PATIENCE = 60.0
"""Seconds after which a child that says nothing is given up."""

_FIRST_LINES = 6
_CHUNK = 65_536
_STDOUT = 1


class LabError(Exception):
    """A child did not do its part, so nothing can be said about what it should have shown."""


class Aim(enum.Enum):
    """What a moment is counted in."""

    LINE = "line"
    """Anything that is said: before the first one, while the store is opened, while it is read, while it is used."""

    COMMIT = "commit"
    """Commits that have begun; the last one, as far as is known, has not ended."""


@attrs.frozen
class Moment:
    """When to kill: at so many lines, or in such a commit."""

    count: int
    aim: Aim = Aim.LINE

    def reached(self, transcript: Transcript) -> bool:
        """Whether it is now."""
        if self.aim is Aim.LINE:
            return len(transcript.lines) >= self.count
        return transcript.count(BEGIN) >= self.count and transcript.lines[-1] == BEGIN


@attrs.frozen
class Moments:
    """How moments are drawn."""

    random: random.Random
    lines: int = 200
    commits: int = 50
    starts: float = 0.15
    """How many are among the first lines, which are said while the store is opened and read."""

    in_commits: float = 0.5
    """How many are aimed at a commit. The others may well hit one."""

    def draw(self) -> Moment:
        """One of them."""
        lot = self.random.random()
        if lot < self.starts:
            return Moment(self.random.randint(0, _FIRST_LINES))
        if lot < self.starts + self.in_commits:
            return Moment(self.random.randint(1, self.commits), Aim.COMMIT)
        return Moment(self.random.randint(0, self.lines))


def killed(task: Callable[[], object], moment: Moment) -> Transcript:
    """Run *task* in a child, kill it at the *moment*, and return all that it has said. Raises `LabError` if it did not live so long."""
    with _child(task) as (pid, reading):
        transcript = Transcript()
        while not moment.reached(transcript):
            if not _heard(reading, transcript):
                raise LabError(f"the child {_end(pid)} by itself after {len(transcript.lines)} lines; it was to be killed")
        os.kill(pid, signal.SIGKILL)
        while _heard(reading, transcript):
            pass
        end = _end(pid)
        if end != f"ended by {signal.SIGKILL.name}":
            raise LabError(f"the child {end} before it was killed, after {len(transcript.lines)} lines")
        return transcript


def lived(task: Callable[[], object]) -> Transcript:
    """Run *task* in a child to its end, and return all that it has said. Raises `LabError` if it fails."""
    with _child(task) as (pid, reading):
        transcript = Transcript()
        while _heard(reading, transcript):
            pass
        end = _end(pid)
        if end != "ended":
            raise LabError(f"the child {end}")
        return transcript


@contextmanager
def _child(task: Callable[[], object]) -> Generator[tuple[int, int], None, None]:
    """A process that runs *task* and says what it has to say on its standard output; afterwards there is none."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = _fork()
    if pid == 0:
        os.close(reading)
        _be_the_child(task, writing)
    os.close(writing)
    try:
        yield pid, reading
    finally:
        os.close(reading)
        _make_an_end_of(pid)


def _fork() -> int:
    """Fork this process. Python warns if there are other threads, which do not go on in the child; it needs none of theirs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _be_the_child(task: Callable[[], object], writing: int) -> None:
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the killer, which sees to us
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.dup2(writing, _STDOUT)
        os.close(writing)
        task()
        status = 0
    except BaseException:  # noqa: ASYNC103 - whatever it is, it must not go on as a second killer
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(status)


def _heard(reading: int, transcript: Transcript) -> bool:
    """Wait for something to be said; False if nothing ever will be."""
    if not select.select([reading], [], [], PATIENCE)[0]:
        raise LabError(f"the child has said nothing for {PATIENCE:g} s, after {len(transcript.lines)} lines")
    data = os.read(reading, _CHUNK)
    transcript.hear(data)
    return bool(data)


def _end(pid: int) -> str:
    """How the process has ended; it is left to be reaped."""
    result = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert result is not None
    if result.si_code == os.CLD_EXITED:
        return "ended" if result.si_status == 0 else f"failed with status {result.si_status}"
    return f"ended by {signal.Signals(result.si_status).name}"


def _make_an_end_of(pid: int) -> None:
    """It is our child and not reaped yet, so its number is nobody else's."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
