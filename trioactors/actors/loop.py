"""The task of an actor: start, handle messages, stop.

The loop drains the mailbox. A task switch for each message would cost more than the rest of the work, so `_serve` handles the
waiting messages in a row. It yields to other tasks after `Settings.drain_messages` messages or `drain_seconds` seconds, however
full the mailbox is.

Each message ends in exactly one way. Its ledger entry and its caller's reply are settled together:

    handler ...                              ledger       caller
    returned, or raised a declared error     handled      gets the result, or the error as itself
    raised `Shutdown`                        handled      gets `ActorStopped`; the actor stops in order
    hit an inherited deadline                expired      has its `CallTimeout` already; the actor continues
    raised anything else, or was cancelled   crashed      gets `ActorCrashed`; the incarnation ends
    ran longer than its `execution_timeout`  crashed      gets `ActorCrashed` when its limit passes; the incarnation ends (see `execution`)
    was never begun                          abandoned    was gone already
    was never begun                          expired      its deadline passed, or left too little time to reply (see `overload`)
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from functools import partial
from types import CoroutineType
from typing import Any, Final, cast

import trio
from trio.lowlevel import checkpoint, wait_task_rescheduled

from trioactors.actors.actor import Actor
from trioactors.actors.child import ActorChild, ActorIncarnation, actor_crashed
from trioactors.actors.context import OwnContext
from trioactors.actors.deferred import Deferred
from trioactors.actors.held_state import HeldState
from trioactors.durability.durable_state import DurableState
from trioactors.errors import ActorStopped, CallTimeout, DefinitionError, HandlerTimeout, Shutdown, StoreError, StoreMissing
from trioactors.errors.exits import Exit, ExitKind, alone, forget_old_frames, leaves
from trioactors.messaging.definitions import INCARNATION
from trioactors.messaging.mailbox import Mailbox, count_shed
from trioactors.messaging.messages import Call, Envelope, caller_of, causation_of
from trioactors.messaging.overload import cannot_finish, learned_from_cut
from trioactors.supervision.child import Incarnation, current_incarnation
from trioactors.supervision.lifecycle import judge
from trioactors.supervision.runtime import Runtime
from trioactors.supervision.specs import ChildSpec
from trioactors.system.system import current_system, registry_of
from trioactors.trace.formatting import described
from trioactors.trace.observers import Ending
from trioactors.trace.records import MessageHandled, MessageShed

__all__ = ["CLOCK_EVERY", "Drain", "live"]

CLOCK_EVERY: Final = 8
"""How many messages are handled between two reads of the clock."""


_COROUTINE: Final[Any] = CoroutineType


async def live(started: Incarnation) -> None:
    """Run one incarnation of an actor, from its construction to `on_stop`."""
    incarnation, child = cast("ActorIncarnation", started), cast("ActorChild", started.child)
    hooks = child.plan.hooks
    try:  # one coroutine for all: each one more would be resumed with every message
        actor = incarnation.actor = _make_actor(child)
        actor.context = OwnContext(incarnation, child, actor, current_system())
        vars(actor)[INCARNATION] = incarnation
        current_incarnation.set(incarnation)
        try:
            if child.plan.durable_state is not None:
                await _load(incarnation, child, child.plan.durable_state)
            if "on_start" in hooks:
                await _run_hook(incarnation, actor.on_start)
            incarnation.announce()
            if "on_continue" in hooks and incarnation.ready:
                await _run_hook(incarnation, actor.on_continue)
            child.mailbox.needs = None  # learned from the last incarnation, whose commits may have been late until now
            await _serve(incarnation, child, actor)
        except Exception as error:
            if incarnation.ready:
                await _stop_after_failure(incarnation, actor, judge(error))  # noqa: ASYNC120 - a kill during on_stop replaces the error
            raise
        if incarnation.killed is None and incarnation.asked is not None:
            _limit_stop(incarnation, child)
            await _run_on_stop(incarnation, actor, incarnation.asked)
    finally:
        if incarnation.tasks is not None:
            await incarnation.tasks.close()  # noqa: ASYNC102 - shields itself, and its tasks are cancelled


async def _load(incarnation: ActorIncarnation, child: ActorChild, durable_state: DurableState) -> None:
    """Read the committed state, after the last incarnation of this name has finished its commits: perhaps one of another child."""
    committer = child.runtime.committer
    if committer is None:
        raise StoreMissing(child.name)
    state = HeldState(incarnation, child.plan, durable_state.codec(), registry_of(current_system()))
    saver = incarnation.saver = durable_state.saver(incarnation, child.mailbox, state, committer, incarnation.discard_deferred)
    await committer.settled(saver.key)
    child.saver = saver
    await saver.load()


async def _run_hook(incarnation: ActorIncarnation, hook: Callable[[], Awaitable[None]]) -> None:
    await (hook() if incarnation.saver is None else incarnation.saver.in_hook(hook))


def _make_actor(child: ActorChild) -> Actor[Any]:
    actor: object = cast("ChildSpec", child.spec).make()
    if not isinstance(actor, Actor):
        raise DefinitionError(f"{child.name}: starting {child.plan.name} made {actor!r}, which is not an actor")
    if "state" not in vars(actor):
        child.plan.new_state()  # raises, with the reason why it could not be made
    return actor  # pyright: ignore[reportUnknownVariableType] - an actor of any state


async def _stop_after_failure(incarnation: ActorIncarnation, actor: Actor[Any], reason: Exit) -> None:
    """Run `on_stop` although the actor failed, or raised `Shutdown`.

    *reason* stays the exit, whatever happens here; a second failure is only reported.
    """
    saver = incarnation.saver
    if saver is not None and not reason.orderly:
        saver.close()
        saver.detached = True
        incarnation.saver = None  # what on_stop does after a crash belongs to no commit
    with trio.move_on_after(incarnation.child.grace):  # noqa: ASYNC912 - on_stop may or may not wait
        try:
            if saver is not None and saver.detached and saver.holding:
                await saver.drained()  # what on_stop sends must not overtake what waits for the commit
            await _run_on_stop(incarnation, actor, reason)
        except Exception as error:
            after = "Shutdown" if reason.orderly else "a crash"
            incarnation.report(incarnation.failed(Exit(ExitKind.CRASH, f"in on_stop, after {after}", error)))


def _limit_stop(incarnation: ActorIncarnation, child: ActorChild) -> None:
    """Give an actor that stops itself its grace; for one that is stopped, the supervisor has done so."""
    if incarnation.grace is None and child.grace != math.inf:
        why = f"{child.name} stops itself: its grace of {child.grace:g} s is over"
        deadlines = child.runtime.deadlines
        incarnation.grace = deadlines.at(child.runtime.now() + child.grace, partial(incarnation.kill, why))


async def _run_on_stop(incarnation: ActorIncarnation, actor: Actor[Any], reason: Exit) -> None:
    if "on_stop" in cast("ActorChild", incarnation.child).plan.hooks:
        incarnation.hurry()  # on_stop may take longer than the grace, and what was acknowledged must not be lost with it
        await _run_hook(incarnation, partial(actor.on_stop, reason))
    if incarnation.saver is not None:
        await incarnation.saver.finish()


async def _serve(incarnation: ActorIncarnation, child: ActorChild, actor: Actor[Any]) -> None:
    # The hot loop. What it reads for each message is in local variables, and rare work is in functions of its own. A plain message costs
    # about a microsecond here, of which a function call or three attribute look-ups would be a notable part.
    mailbox = child.mailbox
    queue, task = mailbox.queue, trio.lowlevel.current_task()
    watchers = child.runtime.observers.watching
    drain, now = Drain(child.runtime), child.runtime.now
    remaining = drain.length
    saver = incarnation.saver
    while incarnation.asked is None:
        if not queue or (saver is not None and saver.blocked):
            await _wait_for_work(incarnation, mailbox, task)
            remaining = drain.length
            drain.until = math.inf
            continue
        remaining -= 1
        if remaining % CLOCK_EVERY == 0 and drain.is_over(remaining):
            await checkpoint()
            remaining = drain.length
            continue
        envelope = queue.popleft()
        # Rare: senders wait for room, a test looks on, the actor is paused, or a timer fired.
        if (mailbox.attention or envelope.tick is not None) and await _held(incarnation, mailbox, envelope, task):
            continue
        # A plain cast that nothing measures does not read the clock; it takes the time of the message before it.
        incarnation.began = now() if envelope.spec.is_async or watchers or envelope.deadline != math.inf else incarnation.began
        if envelope.gone or envelope.deadline <= incarnation.began or (mailbox.needs and _too_slow(mailbox, envelope, incarnation)):
            _shed(child, envelope)
            continue
        mailbox.current = envelope
        envelope.began = incarnation.began
        try:
            result = envelope.spec.invoke(actor, *envelope.values)
            if envelope.spec.is_async or type(result) is _COROUTINE:  # a plain handler can return the coroutine of another
                result = await result
        except BaseException as error:  # noqa: ASYNC103 - _failed raises again unless the error is a reply
            _failed(incarnation, child, envelope, error)
        else:
            if saver is not None or watchers or incarnation.deferral is not None:
                _settle(incarnation, child, envelope, result)
            else:
                mailbox.handled += 1
                envelope.reply(result)
        mailbox.current = result = None  # an idle actor must keep no result alive, and no lost token


async def _wait_for_work(incarnation: ActorIncarnation, mailbox: Mailbox, task: trio.lowlevel.Task) -> None:
    """Wait for a message or a request to stop; if too many replies wait for a commit, wait for that first."""
    saver = incarnation.saver
    if saver is not None and saver.blocked:
        if not mailbox.queue:
            mailbox.needs = None  # as in `park`: what comes next waits for the store, and not behind other messages
        await saver.unblocked()
        return
    if mailbox.attention:
        mailbox.attend()
    if incarnation.asked is not None or (mailbox.queue and not mailbox.pause):  # a sender was let in, or an observer did something
        await checkpoint()
    else:
        mailbox.park(task)
        await wait_task_rescheduled(mailbox.unpark)


class Drain:
    """A limit on handling messages in a row, by number and by seconds. Reads the clock only when the result can matter."""

    __slots__ = ("_now", "_seconds", "length", "until")

    def __init__(self, runtime: Runtime) -> None:
        self._now = runtime.now
        self._seconds = runtime.settings.drain_seconds
        self.length = runtime.settings.drain_messages + 1
        self.until = math.inf

    def is_over(self, remaining: int) -> bool:
        """Whether other tasks must run now, with *remaining* messages still allowed."""
        if remaining > 0:
            if self.until == math.inf:
                self.until = self._now() + self._seconds
                return False
            if self._now() < self.until:
                return False
        self.until = math.inf
        return True


async def _held(incarnation: ActorIncarnation, mailbox: Mailbox, envelope: Envelope, task: trio.lowlevel.Task) -> bool:  # noqa: ASYNC910
    """If the actor is paused, put *envelope* back and wait until it is resumed or must stop. Returns whether it was paused.

    Otherwise do the rare work of taking a message from the queue: ticks, senders that wait for room, test hooks.
    """
    if mailbox.pause:
        mailbox.queue.appendleft(envelope)
        await _wait_for_work(incarnation, mailbox, task)
        return True
    if envelope.tick is not None:
        envelope.tick.delivered()
    mailbox.attend(envelope)
    return False


def _too_slow(mailbox: Mailbox, envelope: Envelope, incarnation: ActorIncarnation) -> bool:
    """Whether *envelope* is a call whose time left is shorter than what its handler was seen to need."""
    return (
        mailbox.needs is not None
        and isinstance(envelope, Call)
        and cannot_finish(mailbox.needs, envelope.spec.name, envelope.deadline - incarnation.began)
    )


def _shed(child: ActorChild, envelope: Envelope) -> None:
    count_shed(child.mailbox, envelope)
    observers = child.runtime.observers
    if observers.meter is not None:
        observers.meter.shed(child, envelope, trio.current_time())
    if observers.listeners:
        fields = causation_of(envelope).as_fields
        observers.emit(MessageShed(time=trio.current_time(), child=child.name, handler=envelope.spec.name, **fields))


def _failed(incarnation: ActorIncarnation, child: ActorChild, envelope: Envelope, error: BaseException) -> None:
    """Settle a message whose handler raised. Raises again if that ends the incarnation."""
    child.mailbox.current = incarnation.deferral = None
    forget_old_frames(error, _serve.__code__)
    try:
        answered = _try_to_answer(incarnation, child, envelope, error)
    except Exception as failed:  # the state before the message could not be restored
        _settle_fatal(incarnation, child, envelope, failed)
        raise
    if not answered:
        _settle_fatal(incarnation, child, envelope, error)
        raise error
    _emit(incarnation, child, envelope, alone(error))


def _try_to_answer(incarnation: ActorIncarnation, child: ActorChild, envelope: Envelope, error: BaseException) -> bool:
    """Settle the message if its actor survives *error*: a declared error, or an inherited deadline. Returns whether it did."""
    saver, mailbox = incarnation.saver, child.mailbox
    if isinstance(error, HandlerTimeout):  # also if a base class of it is declared
        return False
    if not isinstance(error, envelope.spec.raises):  # the class of a group may be declared
        error = alone(error)
    if isinstance(error, envelope.spec.raises) or (saver is not None and saver.rolls_back and _is_retryable(error)):
        if saver is not None:
            saver.declared_error(envelope, error)
        else:
            mailbox.handled += 1
            envelope.fail(error)
        return True
    if _inherited_deadline_passed(envelope, error):
        if envelope.began is not None:
            mailbox.needs = learned_from_cut(mailbox.needs, envelope.spec.name, envelope.deadline - envelope.began)
        if saver is not None:
            saver.expired(envelope)
        else:
            mailbox.expired += 1
        return True
    if saver is not None and isinstance(error, Shutdown):
        saver.shut_down(envelope)
    return False


def _is_retryable(error: BaseException) -> bool:
    """Whether *error* says that a store is unavailable or full for now: an actor that can roll back does not crash for it."""
    return isinstance(error, StoreError) and error.retryable


def _settle_fatal(incarnation: ActorIncarnation, child: ActorChild, envelope: Envelope, error: BaseException) -> None:
    error = alone(error)
    if incarnation.saver is not None and not isinstance(error, Shutdown):
        incarnation.saver.close()
    incarnation.fatal = envelope
    incarnation.fatal_caller = caller_of(envelope)
    reason = judge(error) if incarnation.failure is None else Exit(ExitKind.CRASH, error=incarnation.failure)
    if isinstance(error, Shutdown):
        child.mailbox.handled += 1
        envelope.fail(ActorStopped(f"{child.name} stopped in order ({reason}) while it handled {envelope.spec.name!r}"))
    else:
        child.mailbox.crashed += 1
        envelope.fail(error if isinstance(error, _DeferredAndReturned) else actor_crashed(child, reason))
    _emit(incarnation, child, envelope, error, crashed=not isinstance(error, Shutdown))


def _inherited_deadline_passed(envelope: Envelope, error: BaseException) -> bool:
    """Whether *error* is nothing but the caller's deadline, in one nested call or in several at once."""
    if envelope.deadline > trio.current_time():
        return False
    parts = [leaf for leaf in leaves(error) if not isinstance(leaf, trio.Cancelled)]
    return bool(parts) and all(isinstance(leaf, CallTimeout) and leaf.inherited for leaf in parts)


