"""Starting and stopping the children of a supervisor, one at a time.

A start is over when the child is ready, has failed or was ignored. A stop is over when the incarnation has exited. The loop waits for one
of these at a time, and for nothing else meanwhile. A start is abandoned as soon as the supervisor itself is asked to stop.
"""

from __future__ import annotations

import contextvars
from collections.abc import Iterable, Sequence
from functools import partial

import attrs
import trio

from trioactors.errors import StateUnreadable
from trioactors.errors.exits import KILLED, SHUTDOWN
from trioactors.scheduling.deadlines import Alarm
from trioactors.supervision.child import Child, Incarnation, leaves_for_good, start_failure
from trioactors.supervision.draining import at_rest, cut_by_force, own_drain_end, refuse_others, report_drain, runs, wait_for_one
from trioactors.supervision.lifecycle import run_incarnation
from trioactors.supervision.requests import Loop, StopRequested
from trioactors.supervision.restarts import ChildRestarts, ChildStatus
from trioactors.supervision.specs import Restart, Strategy, Supervisor
from trioactors.supervision.tree import SupervisorChild, keeps_children
from trioactors.supervision.unreadable import fail_unreadable
from trioactors.supervision.wait_graph import break_cycle
from trioactors.trace.records import ChildIgnored, ChildStartFailed, TraceRecord

__all__ = ["Launcher"]


