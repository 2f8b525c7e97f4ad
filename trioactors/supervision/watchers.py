"""Callbacks on what becomes of a child, for the time of a block."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from trioactors.supervision.child import Child, Incarnation

__all__ = ["unwatch", "watched"]


@contextmanager
def watched(child: Child, watcher: Callable[[Incarnation | None], None]) -> Generator[None, None, None]:
    """Call *watcher*, while the block runs, as `Child.watchers` says."""
    child.watchers = [*child.watchers, watcher]
    try:
        yield
    finally:
        unwatch(child, watcher)


def unwatch(child: Child, watcher: Callable[[Incarnation | None], None]) -> None:
    """Call *watcher* no more. Does nothing if it is not called any more."""
    child.watchers = [other for other in child.watchers if other != watcher]
