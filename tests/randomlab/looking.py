"""What the output gate, the supervisor loop and the mailbox of a child are doing now: read from inside the library, for the coverage alone.

Each act, and each note of a message, a handler, a hook or an operation, is a moment to look at the actor that it is of, or for.
"""

from __future__ import annotations

from typing import Final, cast

import attrs
import trio

from randomlab.coverage import Did
from randomlab.notes import Began, Ended, Hook, Note, Op, Sent
from randomlab.states import BITS, LEDGER, names
from trioactors.actors.calls import Sent as HeldCast
from trioactors.actors.child import ActorChild
from trioactors.actors.deferred import Answered
from trioactors.actors.timers import Armed, Disarmed
from trioactors.durability.output_gate import OutputGate
from trioactors.durability.saver import Effect
from trioactors.durability.write_behind import WriteBehind
from trioactors.messaging.mailbox import Mailbox
from trioactors.supervision.child import Child, Incarnation, current_incarnation
from trioactors.supervision.registry import Registry
from trioactors.supervision.requests import Exited, Request
from trioactors.supervision.restarts import ChildStatus
from trioactors.supervision.specs import Strategy
from trioactors.supervision.supervisor import SupervisorLoop
from trioactors.supervision.tree import SupervisorChild

__all__ = ["Looks", "looked"]


def looked(child: Child) -> int:
    """The states of *child* and of its supervisor."""
    loop = _loop(child)
    if not isinstance(child, ActorChild):
        return loop
    return loop | _mailbox(child) | _saver(child)


# --- the mailbox ---

_AT_REST, _WAIT, _FULL, _BEYOND = (BITS[f"mailbox: {name}"] for name in ("at rest", "messages wait", "full", "beyond its limit"))
_TICK, _GONE, _LATE = (BITS[f"mailbox: {name}"] for name in ("tick waits", "caller gone", "deadline passed"))
_SENDERS, _SENDER_GONE = BITS["mailbox: senders wait"], BITS["mailbox: waiting sender gone"]
_PAUSED, _PAUSED_WITH, _PAUSED_FULL = (BITS[f"mailbox: paused{name}"] for name in ("", " with messages", " and full"))
_DRAINING, _CLOSED, _DOWN = (BITS[f"mailbox: {name}"] for name in ("draining", "closed", "waiting while down"))
_OWED, _SLOW = BITS["mailbox: reply owed"], BITS["mailbox: slow handlers known"]


def _mailbox(child: ActorChild) -> int:
    mailbox, present = child.mailbox, child.present
    waiting = len(mailbox.queue)
    found = _waiting(child, waiting) if waiting else 0 if mailbox.active else _AT_REST
    if mailbox.pause:
        found |= (_PAUSED_FULL if waiting >= mailbox.limit else _PAUSED_WITH) if waiting else _PAUSED
    if mailbox.closed is not None:
        found |= _CLOSED if mailbox.closed.admits is None else _DRAINING
    if mailbox._senders:
        now = trio.current_time()
        gone = any(sender.gone or sender.deadline <= now for sender in mailbox._senders)
        found |= _SENDERS | _SENDER_GONE if gone else _SENDERS
    if mailbox.needs is not None:
        found |= _SLOW
    if present is not None and present.deferred:
        found |= _OWED
    return found


def _waiting(child: ActorChild, waiting: int) -> int:
    mailbox = child.mailbox
    found = _WAIT if waiting < mailbox.limit else _FULL if waiting == mailbox.limit else _FULL | _BEYOND
    if child.status is ChildStatus.RESTARTING or child.status is ChildStatus.STARTING:
        found |= _DOWN
    now = trio.current_time()
    for envelope in mailbox.queue:
        if envelope.tick is not None:
            found |= _TICK
        if envelope.gone:
            found |= _GONE
        if envelope.deadline <= now:
            found |= _LATE
    return found


# --- the output gate ---

