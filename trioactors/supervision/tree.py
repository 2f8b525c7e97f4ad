"""A supervisor as a child of its parent: the lasting half, and what others do to it. `shell.py` is the half that works."""

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

__all__ = ["MakeChild", "SupervisorChild", "keeps_children"]


def keeps_children(supervisor: SupervisorChild) -> bool:
    """Whether children that were started at run time survive its own restart; only those of `system.start` do."""
    return supervisor.plan.strategy is Strategy.DYNAMIC and supervisor.name.startswith(INTERNAL)


class MakeChild(Protocol):
    """Makes the lasting half of the child that *spec* declares."""

    def __call__(self, parent: SupervisorChild, spec: ChildSpec | Supervisor, *, dynamic: bool = False) -> Child:
        """Raises `StoreMissing`, and `DefinitionError` for an actor that cannot be one."""
        ...


@attrs.define(eq=False, repr=False)
class SupervisorChild(Child):
    """A supervisor, and the cells of its children."""

    make_child: MakeChild = attrs.field(kw_only=True)
    children: dict[str, Child] = attrs.field(factory=dict["str", "Child"], init=False)
    registry: Registry = attrs.field(kw_only=True, repr=False)
    """The names of its system."""
    loop: Loop | None = attrs.field(default=None, init=False)
    gave_up: SupervisorGaveUp | None = attrs.field(default=None, init=False)
    suspension: Suspension = attrs.field(factory=Suspension, init=False)

    @property
    def plan(self) -> Supervisor:
        """What was declared."""
        return cast("Supervisor", self.spec)

    @property
    def earlier_restarts(self) -> Sequence[RestartEntry]:
        """The restarts that count against its intensity."""
        return () if self.loop is None else self.loop.history.entries

    def child_ready(self, child: Child, incarnation: Incarnation) -> None:
        """Tell the loop."""
        if self.loop is not None:
            self.loop.child_ready(child, incarnation)

    def child_exited(self, child: Child, incarnation: Incarnation) -> Incarnation | None:
        """Tell the loop; what it says is where the child's task goes on."""
        return None if self.loop is None else self.loop.child_exited(child, incarnation)

    def release(self, child: Child) -> bool:
        """Free the name of a child; tell whether the child had it."""
        return self.registry.release(child)

    def is_child(self, child: Child) -> bool:
        """Whether *cell* is still one of its children."""
        return self.children.get(child.name) is child

    def forget_child(self, child: Child) -> None:
        """*cell* is gone for good."""
        if self.is_child(child):
            del self.children[child.name]
        child.forget()

    # --- as a child ---

    def request_stop(self, incarnation: Incarnation, reason: Exit) -> None:
        """Stop the children in order, then end."""
        incarnation.asked = incarnation.asked or reason
        if self.loop is not None:
            self.loop.set_busy()
            self.loop.wake()

    def end(self, incarnation: Incarnation, reason: Exit) -> Incarnation | None:
        """The supervisor's own life is over."""
        loop, self.loop = self.loop, None
        for child in self.children.values():
            child.status = ChildStatus.UNDEFINED
        following = super().end(incarnation, reason)
        if loop is not None:
            loop.end()
        return following

    def blockers(self) -> Iterator[Node]:
        """A supervisor waits for the child it attends to."""
        if self.loop is not None and self.loop.attending is not None:
            yield self.loop.attending
        if self.status is not ChildStatus.RUNNING:
            yield from super().blockers()

    def close(self, cause: str) -> None:
        """It will not come back by itself, so neither will its children."""
        for child in self.children.values():
            child.close(cause)

    def _reported(self, incarnation: Incarnation, reason: Exit) -> bool:
        """Giving up is reported when it happens, and a failed start where it failed."""
        del incarnation
        return isinstance(reason.error, SupervisorGaveUp | StartFailed) and (
            reason.error is self.gave_up or reason.error.__cause__ is not None
        )

    def _fault(self, reason: Exit) -> Exit | None:
        """To its own supervisor one that gives up is shut down; to whoever looks, it has failed."""
        gave_up = self.gave_up
        return Exit(CRASH, "gave up", gave_up) if gave_up is not None and reason.error is gave_up else super()._fault(reason)

    def forget(self) -> None:
        """Gone for good, with all its children."""
        for child in self.children.values():
            child.forget()
        super().forget()