def _settle(incarnation: ActorIncarnation, child: ActorChild, envelope: Envelope, result: Any) -> None:
    """Settle a message that needs more than a plain reply: observers, a saver, or a deferred reply."""
    runtime = child.runtime
    if (
        incarnation.saver is None and incarnation.deferral is None and not runtime.observers.listeners
    ):  # handlers are measured, and no more
        child.mailbox.handled += 1
        envelope.reply(result)
        runtime.meter.handled(child, envelope, incarnation.began, runtime.now())
        return
    token, incarnation.deferral = incarnation.deferral, None
    if token is not None and result is not None and not isinstance(result, Deferred):
        where = f"{envelope.spec.owner}.{envelope.spec.name}"
        error = _DeferredAndReturned(f"{where} deferred its reply, but returned {described(result, repr):.80}")
        _failed(incarnation, child, envelope, error)
    child.mailbox.current = None
    if token is not None:
        token.leave_open()
    refused: Exception | None = None
    if incarnation.saver is not None:
        try:
            refused = incarnation.saver.handled(envelope, envelope.reply if token is None else None, result)
        except Exception as failed:  # on_save or on_load failed: the handler crashed
            _settle_fatal(incarnation, child, envelope, failed)
            raise
    else:
        child.mailbox.handled += 1
        if token is None:
            envelope.reply(cast("object", result))
    _emit(incarnation, child, envelope, refused)


class _DeferredAndReturned(DefinitionError):
    """A handler deferred its reply and also returned a value."""


def _emit(
    incarnation: ActorIncarnation, child: ActorChild, envelope: Envelope, error: BaseException | None, *, crashed: bool = False
) -> None:
    observers, now = child.runtime.observers, child.runtime.now()
    if observers.meter is not None:
        ended = Ending.CRASHED if crashed else Ending.HANDLED if error is None or isinstance(error, Shutdown) else Ending.FAILED
        observers.meter.handled(child, envelope, incarnation.began, now, ended)
    if not observers.listeners:
        return
    observers.emit(
        MessageHandled(
            time=now,
            child=child.name,
            handler=envelope.spec.name,
            sender=envelope.sender.child.name if envelope.sender is not None else None,
            seconds=now - incarnation.began,
            error=None if error is None else type(error).__name__,
            **causation_of(envelope).as_fields,
        )
    )
