"""`Environment`: the one port to everything that is not deterministic.

Clocks, random streams, ids, secrets, the disk, network listeners and the worker for blocking calls reach the runtime through one frozen
value, handed to the system when it opens. Nothing else in the runtime reads a clock other than Trio's, draws a random number, starts a
thread, opens a file or a socket. So a test that hands in another `Environment` controls all of them, and two systems in one process can
have different ones.

A mock clock jumps ahead while a worker thread is busy. Therefore this port also decides where a blocking call runs: in a thread of the
store's own in production, in place under a mock clock (`workers.py`).
"""

from __future__ import annotations

import os
import random
import secrets
import time
import uuid
from collections.abc import Callable

import attrs
import trio

from trioactors.environment.disk import Disk, RealDisk
from trioactors.environment.forks import in_forked_children
from trioactors.environment.network import Listen, open_tcp
from trioactors.environment.posting import Post, post_http
from trioactors.environment.workers import Worker, worker_for_this_run
from trioactors.errors import SpecError

__all__ = ["Environment", "on_test_clock"]


def _stream(_: str) -> random.Random:
    """Make a new stream for each label, seeded by the operating system."""
    return random.Random()  # jitter and sampling, nothing secret


def _new_id() -> str:
    return uuid.uuid4().hex


def _new_secret() -> str:
    """A secret without a leading dash: as the argument of a command it would be taken for an option."""
    return secrets.token_urlsafe(32).lstrip("-")


def on_test_clock() -> bool:
    """Whether the present Trio run is on a clock for tests (Trio's `MockClock`), which jumps."""
    return hasattr(trio.lowlevel.current_clock(), "autojump_threshold")


def _stopwatch() -> Callable[[], float] | None:
    """A real clock; None under one that jumps, where a task takes no time."""
    return None if on_test_clock() else time.perf_counter


@attrs.frozen(kw_only=True)
class Environment:
    """Everything that the runtime asks of the outside world. By default it is the real one.

        now = system.environment.wall_clock()
        dice = system.environment.random("dice")
        order_id = system.environment.new_id()

        fixed = ta.Environment(wall_clock=lambda: 0.0, new_id=iter(ids).__next__)
        async with ta.open_system(tree, environment=fixed) as system:
            ...

    Code that uses these instead of `time` and `random` can be simulated.
    """

    wall_clock: Callable[[], float] = time.time
    """The time of day, in seconds since the epoch. For people and for records, never for deadlines."""

    random: Callable[[str], random.Random] = _stream
    """Makes a random stream for a label. Make it once, with a label that does not change, and keep it."""

    new_id: Callable[[], str] = _new_id
    """Makes a unique id, as text."""

    worker: Callable[[], Worker] = worker_for_this_run
    """Makes the worker that runs the blocking calls of a store. Called inside Trio, each time a store is opened."""

    disk: Disk = attrs.field(factory=RealDisk)
    """The file system for the files of a store."""

    process: int = attrs.field(factory=os.getpid)
    """The process id. A store that is locked names the process that holds it. In a forked process, it is that of the child."""

    new_secret: Callable[[], str] = _new_secret
    """Makes a text that cannot be guessed, of letters, digits, - and _."""

    listen: Listen = open_tcp
    """Opens a listener for network connections."""

    post: Post = post_http
    """Sends a document to a URL by HTTP: the notices of alerts. Called with the URL, the body, and the seconds that it may take."""

    stopwatch: Callable[[], Callable[[], float] | None] = _stopwatch
    """Gives a clock to time how long tasks hold the event loop; None if that is not to be measured. Called inside Trio."""

    check_state: bool | None = None
    """Whether the use of `self.state` outside of an actor's messages, in a child task for example, raises `UsageError`. None, the default:
    only in tests, which is under a clock that jumps and in the environments of `trioactors.testing`."""

    def __attrs_post_init__(self) -> None:
        for name in ("wall_clock", "random", "new_id", "worker", "new_secret", "listen", "post", "stopwatch"):
            if not callable(given := getattr(self, name)):
                raise SpecError(f"Environment.{name}={given!r:.80} must be a function")
        if self.check_state is not None and type(self.check_state) is not bool:
            raise SpecError(f"Environment.check_state={self.check_state!r:.80} must be True, False or None")
        if type(self.process) is not int:
            raise SpecError(f"Environment.process={self.process!r:.80} must be a whole number")
        if isinstance(self.disk, type) or not hasattr(self.disk, "open"):
            raise SpecError(f"Environment.disk={self.disk!r:.80} must be a disk")
        if self.process == os.getpid():
            in_forked_children(self, Environment._name_this_process)

    def _name_this_process(self) -> None:
        object.__setattr__(self, "process", os.getpid())
