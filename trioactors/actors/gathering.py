"""Several calls at once, whose answers are taken as they arrive: the request collections of OTP, with the scope of a nursery.

A call is in the mailbox, or waits for room there, when `start` returns; so calls of one actor are handled in the order of their starts. No
task waits for it: the answer is noted where it is given. The block ends when all calls have ended. An error of one call does not cancel the
others: they were sent, and their answers are wanted. An error that was not looked at in the block is raised at its end; none is lost.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from inspect import iscoroutine
from types import TracebackType
from typing import Any, Generic, ParamSpec, TypeVar, cast

import outcome
import trio

from trioactors.actors.calls import RemoteHandler
from trioactors.errors import UsageError
from trioactors.errors.exits import leaves
from trioactors.messaging.gathered_call import GatheredCall
from trioactors.messaging.handlers import BoundHandler
from trioactors.scheduling.parking import Parking
from trioactors.supervision.child import Incarnation, waiting_incarnation
from trioactors.trace.formatting import described

__all__ = ["GatheredCalls", "PendingCall", "gather_calls"]

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class PendingCall(Generic[R_co]):
    """A call that was sent by `GatheredCalls.start`, and its answer when it has arrived."""

    __slots__ = ("_abandoned", "_handler", "_over", "_result", "_seen", "_traceback")

    def __init__(self, handler: object) -> None:
        self._handler = handler
        self._over = trio.Event()
        self._result: outcome.Outcome[R_co] | None = None
        self._seen = self._abandoned = False
        self._traceback: TracebackType | None = None
        """That of the error when it came: each look at it raises it with this one, which does not grow."""

    @property
    def done(self) -> bool:
        """Whether it has an answer, or has failed."""
        return self._result is not None

    @property
    def error(self) -> Exception | None:
        """The error with which it failed, or None. Raises `UsageError` before it is done."""
        result = self._looked_at()
        return cast("Exception", result.error) if isinstance(result, outcome.Error) else None

    @property
    def value(self) -> R_co:
        """The answer. Raises the error with which the call failed, and `UsageError` before it is done."""
        result = self._looked_at()
        if isinstance(result, outcome.Error):
            raise result.error.with_traceback(self._traceback)
        return result.value

    async def wait(self) -> R_co:
        """Wait for the answer, and return it. Raises the error with which the call failed. The call's own deadline bounds the wait."""
        await self._over.wait()
        return self.value

    def _looked_at(self) -> outcome.Value[R_co] | outcome.Error:
        if self._abandoned:
            raise UsageError(f"{self!r} has no answer: its block was left by an error or cancelled before it had one")
        if self._result is None:
            raise UsageError(f"{self!r} is not done: wait for it, or take the answers with `async for`")
        self._seen = True
        return cast("outcome.Value[R_co] | outcome.Error", self._result)

    @property
    def unseen(self) -> Exception | None:
        """Its error, if it failed and `error` and `value` were not looked at."""
        return cast("Exception", self._result.error) if isinstance(self._result, outcome.Error) and not self._seen else None

    def abandon(self) -> None:
        """Note that no answer will come."""
        self._abandoned = True
        self._over.set()

    def finish(self, result: outcome.Outcome[Any]) -> None:
        """Note the answer. Called once, by whoever gives it."""
        self._result = result
        if isinstance(result, outcome.Error):
            self._traceback = result.error.__traceback__
        self._over.set()

    def __repr__(self) -> str:
        """The handler, and what became of the call."""
        if self._result is None:
            state = "abandoned" if self._abandoned else "pending"
        else:
            state = "failed" if isinstance(self._result, outcome.Error) else "answered"
        return f"<{state} call of {self._handler!r}>"


