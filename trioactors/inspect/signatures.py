"""The handlers of an actor with their parameters as plain data, for forms and terminals.

A shape says how the JSON of a value is made. It is an object with a `kind`, and what belongs to that kind:

    bool, int, float, str, null, json     the JSON value; `json` is any
    text      a text in the `format` of a type that JSON lacks (datetime, bytes, UUID ...), such as `example`
    choice    one of `choices`
    ref       the name of an actor of the `class`
    optional  null, or `of`
    list      items that are `of`; a set is a list, too, whose items are `unique`
    tuple     one item for each of `items`
    dict      an object with values `of`, or a list of pairs if its keys are not texts (`pairs`)
    object    the `fields` of the `class`, each with `name`, `shape`, `required`, `secret` and `default`
    union     the value of one of `members` (`name`, `shape`) as {name: value}, or as it is if no other member could read it

Everything is bounded. A class inside itself, and what is beyond the bounds, is a `json`.
"""

from __future__ import annotations

import enum
import inspect
import types
import typing
from collections import deque
from collections.abc import Collection, Iterable, Mapping, MutableSequence, MutableSet, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final, Literal, get_args, get_origin

import attrs

from trioactors.actors.child import ActorChild
from trioactors.errors import WrongClass
from trioactors.errors.lists import listed
from trioactors.inspect.arguments import Forms, NotCallable, Parameters, parameters_of
from trioactors.inspect.plain import STATE_LIMITS, Plain, plain
from trioactors.messaging.definitions import HandlerSpec
from trioactors.serializer.annotations import Field, fields_of, is_record, open_alias, origin_of
from trioactors.serializer.choices import JSON
from trioactors.serializer.forms import BOOL, FLOAT, INT, NONE, STR, Form
from trioactors.serializer.problems import DATA_ERRORS, Problem
from trioactors.system.system import System, registry_of
from trioactors.trace.formatting import described, told

__all__ = ["HandlerSignature", "ParameterView", "handler_of", "signatures"]

_HANDLERS: Final = 200
_SHAPES: Final = 2_000
"""Handlers of an actor, and parts of their shapes in total."""
_DEPTH: Final = 8
_CHOICES: Final = 200
_TEXT: Final = 200
_PLAIN: Final[Mapping[int, str]] = {
    id(form): kind for form, kind in ((BOOL, "bool"), (INT, "int"), (FLOAT, "float"), (STR, "str"), (NONE, "null"), (JSON, "json"))
}
_EXAMPLES: Final[Mapping[str, str]] = {
    "datetime": "2026-01-31T12:00:00+00:00",
    "date": "2026-01-31",
    "time": "12:00:00",
    "timedelta": "PT90S",
    "Decimal": "9.99",
    "UUID": "12345678-1234-5678-1234-567812345678",
    "bytes": "aGVsbG8=",
    "bytearray": "aGVsbG8=",
    "timezone": "PT3600S",
    "ZoneInfo": "Europe/Paris",
    "IPv4Address": "192.0.2.1",
    "IPv6Address": "2001:db8::1",
}
_LISTS: Final = (list, MutableSequence, Sequence, Iterable, Collection, deque)
_SETS: Final = (set, frozenset, AbstractSet, MutableSet)
_ANY: Final[dict[str, Plain]] = {"kind": "json"}


@attrs.frozen(kw_only=True)
class ParameterView:
    """A parameter of a handler."""

    name: str
    kind: str
    """`positional-only`, `positional or keyword` or `keyword-only`."""
    type: str
    """The annotation as text."""
    shape: dict[str, Plain]
    required: bool
    secret: bool
    default: Plain
    """The default as JSON; None if there is none, if it is secret, or if JSON cannot express it."""
    default_text: str | None
    """The default as text; None if there is none, or if it is secret."""


@attrs.frozen(kw_only=True)
class HandlerSignature:
    """A handler of an actor, as a form needs it."""

    name: str
    about: str
    """The first line of its documentation."""
    parameters: tuple[ParameterView, ...]
    returns: str
    """The annotation of its reply, as text."""
    timeout: float
    """The deadline of a call, in seconds."""
    raises: tuple[str, ...]
    """The names of its declared errors."""
    problem: str | None
    """Why it cannot be called with JSON; None if it can."""


def signatures(system: System, name: str) -> tuple[HandlerSignature, ...]:
    """Return the handlers of the actor *name*, with their parameters.

    Raises `UnknownName` if no child has that *name*, and `WrongClass` if the child is not an actor.
    """
    child = _actor(system, name)
    left = [_SHAPES]
    return tuple(_signature(system, child, spec, left) for _, spec in sorted(child.plan.handlers.items())[:_HANDLERS])


def handler_of(system: System, name: str, handler: str) -> tuple[ActorChild, HandlerSpec]:
    """The actor *name* and its *handler*. Raises `UnknownName`, `WrongClass`, `NotCallable`."""
    child = _actor(system, name)
    spec = child.plan.handlers.get(handler)
    if spec is None:
        known = listed(sorted(child.plan.handlers), 50)
        raise NotCallable(f"{child.name} ({child.plan.name}) has no handler {handler!r:.100}; its handlers: {known}")
    return child, spec


def _actor(system: System, name: str) -> ActorChild:
    child = registry_of(system).find(name)
    if not isinstance(child, ActorChild):
        raise WrongClass(child.name, "an actor", repr(child))
    return child


