"""Several calls at once, whose answers are taken as they arrive: the request collections of OTP, with the scope of a nursery.

Each call is a task of a nursery, so all calls have ended when the block is left. An error of one call does not cancel the others: they were
sent, and their answers are wanted. An error that was not looked at in the block is raised at its end; none is lost.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from inspect import iscoroutine
from types import TracebackType
from typing import Any, Generic, ParamSpec, TypeVar, cast

import outcome
import trio

from trioactors.actors.calls import RemoteHandler
from trioactors.errors import UsageError
from trioactors.messaging.handlers import BoundHandler
from trioactors.scheduling.parking import Parking
from trioactors.trace.formatting import described

__all__ = ["GatheredCalls", "PendingCall", "gather_calls"]

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class PendingCall(Generic[R_co]):
    """A call that was sent by `GatheredCalls.start`, and its answer when it has arrived."""

    __slots__ = ("_handler", "_over", "_result", "_seen", "_traceback")

    def __init__(self, handler: object) -> None:
        self._handler = handler
        self._over = trio.Event()
        self._result: outcome.Outcome[R_co] | None = None
        self._seen = False
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
        if self._result is None:
            raise UsageError(f"{self!r} is not done: wait for it, or take the answers with `async for`")
        self._seen = True
        return cast("outcome.Value[R_co] | outcome.Error", self._result)

    @property
    def unseen(self) -> Exception | None:
        """Its error, if it failed and `error` and `value` were not looked at."""
        return cast("Exception", self._result.error) if isinstance(self._result, outcome.Error) and not self._seen else None

    def finish(self, result: outcome.Outcome[Any]) -> None:
        """Note the answer. Called once, by the task that waits for it."""
        self._result = result
        if isinstance(result, outcome.Error):
            self._traceback = result.error.__traceback__
        self._over.set()

    def __repr__(self) -> str:
        """The handler, and what became of the call."""
        state = "pending" if self._result is None else "failed" if isinstance(self._result, outcome.Error) else "answered"
        return f"<{state} call of {self._handler!r}>"


class GatheredCalls:
    """The calls of one `gather_calls` block. Iterate over it to take them in the order in which they end."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._calls: list[PendingCall[Any]] = []
        self._arrived: deque[PendingCall[Any]] = deque()
        self._waiting = 0
        """The number of calls that have not ended."""
        self._changed = Parking()

    def __repr__(self) -> str:
        """The number of calls, and how many of them have not ended."""
        return f"<{len(self._calls)} gathered calls, {self._waiting} pending>"

    def __len__(self) -> int:
        """The number of calls."""
        return len(self._calls)

    def start(self, handler: BoundHandler[P, R], *args: P.args, **kwargs: P.kwargs) -> PendingCall[R]:
        """Send a call, and go on. The block does not end before it has an answer or has failed.

        Raises `UsageError` if *handler* is no handler of a ref, and `TypeError` if the arguments do not fit.
        """
        given: Any = handler
        if not isinstance(handler, RemoteHandler):
            if iscoroutine(given):
                given.close()
                raise UsageError("gather_calls: write start(ref.handler, 2), not start(ref.handler(2)), which is a call already")
            raise UsageError(
                f"gather_calls: start() takes a handler of a ref, such as counter.add, not {described(given, repr):.80}"
            )
        given.check(args, kwargs)
        call: PendingCall[R] = PendingCall(given)
        self._nursery.start_soon(self._ask, call, given, args, kwargs, name=f"call of {given!r}")
        self._calls.append(call)
        self._waiting += 1
        return call

    async def _ask(self, call: PendingCall[Any], handler: RemoteHandler[..., Any], args: Any, kwargs: Any) -> None:
        try:
            result: outcome.Outcome[Any] = outcome.Value(await handler(*args, **kwargs))
        except Exception as error:  # the answer of this call, for the one who looks at it
            await trio.lowlevel.checkpoint()  # noqa: ASYNC120 - a call that is cancelled here has no one to look at it
            result = outcome.Error(error)
        call.finish(result)
        self._waiting -= 1
        self._arrived.append(call)
        self._changed.wake()

    def __aiter__(self) -> GatheredCalls:
        """Iterate over the calls in the order in which they end, each once, until none is left."""
        return self

    async def __anext__(self) -> PendingCall[Any]:
        """The next call that has ended. Waits for it."""
        await trio.lowlevel.checkpoint()
        while not self._arrived:
            if not self._waiting:
                raise StopAsyncIteration
            await self._changed.wait()
        return self._arrived.popleft()

    def unseen(self) -> list[Exception]:
        """The errors that were not looked at."""
        return [call.unseen for call in self._calls if call.unseen is not None]


@asynccontextmanager
async def gather_calls() -> AsyncGenerator[GatheredCalls, None]:
    """Call several handlers at once, and take the answers as they arrive, or when all have.

        async with ta.gather_calls() as calls:
            asked = {calls.start(station.read, city): city for city in cities}
            async for answer in calls:
                print(asked[answer], answer.value)

    Each call has its own deadline, as any other. When the block is left, all have ended; if it is left by an error or cancelled, the calls
    that still wait are abandoned. A call that fails does not end the others. Its error is raised by `PendingCall.value` and given by
    `PendingCall.error`; errors that were not looked at are raised together at the end of the block, in an `ExceptionGroup`.
    """
    own: BaseException | None = None
    unseen: list[Exception] = []
    try:
        async with trio.open_nursery() as nursery:
            calls = GatheredCalls(nursery)
            yield calls
        unseen = calls.unseen()
    except BaseExceptionGroup as group:
        own, *others = group.exceptions
        if others:
            raise
    if own is not None:  # the calls raise nothing: this came from the block, and its caller expects it as it was
        raise own
    if unseen:
        raise ExceptionGroup("calls that failed in gather_calls", unseen)