_REST, _BUSY, _MEANWHILE = (BITS[f"gate: {name}"] for name in ("at rest", "commit on its way", "handler meanwhile"))
_SECOND, _REPLY, _READER = (BITS[f"gate: {name}"] for name in ("second commit waits", "reply held", "reader's reply held"))
_BLOCKED, _LOST, _FENCED = (BITS[f"gate: {name}"] for name in ("full of replies", "base lost", "store failed"))
_HOOK, _LAST = BITS["gate: hook's commit"], BITS["gate: last incarnation's commit"]
_CAST, _TIMER, _DEFERRED = (BITS[f"gate: {name} held"] for name in ("cast", "timer", "deferred reply"))
_OPEN, _DUE, _WINDOW_BUSY = (BITS[f"window: {name}"] for name in ("open", "over too early", "commit on its way"))
_AGAIN, _LAST_STATE = BITS["window: tried again"], BITS["window: last state waits"]
_EFFECTS: Final[dict[type[Effect], int]] = {HeldCast: _CAST, Armed: _TIMER, Disarmed: _TIMER, Answered: _DEFERRED}


def _saver(child: ActorChild) -> int:
    saver, present = child.saver, child.present
    if saver is None:
        return 0
    found = _FENCED if saver.fenced else 0
    if saver.busy and saver.incarnation is not present:
        found |= _LAST
    elif saver.busy and not saver._recording and present is not None and not (present.ready and present.asked is None):
        found |= _HOOK
    return found | (_gate(saver) if isinstance(saver, OutputGate) else _window(saver) if isinstance(saver, WriteBehind) else 0)


def _gate(gate: OutputGate) -> int:
    if gate._base_error is not None:
        return _LOST
    if gate._in_flight is None:
        return _REST
    found = _BUSY | _MEANWHILE if gate._mailbox.current is not None else _BUSY
    if gate.blocked and not gate.fenced:
        found |= _BLOCKED
    for entry in (gate._in_flight, gate._next):
        if entry is None:
            continue
        if entry is gate._next:
            found |= _SECOND
        for envelope, reply, _ in entry.replies:
            if reply is not None:
                found |= _REPLY | _READER if envelope.spec.reads else _REPLY
        for effect in entry.effects:
            found |= _EFFECTS[type(effect)]
    return found


def _window(window: WriteBehind) -> int:
    found = _WINDOW_BUSY if window.busy else 0
    if window._alarm is not None:
        found |= _OPEN if window._failed is None else _OPEN | _AGAIN
    if window._due:
        found |= _DUE
    if window._last is not None:
        found |= _LAST_STATE
    return found


# --- the supervisor's loop ---

_IDLE, _BEGINS, _ONE, _GROUP = (
    BITS[f"loop: {name}"] for name in ("at rest", "starts its children", "restarts one", "restarts a group")
)
_STOPS_GROUP, _IN_PLACE, _FAILED = (BITS[f"loop: {name}"] for name in ("stops a group", "restarts in place", "failed start waits"))
_STARTS, _ENDS = BITS["loop: starts on request"], BITS["loop: stops on request"]
_BACKOFF, _OWN_BACKOFF = BITS["loop: in a back-off"], BITS["loop: this one in its back-off"]
_EXIT_WAITS, _REQUEST_WAITS, _STOPS = (BITS[f"loop: {name}"] for name in ("exit waits", "request waits", "stops"))
_REQUEST_STOPS, _SHUTS_DOWN, _GAVE_UP = (BITS[f"loop: {name}"] for name in ("request while it stops", "shuts down", "has given up"))
_DRAINS, _GRACE_OVER = BITS["loop: drains"], BITS["loop: grace is over"]


