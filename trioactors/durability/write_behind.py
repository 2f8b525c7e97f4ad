"""`Within(seconds)`: answers leave at once, and changes are committed together.

The first change that is not committed sets an alarm. When it rings, the state is committed as it is between two messages; while a handler
is at work, or the commit before is still on its way, as soon as that is over. A crash loses what the window held.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from trioactors.durability.saver import Effect, Saver, State
from trioactors.messaging.mailbox import Mailbox
from trioactors.messaging.messages import Envelope
from trioactors.persistence.committer import Committer
from trioactors.scheduling.deadlines import Alarm
from trioactors.supervision.child import Incarnation

__all__ = ["WriteBehind"]


class WriteBehind(Saver):
    """`Within(seconds)`: answers leave at once, changes are committed together."""

    rolls_back = False

    def __init__(self, incarnation: Incarnation, mailbox: Mailbox, state: State, committer: Committer, seconds: float) -> None:
        super().__init__(incarnation, mailbox, state, committer)
        self._seconds = seconds
        self._due = False
        """Whether the window has closed, and the state could not be taken then."""
        self._alarm: Alarm | None = None
        self._failed: Exception | None = None
        self._closed = False

    @property
    def holding(self) -> bool:
        """Nothing is held."""
        return False

    def hold(self, effect: Effect) -> None:
        """Nothing is held, so it leaves now."""
        effect.release()

    def handled(self, envelope: Envelope, answer: Callable[[Any], None] | None, value: Any) -> None:
        """Answer at once, and see to the state later."""
        self._mailbox.handled += 1
        if answer is not None:
            answer(value)
        self._handler_ended(envelope)

    def declared_error(self, envelope: Envelope, error: BaseException) -> None:
        """The error is the answer; the state is as the handler left it."""
        self.handled(envelope, envelope.fail, error)

    def expired(self, envelope: Envelope) -> None:
        """As for a declared error, but nobody waits for it."""
        self._mailbox.expired += 1
        self._handler_ended(envelope)

    def shut_down(self, envelope: Envelope) -> None:
        """The state is as the handler left it, and what the window holds is committed at the end."""

    def _handler_ended(self, envelope: Envelope) -> None:
        """A handler has ended. The window may have closed meanwhile, whether or not this one changed anything."""
        if self._due or not envelope.spec.reads:
            self._touched()

    def _touched(self) -> None:
        """The state may have changed."""
        if self._due:
            self._fire()
        elif self._alarm is None and not self._closed:
            self._alarm = self._runtime.deadlines.at(self._runtime.now() + self._seconds, self._fire)

    async def in_hook(self, hook: Callable[[], Awaitable[None]]) -> None:
        """As `Saver.in_hook`, with a window as for a message."""
        await super().in_hook(hook)
        self._touched()

    async def finish(self) -> None:
        """As `Saver.finish`."""
        await self.drained()
        self._failed = None
        if not self.fenced:
            self._save()
        await self.drained()
        if self._failed is not None:
            raise self._failed

    def close(self) -> None:
        """As `Saver.close`: no window closes any more, and what this one held is lost."""
        self._closed = True
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _fire(self) -> None:
        """The window closes. While a handler is at work the state is not to be looked at, and one commit is on its way at a time."""
        self._alarm = None
        self._due = True
        if self._recording or self.busy or self.fenced or self._closed:
            return
        try:
            self._save()
        except Exception as error:  # the state cannot be written, which is the actor's mistake; here nobody else would hear of it
            self.incarnation.crash(error)

    def _save(self) -> None:
        self._due = False
        data = self._encode()
        if data != self._committed:
            self._commit(data)

    def _commit_succeeded(self) -> None:
        if self._due:
            self._fire()

    def _commit_failed(self, error: Exception) -> None:
        """What was not committed is tried again after another window."""
        if not self._closed and not self._ends_incarnation(error):
            self._failed = error
            self._due = False
            self._touched()
