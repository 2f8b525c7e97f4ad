"""A system for one test, checked for leaks when the test is over.

The check looks when the tree has stopped: what ends with a child (its watch, its call to another actor, its timer) is no leak. It looks
for open watches, deferred replies that were never sent to a caller outside the tree, pending timers, ledgers that do not balance,
activities that were begun and never ended, and new system tasks and threads. Idle worker threads that Trio keeps are not counted. A worker
thread has the name of its task while it is busy, so threads are compared together with their names. A simulated slow store that the system
has left behind, because it did not close within its grace, is no leak either: it ends by itself, as a disk does.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager

import attrs
import trio

from trioactors.actors.child import ActorChild
from trioactors.environment.environment import Environment
from trioactors.messaging.messages import Call
from trioactors.persistence.store import Store
from trioactors.running import open_system
from trioactors.settings import Settings
from trioactors.supervision.child import Child
from trioactors.supervision.specs import Supervisor
from trioactors.system.system import System, registry_of, runtime_of
from trioactors.testing.clocks import virtual_environment
from trioactors.testing.workers import SLOW_STORE
from trioactors.trace.observers import Observer

__all__ = ["Leak", "isolated_system"]


class Leak(AssertionError):
    """Parts of a system outlived its test. The text lists them."""


@asynccontextmanager
async def isolated_system(
    tree: Supervisor | None = None,
    *,
    store: str | Store | None = "memory:",
    settings: Settings | None = None,
    environment: Environment | None = None,
    observers: Sequence[Observer] = (),
    history: bool | None = None,
) -> AsyncGenerator[System, None]:
    """Open a system as `open_system` does, in a virtual environment, and check for leaks at the end of the block. Raises `Leak`.

        async with isolated_system(tree) as system:
            assert await system.get(Counter, "counter").add(2) == 2

    Its store is a new one in memory, unless *store* names another.
    """
    tasks, threads, workers = set(_system_tasks()), _threads(), _busy_workers()
    found: list[str] = []
    world = virtual_environment() if environment is None else _checking(environment)
    async with open_system(store, tree, settings=settings, environment=world, observers=observers, history=history) as system:
        yield system
        children = registry_of(system).children()
        owed = [debt for child in children for debt in _owed(child)]
    found += [f"watch: {child.name} is still watched" for child in children if child.watchers]
    found += [
        f"reply: {name} still owes the deferred reply to {call.spec.name!r}"
        for name, call, deferred in owed
        if call in deferred and not call.gone
    ]
    found += _unbalanced(system, children)
    found += [f"timer: {alarm!r} is still pending" for alarm in runtime_of(system).deadlines.pending()]
    if busy := runtime_of(system).activity.busy:
        found.append(f"activity: {busy} activities were begun and not ended, so quiesce would wait for ever")
    found += [f"task: {task.name} still runs" for task in _system_tasks() if task not in tasks and not _left_behind(system, task)]
    found += [f"thread: {name} still runs" for _, name in _threads() - threads]
    if _busy_workers() > workers:
        found.append(f"thread: {_busy_workers() - workers} more worker threads are busy than before")
    if found:
        raise Leak("the test left these behind:\n  " + "\n  ".join(found))


def _checking(environment: Environment) -> Environment:
    """*environment* with the check of `self.state`, unless it says otherwise."""
    unsaid = getattr(environment, "check_state", False) is None  # `open_system` refuses what is no environment
    return attrs.evolve(environment, check_state=True) if unsaid else environment


def _owed(child: Child) -> Iterator[tuple[str, Call, AbstractSet[Call]]]:
    """The calls from outside the tree whose replies *child* has deferred, and where it forgets one that it replies to."""
    incarnation = child.present if isinstance(child, ActorChild) else None
    deferred = incarnation.deferred if incarnation is not None else None
    for call in deferred or ():
        if call.pending and call.sender is None:
            yield child.name, call, deferred or frozenset()


def _unbalanced(system: System, children: list[Child]) -> Iterator[str]:
    for child in children:
        if isinstance(child, ActorChild):
            ledger = child.mailbox.ledger
            if not ledger.balanced or ledger.waiting or ledger.in_progress:
                yield f"ledger: {child.name}: {ledger}"
    if not system.ledger().balanced:
        yield f"ledger: the system's: {system.ledger()}"


def _system_tasks() -> Iterator[trio.lowlevel.Task]:
    """The system tasks: those outside the nurseries of the program."""
    root = trio.lowlevel.current_root_task()
    assert root is not None  # None only outside a run
    mine = trio.lowlevel.current_task()
    ancestors = {mine}
    while mine.parent_nursery is not None:
        mine = mine.parent_nursery.parent_task
        ancestors.add(mine)
    for nursery in root.child_nurseries:
        yield from (task for task in nursery.child_tasks if task not in ancestors)


def _threads() -> set[tuple[threading.Thread, str]]:
    """All threads with their current names, except Trio's idle ones."""
    return {(thread, thread.name) for thread in threading.enumerate() if not thread.name.startswith("Trio thread")}


def _left_behind(system: System, task: trio.lowlevel.Task) -> bool:
    """Whether *task* is a simulated slow store that *system* has left behind."""
    committer = runtime_of(system).committer
    return task.name == SLOW_STORE and committer is not None and committer.left_behind


def _busy_workers() -> float:
    """The number of busy worker threads. A thread that its task abandoned counts until it is done."""
    return trio.to_thread.current_default_thread_limiter().borrowed_tokens
