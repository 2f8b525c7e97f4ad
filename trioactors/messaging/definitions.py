"""The definition of a handler: what is known of it when its class is made, and the checks that it is sound.

Definitions are checked when the class is made, as far as that is possible without evaluating annotations: they may name things that are
imported for type checkers only, or defined later (`trioactors/annotations.py`). Handlers with an execution limit are wrapped then, so that
others cost nothing for it.
"""

from __future__ import annotations

import inspect
import keyword
import math
from collections.abc import Callable
from functools import cached_property
from operator import attrgetter
from types import FunctionType
from typing import Any, Final, cast

import attrs

from trioactors.annotations import signature_of
from trioactors.errors import DefinitionError, HandlerTimeout, SpecError
from trioactors.messaging.bodies import awaiting, check_body
from trioactors.settings import flag, seconds

__all__ = ["INCARNATION", "RESERVED", "HandlerSpec", "spec_of"]

RESERVED = frozenset({"state", "context"})

INCARNATION: Final = "_trioactors_incarnation"
"""Where an actor that a system has started keeps its incarnation, which checks what is used on `self`, and bounds handlers in time."""


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
    execution_timeout: float | None = None
    """The time in seconds that `invoke` may take before it is cancelled; None if it is not limited."""

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

    def made(self, values: tuple[Any, ...]) -> Any:
        """The message that has *values*, one for each parameter."""
        return self.message(**dict(zip(self._names, values, strict=True)))

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


def spec_of(
    function: Callable[..., Any],
    *,
    timeout: float | None,
    raises: object,
    reads: bool,
    secret: object,
    execution_timeout: float | None,
) -> HandlerSpec:
    """The spec of *function* with these options. Raises `DefinitionError`, `SpecError`."""
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
    is_async = inspect.iscoroutinefunction(body)
    limit = _checked_limit(where, execution_timeout, is_async=is_async)
    invoke = _by_position(body, fields)
    return HandlerSpec(
        name=name,
        owner=owner,
        function=body,
        invoke=invoke if limit is None else _limited(invoke, name, limit),
        is_async=is_async,
        fields=fields,
        arity=-1 if any(field.kind is field.KEYWORD_ONLY for field in fields) else len(fields),
        timeout=None if timeout is None else seconds(timeout, f"{where}: timeout"),
        raises=_checked_raises(where, raises),
        reads=flag(reads, f"{where}: reads"),
        secret=frozenset(cast("tuple[str, ...]", secret)),
        execution_timeout=limit,
    )


def _limited(invoke: Callable[..., Any], name: str, limit: float) -> Callable[..., Any]:
    """*invoke*, as the actor's incarnation runs it for at most *limit* seconds. Handlers without a limit cost nothing for this."""

    async def run(actor: object, *values: object) -> object:
        return await vars(actor)[INCARNATION].run_limited(name, limit, invoke(actor, *values))

    return run


def _by_position(function: Callable[..., Any], fields: tuple[inspect.Parameter, ...]) -> Callable[..., Any]:
    """*function*, taking all arguments by position, including the keyword-only ones."""
    names = [field.name for field in fields if field.kind is field.KEYWORD_ONLY]
    if not names:
        return function
    plain = 1 + len(fields) - len(names)

    def invoke(*values: object) -> object:
        return function(*values[:plain], **dict(zip(names, values[plain:], strict=True)))

    return invoke


def _checked_limit(where: str, limit: float | None, *, is_async: bool) -> float | None:
    """The execution limit in seconds; None if there is none."""
    if limit is None:
        return None
    checked = seconds(limit, f"{where}: execution_timeout")
    if checked == 0:
        raise SpecError(f"{where}: execution_timeout={limit!r} must be more than 0 seconds; leave it out for no limit")
    if not is_async:
        raise DefinitionError(
            f"{where}: execution_timeout= is for `async def`, because a plain function cannot be cancelled; "
            f"write `async def`, and run blocking work with trio.to_thread.run_sync(..., abandon_on_cancel=True)"
        )
    return None if checked == math.inf else checked


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
        if issubclass(error, HandlerTimeout):
            raise DefinitionError(f"{where}: raises= cannot have HandlerTimeout, because it is always a crash")
        if error is Exception:
            raise DefinitionError(f"{where}: raises=(Exception,) would hide every bug; name the errors that callers expect")
    return cast("tuple[type[Exception], ...]", declared)
