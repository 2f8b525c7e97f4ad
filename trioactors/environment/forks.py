"""Forked children: a process that was forked has a copy of everything, and may use none of it.

A fork copies the memory of a process and one of its threads, and shares its open files. In the child, a system has no worker and no loop
of its own; a lock is held by two processes; and a write goes into the middle of what the parent is writing. So whatever must not be used
in a forked child is registered with `in_forked_children`, together with a function that is called there before anything else: it closes
without writing, and makes every later use a `UsageError`. Where nothing is forked this costs nothing: no operation asks for its process.

`os.register_at_fork` takes functions for good, so the objects are kept here, weakly. This is the only state of the runtime that belongs to
the whole process, as a fork does. Python calls the hooks for `os.fork`, `os.forkpty` and `multiprocessing`. A fork in C that does not tell
Python is not seen. `subprocess` and `posix_spawn` need no hook: they execute another program, which closes the files.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from typing import NoReturn, TypeVar, cast

import trio

from trioactors.errors import UsageError

__all__ = ["LeftBehind", "forked", "in_forked_children", "in_inherited_run"]

T = TypeVar("T")

_registered: dict[int, tuple[weakref.ref[object], Callable[[object], None]]] = {}

_inherited_runs: list[trio.lowlevel.Task] = []
"""The root task of the Trio run in which this process was forked, and of those in which its parents were."""


def in_forked_children(thing: T, leave: Callable[[T], None]) -> None:
    """Call `leave(thing)` in each process that is forked while *thing* is alive, before anything else runs in it. It must not raise."""
    key = id(thing)
    _registered[key] = weakref.ref(thing, lambda _: _registered.pop(key, None)), cast("Callable[[object], None]", leave)


def forked(what: str) -> UsageError:
    """The error for using *what*, which was inherited by a fork."""
    return UsageError(
        f"{what} belongs to the process from which this one was forked, and cannot be used here. Start processes with the method 'spawn' "
        f"(multiprocessing.get_context('spawn')), or fork before the system is opened, and open another system in the child."
    )


def in_inherited_run() -> bool:
    """Whether the running code is in a Trio run of the process from which this one was forked. False outside Trio."""
    try:
        return trio.lowlevel.current_root_task() in _inherited_runs
    except RuntimeError:
        return False


class LeftBehind:
    """Put in the place of a part that belongs to the parent process: every other use of it raises `UsageError`."""

    forked = True

    def __init__(self, what: str) -> None:
        self._what = what

    def __repr__(self) -> str:
        return f"{self._what} of the process from which this one was forked"

    def __getattr__(self, name: str) -> NoReturn:
        raise forked(self._what)


def _after_fork() -> None:
    try:
        root = trio.lowlevel.current_root_task()
    except RuntimeError:  # the thread that forked runs no Trio
        root = None
    if root is not None:
        _inherited_runs.append(root)
    # all of them first: one may hold the last reference to another
    alive = [(reference(), leave) for reference, leave in tuple(_registered.values())]
    for thing, leave in alive:
        if thing is not None:
            leave(thing)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
