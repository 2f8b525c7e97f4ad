"""The topics that are read page by page: the tree as it is unfolded, found children, parts of states, waiting messages, timers, budgets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from trioactors import inspect
from trioactors.console.options import Options
from trioactors.console.source import Source, Topic
from trioactors.inspect import Marks

__all__ = ["LISTS"]

_ROWS: Final = 100
_WIDEST: Final = 200
"""Children of one supervisor in one outline, and supervisors of which it says whether they are folded."""
_FARTHEST: Final = 10_000_000_000
"""The largest offset: pieces of a long text count as well."""


def _page(source: Source, options: Options, usual: int = _ROWS) -> dict[str, int]:
    """The limit and the offset."""
    return {
        "limit": options.number("limit", usual, most=source.limits.rows),
        "offset": options.number("offset", 0, most=_FARTHEST),
    }


def _outline(source: Source, options: Options) -> Topic:
    return partial(
        inspect.outline,
        source.system,
        chosen=options.text("chosen"),
        folds=options.numbers("folds", most=_WIDEST),
        children=options.number("children", 50, most=_WIDEST, least=1),
        rows=options.number("rows", 400, most=source.limits.rows),
        totals=source.totals,
    )


def _found(source: Source, options: Options) -> Topic:
    return partial(inspect.found, source.system, options.needed("search"), **_page(source, options))


def _state(source: Source, options: Options) -> Topic:
    name, path, search = options.needed("name"), options.path("path"), options.text("search") or ""
    return partial(inspect.state, source.system, name, path=path, search=search, **_page(source, options, 50))


def _waiting(source: Source, options: Options) -> Topic:
    return partial(inspect.waiting, source.system, options.needed("name"), marks=Marks(), **_page(source, options))


def _timers(source: Source, options: Options) -> Topic:
    return partial(inspect.timer_page, source.system, name=options.text("name"), **_page(source, options))


def _counted_restarts(source: Source, options: Options) -> Topic:
    return partial(inspect.budget_page, source.system, **_page(source, options))


LISTS: Final[Mapping[str, Callable[[Source, Options], Topic]]] = {
    "outline": _outline,
    "found": _found,
    "state": _state,
    "waiting": _waiting,
    "timers": _timers,
    "counted_restarts": _counted_restarts,
}
