"""Leaks that are planted, to see that they are found; `nox -s soak` begins with one of them."""

from __future__ import annotations

import os
import threading  # noqa: TID251 - one of the leaks is a thread
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from queue import SimpleQueue

import trio

from soak.actors import Clerk
from soak.scenarios import CLERK, Scenario, Stage, calls
from trioactors.actors.ref import child_of

Leak = Callable[[Stage], None]

HOARD: list[float] = []
"""A list that nobody empties."""

_waiting: list[tuple[threading.Thread, SimpleQueue[None]]] = []
_opened: list[int] = []


@contextmanager
def planted(leak: Leak, *, each: Callable[[Stage], int]) -> Generator[Scenario, None, None]:
    """A scenario with a *leak* for each of what *each* counts. All of it is given back afterwards."""
    leaked = 0

    async def leaking(stage: Stage) -> None:
        nonlocal leaked
        await calls(stage)
        for _ in range(each(stage) - leaked):
            leak(stage)
        leaked = each(stage)

    try:
        yield Scenario("planted", leaking, (CLERK,))
    finally:
        _give_back()


def _give_back() -> None:
    HOARD.clear()
    for thread, queue in _waiting:
        queue.put(None)
        thread.join()
    for descriptor in _opened:
        os.close(descriptor)
    _waiting.clear()
    _opened.clear()


def per_call(stage: Stage) -> int:
    """How many calls there were."""
    return stage.ledger.accepted


def per_crash(stage: Stage) -> int:
    """How many crashes there were."""
    return stage.crashes


def an_item(_: Stage) -> None:
    """One more number in a list."""
    HOARD.append(float(len(HOARD)))


def a_watcher(stage: Stage) -> None:
    """One more who is told of each life, in a place that is the library's own."""
    cell = child_of(stage.system.get(Clerk, "clerk"))
    cell.watchers = [*cell.watchers, partial(_ignore, bytes(1_000))]


def _ignore(_: bytes, __: object) -> None:
    """It has nothing to do."""


def a_task(_: Stage) -> None:
    """One more task."""
    trio.lowlevel.spawn_system_task(trio.sleep_forever, name="forgotten task")


def a_thread(_: Stage) -> None:
    """One more thread."""
    queue: SimpleQueue[None] = SimpleQueue()
    thread = threading.Thread(target=queue.get, name="forgotten thread")
    thread.start()
    _waiting.append((thread, queue))


def a_descriptor(_: Stage) -> None:
    """One more open file."""
    _opened.append(os.open(os.devnull, os.O_RDONLY))
