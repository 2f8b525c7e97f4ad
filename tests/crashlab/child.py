"""The program that is killed: it opens the store, says what it found, and works until it is dead.

It says everything on its standard output, by one system call for each line: what Python buffers would die with it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import attrs
import trio

import trioactors as ta
from crashlab.protocol import BEGIN, END, OPENING, Report
from crashlab.workload import Ledger, call_on, tell_all, tree
from trioactors.environment import Environment
from trioactors.persistence import SCAN_LIMIT, Answer, Batch, Corrupt, Found, Key, Limits, Record, Space, Store, store_at

LIMITS = Limits(slack_bytes=32 * 1024)
"""So that a store often cleans up, and is killed while it does."""

_STDOUT = 1


@attrs.frozen
class Life:
    """What one child is to do."""

    number: int
    url: str
    ledger: type[Ledger]
    seed: int
    works: bool = True
    """If not, it says what it found and ends."""


class MarkedStore:
    """A store that says when a commit begins and when it has ended, in the thread that commits."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner

    def __repr__(self) -> str:
        """Which one it is."""
        return f"<marked {self._inner!r}>"

    @property
    def blocking(self) -> bool:
        """As the store inside."""
        return self._inner.blocking

    def open(self, environment: Environment) -> None:
        """Open the store inside."""
        say(OPENING)
        self._inner.open(environment)

    def read(self, keys: Sequence[Key]) -> Sequence[Record | Corrupt | None]:
        """Read from the store inside."""
        return self._inner.read(keys)

    def scan(
        self, space: Space, start: str = "", stop: str | None = None, *, limit: int = SCAN_LIMIT, reverse: bool = False
    ) -> Sequence[Found]:
        """Scan the store inside."""
        return self._inner.scan(space, start, stop, limit=limit, reverse=reverse)

    def commit(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        """Commit to the store inside, between two marks."""
        say(BEGIN)
        try:
            return self._inner.commit(batches)
        finally:
            say(END)

    def backup(self, to: Path) -> None:
        """Back up the store inside."""
        self._inner.backup(to)

    def close(self) -> None:
        """Close the store inside."""
        self._inner.close()


def say(report: Report) -> None:
    """Write one line. It is in the pipe when this returns, whatever becomes of this process. Where nobody listens any more, end."""
    line = f"{report}\n".encode()
    try:
        while line:
            line = line[os.write(_STDOUT, line) :]
    except BrokenPipeError:
        os._exit(1)


def live(life: Life) -> None:
    """Live one life; most end by SIGKILL."""
    trio._core._run._r.seed(life.seed)  # a fork would shuffle its tasks as its siblings do
    trio.run(_live, life)


async def _live(life: Life) -> None:
    store = MarkedStore(store_at(life.url, limits=LIMITS))
    async with ta.open_system(store, tree(life.ledger)) as system:
        await tell_all(system, say)
        if life.works:
            await call_on(system, life.number, say)
