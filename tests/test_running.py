"""`ta.run`: a program that is stopped by a signal stops its tree in order."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import outcome
import pytest
import trio
from trio.testing import MockClock

import trioactors as ta

PROGRAM = """
import signal
import trio, trioactors as ta
from functools import partial

signal.alarm(20)  # a program that does not stop must not outlive its test

async def work(name, task_status):
    try:
        task_status.started()
        await trio.sleep_forever()
    finally:
        with trio.CancelScope(shield=True):
            await trio.lowlevel.checkpoint()
        print("stopped", name, flush=True)

async def main():
    tree = ta.Supervisor(*(ta.child(partial(work, name), name=name) for name in "abc"), name="top")
    async with ta.open_system(tree):
        print("up", flush=True)
        await trio.sleep_forever()

ta.run(main)
"""


def stopped_by(number: signal.Signals) -> tuple[str, str, int]:
    """Start the program, and signal it when it is up; its output on both streams, and its exit code."""
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "up\n"
        program.send_signal(number)
        output, errors = program.communicate()
    return output, errors, program.returncode


def test_ctrl_c_stops_the_tree_in_order_and_interrupts() -> None:
    output, errors, code = stopped_by(signal.SIGINT)

    assert output.splitlines() == ["stopped c", "stopped b", "stopped a"]
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
    assert code in {-signal.SIGINT, 128 + signal.SIGINT, 1}


def test_sigterm_stops_the_tree_in_order_and_exits_as_a_shell_would_tell() -> None:
    output, errors, code = stopped_by(signal.SIGTERM)

    assert output.splitlines() == ["stopped c", "stopped b", "stopped a"]
    assert errors == ""
    assert code == 128 + signal.SIGTERM


# --- in this process ---


def run(main: Callable[[], Awaitable[Any]]) -> Any:
    return ta.run(main, clock=MockClock(autojump_threshold=0))


def error_of(main: Callable[[], Awaitable[Any]]) -> BaseException:
    """The error that leaves. An unexpected interrupt must not end the test run."""
    done = outcome.capture(run, main)
    assert isinstance(done, outcome.Error)
    return done.error


def test_without_a_signal_it_returns_what_main_does() -> None:
    async def main() -> int:
        await trio.sleep(5)
        return 42

    assert run(main) == 42


def test_an_error_of_main_leaves_as_itself() -> None:
    async def main() -> None:
        raise OSError("mine")

    with pytest.raises(OSError, match="mine"):
        run(main)


def test_giving_up_leaves_as_one_plain_error(diary: Any) -> None:
    async def main() -> None:
        async with ta.open_system(ta.Supervisor(diary.worker("a"), name="top", intensity=ta.Intensity(0))) as system:
            await diary.doom(system, "a", OSError("the disk"))

    with pytest.raises(ta.SupervisorGaveUp) as caught:
        run(main)

    assert isinstance(caught.value.__cause__, OSError)


def test_an_interrupt_inside_a_child_leaves_as_itself(diary: Any) -> None:
    async def interrupted() -> None:
        raise KeyboardInterrupt

    async def main() -> None:
        async with ta.open_system(ta.Supervisor(diary.worker("a"), ta.child(interrupted), name="top")):
            await trio.sleep_forever()

    assert type(error_of(main)) is KeyboardInterrupt
    assert diary == ["start a", "stop a"]


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)], ids=["SIGINT", "SIGTERM"]
)
def test_a_signal_stops_within_the_graces(diary: Any, number: signal.Signals, error: type[BaseException]) -> None:
    class Slow(ta.Actor[None]):
        async def on_stop(self, _reason: ta.Exit) -> None:
            await trio.sleep(2)
            diary.append(f"slow at {trio.current_time():g}")

    async def main() -> None:
        async with ta.open_system(ta.Supervisor(ta.child(Slow, grace=3), diary.worker("a"), name="top")):
            signal.raise_signal(number)
            await trio.sleep_forever()

    assert type(error_of(main)) is error
    assert diary == ["start a", "stop a", "slow at 2"]


def test_a_second_signal_while_stopping_changes_nothing(diary: Any) -> None:
    class Slow(ta.Actor[None]):
        async def on_stop(self, _reason: ta.Exit) -> None:
            signal.raise_signal(signal.SIGINT)
            await trio.sleep(2)
            diary.append("slow")

    async def main() -> None:
        async with ta.open_system(ta.Supervisor(ta.child(Slow, grace=3), name="top")):
            signal.raise_signal(signal.SIGTERM)
            await trio.sleep_forever()

    error = error_of(main)

    assert isinstance(error, SystemExit)
    assert error.code == 143
    assert diary == ["slow"]


def test_a_signal_is_not_forgotten_when_main_returns_all_the_same() -> None:
    async def main() -> int:
        signal.raise_signal(signal.SIGTERM)
        with trio.CancelScope(shield=True):
            await trio.sleep(1)
        return 42

    error = error_of(main)

    assert isinstance(error, SystemExit)
    assert error.code == 143


def test_the_reason_of_the_cancellation_names_the_signal() -> None:
    reasons: list[str] = []

    async def main() -> None:
        signal.raise_signal(signal.SIGTERM)
        try:
            await trio.sleep_forever()
        except trio.Cancelled as cancelled:
            reasons.append(str(cancelled.reason))
            raise

    with pytest.raises(SystemExit):
        run(main)

    assert re.search("SIGTERM", reasons[0])


def test_signals_are_left_as_they_were_found() -> None:
    async def main() -> None: ...

    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    run(main)

    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
