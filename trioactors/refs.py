"""Refs: what the rest of the program holds of an actor.

A ref offers its actor's handlers and nothing else. It belongs to the lasting half of the child, so it survives restarts, and there is
exactly one per child. To the type checkers it is the actor itself; anything but a handler raises `NotAHandler` at run time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NoReturn, ParamSpec, TypeVar, cast

import trio
from trio.lowlevel import checkpoint, current_root_task, current_task, wait_task_rescheduled

from trioactors.alarms import Unordered
from trioactors.errors import DeliveryError, NotAHandler, UsageError
from trioactors.lives import Life, current_life, waiting_life
from trioactors.mailbox import refused
from trioactors.messages import Admission, Call, Envelope
from trioactors.settings import Overflow
from trioactors.settings import seconds as checked_seconds
from trioactors.trace import MessageAccepted
from trioactors.waiting import waiting

if TYPE_CHECKING:
    from trioactors.cells import ActorCell
    from trioactors.handlers import BoundHandler, HandlerSpec

__all__ = ["Ref", "RemoteHandler", "cell_of"]

P = ParamSpec("P")
R = TypeVar("R")


class RemoteHandler(Generic[P, R]):
    """A handler on a ref: calling it sends a message and waits for the reply."""

    __slots__ = ("_cast_timeout", "_cell", "_deadlines", "_mailbox", "_root", "_runtime", "_spec", "_timeout", "_watchers")

    def __init__(self, cell: ActorCell, spec: HandlerSpec, timeout: float | None = None) -> None:
        self._cell = cell
        self._mailbox = cell.mailbox
        self._runtime = cell.runtime
        self._root = cell.runtime.root_task
        self._watchers = cell.runtime.observers.listeners
        self._spec = spec
        self._timeout = cell.timeout_of(spec) if timeout is None else timeout
        self._cast_timeout = timeout
        alarms = cell.runtime.alarms
        self._deadlines = alarms.series(self._timeout) if timeout is None else Unordered(alarms)

    def __repr__(self) -> str:
        """Whose handler it is."""
        return f"<handler {self._spec.name} of {self._cell!r}>"

    def within(self, seconds: float) -> BoundHandler[P, R]:
        """The same handler with a deadline of its own, in seconds, for calls and casts."""
        limited: RemoteHandler[P, R] = RemoteHandler(self._cell, self._spec, checked_seconds(seconds, "within"))
        return limited

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Deliver, and wait for the reply.

        Raises the handler's declared errors as themselves, `ActorCrashed`, `ActorStopped`, `MailboxFull`, `CallTimeout`, `CallCycle`,
        and `TypeError` where the arguments do not fit.
        """
        spec = self._spec
        runtime = self._runtime
        values = args if len(args) == spec.arity and not kwargs else spec.bind(args, kwargs)
        try:
            here = current_root_task() is self._root
        except RuntimeError:  # no Trio runs in this thread
            here = False
        if not here:
            runtime.check_thread(self._cell)
        sender = current_life.get()
        call = Call(spec, values, sender, runtime.now() + self._timeout, current_task(), self._cell)
        life = None if sender is None else waiting_life()
        try:
            if life is not None:
                return await self._nested(call, life)
            self._mailbox.put_call(call)
        except DeliveryError:  # at once, perhaps: a loop that tries again must not keep everybody else out
            await checkpoint()  # noqa: ASYNC120 - who is cancelled need not hear of the refusal as well
            raise
        self._deadlines.add(call)
        if self._watchers:
            self._tell(call)
        return cast("R", await wait_task_rescheduled(call.abandon))

    async def _nested(self, call: Call, life: Life) -> R:
        """A call made while a handler waits: it is an edge of the wait-for graph, and it inherits the handler's deadline."""
        outer = life.cell.current_envelope()
        with waiting(life, call.fail, self._cell):
            if outer is not None and outer.deadline <= call.deadline:
                call.deadline = outer.deadline
                call.inherited = True
            self._mailbox.put_call(call)
            self._runtime.alarms.add(call.deadline, call)
            if self._watchers:
                self._tell(call)
            if not isinstance(outer, Call):
                return cast("R", await wait_task_rescheduled(call.abandon))
            with outer.carrying(call):
                return cast("R", await wait_task_rescheduled(call.abandon))

    async def cast(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Deliver and go on. A full mailbox makes it wait up to the call deadline; a checkpoint every time.

        Raises `ActorStopped`, `MailboxFull`, `CallCycle`, and `TypeError` where the arguments do not fit.
        """
        cast = self._envelope(args, kwargs)
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._mailbox.put(cast):
            await trio.lowlevel.cancel_shielded_checkpoint()
        else:
            await self._wait_for_room(cast)
        if self._watchers:
            self._tell(cast)

    async def _wait_for_room(self, cast: Envelope) -> None:
        mailbox = self._mailbox
        life = waiting_life()
        if mailbox.overflow is Overflow.FAIL or (life is not None and life.cell is self._cell):
            raise refused(mailbox)
        admission = Admission(cast, current_task())
        with waiting(life, admission.fail, self._cell), trio.move_on_after(self._timeout) as scope:
            await mailbox.put_when_room(admission)
        if scope.cancelled_caught:
            raise refused(mailbox)

    def cast_nowait(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Deliver and go on, or raise `MailboxFull` at once."""
        spec = self._spec
        values = args if len(args) == spec.arity and not kwargs else spec.bind(args, kwargs)
        try:
            simple = current_root_task() is self._root and self._cast_timeout is None
        except RuntimeError:  # no Trio runs in this thread
            simple = False
        cast = Envelope(spec, values, current_life.get()) if simple else self._envelope(args, kwargs)
        if not self._mailbox.put(cast):
            raise refused(self._mailbox)
        if self._watchers:
            self._tell(cast)

    def _envelope(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Envelope:
        spec = self._spec
        values = args if len(args) == spec.arity and not kwargs else spec.bind(args, kwargs)
        try:
            here = current_root_task() is self._root
        except RuntimeError:
            here = False
        if not here:
            self._runtime.check_thread(self._cell)
        if self._cast_timeout is None:
            return Envelope(spec, values, current_life.get())
        return Envelope(spec, values, current_life.get(), self._runtime.now() + self._cast_timeout)

    def _tell(self, envelope: Envelope) -> None:
        sender = envelope.sender
        self._runtime.observers.emit(
            MessageAccepted(
                time=self._runtime.now(),
                child=self._cell.name,
                handler=self._spec.name,
                sender=sender.cell.name if sender is not None else None,
            )
        )


class Ref:
    """What `start` and `get` return, typed as the actor."""

    def __init__(self, cell: ActorCell) -> None:
        self.__dict__["_cell"] = cell

    def __getattr__(self, name: str) -> RemoteHandler[..., Any]:
        """A handler, made when it is first used."""
        cell: ActorCell = self.__dict__["_cell"]
        spec = cell.plan.handlers.get(name)
        if spec is None:
            raise NotAHandler(repr(self), name, sorted(cell.plan.handlers))
        bound: RemoteHandler[..., Any] = RemoteHandler(cell, spec)
        self.__dict__[name] = bound
        return bound

    def __setattr__(self, name: str, value: object) -> NoReturn:
        """Refused: an actor's state is its own."""
        cell: ActorCell = self.__dict__["_cell"]
        raise NotAHandler(repr(self), name, sorted(cell.plan.handlers))

    def __delattr__(self, name: str) -> NoReturn:
        """Refused, for the same reason."""
        cell: ActorCell = self.__dict__["_cell"]
        raise NotAHandler(repr(self), name, sorted(cell.plan.handlers))

    def __reduce__(self) -> NoReturn:
        """Refused: a ref means something in its own system only."""
        raise UsageError(f"{self!r} cannot be pickled or copied; send the actor's name, and look it up with system.get")

    def __repr__(self) -> str:
        """The state of the actor behind it."""
        cell: ActorCell = self.__dict__["_cell"]
        return f"<ref to {cell!r}>"


def cell_of(ref: object) -> ActorCell:
    """The cell behind a ref. Raises `UsageError` for anything else."""
    if not isinstance(ref, Ref):
        raise UsageError(f"{ref!r} is not a ref: pass what system.start or system.get returned")
    cell: ActorCell = ref.__dict__["_cell"]
    return cell
