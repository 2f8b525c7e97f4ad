"""One actor in full: the message in progress, waiting messages, timers, state and last failure."""

from __future__ import annotations

import itertools
import linecache
from collections.abc import Callable, Iterator
from types import MethodType
from typing import Final

import attrs

from trioactors.actors.child import ActorChild, ActorIncarnation
from trioactors.actors.pausing import paused_since
from trioactors.actors.watch import Watch
from trioactors.inspect.actors import actor_child
from trioactors.inspect.ages import Marks
from trioactors.inspect.failures import errors_of, report
from trioactors.inspect.plain import STATE_LIMITS, Cut, Plain, plain_and_cuts
from trioactors.inspect.timers import TimerRow, timer_rows, timers_of
from trioactors.inspect.waiting import WaitingMessage, kind_of, waiting_rows
from trioactors.messaging.ledger import Ledger
from trioactors.messaging.messages import OUTSIDE, Envelope, caller_of
from trioactors.settings import count, of_class
from trioactors.supervision.child import Incarnation
from trioactors.supervision.restarts import ChildStatus
from trioactors.supervision.specs import Restart
from trioactors.supervision.tree import status_of
from trioactors.supervision.unreadable import problem_of
from trioactors.system.system import System
from trioactors.trace.frames import RaisedError

__all__ = [
    "ActorView",
    "Durability",
    "FailureView",
    "Handling",
    "StateView",
    "actor",
]

_FRAMES: Final = 100
"""Frames shown of a stack."""


@attrs.frozen(kw_only=True)
class Handling:
    """The message in progress."""

    handler: str
    kind: str
    sender: str
    since: float
    """When the handler started, on Trio's clock."""


@attrs.frozen(kw_only=True)
class FailureView:
    """The last failure of an actor."""

    incarnation: int
    time: float
    reason: str
    report: str
    """The crash report as logged: the message, its sender, the traceback."""
    errors: tuple[RaisedError, ...]
    """The error, its causes and the errors grouped in it, with their frames; empty if there was no error."""


@attrs.frozen(kw_only=True)
class Durability:
    """The durable state of an actor."""

    policy: str
    revision: int
    """Of the saved record; 0 if there is none yet."""
    committed_at: float | None
    """When the last commit of this incarnation completed, on Trio's clock; None if there was none."""
    committing_since: float | None
    """When the commit in progress was submitted."""
    size: int
    """Of the saved record, in bytes."""


@attrs.frozen(kw_only=True)
class StateView:
    """An actor's state as far as it may be shown: without fields with `repr=False`."""

    type: str
    value: Plain
    """Shortened if it is too large, with a note of its size."""
    cuts: tuple[Cut, ...]
    """Where it is shortened; `state` returns the rest, page by page."""
    in_progress: bool
    """Whether a handler is running, so that the state may be half changed."""


@attrs.frozen(kw_only=True)
class ActorView:
    """One actor at one moment."""

    name: str
    path: str
    actor: str
    status: ChildStatus
    incarnation: int
    since: float
    """When the current incarnation started, or the last one exited; on Trio's clock."""
    restart_at: float | None
    """When the back-off of the actor is over and it is restarted, on Trio's clock; None if it does not wait."""
    restart: Restart
    dynamic: bool
    """Whether it was started by `start` or a dynamic supervisor. Like a temporary child, it is then removed when it is stopped."""
    handlers: tuple[str, ...]
    handling: Handling | None
    waiting: tuple[WaitingMessage, ...]
    """Oldest first; if there are very many, only the first of them."""
    backlog: int
    """Number of waiting messages."""
    mailbox_limit: int
    mailbox_peak: int
    mailbox_rejected: int
    ledger: Ledger
    timers: tuple[TimerRow, ...]
    """The next to fire first; if there are very many, only the first of them."""
    timers_set: int
    """Number of timers."""
    tasks: int
    deferred_replies: int
    held_replies: int
    watchers: tuple[str, ...]
    """The children that watch it (`ta.watch`); `outside the system` for any other watcher."""
    waits_for: tuple[str, ...]
    """The actors whose reply, free mailbox slot or start its handler waits for; its supervisor if the actor is down."""
    stack: tuple[str, ...]
    """The stack of its task, outermost frame first."""
    last_exit: str | None
    problem: str | None
    """Why its stored state cannot be read, if that is what keeps it down."""
    paused_since: float | None
    """When it was paused, on Trio's clock; None if it is not paused."""
    failure: FailureView | None
    durable: Durability | None
    state: StateView | None
    """None if the class does not say `inspect=True`, or the actor is down."""
    state_allowed: bool
    """Whether the class says `inspect=True`."""


