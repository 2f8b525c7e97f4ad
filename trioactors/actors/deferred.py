"""Deferred replies: a handler returns, and the caller is answered later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar, cast

import attrs
import trio

from trioactors.actors.child import ActorIncarnation
from trioactors.errors import NoReply, Outcome, StoreError, UsageError
from trioactors.messaging.messages import Call
from trioactors.persistence.committer import fresh
from trioactors.trace.formatting import described

__all__ = ["Answered", "Deferred"]

R = TypeVar("R")


class Deferred(Generic[R]):
    """A reply that is given later. Return `pending` from the handler that deferred it.

        token: ta.Deferred[str] = self.context.defer()
        self.waiting.append(token)
        return token.pending

        self.waiting.pop().reply("done")    # later, in another handler or a child task

    If the token is lost without a reply, the caller gets `NoReply`. If the incarnation exits first, it gets `ActorCrashed` or
    `ActorStopped`. If the message that replied is not committed, it gets that error.

    A caller may leave before its reply: its deadline passes, or it is cancelled. `owed` is False from then on, and `reply` returns
    False; `defer(left=...)` sends a message.
    """

    __slots__ = ("__weakref__", "_call", "_incarnation", "_left", "_settled", "_token")

    def __init__(self, incarnation: ActorIncarnation, call: Call | None, left: Callable[[], None] | None = None) -> None:
        self._incarnation = incarnation
        self._call = call
        self._left = left
        self._settled = False
        self._token = trio.lowlevel.current_trio_token()

    @property
    def pending(self) -> R:
        """The placeholder to return from the handler."""
        return cast("R", self)

    def reply(self, value: R) -> bool:
        """Reply to the caller. Returns whether it still waits; if not, this does nothing. Raises `UsageError` on a second reply."""
        return self._give(lambda call: call.reply(value))

    def fail(self, error: Exception) -> bool:
        """Raise *error* in the caller. Returns whether it still waits.

        Raises `UsageError` on a second reply, and if *error* is not an exception; the reply is then still owed.
        """
        if not isinstance(cast("object", error), Exception):
            raise UsageError(
                f"{self!r}: fail() takes an exception, such as ValueError('no such item'), not {described(error, repr):.80}; "
                f"to answer with a value, use reply()"
            )
        return self._give(lambda call: call.fail(error))

    def _give(self, give: Callable[[Call], None]) -> bool:
        call = self._settle()
        if call is None or not call.pending:
            return False
        saver = self._incarnation.saver
        if saver is None or not saver.holding:
            give(call)
        else:
            saver.hold(Answered(call, self._incarnation, give, self._take_back))
        return True

    def _take_back(self) -> None:
        """Make the reply owed again: the state behind it was not committed."""
        self._settled = False

    def _settle(self) -> Call | None:
        if self._settled:
            raise UsageError(f"{self!r}: a call gets one reply only")
        self._settled = True
        if self._call is not None:
            self._incarnation.discard_deferred(self._call)
        return self._call

    @property
    def owed(self) -> bool:
        """Whether the reply is still to be given, and its caller still waits for it. False for a cast, which has no caller."""
        return not self._settled and self._call is not None and self._call.pending

    def leave_open(self) -> None:
        """Called when the handler that deferred the reply has returned."""
        call, incarnation = self._call, self._incarnation
        if self._settled or call is None:
            return
        if call.pending:
            incarnation.deferred = set() if incarnation.deferred is None else incarnation.deferred
            incarnation.deferred.add(call)
            call.left = incarnation.child.runtime.resting.wake if self._left is None else self._left
        elif call.gone and self._left is not None:
            self._left()

    def __del__(self) -> None:
        """Fail the call if the token is lost, so that its caller need not wait for the deadline. May run in any thread."""
        call = self._call
        if self._settled or call is None:
            return
        incarnation = self._incarnation
        if incarnation.deferred is not None:
            incarnation.deferred.discard(call)
        if not call.pending:
            return
        error = NoReply(f"{incarnation.child.name} deferred the reply to {call.spec.name!r} and lost it")
        try:
            self._token.run_sync_soon(call.fail, error)
            self._token.run_sync_soon(incarnation.child.runtime.resting.wake)
        except trio.RunFinishedError:
            return

    def __repr__(self) -> str:
        """The actor, and whether the reply is still owed."""
        state = "given" if self._settled else "owed" if self.owed else "no caller waits"
        return f"<deferred reply of {self._incarnation.child.name}: {state}>"


@attrs.frozen(eq=False)
class Answered:
    """A deferred reply that is held until the commit."""

    call: Call
    incarnation: ActorIncarnation
    give: Callable[[Call], None]
    take_back: Callable[[], None]

    def release(self) -> None:
        """Reply to the caller, if it has not left meanwhile."""
        if self.call.pending:
            self.give(self.call)

    def undo(self, error: Exception | None) -> None:
        """Fail the call with the *error* of the commit. Without one (the message that replied was refused), the reply is owed again."""
        self.take_back()
        if error is not None:
            failure = fresh(error)
            if isinstance(failure, StoreError):  # of the reply: what the message itself did may be committed long since
                failure.outcome = Outcome.INDETERMINATE
            self.call.fail(failure)
        elif self.call.pending:
            self.incarnation.deferred = {*(self.incarnation.deferred or ()), self.call}
