"""Declarations: children and supervisors, as frozen values.

Everything is checked when it is made, and nothing here runs anything. A declared tree runs when it is handed to `open_system`.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Awaitable, Callable
from functools import partial, wraps
from typing import Any, Concatenate, Final, Generic, ParamSpec, Protocol, TypeGuard, TypeVar, get_origin, overload

import attrs

from trioactors.errors import SpecError
from trioactors.settings import Backoff, Intensity, choice, count, drain_time, flag, of_class, seconds
from trioactors.supervision.arguments import takes, takes_nothing
from trioactors.supervision.choices import AutoShutdown as AutoShutdown
from trioactors.supervision.choices import AutoShutdownWord, GiveUpWord, RestartWord, StrategyWord
from trioactors.supervision.choices import ChildKind as ChildKind
from trioactors.supervision.choices import GiveUp as GiveUp
from trioactors.supervision.choices import Restart as Restart
from trioactors.supervision.choices import Strategy as Strategy
from trioactors.supervision.resources import Resource
from trioactors.supervision.startable import ActorLike, NotStartable, PlainFunction, ReadyFunction

__all__ = [
    "BRUTAL_KILL",
    "INTERNAL",
    "MAX_DEPTH",
    "MAX_NAME",
    "ActorSpec",
    "AutoShutdown",
    "ChildKind",
    "ChildSpec",
    "GiveUp",
    "Plan",
    "Restart",
    "Strategy",
    "Supervisor",
    "check_significance",
    "checked_name",
    "child",
    "is_partial",
    "target_of",
]

T = TypeVar("T")
A = TypeVar("A", bound=ActorLike)
A_co = TypeVar("A_co", covariant=True)

P = ParamSpec("P")

BRUTAL_KILL: Final = 0.0
"""A grace of zero: the child is cancelled at once, and its exit is *killed*."""
MAX_DEPTH: Final = 100
"""The greatest depth of a tree. Trio cannot cancel nurseries that are nested about 400 deep."""
MAX_NAME: Final = 1_000
"""The greatest length of a name, in characters."""


def checked_name(name: object) -> str:
    """Return *name* if it is valid. Raises `SpecError` otherwise."""
    if not isinstance(name, str) or not name or len(name) > MAX_NAME:
        raise SpecError(f"a name is a string of 1 to {MAX_NAME} characters, not {name!r:.80}")
    if not name.isascii() and any("\ud800" <= letter <= "\udfff" for letter in name):
        raise SpecError(f"a name is text that can be written as UTF-8, not {name!r:.80}")
    return name


def is_partial(make: object) -> TypeGuard[partial[Any]]:
    """Whether *make* is a `functools.partial`."""
    return isinstance(make, partial)


def target_of(make: object) -> object:
    """Remove partials and generic aliases from *make*: a class, a function or a resource remains."""
    while True:
        if is_partial(make):
            make = make.func
        elif get_origin(make) is not None:
            make = get_origin(make)
        else:
            return make


class Plan(Protocol):
    """The `__actor_plan__` of an actor class, as far as a spec needs it. `actors.plan.ActorPlan` is one."""

    def check(self, cls: type, name: str | None, /) -> None:
        """Check that *cls* can be a child called *name*. Raises `DefinitionError` or `SpecError`."""
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
    wanted = (
        "give an actor class, an async function, ta.resource(...) or a ta.Supervisor, and bind arguments with functools.partial"
    )
    raise SpecError(f"{make!r} cannot be a child: {wanted}")


def _check_arguments(make: object, target: object) -> bool:
    """Check that the bound arguments fit. Returns whether *make* takes `task_status`. Raises `SpecError`."""
    if not callable(target):
        return False
    return takes(target, make.args, make.keywords) if is_partial(make) else takes_nothing(target)


@attrs.frozen(kw_only=True)
class ChildSpec:
    """The declaration of one child, made by `child`."""

    make: Any
    name: str | None
    kind: ChildKind
    restart: Restart
    grace: float | None = None
    start_timeout: float | None = None
    drain: float | None = None
    """Seconds of its drain; infinity for as long as the stop permits, None for what its system says."""
    significant: bool = False
    wants_status: bool = False
    """Whether the function takes `task_status`, and reports itself when it is ready."""
    target: Any = attrs.field(repr=False, eq=False)
    """The class, function or resource behind partials and generic aliases."""
    plan: Plan | None = attrs.field(repr=False, eq=False)
    """The plan of the actor class; None for any other kind."""


@attrs.frozen(kw_only=True)
class ActorSpec(ChildSpec, Generic[A_co]):
    """The declaration of an actor of this class, made by `child`. Starting it gives a ref of that class."""


@overload
def child(
    make: Callable[[], Awaitable[object]] | ReadyFunction,
    *,
    name: str | None = None,
    restart: Restart | RestartWord | None = None,
    grace: float | None = None,
    start_timeout: float | None = None,
    drain: bool | float | None = None,
    significant: bool = False,
) -> ChildSpec: ...


@overload
def child(  # type: ignore[overload-overlap]  # a class is no plain function
    make: PlainFunction,
    *,
    name: str | None = None,
    restart: Restart | RestartWord | None = None,
    grace: float | None = None,
    start_timeout: float | None = None,
    drain: bool | float | None = None,
    significant: bool = False,
) -> NotStartable: ...


@overload
def child(
    make: Callable[[], A] | partial[A] | Resource[A],
    *,
    name: str | None = None,
    restart: Restart | RestartWord | None = None,
    grace: float | None = None,
    start_timeout: float | None = None,
    drain: bool | float | None = None,
    significant: bool = False,
) -> ActorSpec[A]: ...


@overload
def child(
    make: partial[Any] | Resource[Any],
    *,
    name: str | None = None,
    restart: Restart | RestartWord | None = None,
    grace: float | None = None,
    start_timeout: float | None = None,
    drain: bool | float | None = None,
    significant: bool = False,
) -> ChildSpec: ...


def child(
    make: Any,
    *,
    name: str | None = None,
    restart: Restart | RestartWord | None = None,
    grace: float | None = None,
    start_timeout: float | None = None,
    drain: bool | float | None = None,
    significant: bool = False,
) -> Any:
    """Declare a child: an actor class, an async function or a `resource`. Bind arguments with `functools.partial`.

        ta.child(Ledger, name="ledger")
        ta.child(partial(Gateway, port=8080), name="gateway", restart="transient")
        ta.child(partial(serve, port=80), grace=30.0)

    * *restart*: `permanent`, `transient` or `temporary`, see `Restart`. By default actors and resources are permanent, functions transient;
    * *grace*: how long the child may take to stop, in seconds; then it is cancelled. `BRUTAL_KILL` cancels it at once;
    * *start_timeout*: how long it may take to become ready, in seconds;
    * *drain*: whether it finishes what it has accepted before it stops for good: True, or the most seconds; False: never;
    * *significant*: whether its exit counts for the `auto_shutdown` of its supervisor.

    The two times are by default those of `Settings`. A function that takes `task_status` is ready when it calls `task_status.started()`,
    any other function at once. Raises `SpecError`, and `DefinitionError` for an actor class that cannot be a child.
    """
    target = target_of(make)
    name = None if name is None else checked_name(name)
    plan = _plan_of(target)
    if isinstance(target, type) and plan is not None:
        plan.check(target, name)
    kind = _kind_of(make, target) if plan is None else ChildKind.ACTOR
    wants_status = _check_arguments(make, target)
    default = Restart.TRANSIENT if kind is ChildKind.FUNCTION else Restart.PERMANENT
    kind_of_spec: Any = ChildSpec if plan is None else ActorSpec
    return kind_of_spec(
        make=make,
        name=name,
        kind=kind,
        restart=default if restart is None else choice(restart, Restart, "restart"),
        grace=None if grace is None else seconds(grace, "grace"),
        start_timeout=None if start_timeout is None else seconds(start_timeout, "start_timeout"),
        drain=None if drain is None else drain_time(drain, "drain"),
        significant=flag(significant, "significant"),
        wants_status=wants_status,
        target=target,
        plan=plan,
    )


def _wants_name(init: Callable[Concatenate[T, P], None]) -> Callable[Concatenate[T, P], None]:
    @wraps(init)
    def checked(self: T, /, *children: P.args, **options: P.kwargs) -> None:
        if "name" not in options:
            raise SpecError("a supervisor needs a name: ta.Supervisor(..., name='workers')")
        init(self, *children, **options)

    return checked


@attrs.frozen(init=False)
class Supervisor:
    """A supervisor and its children, in start order.

        tree = ta.Supervisor(
            ta.child(Ledger, name="ledger"),
            ta.Supervisor(ta.child(Gateway), ta.child(serve_http), name="edge"),
            name="shop",
            strategy="rest_for_one",
            intensity=ta.Intensity(limit=3, period=5.0),
        )
        async with ta.open_system("sqlite:///shop.db", tree) as system:
            ledger = system.get(Ledger, "ledger")

    * *name*: the name by which it is found and shown; required;
    * *strategy*: which children restart together, see `Strategy`;
    * *intensity*: how many restarts are allowed before it gives up. By default that of `Settings`; with *backoff* or *child_intensity*,
      restarts count against the supervisor only if it is given;
    * *child_intensity*: how many restarts of one child are allowed. A child that has more stays down as *failed*, and its siblings live on;
    * *backoff*: how long to wait before a restart, counted for each child; by default not at all;
    * *max_children*: how many children it may have, stopped ones that it knows included; by default any number;
    * *auto_shutdown*: whether it shuts down when significant children have exited, see `AutoShutdown`;
    * *give_up*: how it exits when it gives up, see `GiveUp`;
    * *restart*, *significant*: as in `child`, if it stands below another supervisor;
    * *grace*: how long it may take to stop, in seconds; by default without limit, as a limit could cut off its children.

    It is a value: it runs when a system is opened with it. Raises `SpecError` for anything that can be checked before that.
    """

    children: tuple[ChildSpec | Supervisor, ...]
    name: str
    strategy: Strategy
    intensity: Intensity | None
    child_intensity: Intensity | None
    auto_shutdown: AutoShutdown
    backoff: Backoff | None
    give_up: GiveUp
    restart: Restart
    significant: bool
    grace: float
    max_children: int | None

    def __attrs_init__(self, **fields: Any) -> None:
        """Set the fields; attrs puts its own method here."""

    @_wants_name
    def __init__(
        self,
        *children: ChildSpec | Supervisor,
        name: str,
        strategy: Strategy | StrategyWord = Strategy.ONE_FOR_ONE,
        intensity: Intensity | None = None,
        child_intensity: Intensity | None = None,
        auto_shutdown: AutoShutdown | AutoShutdownWord = AutoShutdown.NEVER,
        backoff: Backoff | None = None,
        give_up: GiveUp | GiveUpWord = GiveUp.SHUTDOWN,
        restart: Restart | RestartWord = Restart.PERMANENT,
        significant: bool = False,
        grace: float = math.inf,
        max_children: int | None = None,
    ) -> None:
        """Check the options and the children. Raises `SpecError`."""
        self.__attrs_init__(
            children=tuple(children),
            name=checked_name(name),
            strategy=choice(strategy, Strategy, "strategy"),
            intensity=_intensity(intensity, "intensity"),
            child_intensity=_intensity(child_intensity, "child_intensity"),
            auto_shutdown=choice(auto_shutdown, AutoShutdown, "auto_shutdown"),
            backoff=None if backoff is None else of_class(backoff, Backoff, "backoff", "ta.Backoff(base=0.5)"),
            give_up=choice(give_up, GiveUp, "give_up"),
            restart=choice(restart, Restart, "restart"),
            significant=flag(significant, "significant"),
            grace=seconds(grace, "grace"),
            max_children=None if max_children is None else count(max_children, "max_children", least=1),
        )

    @property
    def depth(self) -> int:
        """The number of supervisors from this one down to the deepest. The system's own do not count."""
        below = max((spec.depth for spec in self.children if isinstance(spec, Supervisor)), default=0)
        return below if self.name.startswith(INTERNAL) else below + 1

    def as_top(self) -> Supervisor:
        """The same supervisor as the top of a system: when it ends, the system does."""
        options: dict[str, Any] = attrs.asdict(self, recurse=False, filter=attrs.filters.exclude("children"))
        options |= {"restart": Restart.TRANSIENT, "significant": True}
        return Supervisor(*self.children, **options)

    kind = ChildKind.SUPERVISOR
    start_timeout = math.inf  # each of its children has its own
    drain = 0.0  # the same

    def __attrs_post_init__(self) -> None:
        where = f"supervisor {self.name!r}"
        for spec in self.children:
            if not isinstance(spec, ChildSpec | Supervisor):  # pyright: ignore[reportUnnecessaryIsInstance] - callers err
                raise SpecError(f"{where}: {spec!r} is not a child; wrap it in ta.child(...)")
            check_significance(spec, self)
        _check_siblings(self.children, where)
        if self.max_children is not None and len(self.children) > self.max_children:
            raise SpecError(f"{where} declares {len(self.children)} children, and max_children={self.max_children}")
        if self.child_intensity is not None and self.strategy in {Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE}:
            raise SpecError(
                f"{where} is {self.strategy.value}: its children depend on each other, so none can stay down alone and child_intensity "
                f"does not apply. Use intensity, or put the child under a supervisor of its own"
            )
        if (depth := self.depth) > MAX_DEPTH:
            raise SpecError(f"{where} is {depth} supervisors deep; {MAX_DEPTH} is the limit. Make the tree wider.")
        if self.strategy is Strategy.DYNAMIC:
            if self.children:
                raise SpecError(f"{where} is dynamic: it cannot declare children, as they are started at run time")
            if self.auto_shutdown is not AutoShutdown.NEVER:
                raise SpecError(f"{where} is dynamic: auto_shutdown must be 'never'")


def _intensity(value: Intensity | None, option: str) -> Intensity | None:
    return None if value is None else of_class(value, Intensity, option, "ta.Intensity(3, 5.0)")


def _check_siblings(children: tuple[ChildSpec | Supervisor, ...], where: str) -> None:
    positions: dict[str, int] = {}
    for position, spec in enumerate(children, start=1):
        if spec.name is None:
            continue
        first = positions.setdefault(spec.name, position)
        if first != position:
            both = f"its children {first} and {position} share the name {spec.name!r}"
            raise SpecError(f"{where}: {both}; names are unique in a system")


def check_significance(spec: ChildSpec | Supervisor, parent: Supervisor) -> None:
    """Check OTP's two rules: a significant child must be able to exit for good, and its supervisor must have an `auto_shutdown`."""
    if not spec.significant:
        return
    if spec.restart is Restart.PERMANENT:
        raise SpecError(f"{spec.name!r} is permanent: it is always restarted, so it cannot be significant")
    if parent.auto_shutdown is AutoShutdown.NEVER:
        raise SpecError(f"{spec.name!r} is significant, but supervisor {parent.name!r} has auto_shutdown='never'")


INTERNAL: Final = ":"
"""The prefix of the names of the system's own supervisors. Paths and listings leave them out."""
