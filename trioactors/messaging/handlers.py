"""Handlers: the methods of an actor that others can call, and the checks on how they are defined.

`@handler` turns a method into a descriptor. The descriptor is generic in the method's arguments and result, but not in the
actor, so both type checkers follow calls, casts and overrides. What it gives depends on where it is looked up:

    on the class            the `Handler` itself
    on the actor (`self`)   a `LocalHandler`: calling it runs the body, here and now
    on a ref                a `RemoteHandler` (`actors/calls.py`): calling it sends a message. Only its type is promised here

Definitions are checked when the class is made, as far as that is possible without evaluating annotations: they may name things
that are imported for type checkers only, or defined later (`trioactors/annotations.py`).
"""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Awaitable, Callable, Coroutine
from functools import cached_property, partial, partialmethod
from operator import attrgetter
from types import FunctionType
from typing import Any, Concatenate, Final, Generic, ParamSpec, Protocol, TypeVar, cast, overload

import attrs

from trioactors.annotations import signature_of
from trioactors.errors import DefinitionError
from trioactors.messaging.bodies import awaiting, check_body
from trioactors.settings import flag, seconds

__all__ = ["INCARNATION", "RESERVED", "BoundHandler", "Handler", "HandlerSpec", "LocalHandler", "handler", "hidden_in"]

P = ParamSpec("P")

R_co = TypeVar("R_co", covariant=True)

R = TypeVar("R")

RESERVED = frozenset({"state", "context"})

INCARNATION: Final = "_trioactors_incarnation"
"""Where an actor that a system has started keeps its incarnation, which checks the calls of its handlers on `self`."""


class BoundHandler(Protocol[P, R_co]):
    """A handler on a ref or on `self`, as the type checkers see it."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R_co]:
        """Call: deliver the message and wait for the reply. On `self`, run the body."""
        ...

    async def cast(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Cast: deliver the message and go on. If the mailbox is full, wait for room up to the call deadline."""
        ...

    def cast_nowait(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Cast, or raise `MailboxFull` at once."""
        ...

    def within(self, seconds: float) -> BoundHandler[P, R_co]:
        """The same handler with its own deadline for calls and casts, in seconds."""
        ...


@attrs.define(eq=False, slots=False)
class HandlerSpec:
    """Everything about a handler that does not change."""

    name: str
    owner: str
    function: Callable[..., Any]
    invoke: Callable[..., Any]
    """The function, taking the actor and the values in the order of the fields."""
    is_async: bool
    fields: tuple[inspect.Parameter, ...]
    arity: int
    """The number of positional arguments in a complete message; -1 if some parameters are keyword-only."""
    timeout: float | None = None
    raises: tuple[type[Exception], ...] = ()
    reads: bool = False
    secret: frozenset[str] = frozenset()

    @cached_property
    def message(self) -> type[Any]:
        """The frozen attrs class of this handler's messages, for example `CounterAdd`."""
        fields: dict[str, Any] = {
            field.name: attrs.field(
                type=field.annotation,
                default=attrs.NOTHING if field.default is field.empty else field.default,
                kw_only=field.kind is field.KEYWORD_ONLY,
                repr=field.name not in self.secret,
                alias=field.name,
            )
            for field in self.fields
        }
        words = "".join(part.capitalize() for part in self.name.split("_"))
        made = attrs.make_class(f"{self.owner.rpartition('.')[2]}{words}", fields, frozen=True)
        made.__module__ = self.function.__module__
        made.__doc__ = f"A message to `{self.owner}.{self.name}`."
        return made

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields)

    @cached_property
    def _values_of(self) -> Callable[[Any], Any]:
        return attrgetter(*self._names)

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """The values of all parameters, with defaults filled in. Raises `TypeError` if the arguments do not fit."""
        if not args and len(kwargs) == len(self.fields) and all(map(kwargs.__contains__, self._names)):
            return tuple(map(kwargs.__getitem__, self._names))
        try:
            message = self.message(*args, **kwargs)
        except TypeError as error:
            text = str(error).replace(f"{self.message.__name__}.__init__()", f"{self.owner}.{self.name}()")
            raise TypeError(text) from None
        if len(self.fields) == 1:
            return (self._values_of(message),)
        return cast("tuple[Any, ...]", self._values_of(message)) if self.fields else ()