def _loop(child: Child) -> int:
    present = child.current
    found = _GRACE_OVER if present is not None and present.killed is not None and "its grace of" in present.killed else 0
    parent = cast("SupervisorChild | None", child.parent)
    if parent is None or parent.loop is None:
        return found
    loop = cast("SupervisorLoop", parent.loop)
    if loop._backoffs:
        found |= _BACKOFF | _OWN_BACKOFF if child in loop._backoffs else _BACKOFF
    if parent.gave_up is not None:
        found |= _GAVE_UP
    if loop._stopping:
        found |= _STOPS if loop.incarnation.asked is not None or parent.gave_up is not None else _STOPS | _SHUTS_DOWN
    if not loop.busy:
        return found | _IDLE
    if loop.queue:
        found |= _queue(loop)
    return found if loop.attending is None else found | _attending(loop, loop.attending)


def _queue(loop: SupervisorLoop) -> int:
    found = 0
    stops = loop._stopping or loop.incarnation.asked is not None
    for message in loop.queue:
        if isinstance(message, Request):
            found |= (_REQUEST_STOPS if stops else _REQUEST_WAITS) if message.pending else 0
        elif isinstance(message, Exited):
            found |= _EXIT_WAITS if loop.attending is not None else 0
        elif message.counts:
            found |= _FAILED
    return found


def _attending(loop: SupervisorLoop, attended: Child) -> int:
    """What the loop is doing with the child that it attends to."""
    if isinstance(attended, ActorChild) and attended.mailbox.closed is not None and attended.mailbox.closed.admits is not None:
        return _DRAINS
    if loop._stopping:
        return 0
    requested = loop._serving is not None
    if attended.status is ChildStatus.STOPPING:
        return _ENDS if requested else _STOPS_GROUP
    if loop.restarting is not None and not requested:
        return _ONE if loop.plan.strategy in {Strategy.ONE_FOR_ONE, Strategy.DYNAMIC} else _GROUP
    return _STARTS if requested else _BEGINS


# --- a run ---


@attrs.define(eq=False)
class Looks:
    """What was seen in a run by those who looked."""

    acts: list[Did] = attrs.field(factory=list[Did])
    _states: set[int] = attrs.field(factory=set[int])
    """Each combination of states."""
    _mailboxes: set[Mailbox] = attrs.field(factory=set[Mailbox])
    _incarnations: dict[Child, Incarnation] = attrs.field(factory=dict["Child", "Incarnation"])
    """Of each child, the one that was looked at last."""

    def act(self, name: str, place: int) -> None:
        """Somebody carries out an act, and has made *place* notes before: an actor, or a user."""
        incarnation = current_incarnation.get()
        states = 0 if incarnation is None else self._look(incarnation.child)
        self.acts.append(Did(name, trio.current_time(), place, states))

    def note(self, made: Note, place: int, registry: Registry | None) -> None:
        """Somebody has made a note, after *place* others. *registry* knows whom it may be meant for."""
        if isinstance(made, Began | Ended | Hook):
            incarnation = current_incarnation.get()
            if incarnation is not None:
                self._look(incarnation.child)
        elif isinstance(made, Sent | Op) and registry is not None:
            child = registry.holder(made.target)
            if child is not None:
                states = self._look(child)
                for number in range(len(self.acts) - 1, -1, -1):
                    did = self.acts[number]
                    if did.place != place:  # those that have just begun are aimed at it
                        break
                    self.acts[number] = attrs.evolve(did, states=did.states | states)

    def _look(self, child: Child) -> int:
        found = looked(child)
        present = child.current
        if present is not None and (last := self._incarnations.get(child)) is not present:
            if last is not None and last.task is present.task:
                found |= _IN_PLACE
            self._incarnations[child] = present
        self._states.add(found)
        if isinstance(child, ActorChild):
            self._mailboxes.add(child.mailbox)
        return found

    def states(self) -> frozenset[str]:
        """All states that were met until now."""
        together = 0
        for found in self._states:
            together |= found
        counted = (state for name, state in LEDGER.items() if any(getattr(mailbox, name) for mailbox in self._mailboxes))
        return frozenset((*names(together), *counted))
