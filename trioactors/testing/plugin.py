"""The pytest plugin: fixtures beside pytest-trio's own.

    system      a running system, isolated, in virtual time, checked for leaks at teardown
    recorder    an observer of that system

Tests under `@explore(...)` and `@sim_test(...)` use the options `--trioactors-seeds`, `--trioactors-seed` and `--trioactors-policy`; the
former also use `--trioactors-tape`, the latter `--trioactors-case`.

Override `system_tree`, `system_store`, `system_settings` or `system_environment` in a module or a class to open `system` with them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from trioactors.environment.environment import Environment
from trioactors.persistence.store import Store
from trioactors.settings import Settings
from trioactors.supervision.specs import Supervisor
from trioactors.system.system import System
from trioactors.testing.clocks import ThreadGuard
from trioactors.testing.leaks import isolated_system
from trioactors.testing.schedules import Policy
from trioactors.testing.simulation.sim_tests import NEVER_MET, NEVER_REACHED, REACHED
from trioactors.trace.observers import Recorder

__all__ = [
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_terminal_summary",
    "recorder",
    "system",
    "system_environment",
    "system_settings",
    "system_store",
    "system_tree",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of `@explore` and `@sim_test`."""
    group = parser.getgroup("trioactors", "trioactors: tests under @explore and @sim_test")
    group.addoption("--trioactors-seeds", type=int, metavar="N", help="try N seeds in each test, whatever the test says")
    group.addoption("--trioactors-seed", type=int, metavar="SEED", help="try only this seed")
    group.addoption("--trioactors-policy", choices=[policy.value for policy in Policy], help="choose tasks by this policy")
    group.addoption("--trioactors-case", metavar="FILE", help="repeat the simulation that a failure has kept in FILE")
    group.addoption("--trioactors-tape", metavar="TAPE", help="repeat the schedule that a failure has printed")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the `sometimes` points that no simulation reached."""
    reports = terminalreporter.getreports("passed")
    reached = {value for report in reports for name, value in report.user_properties if name == REACHED}
    for report in reports:
        found = ((name, value) for name, value in report.user_properties if name in {NEVER_REACHED, NEVER_MET})
        points = [repr(value) for name, value in found if name == NEVER_REACHED or value not in reached]
        if points:
            terminalreporter.write_line(f"{report.nodeid}: no run reached {', '.join(points)}")


def _run_virtually(
    main: Callable[[], Awaitable[Any]],
    *,
    clock: trio.abc.Clock | None = None,
    instruments: Sequence[trio.abc.Instrument] = (),
) -> Any:
    """Run a test that uses `system`: on the clock that it requests, or else on a jumping one; the clock is held while threads are busy."""
    chosen = MockClock(autojump_threshold=0) if clock is None else clock
    guards = [ThreadGuard(chosen)] if isinstance(chosen, MockClock) else []
    return trio.run(main, clock=chosen, instruments=[*instruments, *guards])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give virtual time to every test that uses `system`, even indirectly: pytest-trio only looks at direct fixtures."""
    for item in items:
        if "system" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.trio(run=_run_virtually), append=False)


@pytest.fixture
def system_tree() -> Supervisor | None:
    """The tree of `system`. Override it; the default is none."""
    return None


@pytest.fixture
def system_settings() -> Settings | None:
    """The settings of `system`. Override it; the default is `Settings()`."""
    return None


@pytest.fixture
def system_store() -> str | Store | None:
    """The store of `system`. Override it; the default is a store in memory."""
    return "memory:"


@pytest.fixture
def system_environment() -> Environment | None:
    """The environment of `system`. Override it; the default is a virtual one."""
    return None


@pytest.fixture
async def system(
    system_tree: Supervisor | None,
    system_store: str | Store | None,
    system_settings: Settings | None,
    system_environment: Environment | None,
) -> AsyncGenerator[System, None]:
    """A running system in virtual time. The test fails if parts of it are left behind."""
    async with isolated_system(system_tree, store=system_store, settings=system_settings, environment=system_environment) as opened:
        yield opened


@pytest.fixture
def recorder(system: System) -> Generator[Recorder, None, None]:
    """The last ten thousand trace records of `system`."""
    kept = Recorder()
    system.observe(kept)
    yield kept
    system.unobserve(kept)
