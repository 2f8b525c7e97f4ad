"""Random values by their annotations, and Python that makes them again.

The domains are small, so that clients meet: few numbers, few texts. One value in eight is an unusual one: an empty text, a number below
zero. What the user gives for a type or for a parameter goes first. A type that is not known here is refused before any run, with the
place where it was found.
"""

from __future__ import annotations

import enum
import inspect
import types
import typing
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, MutableMapping, MutableSequence, MutableSet, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias, get_args, get_origin
from uuid import UUID

import attrs

from trioactors.actors.actor import Actor
from trioactors.actors.ref import Ref
from trioactors.errors import UsageError
from trioactors.inspect.arguments import annotation_of
from trioactors.messaging.definitions import HandlerSpec
from trioactors.serializer import Json
from trioactors.serializer.annotations import Field, fields_of, is_record, open_alias, origin_of
from trioactors.serializer.problems import Problem
from trioactors.testing.given import require
from trioactors.testing.simulation.plans import Stream

__all__ = ["Draw", "Given", "Named", "Values", "written"]

Draw: TypeAlias = Callable[[Stream], Any]
"""Draws a value."""

Given: TypeAlias = Mapping[Any, Sequence[Any] | Draw]
"""The user's values, by type, by the name of a parameter ("amount"), or by handler and parameter ("pay.amount")."""

_UNUSUAL: Final = 0.125
"""The share of unusual values."""

_MOST: Final = 2
"""The most items of a list, a set or a dict."""

_TRIES: Final = 50
"""How often a class may refuse what was drawn for its fields."""

_NOON: Final = datetime(2026, 1, 31, 12, tzinfo=UTC)
_ANYTHING: Final = ((None, True, 0, 1, "a", "b"), ("", -1, (), 0.5))

_KNOWN: Final[Mapping[Any, tuple[Sequence[Any], Sequence[Any]]]] = {
    type(None): ((None,), ()),
    None: ((None,), ()),
    bool: ((False, True), ()),
    int: ((0, 1, 2, 3), (-1, 10, 1_000)),
    float: ((0.0, 0.5, 1.0, 2.0), (-1.0, 0.1, 1e6)),
    str: (("a", "b", "c"), ("", " ", "\u00e4\u20ac", "a" * 100)),
    bytes: ((b"a", b"b"), (b"", b"\x00\xff")),
    bytearray: ((bytearray(b"a"), bytearray(b"b")), (bytearray(),)),
    Decimal: ((Decimal(0), Decimal(1), Decimal("1.50")), (Decimal(-1), Decimal("0.01"))),
    UUID: (tuple(UUID(int=number) for number in (1, 2, 3)), ()),
    datetime: ((_NOON, _NOON + timedelta(hours=1)), (_NOON - timedelta(days=31),)),
    date: ((date(2026, 1, 31), date(2026, 2, 1)), (date(2024, 2, 29),)),
    time: ((time(12), time(13)), (time(0),)),
    timedelta: ((timedelta(seconds=1), timedelta(minutes=1)), (timedelta(0), timedelta(seconds=-1))),
    Any: _ANYTHING,
    object: _ANYTHING,
    Json: _ANYTHING,
}
"""The usual and the unusual values of types."""

_MAKERS: Final[Mapping[Any, Callable[[list[Any]], Any]]] = {
    **dict.fromkeys((list, MutableSequence, Sequence, Iterable, Collection), list),
    deque: deque,
    **dict.fromkeys((set, AbstractSet, MutableSet), set),
    frozenset: frozenset,
    tuple: tuple,
}
_MAPPINGS: Final = (dict, Mapping, MutableMapping)


class _InsideItself(Exception):
    """A class contains itself here, so its values would not end."""


@attrs.frozen
class Named:
    """An argument that is a ref: it is looked up when the message is sent."""

    kind: Any
    name: str


