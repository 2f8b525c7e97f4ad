"""The topics of handlers and alerts, and the action that silences an alert."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import cast

import trio

from trioactors import inspect
from trioactors.console.options import Options
from trioactors.system.system import System, runtime_of

__all__ = ["handlers_topic", "silenced"]

_ROWS = 100
_LONGEST = 2_592_000.0
"""The longest silence, in seconds: thirty days."""


def handlers_topic(system: System, rows: int, options: Options) -> Callable[[], object]:
    """One page of the handlers."""
    return partial(
        inspect.handlers,
        system,
        sort=cast("inspect.HandlerSortWord", options.text("sort") or "handling"),
        reverse=options.flag("reverse"),
        search=options.text("search") or "",
        actor=options.text("actor"),
        span=cast("inspect.HandlerSpanWord", options.text("span") or "minute"),
        limit=options.number("limit", _ROWS, most=rows),
        offset=options.number("offset", 0, most=10_000_000),
    )


async def silenced(system: System, options: Options) -> object:
    """Silence an alert, or end its silence."""
    await trio.lowlevel.checkpoint()
    name, seconds = options.needed("name"), options.duration("seconds", 600.0, least=0.0, most=_LONGEST)
    options.end()
    runtime = runtime_of(system)
    return {"name": name, "until": runtime.alerts.silence(name, seconds, runtime.now())}