def _signature(system: System, child: ActorChild, spec: HandlerSpec, left: list[int]) -> HandlerSignature:
    problem: str | None = None
    parameters: tuple[ParameterView, ...] = ()
    try:
        known = parameters_of(system, child, spec)
        parameters = tuple(_parameter(known, field, left) for field in spec.fields)
    except NotCallable as error:
        problem = str(error)
        parameters = tuple(_unknown(field, spec) for field in spec.fields)
    timeouts = (spec.timeout, child.plan.timeout, child.runtime.settings.call_timeout)
    return HandlerSignature(
        name=spec.name,
        about=(inspect.getdoc(spec.function) or "").partition("\n")[0][:_TEXT],
        parameters=parameters,
        returns=_spelt(inspect.signature(spec.function).return_annotation),
        timeout=next(each for each in timeouts if each is not None),
        raises=tuple(error.__name__ for error in spec.raises),
        problem=problem,
    )


def _parameter(known: Parameters, field: inspect.Parameter, left: list[int]) -> ParameterView:
    hidden = field.name in known.spec.secret
    given = field.default is not field.empty and not hidden
    return attrs.evolve(
        _unknown(field, known.spec),
        type=_spelt(known.kinds[field.name]),
        shape=_Shapes(known.builder, left).shape(known.kinds[field.name], ()),
        default=_written(known.forms[field.name], field.default) if given else None,
    )


def _unknown(field: inspect.Parameter, spec: HandlerSpec) -> ParameterView:
    """The parameter, as far as it is known without its form."""
    hidden, has_default = field.name in spec.secret, field.default is not field.empty
    return ParameterView(
        name=field.name,
        kind=field.kind.description,
        type=_spelt(field.annotation),
        shape=_ANY,
        required=not has_default,
        secret=hidden,
        default=None,
        default_text=described(field.default, told)[:_TEXT] if has_default and not hidden else None,
    )


def _spelt(annotation: Any) -> str:
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return text if len(text) <= _TEXT else f"{text[:_TEXT]}\u2026"


def _written(form: Form, value: object) -> Plain:
    """*value* as JSON; None if that is not possible."""
    try:
        return plain(form.dump(value), STATE_LIMITS)
    except (Problem, *DATA_ERRORS):
        return None


@attrs.define(eq=False)
class _Shapes:
    """Makes the shapes of annotations that have forms. *left* is the number of parts that may still be made."""

    builder: Forms
    left: list[int]

    def shape(self, kind: Any, outer: tuple[Any, ...]) -> dict[str, Plain]:
        """The shape of *kind*, inside the records *outer*."""
        self.left[0] -= 1
        if self.left[0] < 0 or len(outer) >= _DEPTH or kind in outer:
            return _ANY
        form = self.builder.form(kind)
        if id(form) in _PLAIN:
            return {"kind": _PLAIN[id(form)]}
        rule = self.builder.rule_for(kind)
        if rule is not None:
            named = rule.name.removeprefix("ref to ")
            ref = rule.name == "ref" or named != rule.name
            return {"kind": "ref", "class": named} if ref else {**self.shape(rule.via, outer), "format": rule.name}
        opened = open_alias(kind)
        return self.shape(opened, outer) if opened is not kind else self._composite(kind, form, outer)

    def _composite(self, kind: Any, form: Form, outer: tuple[Any, ...]) -> dict[str, Plain]:
        origin, arguments, inside = get_origin(kind), get_args(kind), (*outer, kind)
        if is_record(origin_of(kind)):
            fields: list[Plain] = [self._field(field, inside) for field in fields_of(kind) if _is_taken(field)]
            return {"kind": "object", "class": origin_of(kind).__name__, "fields": fields}
        if isinstance(kind, type) and issubclass(kind, enum.Enum):
            return _enum(kind)
        if origin in {typing.Union, types.UnionType}:
            return self._union(arguments, outer)
        if origin is Literal:
            return {"kind": "choice", "choices": [form.dump(value) for value in arguments][:_CHOICES]}
        if origin is None or not arguments:
            return {"kind": "text", "format": form.name, "example": _EXAMPLES.get(form.name)}
        return self._container(origin, arguments, inside)

    def _container(self, origin: Any, arguments: tuple[Any, ...], inside: tuple[Any, ...]) -> dict[str, Plain]:
        if origin is tuple and arguments[1:] != (...,):
            return {"kind": "tuple", "items": [self.shape(item, inside) for item in arguments]}
        if origin in _SETS:
            return {"kind": "list", "of": self.shape(arguments[0], inside), "unique": True}
        if origin in _LISTS or origin is tuple:
            return {"kind": "list", "of": self.shape(arguments[0], inside), "unique": False}
        return {"kind": "dict", "of": self.shape(arguments[1], inside), "pairs": self.builder.form(arguments[0]).text is None}

    def _union(self, members: tuple[Any, ...], outer: tuple[Any, ...]) -> dict[str, Plain]:
        inner = [member for member in members if member is not type(None) and not (member is int and float in members)]
        named: list[Plain] = [{"name": self.builder.form(member).name, "shape": self.shape(member, outer)} for member in inner]
        shape: dict[str, Plain] = {"kind": "union", "members": named} if len(inner) > 1 else self.shape(inner[0], outer)
        return {"kind": "optional", "of": shape} if type(None) in members else shape

    def _field(self, field: Field, outer: tuple[Any, ...]) -> dict[str, Plain]:
        shape = self.shape(field.kind, outer)
        return {"name": field.name, "shape": shape, "required": not field.has_default, "secret": field.secret, "default": None}


def _is_taken(field: Field) -> bool:
    return field.init and not field.transient and not field.keeps_unknown


def _enum(kind: type[enum.Enum]) -> dict[str, Plain]:
    if issubclass(kind, enum.Flag):
        return {"kind": "int", "format": ", ".join(f"{name}={member.value}" for name, member in kind.__members__.items())[:_TEXT]}
    choices: list[Plain] = [*kind.__members__]
    return {"kind": "choice", "choices": choices[:_CHOICES]}
