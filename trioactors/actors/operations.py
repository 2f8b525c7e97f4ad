"""Operations on an actor from outside, as functions on its ref. A ref itself offers handlers only."""

from __future__ import annotations

import attrs
import trio

from trioactors.actors.calls import RemoteHandler
from trioactors.actors.ref import Ref, child_of
from trioactors.errors import UsageError
from trioactors.errors.exits import Exit
from trioactors.messaging.definitions import HandlerSpec
from trioactors.messaging.handlers import Handler
from trioactors.messaging.ledger import Ledger
from trioactors.persistence.committer import Committer, Verdict, erasure
from trioactors.settings import drain_time, seconds
from trioactors.supervision.handle import restart_child_of, stop_child
from trioactors.supervision.restarts import ChildStatus
from trioactors.supervision.tree import status_of

__all__ = ["ActorInfo", "flush", "forget", "info", "restart", "stop"]


async def stop(ref: Ref, *, drain: bool | float | None = None) -> None:
    """Stop an actor in order, and wait until it is gone. Does nothing if it is not running.

        await ta.stop(counter)
        await ta.stop(counter, drain=True)

    The message in progress is finished and `on_stop` runs, both within the grace; then the actor is cancelled. Waiting calls
    raise `ActorStopped`, waiting casts become dead letters. An actor stops itself with `self.context.stop()`.

    With *drain*, the actor first handles all that it has accepted, and gives the replies that it has deferred. Messages from others
    raise `ActorStopped` from then on. A number is the most seconds that this may take; True means as long as `Settings.stop_timeout`
    permits a system, less two graces. What is left then is treated as above. By default `child(drain=...)` decides. If the caller is
    cancelled during the drain, the actor runs on.
    """
    seconds_to_drain = None if drain is None else drain_time(drain, "stop: drain")
    await stop_child(child_of(ref), seconds_to_drain)


async def restart(ref: Ref) -> None:
    """Stop an actor if it is running, and start it again.

        await ta.restart(counter)

    The mailbox is kept, and the restart counts against no budget: from here on, the restarts of the actor are counted anew. This also
    starts an actor that *failed*. Raises `StartFailed`.
    """
    await restart_child_of(child_of(ref))


async def forget(ref: Ref) -> None:
    """Stop an actor, as `stop` does, and delete its durable data for good. Its next start begins with a fresh state.

        await ta.forget(counter)

    Raises `UsageError` if the actor is not durable, and `StoreError` if the data could not be deleted; the data is then still
    there. A restart that is asked for meanwhile comes before all this or after it.
    """
    child = child_of(ref)
    committer = child.runtime.committer
    if child.plan.durable_state is None or committer is None:
        raise UsageError(f"{child.name} is not durable, so there is nothing to forget")
    erasing = _Erasing(committer, child.name)
    await stop_child(child, then=erasing.begin)
    await erasing.done()


@attrs.define(eq=False)
class _Erasing:
    """The removal of the state of an actor that is being stopped.

    It is submitted when the actor is down, and not awaited there: so the store does it before it reads the state for a restart, which may
    wait for the supervisor already, and the supervisor does not wait for the store.
    """

    _committer: Committer
    _name: str
    _begun: bool = attrs.field(default=False, init=False)
    _verdict: Verdict | None = attrs.field(default=None, init=False)
    _settled: trio.Event = attrs.field(factory=trio.Event, init=False)

    def begin(self) -> None:
        """Submit it, unless that was done."""
        if not self._begun:
            self._begun = True
            self._committer.submit(erasure(self._name), self._settle)

    def _settle(self, verdict: Verdict) -> None:
        self._verdict = verdict
        self._settled.set()

    async def done(self) -> None:
        """Wait until it is committed. Raises `StoreError`."""
        self.begin()
        await self._settled.wait()
        if isinstance(self._verdict, Exception):
            raise self._verdict


class _Flushed:
    """The handler behind `flush`."""

    def flush(self) -> None:
        """Do nothing: once this is handled, every message before it has been."""


_FLUSH: HandlerSpec = Handler[[], None](_Flushed.flush, reads=True).spec


async def flush(ref: Ref, *, timeout: float | None = None) -> None:
    """Return when every message sent to the actor before this one has been handled.

        await counter.add.cast()
        await ta.flush(counter)

    It is a message like any other: it waits its turn and is counted in the ledger. Crashes until then are in the history when this
    returns (see `open_system`), unless the store refuses them or takes longer than *timeout*.
    *timeout* is in seconds, by default the call deadline. Raises `CallTimeout`, `ActorStopped`.
    """
    limit = None if timeout is None else seconds(timeout, "flush: timeout")
    child = child_of(ref)
    handler: RemoteHandler[[], None] = RemoteHandler(child, _FLUSH, limit)
    await handler()
    if child.runtime.history is not None:
        await child.runtime.history.written(child.runtime.settings.call_timeout if limit is None else limit)


@attrs.frozen(kw_only=True)
class ActorInfo:
    """A snapshot of an actor, from `info`."""

    name: str
    path: str
    actor: str
    status: ChildStatus
    """*failed* if it had too many restarts, or its stored state cannot be read: it stays down until `restart`."""
    restart_at: float | None
    """When its back-off is over and it is restarted, on Trio's clock; None if it does not wait."""
    paused: bool
    """Whether it takes no message until `resume`."""
    incarnation: int
    handling: str | None
    """The handler in progress, if any."""
    handling_since: float | None
    """When the handler in progress began, on Trio's clock."""
    waiting: tuple[str, ...]
    """The handlers of the waiting messages, oldest first."""
    mailbox_limit: int
    mailbox_peak: int
    mailbox_rejected: int
    ledger: Ledger
    timers: int
    tasks: int
    deferred_replies: int
    held_replies: int
    """Messages that were handled and whose replies wait for a commit."""
    revision: int | None
    """The revision of the last commit in this incarnation, 0 if there was none yet. Durable actors only."""
    last_exit: Exit | None


def info(ref: Ref) -> ActorInfo:
    """A snapshot of an actor.

        print(ta.info(counter).ledger.waiting)

    It never waits behind messages and changes nothing.
    """
    child = child_of(ref)
    incarnation, mailbox = child.present, child.mailbox
    current = mailbox.current
    return ActorInfo(
        name=child.name,
        path=child.path,
        actor=child.plan.name,
        status=status_of(child),
        restart_at=child.restart_at,
        paused=mailbox.pause is not None,
        incarnation=child.incarnation,
        handling=None if current is None else current.spec.name,
        handling_since=None if current is None or incarnation is None else incarnation.began,
        waiting=tuple(envelope.spec.name for envelope in mailbox.queue),
        mailbox_limit=mailbox.limit,
        mailbox_peak=mailbox.peak,
        mailbox_rejected=mailbox.rejected,
        ledger=mailbox.ledger,
        timers=len(incarnation.timers or ()) if incarnation is not None else 0,
        tasks=len(incarnation.tasks) if incarnation is not None and incarnation.tasks is not None else 0,
        deferred_replies=len(incarnation.deferred or ()) if incarnation is not None else 0,
        held_replies=mailbox.held,
        revision=None if child.saver is None else child.saver.revision,
        last_exit=child.last_exit,
    )
