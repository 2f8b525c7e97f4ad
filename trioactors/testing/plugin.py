"""The pytest plugin: fixtures beside pytest-trio's own.

    system      a running system, isolated, in virtual time, checked for leaks at teardown
    recorder    an observer of that system

Tests under `@explore(...)` and `@sim_test(...)` listen to the options `--trioactors-seeds`, `-seed` and `-policy`; the first also to
`-tape`, the second to `-case`.

Override `system_tree`, `system_store`, `system_settings` or `system_environment` in a module or a class to have `system` opened with them.
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
    """What `@explore(...)` reads from the command line."""
    group = parser.getgroup("trioactors", "trioactors: tests under @explore and @sim_test")
    group.addoption("--trioactors-seeds", type=int, metavar="N", help="try so many of them, whatever the tests say")
    group.addoption("--trioactors-seed", type=int, metavar="SEED", help="try only this seed")
    group.addoption("--trioactors-policy", choices=[policy.value for policy in Policy], help="choose tasks by this policy")
    group.addoption("--trioactors-case", metavar="FILE", help="repeat this one simulation, as a failure has kept it")
    group.addoption("--trioactors-tape", metavar="TAPE", help="repeat this one schedule, as a failure has printed it")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the points that simulations were to reach sometimes, and never did."""
    reports = terminalreporter.getreports("passed")
    reached = {value for report in reports for name, value in report.user_properties if name == REACHED}
    for report in reports:
        told = ((name, value) for name, value in report.user_properties if name in {NEVER_REACHED, NEVER_MET})
        points = [repr(value) for name, value in told if name == NEVER_REACHED or value not in reached]
        if points:
            terminalreporter.write_line(f"{report.nodeid}: no run reached {', '.join(points)}")


def _run_virtually(
    main: Callable[[], Awaitable[Any]],
    *,
    clock: trio.abc.Clock | None = None,
    instruments: Sequence[trio.abc.Instrument] = (),
) -> Any:
    """How a test with a `system` is run: on the clock it asked for, else on one that jumps; held while worker threads are busy."""
    chosen = MockClock(autojump_threshold=0) if clock is None else clock
    guards = [ThreadGuard(chosen)] if isinstance(chosen, MockClock) else []
    return trio.run(main, clock=chosen, instruments=[*instruments, *guards])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test that asks for `system`, directly or through a fixture, virtual time: pytest-trio looks at direct fixtures only."""
    for item in items:
        if "system" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.trio(run=_run_virtually), append=False)


@pytest.fixture
def system_tree() -> Supervisor | None:
    """The tree of `system`; none unless overridden."""
    return None


@pytest.fixture
def system_settings() -> Settings | None:
    """The settings of `system`; the defaults unless overridden."""
    return None


@pytest.fixture
def system_store() -> str | Store | None:
    """The store of `system`; one in memory unless overridden."""
    return "memory:"


@pytest.fixture
def system_environment() -> Environment | None:
    """The environment of `system`; a virtual one unless overridden."""
    return None


@pytest.fixture
async def system(
    system_tree: Supervisor | None,
    system_store: str | Store | None,
    system_settings: Settings | None,
    system_environment: Environment | None,
) -> AsyncGenerator[System, None]:
    """A running system in virtual time. The test fails if anything of it is left."""
    async with isolated_system(system_tree, store=system_store, settings=system_settings, environment=system_environment) as opened:
        yield opened


@pytest.fixture
def recorder(system: System) -> Generator[Recorder, None, None]:
    """Every trace record of `system`, the last ten thousand."""
    kept = Recorder()
    system.observe(kept)
    yield kept
    system.unobserve(kept)
