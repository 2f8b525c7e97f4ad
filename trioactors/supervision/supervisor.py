"""One incarnation of a supervisor: the loop around the rules in `restarts.py`.

One task, one nursery, one queue, and a strictly serial loop, as in OTP: exits, retries and requests are handled one after another, in the
order in which they arrived. Starting a child and stopping one are synchronous, so everything else waits meanwhile. Three things differ:

* a start or a wait is given up as soon as the supervisor itself is asked to stop;
* a restart with back-off waits outside the loop: an alarm puts its continuation into the inbox;
* the `Child` objects survive the supervisor's own restart, and with them refs and mailboxes.

A running child is known by its `Incarnation`. The exit of an incarnation that the loop no longer knows (it was stopped by a group restart,
or by hand) has been handled already, and is dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, cast

import attrs
import outcome
import trio

from trioactors.errors import ActorStopped, StartFailed, TrioactorsError
from trioactors.errors.exits import CRASH, KILLED, Exit, ExitKind, RestartEntry
from trioactors.supervision.child import Child, Incarnation
from trioactors.supervision.launcher import Launcher
from trioactors.supervision.requests import ContinueRestart, Exited, Message, Request, StopRequested
from trioactors.supervision.restarts import (
    ChildStatus,
    Decision,
    RestartHistory,
    Verdict,
    after_end,
    after_failed_start,
    comes_back,
    delay_before,
    gave_up,
)
from trioactors.supervision.specs import GiveUp, Restart, Strategy
from trioactors.supervision.tree import SupervisorChild
from trioactors.trace.records import GaveUp, RestartScheduled

__all__ = ["SupervisorLoop", "supervise"]


async def supervise(incarnation: Incarnation) -> None:
    """The body of a supervisor's life: its nursery is open exactly as long."""
    child = cast("SupervisorChild", incarnation.child)
    async with trio.open_nursery() as nursery:
        loop = child.loop = SupervisorLoop(child.runtime.activity, child.suspension, child, incarnation, nursery, child.plan)
        await loop.run()


_JITTER: Final = "supervisor-backoff"


