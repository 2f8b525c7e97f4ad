"""Decides in Trio's loop which task runs next, and removes Trio's dependence on memory addresses.

Trio has no public API for this, so this module, and no other, uses private names of Trio. They are listed in `PRIVATE`, checked before each
use, and guarded by tests/test_scheduling.py. If a new Trio has changed them, the error and that test say which; look in trio/_core/_run.py
for

- the run queue: `unrolled_run` copies `runner.runq` into a list and, if `_ALLOW_DETERMINISTIC_SCHEDULING` is true, sorts it by
  `Task._counter` and calls `_r.shuffle(list)`. Our `_r` puts that list in order, or leaves one task in it and returns the others to the
  queue.
- equal deadlines: `Deadlines` is a heap of (deadline, id(scope), scope). Ours has the order of registration instead of the id.
- cancelling many tasks: `CancelStatus`, made by `CancelScope.__enter__`, keeps tasks and child statuses in sets and cancels them in the
  order of those. Ours keeps them in the order in which they were added.

Other Trio runs of this process, in other threads, use the same names. They are recognized by their thread and behave as before.

Not determined: iteration over `nursery.child_tasks` or any other set of tasks, real threads and sockets, and finalizers of cyclic garbage
(the collector is therefore off during a run).
"""

from __future__ import annotations

import gc
import itertools
import random
import threading
from collections.abc import Callable, Generator, Iterator, MutableSequence, MutableSet, Sequence
from contextlib import contextmanager
from functools import cache
from heapq import heappush
from typing import Any, Final, TypeVar

import trio

from trioactors.errors import UsageError
from trioactors.testing.schedules import Chooser

__all__ = ["PRIVATE", "InOrder", "Schedule", "missing_names", "scheduled"]

T = TypeVar("T")
_Core: Any = trio._core._run  # pyright: ignore[reportPrivateUsage] - there is no public way: see above

_AT_WORK: Final = threading.Lock()
"""Held while the names below are replaced: a process has only one of each."""

_RUNS: Final = itertools.count(1)
_WHOLE: Final = 25
"""A full garbage collection follows each of so many runs: a finished run may be in an old generation if its result was in use."""

PRIVATE: Final = (
    "_ALLOW_DETERMINISTIC_SCHEDULING",
    "_r.shuffle",
    "_r.random",
    "GLOBAL_RUN_CONTEXT",
    "CancelStatus._children",
    "CancelStatus._tasks",
    "CancelStatus.children",
    "CancelStatus.tasks",
    "Deadlines._active",
    "Deadlines._heap",
    "Deadlines.add",
    "Runner.deadlines",
    "Runner.runq",
    "Task._counter",
)
"""The names of `trio._core._run` that are used."""


def missing_names(core: Any = _Core) -> list[str]:
    """The names in `PRIVATE` that this version of Trio does not have."""
    missing: list[str] = []
    for name in PRIVATE:
        found = core
        for part in name.split("."):
            found = getattr(found, part, missing)
        if found is missing:
            missing.append(name)
    return missing


class Schedule(trio.abc.Instrument):
    """The order of one run. Pass it to that run as an instrument."""

    def __init__(self, chooser: Chooser, *, whole: bool, watch: Callable[[Schedule, int], None] | None = None) -> None:
        self._chooser = chooser
        self._whole = whole
        """Whether all tasks that can run do so before any of them runs again."""
        self._watch = watch
        """Called with the number of runnable tasks in each pass of the loop."""
        self._since: dict[int, int] = {}
        """The step since which each runnable task waits, by the number of the task: a reference would keep alive what the task holds."""
        self._queue: Any = None
        self._batch: MutableSequence[Any] = []
        self.steps = 0
        """The number of steps that have been run."""

    def __repr__(self) -> str:
        """Show the number of steps."""
        return f"<schedule after {self.steps} steps>"

    def before_run(self) -> None:
        """Replace the deadlines before there are any, so that equal ones are ordered."""
        runner = _Core.GLOBAL_RUN_CONTEXT.runner
        runner.deadlines = _ordered_classes()[0]()
        self._queue = runner.runq

    def order(self, batch: MutableSequence[Any]) -> None:
        """Reorder *batch*, which Trio has sorted by age and runs from the end. Tasks that must wait are returned to Trio."""
        if self._watch is not None:
            self._batch = batch
            self._watch(self, len(batch))
        if not batch:
            return
        waiting = self._by_turn(batch)
        chosen: list[Any] = []
        while waiting and (self._whole or not chosen):
            place = self._chooser.choose([task._counter for task in waiting]) if len(waiting) > 1 else 0
            task = waiting.pop(place)
            del self._since[task._counter]
            chosen.append(task)
        self.steps += len(chosen)
        self._queue.extend(waiting)
        batch[:] = reversed(chosen)

    def hold(self, pick: Callable[[Sequence[trio.lowlevel.Task]], trio.lowlevel.Task | None]) -> Callable[[], None] | None:
        """Hold the runnable task that *pick* chooses, until the returned function is called. None if no task was picked."""
        task = pick(self._by_turn(self._batch))
        if task is None:
            return None
        self._batch.remove(task)
        return lambda: self._queue.append(task)

    def _by_turn(self, batch: MutableSequence[Any]) -> list[Any]:
        """Sort the tasks by how long they have waited and, if that is equal, by when they were spawned."""
        for task in batch:
            self._since.setdefault(task._counter, self.steps)
        return sorted(batch, key=lambda task: self._since[task._counter])


