"""Refs: what the rest of the program holds of an actor.

A ref offers its actor's handlers and nothing else. It belongs to the lasting half of the child, so it survives restarts, and there is
exactly one per child. To the type checkers it is the actor itself; anything but a handler raises `NotAHandler` at run time.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Generic, NoReturn, ParamSpec, TypeVar, cast

import attrs
import trio
from trio.lowlevel import checkpoint, current_root_task, current_task, wait_task_rescheduled

from trioactors.alarms import Unordered
from trioactors.errors import DeliveryError, NotAHandler, UsageError, WrongClass
from trioactors.lineage import give_lineage
from trioactors.lives import Life, current_life, waiting_life
from trioactors.mailbox import refused
from trioactors.messages import Admission, Call, Envelope, lineage_of
from trioactors.outbox import Sent
from trioactors.serializer import Rule
from trioactors.settings import Overflow
from trioactors.settings import seconds as checked_seconds
from trioactors.specs import ChildKind, ChildSpec, target_of
from trioactors.trace import MessageAccepted
from trioactors.waiting import waiting

if TYPE_CHECKING:
    from trioactors.cells import ActorCell, Cell
    from trioactors.handlers import BoundHandler, HandlerSpec
    from trioactors.registry import Registry
    from trioactors.saving import Saver

__all__ = ["Ref", "RemoteHandler", "StoredName", "cell_of", "is_actor", "refs_by_name", "resolving"]

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
        now = runtime.now()
        call = Call(spec, values, sender, now + self._timeout, current_task(), self._cell, now)
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
            give_lineage(call, runtime.observers)
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
                give_lineage(call, self._runtime.observers)
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
        if self._watchers:
            give_lineage(cast, self._runtime.observers)
        await trio.lowlevel.checkpoint_if_cancelled()
        saver = None if cast.sender is None else cast.sender.saver
        if saver is not None and saver.holding:
            self._hold(cast, saver)
            await trio.lowlevel.cancel_shielded_checkpoint()
            return
        if self._mailbox.put(cast):
            await trio.lowlevel.cancel_shielded_checkpoint()
        else:
            await self._wait_for_room(cast)
        if self._watchers:
            self._tell(cast)

    def _hold(self, cast: Envelope, saver: Saver) -> None:
        """Sent by a durable handler: it leaves with the commit, so all that can be said now is what is impossible already."""
        mailbox = self._mailbox
        if mailbox.closed is not None:
            raise mailbox.closed()
        if len(mailbox) >= mailbox.limit and (mailbox.overflow is Overflow.FAIL or cast.sender.cell is self._cell):
            raise refused(mailbox)
        saver.hold(Sent(cast, self._cell, self._tell if self._watchers else None))

    async def _wait_for_room(self, cast: Envelope) -> None:
        mailbox = self._mailbox
        life = waiting_life()
        if mailbox.overflow is Overflow.FAIL or (life is not None and life.cell is self._cell):
            raise refused(mailbox)
        admission = Admission(cast, current_task())
        with waiting(life, admission.fail, self._cell), trio.move_on_after(self._timeout) as scope:
            mailbox.wait_for_room(admission)
            await wait_task_rescheduled(admission.abandon)
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
        saver = None if cast.sender is None else cast.sender.saver
        if saver is not None and saver.holding:
            if len(self._mailbox) >= self._mailbox.limit:
                raise refused(self._mailbox)
            if self._watchers:
                give_lineage(cast, self._runtime.observers)
            self._hold(cast, saver)
            return
        if not self._mailbox.put(cast):
            raise refused(self._mailbox)
        if self._watchers:
            give_lineage(cast, self._runtime.observers)
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
                **lineage_of(envelope).told,
            )
        )


class Ref:
    """What `start` and `get` return, typed as the actor.

    One that was read from a state may know its actor by name only; then it finds it anew at each use.
    """

    def __init__(self, cell: ActorCell | StoredName) -> None:
        self.__dict__["_cell"] = cell

    def __getattr__(self, name: str) -> RemoteHandler[..., Any]:
        """A handler, made when it is first used."""
        cell = cell_of(self)
        spec = cell.plan.handlers.get(name)
        if spec is None:
            raise NotAHandler(repr(self), name, sorted(cell.plan.handlers))
        bound: RemoteHandler[..., Any] = RemoteHandler(cell, spec)
        if self.__dict__["_cell"] is cell:
            self.__dict__[name] = bound
        return bound

    def __setattr__(self, name: str, value: object) -> NoReturn:
        """Refused: an actor's state is its own."""
        cell = cell_of(self)
        raise NotAHandler(repr(self), name, sorted(cell.plan.handlers))

    def __delattr__(self, name: str) -> NoReturn:
        """Refused, for the same reason."""
        cell = cell_of(self)
        raise NotAHandler(repr(self), name, sorted(cell.plan.handlers))

    def __reduce__(self) -> NoReturn:
        """Refused: a ref means something in its own system only."""
        raise UsageError(f"{self!r} cannot be pickled or copied; send the actor's name, and look it up with system.get")

    def __repr__(self) -> str:
        """The state of the actor behind it."""
        return f"<ref to {self.__dict__['_cell']!r}>"


