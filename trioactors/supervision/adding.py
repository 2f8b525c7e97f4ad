"""Whether a running supervisor may have one more child, and why not."""

from __future__ import annotations

from trioactors.errors import ChildPresent, ChildRestarting, ChildRunning, NameTaken, SpecError, TooManyChildren
from trioactors.supervision.child import Child, Parent
from trioactors.supervision.restarts import ChildStatus
from trioactors.supervision.specs import INTERNAL, MAX_DEPTH, ChildSpec, Supervisor
from trioactors.supervision.tree import SupervisorChild, status_of

__all__ = ["add_child", "check_depth", "check_spec"]


def check_spec(spec: object) -> None:
    """Raise `SpecError` unless *spec* is a child."""
    if not isinstance(spec, ChildSpec | Supervisor):
        raise SpecError(f"start_child takes a child, not {spec!r:.80}; wrap it in ta.child(...)")


def check_depth(supervisor: SupervisorChild, spec: ChildSpec | Supervisor) -> None:
    """Raise `SpecError` if the tree would be too deep."""
    if isinstance(spec, Supervisor) and (depth := _depth_of(supervisor) + spec.depth) > MAX_DEPTH:
        raise SpecError(f"{spec.name!r} would be {depth} supervisors deep; {MAX_DEPTH} is the limit. Make the tree wider.")


def _depth_of(supervisor: SupervisorChild) -> int:
    """The number of supervisors from the top to *supervisor*; the system's own do not count."""
    depth = 0
    node: Parent | None = supervisor
    while node is not None:
        depth += not node.name.startswith(INTERNAL)
        node = node.parent
    return depth


def add_child(supervisor: SupervisorChild, spec: ChildSpec | Supervisor, *, dynamic: bool) -> Child:
    """Make one more child of *supervisor*, not yet started. Raises `ChildRunning` and its kin, `NameTaken`, `TooManyChildren`."""
    present = supervisor.children.get(spec.name or "")
    if present is not None:
        raise _known_already(present, status_of(present))
    most = supervisor.plan.max_children
    if most is not None and len(supervisor.children) >= most:
        raise TooManyChildren(f"{supervisor!r} has {len(supervisor.children)} children, and max_children={most} allows no more")
    child = supervisor.make_child(supervisor, spec, dynamic=dynamic)
    supervisor.registry.register(child)
    supervisor.children[child.name] = child
    return child


def _known_already(child: Child, status: ChildStatus) -> Exception:
    if child.status.down and not (child.dynamic and child.status is ChildStatus.FAILED):
        return ChildPresent(f"{child!r} is known: restart or delete it")
    if child.dynamic:
        return NameTaken(child.name, repr(child))
    if status is ChildStatus.RESTARTING:
        return ChildRestarting(f"{child!r} is known and is being restarted: wait, or terminate and delete it first")
    return ChildRunning(f"{child!r} is known and is {status.value}: terminate and delete it first")
