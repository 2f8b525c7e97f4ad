"""Everything that the parts of one running system share: settings, environment, observers, deadlines, the way to the store.

Each system has its own `Runtime`, so two systems in one process share nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
import trio

from trioactors.environment.environment import Environment
from trioactors.environment.forks import forked
from trioactors.errors import SystemClosed, TrioactorsError, WrongThread
from trioactors.errors.exits import Failure, RestartEntry
from trioactors.history.history import History
from trioactors.messaging.ledger import Accounts
from trioactors.persistence.committer import Committer
from trioactors.scheduling.activity import Activity
from trioactors.scheduling.deadlines import Deadlines
from trioactors.scheduling.parking import Parking
from trioactors.settings import Settings
from trioactors.supervision.alert_board import AlertBoard
from trioactors.supervision.stopping import Stopping
from trioactors.trace.handler_times import HandlerMeter
from trioactors.trace.loop_lag import LoopLag
from trioactors.trace.observers import Observers

__all__ = ["Runtime"]


@attrs.define(eq=False)
class Runtime:
    """The shared services of one system."""

    settings: Settings
    environment: Environment
    root_task: trio.lowlevel.Task
    observers: Observers
    lag: LoopLag = attrs.field(repr=False)
    """Measures how long tasks hold the event loop, while observers or viewers are attached."""
    meter: HandlerMeter = attrs.field(repr=False)
    """Measures how long messages wait and handlers run, while somebody wants to know."""
    alerts: AlertBoard = attrs.field(factory=AlertBoard, kw_only=True)
    """The alerts of the system, and where they are."""
    failing: list[Callable[[str, float], None]] = attrs.field(factory=list[Callable[[str, float], None]], kw_only=True, repr=False)
    """Called with the name of each child that failed, and the time."""
    report: Callable[[Failure, Sequence[RestartEntry]], None] = attrs.field(repr=False)
    """Logs a failure, with the earlier restarts of the same supervisor."""
    now: Callable[[], float] = attrs.field(repr=False)
    """Reads Trio's clock; faster than `trio.current_time`."""
    accounts: Accounts = attrs.field(repr=False)
    """The dead letters, and the ledgers of children that are gone."""
    check_state: bool = False
    """Whether the use of `self.state` outside of an actor's messages is an error."""
    failed: int = attrs.field(default=0, init=False)
    """The number of exits that were not orderly."""
    interrupt: Callable[[BaseException], None] = attrs.field(init=False, repr=False)
    """Called with a KeyboardInterrupt or SystemExit that was raised inside a child: stops the whole system."""
    ending: Callable[[Any, BaseException | None], None] = attrs.field(init=False, repr=False)
    """Called with the incarnation of each supervisor that begins to stop by itself, before it stops its children, and with the error
    if its start failed."""
    deadlines: Deadlines = attrs.field(factory=Deadlines)
    activity: Activity = attrs.field(factory=Activity)
    committer: Committer | None = attrs.field(default=None, repr=False)
    """The way to the store; None if the system has none."""
    history: History | None = attrs.field(default=None, repr=False)
    """What the system remembers of its crashes and figures; None if it remembers nothing."""
    closed: bool = False
    """Whether the tree has been stopped and the system is over."""
    forked: bool = attrs.field(default=False, init=False)
    """Whether this is the copy in a forked process. Then `closed` is true as well."""
    stopping: Stopping | None = attrs.field(default=None, init=False)
    """The times of the stop; None until the whole system is asked to stop, or begins to end by itself."""
    forced: str | None = attrs.field(default=None, init=False)
    """Why all that still runs is cancelled; None until a stop is forced."""
    resting: Parking = attrs.field(factory=Parking, init=False, repr=False)
    """Woken whenever an actor may have come to rest, and when a stop is forced. Drains wait here."""
    attachments: dict[type, Any] = attrs.field(factory=dict[type, Any], init=False, repr=False)
    """What products on top keep for the life of the system, by its class. A console that is restarted finds its audit log here."""

    def __attrs_post_init__(self) -> None:
        self.observers.changed = self.lag.reconsider

    def note(self, failure: Failure, child: str) -> None:
        """Count the *failure* of *child*, tell the alerts that count it, and remember it if the system has a history."""
        self.failed += 1
        for noted in self.failing:
            noted(child, failure.time)
        if self.history is not None:
            self.history.crashed(failure)

    @property
    def draining(self) -> bool:
        """Whether the whole system is drained before it stops, or was."""
        return self.stopping is not None and self.stopping.drain_until is not None

    def check_thread(self, target: object) -> None:
        """Raise `WrongThread` outside this system's Trio run; `SystemClosed` if the system is closed too; `UsageError` in a fork."""
        try:
            here = trio.lowlevel.current_root_task()
        except RuntimeError:
            here = None
        if here is not self.root_task or self.forked:
            if self.closed:
                raise self.over(f"{target!r}: its system is closed")
            raise WrongThread(repr(target))

    def check_open(self, target: object) -> None:
        """Raise `SystemClosed` if the system is closed, `WrongThread` outside its Trio run."""
        if self.closed:
            raise self.over(f"{target!r} is closed")
        self.check_thread(target)

    def check_fork(self) -> None:
        """Raise `UsageError` in a forked process."""
        if self.forked:
            raise forked("this system")

    def over(self, problem: str) -> TrioactorsError:
        """The error for using a system that is closed, which *problem* says, or that is the copy in a forked process."""
        return forked("this system") if self.forked else SystemClosed(problem)

    def leave(self) -> None:
        """Called in a forked process, in which the system cannot be used."""
        self.closed = self.forked = True
