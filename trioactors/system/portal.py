"""`Portal`: calls and casts from other threads and from synchronous code."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

import trio

from trioactors.errors import SystemClosed, UsageError, WrongThread
from trioactors.messaging.handlers import BoundHandler
from trioactors.supervision.runtime import Runtime

__all__ = ["Portal"]

P = ParamSpec("P")

R = TypeVar("R")


class Portal:
    """Calls and casts from other threads, into the system that made the portal.

        portal = system.portal()

        def in_a_thread() -> None:
            total = portal.call(counter.add, by=2)
            portal.cast(counter.add, by=3)

        await trio.to_thread.run_sync(in_a_thread)

    For threads in which Trio does not run; others await the handler itself.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._token = trio.lowlevel.current_trio_token()

    def __repr__(self) -> str:
        """Whether its system is open."""
        return f"<portal, {'closed' if self._runtime.closed else 'open'}>"

    def call(self, handler: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a handler of a ref (or any async function) in the system's thread, and block until it returns.

        Raises the errors of the call, `SystemClosed` if the system is closed, `WrongThread` in a Trio thread, and
        `UsageError` in a forked process.
        """
        self._check_handler(handler)

        async def calling() -> R:
            return await handler(*args, **kwargs)

        self._check()
        try:
            return trio.from_thread.run(calling, trio_token=self._token)
        except (trio.RunFinishedError, trio.Cancelled) as error:
            closed = SystemClosed("the system behind this portal is closed")
            raise closed from error  # noqa: ASYNC104 - a plain thread has no scope that could be cancelled

    def cast(self, handler: BoundHandler[P, R], /, *args: P.args, **kwargs: P.kwargs) -> None:
        """Cast to a handler of a ref, and block until the mailbox has accepted the message. Raises as `call` does."""
        self._check_handler(handler, "cast")
        self.call(handler.cast, *args, **kwargs)

    def _check_handler(self, handler: object, *wanted: str) -> None:
        if not callable(handler) or not all(hasattr(handler, each) for each in wanted):
            raise UsageError(f"{self!r} takes a handler of a ref that is not called yet, and its arguments, not {handler!r:.80}")

    def _check(self) -> None:
        if self._runtime.closed:
            raise self._runtime.over("the system behind this portal is closed")
        try:
            trio.lowlevel.current_task()
        except RuntimeError:
            return
        raise WrongThread(repr(self), "was used in a Trio thread, which it would block: await the handler instead.")
