"""What an actor's task does: start, serve its mailbox, say good-bye.

Reading is by draining. A task switch per message is the greater part of a naive mailbox's cost, so `serve` handles what is there in a
row and yields to others only every so many messages or milliseconds (`Settings.drain_messages`, `drain_seconds`), whatever comes in.

Each message ends in exactly one way, and its ledger entry and its caller's answer are settled together:

    returned, or raised a declared error     handled      the caller gets the answer, or the error as itself
    raised `Shutdown`                        handled      the actor ends in order; the caller gets `ActorStopped`
    an inherited deadline passed inside      expired      the caller has its `CallTimeout`; the actor lives on
    raised anything else, or was cancelled   crashed      the caller gets `ActorCrashed`; the incarnation ends
    was never begun                          shed         its caller had gone (abandoned), its deadline passed, or too little of it
                                                          was left to be answered in time (expired; see `overload`)
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, cast

import trio
from trio.lowlevel import checkpoint, wait_task_rescheduled

from trioactors.actors.actor import Actor
from trioactors.actors.child import ActorCell, ActorLife
from trioactors.actors.context import Context
from trioactors.actors.deferred import Deferred
from trioactors.actors.held_state import HeldState
from trioactors.durability.durable_state import StateKeeping
from trioactors.durability.saver import Saver
from trioactors.errors import ActorStopped, CallTimeout, DefinitionError, Shutdown, StoreError, StoreMissing
from trioactors.errors.exits import Exit, ExitKind, leaves
from trioactors.messaging.mailbox import Mailbox, count_shed
from trioactors.messaging.messages import Call, Envelope, caller_of, lineage_of
from trioactors.messaging.overload import hopeless, learned_from_cut
from trioactors.supervision.child import Life, current_life
from trioactors.supervision.lifecycle import judge
from trioactors.supervision.runtime import Runtime
from trioactors.supervision.specs import ChildSpec
from trioactors.system.system import current_system, registry_of
from trioactors.trace.formatting import described
from trioactors.trace.records import MessageHandled, MessageShed

__all__ = ["CLOCK_EVERY", "Row", "live"]

CLOCK_EVERY: Final = 8
"""How many messages are handled between two looks at the clock."""


async def live(incarnation: Life) -> None:
    """One incarnation of an actor, from its construction to its good-bye."""
    life = cast("ActorLife", incarnation)
    try:
        await _live(life, cast("ActorCell", life.cell))
    finally:
        if life.tasks is not None:
            await life.tasks.close()  # noqa: ASYNC102 - shielded in there, and its tasks are cancelled


async def _live(life: ActorLife, cell: ActorCell) -> None:
    actor = life.actor = _incarnate(cell)
    hooks = cell.plan.hooks
    actor.context = Context(life, actor, current_system())
    current_life.set(life)
    try:
        if cell.plan.keeping is not None:
            await _load(life, cell, cell.plan.keeping)
        if "on_start" in hooks:
            await _run_hook(life, actor.on_start)
        life.announce()
        if "on_continue" in hooks:
            await _run_hook(life, actor.on_continue)
        await _serve(life, cell, actor)
    except Exception as error:
        if life.ready:
            await _farewell(life, actor, judge(error))  # noqa: ASYNC120 - killed meanwhile means killed
        raise
    if life.killed is None and life.asked is not None:
        await _say_good_bye(life, actor, life.asked)


async def _load(life: ActorLife, cell: ActorCell, keeping: StateKeeping) -> None:
    """Give the actor its committed state, once the last incarnation has written what it had to."""
    committer = cell.runtime.committer
    if committer is None:
        raise StoreMissing(cell.name)
    state = HeldState(life.actor, cell.plan, keeping.codec(), registry_of(current_system()))
    saver = life.saver = keeping.saver(life, cell.mailbox, state, committer, life.discard_deferred)
    if cell.saver is not None:
        await cell.saver.drained()
    cell.saver = saver
    await saver.load()


async def _run_hook(life: ActorLife, hook: Callable[[], Awaitable[None]]) -> None:
    await (hook() if life.saver is None else life.saver.in_hook(hook))


def _incarnate(cell: ActorCell) -> Actor[Any]:
    actor: object = cast("ChildSpec", cell.spec).make()
    if not isinstance(actor, Actor):
        raise DefinitionError(f"{cell.name}: starting {cell.plan.name} made {actor!r}, which is no actor")
    if "state" not in vars(actor):
        cell.plan.new_state()  # raises, with the reason why it could not be made
    return actor  # pyright: ignore[reportUnknownVariableType] - an actor of whatever state


async def _farewell(life: ActorLife, actor: Actor[Any], reason: Exit) -> None:
    """Call `on_stop` although the actor failed, or ended itself by raising `Shutdown`; that stays the reason, whatever happens here."""
    if life.saver is not None and not reason.orderly:
        life.saver.detach()
        life.saver = None  # what it does now belongs to no commit
    with trio.move_on_after(life.cell.grace):  # noqa: ASYNC912 - on_stop may or may not wait
        try:
            await _say_good_bye(life, actor, reason)
        except Exception as error:
            after = "Shutdown" if reason.orderly else "a crash"
            life.report(Exit(ExitKind.CRASH, f"in on_stop, after {after}", error))


async def _say_good_bye(life: ActorLife, actor: Actor[Any], reason: Exit) -> None:
    if "on_stop" in cast("ActorCell", life.cell).plan.hooks:
        await _run_hook(life, partial(actor.on_stop, reason))
    if life.saver is not None:
        await life.saver.finish()


async def _serve(life: ActorLife, cell: ActorCell, actor: Actor[Any]) -> None:
    mailbox = cell.mailbox
    queue, task = mailbox.queue, trio.lowlevel.current_task()
    watchers = cell.runtime.observers.listeners
    row, now = Row(cell.runtime), cell.runtime.now
    left = row.length
    saver = life.saver
    while life.asked is None:
        if not queue or (saver is not None and saver.blocked):
            await _wait_for_work(mailbox, saver, task)
            left = row.length
            row.until = math.inf
            continue
        left -= 1
        if left % CLOCK_EVERY == 0 and row.is_over(left):
            await checkpoint()
            left = row.length
            continue
        envelope = queue.popleft()
        if mailbox.attention or envelope.tick is not None:
            _take(mailbox, envelope)
        life.began = now() if envelope.spec.is_async or watchers or envelope.deadline != math.inf else life.began
        if envelope.gone or envelope.deadline <= life.began or (mailbox.needs and _in_vain(mailbox, envelope, life)):
            _shed(cell, envelope)
            continue
        mailbox.current = envelope
        envelope.began = life.began
        try:
            result = envelope.spec.invoke(actor, *envelope.values)
            if envelope.spec.is_async:
                result = await result
        except BaseException as error:  # noqa: ASYNC103 - _failed raises again what is no answer
            _failed(life, cell, envelope, error)
        else:
            if saver is not None or watchers or life.deferral is not None:
                _settle(life, cell, envelope, result)
            else:
                mailbox.handled += 1
                envelope.reply(result)
        mailbox.current = result = None  # an idle actor keeps no answer alive, nor a token that was lost


async def _wait_for_work(mailbox: Mailbox, saver: Saver | None, task: trio.lowlevel.Task) -> None:
    """Wait for a message or the wish to stop; or, if too much waits for a commit already, for that."""
    if saver is not None and saver.blocked:
        await saver.unblocked()
    else:
        mailbox.park(task)
        await wait_task_rescheduled(mailbox.unpark)


class Row:
    """How long an actor may handle messages in a row: so many, or so many seconds. The clock is not looked at before it can matter."""

    __slots__ = ("_now", "_seconds", "length", "until")

    def __init__(self, runtime: Runtime) -> None:
        self._now = runtime.now
        self._seconds = runtime.settings.drain_seconds
        self.length = runtime.settings.drain_messages + 1
        self.until = math.inf

    def is_over(self, left: int) -> bool:
        """Whether others must run now, with *left* messages still allowed."""
        if left > 0:
            if self.until == math.inf:
                self.until = self._now() + self._seconds
                return False
            if self._now() < self.until:
                return False
        self.until = math.inf
        return True


def _take(mailbox: Mailbox, envelope: Envelope) -> None:
    """What is rarely to be done when a message leaves the queue."""
    if envelope.tick is not None:
        envelope.tick.delivered()
    mailbox.attend()


def _in_vain(mailbox: Mailbox, envelope: Envelope, life: ActorLife) -> bool:
    """Whether *envelope* is a call with less time left than its handler was seen to need."""
    return (
        mailbox.needs is not None
        and isinstance(envelope, Call)
        and hopeless(mailbox.needs, envelope.spec.name, envelope.deadline - life.began)
    )


def _shed(cell: ActorCell, envelope: Envelope) -> None:
    count_shed(cell.mailbox, envelope)
    observers = cell.runtime.observers
    if observers.listeners:
        told = lineage_of(envelope).told
        observers.emit(MessageShed(time=trio.current_time(), child=cell.name, handler=envelope.spec.name, **told))


def _failed(life: ActorLife, cell: ActorCell, envelope: Envelope, error: BaseException) -> None:
    """Settle a message whose handler raised. Raises again what ends the incarnation."""
    cell.mailbox.current = life.deferral = None
    try:
        answered = _answered(life, cell, envelope, error)
    except Exception as failed:  # the state before the message could not be restored
        _fatal(life, cell, envelope, failed)
        raise
    if not answered:
        _fatal(life, cell, envelope, error)
        raise error
    _tell(life, cell, envelope, error)


def _answered(life: ActorLife, cell: ActorCell, envelope: Envelope, error: BaseException) -> bool:
    """Whether *error* is an answer, or nobody waits for one any more; then the message is settled."""
    saver, mailbox = life.saver, cell.mailbox
    if isinstance(error, envelope.spec.raises) or (saver is not None and saver.rolls_back and _may_pass(error)):
        if saver is not None:
            saver.declared(envelope, error)
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
        saver.left(envelope)
    return False


def _may_pass(error: BaseException) -> bool:
    """Whether a store could not do now what a nested call asked for: nobody crashes of that whose own state can be rolled back."""
    return isinstance(error, StoreError) and error.retryable


def _fatal(life: ActorLife, cell: ActorCell, envelope: Envelope, error: BaseException) -> None:
    if life.saver is not None and not isinstance(error, Shutdown):
        life.saver.close()
    life.fatal = envelope
    life.fatal_caller = caller_of(envelope)
    reason = judge(error) if life.failure is None else Exit(ExitKind.CRASH, error=life.failure)
    if isinstance(error, Shutdown):
        cell.mailbox.handled += 1
        envelope.fail(ActorStopped(f"{cell.name} ended in order ({reason}) while it handled {envelope.spec.name!r}"))
    else:
        cell.mailbox.crashed += 1
        envelope.fail(error if isinstance(error, _DeferredAndReturned) else cell.crashed(reason))
    _tell(life, cell, envelope, error)


def _inherited_deadline_passed(envelope: Envelope, error: BaseException) -> bool:
    """Whether nothing went wrong but that the caller's time was up, in one nested call or in several at once."""
    if envelope.deadline > trio.current_time():
        return False
    parts = [leaf for leaf in leaves(error) if not isinstance(leaf, trio.Cancelled)]
    return bool(parts) and all(isinstance(leaf, CallTimeout) and leaf.inherited for leaf in parts)


