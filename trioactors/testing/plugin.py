"""The pytest plugin: fixtures beside pytest-trio's own.

    system      a running system, isolated, in virtual time, checked for leaks at teardown
    recorder    an observer of that system

Override `system_tree` or `system_settings` in a module or a class to have `system` opened with them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator

import pytest
import trio
from trio.testing import MockClock

from trioactors.settings import Settings
from trioactors.specs import Supervisor
from trioactors.system import System
from trioactors.testing.clocks import ThreadGuard
from trioactors.testing.leaks import isolated_system
from trioactors.trace import Recorder

__all__ = ["recorder", "system", "system_settings", "system_tree", "thread_guard"]


@pytest.fixture
def thread_guard(autojump_clock: MockClock) -> trio.abc.Instrument:
    """The instrument that holds the virtual clock while worker threads run."""
    return ThreadGuard(autojump_clock)


@pytest.fixture
def system_tree() -> Supervisor | None:
    """The tree of `system`; none unless overridden."""
    return None


@pytest.fixture
def system_settings() -> Settings | None:
    """The settings of `system`; the defaults unless overridden."""
    return None


@pytest.fixture
async def system(
    autojump_clock: MockClock, thread_guard: ThreadGuard, system_tree: Supervisor | None, system_settings: Settings | None
) -> AsyncGenerator[System, None]:
    """A running system in virtual time. The test fails if anything of it is left."""
    del autojump_clock, thread_guard
    async with isolated_system(system_tree, settings=system_settings) as opened:
        yield opened


@pytest.fixture
def recorder(system: System) -> Generator[Recorder, None, None]:
    """Every trace record of `system`, the last ten thousand."""
    kept = Recorder()
    system.observe(kept)
    yield kept
    system.unobserve(kept)
