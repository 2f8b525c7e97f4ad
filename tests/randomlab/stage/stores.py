"""The stores of random applications, beside those that a simulation knows by name."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from weakref import WeakSet

import trio

import trioactors as ta
from trioactors.environment import Environment
from trioactors.persistence import Answer, Batch, Limits, Options, Store
from trioactors_backends.filesystem import FilesystemStore

__all__ = ["failing_often", "made"]

_PLACE: Final = Path("/simulated")
_SLACK: Final = 1_024
"""Bytes of garbage before a store is compacted; few, so that short runs reach it."""
_SMALL: Final = 20_000
"""Bytes of the largest record of a small store: `Hand.swell` outgrows it."""

_failing: WeakSet[trio.lowlevel.Task] = WeakSet()
"""The runs in which flaky stores fail."""


def _run() -> trio.lowlevel.Task:
    run = trio.lowlevel.current_root_task()
    assert run is not None  # called within a simulation
    return run


@contextmanager
def failing_often() -> Generator[None]:
    """Let the flaky stores of this run fail in the block."""
    _failing.add(_run())
    try:
        yield
    finally:
        _failing.discard(_run())


class _Flaky(FilesystemStore):
    """Refuses one commit in five."""

    def open(self, environment: Environment) -> None:
        super().open(environment)
        self._chance = environment.random("flaky")

    def commit(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        if _run() in _failing and self._chance.random() < 0.2:
            raise self._chance.choice((ta.StoreFull, ta.StoreUnavailable))("not just now")
        return super().commit(batches)


def _flaky() -> Store:
    return _Flaky(_PLACE, Options(limits=Limits(slack_bytes=_SLACK)))


def _small() -> Store:
    return FilesystemStore(_PLACE, Options(limits=Limits(slack_bytes=_SLACK, record_bytes=_SMALL)))


_STORES: Final[dict[str, Callable[[], Store]]] = {"flaky file:": _flaky, "small file:": _small}


def made(name: str | None) -> str | Callable[[], Store] | None:
    """The store of that name, as a simulation takes it."""
    return name if name is None else _STORES.get(name, name)