class Handler(Generic[P, R]):
    """A method marked `@handler`."""

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        timeout: float | None = None,
        raises: tuple[type[Exception], ...] = (),
        reads: bool = False,
        secret: tuple[str, ...] = (),
    ) -> None:
        self.spec = _spec_of(function, timeout=timeout, raises=raises, reads=reads, secret=secret)
        self.__doc__ = function.__doc__
        self.__name__ = self.spec.name
        self.__wrapped__ = function
        self.__isabstractmethod__ = bool(getattr(function, "__isabstractmethod__", False))

    @overload
    def __get__(self, instance: None, owner: type) -> Handler[P, R]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> BoundHandler[P, R]: ...
    def __get__(self, instance: object | None, owner: type) -> Handler[P, R] | BoundHandler[P, R]:
        """The handler itself on the class; a `LocalHandler` on an actor."""
        return self if instance is None else LocalHandler(self.spec, instance)

    def __repr__(self) -> str:
        """The class and the name."""
        return f"<handler {self.spec.owner}.{self.spec.name}>"


class _HasRef(Protocol):
    """The context of an actor, as far as a handler needs it."""

    @property
    def ref(self) -> object:
        """The actor's own ref."""
        ...


class _InSystem(Protocol):
    """An actor that runs in a system. Outside of one, `context` raises `UsageError`."""

    @property
    def context(self) -> _HasRef:
        """Its context."""
        ...