@attrs.define(eq=False)
class SupervisorLoop(Launcher):
    """The supervisor at work."""

    _chance: Callable[[], float] | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.history = RestartHistory(self.plan.intensity or self.child.runtime.settings.intensity)

    # --- from outside ---

    def child_ready(self, child: Child, incarnation: Incarnation) -> None:
        """A child's start is done. If it is being stopped already, its end will be no news."""
        if child.status is not ChildStatus.STOPPING:
            self.known[child] = incarnation
        if self.attending is child:
            self.wake()

    def child_exited(self, child: Child, incarnation: Incarnation) -> Incarnation | None:
        """A child's task reports its end. Returns the life in which it is to go on, if that can be said at once."""
        if self.known.get(child) is incarnation:
            following = self._restart_in_place(child, incarnation)
            if following is not None:
                return following
            self.post(Exited(child, incarnation))
        elif child.dynamic and (child.leaving or (incarnation.number == 1 and not incarnation.ready)):  # never was one
            self.child.forget_child(child)
        if self.attending is not None or self._stopping:
            self.wake()
        if self.attending is not None:
            self._break_cycle(self.attending)
        return None

    def _restart_in_place(self, child: Child, incarnation: Incarnation) -> Incarnation | None:
        """Restart *cell* in the task of its last life: the same as `_restart`, less two task switches and a new task.

        Only where the loop, if it were asked, would start *cell* again at once, do nothing else, and not have to wait for it.
        """
        reason = incarnation.ended
        if (
            reason is None
            or not incarnation.ready
            or incarnation.cancelled_outside
            or child.start_may_wait
            or not comes_back(child.spec.restart, reason)
        ):
            return None
        if self.busy or self._stopping or self.suspension.held or self.incarnation.asked is not None:
            return None
        if self.plan.backoff is not None or self.plan.strategy not in {Strategy.ONE_FOR_ONE, Strategy.DYNAMIC}:
            return None
        decision = after_failed_start(self.plan, self.history, _entry(child, reason), children=self.child.children)
        if decision.verdict is Verdict.GIVES_UP:
            return None
        self.history = decision.history
        self._emit(RestartScheduled(time=trio.current_time(), child=child.name, delay=0.0, group=(child.name,)))
        following = self.known[child] = child.new_incarnation()
        following.nursery = self.nursery
        if incarnation.task is not None:
            incarnation.task.context = self._context.copy()  # what the last life left in context variables ends with it
        return following

    def end(self) -> None:
        """The life is over: nobody will come to what is left in the inbox."""
        while self.queue:
            message = self.queue.popleft()
            if isinstance(message, Request):
                message.settle(outcome.Error(ActorStopped(f"{message.what}: {self.child!r} ended before it came to this")))
        self.known.clear()
        for alarm in self._backoffs.values():
            alarm.cancel()
        self.set_idle()

    # --- the loop ---

    async def run(self) -> None:
        """Start the children, supervise until asked to stop, having given up, or having shut down; then stop them in order."""
        self.set_busy()
        try:
            await self._start_declared()
            self.incarnation.announce()
            await self._loop()
        except StopRequested:
            pass
        except StartFailed:
            await self._stop_all()  # noqa: ASYNC120 - if it is killed meanwhile, that is what the parent must see
            raise
        self.set_busy()
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
                    await self._again(message)
            case Request():
                await self._serve(message)

    async def _serve(self, request: Request[Any]) -> None:
        if request.asker is None:
            return
        try:
            answer: outcome.Outcome[Any] = outcome.Value(await request.action())
        except StopRequested:
            request.settle(outcome.Error(ActorStopped(f"{request.what}: {self.child!r} is stopping")))
            raise
        except TrioactorsError as error:
            answer = outcome.Error(error)
        request.settle(answer)

    # --- exits and restarts ---

    async def _exited(self, child: Child, incarnation: Incarnation) -> None:
        del self.known[child]
        rule, reason, children = child.spec.restart, incarnation.ended or KILLED, self.child.children
        significant = self._significant() if child.spec.significant else {}
        decision = after_end(self.plan, rule, self.history, _entry(child, reason), children=children, significant=significant)
        if decision.verdict in {Verdict.RESTARTS, Verdict.GIVES_UP}:
            await self._restart(child, reason, decision)
            return
        child.close(f"it ended: {reason}")
        if child.dynamic or rule is Restart.TEMPORARY:
            self.child.forget_child(child)
        if decision.verdict is Verdict.SHUTS_DOWN:
            raise StopRequested

    def _significant(self) -> dict[str, ChildStatus]:
        """Who has died but was not handled yet still counts as running."""
        children = self.child.children.values()
        return {c.name: ChildStatus.RUNNING if c in self.known else c.status for c in children if c.spec.significant}

    async def _failed_in_place(self, child: Child, incarnation: Incarnation) -> None:
        """A restart in place did not start: as in OTP, it is tried again, and counts again."""
        del self.known[child]
        self.not_started(child, incarnation)
        if not incarnation.ignored:
            child.status = ChildStatus.RESTARTING
            await self._start_anew(child, incarnation.ended or KILLED)

    async def _start_anew(self, child: Child, reason: Exit) -> None:
        """A start has failed, for *reason*, and is tried again."""
        decision = after_failed_start(self.plan, self.history, _entry(child, reason), children=self.child.children)
        await self._restart(child, reason, decision)

    async def _restart(self, child: Child, reason: Exit, decision: Decision) -> None:
        """Stop who falls with *cell*, and bring them back, now or after the back-off; or give up."""
        now, children, group = trio.current_time(), self.child.children, decision.group
        self.history = decision.history
        if decision.verdict is Verdict.GIVES_UP:
            self._give_up(now)
            raise StopRequested
        for other in [children[name] for name in decision.falls]:
            await self._fall(other)
        delay = delay_before(self.plan.backoff, len(self.history.entries), self._draw())
        self._emit(RestartScheduled(time=now, child=child.name, delay=delay, group=group))
        if delay > 0:
            child.status = ChildStatus.RESTARTING
            self.waiting_group[child] = group
            again = ContinueRestart(child, group, counts=False, reason=reason)
            self._backoffs[child] = self.child.runtime.deadlines.at(now + delay, partial(self._go_on, again))
        else:
            await self.restart_group(group)

    def _go_on(self, again: ContinueRestart) -> None:
        """The back-off is over."""
        del self._backoffs[again.child]
        self.post(again)

    async def _fall(self, child: Child) -> None:
        """Stop one that falls with another; a temporary one is forgotten."""
        running = child in self.known
        await self.stop(child)
        if running and child.spec.restart is Restart.TEMPORARY:
            self.child.forget_child(child)

    async def restart_group(self, group: tuple[str, ...]) -> None:
        """Start those of *group* that are still known, in order. After a failure the rest stays down, and a retry is put last."""
        for name in group:
            child = self.child.children.get(name)
            if child is None or child in self.known or await self.start(child):
                continue
            incarnation = child.current
            if incarnation is not None and incarnation.ended is not None and not incarnation.ignored:
                child.status = ChildStatus.RESTARTING
                self.waiting_group[child] = group
                self.post(ContinueRestart(child, (), counts=True, reason=incarnation.ended))
                return

    async def _again(self, message: ContinueRestart) -> None:
        self.waiting_group.pop(message.child, None)
        if message.counts:
            await self._start_anew(message.child, message.reason)
        else:
            await self.restart_group(message.group)

    def _draw(self) -> float:
        """A number in [0, 1) for the jitter, from one stream for this life."""
        if self.plan.backoff is None:
            return 0.0
        self._chance = self._chance or self.child.runtime.environment.random(f"{_JITTER}/{self.child.name}").random
        return self._chance()

    def _give_up(self, now: float) -> None:
        """Too many restarts: end, as OTP does, and say so loudly."""
        error = self.child.gave_up = gave_up(self.child.path, self.history)
        self.incarnation.report(Exit(CRASH, "gave up", error))
        self._emit(GaveUp(time=now, child=self.child.name, restarts=len(self.history.entries)))


def _entry(child: Child, reason: Exit) -> RestartEntry:
    return RestartEntry(trio.current_time(), child.name, reason)