class InOrder(MutableSet[T]):
    """A set that iterates in the order in which its members were added."""

    def __init__(self) -> None:
        self._members: dict[T, None] = {}

    def __repr__(self) -> str:
        """Show the members."""
        return f"InOrder({list(self._members)!r})"

    def __contains__(self, member: object) -> bool:
        return member in self._members

    def __iter__(self) -> Iterator[T]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def add(self, value: T) -> None:
        """As for a set."""
        self._members[value] = None

    def discard(self, value: T) -> None:
        """As for a set."""
        self._members.pop(value, None)


@cache
def _ordered_classes() -> tuple[Any, Any]:
    """Subclasses of two classes of Trio that do not depend on memory addresses."""
    ties = itertools.count()

    def add(self: Any, deadline: float, cancel_scope: Any) -> None:
        heappush(self._heap, (deadline, next(ties), cancel_scope))
        self._active += 1

    def members(name: str) -> property:
        return property(lambda status: tuple(getattr(status, name)))

    return (
        type("Deadlines", (_Core.Deadlines,), {"add": add}),
        type("CancelStatus", (_Core.CancelStatus,), {"children": members("_children"), "tasks": members("_tasks")}),
    )


def _status_maker(mine: Callable[[], bool], plain: Any) -> Callable[..., Any]:
    ordered = _ordered_classes()[1]

    def make(**fields: Any) -> Any:
        if not mine():
            return plain(**fields)
        status = ordered(**fields)
        status._children, status._tasks = InOrder[Any](), InOrder[Any]()
        return status

    return make


class _Dice(random.Random):
    """Replaces Trio's random generator, for the scheduled run and for others."""

    def __init__(self, schedule: Schedule, mine: Callable[[], bool], plain: random.Random, *, sorted_before: bool) -> None:
        super().__init__(0)
        self._schedule = schedule
        self._mine = mine
        self._plain = plain
        self._sorted_before = sorted_before

    def shuffle(self, x: MutableSequence[Any]) -> None:
        """Order the batches of the scheduled run; shuffle those of other runs as Trio does."""
        if self._mine():
            self._schedule.order(x)
        elif self._sorted_before:
            self._plain.shuffle(x)
        elif self._plain.random() < 0.5:  # noqa: PLR2004 - as in Trio
            x.reverse()

    def random(self) -> float:
        """Draw a number, for other runs."""
        return self._plain.random()


@contextmanager
def scheduled(schedule: Schedule) -> Generator[None, None, None]:
    """Let *schedule* decide one run of Trio in this thread in the block. Raises `UsageError` if another schedule is in use."""
    if not _AT_WORK.acquire(blocking=False):
        raise UsageError(
            "another run is under a schedule in this process: explore one program after another, or in separate processes"
        )
    try:
        with _decided(schedule):
            yield
    finally:
        _AT_WORK.release()


@contextmanager
def _decided(schedule: Schedule) -> Generator[None, None, None]:
    missing = missing_names()
    if missing:
        raise UsageError(
            f"trio {trio.__version__} has no {', '.join(missing)} in trio._core._run, so schedules cannot be controlled. "
            f"Use another version of trio; trioactors/testing/scheduling.py describes how these names are used."
        )
    thread = threading.get_ident()

    def mine() -> bool:
        return threading.get_ident() == thread

    before = _Core._r, _Core._ALLOW_DETERMINISTIC_SCHEDULING, _Core.CancelStatus
    collecting = gc.isenabled()
    _Core._r = _Dice(schedule, mine, before[0], sorted_before=before[1])
    _Core._ALLOW_DETERMINISTIC_SCHEDULING = True
    _Core.CancelStatus = _status_maker(mine, before[2])
    gc.disable()
    try:
        yield
    finally:
        _Core._r, _Core._ALLOW_DETERMINISTIC_SCHEDULING, _Core.CancelStatus = before
        if collecting:
            # collect the garbage of this run now, not during the next one; what the caller still holds is collected after a later run
            gc.collect(0 if next(_RUNS) % _WHOLE else 2)
            gc.enable()
