"""What every part of one running system shares: its clocked heap, its names, its observers, its settings.

One `Runtime` belongs to one system, so two systems in one process share nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
import trio

from trioactors.environment.environment import Environment
from trioactors.errors import SystemClosed, WrongThread
from trioactors.errors.exits import Failure, RestartEntry
from trioactors.messaging.ledger import Accounts
from trioactors.persistence.committer import Committer
from trioactors.scheduling.activity import Activity
from trioactors.scheduling.deadlines import Deadlines
from trioactors.settings import Settings
from trioactors.trace.loop_lag import LoopLag
from trioactors.trace.observers import Observers

__all__ = ["Runtime"]


@attrs.define(eq=False)
class Runtime:
    """The services of one system."""

    settings: Settings
    environment: Environment
    root_task: trio.lowlevel.Task
    observers: Observers
    lag: LoopLag = attrs.field(repr=False)
    """Measures how long tasks hold the loop, while somebody wants to know."""
    report: Callable[[Failure, Sequence[RestartEntry]], None] = attrs.field(repr=False)
    """Logs a failure, with the earlier restarts of the same supervisor."""
    now: Callable[[], float] = attrs.field(repr=False)
    """Trio's clock, without the way to it."""
    accounts: Accounts = attrs.field(repr=False)
    """The dead letters, and the ledgers of children that are gone."""
    failed: int = attrs.field(default=0, init=False)
    """How many lives did not end in order."""
    interrupt: Callable[[BaseException], None] = attrs.field(init=False, repr=False)
    """Told of a KeyboardInterrupt or SystemExit that came up inside a child: the whole system stops."""
    deadlines: Deadlines = attrs.field(factory=Deadlines)
    activity: Activity = attrs.field(factory=Activity)
    committer: Committer | None = attrs.field(default=None, repr=False)
    """The way to the store, where the system has one."""
    closed: bool = False

    def __attrs_post_init__(self) -> None:
        self.observers.changed = self.lag.reconsider

    def check_thread(self, target: object) -> None:
        """Refuse to be used outside this system's Trio run."""
        try:
            here = trio.lowlevel.current_root_task()
        except RuntimeError:
            here = None
        if here is not self.root_task:
            if self.closed:
                raise SystemClosed(f"{target!r}: its system is closed")
            raise WrongThread(repr(target))

    def check_open(self, target: object) -> None:
        """Refuse to be used when the system is closed, or outside its Trio run."""
        if self.closed:
            raise SystemClosed(f"{target!r} is closed")
        self.check_thread(target)