class LocalHandler(Generic[P, R]):
    """A handler on `self`: calling it runs the body; a cast sends the actor a message through its own mailbox.

    The body belongs to the message in progress: its changes are committed, or undone, with that message. So a child task, which runs
    beside the messages, cannot call it. It sends a message.
    """

    __slots__ = ("actor", "spec")

    def __init__(self, spec: HandlerSpec, actor: object) -> None:
        self.spec = spec
        self.actor = actor

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the body directly: no message, no mailbox, no deadline.

        Raises `UsageError` anywhere but in a handler or a hook of the actor, or in tasks of its nurseries.
        """
        incarnation = vars(self.actor).get(INCARNATION)
        if incarnation is not None:  # otherwise no system has started the actor, and it is a plain object
            incarnation.check_on_self(self.spec.name)
        result = self.spec.function(self.actor, *args, **kwargs)
        return cast("R", await result if self.spec.is_async or inspect.iscoroutine(result) else result)

    def _remote(self) -> BoundHandler[P, R]:
        ref = cast("_InSystem", self.actor).context.ref
        return cast("BoundHandler[P, R]", getattr(ref, self.spec.name))

    async def cast(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Send the actor itself a message. Raises `MailboxFull` at once if its mailbox is full: waiting could never end."""
        await self._remote().cast(*args, **kwargs)

    def cast_nowait(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Send the actor itself a message, or raise `MailboxFull`."""
        self._remote().cast_nowait(*args, **kwargs)

    def within(self, seconds: float) -> BoundHandler[P, R]:
        """The handler as others see it, with its own deadline in seconds."""
        return self._remote().within(seconds)


def hidden_in(member: object) -> bool:
    """Whether *member* is another decorator's wrapper around a handler, which would never be found there."""
    while not isinstance(member, Handler):
        if isinstance(member, property):
            member = member.fget
        elif isinstance(member, partialmethod | cached_property):
            member = cast("object", member.func)
        else:
            member = getattr(member, "__wrapped__", None)
        if member is None:
            return False
    return True


class _Decorator(Protocol):
    @overload
    def __call__(self, function: Callable[Concatenate[Any, P], Awaitable[R]], /) -> Handler[P, R]: ...
    @overload
    def __call__(self, function: Callable[Concatenate[Any, P], R], /) -> Handler[P, R]: ...


@overload
def handler(function: Callable[Concatenate[Any, P], Awaitable[R]], /) -> Handler[P, R]: ...


@overload
def handler(function: Callable[Concatenate[Any, P], R], /) -> Handler[P, R]: ...


@overload
def handler(
    *,
    timeout: float | None = None,
    raises: tuple[type[Exception], ...] = (),
    reads: bool = False,
    secret: tuple[str, ...] = (),
) -> _Decorator: ...


def handler(
    function: Callable[..., Any] | None = None,
    /,
    *,
    timeout: float | None = None,
    raises: tuple[type[Exception], ...] = (),
    reads: bool = False,
    secret: tuple[str, ...] = (),
) -> Any:
    """Mark a method, plain or async, as one that others can call and cast.

        class Account(ta.Actor[Balance]):
            @ta.handler(raises=(InsufficientFunds,))
            async def withdraw(self, amount: int) -> int:
                if amount > self.state.cents:
                    raise InsufficientFunds
                self.state.cents -= amount
                return self.state.cents

            @ta.handler(reads=True)
            def balance(self) -> int:
                return self.state.cents

    * *timeout*: the deadline of calls in seconds, by default the actor's;
    * *raises*: the declared errors. They go to the caller as themselves, and the actor continues; every other error crashes the actor;
    * *reads*: promises that the handler does not change the state;
    * *secret*: names of parameters whose values appear in no report.

    What a plain method returns is awaited if it is a coroutine or annotated as an awaitable, also below a decorator that is a plain `def`.
    Raises `DefinitionError` when the class is defined.
    """
    options: dict[str, Any] = {"timeout": timeout, "raises": raises, "reads": reads, "secret": secret}
    return partial(_make_handler, **options) if function is None else _make_handler(function, **options)


def _make_handler(function: Callable[..., Any], **options: Any) -> Handler[..., Any]:
    return Handler(function, **options)


def _spec_of(function: Callable[..., Any], *, timeout: float | None, raises: object, reads: bool, secret: object) -> HandlerSpec:
    if not isinstance(function, FunctionType):
        raise DefinitionError(f"@handler goes directly on a method defined with def or async def, not on {function!r}")
    owner, _, name = function.__qualname__.rpartition(".")
    where = f"handler {function.__qualname__}"
    _check_name(where, name)
    check_body(where, function)
    fields = _parameters(where, function)
    if not isinstance(secret, tuple) or not all(isinstance(each, str) for each in cast("tuple[object, ...]", secret)):
        raise DefinitionError(f"{where}: secret= takes a tuple of parameter names, as in secret=('pin',), not {secret!r:.80}")
    if unknown := set(cast("tuple[str, ...]", secret)) - {field.name for field in fields}:
        raise DefinitionError(f"{where}: secret= names unknown parameters: {', '.join(sorted(unknown))}")
    body = awaiting(function)
    return HandlerSpec(
        name=name,
        owner=owner,
        function=body,
        invoke=_by_position(body, fields),
        is_async=inspect.iscoroutinefunction(body),
        fields=fields,
        arity=-1 if any(field.kind is field.KEYWORD_ONLY for field in fields) else len(fields),
        timeout=None if timeout is None else seconds(timeout, f"{where}: timeout"),
        raises=_checked_raises(where, raises),
        reads=flag(reads, f"{where}: reads"),
        secret=frozenset(cast("tuple[str, ...]", secret)),
    )


def _by_position(function: Callable[..., Any], fields: tuple[inspect.Parameter, ...]) -> Callable[..., Any]:
    """*function*, taking all arguments by position, including the keyword-only ones."""
    names = [field.name for field in fields if field.kind is field.KEYWORD_ONLY]
    if not names:
        return function
    plain = 1 + len(fields) - len(names)

    def invoke(*values: object) -> object:
        return function(*values[:plain], **dict(zip(names, values[plain:], strict=True)))

    return invoke


def _check_name(where: str, name: str) -> None:
    if name in RESERVED or name.startswith("on_"):
        raise DefinitionError(f"{where}: `state`, `context` and `on_*` belong to the actor itself; choose another name")
    if name.startswith("_"):
        raise DefinitionError(f"{where}: a private method cannot be called by others; drop @handler or the underscore")


def _parameters(where: str, function: FunctionType) -> tuple[inspect.Parameter, ...]:
    signature = signature_of(function)
    first, *others = signature.parameters.values() or [None]
    if first is None or first.kind not in {first.POSITIONAL_ONLY, first.POSITIONAL_OR_KEYWORD}:
        raise DefinitionError(f"{where} lacks `self`: a handler is a method, not a static method or a function")
    for field in others:
        if field is None or field.kind in {field.VAR_POSITIONAL, field.VAR_KEYWORD}:
            raise DefinitionError(f"{where}: *{field and field.name} is not allowed, because a message has named fields")
        if field.annotation is field.empty:
            raise DefinitionError(f"{where}: parameter {field.name!r} lacks an annotation")
        if keyword.iskeyword(field.name) or field.name.startswith("__"):
            raise DefinitionError(f"{where}: {field.name!r} cannot be the name of a message's field")
    if signature.return_annotation is signature.empty:
        raise DefinitionError(f"{where} lacks a return annotation; write `-> None` if it returns nothing")
    return tuple(field for field in others if field is not None)


def _checked_raises(where: str, raises: object) -> tuple[type[Exception], ...]:
    declared: tuple[object, ...] = cast("tuple[object, ...]", raises) if isinstance(raises, tuple) else (raises,)
    for error in declared:
        if not (isinstance(error, type) and issubclass(error, Exception)):
            raise DefinitionError(f"{where}: raises= takes a tuple of exception classes, not {error!r}")
        if error is Exception:
            raise DefinitionError(f"{where}: raises=(Exception,) would hide every bug; name the errors that callers expect")
    return cast("tuple[type[Exception], ...]", declared)