def _settle(life: ActorLife, cell: ActorCell, envelope: Envelope, result: Any) -> None:
    """Answer a message that somebody watches, or whose reply is deferred."""
    token, life.deferral = life.deferral, None
    if token is not None and result is not None and not isinstance(result, Deferred):
        where = f"{envelope.spec.owner}.{envelope.spec.name}"
        _failed(
            life,
            cell,
            envelope,
            _DeferredAndReturned(f"{where} deferred its reply and then returned {described(result, repr):.80}"),
        )
    cell.mailbox.current = None
    if token is not None and token.owed and isinstance(envelope, Call) and envelope.pending:
        life.deferred = set() if life.deferred is None else life.deferred
        life.deferred.add(envelope)
    if life.saver is not None:
        try:
            life.saver.handled(envelope, envelope.reply if token is None else None, result)
        except Exception as error:  # its state cannot be kept: that is the handler's crash
            _fatal(life, cell, envelope, error)
            raise
    else:
        cell.mailbox.handled += 1
        if token is None:
            envelope.reply(cast("object", result))
    _tell(life, cell, envelope, None)


class _DeferredAndReturned(DefinitionError):
    """A handler gave its reply twice: the call stays open until the token is used, lost or dead."""


def _tell(life: ActorLife, cell: ActorCell, envelope: Envelope, error: BaseException | None) -> None:
    if not cell.runtime.observers.listeners:
        return
    now = trio.current_time()
    cell.runtime.observers.emit(
        MessageHandled(
            time=now,
            child=cell.name,
            handler=envelope.spec.name,
            sender=envelope.sender.cell.name if envelope.sender is not None else None,
            seconds=now - life.began,
            error=None if error is None else type(error).__name__,
            **lineage_of(envelope).told,
        )
    )
