"""The actor class, and the checks that run when a subclass is defined.

An actor is a plain class with a state and handlers. Two mistakes are refused at definition: `@attrs.define` on the actor itself
(the state is the attrs class; the actor is not a value), and hooks that do not fit and would therefore never run.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Self, TypeVar, cast, get_args, get_origin

from trioactors.actors.context import OwnContext
from trioactors.actors.plan import HOOKS, PLAIN_HOOKS, ActorPlan, refuse_no_type, refuse_value_class, resolved
from trioactors.actors.ref import Ref
from trioactors.actors.stored_refs import refs_by_name
from trioactors.annotations import Names, signature_of
from trioactors.durability.durable_state import DurableState
from trioactors.durability.policies import Policy, checked_policy
from trioactors.errors import DefinitionError, SpecError, UsageError
from trioactors.errors.exits import Exit
from trioactors.messaging.bodies import is_async_below
from trioactors.messaging.definitions import HandlerSpec
from trioactors.messaging.handlers import Handler, hidden_in
from trioactors.serializer import Serializer
from trioactors.settings import Overflow, OverflowWord, choice, count, seconds

__all__ = ["Actor"]

State = TypeVar("State")


class _NotRunning:
    """The `context` of an actor that no system has started: raises `UsageError`."""

    def __get__(self, instance: object | None, owner: type) -> Any:
        if instance is None:
            return self
        raise UsageError(
            f"{owner.__name__} has no context yet: a system sets it before on_start, so it is not available in __init__"
        )


if TYPE_CHECKING:  # a ref has the type of its actor, so to the type checkers an actor is a `Ref`
    _ToCheckers = Ref
else:
    _ToCheckers = object


class Actor(Generic[State], _ToCheckers):  # noqa: PYI059 - `object` comes last
    """Private state plus handlers, one message at a time. Subclass it as `Actor[YourState]`.

        @define
        class Tally:
            total: int = 0

        class Counter(ta.Actor[Tally], mailbox=100, persist=ta.EVERY_MESSAGE):
            @ta.handler
            async def add(self, by: int = 1) -> int:
                self.state.total += by
                return self.state.total

        counter = await system.start(Counter, name="counter")
        print(await counter.add(by=2))

    Class options:

    * *mailbox*: how many messages may wait;
    * *overflow*: what a full mailbox does, see `Overflow`;
    * *timeout*: the deadline of calls, in seconds;
    * *persist*: when the state is committed, `EVERY_MESSAGE` or `Within(seconds)`. Without it, the state is lost with the incarnation;
    * *serializer*: how the state becomes bytes, if it contains types of your own;
    * *inspect*: whether `trioactors.inspect` and the console may show the state. By default they do not.

    The state is made by calling its class without arguments, unless `__init__` sets `self.state`.

    An instance that no system has started is a plain object: calling its handlers runs their bodies, which is convenient in
    unit tests.
    """

    __actor_plan__: ClassVar[ActorPlan]
    state: State
    context: OwnContext[Self] = cast("Any", _NotRunning())

    def __init_subclass__(
        cls,
        *,
        mailbox: int | None = None,
        overflow: Overflow | OverflowWord | None = None,
        timeout: float | None = None,
        persist: Policy | None = None,
        serializer: Serializer | None = None,
        inspect: bool | None = None,
    ) -> None:
        """Check the definition. Raises `DefinitionError` or `SpecError`."""
        super().__init_subclass__()
        base: ActorPlan = getattr(cls, "__actor_plan__", _PLAIN)
        where = cls.__qualname__
        refuse_value_class(cls)
        _check_hooks(cls)
        _check_reserved_names(cls)
        state_type, module = _state_type(cls, base)
        refuse_no_type(state_type, cls.__qualname__)
        handlers = _collect_handlers(cls)
        cls.__actor_plan__ = ActorPlan(
            name=where,
            handlers=handlers,
            hooks=frozenset(name for name in HOOKS if getattr(cls, name) is not getattr(Actor, name)),
            mailbox=base.mailbox if mailbox is None else count(mailbox, f"{where}: mailbox", least=1),
            overflow=base.overflow if overflow is None else choice(overflow, Overflow, f"{where}: overflow"),
            timeout=base.timeout if timeout is None else seconds(timeout, f"{where}: timeout"),
            durable_state=_durable_state(cls, base.durable_state, (state_type, module), persist, serializer),
            inspect=base.inspect if inspect is None else _checked_inspect(inspect, where),
            state_type=state_type,
            module=module,
            names=_names_in(cls, handlers, state_type, module),
        )

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self:  # type checkers take the arguments from `__init__`
        """Make the state before `__init__` runs, if that needs no arguments."""
        if cls is Actor:
            raise DefinitionError("Actor is a base class: subclass it")
        self = super().__new__(cls)
        plan = cls.__actor_plan__
        if cls.__init__ is Actor.__init__:  # pyright: ignore[reportUnknownMemberType] - an actor of any state
            self.state = plan.new_state()
        else:
            with suppress(DefinitionError):  # __init__ may set it; the start checks that it did
                self.state = plan.new_state()
        return self

    def __init__(self) -> None:
        """Take no arguments. A subclass may take some, and need not call this."""

    async def on_start(self) -> None:
        """Run before the start is acknowledged. If it raises, the start fails. No message is handled before it returns."""

    async def on_continue(self) -> None:
        """Run after the start is acknowledged and before the first message: the place for slow preparation."""

    async def on_stop(self, reason: Exit) -> None:
        """Run when the actor stops, within its grace.

        It also runs after a crash in a handler, but not if the actor was killed, or cancelled because a child task or a commit
        of it failed.
        """

    def on_save(self) -> None:
        """Run before the state is encoded, which is after each message that may have changed it. Durable actors only."""

    def on_load(self) -> None:
        """Run when the state has been read: at a start that found a record, and when a message is rolled back. Durable actors only.

        Transient fields have their defaults by then.
        """


_PLAIN: Final = ActorPlan(
    name="Actor",
    handlers={},
    hooks=frozenset(),
    mailbox=None,
    overflow=None,
    timeout=None,
    durable_state=None,
    inspect=False,
    state_type=None,
    module=__name__,
    names=Names(),
)
"""The options of `Actor` itself, which its subclasses inherit."""


def _checked_inspect(inspect: object, where: str) -> bool:
    if isinstance(inspect, bool):
        return inspect
    raise SpecError(f"{where}: inspect must be True (the state may be shown) or False, not {inspect!r}")


def _durable_state(
    cls: type, base: DurableState | None, declared: tuple[Any, str], persist: object, serializer: Serializer | None
) -> DurableState | None:
    """The durable state of *cls*: as declared here, else as inherited from its base."""
    if persist is None and base is None:
        if serializer is not None:
            raise DefinitionError(f"{cls.__qualname__}: serializer= is for durable actors; add persist= to say when to commit")
        return None
    where = cls.__qualname__
    policy = base.policy if persist is None and base is not None else checked_policy(persist, where)
    if serializer is not None and not isinstance(serializer, Serializer):  # pyright: ignore[reportUnnecessaryIsInstance] - users err
        raise DefinitionError(f"{cls.__qualname__}: serializer= takes a trioactors.serializer.Serializer, not {serializer!r}")
    chosen = serializer or (None if base is None else base.serializer) or Serializer()
    durable_state = DurableState(where, policy, chosen, lambda: resolved(*declared, where), (Actor, Ref), refs_by_name)
    durable_state.check_definition(declared[0])
    return durable_state


def _check_hooks(cls: type) -> None:
    for name, member in vars(cls).items():
        if not name.startswith("on_"):
            continue
        where = f"{cls.__qualname__}.{name}"
        if name not in HOOKS:
            raise DefinitionError(f"{where}: no such hook; `on_*` is reserved for {', '.join(HOOKS)}")
        wanted = "a plain `def`, because it must not wait" if name in PLAIN_HOOKS else "an `async def`"
        if (
            isinstance(member, Handler)
            or not callable(member)
            or (is_async_below(member) if name in PLAIN_HOOKS else not inspect.iscoroutinefunction(member))
            or _is_generator(member)
        ):
            raise DefinitionError(f"{where}: this hook must be {wanted}, and must not be a handler")
        try:
            signature_of(member).bind(None, *[None] * HOOKS[name])
        except TypeError:
            wanted = "(self, reason)" if HOOKS[name] else "(self)"
            raise DefinitionError(f"{where}: takes {wanted}, not {signature_of(member)}") from None


def _is_generator(member: object) -> bool:
    """Whether *member* is a generator function: calling it would run none of its body."""
    return inspect.isgeneratorfunction(member) or inspect.isasyncgenfunction(member)


def _check_reserved_names(cls: type) -> None:
    for reserved in ("state", "context"):
        if reserved in vars(cls):
            raise DefinitionError(f"{cls.__qualname__}.{reserved}: `state`, `context` and `on_*` belong to the framework")


def _collect_handlers(cls: type) -> dict[str, HandlerSpec]:
    """The handlers of *cls* and its bases. A method that overrides a handler must be a handler too."""
    found: dict[str, HandlerSpec] = {}
    for name, member in _members(cls):
        if isinstance(member, Handler):
            found[name] = _checked_name(cls, name, cast("Handler[..., Any]", member).spec)
        elif hidden_in(member):
            raise DefinitionError(
                f"{cls.__qualname__}.{name}: its handler is hidden inside {member!r}; put @handler on top of all decorators"
            )
        elif name in found:
            raise DefinitionError(f"{cls.__qualname__}.{name} overrides a handler; mark it @handler too, or rename it")
    return found


def _members(cls: type) -> Iterator[tuple[str, object]]:
    """The members of *cls* and its bases, the most general class first."""
    for base in reversed(cls.__mro__):
        yield from vars(base).items()


def _checked_name(cls: type, name: str, spec: HandlerSpec) -> HandlerSpec:
    if spec.name != name:
        raise DefinitionError(f"{cls.__qualname__}.{name}: a handler keeps the name it was defined with, {spec.name!r}")
    return spec


def _state_type(cls: type, inherited: ActorPlan) -> tuple[Any, str]:
    """The argument of `Actor[...]`, with type variables of generic bases filled in, and the module that names it."""
    for base in vars(cls).get("__orig_bases__", ()):
        origin = get_origin(base)
        if origin is Actor:
            return get_args(base)[0], cls.__module__
        if isinstance(origin, type) and issubclass(origin, Actor):
            plan = origin.__actor_plan__
            parameters = cast("tuple[Any, ...]", vars(cast("type", origin)).get("__parameters__", ()))
            given = dict(zip(parameters, get_args(base), strict=True))
            if isinstance(plan.state_type, TypeVar):
                return given.get(plan.state_type, plan.state_type), cls.__module__
            unbound = getattr(plan.state_type, "__parameters__", ())
            return plan.state_type[tuple(given.get(each, each) for each in unbound)] if unbound else plan.state_type, plan.module
    return inherited.state_type, inherited.module


def _names_in(cls: type, handlers: Mapping[str, HandlerSpec], state_type: object, module: str) -> Names:
    """The names in all annotations of *cls*: of its state, its handlers and hooks, and its `__init__`."""
    names = Names()
    names.add_type(cls.__qualname__, "its state", state_type, module)
    for name in (*handlers, *HOOKS, "__init__"):
        owner = next(base for base in cls.__mro__ if name in vars(base))
        if owner is not Actor:
            kind = "handler " if name in handlers else ""
            names.add(f"{kind}{owner.__qualname__}.{name}", getattr(cls, name), owner)
    return names
