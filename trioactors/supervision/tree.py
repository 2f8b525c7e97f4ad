"""A supervisor as a child of its parent: the lasting half, and what others do to it. `shell.py` is the half that works."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, cast

import attrs

from trioactors.errors import StartFailed, SupervisorGaveUp
from trioactors.errors.exits import CRASH, Exit, RestartEntry
from trioactors.supervision.child import Cell, Life, Parent
from trioactors.supervision.registry import Registry
from trioactors.supervision.requests import Inbox, Suspension
from trioactors.supervision.restarts import ChildStatus
from trioactors.supervision.specs import INTERNAL, ChildSpec, Strategy, Supervisor
from trioactors.supervision.wait_graph import Node

__all__ = ["MakeCell", "SupervisorCell", "keeps_children"]


def keeps_children(supervisor: SupervisorCell) -> bool:
    """Whether children that were started at run time survive its own restart; only those of `system.start` do."""
    return supervisor.plan.strategy is Strategy.DYNAMIC and supervisor.name.startswith(INTERNAL)


class MakeCell(Protocol):
    """Makes the lasting half of the child that *spec* declares."""

    def __call__(self, parent: SupervisorCell, spec: ChildSpec | Supervisor, *, dynamic: bool = False) -> Cell:
        """Raises `StoreMissing`, and `DefinitionError` for an actor that cannot be one."""
        ...


@attrs.define(eq=False, repr=False)
class SupervisorCell(Cell):
    """A supervisor, and the cells of its children."""

    make_cell: MakeCell = attrs.field(kw_only=True)
    children: dict[str, Cell] = attrs.field(factory=dict["str", "Cell"], init=False)
    registry: Registry = attrs.field(kw_only=True, repr=False)
    """The names of its system."""
    shell: Inbox | None = attrs.field(default=None, init=False)
    gave_up: SupervisorGaveUp | None = attrs.field(default=None, init=False)
    suspension: Suspension = attrs.field(factory=Suspension, init=False)

    @property
    def plan(self) -> Supervisor:
        """What was declared."""
        return cast("Supervisor", self.spec)

    @property
    def prefix(self) -> str:
        """What the paths of its children begin with: the names of the supervisors above them, but for the system's own."""
        above = "" if self.parent is None else self.parent.prefix
        return above if self.name.startswith(INTERNAL) else f"{above}{self.name}/"

    @property
    def level(self) -> int:
        """How many supervisors deep it is, itself included; the system's own do not count."""
        level, node = 0, cast("Parent | None", self)
        while node is not None:
            level += not node.name.startswith(INTERNAL)
            node = node.parent
        return level

    @property
    def earlier_restarts(self) -> Sequence[RestartEntry]:
        """The restarts that count against its intensity."""
        return () if self.shell is None else self.shell.history.entries

    def child_ready(self, cell: Cell, life: Life) -> None:
        """Tell the loop."""
        if self.shell is not None:
            self.shell.child_ready(cell, life)

    def child_ended(self, cell: Cell, life: Life) -> Life | None:
        """Tell the loop; what it says is where the child's task goes on."""
        return None if self.shell is None else self.shell.child_ended(cell, life)

    def release(self, cell: Cell) -> bool:
        """Free the name of a child; tell whether the child had it."""
        return self.registry.release(cell)

    def adopt(self) -> None:
        """Back to what was declared: cells that are known already are kept, with their refs and mailboxes. Raises `NameTaken`."""
        self.gave_up = None
        known, self.children = self.children, {}
        for spec in self.plan.children:
            cell = known.pop(spec.name, None) if spec.name is not None else None
            cell = self.make_cell(self, spec) if cell is None else cell
            self.children[cell.name] = cell
        for cell in known.values():
            if keeps_children(self):
                self.children[cell.name] = cell
            else:
                cell.forget()
        for cell in self.children.values():
            self.registry.register(cell)

    def is_child(self, cell: Cell) -> bool:
        """Whether *cell* is still one of its children."""
        return self.children.get(cell.name) is cell

    def forget_child(self, cell: Cell) -> None:
        """*cell* is gone for good."""
        if self.is_child(cell):
            del self.children[cell.name]
        cell.forget()

    # --- as a child ---

    def ask(self, life: Life, reason: Exit) -> None:
        """Stop the children in order, then end."""
        life.asked = life.asked or reason
        if self.shell is not None:
            self.shell.begin_work()
            self.shell.wake()

    def end(self, life: Life, reason: Exit) -> Life | None:
        """The supervisor's own life is over."""
        shell, self.shell = self.shell, None
        for cell in self.children.values():
            cell.status = ChildStatus.UNDEFINED
        following = super().end(life, reason)
        if shell is not None:
            shell.end()
        return following

    def blockers(self) -> Iterator[Node]:
        """A supervisor waits for the child it attends to."""
        if self.shell is not None and self.shell.attending is not None:
            yield self.shell.attending
        if self.status is not ChildStatus.RUNNING:
            yield from super().blockers()

    def close(self, cause: str) -> None:
        """It will not come back by itself, so neither will its children."""
        for cell in self.children.values():
            cell.close(cause)

    def _reported(self, life: Life, reason: Exit) -> bool:
        """Giving up is reported when it happens, and a failed start where it failed."""
        del life
        return isinstance(reason.error, SupervisorGaveUp | StartFailed) and (
            reason.error is self.gave_up or reason.error.__cause__ is not None
        )

    def _fault(self, reason: Exit) -> Exit | None:
        """To its own supervisor one that gives up is shut down; to whoever looks, it has failed."""
        gave_up = self.gave_up
        return Exit(CRASH, "gave up", gave_up) if gave_up is not None and reason.error is gave_up else super()._fault(reason)

    def forget(self) -> None:
        """Gone for good, with all its children."""
        for cell in self.children.values():
            cell.forget()
        super().forget()
