"""Deferred replies: a handler returns, and the caller is answered later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar, cast

import attrs
import trio

from trioactors.actors.child import ActorIncarnation
from trioactors.errors import ActorStopped, NoReply, UsageError
from trioactors.messaging.messages import Call

__all__ = ["Answered", "Deferred"]

R = TypeVar("R")


class Deferred(Generic[R]):
    """A reply that is given later. Return `pending` from the handler that deferred it.

        token: ta.Deferred[str] = self.context.defer()
        self.waiting.append(token)
        return token.pending

        self.waiting.pop().reply("done")    # later, in another handler or a child task

    If the token is lost without a reply, the caller gets `NoReply`. If the incarnation exits first, it gets `ActorCrashed` or
    `ActorStopped`.
    """

    __slots__ = ("__weakref__", "_call", "_incarnation", "_settled", "_token")

    def __init__(self, incarnation: ActorIncarnation, call: Call | None) -> None:
        self._incarnation = incarnation
        self._call = call
        self._settled = False
        self._token = trio.lowlevel.current_trio_token()

    @property
    def pending(self) -> R:
        """The placeholder to return from the handler."""
        return cast("R", self)

    def reply(self, value: R) -> None:
        """Reply to the caller. Does nothing if the caller is gone. Raises `UsageError` on a second reply."""
        self._give(lambda call: call.reply(value))

    def fail(self, error: Exception) -> None:
        """Raise *error* in the caller. Raises `UsageError` on a second reply."""
        self._give(lambda call: call.fail(error))

    def _give(self, give: Callable[[Call], None]) -> None:
        call = self._settle()
        if call is None:
            return
        saver = self._incarnation.saver
        if saver is None or not saver.holding:
            give(call)
        else:
            saver.hold(Answered(call, self._incarnation, give, self._take_back))

    def _take_back(self) -> None:
        """Make the reply owed again: the state behind it was not committed."""
        self._settled = False

    def _settle(self) -> Call | None:
        if self._settled:
            raise UsageError(f"{self!r}: a call gets one reply only")
        self._settled = True
        if self._call is not None and self._incarnation.deferred is not None:
            self._incarnation.deferred.discard(self._call)
        return self._call

    @property
    def owed(self) -> bool:
        """Whether the reply is still to be given."""
        return not self._settled

    def __del__(self) -> None:
        """Fail the call if the token is lost, so that its caller need not wait for the deadline. May run in any thread."""
        call = self._call
        if self._settled or call is None:
            return
        if self._incarnation.deferred is not None:
            self._incarnation.deferred.discard(call)
        if not call.pending:
            return
        error = NoReply(f"{self._incarnation.child.name} deferred the reply to {call.spec.name!r} and lost it")
        try:
            self._token.run_sync_soon(call.fail, error)
        except trio.RunFinishedError:
            return

    def __repr__(self) -> str:
        """The actor, and whether the reply is still owed."""
        return f"<deferred reply of {self._incarnation.child.name}: {'given' if self._settled else 'owed'}>"


@attrs.frozen(eq=False)
class Answered:
    """A deferred reply that is held until the commit."""

    call: Call
    incarnation: ActorIncarnation
    give: Callable[[Call], None]
    take_back: Callable[[], None]

    def release(self) -> None:
        """Reply to the caller."""
        self.give(self.call)

    def undo(self) -> None:
        """Make the reply owed again, or fail the call if the incarnation has exited."""
        if self.incarnation.ended is not None:
            self.call.fail(ActorStopped(f"{self.incarnation.child.name} exited, and the state behind its reply was not committed"))
        else:
            self.incarnation.deferred = {*(self.incarnation.deferred or ()), self.call}
            self.take_back()
