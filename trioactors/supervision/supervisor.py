"""One incarnation of a supervisor: the loop around the rules in `restarts.py`.

One task, one nursery, one queue, and a strictly serial loop, as in OTP: exits, retries and requests are handled one after another, in the
order in which they arrived. Starting and stopping a child are synchronous: everything else waits meanwhile. Three things differ from OTP:

* a start is abandoned as soon as the supervisor itself is asked to stop;
* a restart with back-off waits outside the loop: an alarm puts its continuation into the queue;
* the `Child` objects survive the supervisor's own restart, and with them refs and mailboxes.

`known` holds the incarnations whose exit is still to be handled. The exit of any other (it was stopped in a group restart, or by hand) has
been handled already, and is dropped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final, assert_never, cast

import attrs
import outcome
import trio

from trioactors.errors import ActorStopped, StartFailed, TrioactorsError
from trioactors.errors.exits import CRASH, KILLED, SHUTDOWN, Exit, ExitKind, RestartEntry
from trioactors.supervision.child import Child, Incarnation
from trioactors.supervision.launcher import Launcher
from trioactors.supervision.requests import ContinueRestart, Exited, Message, Request, StopRequested
from trioactors.supervision.restarts import (
    ChildRestarts,
    ChildStatus,
    Decision,
    RestartHistory,
    Verdict,
    after_exit,
    after_failed_start,
    comes_back,
    delay_before,
    gave_up,
    shared_intensity,
)
from trioactors.supervision.specs import GiveUp, Restart, Strategy
from trioactors.supervision.tree import SupervisorChild
from trioactors.trace.records import ChildFailed, GaveUp, RestartScheduled

__all__ = ["SupervisorLoop", "supervise"]

_log = logging.getLogger("trioactors")


async def supervise(incarnation: Incarnation) -> None:
    """Run one incarnation of a supervisor, in a nursery for its children."""
    child = cast("SupervisorChild", incarnation.child)
    async with trio.open_nursery() as nursery:
        loop = child.loop = SupervisorLoop(child.runtime.activity, child.suspension, child, incarnation, nursery, child.plan)
        await loop.run()


_JITTER: Final = "supervisor-backoff"


@attrs.define(eq=False)
class SupervisorLoop(Launcher):
    """The loop of one incarnation of a supervisor: restarts children by the rules, and serves requests."""

    _chance: Callable[[], float] | None = attrs.field(default=None, init=False)
    """The random stream for the jitter of back-offs."""
    _serving: Request[Any] | None = attrs.field(default=None, init=False)
    """The request whose action runs."""

    def __attrs_post_init__(self) -> None:
        self.history = RestartHistory(shared_intensity(self.plan, self.child.runtime.settings.intensity))
        self.uncounted = ChildRestarts(RestartHistory(self.plan.child_intensity))

    # --- called by children ---

    def child_ready(self, child: Child, incarnation: Incarnation) -> None:
        """Note that a child is ready. If it is already being stopped, its exit is ignored."""
        if child.status is not ChildStatus.STOPPING:
            self.known[child] = incarnation
        if self.plan.backoff is not None:
            incarnation.ready_at = trio.current_time()
        if self.attending is child:
            self.wake()

    def child_exited(self, child: Child, incarnation: Incarnation) -> Incarnation | None:
        """Note the exit of a child, called by its task. Returns the next incarnation if the child restarts in place."""
        if self.known.get(child) is incarnation:
            following = self._restart_in_place(child, incarnation)
            if following is not None:
                return following
            self.post(Exited(child, incarnation))
        elif child.dynamic and (child.leaving or (incarnation.number == 1 and not incarnation.ready)):  # it never became a child
            self.child.forget_child(child)
        if self.attending is not None or self._stopping:
            self.wake()
        if self.attending is not None:
            self._break_cycle(self.attending)
        return None

    def _restart_in_place(self, child: Child, incarnation: Incarnation) -> Incarnation | None:
        """Restart *child* in the task of its last incarnation: what `_restart` does, without a new task and two task switches.

        Done only if the loop would restart *child* at once, do nothing else, and not have to wait for it. Otherwise returns None.
        """
        reason = incarnation.ended
        if reason is None or not incarnation.ready or incarnation.cancelled_outside or child.start_may_wait:
            return None
        if self.busy or self._stopping or self.suspension.held or self.incarnation.asked is not None:
            return None
        if self.plan.backoff is not None or self.plan.strategy not in {Strategy.ONE_FOR_ONE, Strategy.DYNAMIC}:
            return None
        decision = after_exit(
            self.plan,
            child.spec.restart,
            self.history,
            child.restarts,
            _entry(child, reason),
            ran=0.0,
            children=self.child.children,
            significant={},
        )
        if decision.verdict is not Verdict.RESTARTS:
            return None
        self.history, child.restarts = decision.history, decision.own
        self._emit(RestartScheduled(time=trio.current_time(), child=child.name, delay=0.0, group=(child.name,)))
        following = self.known[child] = child.new_incarnation()
        following.nursery = self.nursery
        if incarnation.task is not None:
            incarnation.task.context = self._context.copy()  # context variables that the last incarnation set end with it
        return following

    def end(self) -> None:
        """Fail the requests that are left, and cancel back-offs: this incarnation is over."""
        if self._serving is not None:
            self.queue.appendleft(self._serving)
            self._serving = None
        while self.queue:
            message = self.queue.popleft()
            if isinstance(message, Request):
                message.settle(outcome.Error(ActorStopped(f"{message.what}: {self.child!r} exited before it handled this")))
        self.known.clear()
        for child in tuple(self._backoffs):
            self._cancel_backoff(child)
        self.set_idle()

    # --- the loop ---

    async def run(self) -> None:
        """Start the children; supervise them until this supervisor is asked to stop, gives up or shuts down; stop them in order."""
        self.set_busy()
        try:
            await self._start_declared()
            self.incarnation.announce()
            await self._loop()
        except StopRequested:
            pass
        except StartFailed as failed:
            self.child.runtime.ending(self.incarnation, failed)
            await self._stop_all()  # noqa: ASYNC120 - if the supervisor is killed meanwhile, the parent must see that instead
            raise
        self.set_busy()
        if self.incarnation.asked is None:
            self.child.runtime.ending(self.incarnation, None)
        await self._stop_all()
        if self.child.gave_up is not None and self.plan.give_up is GiveUp.CRASH:
            raise self.child.gave_up
        self.incarnation.asked = self.incarnation.asked or Exit(ExitKind.SHUTDOWN, error=self.child.gave_up)

    async def _loop(self) -> None:
        while self.incarnation.asked is None:
            if not self.queue or self.suspension.held:
                if not self.queue:
                    self.set_idle()
                await self.wait()
            else:
                await self._handle(self.queue.popleft())

    async def _handle(self, message: Message) -> None:
        match message:
            case Exited(child, incarnation):
                if self.known.get(child) is incarnation:
                    await (self._exited(child, incarnation) if incarnation.ready else self._failed_in_place(child, incarnation))
            case ContinueRestart(child):
                if child.status is ChildStatus.RESTARTING and self.child.is_child(child):
                    await self._continue_restart(message)
            case Request():
                await self._serve(message)

    async def _serve(self, request: Request[Any]) -> None:
        """Run the action of a request and wake the asker with its result, unless it waits no more."""
        if request.asker is None:
            return
        self._serving = request  # until it is settled: `end` settles it if this loop is killed meanwhile
        try:
            answer: outcome.Outcome[Any] = outcome.Value(await request.action())
        except StopRequested:
            request.settle(outcome.Error(ActorStopped(f"{request.what}: {self.child!r} is stopping")))
            raise
        except TrioactorsError as error:
            answer = outcome.Error(error)
        request.settle(answer)
        self._serving = None

    # --- exits and restarts ---

    async def _exited(self, child: Child, incarnation: Incarnation) -> None:
        """Handle the exit of a child that was ready: restart it, leave it down, or stop, as the rules say."""
        del self.known[child]
        reason = incarnation.ended or KILLED
        decision = after_exit(
            self.plan,
            child.spec.restart,
            self.history,
            child.restarts,
            _entry(child, reason),
            ran=child.since - incarnation.ready_at,
            children=self.child.children,
            significant=self._significant(child),
        )
        await self._carry_out(child, reason, decision)

    async def _carry_out(self, child: Child, reason: Exit, decision: Decision) -> None:
        self.history, child.restarts = decision.history, decision.own
        match decision.verdict:
            case Verdict.RESTARTS:
                await self._restart(child, reason, decision.group, decision.stops)
            case Verdict.GIVES_UP:
                self._give_up(trio.current_time())
                raise StopRequested
            case Verdict.FAILS:
                self._fail(child, reason)
            case Verdict.STAYS_DOWN | Verdict.SHUTS_DOWN:
                child.close(f"it exited: {reason}")
                if child.dynamic or child.spec.restart is Restart.TEMPORARY:
                    self.child.forget_child(child)
                if decision.verdict is Verdict.SHUTS_DOWN:
                    self._not_coming_back = not comes_back(self.plan.restart, SHUTDOWN)
                    raise StopRequested
            case _:
                assert_never(decision.verdict)

    def _fail(self, child: Child, reason: Exit) -> None:
        """Leave *child* down: its own budget is used up. It stays known, so that it can be looked at and restarted by hand.

        It is never temporary: such a child is never restarted alone.
        """
        history = child.restarts.history
        child.status = ChildStatus.FAILED
        child.close(f"it failed: {history} for one child")
        _log.error(
            "%s %s failed: %s for one child; it stays down until it is restarted by hand",
            child.spec.kind.value,
            child.path,
            history,
            extra={"child": child.path, "incarnation": child.incarnation, "reason": str(reason)},
        )
        self._emit(ChildFailed(time=trio.current_time(), child=child.name, restarts=len(history.entries), reason=reason))

    def _significant(self, child: Child) -> dict[str, ChildStatus]:
        """The status of each significant child, if *child* is one. One whose exit is still to be handled counts as running."""
        if not child.spec.significant:
            return {}
        children = self.child.children.values()
        return {c.name: ChildStatus.RUNNING if c in self.known else c.status for c in children if c.spec.significant}

    async def _failed_in_place(self, child: Child, incarnation: Incarnation) -> None:
        """Handle a restart in place whose start failed: as in OTP, it is tried again, and counts again."""
        del self.known[child]
        self.not_started(child, incarnation)
        if not incarnation.ignored:
            child.status = ChildStatus.RESTARTING
            await self._retry_start(child, incarnation.ended or KILLED)

    async def _retry_start(self, child: Child, reason: Exit) -> None:
        """Try a start again that failed for *reason*; each try counts as a restart."""
        decision = after_failed_start(
            self.plan,
            self.history,
            child.restarts,
            _entry(child, reason),
            children=self.child.children,
            significant=self._significant(child),
        )
        await self._carry_out(child, reason, decision)

    async def _restart(self, child: Child, reason: Exit, group: tuple[str, ...], stops: tuple[str, ...]) -> None:
        """Stop the children that restart together with *child*, then start the group, now or after the back-off of *child*."""
        now, children = trio.current_time(), self.child.children
        for other in [children[name] for name in stops]:
            await self._stop_for_restart(other)
        delay = delay_before(self.plan.backoff, child.restarts.in_a_row, self._draw())
        self._emit(RestartScheduled(time=now, child=child.name, delay=delay, group=group))
        if delay > 0:
            child.status = ChildStatus.RESTARTING
            child.restart_at = now + delay
            self.waiting_group[child] = dict.fromkeys(group)
            continuation = ContinueRestart(child, group, counts=False, reason=reason)
            self._backoffs[child] = self.child.runtime.deadlines.at(now + delay, partial(self._backoff_over, continuation))
        else:
            await self.restart_group(group)

    def _backoff_over(self, continuation: ContinueRestart) -> None:
        """Queue the rest of a restart: its back-off has passed."""
        child = continuation.child
        child.restart_at = None
        del self._backoffs[child]
        self.post(continuation)

    async def _stop_for_restart(self, child: Child) -> None:
        """Stop a child that restarts together with another. A temporary child is forgotten instead."""
        running = child in self.known
        await self.stop(child)
        if running and child.spec.restart is Restart.TEMPORARY:
            self.child.forget_child(child)

    async def restart_group(self, group: Iterable[str]) -> None:
        """Start the children of *group* that are down, in order. If one fails, the rest waits, and a retry is queued last."""
        for name in group:
            child = self.child.children.get(name)
            if child is None or child in self.known or await self._start_once_more(child):
                continue
            incarnation = child.current
            if incarnation is not None and incarnation.ended is not None and not incarnation.ignored:
                child.status = ChildStatus.RESTARTING
                self.waiting_group[child] = dict.fromkeys(group)
                self.post(ContinueRestart(child, (), counts=True, reason=incarnation.ended))
                return

    async def _start_once_more(self, child: Child) -> bool:
        """Start *child* again in a restart. Returns whether it runs."""
        self.restarting = child
        try:
            return await self.start(child)
        finally:
            self.restarting = None

    async def _continue_restart(self, message: ContinueRestart) -> None:
        self.waiting_group.pop(message.child, None)
        if message.counts:
            await self._retry_start(message.child, message.reason)
        else:
            await self.restart_group(message.group)

    def _draw(self) -> float:
        """A random number in [0, 1) for the jitter, from one stream per incarnation; 0 without a back-off."""
        if self.plan.backoff is None:
            return 0.0
        self._chance = self._chance or self.child.runtime.environment.random(f"{_JITTER}/{self.child.name}").random
        return self._chance()

    def _give_up(self, now: float) -> None:
        """Record and report that there were too many restarts. The supervisor then stops, as in OTP."""
        error = self.child.gave_up = gave_up(self.child.path, self.history)
        self.incarnation.report(self.incarnation.failed(Exit(CRASH, "gave up", error)))
        self._emit(GaveUp(time=now, child=self.child.name, restarts=len(self.history.entries)))


def _entry(child: Child, reason: Exit) -> RestartEntry:
    return RestartEntry(trio.current_time(), child.name, reason)
