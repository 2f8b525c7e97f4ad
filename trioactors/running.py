"""`run`: a program whose tree stops in order on Ctrl-C and SIGTERM."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

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

    Afterwards SIGINT raises `KeyboardInterrupt` and SIGTERM `SystemExit` (143, as a shell would tell), unless *main* returned all the same.
    A second signal while stopping changes nothing. Bind arguments of *main* with `partial`. Call it in the main thread.
    """
    received: list[int] = []
    results: list[T] = []

    async def guarded() -> T:
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async with trio.open_nursery() as nursery:

                async def listen() -> None:
                    async for number in signals:
                        received.append(number)
                        nursery.cancel_scope.cancel(reason=signal.Signals(number).name)

                nursery.start_soon(listen, name="signals")
                results.append(await main())
                nursery.cancel_scope.cancel()
        if not results:
            raise _Stopped
        return results[0]

    try:
        return trio.run(guarded, clock=clock, instruments=instruments)
    except _Stopped:
        raise SystemExit(128 + signal.SIGTERM) if received[0] == signal.SIGTERM else KeyboardInterrupt from None


class _Stopped(Exception):
    """A signal ended the program."""
