"""What a handler can do."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import trio

import trioactors as ta
from randomlab.notes import Cancelled, Finished, Op, TimerSet
from randomlab.stage.messages import Messages
from randomlab.stage.notebook import did, note, times
from randomlab.stage.operations import operate, start_guest
from randomlab.stage.pages import Fallen, Page, Pages, Refused
from randomlab.stage.sending import Sending

if TYPE_CHECKING:
    from randomlab.stage.desk import Desk

__all__ = ["Hand"]

_STUMBLES = 3
_RESTS = 2
_WRITES = 3


class Hand(Messages):
    """What a handler can do. A method is one act; the table in acts.py says which public capability each one shows."""

    def __init__(self, desk: Desk, page: Page) -> None:
        super().__init__(desk, page)
        self.deferred = False

    # --- the state ---

    def write(self) -> None:
        """Change the state. A timer that repeats does so a few times: a state that grows for ever makes every run slow."""
        did("write")
        if self._desk.state.ids.count(self._page.id) < _WRITES:
            self._desk.state.ids.append(self._page.id)

    def replace(self) -> None:
        """Replace the whole state by an equal one with the page, unless it was written a few times already."""
        did("replace")
        known = self._desk.state.ids
        self._desk.state = Pages([*known, self._page.id] if known.count(self._page.id) < _WRITES else [*known])

    def swell(self) -> None:
        """Write so much that a small store does not take it."""
        if self._may("swell"):
            self._desk.state.ids.append(self._page.id.ljust(20_000, "."))

    def answer(self) -> list[str]:
        """The reply: a copy of the state."""
        return list(self._desk.state.ids)

    # --- time ---

    async def wait(self, seconds: float) -> None:
        """Take some time, unless enough has followed: ticks that take longer than their period would never let the actor rest."""
        await trio.sleep(seconds if self._may("wait") else 0)

    # --- replies ---

    def defer(self, left: str | None = None) -> Any:
        """Answer later, or never; *left* is sent if the caller leaves before."""
        did("defer" if left is None else "defer left")
        page = Page(f"{self._page.id}/left", 0)
        tell = None if left is None else partial(getattr(self._desk, left), page)
        token: ta.Deferred[Any] = self._desk.context.defer(left=tell)
        self._desk.owed.append((token, self._page.id))
        self.deferred = True
        return token.pending

    def settle(self) -> None:
        """Give the oldest reply that is owed."""
        if self._desk.owed:
            did("settle")
            token, page = self._desk.owed.pop(0)
            value = self._desk.pages()
            note(Finished, **self._desk.where(), page=page, by=self._page.id, value=value)
            token.reply(list(value))

    def disappoint(self) -> None:
        """Fail the oldest reply that is owed."""
        if self._desk.owed:
            did("disappoint")
            token, page = self._desk.owed.pop(0)
            note(Finished, **self._desk.where(), page=page, by=self._page.id, value=None)
            token.fail(Refused(page))

    # --- errors ---

    def stumble(self) -> None:
        """Fail at a third of the restarts, a few times: three actors that fail in turn would never start together."""
        name = self._desk.context.name
        if self._desk.context.incarnation > 1 and self._desk.lot % 3 == 0 and times(f"{name} stumbles") <= _STUMBLES:
            did("stumble")
            raise Fallen(f"{self._desk.who} stumbles")

    def decline(self) -> None:
        """Decline a quarter of the restarts."""
        if self._desk.context.incarnation > 1 and self._desk.lot % 4 == 0:
            did("decline")
            raise ta.Ignore

    def refuse(self) -> None:
        """Raise an error that the handler may have declared."""
        if self._may("refuse"):
            raise Refused(self._page.id)

    def fall(self) -> None:
        """Raise an error that no handler declares."""
        if self._may("fall"):
            raise Fallen(self._page.id)

    def fall_in_a_group(self) -> None:
        """The same, as a nursery raises it."""
        if self._may("fall in a group"):
            raise ExceptionGroup("fallen", [Fallen(self._page.id)])

    def refuse_in_a_group(self) -> None:
        """A declared error, as a nursery raises it."""
        if self._may("refuse in a group"):
            raise ExceptionGroup("refused", [Refused(self._page.id)])

    def leave(self) -> None:
        """Exit in order, without the changes of this message."""
        if self._may("leave"):
            raise ta.Shutdown(self._page.id)

    def stop(self) -> None:
        """Exit in order after this message."""
        if self._may("stop"):
            self._desk.context.stop()

    async def rest(self, seconds: float) -> None:
        """Pause oneself after this message, for a while; a few times only, because a user must resume who falls meanwhile."""
        ref = self._desk.context.ref
        name = self._desk.context.name
        if not self._may("rest") or times(f"{name} rests") > _RESTS:
            return
        await ta.pause(ref)
        note(Op, id=f"{self._page.id} rests", what="pause", target=name, phase="paused by itself")
        self._desk.context.start_soon(self._wake, seconds, name)  # unless it falls before: then a user resumes it in the end

    async def _wake(self, seconds: float, name: str) -> None:
        await trio.sleep(seconds)
        note(Op, id=f"{self._page.id} rests", what="pause", target=name, phase="resumes")
        with trio.CancelScope(shield=True):
            await ta.resume(self._desk.context.ref)

    # --- timers and tasks ---

    def after(self, delay: float, handler: str, key: str) -> None:
        """Set a timer."""
        self._timer(delay, handler, key, repeats=False)

    def every(self, period: float, handler: str, key: str) -> None:
        """Set a timer that repeats."""
        self._timer(period, handler, key, repeats=True)

    def _timer(self, delay: float, handler: str, key: str, *, repeats: bool) -> None:
        page = self._next("every" if repeats else "after")
        if page is None:
            return
        page = attrs.evolve(page, left=0) if repeats else page
        context = self._desk.context
        note(
            TimerSet,
            **self._desk.where(),
            key=key,
            page=page.id,
            by=self._page.id,
            handler=handler,
            delay=delay,
            repeats=repeats,
        )
        send = partial(getattr(self._desk, handler), page)
        if repeats:
            context.every(delay, send, key=key)
        else:
            context.after(delay, send, key=key)

    def cancel(self, key: str) -> None:
        """Cancel a timer."""
        did("cancel")
        existed = self._desk.context.cancel(key)
        note(Cancelled, **self._desk.where(), key=key, by=self._page.id, existed=existed)

    def task(self, delay: float, target: str, handler: str) -> None:
        """Start a child task that casts after a while."""
        page = self._next("task")
        if page is not None:
            sender = f"{self._desk.who} task {page.id}"
            self._desk.context.start_soon(self._later, delay, Sending(page, sender, None, target, handler, "cast"))

    async def _later(self, delay: float, sending: Sending) -> None:
        await trio.sleep(delay)
        await sending.send(self._system)

    # --- others ---

    async def start(self, kind: type[ta.Actor[Any]], handler: str) -> None:
        """Start one more actor, and cast to it."""
        page = self._next("start another")
        if page is None:
            return
        name = f"{kind.__name__} guest {page.id}"
        if await start_guest(name, kind, "transient", self._system):
            await self._sending(page, "cast", name, handler).send(self._system)

    async def ask(self, what: str, target: str) -> None:
        """Ask for an operation on an actor."""
        self._steps += 1
        if self._may(f"{what} another"):
            await operate(f"{self._page.id}!{self._steps}", what, target, self._system)
