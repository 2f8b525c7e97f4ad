"""One actor, in full: what it does now, for whom and since when, what waits, what it remembers, and how it ended last."""

from __future__ import annotations

import itertools
import linecache
import math
from collections.abc import Callable, Iterator
from typing import Final

import attrs

from trioactors.actors.child import ActorChild, ActorIncarnation
from trioactors.actors.watch import Watch
from trioactors.errors import WrongClass
from trioactors.inspect.ages import Marks, ages
from trioactors.inspect.failures import report
from trioactors.inspect.plain import STATE_LIMITS, Plain, plain
from trioactors.messaging.ledger import Ledger
from trioactors.messaging.messages import OUTSIDE, Call, Envelope, caller_of
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
"""Lines of a stack."""


@attrs.frozen(kw_only=True)
class WaitingMessage:
    """A message in a mailbox."""

    handler: str
    kind: str
    """`call`, `cast` or `tick`."""
    sender: str
    age: float
    """Seconds that it has waited."""
    exact: bool
    """Whether *age* is exact. Of a cast it is a lower bound: casts carry no time."""
    left: float | None
    """Seconds until its deadline, where it has one."""


@attrs.frozen(kw_only=True)
class Handling:
    """The message in progress."""

    handler: str
    kind: str
    sender: str
    since: float
    """When its handler was begun; on Trio's clock."""


@attrs.frozen(kw_only=True)
class TimerRow:
    """A timer of an actor."""

    actor: str
    key: str
    """Empty where none was given."""
    handler: str
    due: float
    """When it rings next; on Trio's clock."""
    period: float | None
    waiting: bool
    """Whether its tick is in the mailbox."""


@attrs.frozen(kw_only=True)
class FailureView:
    """The last life that did not end in order."""

    incarnation: int
    time: float
    reason: str
    report: str
    """As in the log: the message, its sender, the traceback."""


@attrs.frozen(kw_only=True)
class Durability:
    """How a durable actor's state is kept."""

    policy: str
    revision: int
    """Of the record that is kept; 0 for none yet."""
    committed_at: float | None
    """When the last commit of this life was done, on Trio's clock; None for none yet."""
    committing_since: float | None
    """When the commit that is on its way was handed in."""
    size: int
    """Bytes of the record."""


@attrs.frozen(kw_only=True)
class StateView:
    """A state, as far as it may be told: no field with `repr=False` is in it."""

    type: str
    value: Plain
    """Cut where it is too large, with a note of how large it is."""
    in_progress: bool
    """Whether a handler is at work, and the state perhaps half changed."""


@attrs.frozen(kw_only=True)
class ActorView:
    """One actor as it is now."""

    name: str
    path: str
    actor: str
    status: ChildStatus
    incarnation: int
    since: float
    """When this life began, or the last one ended; on Trio's clock."""
    restart: Restart
    dynamic: bool
    """Whether `start` made it, or a dynamic supervisor: then it is forgotten when it is stopped, as a temporary child is."""
    handlers: tuple[str, ...]
    handling: Handling | None
    waiting: tuple[WaitingMessage, ...]
    """Oldest first; the first of them, where there are very many."""
    backlog: int
    """How many wait."""
    mailbox_limit: int
    mailbox_peak: int
    mailbox_rejected: int
    ledger: Ledger
    timers: tuple[TimerRow, ...]
    tasks: int
    deferred_replies: int
    held_replies: int
    watchers: tuple[str, ...]
    """Who watches it (`ta.watch`): the names of children, and `outside the system` for everybody else."""
    waits_for: tuple[str, ...]
    """Whose answer, room or start its handler waits for; its supervisor, where it does not run."""
    stack: tuple[str, ...]
    """Where its task stands, the outermost frame first."""
    last_exit: str | None
    failure: FailureView | None
    durable: Durability | None
    state: StateView | None
    """None where the actor's class does not allow it (`inspect=True`), or where it does not run."""
    state_allowed: bool


def actor(system: System, name: str, *, marks: Marks | None = None, waiting: int = 100) -> ActorView:
    """The actor *name*, with at most so many of the *waiting* messages. Raises `UnknownName`, `WrongClass`.

    Who looks again and again hands in the same *marks* each time; then the ages of casts become better known.
    """
    child = registry_of(system).find(name)
    if not isinstance(child, ActorChild):
        raise WrongClass(child.name, "an actor", repr(child))
    marks = Marks() if marks is None else marks
    marks.look(child)
    incarnation, mailbox = (child.present if child.present is not None and child.present.ended is None else None), child.mailbox
    return ActorView(
        name=child.name,
        path=child.path,
        actor=child.plan.name,
        status=child.status,
        incarnation=child.incarnation,
        since=child.since,
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
    """The timers of all actors, the next one first."""
    children = [child for child in registry_of(system).children() if isinstance(child, ActorChild)]
    return tuple(sorted((row for child in children for row in _timers(child)), key=lambda row: row.due))


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
    told_so = report(failure)
    return FailureView(incarnation=failure.incarnation, time=failure.time, reason=str(failure.reason), report=told_so)


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


def _watcher(told: Callable[[Incarnation], None]) -> str:
    watch = getattr(told, "__self__", None)
    return watch.watcher if isinstance(watch, Watch) and watch.watcher is not None else OUTSIDE


def _state(child: ActorChild, incarnation: ActorIncarnation | None) -> StateView | None:
    if incarnation is None or incarnation.actor is None or not child.plan.inspect:
        return None
    state: object = getattr(incarnation.actor, "state", None)
    busy = child.mailbox.current is not None
    return StateView(type=type(state).__qualname__, value=plain(state, STATE_LIMITS), in_progress=busy)
