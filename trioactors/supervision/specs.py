"""What a user declares: children, supervisors, and the numbers they live by.

Everything here is a frozen value, checked when it is made. Nothing here runs anything.
"""

from __future__ import annotations

import enum
import inspect
import math
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial, wraps
from types import FunctionType
from typing import Any, Concatenate, Final, Generic, ParamSpec, Protocol, TypeGuard, TypeVar, get_origin
from weakref import WeakKeyDictionary

import attrs

from trioactors.errors import SpecError
from trioactors.settings import Backoff, Intensity, choice, seconds

__all__ = [
    "BRUTAL_KILL",
    "INTERNAL",
    "MAX_DEPTH",
    "MAX_NAME",
    "AutoShutdown",
    "ChildKind",
    "ChildSpec",
    "GiveUp",
    "Plan",
    "Resource",
    "Restart",
    "Strategy",
    "Supervisor",
    "check_significance",
    "checked_name",
    "child",
    "is_partial",
    "resource",
    "target_of",
]

T = TypeVar("T")

P = ParamSpec("P")

BRUTAL_KILL: Final = 0.0
"""A grace of nothing: the child is cancelled at once, and its exit is *killed*."""

MAX_DEPTH: Final = 100
"""Trio cannot cancel nurseries nested some 400 deep; a tree deeper than this is refused while that is still far away."""

MAX_NAME: Final = 1_000
"""A name is for people and for keys; longer ones are a mistake."""


class Strategy(enum.Enum):
    """Who falls with a child that must be restarted."""

    ONE_FOR_ONE = "one_for_one"
    ONE_FOR_ALL = "one_for_all"
    REST_FOR_ONE = "rest_for_one"
    DYNAMIC = "dynamic"
    """Like ONE_FOR_ONE, for children that are started at run time only; forgotten when they end, and stopped all together."""


class Restart(enum.Enum):
    """Which exits bring a child back."""

    PERMANENT = "permanent"
    TRANSIENT = "transient"
    TEMPORARY = "temporary"


class AutoShutdown(enum.Enum):
    """Whether the end of significant children ends their supervisor."""

    NEVER = "never"
    ANY_SIGNIFICANT = "any_significant"
    ALL_SIGNIFICANT = "all_significant"


class GiveUp(enum.Enum):
    """How a supervisor that gives up looks to its parent: OTP's *shutdown* (a transient one stays down), or a crash."""

    SHUTDOWN = "shutdown"
    CRASH = "crash"


class ChildKind(enum.Enum):
    """What a child is made of."""

    ACTOR = "actor"
    FUNCTION = "function"
    RESOURCE = "resource"
    SUPERVISOR = "supervisor"


def checked_name(name: object) -> str:
    """*name*, if it can be one."""
    if not isinstance(name, str) or not name or len(name) > MAX_NAME:
        raise SpecError(f"a name is a text of 1 to {MAX_NAME} characters, not {name!r:.80}")
    return name


@attrs.frozen
class Resource(Generic[T]):
    """An async context manager as a child: entered at each start, left at each stop. Made by `resource`."""

    enter: Callable[[], AbstractAsyncContextManager[T]]


def resource(enter: Callable[[], AbstractAsyncContextManager[T]]) -> Resource[T]:
    """An async context manager as a child, so that a connection pool restarts like an actor.

    *enter* is called at each start. What `async with` yields is found with `system.get(Class, name)` while it runs.
    """
    given: object = enter
    if not callable(given) or isinstance(given, AbstractAsyncContextManager):
        raise SpecError(
            f"resource() takes a function that makes an async context manager, not {enter!r}: "
            f"each start makes a new one, so write ta.resource(pool) or ta.resource(partial(pool, size)), not ta.resource(pool())"
        )
    return Resource(enter)


def is_partial(make: object) -> TypeGuard[partial[Any]]:
    """Whether *make* is a `functools.partial`."""
    return isinstance(make, partial)


def target_of(make: object) -> object:
    """What stands behind partials and generic aliases: a class, a function or a resource."""
    while True:
        if is_partial(make):
            make = make.func
        elif get_origin(make) is not None:
            make = get_origin(make)
        else:
            return make


class Plan(Protocol):
    """What an actor class is known by here: its `__actor_plan__`. The class itself is known in `actors` only."""

    def check(self, cls: type, name: str | None, /) -> None:
        """Raise `DefinitionError` or `SpecError` if *cls* cannot be a child called *name*."""
        ...


def _plan_of(target: object) -> Plan | None:
    """The plan of an actor class; None for anything else."""
    plan: Plan | None = getattr(target, "__actor_plan__", None) if isinstance(target, type) else None
    return plan


