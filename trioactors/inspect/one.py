"""One actor in full: the message in progress, waiting messages, timers, state and last failure."""

from __future__ import annotations

import itertools
import linecache
import math
from collections.abc import Callable, Iterator
from types import MethodType
from typing import Final

import attrs

from trioactors.actors.child import ActorChild, ActorIncarnation
from trioactors.actors.watch import Watch
from trioactors.errors import WrongClass
from trioactors.inspect.actors import actor_children
from trioactors.inspect.ages import Marks, ages
from trioactors.inspect.failures import report
from trioactors.inspect.plain import STATE_LIMITS, Plain, plain
from trioactors.messaging.ledger import Ledger
from trioactors.messaging.messages import OUTSIDE, Call, Envelope, caller_of
from trioactors.settings import count, of_class
from trioactors.supervision.child import Incarnation
from trioactors.supervision.restarts import ChildStatus
from trioactors.supervision.specs import Restart
from trioactors.system.system import System, registry_of
from trioactors.trace.formatting import described, told

__all__ = [
    "ActorView",
    "Durability",
    "FailureView",
    "Handling",
    "StateView",
    "TimerRow",
    "WaitingMessage",
    "actor",
    "timers",
]

_FRAMES: Final = 100
"""Frames shown of a stack."""


@attrs.frozen(kw_only=True)
class WaitingMessage:
    """A message that waits in a mailbox."""

    handler: str
    kind: str
    """`call`, `cast` or `tick`."""
    sender: str
    age: float
    """Seconds that the message has waited."""
    exact: bool
    """Whether *age* is exact. For a cast it is a lower bound, since casts carry no time."""
    left: float | None
    """Seconds until the deadline; None if there is none."""


@attrs.frozen(kw_only=True)
class Handling:
    """The message in progress."""

    handler: str
    kind: str
    sender: str
    since: float
    """When the handler started, on Trio's clock."""


@attrs.frozen(kw_only=True)
class TimerRow:
    """A timer of an actor."""

    actor: str
    key: str
    """Empty if none was given."""
    handler: str
    due: float
    """When the timer fires next, on Trio's clock."""
    period: float | None
    """Seconds; None for a timer that fires once."""
    waiting: bool
    """Whether its tick waits in the mailbox."""


@attrs.frozen(kw_only=True)
class FailureView:
    """The last failure of an actor."""

    incarnation: int
    time: float
    reason: str
    report: str
    """The crash report as logged: the message, its sender, the traceback."""


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
    failure: FailureView | None
    durable: Durability | None
    state: StateView | None
    """None if the class does not say `inspect=True`, or the actor is down."""
    state_allowed: bool
    """Whether the class says `inspect=True`."""


def actor(system: System, name: str, *, marks: Marks | None = None, waiting: int = 100) -> ActorView:
    """Return the actor *name* in full, with at most *waiting* of its waiting messages.

    If you poll, pass the same *marks* each time: the ages of casts become more precise. Raises `UnknownName` if no child has that *name*,
    `WrongClass` if the child is not an actor, and `SpecError` if another argument is invalid.
    """
    child = registry_of(system).find(name)
    if not isinstance(child, ActorChild):
        raise WrongClass(child.name, "an actor", repr(child))
    count(waiting, "waiting")
    marks = Marks() if marks is None else of_class(marks, Marks, "marks", "inspect.Marks()")
    marks.look(child)
    incarnation, mailbox = (child.present if child.present is not None and child.present.ended is None else None), child.mailbox
    return ActorView(
        name=child.name,
        path=child.path,
        actor=child.plan.name,
        status=child.status,
        incarnation=child.incarnation,
        since=child.since,
        restart_at=child.restart_at,
        restart=child.spec.restart,
        dynamic=child.dynamic,
        handlers=tuple(sorted(child.plan.handlers)),
        handling=_handling(incarnation, mailbox.current),
        waiting=tuple(itertools.islice(_waiting(child, marks), waiting)),
        backlog=len(mailbox),
        mailbox_limit=mailbox.limit,
        mailbox_peak=mailbox.peak,
        mailbox_rejected=mailbox.rejected,
        ledger=mailbox.ledger,
        timers=tuple(_timers(child)),
        tasks=0 if incarnation is None or incarnation.tasks is None else len(incarnation.tasks),
        deferred_replies=0 if incarnation is None else len(incarnation.deferred or ()),
        held_replies=mailbox.held,
        watchers=tuple(map(_watcher, child.watchers)),
        waits_for=tuple(blocker.name for blocker in child.blockers()),
        stack=() if incarnation is None else tuple(_stack(incarnation)),
        last_exit=None if child.last_exit is None else str(child.last_exit),
        failure=_failure(child),
        durable=_durability(child),
        state=_state(child, incarnation),
        state_allowed=child.plan.inspect,
    )


def timers(system: System) -> tuple[TimerRow, ...]:
    """Return the timers of all actors, the next to fire first."""
    return tuple(sorted((row for child in actor_children(system) for row in _timers(child)), key=lambda row: row.due))


def _kind(envelope: Envelope) -> str:
    if envelope.tick is not None:
        return "tick"
    return "call" if isinstance(envelope, Call) else "cast"


def _handling(incarnation: ActorIncarnation | None, current: Envelope | None) -> Handling | None:
    if incarnation is None or current is None:
        return None
    return Handling(handler=current.spec.name, kind=_kind(current), sender=caller_of(current), since=incarnation.began)


def _waiting(child: ActorChild, marks: Marks) -> Iterator[WaitingMessage]:
    now = child.runtime.now()
    for envelope, age in zip(tuple(child.mailbox.queue), ages(child, marks), strict=True):
        yield WaitingMessage(
            handler=envelope.spec.name,
            kind=_kind(envelope),
            sender=caller_of(envelope),
            age=age.seconds,
            exact=age.exact,
            left=None if envelope.deadline == math.inf else envelope.deadline - now,
        )


def _timers(child: ActorChild) -> Iterator[TimerRow]:
    own = None if child.present is None else child.present.timers
    for timer in own or ():
        yield TimerRow(
            actor=child.name,
            key="" if type(timer.key) is object else described(timer.key, told),
            handler=timer.spec.name,
            due=timer.due,
            period=timer.period,
            waiting=timer.waiting,
        )


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
    text = report(failure)
    return FailureView(incarnation=failure.incarnation, time=failure.time, reason=str(failure.reason), report=text)


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
    return StateView(type=type(state).__qualname__, value=plain(state, STATE_LIMITS), in_progress=busy)
