"""Administration of a running supervisor, as in OTP: start, stop, restart, delete and list its children.

Every operation is a request to the supervisor's serial loop, so it never sees a restart half done. None of them counts as a restart.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar, overload

import attrs
import trio

from trioactors.errors import (
    ActorStopped,
    CallTimeout,
    ChildRestarting,
    ChildRunning,
    Ignore,
    StartFailed,
    UnknownName,
)
from trioactors.supervision.adding import add_child, check_depth, check_spec
from trioactors.supervision.child import Child, leaves_for_good, start_failure, waiting_incarnation
from trioactors.supervision.draining import drain_seconds, drained
from trioactors.supervision.dynamic import abandon_start, independent, start_concurrently, start_error, stop_concurrently
from trioactors.supervision.requests import Request
from trioactors.supervision.restarts import ChildStatus
from trioactors.supervision.specs import (
    ActorSpec,
    ChildKind,
    ChildSpec,
    Restart,
    Strategy,
    Supervisor,
    check_significance,
)
from trioactors.supervision.supervisor import SupervisorLoop
from trioactors.supervision.tree import SupervisorChild, status_of
from trioactors.supervision.unreadable import unreadable
from trioactors.supervision.wait_graph import waiting
from trioactors.supervision.watchers import watched

__all__ = ["ChildInfo", "SupervisorHandle", "restart_child_of", "start_in", "stop_child", "wait_until_running"]


A = TypeVar("A")
T = TypeVar("T")


@attrs.frozen(kw_only=True)
class ChildInfo:
    """One child, as listed by `which_children`."""

    name: str
    kind: ChildKind
    status: ChildStatus
    incarnation: int
    restart: Restart


async def start_in(supervisor: SupervisorChild, spec: ChildSpec | Supervisor, *, dynamic: bool) -> Child:
    """Start one more child. Raises `NameTaken`, `ChildRunning`, `ChildPresent`, `StartFailed` (its cause may be `Ignore`)."""
    check_significance(spec, supervisor.plan)
    check_depth(supervisor, spec)
    what = f"starting {spec.name or 'a child'}"
    added: list[Child] = []

    async def action(loop: SupervisorLoop) -> Child:
        child = add_child(supervisor, spec, dynamic=dynamic)
        added.append(child)
        if not await loop.start(child):
            raise start_error(loop, child)
        return child

    def withdrawn() -> None:
        for child in added:
            abandon_start(child)

    if independent(supervisor) and waiting_incarnation() is None:
        supervisor.runtime.check_thread(supervisor)
        return await start_concurrently(_working(supervisor, what), add_child(supervisor, spec, dynamic=dynamic))
    return await _request(supervisor, what, action, withdrawn=withdrawn, spec=spec)


def _supervisor_of(child: Child) -> SupervisorChild:
    assert isinstance(child.parent, SupervisorChild)  # users cannot reach the root
    return child.parent


def _working(supervisor: SupervisorChild, what: str) -> SupervisorLoop:
    """The loop of *supervisor*. Raises `ActorStopped`, which says *what* was asked, if the supervisor does not run."""
    loop, incarnation = supervisor.loop, supervisor.current
    if (
        not isinstance(loop, SupervisorLoop)
        or incarnation is None
        or incarnation.ended is not None
        or incarnation.asked is not None
    ):
        raise ActorStopped(f"{what}: {supervisor!r} is not running")
    return loop


async def _request(
    supervisor: SupervisorChild,
    what: str,
    action: Callable[[SupervisorLoop], Awaitable[T]],
    *targets: Child,
    withdrawn: Callable[[], None] | None = None,
    spec: ChildSpec | Supervisor | None = None,
) -> T:
    """Let the loop run *action* when its turn comes, and wait for the result.

    In the wait-for graph, a handler that asks waits for the supervisor and for *targets*. Raises the errors of the action, `ActorStopped`
    if the supervisor does not run, `CallCycle`, and `CallTimeout` after the time that the longest start and the longest stop may take.
    """
    runtime = supervisor.runtime
    runtime.check_thread(supervisor)
    loop = _working(supervisor, what)
    request = Request(partial(action, loop), trio.lowlevel.current_task(), what, withdrawn)
    with waiting(waiting_incarnation(), request.fail, *targets, supervisor):
        runtime.deadlines.add(trio.current_time() + _allowed(supervisor, targets, spec), request)
        loop.post(request)
        answer: T = await trio.lowlevel.wait_task_rescheduled(request.abandon)
        return answer


def _allowed(supervisor: SupervisorChild, targets: tuple[Child, ...], spec: ChildSpec | Supervisor | None) -> float:
    """The time in seconds that a request may take: what the settings allow for a start and a stop, plus the times of its targets."""
    settings = supervisor.runtime.settings
    own = 0.0 if spec is None else (spec.start_timeout or 0.0)
    return (
        settings.start_timeout
        + settings.grace
        + settings.call_timeout
        + own
        + sum(c.grace + c.start_timeout + drain_seconds(c) for c in targets)
    )


async def wait_until_running(supervisor: SupervisorChild) -> None:
    """Wait until *supervisor* runs, which is being started or restarted by the one above it.

    Raises `CallCycle` if that waits for the caller, and `CallTimeout` if it takes longer than a start may.
    """
    allowed = supervisor.runtime.settings.start_timeout
    failed: list[Exception] = []
    scope = trio.CancelScope(deadline=trio.current_time() + allowed)

    def give_up(error: Exception) -> None:
        failed.append(error)
        scope.cancel(reason=str(error))

    with scope, waiting(waiting_incarnation(), give_up, supervisor):
        await _up(supervisor)
    if scope.cancelled_caught:
        raise failed[0] if failed else CallTimeout(f"{supervisor!r} did not run within {allowed:g} s", begun=False, inherited=False)


async def _up(supervisor: SupervisorChild) -> None:
    """Wait until *supervisor* runs or is being stopped for good. A checkpoint."""
    await trio.lowlevel.checkpoint()
    changed = trio.Event()

    def look(_: object) -> None:
        changed.set()

    with watched(supervisor, look):
        while supervisor.status is not ChildStatus.RUNNING and not leaves_for_good(supervisor):
            await changed.wait()
            changed = trio.Event()


async def stop_child(child: Child, drain: float | None = None, then: Callable[[], None] = lambda: None) -> None:
    """Stop *child* for good. A dynamic or temporary child is forgotten, any other stays known as *undefined*. Idempotent.

    It is drained first for up to *drain* seconds, by default as its spec says. Its supervisor is free meanwhile. If the caller is
    cancelled during that, the child runs on. *then* is called when it is down, before its supervisor does anything else, if that still
    knows the child.
    """
    async with drained(child, child.spec.drain if drain is None else drain):
        await _stop_drained(child, then)


async def _stop_drained(child: Child, then: Callable[[], None]) -> None:
    supervisor = _supervisor_of(child)
    what = f"stopping {child.name}"

    async def action(loop: SupervisorLoop) -> None:
        if not supervisor.is_child(child):
            return
        child.leaving = True
        await loop.stop_now(child)
        then()
        if child.dynamic or child.spec.restart is Restart.TEMPORARY:
            supervisor.forget_child(child)

    if child.runtime.closed or not supervisor.is_child(child):
        child.runtime.check_fork()
        await trio.lowlevel.checkpoint()
    elif child.dynamic and independent(supervisor) and waiting_incarnation() is None:
        supervisor.runtime.check_thread(supervisor)
        await stop_concurrently(_working(supervisor, what), child)
    else:
        await _request(supervisor, what, action, child)


async def restart_child_of(child: Child, between: Callable[[], Awaitable[None]] | None = None) -> None:
    """Stop *child*, if it runs, and start it again, together with the children that wait for its restart. Mailboxes are kept.

    *between* runs while the child is down. If it raises, a child that was down stays as it was, any other is started again (by the root, if
    the store has failed), and the error is raised. Raises `StartFailed`, and `UnknownName` if the child is gone.
    """
    supervisor = _supervisor_of(child)
    trouble: list[Exception] = []

    async def action(loop: SupervisorLoop) -> None:
        group = loop.waiting_group.get(child, ())
        before = child.status
        await loop.stop(child)
        if not supervisor.is_child(child):  # another request may have stopped it for good meanwhile
            raise UnknownName(child.name, list(supervisor.children))
        if between is not None and not await _carried_out(between, trouble) and (before.down or _store_broken(child)):
            child.status = before if before.down else child.status
            return
        try:
            await _start_again(loop, child, keep=before is ChildStatus.FAILED)
        except StartFailed:
            loop.close_group(child, group)
            raise
        await loop.restart_group(group)

    child.runtime.check_open(child)
    try:
        await _request(supervisor, f"restarting {child.name}", action, child)
    finally:
        if trouble:
            raise trouble[0]


def _store_broken(child: Child) -> bool:
    """Whether the store has failed, so that the root is about to restart all that depends on it."""
    committer = child.runtime.committer
    return committer is not None and committer.broken


async def _carried_out(part: Callable[[], Awaitable[None]], trouble: list[Exception]) -> bool:
    """Run *part*. If it raises, put the error into *trouble*: it is for the asker, and no supervisor crashes for it."""
    try:
        await part()
    except Exception as error:
        trouble.append(error)
    return not trouble


async def _start_again(loop: SupervisorLoop, child: Child, *, keep: bool) -> None:
    """Start *child* by hand. Its restarts are counted anew. Raises `StartFailed`.

    A failure is final: messages that wait for the child are settled, and a dynamic child is forgotten, unless it is to be *kept* or its
    stored state cannot be read.
    """
    before = child.restarts
    loop.begin_count(child)
    if await loop.start(child):
        return
    failure = start_failure(child)
    child.close("it could not be started again")
    if keep:
        child.status, child.restarts = ChildStatus.FAILED, before
    elif child.dynamic and unreadable(child) is None:
        loop.child.forget_child(child)
    raise failure


class SupervisorHandle:
    """A supervisor of a running system, for administration. Made by `System.supervisor`.

        workers = system.supervisor("workers")
        ref = await workers.start_child(ta.child(Worker, name="worker-7"))
        await workers.terminate_child("worker-7")
        await workers.restart_child("worker-7")
        for row in workers.which_children():
            print(row.name, row.status.value)

    The operations and their rules are OTP's. None of them counts as a restart.
    """

    def __init__(self, child: SupervisorChild) -> None:
        self._child = child

    def __repr__(self) -> str:
        """The supervisor and its state."""
        return f"<handle of {self._child!r}>"

    def _find(self, name: str) -> Child:
        try:
            return self._child.children[name]
        except (KeyError, TypeError):  # not known, or not even hashable
            raise UnknownName(name, list(self._child.children)) from None

    @overload
    async def start_child(self, spec: ActorSpec[A]) -> A: ...

    @overload
    async def start_child(self, spec: ChildSpec | Supervisor) -> Any: ...

    async def start_child(self, spec: ChildSpec | Supervisor) -> Any:
        """Add a child at the end and start it. Returns the ref of an actor; None for other kinds, or if the start was ignored.

        The type leaves that None out: only a class whose start raises `Ignore` gives it. Such a child is known, as *undefined*, unless the
        supervisor is dynamic or the child temporary.

        Raises `ChildRunning`, `ChildRestarting` or `ChildPresent` if this supervisor knows the name, `NameTaken` if it is taken
        elsewhere, `TooManyChildren`, and `StartFailed`; the child is then forgotten, as in OTP.
        """
        check_spec(spec)
        try:
            child = await start_in(self._child, spec, dynamic=self._child.plan.strategy is Strategy.DYNAMIC)
        except StartFailed as failed:
            if isinstance(failed.__cause__, Ignore):
                return None
            raise
        return child.ref

    async def terminate_child(self, name: str) -> None:
        """Stop a child. It stays known, and can be restarted or deleted. Idempotent. Raises `UnknownName`."""
        await stop_child(self._find(name))

    async def restart_child(self, name: str) -> bool:
        """Start a child that is *undefined* or *failed*. Returns whether it runs now (its start may be ignored).

        Raises `ChildRunning`, `ChildRestarting`, `UnknownName`, `StartFailed`.
        """
        child = self._find(name)

        async def action(loop: SupervisorLoop) -> None:
            self._check_undefined(child, loop)
            await _start_again(loop, child, keep=child.status is ChildStatus.FAILED)

        try:
            await _request(self._child, f"restarting {name}", action, child)
        except StartFailed as failed:
            if isinstance(failed.__cause__, Ignore):
                return False
            raise
        return True

    async def delete_child(self, name: str) -> None:
        """Forget a child that is *undefined* or *failed*. Raises `ChildRunning`, `ChildRestarting`, `UnknownName`."""
        child = self._find(name)

        async def action(loop: SupervisorLoop) -> None:
            self._check_undefined(child, loop)
            self._child.forget_child(child)

        await _request(self._child, f"deleting {name}", action, child)

    def _check_undefined(self, child: Child, loop: SupervisorLoop) -> None:
        self._find(child.name)
        if child.status is ChildStatus.RESTARTING:
            raise ChildRestarting(f"{child!r}: terminate it first, or wait")
        if not child.status.down or child in loop.known:
            raise ChildRunning(f"{child!r}: terminate it first")

    def which_children(self) -> tuple[ChildInfo, ...]:
        """Its children as they are now, in start order."""
        self._child.runtime.check_fork()
        return tuple(
            ChildInfo(name=c.name, kind=c.spec.kind, status=status_of(c), incarnation=c.incarnation, restart=c.spec.restart)
            for c in self._child.children.values()
        )

    def count_children(self) -> dict[str, int]:
        """OTP's four counts: `specs` (all known children), `active` (those that run), `supervisors` and `workers`."""
        rows = self.which_children()
        supervisors = sum(row.kind is ChildKind.SUPERVISOR for row in rows)
        return {
            "specs": len(rows),
            "active": sum(row.status is ChildStatus.RUNNING for row in rows),
            "supervisors": supervisors,
            "workers": len(rows) - supervisors,
        }
