"""`Within(seconds)`: write-behind. Replies leave at once, and changes are committed together.

The first uncommitted change sets an alarm. When the alarm fires, the state is committed as it is between two messages. If a
handler is running or a commit is in flight at that moment, the commit follows as soon as that is over. A crash loses the
changes of the window.
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
    """Replies at once, and commits the changes of a window together."""

    rolls_back = False

    def __init__(self, incarnation: Incarnation, mailbox: Mailbox, state: State, committer: Committer, seconds: float) -> None:
        super().__init__(incarnation, mailbox, state, committer)
        self._seconds = seconds
        self._due = False
        """Whether the window has ended, but the state could not be committed at that moment."""
        self._alarm: Alarm | None = None
        self._last: bytes | None = None
        """The state to commit after the commit in flight, even if the incarnation is over by then."""
        self._failed: Exception | None = None
        self._open = False
        """Whether changes are committed: from the end of `load`, since what was never read must not be written, to `close`."""

    async def load(self) -> None:
        """Read the state, as in `Saver.load`."""
        await super().load()
        self._open = True

    @property
    def holding(self) -> bool:
        """Always False: nothing is held."""
        return False

    def hold(self, effect: Effect) -> None:
        """Release *effect* now, because nothing is held."""
        effect.release()

    def handled(self, envelope: Envelope, reply: Callable[[Any], None] | None, value: Any) -> None:
        """Reply at once, and commit later. Whether the state can be written is not known yet."""
        self._mailbox.handled += 1
        if reply is not None:
            reply(value)
        self._handler_ended(envelope)

    def declared_error(self, envelope: Envelope, error: BaseException) -> None:
        """Reply with the error; the state is as the handler left it."""
        self.handled(envelope, envelope.fail, error)

    def expired(self, envelope: Envelope) -> None:
        """Count the message as expired; the state is as the handler left it."""
        self._mailbox.expired += 1
        self._handler_ended(envelope)

    def shut_down(self, envelope: Envelope) -> None:
        """Do nothing: the state is as the handler left it, and is committed at the end."""

    def _handler_ended(self, envelope: Envelope) -> None:
        """A handler has ended. The window may have ended meanwhile, whether or not this handler changed anything."""
        if self._due or not envelope.spec.reads:
            self._touched()

    def _touched(self) -> None:
        """Start a window, because the state may have changed; or commit, if the window has ended already."""
        if self._due:
            self._fire()
        elif self._alarm is None and self._open:
            self._alarm = self._runtime.deadlines.at(self._runtime.now() + self._seconds, self._fire)

    async def in_hook(self, hook: Callable[[], Awaitable[None]]) -> None:
        """Run a hook, and start a window as after a message."""
        await super().in_hook(hook)
        self._touched()

    async def finish(self) -> None:
        """Commit what the window holds, and wait for it."""
        await self.drained()
        self._failed = None
        if not self.fenced:
            self._save(self._encode())
        await self.drained()
        if self._failed is not None:
            raise self._failed

    def hurry(self) -> None:
        """End the window at once, unless a handler or a hook runs. While a commit is in flight, this one follows it."""
        if self._recording or self.fenced or not self._open:
            return
        self._cancel_alarm()
        if not self.busy:
            self._fire()
        else:
            self._last = self._try_to_encode()

    def close(self) -> None:
        """Cancel the window; its changes are lost."""
        self._open = False
        self._cancel_alarm()

    def _cancel_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _fire(self) -> None:
        """End the window: commit, unless a handler is running or a commit is in flight; `_handler_ended` and the commit then call again."""
        self._alarm = None
        self._due = True
        if self._recording or self.busy or self.fenced or not self._open:
            return
        data = self._try_to_encode()
        if data is not None:
            self._save(data)

    def _try_to_encode(self) -> bytes | None:
        """The state as it is. If it cannot be encoded, crash the incarnation: raising from a callback would reach no supervisor."""
        try:
            return self._encode()
        except Exception as error:
            self.incarnation.crash(error)
            return None

    def _save(self, data: bytes) -> None:
        self._due = False
        if data != self._committed:
            self._commit(data)

    def _commit_succeeded(self) -> None:
        last, self._last = self._last, None
        if last is not None and last != self._committed:
            self._commit(last)
        elif self._due:
            self._fire()

    def _commit_failed(self, error: Exception) -> None:
        """Retry after another window, unless the incarnation ends."""
        self._last = None
        if self._open and not self._ends_incarnation(error):
            self._failed = error
            self._due = False
            self._touched()