@attrs.define(eq=False)
class Values:
    """Draws arguments. *actors* are the classes of the actors that a ref can name."""

    given: Given
    actors: Mapping[str, type]
    _used: set[Any] = attrs.field(factory=set[Any], init=False)

    def __attrs_post_init__(self) -> None:
        """Check what the user gave. Raises `UsageError`."""
        for key in self.given:
            values: Any = self.given[key]
            few = type(values) in {list, tuple, range} and bool(values)
            call = f"RandomClients(values={{{_spelt(key)}: ...}})"
            require(few or callable(values), call, values, "a list of values, or a function that draws one from a random.Random")

    def parameter(self, where: str, spec: HandlerSpec, field: inspect.Parameter) -> Draw | None:
        """Draws an argument of the handler *where*. None if it has a default and its type is not known. Raises `UsageError`."""
        name = field.name
        own = next((key for key in (f"{spec.name}.{name}", name) if key in self.given), None)
        if own is not None:
            self._used.update({f"{spec.name}.{name}", name} & self.given.keys())
            return self._of_user(own)
        try:
            return self._draw(annotation_of(spec, field.annotation), (), nested=False)
        except _InsideItself:
            problem = "it contains itself"
        except Problem as error:
            problem = "".join([*reversed(error.steps), ": " if error.steps else "", error.what])
        if field.default is not field.empty:
            return None
        raise UsageError(
            f"random clients cannot draw {name!r} of {where}: {problem}. Give values, such as "
            f'RandomClients(values={{"{name}": [...]}}), or by type, values={{TheType: lambda random: ...}}; or name other handlers'
        )

    def look(self) -> None:
        """Raises `UsageError` if the user gave values that no parameter takes."""
        for key in self.given.keys() - self._used:
            raise UsageError(
                f"RandomClients(values={{{_spelt(key)}: ...}}): no parameter of a handler that the clients use has this "
                f"{'name' if isinstance(key, str) else 'type'}"
            )

    def _of_user(self, key: Any) -> Draw:
        values: Any = self.given[key]
        self._used.add(key)
        return values if callable(values) else lambda random: random.choice(values)

    def _draw(self, kind: Any, outer: tuple[Any, ...], *, nested: bool) -> Draw:
        """Draws values of *kind*, inside the records *outer*."""
        if get_origin(kind) is not typing.Annotated and isinstance(kind, Hashable):
            if kind in self.given and not isinstance(kind, str):
                return self._of_user(kind)
            if kind in _KNOWN:
                return _either(*_KNOWN[kind])
        opened = open_alias(kind)
        return self._composite(kind, outer, nested=nested) if opened is kind else self._draw(opened, outer, nested=nested)

    def _composite(self, kind: Any, outer: tuple[Any, ...], *, nested: bool) -> Draw:
        cls: Any = origin_of(kind)
        arguments = get_args(kind)
        if cls in {typing.Union, types.UnionType}:
            return self._union(arguments, outer, nested=nested)
        if cls is Literal:
            return _either(arguments, ())
        if not inspect.isclass(cls):
            raise _unknown(kind)
        if issubclass(cls, Actor | Ref):
            return self._ref(cls, nested=nested)
        if is_record(cls):
            return self._record(kind, outer)
        return _either(tuple(cls), ()) if issubclass(cls, enum.Enum) else self._container(kind, cls, arguments, outer)

    def _ref(self, kind: Any, *, nested: bool) -> Draw:
        found = [Named(mine, name) for name, mine in sorted(self.actors.items()) if kind is Ref or issubclass(mine, kind)]
        if nested:
            raise Problem(f"a ref to {kind.__name__} inside another value is not known here")
        if not found:
            raise Problem(f"no actor that the clients know is a {kind.__name__}")
        return _either(found, ())

    def _record(self, kind: Any, outer: tuple[Any, ...]) -> Draw:
        if kind in outer:
            raise _InsideItself
        cls: Any = origin_of(kind)
        draws: dict[str, Draw] = {}
        for field in _arguments(kind):
            try:
                draws[field.alias] = self._draw(field.kind, (*outer, kind), nested=True)
            except Problem as problem:
                if not field.has_default:
                    raise problem.under(f".{field.name}") from None

        def draw(random: Stream) -> Any:
            for left in reversed(range(_TRIES)):
                try:
                    return cls(**{name: one(random) for name, one in draws.items()})
                except (TypeError, ValueError) as error:
                    if not left:
                        raise UsageError(
                            f"random clients cannot draw a {cls.__name__}: it refuses what is drawn for its fields ({error}). "
                            f"Give values, such as RandomClients(values={{{cls.__name__}: lambda random: ...}})"
                        ) from error
            raise AssertionError  # the loop returns or raises

        return draw

    def _union(self, members: tuple[Any, ...], outer: tuple[Any, ...], *, nested: bool) -> Draw:
        draws: list[Draw] = []
        for member in members:
            try:
                draws.append(self._draw(member, outer, nested=nested))
            except _InsideItself:
                continue
        if not draws:
            raise _InsideItself
        return lambda random: random.choice(draws)(random)

    def _container(self, kind: Any, cls: Any, arguments: tuple[Any, ...], outer: tuple[Any, ...]) -> Draw:
        if cls is tuple and arguments and arguments[1:] != (...,):
            parts = [self._draw(part, outer, nested=True) for part in arguments]
            return lambda random: tuple(part(random) for part in parts)
        make: Any = _MAKERS.get(cls)
        if cls in _MAPPINGS:
            keys, values = (self._items(part, outer) for part in arguments or (str, Any))
            return lambda random: dict(zip(keys(random), values(random), strict=False))
        if make is None:
            raise _unknown(kind)
        items = self._items(arguments[0] if arguments else Any, outer)
        return lambda random: make(items(random))

    def _items(self, kind: Any, outer: tuple[Any, ...]) -> Callable[[Stream], list[Any]]:
        """Draws a few values; none if the class around them is meant."""
        try:
            item = self._draw(kind, outer, nested=True)
        except _InsideItself:
            return lambda _: []
        return lambda random: [item(random) for _ in range(random.randint(0, _MOST))]


