"""The supervisor: a thin shell around the rules in `restarts.py`.

One task, one nursery, one inbox, and a strictly serial loop, as in OTP: exits, retries and requests are handled one after another, in the
order in which they arrived. Starting a child and stopping one are synchronous, so everything else waits meanwhile. Three things differ:

* a start or a wait is given up as soon as the supervisor itself is asked to stop;
* a restart with back-off waits outside the loop: an alarm puts its continuation into the inbox;
* a cell (the lasting half of a child) survives the supervisor's own restart, so refs and mailboxes of declared children do too.

A child is known by its `Life`. An exit of a life that the supervisor no longer knows (it was stopped by a group restart, or by hand) has
been dealt with already and is dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final, TypeVar, cast

import attrs
import outcome
import trio

from trioactors.cells import Cell
from trioactors.errors import ActorStopped, StartFailed, SupervisorGaveUp, TrioactorsError
from trioactors.exits import CRASH, SHUTDOWN, Exit, ExitKind
from trioactors.inbox import Again, Ended, Request, StopAsked
from trioactors.lives import Life, run_life
from trioactors.restarts import (
    ChildStatus,
    RestartEntry,
    RestartHistory,
    casualties,
    comes_back,
    delay_before,
    ends_supervisor,
)
from trioactors.specs import ChildSpec, GiveUp, Restart, Strategy, Supervisor
from trioactors.trace import ChildIgnored, ChildStartFailed, GaveUp, RestartScheduled

__all__ = ["SupervisorCell", "supervise"]

T = TypeVar("T")
UNDEFINED: Final = ChildStatus.UNDEFINED
JITTER: Final = "supervisor-backoff"


@attrs.define(eq=False, repr=False)
class SupervisorCell(Cell):
    """A supervisor as a child of its parent, and its children."""

    make_cell: Callable[[SupervisorCell, ChildSpec | Supervisor], Cell] = attrs.field(kw_only=True)
    children: dict[str, Cell] = attrs.field(factory=dict, init=False)
    history: RestartHistory = attrs.field(factory=RestartHistory, init=False)
    gave_up: SupervisorGaveUp | None = attrs.field(default=None, init=False)
    nursery: trio.Nursery = attrs.field(init=False)
    attending: Cell | None = attrs.field(default=None, init=False)
    """The child it is just starting or stopping."""
    suspended: bool = attrs.field(default=False, init=False)
    """Whether the loop leaves its inbox alone; tests use it to let several children die at once."""
    _inbox: deque[Ended | Again | Request[Any]] = attrs.field(factory=deque, init=False)
    _known: dict[Cell, Life] = attrs.field(factory=dict, init=False)
    _parked: trio.lowlevel.Task | None = attrs.field(default=None, init=False)
    _busy: bool = attrs.field(default=False, init=False)

    @property
    def plan(self) -> Supervisor:
        """What was declared."""
        return cast("Supervisor", self.spec)

    # --- what others do to it ---

    def ask(self, life: Life, reason: Exit) -> None:
        """Stop the children in order, then end."""
        life.asked = life.asked or reason
        self._begin_work()
        self.wake()

    def child_ended(self, cell: Cell, life: Life) -> None:
        """A child's task reports its end."""
        if self._known.get(cell) is life:
            self._post(Ended(cell, life))
        self.wake()

    async def request(self, what: str, action: Callable[[], Awaitable[T]], withdrawn: Callable[[], None] | None = None) -> T:
        """Let the loop run *action* when its turn comes, and wait for the result.

        Raises what the action raises, `ActorStopped` if the supervisor does not run, and `CallTimeout` when the time is up that the
        longest start and the longest stop would have needed.
        """
        if self.life is None or self.life.ended is not None or self.life.asked is not None:
            raise ActorStopped(f"{what}: {self!r} does not run")
        request = Request(action, trio.lowlevel.current_task(), what, withdrawn)
        settings = self.runtime.settings
        allowed = settings.start_timeout + settings.grace + settings.call_timeout
        self.runtime.alarms.add(trio.current_time() + allowed, request)
        self._post(request)
        answer: T = await trio.lowlevel.wait_task_rescheduled(request.abandon)
        return answer

    def wake(self) -> None:
        """Something happened that the loop may be waiting for."""
        if self._parked is not None:
            parked, self._parked = self._parked, None
            trio.lowlevel.reschedule(parked)

    def blockers(self) -> Iterator[Cell]:
        """A supervisor waits for the child it attends to."""
        if self.attending is not None:
            yield self.attending
        yield from super().blockers() if self.status is not ChildStatus.RUNNING else ()

    def close(self, cause: str) -> None:
        """It will not come back by itself, so neither will its children."""
        for cell in self.children.values():
            cell.close(cause)

    def forget(self) -> None:
        """Gone for good, with all its children."""
        for cell in self.children.values():
            cell.forget()
        super().forget()

    def end(self, life: Life, reason: Exit) -> None:
        """The supervisor's own life is over."""
        while self._inbox:
            message = self._inbox.popleft()
            if isinstance(message, Request):
                message.settle(outcome.Error(ActorStopped(f"{message.what}: {self!r} ended before it came to this")))
        for cell in self.children.values():
            cell.status = UNDEFINED
        self._known.clear()
        self._rest()
        super().end(life, reason)

    def _post(self, message: Ended | Again | Request[Any]) -> None:
        self._inbox.append(message)
        self._begin_work()
        if not self.suspended:
            self.wake()

    def _begin_work(self) -> None:
        if not self._busy:
            self._busy = True
            self.runtime.activity.busy += 1

    def _rest(self) -> None:
        if self._busy:
            self._busy = False
            self.runtime.activity.less()

    # --- the loop ---

    async def _park(self) -> None:
        self._parked = trio.lowlevel.current_task()

        def abort(_: object) -> trio.lowlevel.Abort:
            self._parked = None
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)

    async def run(self, life: Life) -> None:
        """Start the children, supervise until asked to stop, having given up, or having shut down; then stop them in order."""
        self._begin_work()
        try:
            await self._start_declared(life)
            life.announce()
            await self._loop(life)
        except StopAsked:
            pass
        except BaseException:
            await self._stop_all()
            raise
        self._begin_work()
        await self._stop_all()
        self._raise_verdict(life)

    def _raise_verdict(self, life: Life) -> None:
        if self.gave_up is not None and self.plan.give_up is GiveUp.CRASH:
            raise self.gave_up
        life.asked = life.asked or SHUTDOWN

    async def _loop(self, life: Life) -> None:
        while life.asked is None:
            if not self._inbox or self.suspended:
                if not self._inbox:
                    self._rest()
                await self._park()
                continue
            message = self._inbox.popleft()
            match message:
                case Ended(cell, ended):
                    if self._known.get(cell) is ended:
                        await self._exited(cell, ended)
                case Again():
                    if message.cell.status is ChildStatus.RESTARTING and self.is_child(message.cell):
                        await self._again(message)
                case Request():
                    await self._serve(message)

    def is_child(self, cell: Cell) -> bool:
        return self.children.get(cell.name) is cell

    async def _serve(self, request: Request[Any]) -> None:
        if request.asker is None:
            return
        try:
            answer: outcome.Outcome[Any] = outcome.Value(await request.action())
        except StopAsked:
            request.settle(outcome.Error(ActorStopped(f"{request.what}: {self!r} is stopping")))
            raise
        except TrioactorsError as error:
            answer = outcome.Error(error)
        request.settle(answer)

    # --- starting ---

    async def _start_declared(self, life: Life) -> None:
        self._adopt()
        self.gave_up = None
        self.history = RestartHistory(self.plan.intensity)
        for cell in tuple(self.children.values()):
            await self.start(cell)
            if cell.life is not None and cell.life.ended is not None and not cell.life.ignored and not cell.life.ready:
                raise self.start_failure(cell)
        del life

    def _adopt(self) -> None:
        """Back to what was declared: cells that are known already are kept, with their refs and mailboxes."""
        known, self.children = self.children, {}
        for spec in self.plan.children:
            cell = known.pop(spec.name, None) if spec.name is not None else None
            cell = self.make_cell(self, spec) if cell is None else cell
            self.children[cell.name] = cell
        for cell in known.values():
            cell.forget()
        for cell in self.children.values():
            self.runtime.registry.register(cell)

    def start_failure(self, cell: Cell) -> StartFailed:
        """The error that says why *cell* did not start."""
        reason = cell.last_exit
        error = StartFailed(f"{cell.path} could not be started: {reason and (reason.error or reason)}")
        error.__cause__ = None if reason is None else reason.error
        return error

    async def start(self, cell: Cell) -> bool:
        """Start *cell* and wait until it is ready, has failed or was ignored; tell whether it runs. Raises `StopAsked`."""
        mine = self.life
        assert mine is not None  # the loop runs in it
        life = cell.new_life()
        self._known[cell] = life
        self.attending = cell
        self.nursery.start_soon(run_life, cell, life, name=cell.name)
        try:
            while not life.ready and life.ended is None:
                await self._park()
                if mine.asked is not None and life.ended is None and not life.ready:
                    await self.stop(cell)
                    raise StopAsked
        finally:
            self.attending = None
        if life.ready:
            cell.status = ChildStatus.RUNNING
            return True
        self._not_started(cell, life)
        return False

    def _not_started(self, cell: Cell, life: Life) -> None:
        cell.status = UNDEFINED
        self._known.pop(cell, None)
        observers = self.runtime.observers
        now = trio.current_time()
        if life.ignored:
            if observers.listeners:
                observers.emit(ChildIgnored(time=now, child=cell.name))
            if cell.dynamic or cell.spec.restart is Restart.TEMPORARY:
                self.forget_child(cell)
            else:
                cell.close("its start was ignored")
        elif observers.listeners and life.ended is not None:
            observers.emit(ChildStartFailed(time=now, child=cell.name, reason=life.ended))

    # --- stopping ---

    def _kill(self, cell: Cell, life: Life) -> None:
        life.kill(f"{self.name} stops {cell.name}: its grace of {cell.grace:g} s is over")

    def _ask_to_stop(self, cell: Cell) -> Life | None:
        """Begin to stop *cell*, if it runs; its exit is not news any more."""
        life = self._known.pop(cell, None)
        cell.status = ChildStatus.STOPPING if life is not None and life.ended is None else UNDEFINED
        if life is None or life.ended is not None:
            return None
        grace = cell.grace
        if grace <= 0:
            self._kill(cell, life)
            return life
        life.limit(trio.current_time() + grace, lambda: self._kill(cell, life))
        cell.ask(life, SHUTDOWN)
        return life

    async def stop(self, cell: Cell) -> None:
        """Stop *cell*, and wait until it is gone."""
        life = self._ask_to_stop(cell)
        if life is not None:
            before, self.attending = self.attending, cell
            while life.ended is None:
                await self._park()
            self.attending = before
        self._stopped(cell)

    def _stopped(self, cell: Cell) -> None:
        cell.status = UNDEFINED
        if cell.leaves_for_good():
            cell.close("it was stopped for good")

    async def _stop_all(self) -> None:
        cells = list(reversed(self.children.values()))
        if self.plan.strategy is Strategy.DYNAMIC:
            lives = [life for cell in cells if (life := self._ask_to_stop(cell)) is not None]
            for life in lives:
                while life.ended is None:
                    await self._park()
        else:
            for cell in cells:
                await self.stop(cell)
        for cell in cells:
            self._stopped(cell)
            if cell.dynamic:
                self.forget_child(cell)

    def forget_child(self, cell: Cell) -> None:
        if self.is_child(cell):
            del self.children[cell.name]
        cell.forget()

    # --- exits and restarts ---

    async def _exited(self, cell: Cell, life: Life) -> None:
        del self._known[cell]
        reason = cast("Exit", life.ended)
        cell.status = UNDEFINED
        if comes_back(cell.spec.restart, reason):
            await self._restart(cell, reason)
            return
        significant = {c.name: c.status for c in self.children.values() if c.spec.significant}
        if cell.dynamic or cell.spec.restart is Restart.TEMPORARY:
            self.forget_child(cell)
        else:
            cell.close(f"it ended: {reason}")
        if ends_supervisor(self.plan.auto_shutdown, cell.name, significant):
            raise StopAsked

    async def _restart(self, cell: Cell, reason: Exit) -> None:
        """Count a restart, stop who falls with *cell*, and bring them back, now or after the back-off."""
        now = trio.current_time()
        self.history = self.history.add(RestartEntry(now, cell.name, reason))
        if self.history.exhausted:
            self._give_up(cell)
            raise StopAsked
        group = casualties(self.plan.strategy, tuple(self.children), cell.name)
        for name in reversed(group):
            other = self.children[name]
            if other is not cell:
                await self._fall(other)
        delay = delay_before(self.plan.backoff, len(self.history.entries), self._chance())
        self._tell_restart(cell, now, delay, group)
        cell.status = ChildStatus.RESTARTING
        if delay > 0:
            self.runtime.alarms.at(now + delay, lambda: self._post_if_alive(Again(cell, group, counts=False, reason=reason)))
        else:
            await self._bring_back(group)

    async def _fall(self, cell: Cell) -> None:
        """Stop one that falls with another; a temporary one is forgotten."""
        running = cell in self._known
        await self.stop(cell)
        if running and (cell.spec.restart is Restart.TEMPORARY):
            self.forget_child(cell)

    async def _bring_back(self, group: tuple[str, ...]) -> None:
        """Start those of *group* that are still known, in order. After a failure the rest stays down, and a retry is put last."""
        for name in group:
            cell = self.children.get(name)
            if cell is None or cell in self._known:
                continue
            started = await self.start(cell)
            if not started and cell.life is not None and not cell.life.ignored:
                cell.status = ChildStatus.RESTARTING
                reason = cell.life.ended or Exit(ExitKind.CRASH)
                self._post(Again(cell, (), counts=True, reason=reason))
                return

    async def _again(self, message: Again) -> None:
        if message.counts:
            await self._restart(message.cell, message.reason)
        else:
            await self._bring_back(message.group)

    def _post_if_alive(self, message: Again) -> None:
        if self.life is not None and self.life.ended is None:
            self._post(message)

    def _chance(self) -> float:
        return self.runtime.environment.random(JITTER).random() if self.plan.backoff is not None else 0.0

    def _tell_restart(self, cell: Cell, now: float, delay: float, group: tuple[str, ...]) -> None:
        if self.runtime.observers.listeners:
            self.runtime.observers.emit(RestartScheduled(time=now, child=cell.name, delay=delay, group=group))

    def _give_up(self, cell: Cell) -> None:
        """Too many restarts: end, as OTP does, and say so loudly."""
        cell.close("its supervisor gave up")
        entries = self.history.entries
        intensity = self.plan.intensity
        error = SupervisorGaveUp(
            f"supervisor {self.path} gave up: {len(entries)} restarts within {intensity.period:g} s, {intensity.limit} are allowed; "
            f"the last was of {cell.name}, which ended ({entries[-1].reason})",
            entries,
        )
        error.__cause__ = entries[-1].reason.error
        self.gave_up = error
        assert self.life is not None  # the loop runs in it
        self.runtime.report(self.life, Exit(CRASH, "gave up", error))
        if self.runtime.observers.listeners:
            self.runtime.observers.emit(GaveUp(time=trio.current_time(), child=self.name, restarts=len(entries)))


async def supervise(life: Life) -> None:
    """The body of a supervisor's life: its nursery is open exactly as long."""
    cell = cast("SupervisorCell", life.cell)
    async with trio.open_nursery() as nursery:
        cell.nursery = nursery
        await cell.run(life)
