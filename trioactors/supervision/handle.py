"""Supervision by hand: OTP's run-time administration, on the handle that `system.supervisor(name)` returns.

Every operation is a request to the supervisor's serial loop, so it sees and leaves the tree in order. None of them costs restart budget.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

import attrs
import trio

from trioactors.errors import (
    ActorStopped,
    CallTimeout,
    ChildPresent,
    ChildRestarting,
    ChildRunning,
    Ignore,
    NameTaken,
    SpecError,
    StartFailed,
    UnknownName,
)
from trioactors.supervision.child import Cell, leaves_for_good, start_failure, waiting_life
from trioactors.supervision.dynamic import abandon_start, independent, not_added, start_beside, stop_beside
from trioactors.supervision.requests import Request
from trioactors.supervision.restarts import ChildStatus
from trioactors.supervision.specs import MAX_DEPTH, ChildKind, ChildSpec, Restart, Strategy, Supervisor, check_significance
from trioactors.supervision.supervisor import Shell
from trioactors.supervision.tree import SupervisorCell
from trioactors.supervision.wait_graph import waiting

__all__ = ["ChildInfo", "SupervisorHandle", "coming_up", "restart_cell", "start_in", "stop_cell"]


T = TypeVar("T")


@attrs.frozen(kw_only=True)
class ChildInfo:
    """One row of `which_children`."""

    name: str
    kind: ChildKind
    status: ChildStatus
    incarnation: int
    restart: Restart


async def start_in(supervisor: SupervisorCell, spec: ChildSpec | Supervisor, *, dynamic: bool) -> Cell:
    """Start one child more. Raises `NameTaken`, `ChildRunning`, `ChildPresent`, `StartFailed` (its cause may be `Ignore`)."""
    check_significance(spec, supervisor.plan)
    _check_depth(supervisor, spec)
    what = f"starting {spec.name or 'a child'}"
    added: list[Cell] = []

    async def action(shell: Shell) -> Cell:
        cell = _add(supervisor, spec, dynamic=dynamic)
        added.append(cell)
        if not await shell.start(cell):
            raise not_added(shell, cell)
        return cell

    def withdrawn() -> None:
        for cell in added:
            abandon_start(cell)

    if independent(supervisor) and waiting_life() is None:
        supervisor.runtime.check_thread(supervisor)
        return await start_beside(_working(supervisor, what), _add(supervisor, spec, dynamic=dynamic))
    return await _request(supervisor, what, action, withdrawn=withdrawn, spec=spec)


def _supervisor_of(cell: Cell) -> SupervisorCell:
    assert isinstance(cell.parent, SupervisorCell)  # no user gets hold of the root
    return cell.parent


def _working(supervisor: SupervisorCell, what: str) -> Shell:
    """The loop of *supervisor*, if it is there to do *what*. Raises `ActorStopped` otherwise."""
    shell, life = supervisor.shell, supervisor.life
    if not isinstance(shell, Shell) or life is None or life.ended is not None or life.asked is not None:
        raise ActorStopped(f"{what}: {supervisor!r} does not run")
    return shell


async def _request(
    supervisor: SupervisorCell,
    what: str,
    action: Callable[[Shell], Awaitable[T]],
    *targets: Cell,
    withdrawn: Callable[[], None] | None = None,
    spec: ChildSpec | Supervisor | None = None,
) -> T:
    """Let the loop run *action* when its turn comes, and wait for the result.

    A handler that asks waits for the supervisor and for *targets*. Raises what the action raises, `ActorStopped` if the supervisor does
    not run, `CallCycle`, and `CallTimeout` when the time is up that the longest start and the longest stop would have needed.
    """
    runtime = supervisor.runtime
    runtime.check_thread(supervisor)
    shell = _working(supervisor, what)
    request = Request(partial(action, shell), trio.lowlevel.current_task(), what, withdrawn)
    with waiting(waiting_life(), request.fail, *targets, supervisor):
        runtime.alarms.add(trio.current_time() + _allowed(supervisor, targets, spec), request)
        shell.post(request)
        answer: T = await trio.lowlevel.wait_task_rescheduled(request.abandon)
        return answer


def _allowed(supervisor: SupervisorCell, targets: tuple[Cell, ...], spec: ChildSpec | Supervisor | None) -> float:
    """Seconds that a request may take: what the system allows for a start and a stop, and what its targets allow themselves."""
    settings = supervisor.runtime.settings
    own = 0.0 if spec is None else (spec.start_timeout or 0.0)
    return settings.start_timeout + settings.grace + settings.call_timeout + own + sum(c.grace + c.start_timeout for c in targets)


async def coming_up(supervisor: SupervisorCell) -> None:
    """Wait until a supervisor runs that is only just being started, or is started again, by the one above it.

    Raises `CallCycle` if it waits for whoever asks, and `CallTimeout` when it took longer than a start may.
    """
    allowed = supervisor.runtime.settings.start_timeout
    failed: list[Exception] = []
    scope = trio.CancelScope(deadline=trio.current_time() + allowed)

    def give_up(error: Exception) -> None:
        failed.append(error)
        scope.cancel(reason=str(error))

    with scope, waiting(waiting_life(), give_up, supervisor):
        await _up(supervisor)
    if scope.cancelled_caught:
        raise failed[0] if failed else CallTimeout(f"{supervisor!r} was not up within {allowed:g} s", begun=False, inherited=False)


async def _up(supervisor: SupervisorCell) -> None:
    """Wait until *supervisor* runs, or will not. A checkpoint."""
    await trio.lowlevel.checkpoint()
    changed = trio.Event()

    def look(_: object) -> None:
        changed.set()

    supervisor.watchers = [*supervisor.watchers, look]
    try:
        while supervisor.status is not ChildStatus.RUNNING and not leaves_for_good(supervisor):
            await changed.wait()
            changed = trio.Event()
    finally:
        supervisor.watchers = [other for other in supervisor.watchers if other is not look]


def _check_depth(supervisor: SupervisorCell, spec: ChildSpec | Supervisor) -> None:
    if isinstance(spec, Supervisor) and (depth := supervisor.level + spec.depth) > MAX_DEPTH:
        raise SpecError(f"{spec.name!r} would be {depth} supervisors deep; {MAX_DEPTH} is the limit. Make the tree wider.")


def _add(supervisor: SupervisorCell, spec: ChildSpec | Supervisor, *, dynamic: bool) -> Cell:
    present = supervisor.children.get(spec.name or "")
    if present is not None:
        raise _known_already(present)
    cell = supervisor.make_cell(supervisor, spec, dynamic=dynamic)
    supervisor.registry.register(cell)
    supervisor.children[cell.name] = cell
    return cell


def _known_already(cell: Cell) -> Exception:
    if cell.status is ChildStatus.UNDEFINED:
        return ChildPresent(f"{cell!r} is known: restart or delete it")
    return NameTaken(cell.name, repr(cell)) if cell.dynamic else ChildRunning(f"{cell!r} runs already")


async def stop_cell(cell: Cell) -> None:
    """Stop *cell* for good: a dynamic or temporary child is forgotten, another stays known as undefined. Stopping twice is once."""
    supervisor = _supervisor_of(cell)
    what = f"stopping {cell.name}"

    async def action(shell: Shell) -> None:
        if not supervisor.is_child(cell):
            return
        cell.leaving = True
        await shell.stop(cell)
        if cell.dynamic or cell.spec.restart is Restart.TEMPORARY:
            supervisor.forget_child(cell)

    if cell.runtime.closed or not supervisor.is_child(cell):
        await trio.lowlevel.checkpoint()
    elif cell.dynamic and independent(supervisor) and waiting_life() is None:
        supervisor.runtime.check_thread(supervisor)
        await stop_beside(_working(supervisor, what), cell)
    else:
        await _request(supervisor, what, action, cell)


async def restart_cell(cell: Cell) -> None:
    """Stop *cell*, if it runs, and start it again, and with it those who fell with it and wait for it; mailboxes are kept.

    Raises `StartFailed`, `UnknownName` if it is gone.
    """
    supervisor = _supervisor_of(cell)

    async def action(shell: Shell) -> None:
        fallen = shell.held_up.get(cell, ())
        await shell.stop(cell)
        if not supervisor.is_child(cell):  # also when somebody else was stopping it meanwhile
            raise UnknownName(cell.name, list(supervisor.children))
        try:
            await _start_again(shell, cell)
        except StartFailed:
            shell.strand(cell, fallen)
            raise
        await shell.bring_back(fallen)

    cell.runtime.check_open(cell)
    await _request(supervisor, f"restarting {cell.name}", action, cell)


async def _start_again(shell: Shell, cell: Cell) -> None:
    """Start *cell* by hand. If that fails nobody will try again, so nobody may wait for it. Raises `StartFailed`."""
    if await shell.start(cell):
        return
    failure = start_failure(cell)
    cell.close("it could not be started again")
    if cell.dynamic:
        shell.cell.forget_child(cell)
    raise failure


class SupervisorHandle:
    """A supervisor of a running system, for administration."""

    def __init__(self, cell: SupervisorCell) -> None:
        self._cell = cell

    def __repr__(self) -> str:
        """Its state."""
        return f"<handle of {self._cell!r}>"

    def _find(self, name: str) -> Cell:
        try:
            return self._cell.children[name]
        except KeyError:
            raise UnknownName(name, list(self._cell.children)) from None

    async def start_child(self, spec: ChildSpec | Supervisor) -> Any:
        """Add a child at the end and start it. Returns its ref if it is an actor, None otherwise or if its start was ignored.

        Raises `ChildRunning` or `ChildPresent` if the name is known here, `NameTaken` if elsewhere, `StartFailed` (then the spec is
        discarded, as in OTP).
        """
        try:
            cell = await start_in(self._cell, spec, dynamic=self._cell.plan.strategy is Strategy.DYNAMIC)
        except StartFailed as failed:
            if isinstance(failed.__cause__, Ignore):
                return None
            raise
        return cell.ref

    async def terminate_child(self, name: str) -> None:
        """Stop a child; it stays known, and can be restarted or deleted. Idempotent. Raises `UnknownName`."""
        await stop_cell(self._find(name))

    async def restart_child(self, name: str) -> bool:
        """Start a child that is *undefined*; tells whether it runs now (its start may be ignored).

        Raises `ChildRunning`, `ChildRestarting`, `UnknownName`, `StartFailed`.
        """
        cell = self._find(name)

        async def action(shell: Shell) -> None:
            self._check_undefined(cell, shell)
            await _start_again(shell, cell)

        try:
            await _request(self._cell, f"restarting {name}", action, cell)
        except StartFailed as failed:
            if isinstance(failed.__cause__, Ignore):
                return False
            raise
        return True

    async def delete_child(self, name: str) -> None:
        """Forget a child that is *undefined*. Raises `ChildRunning`, `ChildRestarting`, `UnknownName`."""
        cell = self._find(name)

        async def action(shell: Shell) -> None:
            self._check_undefined(cell, shell)
            self._cell.forget_child(cell)

        await _request(self._cell, f"deleting {name}", action, cell)

    def _check_undefined(self, cell: Cell, shell: Shell) -> None:
        self._find(cell.name)
        if cell.status is ChildStatus.RESTARTING:
            raise ChildRestarting(f"{cell!r}: terminate it first, or wait")
        if cell.status is not ChildStatus.UNDEFINED or cell in shell.known:
            raise ChildRunning(f"{cell!r}: terminate it first")

    def which_children(self) -> tuple[ChildInfo, ...]:
        """Its children as they are now, in start order."""
        return tuple(
            ChildInfo(name=c.name, kind=c.spec.kind, status=c.status, incarnation=c.incarnation, restart=c.spec.restart)
            for c in self._cell.children.values()
        )

    def count_children(self) -> dict[str, int]:
        """OTP's four counts: known specs, active children, and supervisors and workers among them."""
        rows = self.which_children()
        supervisors = sum(row.kind is ChildKind.SUPERVISOR for row in rows)
        return {
            "specs": len(rows),
            "active": sum(row.status is ChildStatus.RUNNING for row in rows),
            "supervisors": supervisors,
            "workers": len(rows) - supervisors,
        }
