"""A supervisor as a child of its parent: the half that survives its own restarts.

A `SupervisorChild` keeps the children and their names. While the supervisor runs, `loop` is its `SupervisorLoop` (`supervisor.py`), which
makes all decisions; between two incarnations there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, cast

import attrs

from trioactors.errors import StartFailed, SupervisorGaveUp
from trioactors.errors.exits import CRASH, Exit, RestartEntry
from trioactors.supervision.child import Child, Incarnation
from trioactors.supervision.registry import Registry
from trioactors.supervision.requests import Loop, Suspension
from trioactors.supervision.restarts import ChildStatus
from trioactors.supervision.specs import INTERNAL, ChildSpec, Strategy, Supervisor
from trioactors.supervision.wait_graph import Node

__all__ = ["MakeChild", "SupervisorChild", "keeps_children", "status_of"]


def keeps_children(supervisor: SupervisorChild) -> bool:
    """Whether children started at run time survive a restart of *supervisor*. Only those of `system.start` do."""
    return supervisor.plan.strategy is Strategy.DYNAMIC and supervisor.name.startswith(INTERNAL)


def status_of(child: Child) -> ChildStatus:
    """The status of *child* as it is shown: *restarting* also during a start that is part of a restart, and while it waits with its group.

    Who waits with its group is down to the rules. It can be started by hand, and if the store fails meanwhile, the root starts it anew.
    """
    loop = child.parent.loop if isinstance(child.parent, SupervisorChild) else None
    if loop is None:
        return child.status
    in_restart = (child.status is ChildStatus.STARTING and loop.restarting is child) or (
        child.status is ChildStatus.UNDEFINED and loop.awaits(child)
    )
    return ChildStatus.RESTARTING if in_restart else child.status


class MakeChild(Protocol):
    """Makes a `Child` from a spec. Handed in from `actors`, which alone knows how to make an actor."""

    def __call__(self, parent: SupervisorChild, spec: ChildSpec | Supervisor, *, dynamic: bool = False) -> Child:
        """Make the child that *spec* declares. Raises `StoreMissing`."""
        ...


@attrs.define(eq=False, repr=False)
class SupervisorChild(Child):
    """A supervisor and its children."""

    make_child: MakeChild = attrs.field(kw_only=True)
    children: dict[str, Child] = attrs.field(factory=dict["str", "Child"], init=False)
    registry: Registry = attrs.field(kw_only=True, repr=False)
    """The names of all children of its system."""
    loop: Loop | None = attrs.field(default=None, init=False)
    """The loop of the current incarnation; None while the supervisor does not run."""
    gave_up: SupervisorGaveUp | None = attrs.field(default=None, init=False)
    """The error of the current or last incarnation, if it gave up."""
    suspension: Suspension = attrs.field(factory=Suspension, init=False)

    @property
    def plan(self) -> Supervisor:
        """The declared supervisor."""
        return cast("Supervisor", self.spec)

    @property
    def earlier_restarts(self) -> Sequence[RestartEntry]:
        """The restarts that count against its intensity."""
        return () if self.loop is None else self.loop.history.entries

    def child_ready(self, child: Child, incarnation: Incarnation) -> None:
        """Note that an incarnation of a child is ready."""
        if self.loop is not None:
            self.loop.child_ready(child, incarnation)

    def child_exited(self, child: Child, incarnation: Incarnation) -> Incarnation | None:
        """Note that an incarnation of a child has exited. Returns the next one if it restarts in the same task."""
        return None if self.loop is None else self.loop.child_exited(child, incarnation)

    def release(self, child: Child) -> bool:
        """Free the name of a child. Returns False if the child does not hold it."""
        return self.registry.release(child)

    def is_child(self, child: Child) -> bool:
        """Whether *child* is still one of its children."""
        return self.children.get(child.name) is child

    def forget_child(self, child: Child) -> None:
        """Remove *child* for good, and free its name."""
        if self.is_child(child):
            del self.children[child.name]
        if child.status is ChildStatus.FAILED:  # it waits for nobody any more
            child.status = ChildStatus.UNDEFINED
        child.forget()

    # --- as a child ---

    def request_stop(self, incarnation: Incarnation, reason: Exit) -> None:
        """Ask the loop to stop the children in order, and then itself."""
        incarnation.asked = incarnation.asked or reason
        if self.loop is not None:
            self.loop.set_busy()
            self.loop.wake()

    def end(self, incarnation: Incarnation, reason: Exit) -> Incarnation | None:
        """Record the supervisor's own exit, report it to the parent, and fail the requests that are left."""
        loop, self.loop = self.loop, None
        for child in self.children.values():
            child.status = ChildStatus.UNDEFINED
        following = super().end(incarnation, reason)
        if loop is not None:
            loop.end()
        return following

    def blockers(self) -> Iterator[Node]:
        """The child it is starting or stopping; its own supervisor, unless it runs."""
        if self.loop is not None and self.loop.attending is not None:
            yield self.loop.attending
        if self.status is not ChildStatus.RUNNING:
            yield from super().blockers()

    def close(self, cause: str) -> None:
        """Note that neither the supervisor nor its children will be restarted, because of *cause*."""
        for child in self.children.values():
            child.close(cause)
        super().close(cause)

    def _reported(self, incarnation: Incarnation, reason: Exit) -> bool:
        """Whether *reason* was reported already: giving up when it happened, a failed start by the child that failed."""
        del incarnation
        return isinstance(reason.error, SupervisorGaveUp | StartFailed) and (
            reason.error is self.gave_up or reason.error.__cause__ is not None
        )

    def _fault(self, reason: Exit) -> Exit | None:
        """Its parent sees `shutdown` if it gave up; inspection shows a failure."""
        gave_up = self.gave_up
        return Exit(CRASH, "gave up", gave_up) if gave_up is not None and reason.error is gave_up else super()._fault(reason)

    def forget(self) -> None:
        """Remove the supervisor and its children for good, and free their names."""
        for child in self.children.values():
            child.forget()
        super().forget()
