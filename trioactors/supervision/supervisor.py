"""One life of a supervisor: the thin shell around the rules in `restarts.py`.

One task, one nursery, one inbox, and a strictly serial loop, as in OTP: exits, retries and requests are handled one after another, in the
order in which they arrived. Starting a child and stopping one are synchronous, so everything else waits meanwhile. Three things differ:

* a start or a wait is given up as soon as the supervisor itself is asked to stop;
* a restart with back-off waits outside the loop: an alarm puts its continuation into the inbox;
* the cells (the lasting halves of the children) survive the supervisor's own restart, and with them refs and mailboxes.

A child is known by its `Life`. An exit of a life that the shell no longer knows (it was stopped by a group restart, or by hand) has been
dealt with already and is dropped.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from functools import partial
from typing import Any, Final, cast

import attrs
import outcome
import trio

from trioactors.errors import ActorStopped, StartFailed, TrioactorsError
from trioactors.errors.exits import CRASH, KILLED, SHUTDOWN, Exit, ExitKind, RestartEntry
from trioactors.scheduling.deadlines import Alarm
from trioactors.supervision.child import Cell, Life, leaves_for_good, start_failure
from trioactors.supervision.lifecycle import run_life
from trioactors.supervision.requests import Again, Ended, Inbox, Message, Request, StopAsked
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
from trioactors.supervision.specs import GiveUp, Restart, Strategy, Supervisor
from trioactors.supervision.tree import SupervisorCell, keeps_children
from trioactors.supervision.wait_graph import break_cycle
from trioactors.trace.records import ChildIgnored, ChildStartFailed, GaveUp, RestartScheduled, TraceRecord

__all__ = ["Shell", "supervise"]


async def supervise(life: Life) -> None:
    """The body of a supervisor's life: its nursery is open exactly as long."""
    cell = cast("SupervisorCell", life.cell)
    async with trio.open_nursery() as nursery:
        shell = cell.shell = Shell(cell.runtime.activity, cell.suspension, cell, life, nursery, cell.plan)
        await shell.run()


_JITTER: Final = "supervisor-backoff"


