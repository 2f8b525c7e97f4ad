"""`ta.run`: a program that is stopped by a signal stops its tree in order."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any

import outcome
import pytest
import trio
import trio.testing
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


IGNORING = """
import os, signal, sys
for name in ("SIGINT", "SIGTERM", "SIGHUP"):
    signal.signal(getattr(signal, name), signal.SIG_IGN if name in sys.argv[1].split() else signal.SIG_DFL)
os.execv(sys.executable, [sys.executable, "-c", sys.argv[2]])
"""
"""Starts a program with some signals ignored, as a shell or `nohup` does, and the others not, however these tests were started."""


def started(program: str, ignored: str = "") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", IGNORING, ignored, program]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def next_line(program: subprocess.Popen[str]) -> str:
    assert program.stdout is not None
    return program.stdout.readline().strip()


def stopped_by(number: signal.Signals) -> tuple[str, str, int]:
    """Start the program, and signal it when it is up; its output on both streams, and its exit code."""
    with started(PROGRAM) as program:
        assert next_line(program) == "up"
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


# --- more signals; each of these programs ends within seconds, or is ended by its alarm ---

STUCK = """
import signal, time
import trio, trioactors as ta

signal.alarm(20)

class Slow(ta.Actor[None]):
    async def on_stop(self, reason):
        await trio.sleep(0.3)  # another signal is another one then
        print("stopping", flush=True)
        {then}

async def main():
    async with ta.open_system(ta.Supervisor(ta.child(Slow, grace=1000), name="top"), settings=ta.Settings(stop_timeout=1000)):
        print("up", flush=True)
        await trio.sleep_forever()

ta.run(main)
"""


def test_a_second_sigterm_ends_a_program_that_does_not_stop() -> None:
    with started(STUCK.format(then="await trio.sleep_forever()")) as program:
        assert next_line(program) == "up"
        program.send_signal(signal.SIGTERM)
        assert next_line(program) == "stopping"
        program.send_signal(signal.SIGTERM)
        _, errors = program.communicate()

    assert program.returncode == 128 + signal.SIGTERM
    assert "the stop is forced: a further signal (SIGTERM). Cancelled: Slow-1" in errors


HELD = """
        inner, got = signal.getsignal(signal.SIGTERM), []
        signal.signal(signal.SIGTERM, lambda *given: (got.append(time.monotonic()), inner(*given)))
        print("held", flush=True)
        while not got or time.monotonic() < got[0] + 0.3:
            pass
        print("still held", flush=True)
        while True:
            pass
