"""Fixtures for the whole suite: no test may wait on a real clock, a diary of what children do, and pytest runs inside a test."""

from __future__ import annotations

import math
import signal
import sys
import threading  # noqa: TID251 - its Event.wait is patched here
import time
from collections.abc import Callable, Generator
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, settings

from shared.diaries import Diary
from trioactors.testing import ThreadGuard

pytest_plugins = ["pytester"]

# How long an example takes says how busy the machine is, and nothing about the code.
settings.register_profile("trioactors", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("trioactors")


WAITERS = {"threading", "__channelexec__"}
"""Modules that may wait for an event: one starts threads, and in the other a process of pytest-xdist waits for its next test."""


_SIGNALS: dict[int, Any] = {
    signal.SIGINT: signal.default_int_handler,
    **{getattr(signal, name): signal.SIG_DFL for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)},
}


class Waited(AssertionError):
    """A test waited on a real clock."""


@pytest.fixture(autouse=True, scope="session")
def signals_of_a_terminal() -> Generator[None, None, None]:
    """Handle signals as a program that was started from a terminal does, also if `nohup` or `&` started the tests deaf to them.

    Programs that tests start inherit this: a program that is deaf to Ctrl-C stays so.
    """
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, default in _SIGNALS.items():
        if before[number] is signal.SIG_IGN:
            signal.signal(number, default)
    yield
    for number, handler in before.items():
        if handler is signal.SIG_IGN:
            signal.signal(number, handler)


@pytest.fixture(autouse=True, scope="session")
def no_real_waiting() -> Generator[None, None, None]:
    """Make every wait on a real clock raise `Waited`, in all tests of this process."""
    really_sleep = time.sleep  # noqa: TID251 - patched below
    event_wait = threading.Event.wait
    sleep_time = trio._core._run.SystemClock.deadline_to_sleep_time

    def sleep(seconds: float) -> None:
        if sys._getframe(1).f_globals["__name__"] != "subprocess":  # it polls for the exit of a slow program
            raise Waited("time.sleep")
        really_sleep(seconds)

    def wait(self: threading.Event, timeout: float | None = None) -> bool:
        if sys._getframe(1).f_globals["__name__"] not in WAITERS:
            raise Waited("threading.Event.wait")
        return event_wait(self, timeout)

    def deadline_to_sleep_time(self: Any, deadline: float) -> float:
        left = sleep_time(self, deadline)
        if 0 < left < math.inf:
            raise Waited("a deadline on trio.SystemClock")
        return left

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "sleep", sleep)
        patch.setattr(threading.Event, "wait", wait)
        patch.setattr(trio._core._run.SystemClock, "deadline_to_sleep_time", deadline_to_sleep_time)
        yield


@pytest.fixture(autouse=True)
def no_module_stays(tmp_path_factory: pytest.TempPathFactory) -> Generator[None, None, None]:
    """Let no test leave a module of its own behind: the next test that writes one of the same name would get this one."""
    before = set(sys.modules)
    yield
    folder = str(tmp_path_factory.getbasetemp())
    new = {name: getattr(sys.modules[name], "__file__", None) for name in sys.modules.keys() - before}
    left = sorted(name for name, file in new.items() if file is not None and file.startswith(folder))
    for name in left:
        del sys.modules[name]
    assert not left, f"modules of this test are still loaded: {', '.join(left)}"


@pytest.fixture
def diary() -> Diary:
    """An empty diary."""
    return Diary()


@pytest.fixture
def thread_guard(autojump_clock: trio.testing.MockClock) -> ThreadGuard:
    """Keeps virtual time from jumping while a thread of the test runs."""
    return ThreadGuard(autojump_clock)


@pytest.fixture
def outcome_of(request: pytest.FixtureRequest, pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """Runs the source of some tests in a pytest of their own. The `HEAD` of the test's module comes first."""

    def run(tests: str, *options: str) -> pytest.RunResult:
        pytester.makeini("[pytest]\ntrio_mode = true\nfilterwarnings = error\n")
        pytester.makepyfile(request.module.HEAD + tests)
        return pytester.runpytest("-p", "no:randomly", "-p", "no:cacheprovider", *options)

    return run