@attrs.define(eq=False)
class Launcher(Loop):
    """The part of a supervisor's loop that starts and stops children."""

    child: SupervisorChild
    incarnation: Incarnation
    nursery: trio.Nursery = attrs.field(repr=False)
    plan: Supervisor = attrs.field(repr=False)
    known: dict[Child, Incarnation] = attrs.field(factory=dict["Child", "Incarnation"], init=False)
    """Children whose exit is still to be handled, with the incarnation that runs or has exited."""
    _stopping: bool = attrs.field(default=False, init=False)
    _not_coming_back: bool = attrs.field(default=False, init=False)
    """Whether the supervisor shuts down, and its own supervisor will not restart it."""
    _backoffs: dict[Child, Alarm] = attrs.field(factory=dict["Child", "Alarm"], init=False)
    uncounted: ChildRestarts = attrs.field(init=False, repr=False)
    """The restarts of a child that has had none."""
    _context: contextvars.Context = attrs.field(factory=contextvars.copy_context, init=False)
    """The context in which all children start, whichever task asked for them."""

    def _emit(self, record: TraceRecord) -> None:
        self.child.runtime.observers.emit(record)

    # --- starting ---

    async def _start_declared(self) -> None:
        """Start the declared children in order, each when the one before it is ready. Raises `StartFailed`."""
        self._adopt()
        if keeps_children(self.child):  # as in a restart: a start that fails counts, and is tried again
            for child in tuple(self.child.children.values()):
                self.known[child] = self.launch(child)
            return
        for child in tuple(self.child.children.values()):
            if not await self.start(child) and not (child.current is not None and child.current.ignored):
                raise start_failure(child)

    def _adopt(self) -> None:
        """Go back to the declared children. Those that are known keep their `Child`, and so their ref and mailbox. Raises `NameTaken`."""
        supervisor = self.child
        supervisor.gave_up = None
        known, supervisor.children = supervisor.children, {}
        for spec in self.plan.children:
            child = known.pop(spec.name, None) if spec.name is not None else None
            child = supervisor.make_child(supervisor, spec) if child is None else child
            supervisor.children[child.name] = child
        for child in known.values():
            if keeps_children(supervisor):
                supervisor.children[child.name] = child
            else:
                child.forget()
        for child in supervisor.children.values():
            self.begin_count(child)
            supervisor.registry.register(child)

    def begin_count(self, child: Child) -> None:
        """Forget the restarts of *child*: it is started for the first time, or by hand."""
        child.restarts = self.uncounted

    def launch(self, child: Child) -> Incarnation:
        """Start an incarnation of *child*, in the context of the supervisor. Replaces a restart that was still to come."""
        self._cancel_backoff(child)
        self.waiting_group.pop(child, None)
        if child.incarnation == 0:
            self.begin_count(child)
        incarnation = child.new_incarnation()
        incarnation.nursery = self.nursery
        self._context.run(lambda: self.nursery.start_soon(run_incarnation, child, incarnation, name=child.name))
        return incarnation

    def _asked(self) -> bool:
        """Whether the supervisor itself is asked to stop."""
        return self.incarnation.asked is not None

    async def start(self, child: Child) -> bool:
        """Start *child* and wait until it is ready, has failed or was ignored. Returns whether it runs. Raises `StopRequested`."""
        if self._asked():
            raise StopRequested
        incarnation = self.launch(child)
        self.attending = child
        try:
            while not incarnation.settled:
                await self.wait()
                if self._asked() and not incarnation.settled:
                    await self.stop_now(child)
                    raise StopRequested
        finally:
            self.attending = None
        if not incarnation.ready:
            self.not_started(child, incarnation)
        return incarnation.ready

    def not_started(self, child: Child, incarnation: Incarnation) -> None:
        """Report a start that failed or was ignored. A dynamic or temporary child whose start was ignored is forgotten."""
        now, reason = trio.current_time(), incarnation.ended or KILLED
        if not incarnation.ignored:
            self._emit(ChildStartFailed(time=now, child=child.name, reason=reason))
        elif isinstance(reason.error, StateUnreadable):
            fail_unreadable(child, reason.error)
            self._emit(ChildStartFailed(time=now, child=child.name, reason=reason))
        else:
            self._emit(ChildIgnored(time=now, child=child.name))
            if child.dynamic or child.spec.restart is Restart.TEMPORARY:
                self.child.forget_child(child)
            else:
                child.close(f"it did not start: {incarnation.ended}")

    # --- stopping ---

    def _kill(self, child: Child, incarnation: Incarnation) -> None:
        forced = self.child.runtime.forced
        incarnation.kill(forced or f"{self.child.name} stops {child.name}: its grace of {child.grace:g} s is over")

    def _for_good(self, child: Child) -> bool:
        """Whether *child*, which is being stopped, will not come back."""
        return self._not_coming_back or leaves_for_good(child)

    async def _drain(self, children: Sequence[Child]) -> None:
        """Let those of *children* that are drained handle what they have accepted. They are being stopped, so a crash ends the drain."""
        runtime = self.child.runtime
        ends = {child: own_drain_end(child, child.spec.drain) for child in children if runs(child) and not at_rest(child)}
        drained = {child: end for child, end in ends.items() if end is not None}
        for child in drained:
            refuse_others(child)
        before = self.attending
        for child, end in drained.items():
            self.attending = child
            self._break_cycle(child)
            began = runtime.now()
            await wait_for_one(child, end)
            report_drain(runtime, child.name, began, child.mailboxes())
        self.attending = before

    def ask_to_stop(self, child: Child) -> Incarnation | None:
        """Ask *child* to stop, if it runs. Its exit needs no handling any more."""
        self.known.pop(child, None)
        self._cancel_backoff(child)
        incarnation = child.current
        if incarnation is None or incarnation.ended is not None:
            child.status = ChildStatus.UNDEFINED
            return None
        child.status = ChildStatus.STOPPING
        grace = 0.0 if cut_by_force(child) else child.grace
        if grace <= 0:
            self._kill(child, incarnation)
        elif incarnation.grace is None:  # otherwise it is being stopped already
            incarnation.grace = self.child.runtime.deadlines.at(
                self.child.runtime.now() + grace, partial(self._kill, child, incarnation)
            )
            child.request_stop(incarnation, SHUTDOWN)
        return incarnation

    async def stop(self, child: Child) -> None:
        """Stop *child*, and wait until it has exited. If it will not come back, it is drained first, if its spec or its system says so."""
        if self._for_good(child):
            await self._drain([child])
        await self.stop_now(child)

    async def stop_now(self, child: Child) -> None:
        """Stop *child* without a drain, and wait until it has exited."""
        incarnation = self.ask_to_stop(child)
        if incarnation is not None:
            before, self.attending = self.attending, child
            self._break_cycle(child)
            while incarnation.ended is None:
                await self.wait()
            self.attending = before
        self._stopped(child)

    def _break_cycle(self, child: Child) -> None:
        """End those waits of *child* that wait for this supervisor, which is now waiting for *child*."""
        if child.current is not None:
            break_cycle(child, child.current.waits or (), self.child)

    def _stopped(self, child: Child) -> None:
        child.status = ChildStatus.UNDEFINED
        waiting_group = self.waiting_group.pop(child, ())
        if not leaves_for_good(child):
            return
        child.close("it was stopped for good")
        self.close_group(child, waiting_group)

    def close_group(self, child: Child, group: Iterable[str]) -> None:
        """Close the children that were stopped with *child*, which will not be restarted, and so neither will they."""
        for other in [self.child.children[name] for name in group if name in self.child.children]:
            if other not in self.known:
                other.close(f"it was stopped together with {child.name}, which will not be restarted")

    async def _stop_all(self) -> None:
        """Stop all children, the last one first; those of a dynamic supervisor concurrently."""
        self._stopping = True
        children = list(reversed(self.child.children.values()))
        if self.plan.strategy is Strategy.DYNAMIC:
            await self._drain(children if self._for_good(self.child) else ())
            for incarnation in [self.ask_to_stop(child) for child in children]:
                while incarnation is not None and incarnation.ended is None:
                    await self.wait()
        keeps = keeps_children(self.child) and not leaves_for_good(self.child)
        for child in children:
            await self.stop(child)
            if child.dynamic and not (keeps and child.spec.restart is not Restart.TEMPORARY):
                self.child.forget_child(child)

    def _cancel_backoff(self, child: Child) -> None:
        """Cancel the restart of *child* that waits for its back-off, if there is one."""
        if child in self._backoffs:
            child.restart_at = None
            self._backoffs.pop(child).cancel()