"""
"""Holds the event loop for ever, and says when the signal after the first was received."""


def test_a_third_sigterm_ends_a_program_that_holds_the_loop() -> None:
    with started(STUCK.format(then=HELD.strip())) as program:
        assert next_line(program) == "up"
        program.send_signal(signal.SIGTERM)
        assert [next_line(program), next_line(program)] == ["stopping", "held"]
        program.send_signal(signal.SIGTERM)
        assert next_line(program) == "still held"
        program.send_signal(signal.SIGTERM)
        program.communicate()

    assert program.returncode == -signal.SIGTERM


@pytest.mark.parametrize("ignored", ["SIGINT", "SIGHUP"])
def test_a_signal_that_the_program_was_started_with_ignored_does_not_stop_it(ignored: str) -> None:
    with started(PROGRAM, ignored) as program:
        assert next_line(program) == "up"
        program.send_signal(signal.Signals[ignored])
        program.send_signal(signal.SIGTERM)
        output, _ = program.communicate()

    assert output.splitlines() == ["stopped c", "stopped b", "stopped a"]
    assert program.returncode == 128 + signal.SIGTERM


def test_a_hang_up_stops_the_tree_in_order() -> None:
    output, errors, code = stopped_by(signal.SIGHUP)

    assert output.splitlines() == ["stopped c", "stopped b", "stopped a"]
    assert errors == ""
    assert code == 128 + signal.SIGHUP


# --- in this process ---


@pytest.fixture(autouse=True)
def default_signals() -> Generator[None, None, None]:
    """Signals as Python has them at its start, also if these tests were started by `nohup`."""
    defaults = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in defaults.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


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


def slow_to_stop(diary: Any, then: Callable[[], Awaitable[None]]) -> ta.Supervisor:
    """A tree whose one actor does *then* when it stops, with an hour of grace."""

    class Slow(ta.Actor[None]):
        async def on_stop(self, _reason: ta.Exit) -> None:
            try:
                await then()
                diary.append(f"stopped at {trio.current_time():g}")
            except trio.Cancelled:
                diary.append(f"cancelled at {trio.current_time():g}")
                raise

    return ta.Supervisor(diary.worker("first"), ta.child(Slow, grace=3_600), name="top")


def stopped_with(tree: ta.Supervisor, number: signal.Signals) -> BaseException:
    """Run *tree*, and signal the program when it is up."""

    async def main() -> None:
        async with ta.open_system(tree, settings=ta.Settings(stop_timeout=3_600)):
            signal.raise_signal(number)
            await trio.sleep_forever()

    return error_of(main)


def test_a_signal_right_after_another_one_is_taken_for_the_same(diary: Any) -> None:
    async def again() -> None:
        signal.raise_signal(signal.SIGINT)
        await trio.sleep(2)

    error = stopped_with(slow_to_stop(diary, again), signal.SIGTERM)

    assert isinstance(error, SystemExit)
    assert error.code == 143
    assert diary == ["start first", "stopped at 2", "stop first"]


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_second_signal_cancels_all_that_still_runs(diary: Any, second: signal.Signals) -> None:
    async def again() -> None:
        await trio.sleep(1)
        signal.raise_signal(second)
        await trio.sleep(100)

    error = stopped_with(slow_to_stop(diary, again), signal.SIGTERM)

    assert isinstance(error, SystemExit)
    assert error.code == 143  # as after one signal
    assert diary == ["start first", "cancelled at 1"]


def test_a_forced_stop_reaches_all_systems_of_the_program(diary: Any) -> None:
    async def again() -> None:
        await trio.sleep(1)
        signal.raise_signal(signal.SIGINT)
        await trio.sleep(100)

    async def wait() -> None:
        await trio.sleep(100)

    async def opened(then: Callable[[], Awaitable[None]]) -> None:
        async with ta.open_system(slow_to_stop(diary, then), settings=ta.Settings(stop_timeout=3_600)):
            await trio.sleep_forever()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(opened, again)
            nursery.start_soon(opened, wait)
            await trio.testing.wait_all_tasks_blocked()
            signal.raise_signal(signal.SIGINT)

    assert type(error_of(main)) is KeyboardInterrupt
    assert [line for line in diary if "at" in line.split()] == ["cancelled at 1"] * 2


def test_a_signal_that_was_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)

    async def main() -> int:
        signal.raise_signal(signal.SIGTERM)
        await trio.sleep(1)
        return 42

    try:
        assert run(main) == 42
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_sighup_stops_in_order_too(diary: Any) -> None:
    async def at_once() -> None:
        await trio.lowlevel.checkpoint()

    error = stopped_with(slow_to_stop(diary, at_once), signal.SIGHUP)

    assert isinstance(error, SystemExit)
    assert error.code == 129
    assert diary == ["start first", "stopped at 0", "stop first"]


def test_a_program_can_take_a_signal_for_itself(diary: Any) -> None:
    async def main() -> int:
        with trio.open_signal_receiver(signal.SIGHUP) as signals:
            signal.raise_signal(signal.SIGHUP)
            async for number in signals:
                diary.append(signal.Signals(number).name)
                break
        return 42

    assert run(main) == 42
    assert diary == ["SIGHUP"]


def test_in_another_thread_there_are_no_signals() -> None:
    async def main() -> None: ...

    async def in_a_thread() -> None:
        with pytest.raises(ta.UsageError, match="main thread"):
            await trio.to_thread.run_sync(ta.run, main)

    trio.run(in_a_thread)


class Printer(ta.Actor[None]):
    def __init__(self, done: list[int]) -> None:
        self.done = done

    @ta.handler
    async def page(self, number: int) -> None:
        await trio.sleep(1)
        self.done.append(number)


@pytest.mark.parametrize(("drain", "pages"), [(True, [0, 1, 2]), (1.5, [0, 1]), (False, [0])])
def test_a_drain_of_the_program_is_that_of_its_systems(*, drain: bool | float, pages: list[int]) -> None:
    done: list[int] = []

    async def main() -> None:
        async with ta.open_system() as system:
            printer = await system.start(partial(Printer, done))
            for number in range(3):
                await printer.page.cast(number)
            signal.raise_signal(signal.SIGTERM)
            await trio.sleep_forever()

    with pytest.raises(SystemExit):
        ta.run(main, drain=drain, clock=MockClock(autojump_threshold=0))

    assert done == pages


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
