"""A committer at work."""

from __future__ import annotations

from typing import Any

import trio

import trioactors as ta
from trioactors.persistence import Batch, Key, Space, Write
from trioactors.persistence.committer import Committer, Verdict
from trioactors.testing import virtual_environment
from trioactors.trace import StoreCommitted
from trioactors.trace.observers import Observers


def _batch(name: str, data: bytes) -> Batch:
    return Batch((Write(Key(Space.STATE, name), data, expected=None),))


class Bench:
    """A committer at work, with its verdicts and trace records."""

    def __init__(self, store: Any, worker: Any, grace: float = 5.0) -> None:
        self.records = ta.Recorder()
        observers = Observers()
        observers.attach(self.records)
        self.store = store
        self.committer = Committer(store, virtual_environment(worker=worker), observers, grace)
        self.told: dict[str, Verdict] = {}
        self.scope = trio.CancelScope()
        self.ended: BaseException | None = None
        self.over = trio.Event()

    async def run(self, *, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:  # noqa: ASYNC128 - the committer calls it
        with self.scope:
            try:
                await self.committer.run(task_status=task_status)
            except Exception as error:
                self.ended = error
        self.over.set()

    def submit(self, *names: str, data: bytes = b"x") -> None:
        for name in names:
            self.committer.submit(_batch(name, data), lambda verdict, name=name: self.told.update({name: verdict}))

    def news(self) -> dict[str, Any]:
        """The verdicts since the last look, as classes."""
        told, self.told = self.told, {}
        return {name: type(verdict) for name, verdict in told.items()}

    def groups(self) -> list[int]:
        """The sizes of the commits so far."""
        return [record.batches for record in self.records.of(StoreCommitted)]
