"""Stores that record whether they are closed, and whether they are used after a failure. One of them fails often."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakKeyDictionary, WeakSet

import trio

import trioactors as ta
from trioactors.environment import Environment
from trioactors.persistence import Answer, Batch, Corrupt, Key, Limits, Options, Record
from trioactors_backends.filesystem import FilesystemStore

__all__ = ["Flaky", "Watched", "failing_often", "flaky_store", "stores_of_this_run", "watched_store"]


class Watched(FilesystemStore):
    """Records whether it was closed, and whether it was used after it had failed."""

    def __init__(self) -> None:
        super().__init__(Path("/simulated"), Options(limits=Limits(slack_bytes=1_024)))
        self.to_be_closed = False
        self.failed = False
        self.asked_in_vain: list[float] = []

    def open(self, environment: Environment) -> None:
        super().open(environment)
        self.to_be_closed = True
        self.failed = False

    def _asked(self) -> None:
        if self.failed:
            self.asked_in_vain.append(trio.current_time())

    def read(self, keys: Sequence[Key]) -> Sequence[Record | Corrupt | None]:
        self._asked()
        return super().read(keys)

    def commit(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        self._asked()
        try:
            return super().commit(batches)
        except ta.StoreError as error:
            self.failed = self.failed or not error.retryable
            raise

    def close(self) -> None:
        self.to_be_closed = False
        super().close()


class Flaky(Watched):
    """Refuses one commit in six as full, while `failing_often`."""

    def open(self, environment: Environment) -> None:
        super().open(environment)
        self._chance = environment.random("flaky")

    def commit(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        if _run() in _failing and self._chance.random() < 1 / 6:
            raise ta.StoreFull("there is no room just now")
        return super().commit(batches)


_stores: WeakKeyDictionary[trio.lowlevel.Task, list[Watched]] = WeakKeyDictionary()
"""The stores of each run."""

_failing: WeakSet[trio.lowlevel.Task] = WeakSet()
"""The runs in which stores fail often."""


def _run() -> trio.lowlevel.Task:
    run = trio.lowlevel.current_root_task()
    assert run is not None  # called within a simulation
    return run


def watched_store() -> FilesystemStore:
    """Make the store of one life of the node."""
    return _noted(Watched())


def flaky_store() -> FilesystemStore:
    """Make a store that fails more often than the disk below it."""
    return _noted(Flaky())


def _noted(store: Watched) -> FilesystemStore:
    _stores.setdefault(_run(), []).append(store)
    return store


def stores_of_this_run() -> Sequence[Watched]:
    """The stores of this run, in the order in which they were made."""
    return _stores.get(_run(), ())


@contextmanager
def failing_often() -> Generator[None]:
    """Make the flaky stores of this run fail in the block."""
    _failing.add(_run())
    try:
        yield
    finally:
        _failing.discard(_run())
