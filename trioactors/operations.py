"""What one does to an actor from outside, as functions on its ref: handlers are all that a ref itself offers."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import attrs
import trio

from trioactors.administration import restart_cell, stop_cell
from trioactors.cells import ActorCell
from trioactors.errors import UsageError
from trioactors.exits import Exit
from trioactors.handlers import Handler, HandlerSpec
from trioactors.lives import Life, current_life
from trioactors.messages import Ledger
from trioactors.refs import RemoteHandler, cell_of
from trioactors.restarts import ChildStatus
from trioactors.settings import seconds

__all__ = ["ActorInfo", "Death", "Watch", "flush", "forget", "info", "restart", "stop", "watch"]


async def stop(ref: object) -> None:
    """Stop an actor in order, and wait until it is gone. Stopping one that does not run does nothing.

    The message in progress is finished and `on_stop` is called, within the grace; then it is cancelled. Waiting calls raise
    `ActorStopped`, waiting casts become dead letters. An actor ends itself with `self.context.stop()`.
    """
    await stop_cell(cell_of(ref))


async def restart(ref: object) -> None:
    """Stop an actor, if it runs, and start it again. Its mailbox is kept, and it costs no restart budget. Raises `StartFailed`."""
    await restart_cell(cell_of(ref))


async def forget(ref: object) -> None:
    """Stop an actor, as `stop` does, and delete its durable data for good: its next start begins anew.

    Raises `UsageError` for one that is not durable, and `StoreError` when the data could not be deleted; then it is still there.
    """
    cell = cell_of(ref)
    committer = cell.runtime.committer
    if cell.plan.keeping is None or committer is None:
        raise UsageError(f"{cell.name} is not durable, so there is nothing to forget")
    await stop_cell(cell)
    await committer.erase(cell.name)


class _Flushed:
    """The handler behind `flush`."""

    def flush(self) -> None:
        """Nothing: when this is handled, everything before it has been."""


_FLUSH: HandlerSpec = Handler[[], None](_Flushed.flush, reads=True).spec


async def flush(ref: object, *, timeout: float | None = None) -> None:
    """Return when everything sent to the actor before this has been handled.

    It is a message like any other: it waits its turn and is counted in the ledger. *timeout* in seconds, by default the call deadline.
    Raises `CallTimeout`, `ActorStopped`.
    """
    limit = None if timeout is None else seconds(timeout, "flush: timeout")
    handler: RemoteHandler[[], None] = RemoteHandler(cell_of(ref), _FLUSH, limit)
    await handler()


@attrs.frozen(kw_only=True)
class ActorInfo:
    """An actor as it is now."""

    name: str
    path: str
    actor: str
    status: ChildStatus
    incarnation: int
    handling: str | None
    """The handler in progress."""
    handling_since: float | None
    """When it began, on Trio's clock."""
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
    """Messages that were handled and wait for their commit."""
    revision: int | None
    """Of a durable actor: the revision of its last commit in this life, 0 for none yet."""
    last_exit: Exit | None


def info(ref: object) -> ActorInfo:
    """A snapshot of an actor. It never waits behind messages and changes nothing."""
    cell = cell_of(ref)
    life, mailbox = cell.life, cell.mailbox
    current = mailbox.current
    return ActorInfo(
        name=cell.name,
        path=cell.path,
        actor=cell.plan.name,
        status=cell.status,
        incarnation=cell.incarnation,
        handling=None if current is None else current.spec.name,
        handling_since=None if current is None or life is None else life.began,
        waiting=tuple(envelope.spec.name for envelope in mailbox.queue),
        mailbox_limit=mailbox.limit,
        mailbox_peak=mailbox.peak,
        mailbox_rejected=mailbox.rejected,
        ledger=mailbox.ledger,
        timers=len(life.timers or ()) if life is not None else 0,
        tasks=len(life.holder) if life is not None and life.holder is not None else 0,
        deferred_replies=len(life.deferred or ()) if life is not None else 0,
        held_replies=mailbox.held,
        revision=None if cell.saver is None else cell.saver.revision,
        last_exit=cell.last_exit,
    )


@attrs.frozen(kw_only=True)
class Death:
    """An incarnation ended, at *time* on Trio's clock."""

    name: str
    incarnation: int
    reason: Exit
    time: float


class Watch:
    """Tells of the ends of an actor's incarnations, while its scope is open."""

    def __init__(self, cell: ActorCell, limit: int) -> None:
        self._cell = cell
        self._deaths: deque[Death] = deque(maxlen=limit)
        self._parked = trio.Event()
        self._told = 0
        life = current_life.get()
        self.watcher = None if life is None else life.cell.name
        """The child that watches; None where it is none."""
        self.lost = 0
        """How many ends were dropped because nobody read them."""

    def __repr__(self) -> str:
        """Whom it watches, and what waits to be read."""
        return f"<watch of {self._cell.name}: {len(self._deaths)} ends to read>"

    def tell(self, life: Life) -> None:
        """A life has begun, or ended."""
        if life.ended is None or life.number <= self._told:
            return
        self._told = life.number
        self.lost += len(self._deaths) == self._deaths.maxlen
        death = Death(name=self._cell.name, incarnation=life.number, reason=life.ended, time=trio.current_time())
        self._deaths.append(death)
        self._parked.set()

    async def next(self) -> Death:
        """The next end, oldest first; waits for one. The caller sets the deadline."""
        await trio.lowlevel.checkpoint()
        while not self._deaths:
            self._parked = trio.Event()
            await self._parked.wait()
        return self._deaths.popleft()

    def __aiter__(self) -> Watch:
        """Iterate over the ends, without an end of its own."""
        return self

    async def __anext__(self) -> Death:
        """The next end."""
        return await self.next()


@asynccontextmanager
async def watch(ref: object, *, limit: int = 100) -> AsyncGenerator[Watch, None]:
    """Watch an actor die, for as long as the scope is open.

    Each end of an incarnation is told with its reason, whether or not a restart follows; the last *limit* unread ones are kept. A watch is
    no trace observer: it is told even if none is attached, and leaves nothing behind.
    """
    cell = cell_of(ref)
    cell.runtime.check_thread(cell)
    watching = Watch(cell, limit)
    cell.watchers = [*cell.watchers, watching.tell]
    try:
        yield watching
    finally:
        cell.watchers = [other for other in cell.watchers if other != watching.tell]