@attrs.define(eq=False)
class Shell(Inbox):
    """The supervisor at work."""

    cell: SupervisorCell
    life: Life
    nursery: trio.Nursery = attrs.field(repr=False)
    plan: Supervisor = attrs.field(repr=False)
    known: dict[Cell, Life] = attrs.field(factory=dict["Cell", "Life"], init=False)
    """Whose end is news: who runs, or has died and was not handled yet."""
    _stopping: bool = attrs.field(default=False, init=False)
    _backoffs: dict[Cell, Alarm] = attrs.field(factory=dict["Cell", "Alarm"], init=False)
    held_up: dict[Cell, tuple[str, ...]] = attrs.field(factory=dict["Cell", "tuple[str, ...]"], init=False)
    """Who comes back only after the restart of the key."""
    _chance: Callable[[], float] | None = attrs.field(default=None, init=False)
    _context: contextvars.Context = attrs.field(factory=contextvars.copy_context, init=False)

    def __attrs_post_init__(self) -> None:
        self.history = RestartHistory(self.plan.intensity or self.cell.runtime.settings.intensity)

    # --- from outside ---

    def child_ready(self, cell: Cell, life: Life) -> None:
        """A child's start is done. If it is being stopped already, its end will be no news."""
        if cell.status is not ChildStatus.STOPPING:
            self.known[cell] = life
        if self.attending is cell:
            self.wake()

    def child_ended(self, cell: Cell, life: Life) -> Life | None:
        """A child's task reports its end. Returns the life in which it is to go on, if that can be said at once."""
        if self.known.get(cell) is life:
            following = self._in_place(cell, life)
            if following is not None:
                return following
            self.post(Ended(cell, life))
        elif cell.dynamic and (cell.leaving or (life.number == 1 and not life.ready)):  # never was one
            self.cell.forget_child(cell)
        if self.attending is not None or self._stopping:
            self.wake()
        if self.attending is not None:
            self._break_cycle(self.attending)
        return None

    def _in_place(self, cell: Cell, life: Life) -> Life | None:
        """Restart *cell* in the task of its last life: the same as `_restart`, less two task switches and a new task.

        Only where the loop, if it were asked, would start *cell* again at once, do nothing else, and not have to wait for it.
        """
        reason = life.ended
        if reason is None or not life.ready or life.torn or cell.start_may_wait or not comes_back(cell.spec.restart, reason):
            return None
        if self.busy or self._stopping or self.suspension.held or self.life.asked is not None:
            return None
        if self.plan.backoff is not None or self.plan.strategy not in {Strategy.ONE_FOR_ONE, Strategy.DYNAMIC}:
            return None
        decision = after_failed_start(self.plan, self.history, _entry(cell, reason), children=self.cell.children)
        if decision.verdict is Verdict.GIVES_UP:
            return None
        self.history = decision.history
        self._tell(RestartScheduled(time=trio.current_time(), child=cell.name, delay=0.0, group=(cell.name,)))
        following = self.known[cell] = cell.new_life()
        following.nursery = self.nursery
        if life.task is not None:
            life.task.context = self._context.copy()  # what the last life left in context variables ends with it
        return following

    def end(self) -> None:
        """The life is over: nobody will come to what is left in the inbox."""
        while self.queue:
            message = self.queue.popleft()
            if isinstance(message, Request):
                message.settle(outcome.Error(ActorStopped(f"{message.what}: {self.cell!r} ended before it came to this")))
        self.known.clear()
        for alarm in self._backoffs.values():
            alarm.cancel()
        self.rest()

    # --- the loop ---

    async def run(self) -> None:
        """Start the children, supervise until asked to stop, having given up, or having shut down; then stop them in order."""
        self.begin_work()
        try:
            await self._start_declared()
            self.life.announce()
            await self._loop()
        except StopAsked:
            pass
        except StartFailed:
            await self._stop_all()  # noqa: ASYNC120 - if it is killed meanwhile, that is what the parent must see
            raise
        self.begin_work()
        await self._stop_all()
        if self.cell.gave_up is not None and self.plan.give_up is GiveUp.CRASH:
            raise self.cell.gave_up
        self.life.asked = self.life.asked or Exit(ExitKind.SHUTDOWN, error=self.cell.gave_up)

    async def _loop(self) -> None:
        while self.life.asked is None:
            if not self.queue or self.suspension.held:
                if not self.queue:
                    self.rest()
                await self.park()
            else:
                await self._handle(self.queue.popleft())

    async def _handle(self, message: Message) -> None:
        match message:
            case Ended(cell, life):
                if self.known.get(cell) is life:
                    await (self._exited(cell, life) if life.ready else self._failed_in_place(cell, life))
            case Again(cell):
                if cell.status is ChildStatus.RESTARTING and self.cell.is_child(cell):
                    await self._again(message)
            case Request():
                await self._serve(message)

    async def _serve(self, request: Request[Any]) -> None:
        if request.asker is None:
            return
        try:
            answer: outcome.Outcome[Any] = outcome.Value(await request.action())
        except StopAsked:
            request.settle(outcome.Error(ActorStopped(f"{request.what}: {self.cell!r} is stopping")))
            raise
        except TrioactorsError as error:
            answer = outcome.Error(error)
        request.settle(answer)

    def _tell(self, record: TraceRecord) -> None:
        self.cell.runtime.observers.emit(record)

    # --- starting ---

    async def _start_declared(self) -> None:
        self.cell.adopt()
        if keeps_children(self.cell):  # they come back as from a restart: a start that fails is tried again, and counts
            for cell in tuple(self.cell.children.values()):
                self.known[cell] = self.launch(cell)
            return
        for cell in tuple(self.cell.children.values()):
            if not await self.start(cell) and not (cell.life is not None and cell.life.ignored):
                raise start_failure(cell)

    def launch(self, cell: Cell) -> Life:
        """Begin a life of *cell*, in the supervisor's context, whoever asked for it. A restart that was to come has come."""
        self._call_off(cell)
        self.held_up.pop(cell, None)
        life = cell.new_life()
        life.nursery = self.nursery
        self._context.run(lambda: self.nursery.start_soon(run_life, cell, life, name=cell.name))
        return life

    async def start(self, cell: Cell) -> bool:
        """Start *cell* and wait until it is ready, has failed or was ignored; tell whether it runs. Raises `StopAsked`."""
        life = self.launch(cell)
        self.attending = cell
        try:
            while not life.settled:
                await self.park()
                if self.life.asked is not None and not life.settled:
                    await self.stop(cell)
                    raise StopAsked
        finally:
            self.attending = None
        if not life.ready:
            self.not_started(cell, life)
        return life.ready

    def not_started(self, cell: Cell, life: Life) -> None:
        """Tell of a start that did not end with a running child, and forget whom an ignored start leaves nothing of."""
        now = trio.current_time()
        if life.ignored:
            self._tell(ChildIgnored(time=now, child=cell.name))
            if cell.dynamic or cell.spec.restart is Restart.TEMPORARY:
                self.cell.forget_child(cell)
            else:
                cell.close(f"it did not start: {life.ended}")
        else:
            reason = life.ended or KILLED
            self._tell(ChildStartFailed(time=now, child=cell.name, reason=reason))

    # --- stopping ---

    def _kill(self, cell: Cell, life: Life) -> None:
        life.kill(f"{self.cell.name} stops {cell.name}: its grace of {cell.grace:g} s is over")

    def ask_to_stop(self, cell: Cell) -> Life | None:
        """Begin to stop *cell*, if it runs; its exit is not news any more."""
        self.known.pop(cell, None)
        self._call_off(cell)
        life = cell.life
        if life is None or life.ended is not None:
            cell.status = ChildStatus.UNDEFINED
            return None
        cell.status = ChildStatus.STOPPING
        grace = cell.grace
        if grace <= 0:
            self._kill(cell, life)
        elif life.grace is None:  # it is not being stopped already
            life.grace = self.cell.runtime.alarms.at(self.cell.runtime.now() + grace, partial(self._kill, cell, life))
            cell.ask(life, SHUTDOWN)
        return life

    async def stop(self, cell: Cell) -> None:
        """Stop *cell*, and wait until it is gone."""
        life = self.ask_to_stop(cell)
        if life is not None:
            before, self.attending = self.attending, cell
            self._break_cycle(cell)
            while life.ended is None:
                await self.park()
            self.attending = before
        self._stopped(cell)

    def _break_cycle(self, cell: Cell) -> None:
        """The loop waits for *cell*: whatever *cell* waits for must not wait for the loop."""
        if cell.life is not None:
            break_cycle(cell, cell.life.waits or (), self.cell)

    def _stopped(self, cell: Cell) -> None:
        cell.status = ChildStatus.UNDEFINED
        held_up = self.held_up.pop(cell, ())
        if not leaves_for_good(cell):
            return
        cell.close("it was stopped for good")
        self.strand(cell, held_up)

    def strand(self, cell: Cell, fallen: tuple[str, ...]) -> None:
        """*cell* does not come back, and so nobody of those who fell with it."""
        for other in [self.cell.children[name] for name in fallen if name in self.cell.children]:
            if other not in self.known:
                other.close(f"it fell with {cell.name}, which will not be restarted")

    async def _stop_all(self) -> None:
        self._stopping = True
        cells = list(reversed(self.cell.children.values()))
        if self.plan.strategy is Strategy.DYNAMIC:
            for life in [self.ask_to_stop(cell) for cell in cells]:
                while life is not None and life.ended is None:
                    await self.park()
        keeps = keeps_children(self.cell) and not leaves_for_good(self.cell)
        for cell in cells:
            await self.stop(cell)
            if cell.dynamic and not (keeps and cell.spec.restart is not Restart.TEMPORARY):
                self.cell.forget_child(cell)

    # --- exits and restarts ---

    async def _exited(self, cell: Cell, life: Life) -> None:
        del self.known[cell]
        rule, reason, children = cell.spec.restart, life.ended or KILLED, self.cell.children
        significant = self._significant() if cell.spec.significant else {}
        decision = after_end(self.plan, rule, self.history, _entry(cell, reason), children=children, significant=significant)
        if decision.verdict in {Verdict.RESTARTS, Verdict.GIVES_UP}:
            await self._restart(cell, reason, decision)
            return
        cell.close(f"it ended: {reason}")
        if cell.dynamic or rule is Restart.TEMPORARY:
            self.cell.forget_child(cell)
        if decision.verdict is Verdict.SHUTS_DOWN:
            raise StopAsked

    def _significant(self) -> dict[str, ChildStatus]:
        """Who has died but was not handled yet still counts as running."""
        children = self.cell.children.values()
        return {c.name: ChildStatus.RUNNING if c in self.known else c.status for c in children if c.spec.significant}

    async def _failed_in_place(self, cell: Cell, life: Life) -> None:
        """A restart in place did not start: as in OTP, it is tried again, and counts again."""
        del self.known[cell]
        self.not_started(cell, life)
        if not life.ignored:
            cell.status = ChildStatus.RESTARTING
            await self._start_anew(cell, life.ended or KILLED)

    async def _start_anew(self, cell: Cell, reason: Exit) -> None:
        """A start has failed, for *reason*, and is tried again."""
        decision = after_failed_start(self.plan, self.history, _entry(cell, reason), children=self.cell.children)
        await self._restart(cell, reason, decision)

    async def _restart(self, cell: Cell, reason: Exit, decision: Decision) -> None:
        """Stop who falls with *cell*, and bring them back, now or after the back-off; or give up."""
        now, children, group = trio.current_time(), self.cell.children, decision.group
        self.history = decision.history
        if decision.verdict is Verdict.GIVES_UP:
            self._give_up(now)
            raise StopAsked
        for other in [children[name] for name in decision.falls]:
            await self._fall(other)
        delay = delay_before(self.plan.backoff, len(self.history.entries), self._draw())
        self._tell(RestartScheduled(time=now, child=cell.name, delay=delay, group=group))
        if delay > 0:
            cell.status = ChildStatus.RESTARTING
            self.held_up[cell] = group
            again = Again(cell, group, counts=False, reason=reason)
            self._backoffs[cell] = self.cell.runtime.alarms.at(now + delay, partial(self._go_on, again))
        else:
            await self.bring_back(group)

    def _call_off(self, cell: Cell) -> None:
        """Wait for no back-off of *cell*."""
        if cell in self._backoffs:
            self._backoffs.pop(cell).cancel()

    def _go_on(self, again: Again) -> None:
        """The back-off is over."""
        del self._backoffs[again.cell]
        self.post(again)

    async def _fall(self, cell: Cell) -> None:
        """Stop one that falls with another; a temporary one is forgotten."""
        running = cell in self.known
        await self.stop(cell)
        if running and cell.spec.restart is Restart.TEMPORARY:
            self.cell.forget_child(cell)

    async def bring_back(self, group: tuple[str, ...]) -> None:
        """Start those of *group* that are still known, in order. After a failure the rest stays down, and a retry is put last."""
        for name in group:
            cell = self.cell.children.get(name)
            if cell is None or cell in self.known or await self.start(cell):
                continue
            life = cell.life
            if life is not None and life.ended is not None and not life.ignored:
                cell.status = ChildStatus.RESTARTING
                self.held_up[cell] = group
                self.post(Again(cell, (), counts=True, reason=life.ended))
                return

    async def _again(self, message: Again) -> None:
        self.held_up.pop(message.cell, None)
        if message.counts:
            await self._start_anew(message.cell, message.reason)
        else:
            await self.bring_back(message.group)

    def _draw(self) -> float:
        """A number in [0, 1) for the jitter, from one stream for this life."""
        if self.plan.backoff is None:
            return 0.0
        self._chance = self._chance or self.cell.runtime.environment.random(f"{_JITTER}/{self.cell.name}").random
        return self._chance()

    def _give_up(self, now: float) -> None:
        """Too many restarts: end, as OTP does, and say so loudly."""
        error = self.cell.gave_up = gave_up(self.cell.path, self.history)
        self.life.report(Exit(CRASH, "gave up", error))
        self._tell(GaveUp(time=now, child=self.cell.name, restarts=len(self.history.entries)))


def _entry(cell: Cell, reason: Exit) -> RestartEntry:
    return RestartEntry(trio.current_time(), cell.name, reason)