def actor(system: System, name: str, *, marks: Marks | None = None, waiting: int = 100) -> ActorView:
    """Return the actor *name* in full, with at most *waiting* of its waiting messages and of its timers.

    If you poll, pass the same *marks* each time: the ages of casts become more precise. Raises `UnknownName` if no child has that *name*,
    `WrongClass` if the child is not an actor, and `SpecError` if another argument is invalid.
    """
    child = actor_child(system, name)
    count(waiting, "waiting")
    marks, own = _looked(marks, child), timers_of(child)
    incarnation, mailbox = (child.present if child.present is not None and child.present.ended is None else None), child.mailbox
    return ActorView(
        name=child.name,
        path=child.path,
        actor=child.plan.name,
        status=status_of(child),
        incarnation=child.incarnation,
        since=child.since,
        restart_at=child.restart_at,
        restart=child.spec.restart,
        dynamic=child.dynamic,
        handlers=tuple(sorted(child.plan.handlers)),
        handling=_handling(incarnation, mailbox.current),
        waiting=waiting_rows(child, marks, 0, waiting),
        backlog=len(mailbox),
        mailbox_limit=mailbox.limit,
        mailbox_peak=mailbox.peak,
        mailbox_rejected=mailbox.rejected,
        ledger=mailbox.ledger,
        timers=timer_rows(own, 0, waiting),
        timers_set=len(own),
        tasks=0 if incarnation is None or incarnation.tasks is None else len(incarnation.tasks),
        deferred_replies=0 if incarnation is None else len(incarnation.deferred or ()),
        held_replies=mailbox.held,
        watchers=tuple(map(_watcher, child.watchers)),
        waits_for=tuple(blocker.name for blocker in child.blockers()),
        stack=() if incarnation is None else tuple(_stack(incarnation)),
        last_exit=None if child.last_exit is None else str(child.last_exit),
        problem=problem_of(child),
        paused_since=paused_since(child),
        failure=_failure(child),
        durable=_durability(child),
        state=_state(child, incarnation),
        state_allowed=child.plan.inspect,
    )


def _looked(marks: Marks | None, child: ActorChild) -> Marks:
    """The marks, which know the present messages of the child. Raises `SpecError` if they are none."""
    known = Marks() if marks is None else of_class(marks, Marks, "marks", "inspect.Marks()")
    known.look(child)
    return known


def _handling(incarnation: ActorIncarnation | None, current: Envelope | None) -> Handling | None:
    if incarnation is None or current is None:
        return None
    return Handling(handler=current.spec.name, kind=kind_of(current), sender=caller_of(current), since=incarnation.began)


def _stack(incarnation: Incarnation) -> Iterator[str]:
    if incarnation.task is None:
        return
    for frame, line in itertools.islice(incarnation.task.iter_await_frames(), _FRAMES):
        code = frame.f_code
        text = linecache.getline(code.co_filename, line, frame.f_globals).strip()
        yield f'File "{code.co_filename}", line {line}, in {code.co_qualname}{f": {text}" if text else ""}'


def _failure(child: ActorChild) -> FailureView | None:
    failure = child.failure
    if failure is None:
        return None
    return FailureView(
        incarnation=failure.incarnation,
        time=failure.time,
        reason=str(failure.reason),
        report=report(failure),
        errors=errors_of(failure),
    )


def _durability(child: ActorChild) -> Durability | None:
    durable_state, saver = child.plan.durable_state, child.saver
    if durable_state is None or saver is None:
        return None
    return Durability(
        policy=repr(durable_state.policy),
        revision=saver.revision,
        committed_at=saver.committed_at,
        committing_since=saver.busy_since if saver.busy else None,
        size=saver.size,
    )


def _watcher(notify: Callable[[Incarnation | None], None]) -> str:
    """The name of the child whose `Watch` *notify* belongs to."""
    watch = notify.__self__ if isinstance(notify, MethodType) else None
    return watch.watcher if isinstance(watch, Watch) and watch.watcher is not None else OUTSIDE


def _state(child: ActorChild, incarnation: ActorIncarnation | None) -> StateView | None:
    if incarnation is None or incarnation.actor is None or not child.plan.inspect:
        return None
    state: object = incarnation.state
    busy = child.mailbox.current is not None
    value, cuts = plain_and_cuts(state, STATE_LIMITS)
    return StateView(type=type(state).__qualname__, value=value, cuts=cuts, in_progress=busy)