def _kind_of(make: object, target: object) -> ChildKind:
    """The kind of a child that is not an actor. Raises `SpecError` if *target* cannot be a child."""
    if isinstance(target, Resource):
        return ChildKind.RESOURCE
    if inspect.iscoroutinefunction(target) or inspect.iscoroutinefunction(getattr(target, "__call__", None)):  # noqa: B004
        return ChildKind.FUNCTION
    raise SpecError(
        f"{make!r} cannot be a child: give an actor class, an async function, ta.resource(...) or a ta.Supervisor, "
        f"with arguments bound by functools.partial"
    )


def _check_arguments(make: object, target: object) -> bool:
    """Refuse arguments that *make* does not take or still lacks. Tells whether it wants to be given `task_status`."""
    if not callable(target):
        return False
    return _takes(target, make.args, make.keywords) if is_partial(make) else _takes_nothing(target)


_known: WeakKeyDictionary[Callable[..., Any], bool] = WeakKeyDictionary()
"""What `_takes_nothing` told of classes and functions that are still there: what is remembered must not keep anything alive."""


def _takes_nothing(target: Callable[..., Any]) -> bool:
    """Looking at a signature costs as much as the rest of a start, and the same class is started many times."""
    if not isinstance(target, type | FunctionType):  # a method, say, of something that is started once
        return _takes(target, (), {})
    wants_status = _known.get(target)
    if wants_status is None:
        wants_status = _known[target] = _takes(target, (), {})
    return wants_status


def _takes(target: Callable[..., Any], args: tuple[Any, ...], keywords: dict[str, Any]) -> bool:
    try:
        signature = _signature(target)
    except ValueError:  # a builtin without a signature
        return False
    wants_status = "task_status" in signature.parameters and "task_status" not in keywords
    given = {**keywords, "task_status": None} if wants_status else keywords
    try:
        signature.bind(*args, **given)
    except TypeError as error:
        name = getattr(target, "__qualname__", repr(target))
        raise SpecError(f"{name} cannot be started like this: {error}. Bind arguments with functools.partial.") from None
    return wants_status


def _signature(target: Callable[..., Any]) -> inspect.Signature:
    """What *target* takes; for a class, what its `__init__` does, whatever its `__new__` would let pass."""
    if not isinstance(target, type):
        return inspect.signature(target)
    own = inspect.signature(getattr(target, "__init__"))  # noqa: B009 - not an instance's
    return own.replace(parameters=list(own.parameters.values())[1:])


@attrs.frozen(kw_only=True)
class ChildSpec:
    """One child of a supervisor. Made by `child`."""

    make: Any
    name: str | None
    kind: ChildKind
    restart: Restart
    grace: float | None = None
    start_timeout: float | None = None
    significant: bool = False
    wants_status: bool = False
    """Whether the function takes `task_status`, and says itself when it is ready."""
    target: Any = attrs.field(repr=False, eq=False)
    """The class, function or resource behind partials and generic aliases."""
    plan: Plan | None = attrs.field(repr=False, eq=False)
    """The plan of the actor class; None for any other kind."""


def child(
    make: Callable[..., Awaitable[Any]] | Callable[[], Any] | Resource[Any],
    *,
    name: str | None = None,
    restart: Restart | str | None = None,
    grace: float | None = None,
    start_timeout: float | None = None,
    significant: bool = False,
) -> ChildSpec:
    """Declare a child: an actor class, an async function or a `resource`, arguments bound with `functools.partial`.

    An actor and a resource are permanent unless *restart* says otherwise, a function is transient. *grace* is how long it may take
    to stop (`BRUTAL_KILL` cancels at once), *start_timeout* how long to become ready; both in seconds, by default the system's.
    A function that takes `task_status` is ready when it calls `task_status.started()`, another at once. Raises `SpecError`.
    """
    target = target_of(make)
    plan = _plan_of(target)
    if isinstance(target, type) and plan is not None:
        plan.check(target, name)
    kind = _kind_of(make, target) if plan is None else ChildKind.ACTOR
    wants_status = _check_arguments(make, target)
    default = Restart.TRANSIENT if kind is ChildKind.FUNCTION else Restart.PERMANENT
    return ChildSpec(
        make=make,
        name=None if name is None else checked_name(name),
        kind=kind,
        restart=default if restart is None else choice(restart, Restart, "restart"),
        grace=None if grace is None else seconds(grace, "grace"),
        start_timeout=None if start_timeout is None else seconds(start_timeout, "start_timeout"),
        significant=significant,
        wants_status=wants_status,
        target=target,
        plan=plan,
    )