class GatheredCalls:
    """The calls of one `gather_calls` block. Iterate over it to take them in the order in which they end."""

    def __init__(self, waiter: Incarnation | None) -> None:
        self._waiter = waiter
        """Whose handler waits for the calls."""
        self._calls: list[PendingCall[Any]] = []
        self._arrived: deque[PendingCall[Any]] = deque()
        self._sent: dict[PendingCall[Any], GatheredCall] = {}
        """The calls that have not ended."""
        self._changed = Parking()
        self._closed = False

    def __repr__(self) -> str:
        """The number of calls, and how many of them have not ended."""
        return f"<{len(self._calls)} gathered calls, {len(self._sent)} pending>"

    def __len__(self) -> int:
        """The number of calls."""
        return len(self._calls)

    def start(self, handler: BoundHandler[P, R], *args: P.args, **kwargs: P.kwargs) -> PendingCall[R]:
        """Send a call, and go on. The block does not end before it has an answer or has failed.

        It is in the mailbox, behind all messages that were sent before, or waits there for room. Raises `UsageError` if *handler* is no
        handler of a ref or the block has ended, and `TypeError` if the arguments do not fit. A refusal is the error of the call.
        """
        given: Any = handler
        if not isinstance(handler, RemoteHandler):
            if iscoroutine(given):
                given.close()
                raise UsageError("gather_calls: write start(ref.handler, 2), not start(ref.handler(2)), which is a call already")
            raise UsageError(
                f"gather_calls: start() takes a handler of a ref, such as counter.add, not {described(given, repr):.80}"
            )
        if self._closed:
            raise UsageError("gather_calls: the block has ended, and nobody would wait for this call; start it inside the block")
        call: PendingCall[R] = PendingCall(given)
        sent = given.send(args, kwargs, partial(self._ended, call), self._waiter)
        self._calls.append(call)
        if call.done:
            self._arrived.append(call)
            self._changed.wake()
        else:
            self._sent[call] = sent
        return call

    def _ended(self, call: PendingCall[Any], result: outcome.Outcome[Any]) -> None:
        call.finish(result)
        if self._sent.pop(call, None) is not None:  # otherwise it was refused at once, and `start` goes on
            self._arrived.append(call)
            self._changed.wake()

    def __aiter__(self) -> GatheredCalls:
        """Iterate over the calls in the order in which they end, each once, until none is left."""
        return self

    async def __anext__(self) -> PendingCall[Any]:
        """The next call that has ended. Waits for it."""
        await trio.lowlevel.checkpoint()
        while not self._arrived:
            if not self._sent:
                raise StopAsyncIteration
            await self._changed.wait()
        return self._arrived.popleft()

    async def finish(self) -> None:
        """Wait until all calls have ended. Raises the errors that were not looked at."""
        await trio.lowlevel.checkpoint()
        while self._sent:
            await self._changed.wait()
        self._closed = True
        if unseen := self._unseen():
            raise ExceptionGroup("calls that failed in gather_calls", [error for _, error in unseen])

    def abandon(self, error: BaseException) -> None:
        """Leave the calls that still wait, because of *error*, which gets the errors that were not looked at as notes."""
        self._closed = True
        expired = any(isinstance(leaf, trio.Cancelled) and leaf.source == "deadline" for leaf in leaves(error))
        for call, sent in self._sent.items():
            sent.leave(expired=expired)
            call.abandon()
        self._sent.clear()
        self._changed.wake()
        unseen = self._unseen()
        for call, failed in unseen[:_NOTES]:
            error.add_note(f"meanwhile {call!r}: {described(failed, repr):.300}")
        if len(unseen) > _NOTES:
            error.add_note(f"and {len(unseen) - _NOTES} calls more failed, of {len(self._calls)} in gather_calls")

    def _unseen(self) -> list[tuple[PendingCall[Any], Exception]]:
        return [(call, call.unseen) for call in self._calls if call.unseen is not None]


_NOTES = 10
"""The most errors that become notes of another."""


@asynccontextmanager
async def gather_calls() -> AsyncGenerator[GatheredCalls, None]:
    """Call several handlers at once, and take the answers as they arrive, or when all have.

        async with ta.gather_calls() as calls:
            asked = {calls.start(station.read, city): city for city in cities}
            async for answer in calls:
                print(asked[answer], answer.value)

    Each call has its own deadline, as any other. When the block is left, all have ended; if it is left by an error or cancelled, the calls
    that still wait are abandoned. A call that fails does not end the others. Its error is raised by `PendingCall.value` and given by
    `PendingCall.error`; errors that were not looked at are raised together at the end of the block, in an `ExceptionGroup`. If the block
    raises an error of its own, they are its notes.
    """
    calls = GatheredCalls(waiting_incarnation())
    try:
        yield calls
    except BaseException as error:  # noqa: ASYNC103 - it is raised again
        calls.abandon(error)
        raise
    try:
        await calls.finish()
    except trio.Cancelled as cancelled:
        calls.abandon(cancelled)
        raise
