"""Testing actors without sleeping, polling or mocks. The project's own tests use nothing else.

With the pytest plugin (installed with the package, on top of pytest-trio) a test asks for `system` and gets a running system of its own, in
virtual time, that is checked for leaks when the test is over. Everything here works without pytest too.
"""

from trioactors.testing.clocks import ThreadGuard, run, virtual_environment
from trioactors.testing.driving import PlannedCrash, crash, kill, restarted, suspended, until
from trioactors.testing.leaks import Leak, isolated_system
from trioactors.testing.recording import emitted
from trioactors.testing.workers import HeldWorker, SlowWorker
from trioactors.trace import Recorder

__all__ = [
    "HeldWorker",
    "Leak",
    "PlannedCrash",
    "Recorder",
    "SlowWorker",
    "ThreadGuard",
    "crash",
    "emitted",
    "isolated_system",
    "kill",
    "restarted",
    "run",
    "suspended",
    "until",
    "virtual_environment",
]
