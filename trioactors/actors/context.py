"""The context: what an actor asks of the framework, on `self.context`.

A context belongs to one incarnation. Timers, child tasks and deferred replies that come from it end with that incarnation.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from typing import Any, Final, Generic, TypeVar, TypeVarTuple, Unpack, cast

import trio

from trioactors.actors.child import ActorChild, ActorIncarnation
from trioactors.actors.deferred import Deferred
from trioactors.actors.ref import Ref
from trioactors.actors.tasks import ChildTasks
from trioactors.actors.timers import Armed, Disarmed, Timer, Timers
from trioactors.errors import ActorStopped, SpecError, TooManyTimers, UsageError
from trioactors.errors.exits import NORMAL
from trioactors.messaging.definitions import HandlerSpec
from trioactors.messaging.handlers import LocalHandler
from trioactors.messaging.mailbox import is_over
from trioactors.messaging.messages import NOWHERE, Call, Envelope
from trioactors.settings import close_coroutine, seconds, share
from trioactors.supervision.specs import is_partial
from trioactors.system.system import System
from trioactors.trace.records import MessageAccepted

__all__ = ["SHORTEST_PERIOD", "Context", "OwnContext"]

A_co = TypeVar("A_co", bound=Ref, covariant=True)

Args = TypeVarTuple("Args")

SHORTEST_PERIOD: Final = 0.001
"""The shortest period of `every`, in seconds; below it, a timer would be a busy loop."""

_JITTER: Final = "every"
"""The label of the random streams for the jitter of `every`."""


class Context:
    """The framework as one incarnation of an actor sees it. Available as `self.context` from `on_start` on.

        class Poller(ta.Actor[Readings]):
            async def on_start(self) -> None:
                self.context.every(60.0, self.poll)

            @ta.handler
            async def poll(self) -> None: ...

    Everything that it hands out (timers, child tasks, deferred replies) ends with the incarnation.
    """

    __slots__ = ("_actor", "_chance", "_child", "_incarnation", "_system")

    def __init__(self, incarnation: ActorIncarnation, child: ActorChild, actor: object, system: System) -> None:
        self._incarnation = incarnation
        self._child = child
        self._actor = actor
        self._system = system
        self._chance: Callable[[], float] | None = None
        """The random stream for the jitter of `every`."""

    def __repr__(self) -> str:
        """The actor that it belongs to."""
        return f"<context of {self._child!r}>"

    @property
    def ref(self) -> Ref:
        """The actor's own ref, to pass to others. As `self.context.ref` it has the type of the actor."""
        return cast("Ref", self._child.ref)

    @property
    def name(self) -> str:
        """The actor's name."""
        return self._child.name

    @property
    def incarnation(self) -> int:
        """The number of this incarnation, counted from 1."""
        return self._incarnation.number

    @property
    def system(self) -> System:
        """The system that the actor runs in, for finding and starting other actors."""
        return self._system

    @property
    def sender(self) -> str | None:
        """The name of the actor that sent the message in progress; None if it came from outside."""
        current = self._child.mailbox.current
        return None if current is None or current.sender is None else current.sender.child.name

    def stop(self) -> None:
        """Stop this actor after the message in progress, with the exit *normal*.

            @ta.handler
            async def finish(self) -> None:
                self.context.stop()

        A permanent child is restarted.
        """
        self._child.request_stop(self._incarnation, NORMAL)

    def defer(self, *, left: Callable[[], Awaitable[object]] | None = None) -> Deferred[Any]:
        """Defer the reply to the call in progress. Return `pending` from the handler, and use the token later.

            @ta.handler
            async def next_item(self) -> str:
                token: ta.Deferred[str] = self.context.defer()
                self.waiting.append(token)      # another handler: self.waiting.pop().reply(item)
                return token.pending

        *left* is one of the actor's own handlers, with its arguments bound by `partial`, as for `after`. It is sent once if the caller
        leaves before its reply (its deadline passed, or it was cancelled):

            ticket = next(self.tickets)
            self.waiting[ticket] = self.context.defer(left=partial(self.withdraw, ticket))

        Raises `UsageError` if the reply is already deferred, or if no message is in progress, and `SpecError` if *left* is no handler
        of this actor.
        """
        if self._incarnation.deferral is not None:
            raise UsageError(f"{self.name}: the reply is already deferred")
        current = self._child.mailbox.current
        if current is None:
            raise UsageError(f"{self.name}: defer() needs a message in progress")
        call = current if isinstance(current, Call) else None
        tell = None if left is None else partial(self._tell_left, *self._own_handler(left, "defer: left"))
        token: Deferred[Any] = Deferred(self._incarnation, call, tell)
        self._incarnation.deferral = token
        return token

    def _tell_left(self, spec: HandlerSpec, values: tuple[Any, ...]) -> None:
        """Send the actor the message that a caller has left, even beyond the limit of its mailbox: there is at most one for each."""
        incarnation, mailbox, observers = self._incarnation, self._child.mailbox, self._child.runtime.observers
        if incarnation.ended is not None or is_over(mailbox):
            return
        envelope = Envelope(spec, values, incarnation)
        mailbox.put_tick(envelope)
        if observers.listeners:
            causation = envelope.causation = NOWHERE.next(observers.number())
            record = MessageAccepted(
                time=trio.current_time(), child=self.name, handler=spec.name, sender=self.name, **causation.as_fields
            )
            observers.emit(record)

    def start_soon(self, function: Callable[[Unpack[Args]], Awaitable[object]], *args: *Args) -> None:
        """Run `function(*args)` as a child task of this incarnation, beside the handler.

            self.context.start_soon(self.download, url)

        The task is cancelled when the incarnation ends; if it fails, the actor crashes. It must not touch the state: it sends
        messages.
        """
        given: object = function
        if not callable(given):
            close_coroutine(given)
            raise SpecError(f"{self.name}: start_soon takes an async function and its arguments, not {given!r:.80}")
        incarnation = self._incarnation
        if incarnation.ended is not None or incarnation.asked is not None:
            raise ActorStopped(f"{self.name} is stopping: no task can be started")
        if incarnation.tasks is None:
            assert incarnation.nursery is not None  # the supervisor set it at the start
            incarnation.tasks = ChildTasks(incarnation, incarnation.nursery)
        incarnation.tasks.start_soon(function, *args)

    def after(self, delay: float, send: Callable[[], Awaitable[object]], *, key: Hashable | None = None) -> Hashable:
        """Send a message to one of the actor's own handlers after *delay* seconds.

            self.context.after(30.0, partial(self.expire, session), key=session)

        *send* is the handler, with its arguments bound by `partial`. A timer with the same *key* is replaced. Returns the key,
        for `cancel`.
        """
        return self._set_timer(seconds(delay, "after: delay"), None, send, key)

    def every(
        self, period: float, send: Callable[[], Awaitable[object]], *, key: Hashable | None = None, jitter: float = 0.0
    ) -> Hashable:
        """Send a message to one of the actor's own handlers every *period* seconds, first after one period.

            self.context.every(60.0, self.poll)
            self.context.every(60.0, self.poll, jitter=1.0)     # first after 0 to 60 s, then every 60 s

        *jitter* is a share, from 0 to 1: the first tick comes earlier by a random part of the period, up to this share of it. It is drawn
        once for each timer, so later ticks are one period apart. Actors that are started together then do not all tick together.

        Ticks keep to the grid of the first one. A tick is skipped if it cannot be sent in time, or if the one before it still
        waits in the mailbox. *send* and *key* are as for `after`.
        """
        seconds(period, "every: period", least=SHORTEST_PERIOD)
        first = period
        if share(jitter, "every: jitter"):
            self._chance = self._chance or self._child.runtime.environment.random(f"{_JITTER}/{self.name}").random
            first = max(SHORTEST_PERIOD, period * (1.0 - jitter * self._chance()))
        return self._set_timer(first, period, send, key)

    def cancel(self, key: Hashable) -> bool:
        """Cancel the timer under *key*, and its tick if that is still waiting. Returns whether there was one."""
        _check_key(self.name, key)
        timers = self._incarnation.timers
        timer = None if timers is None else timers.withdraw(key)
        if timer is None:
            return False
        if (saver := self._incarnation.saver) is not None and saver.holding:
            saver.hold(Disarmed(timer))
        return True

    def _set_timer(self, delay: float, period: float | None, send: object, key: Hashable | None) -> Hashable:
        spec, values = self._own_handler(send, "a timer")
        _check_key(self.name, key)
        incarnation = self._incarnation
        if incarnation.ended is not None:
            raise ActorStopped(f"{self.name}: this incarnation has exited")
        if incarnation.timers is None:
            runtime = self._child.runtime
            incarnation.timers = Timers(self._child.mailbox, runtime.deadlines, runtime.observers, incarnation, incarnation.number)
        timers = incarnation.timers
        replaced = timers.withdraw(key)
        if len(timers) >= self._child.runtime.settings.timers:
            raise TooManyTimers(f"{self.name} has {len(timers)} timers; use keys, or raise Settings.timers")
        chosen: Hashable = object() if key is None else key
        timer = Timer(chosen, spec, values, trio.current_time() + delay, period, timers)
        timers.add(timer)
        if (saver := incarnation.saver) is not None and saver.holding:
            saver.hold(Armed(timer, replaced))
        else:
            timer.schedule()
        return chosen

    def _own_handler(self, send: object, what: str) -> tuple[HandlerSpec, tuple[Any, ...]]:
        if not callable(send):
            close_coroutine(send)
            raise SpecError(
                f"{self.name}: {what} takes a handler that is not called yet, such as self.tick or partial(self.add, 1), not {send!r:.80}"
            )
        bound: partial[Any] = send if is_partial(send) else partial(cast("Callable[..., Any]", send))
        target: object = bound.func
        if not isinstance(target, LocalHandler) or target.actor is not self._actor:
            raise SpecError(f"{self.name}: {what} sends to one of the actor's own handlers (self.tick), not {send!r}")
        local = cast("LocalHandler[..., Any]", target)
        return local.spec, local.spec.bind(bound.args, bound.keywords)


class OwnContext(Context, Generic[A_co]):
    """The type of `self.context`: it knows the type of the actor."""

    __slots__ = ()

    @property
    def ref(self) -> A_co:
        """The actor's own ref, to pass to others."""
        return cast("A_co", self._child.ref)


def _check_key(name: str, key: object) -> None:
    try:
        hash(key)
    except TypeError:
        raise SpecError(f"{name}: the key of a timer must be hashable, which {key!r:.80} is not") from None
