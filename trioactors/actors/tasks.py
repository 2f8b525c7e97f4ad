"""Child tasks of an actor (`context.start_soon`).

They run in a nursery that is opened on first use, by a task beside the actor's own. Neither the actor's task nor its handlers
wait for this nursery. All child tasks are finished before the incarnation ends. If one fails, the actor crashes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import trio

from trioactors.actors.causation import caused_by, present_causation
from trioactors.errors.exits import KILLED
from trioactors.messaging.messages import NOWHERE, Causation
from trioactors.supervision.child import Incarnation
from trioactors.supervision.lifecycle import judge, pass_through

__all__ = ["ChildTasks"]


class ChildTasks:
    """The nursery of one incarnation, and the task that holds it open."""

    def __init__(self, incarnation: Incarnation, nursery: trio.Nursery) -> None:
        self._incarnation = incarnation
        self._queued: list[tuple[Causation, Callable[..., Awaitable[Any]], tuple[Any, ...]]] = []
        self._nursery: trio.Nursery | None = None
        self._scope = trio.CancelScope()
        self._done = trio.Event()
        nursery.start_soon(self._hold, name=f"{incarnation.child.name} (tasks)")

    def __repr__(self) -> str:
        """The actor, and how many tasks run."""
        return f"<tasks of {self._incarnation.child.name}: {len(self)}>"

    def __len__(self) -> int:
        """How many tasks run."""
        running = 0 if self._nursery is None else len(self._nursery.child_tasks)
        return running + len(self._queued)

    def start_soon(self, function: Callable[..., Awaitable[Any]], *args: Any) -> None:
        """Run `function(*args)` in the nursery. While observers are attached, the task keeps the causation of the present message.

        Does nothing once a task has failed: the incarnation is already being cancelled, although its handler may not have
        noticed yet.
        """
        if self._nursery is not None and self._nursery.cancel_scope.cancel_called:
            return
        causation = present_causation() if self._incarnation.child.runtime.observers.listeners else NOWHERE
        if self._nursery is None:
            self._queued.append((causation, function, args))
        else:
            with caused_by(causation):
                self._nursery.start_soon(function, *args)

    async def _hold(self) -> None:
        try:
            with self._scope:
                await self._keep_open()
        except BaseException as error:  # noqa: ASYNC103 - a failing task crashes its actor; pass_through raises the rest
            reason = judge(error)
            if reason is not KILLED:  # nothing failed if all is cancelled together with the supervisor
                self._incarnation.crash(reason.error or error)
            pass_through(error, self._incarnation.child.runtime.interrupt)
        finally:
            self._done.set()

    async def _keep_open(self) -> None:
        async with trio.open_nursery() as self._nursery:
            self._start_queued(self._nursery)
            await trio.sleep_forever()

    def _start_queued(self, nursery: trio.Nursery) -> None:
        """Start the tasks that were requested before the nursery was open.

        This is a function of its own because a local variable of `_keep_open` would keep the arguments alive.
        """
        for causation, function, args in self._queued:
            with caused_by(causation):
                nursery.start_soon(function, *args)
        self._queued.clear()

    async def close(self) -> None:
        """Cancel the tasks that still run, and wait until they are finished."""
        self._scope.cancel(reason=f"{self._incarnation.child.name} ended")
        with trio.CancelScope(shield=True):
            await self._done.wait()
