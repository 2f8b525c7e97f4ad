"""Recording of the figures, one sample a second, for the history of a system."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import trio

from trioactors.history.series import Totals
from trioactors.inspect.figures import Figures, figures
from trioactors.system.system import System, runtime_of

__all__ = ["record_figures"]

_EVERY: Final = 1.0
_SHARE: Final = 100
"""The pause between two samples is at least this many times as long as a sample takes: at most a hundredth of the time is spent."""


async def record_figures(system: System) -> None:
    """Record the figures of *system* until it has stopped, if it has a history.

    Several of these do not record more than one: a sample is left out if another one has just been taken.
    """
    runtime = runtime_of(system)
    stopwatch = runtime.environment.stopwatch()
    due, pause = trio.current_time(), _EVERY
    while runtime.history is not None and not runtime.closed:
        late = 0.0 if stopwatch is None else max(0.0, trio.current_time() - due)
        spent = 0.0
        last = runtime.history.figures.last
        if last is None or trio.current_time() - last.time >= _EVERY / 2:
            began = stopwatch() if stopwatch is not None else 0.0
            runtime.history.sample(_totals(figures(system), late, pause, stopwatch))
            spent = stopwatch() - began if stopwatch is not None else 0.0
        pause = max(_EVERY, _SHARE * spent)
        due = max(due + _EVERY, trio.current_time() + max(_SHARE * spent, _EVERY / 2))
        with trio.move_on_at(due):
            await system.wait_stopped()
            return
    await trio.lowlevel.checkpoint()


def _totals(now: Figures, late: float, pause: float, stopwatch: Callable[[], float] | None) -> Totals:
    """The figures as they are remembered.

    The loop lag is measured only while a viewer or an observer is there. At other times, it is how late the sample itself comes: at least
    that long the event loop was blocked.
    """
    return Totals(
        time=now.time,
        wall_time=now.wall_time,
        accepted=now.ledger.accepted,
        handled=now.ledger.handled,
        restarts=now.restarts,
        failures=now.failures,
        dead_letters=now.dead_letters,
        wait=now.mailbox_wait,
        lag=float("nan") if stopwatch is None else max(late, now.loop_lag or 0.0),
        backlog=now.backlog,
        down=now.down,
        actors=now.actors,
        pause=pause,
    )
