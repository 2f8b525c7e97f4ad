"""`run`: a program whose tree stops in order on Ctrl-C and SIGTERM."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar, cast

import outcome
import trio

__all__ = ["run"]

T = TypeVar("T")


def run(
    main: Callable[[], Awaitable[T]],
    *,
    clock: trio.abc.Clock | None = None,
    instruments: Sequence[trio.abc.Instrument] = (),
) -> T:
    """`trio.run`, with signals: SIGINT and SIGTERM cancel *main*, so open systems stop in order, within their graces.

    Then SIGINT raises `KeyboardInterrupt` and SIGTERM `SystemExit` (143, as a shell would tell), also when *main* returned all the same;
    an error of *main* leaves as itself. Only the first signal counts: those that follow while it stops change nothing. Bind arguments of
    *main* with `partial`. Call it in the main thread.
    """
    received: list[int] = []
    done = trio.run(_heeding, main, received, clock=clock, instruments=instruments)
    result = done.unwrap()
    if received:
        raise SystemExit(128 + signal.SIGTERM) if received[0] == signal.SIGTERM else KeyboardInterrupt
    return cast("T", result)


async def _heeding(main: Callable[[], Awaitable[T]], received: list[int]) -> outcome.Outcome[T | None]:
    """Run *main* under the signals' scope. They are listened to until it is over: one that nobody took would be raised once more."""
    scope = trio.CancelScope()

    async def listen() -> None:
        async for number in signals:
            received.append(number)
            scope.cancel(reason=signal.Signals(number).name)

    async def stoppable() -> T | None:
        with scope:
            return await main()
        return None

    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen, name="signals")
            done = await outcome.acapture(stoppable)
            nursery.cancel_scope.cancel()
    return done
