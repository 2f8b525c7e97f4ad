"""The topics that show what the system remembers: failures by cause and one by one, and the figures over time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from trioactors import inspect
from trioactors.console.options import Options
from trioactors.console.source import Source, Topic

__all__ = ["REMEMBERED"]

_ROWS: Final = 100
_DAY: Final = 86_400.0
_WEEK: Final = 7 * _DAY
_POINTS: Final = 720
"""The most points of a chart: more than it has pixels on most screens."""


def _failure_groups(source: Source, options: Options) -> Topic:
    window, limit = (
        options.duration("window", 3_600.0, least=1.0, most=_DAY),
        options.number("limit", _ROWS, most=source.limits.rows),
    )
    return partial(inspect.failure_groups, source.system, window=window, limit=limit)


def _crashes(source: Source, options: Options) -> Topic:
    return partial(
        inspect.crashes,
        source.system,
        name=options.text("name"),
        owner=options.text("owner"),
        error=options.text("error"),
        limit=options.number("limit", 20, most=min(_ROWS, source.limits.rows)),  # each has a long report
        offset=options.number("offset", 0, most=10_000_000),
    )


def _samples(source: Source, options: Options) -> Topic:
    span, points = options.duration("span", 600.0, least=1.0, most=_WEEK), options.number("points", _POINTS, most=_POINTS, least=10)
    return partial(inspect.samples, source.system, span=span, points=points)


REMEMBERED: Final[Mapping[str, Callable[[Source, Options], Topic]]] = {
    "failure_groups": _failure_groups,
    "crashes": _crashes,
    "samples": _samples,
}
