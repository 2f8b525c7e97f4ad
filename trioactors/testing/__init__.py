"""Tools for testing actors without sleeping, polling or mocks. The project's own tests use nothing else.

    async def test_a_counter_counts(system: ta.System) -> None:
        counter = await system.start(Counter)
        assert await counter.add(2) == 2

With the pytest plugin (installed with the package, on top of pytest-trio) a test that takes `system` gets its own running system, in
virtual time, which is checked for leaks when the test is over. Everything here also works without pytest.
"""

from trioactors.testing.clocks import ThreadGuard, run, virtual_environment
from trioactors.testing.driving import PlannedCrash, crash, kill, restarted, suspended, until
from trioactors.testing.exploring import Explored, explore
from trioactors.testing.leaks import Leak, isolated_system
from trioactors.testing.network import MemoryNetwork
from trioactors.testing.playing import Stuck, replay
from trioactors.testing.recording import emitted
from trioactors.testing.schedules import Policy, PolicyWord, Tape
from trioactors.testing.simulation import (
    Client,
    Faults,
    RandomClients,
    Simulation,
    Use,
    appended,
    crashes_are_planned,
    effect,
    sim_test,
    simulate,
    sometimes,
)
from trioactors.testing.sweeping import Swept, sweep_cancellation
from trioactors.testing.workers import HeldWorker, SlowWorker
from trioactors.trace.observers import Recorder

__all__ = [
    "Client",
    "Explored",
    "Faults",
    "HeldWorker",
    "Leak",
    "MemoryNetwork",
    "PlannedCrash",
    "Policy",
    "PolicyWord",
    "RandomClients",
    "Recorder",
    "Simulation",
    "SlowWorker",
    "Stuck",
    "Swept",
    "Tape",
    "ThreadGuard",
    "Use",
    "appended",
    "crash",
    "crashes_are_planned",
    "effect",
    "emitted",
    "explore",
    "isolated_system",
    "kill",
    "replay",
    "restarted",
    "run",
    "sim_test",
    "simulate",
    "sometimes",
    "suspended",
    "sweep_cancellation",
    "until",
    "virtual_environment",
]