def _wants_name(init: Callable[Concatenate[T, P], None]) -> Callable[Concatenate[T, P], None]:
    @wraps(init)
    def checked(self: T, /, *children: P.args, **options: P.kwargs) -> None:
        if "name" not in options:
            raise SpecError("a supervisor needs a name, by which it is found and shown: ta.Supervisor(..., name='workers')")
        init(self, *children, **options)

    return checked


@attrs.frozen(init=False)
class Supervisor:
    """A supervisor and its children, in start order. A value: it runs when a system is opened with it."""

    children: tuple[ChildSpec | Supervisor, ...]
    name: str
    strategy: Strategy
    intensity: Intensity | None
    auto_shutdown: AutoShutdown
    backoff: Backoff | None
    give_up: GiveUp
    restart: Restart
    significant: bool
    grace: float

    def __attrs_init__(self, **fields: Any) -> None:
        """Set the fields; attrs puts its own method here."""

    @_wants_name
    def __init__(
        self,
        *children: ChildSpec | Supervisor,
        name: str,
        strategy: Strategy | str = Strategy.ONE_FOR_ONE,
        intensity: Intensity | None = None,
        auto_shutdown: AutoShutdown | str = AutoShutdown.NEVER,
        backoff: Backoff | None = None,
        give_up: GiveUp | str = GiveUp.SHUTDOWN,
        restart: Restart | str = Restart.PERMANENT,
        significant: bool = False,
        grace: float = math.inf,
    ) -> None:
        """Check everything that can be checked before anything runs. Raises `SpecError`.

        *intensity* is by default the system's; *grace* in seconds, by default without end, since anything else could cut off grandchildren.
        """
        self.__attrs_init__(
            children=tuple(children),
            name=checked_name(name),
            strategy=choice(strategy, Strategy, "strategy"),
            intensity=intensity,
            auto_shutdown=choice(auto_shutdown, AutoShutdown, "auto_shutdown"),
            backoff=backoff,
            give_up=choice(give_up, GiveUp, "give_up"),
            restart=choice(restart, Restart, "restart"),
            significant=significant,
            grace=seconds(grace, "grace"),
        )

    @property
    def depth(self) -> int:
        """The number of supervisors from this one down to the deepest. The system's own do not count."""
        below = max((spec.depth for spec in self.children if isinstance(spec, Supervisor)), default=0)
        return below if self.name.startswith(INTERNAL) else below + 1

    def as_top(self) -> Supervisor:
        """The same supervisor as the top of a system: when it ends, the system does."""
        options = attrs.asdict(self, recurse=False, filter=attrs.filters.exclude("children"))
        return Supervisor(*self.children, **{**options, "restart": Restart.TRANSIENT, "significant": True})

    kind = ChildKind.SUPERVISOR
    start_timeout = math.inf  # its children have theirs

    def __attrs_post_init__(self) -> None:
        where = f"supervisor {self.name!r}"
        for spec in self.children:
            if not isinstance(spec, ChildSpec | Supervisor):  # pyright: ignore[reportUnnecessaryIsInstance] - callers err
                raise SpecError(f"{where}: {spec!r} is no child; wrap it in ta.child(...)")
            check_significance(spec, self)
        _check_siblings(self.children, where)
        if (depth := self.depth) > MAX_DEPTH:
            raise SpecError(f"{where} is {depth} supervisors deep; {MAX_DEPTH} is the limit. Make the tree wider.")
        if self.strategy is Strategy.DYNAMIC:
            if self.children:
                raise SpecError(f"{where} is dynamic: it declares no children, they are started at run time")
            if self.auto_shutdown is not AutoShutdown.NEVER:
                raise SpecError(f"{where} is dynamic: auto_shutdown must be 'never'")


def _check_siblings(children: tuple[ChildSpec | Supervisor, ...], where: str) -> None:
    positions: dict[str, int] = {}
    for position, spec in enumerate(children, start=1):
        if spec.name is None:
            continue
        first = positions.setdefault(spec.name, position)
        if first != position:
            raise SpecError(
                f"{where}: its children {first} and {position} share the name {spec.name!r}; names are unique in a system"
            )


def check_significance(spec: ChildSpec | Supervisor, parent: Supervisor) -> None:
    """OTP's two refusals: a significant child must be able to end, and its supervisor must care."""
    if not spec.significant:
        return
    if spec.restart is Restart.PERMANENT:
        raise SpecError(f"{spec.name!r} is permanent, so it never ends by itself and cannot be significant")
    if parent.auto_shutdown is AutoShutdown.NEVER:
        raise SpecError(f"{spec.name!r} is significant, but supervisor {parent.name!r} has auto_shutdown='never'")


INTERNAL: Final = ":"
"""Names of the system's own supervisors begin with it; paths and listings leave them out."""