def _either(usual: Sequence[Any], unusual: Sequence[Any]) -> Draw:
    return lambda random: random.choice(unusual if unusual and random.random() < _UNUSUAL else usual)


def _arguments(kind: Any) -> list[Field]:
    """The fields that its class takes."""
    return [field for field in fields_of(kind) if field.init and not field.transient and not field.keeps_unknown]


def _unknown(kind: Any) -> Problem:
    return Problem(f"the type {_spelt(kind)} is not known here")


def _spelt(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) and get_origin(kind) is None else repr(kind)


# --- as Python ---


def written(value: object) -> str:
    """An expression that makes *value* again, where its class is imported."""
    cls = type(value)
    if isinstance(value, Named):
        return f"system.get({_name(value.kind)}, {value.name!r})"
    if isinstance(value, enum.Enum):
        return f"{_name(cls)}.{value.name}" if value.name and "|" not in value.name else f"{_name(cls)}({value.value!r})"
    if cls in {list, set, frozenset, deque, tuple, dict} and value:
        return _contents(cls, value)
    if is_record(cls):
        return f"{_name(cls)}({', '.join(f'{each.alias}={written(getattr(value, each.name))}' for each in _arguments(cls))})"
    return repr(value)


def _contents(cls: Any, value: Any) -> str:
    if cls is dict:
        return "{" + ", ".join(f"{written(key)}: {written(item)}" for key, item in value.items()) + "}"
    items = ", ".join(map(written, sorted(value, key=repr) if cls in {set, frozenset} else value))
    if cls is tuple:
        return f"({items},)" if len(value) == 1 else f"({items})"
    return {list: f"[{items}]", set: f"{{{items}}}", frozenset: f"frozenset({{{items}}})", deque: f"deque([{items}])"}[cls]


def _name(cls: type) -> str:
    return cls.__qualname__.rpartition("<locals>.")[2]
