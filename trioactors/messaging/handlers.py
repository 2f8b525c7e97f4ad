"""Handlers: the methods of an actor that others can call.

`@handler` turns a method into a descriptor. The descriptor is generic in the method's arguments and result, but not in the
actor, so both type checkers follow calls, casts and overrides. What it gives depends on where it is looked up:

    on the class            the `Handler` itself
    on the actor (`self`)   a `LocalHandler`: calling it runs the body, here and now
    on a ref                a `RemoteHandler` (`actors/calls.py`): calling it sends a message. Only its type is promised here
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from functools import cached_property, partial, partialmethod
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, cast, overload

from trioactors.messaging.definitions import INCARNATION, HandlerSpec, spec_of

__all__ = ["BoundHandler", "Handler", "LocalHandler", "handler", "hidden_in"]

P = ParamSpec("P")

R_co = TypeVar("R_co", covariant=True)

R = TypeVar("R")


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
        execution_timeout: float | None = None,
    ) -> None:
        self.spec = spec_of(
            function, timeout=timeout, raises=raises, reads=reads, secret=secret, execution_timeout=execution_timeout
        )
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
        """Run the body directly: no message, no mailbox, no deadline, and no limit but that of the handler which handles the message.

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


class _AsyncDecorator(Protocol):
    def __call__(self, function: Callable[Concatenate[Any, P], Awaitable[R]], /) -> Handler[P, R]: ...


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
    execution_timeout: None = None,
) -> _Decorator: ...


@overload
def handler(
    *,
    timeout: float | None = None,
    raises: tuple[type[Exception], ...] = (),
    reads: bool = False,
    secret: tuple[str, ...] = (),
    execution_timeout: float | None,
) -> _AsyncDecorator: ...


def handler(
    function: Callable[..., Any] | None = None,
    /,
    *,
    timeout: float | None = None,
    raises: tuple[type[Exception], ...] = (),
    reads: bool = False,
    secret: tuple[str, ...] = (),
    execution_timeout: float | None = None,
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
    * *secret*: names of parameters whose values appear in no report;
    * *execution_timeout*: the time in seconds that the handler may run. After that it is cancelled, and its actor crashes with
      `HandlerTimeout`. For async handlers only, as nothing else can be cancelled.

    What a plain method returns is awaited if it is a coroutine or annotated as an awaitable, also below a decorator that is a plain `def`.
    Raises `DefinitionError` and `SpecError` when the class is defined.
    """
    options: dict[str, Any] = {
        "timeout": timeout,
        "raises": raises,
        "reads": reads,
        "secret": secret,
        "execution_timeout": execution_timeout,
    }
    return partial(_make_handler, **options) if function is None else _make_handler(function, **options)


def _make_handler(function: Callable[..., Any], **options: Any) -> Handler[..., Any]:
    return Handler(function, **options)