def cell_of(ref: object) -> ActorCell:
    """The cell behind a ref. Raises `UsageError` for anything else, `UnknownName` and `WrongClass` for one that is known by name only."""
    if not isinstance(ref, Ref):
        raise UsageError(f"{ref!r} is not a ref: pass what system.start or system.get returned")
    cell: ActorCell | StoredName = ref.__dict__["_cell"]
    return cell.find() if isinstance(cell, StoredName) else cell


# --- refs inside a state ---

_registry: ContextVar[Registry | None] = ContextVar("trioactors_registry", default=None)
"""Where the names in a state that is being read are looked up."""


@attrs.frozen
class StoredName:
    """An actor that a state names and that was not there when the state was read."""

    name: str
    kind: type
    registry: Registry = attrs.field(repr=False, eq=False)

    def find(self) -> ActorCell:
        """Who has the name now. Raises `UnknownName`, `WrongClass`."""
        cell = self.registry.find(self.name)
        if not is_actor(cell, self.kind):
            raise WrongClass(self.name, self.kind.__name__, repr(cell))
        return cast("ActorCell", cell)


def is_actor(cell: Cell, kind: object) -> bool:
    """Whether *cell* is an actor of the class *kind*, or of one below it."""
    spec = cell.spec
    if not isinstance(spec, ChildSpec) or spec.kind is not ChildKind.ACTOR:
        return False
    made = target_of(spec.make)
    return isinstance(made, type) and isinstance(kind, type) and issubclass(made, kind)


@contextmanager
def resolving(registry: Registry) -> Generator[None, None, None]:
    """In this block, names in states mean the actors of this system."""
    token = _registry.set(registry)
    try:
        yield
    finally:
        _registry.reset(token)


def refs_by_name(annotation: Any) -> Rule[Any, Any]:
    """How a ref to an actor of this class is carried: as the actor's name, which means the same after a restart."""
    kind = cast("type", target_of(annotation))

    def dump(ref: Ref) -> str:
        held: ActorCell | StoredName = ref.__dict__["_cell"]
        if isinstance(held, StoredName):
            return held.name
        if not is_actor(held, kind):
            raise ValueError(f"{held!r} is no {kind.__name__}")
        if held.spec.name is None:
            raise ValueError(
                f"{held.name} was given no name when it was started, so nothing could find it again; start it with name=..."
            )
        return held.name

    def load(name: str) -> Ref:
        registry = _registry.get()
        if registry is None:
            raise ValueError(f"{name!r} names an actor, and is read outside a system")
        stored = StoredName(name, kind, registry)
        try:
            return stored.find().ref
        except UsageError:  # it may start later
            return Ref(stored)

    return Rule(name=f"ref to {kind.__qualname__}", runtime=Ref, via=str, dump=dump, load=load)
