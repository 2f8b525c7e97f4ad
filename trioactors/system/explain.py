"""`System.explain`: what would stop and start, and in which order, if a child exited now.

The running tree is copied to a model, in which the child exits (`supervision/dry_run.py`). The system itself is not touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

import attrs

from trioactors.errors.exits import Exit, ExitKind
from trioactors.supervision.child import Child, Parent
from trioactors.supervision.dry_run import Consequence, ConsequenceKind, DryRun, Node
from trioactors.supervision.restarts import ChildStatus, RestartHistory, shared_intensity
from trioactors.supervision.specs import INTERNAL
from trioactors.supervision.supervisor import SupervisorLoop
from trioactors.supervision.tree import SupervisorChild

__all__ = ["Explanation", "explained", "modelled"]


@attrs.frozen(kw_only=True)
class Explanation:
    """The consequences if *child* exited for *reason* now. `str()` gives them as text."""

    child: str
    reason: ExitKind
    status: ChildStatus
    """The status of the child now. If it does not run, it cannot exit, and there are no consequences."""
    consequences: tuple[Consequence, ...] = ()
    """Everything that would happen, in this order, the exit itself first. Starts are assumed to succeed."""
    supervisor: str = ""
    """The supervisor of the child."""
    budget_of: str = ""
    """The supervisor or child whose budget the restart counts against: *supervisor*, unless each of its children has a budget of its own.
    Empty if it counts against none."""
    used: int = 0
    """The number of restarts that would then count against this budget."""
    allowed: int = 0
    """The number of restarts that this budget allows."""
    ends_system: bool = False
    """Whether the whole system would stop."""

    @property
    def stopped(self) -> tuple[str, ...]:
        """The children that stop, *child* first."""
        return tuple(each.name for each in self.consequences if each.kind is ConsequenceKind.STOP)

    @property
    def started(self) -> tuple[str, ...]:
        """The children that are started after that."""
        return tuple(each.name for each in self.consequences if each.kind is ConsequenceKind.START)

    @property
    def gives_up(self) -> tuple[str, ...]:
        """The supervisors whose budget would be used up."""
        return tuple(each.name for each in self.consequences if each.kind is ConsequenceKind.GIVE_UP)

    def __str__(self) -> str:
        """One line for each thing that would happen."""
        if not self.consequences:
            return f"{self.child} does not run ({self.status.value}), so it cannot exit"
        lines = [f"if {self.child} exited now ({self.reason.value}):", *(f"  {each}" for each in self.consequences)]
        if self.ends_system:
            lines.append("  the system stops")
        elif self.budget_of and self.supervisor not in self.stopped:
            lines.append(f"  {self.budget_of} has then used {self.used} of {self.allowed} restarts")
        return "\n".join(lines)


def explained(child: Child, reason: ExitKind) -> Explanation:
    """The consequences if *child* exited for *reason* now."""
    found: dict[str, Node] = {}
    top: Child | Parent = child
    while top.parent is not None:
        top = top.parent
    modelled(cast("Child", top), None, found)
    node = found[child.name]
    if child.status is not ChildStatus.RUNNING:
        return Explanation(child=child.name, reason=reason, status=child.status)
    dry_run = DryRun(child.runtime.settings, child.runtime.now())
    dry_run.end(node, Exit(reason))
    dry_run.settle()
    above = node.parent
    budget_of, history = _budget(node)
    return Explanation(
        child=child.name,
        reason=reason,
        status=child.status,
        consequences=tuple(_shown(dry_run.happened, child.name)),
        supervisor="" if above is None else above.name,
        budget_of=budget_of,
        used=len(history.counting(dry_run.now)),
        allowed=0 if history.intensity is None else history.intensity.limit,
        ends_system=dry_run.ends_all,
    )


def _budget(node: Node) -> tuple[str, RestartHistory]:
    """The budget that a restart of *node* counts against, and whose it is."""
    above = node.parent
    if above is not None and above.history.intensity is not None:
        return above.name, above.history
    own = node.restarts.history
    return (node.name if own.intensity is not None else ""), own


def _shown(happened: Iterable[Consequence], asked: str) -> Iterator[Consequence]:
    """Leave out the starts and stops of the system's own supervisors, but keep that one of them gives up."""
    for each in happened:
        if each.kind is ConsequenceKind.GIVE_UP or each.name == asked or not each.name.startswith(INTERNAL):
            yield each


def modelled(child: Child, parent: Node | None, found: dict[str, Node]) -> Node:
    """Make the model of *child* and of everything below it. *found* collects the nodes by name."""
    node = found[child.name] = Node(child.name, child.spec, parent, child.dynamic, child.status, incarnations=1)
    above = child.parent
    loop = above.loop if isinstance(above, SupervisorChild) else None
    node.restarts, node.ready_at = child.restarts, 0.0 if child.current is None else child.current.ready_at
    node.known = int(child in loop.known if isinstance(loop, SupervisorLoop) else child.status is ChildStatus.RUNNING)
    if isinstance(child, SupervisorChild):
        intensity = shared_intensity(child.plan, child.runtime.settings.intensity)
        node.history = RestartHistory(intensity) if child.loop is None else child.loop.history
        node.children = {name: modelled(child, node, found) for name, child in child.children.items()}
    return node
