"""A supervisor as a child of its parent: the lasting half, and what others do to it. `shell.py` is the half that works."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast

import attrs
import trio

from trioactors.errors import ActorStopped, StartFailed, SupervisorGaveUp
from trioactors.errors.exits import CRASH, Exit
from trioactors.supervision.child import Cell, Life, waiting_life
from trioactors.supervision.requests import Request
from trioactors.supervision.restarts import ChildStatus
from trioactors.supervision.specs import INTERNAL, ChildSpec, Strategy, Supervisor
from trioactors.supervision.wait_graph import waiting

if TYPE_CHECKING:
    from trioactors.supervision.supervisor import Shell

__all__ = ["SupervisorCell", "keeps_children"]

T = TypeVar("T")


def keeps_children(supervisor: SupervisorCell) -> bool:
    """Whether children that were started at run time survive its own restart; only those of `system.start` do."""
    return supervisor.plan.strategy is Strategy.DYNAMIC and supervisor.name.startswith(INTERNAL)


@attrs.define(eq=False, repr=False)
class SupervisorCell(Cell):
    """A supervisor, and the cells of its children."""

    make_cell: Callable[[SupervisorCell, ChildSpec | Supervisor], Cell] = attrs.field(kw_only=True)
    children: dict[str, Cell] = attrs.field(factory=dict["str", "Cell"], init=False)
    shell: Shell | None = attrs.field(default=None, init=False)
    gave_up: SupervisorGaveUp | None = attrs.field(default=None, init=False)
    suspended: bool = attrs.field(default=False, init=False)
    """Whether the loop leaves its inbox alone; tests use it to let several children die at once."""

    @property
    def plan(self) -> Supervisor:
        """What was declared."""
        return cast("Supervisor", self.spec)

    @property
    def level(self) -> int:
        """How many supervisors deep it is, itself included; the system's own do not count."""
        above = 0 if self.parent is None else self.parent.level
        return above + (not self.name.startswith(INTERNAL))

    def working(self, what: str) -> Shell:
        """Its shell, if it is there to do *what*. Raises `ActorStopped` otherwise."""
        if self.shell is None or self.life is None or self.life.ended is not None or self.life.asked is not None:
            raise ActorStopped(f"{what}: {self!r} does not run")
        return self.shell

    async def request(
        self,
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
        self.runtime.check_thread(self)
        shell = self.working(what)
        request = Request(partial(action, shell), trio.lowlevel.current_task(), what, withdrawn)
        with waiting(waiting_life(), request.fail, *targets, self):
            self.runtime.alarms.add(trio.current_time() + self._allowed(targets, spec), request)
            shell.post(request)
            answer: T = await trio.lowlevel.wait_task_rescheduled(request.abandon)
            return answer

    def _allowed(self, targets: tuple[Cell, ...], spec: ChildSpec | Supervisor | None) -> float:
        """Seconds that a request may take: what the system allows for a start and a stop, and what its targets allow themselves."""
        settings = self.runtime.settings
        own = 0.0 if spec is None else (spec.start_timeout or 0.0)
        return (
            settings.start_timeout + settings.grace + settings.call_timeout + own + sum(c.grace + c.start_timeout for c in targets)
        )

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
            self.runtime.registry.register(cell)

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

    def blockers(self) -> Iterator[Cell]:
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
