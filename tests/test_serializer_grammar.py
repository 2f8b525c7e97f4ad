"""Any annotation, any value: it is carried exactly, or refused when the codec is built or the value is written."""

from __future__ import annotations

import collections
import datetime as dt
import enum
import types
import typing
import uuid
from collections import ChainMap, Counter, OrderedDict, defaultdict, deque
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Final, Literal, NamedTuple, NewType, TypedDict, Union, get_args, get_origin

import pytest
from attrs import define, frozen
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from test_serializer_roundtrip import same
from typing_extensions import TypeAliasType

from trioactors.errors import SerializationError, TypeRefused, ValueRefused
from trioactors.serializer import Serializer


class Color(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1


class Rights(enum.IntFlag):
    READ = 1
    WRITE = 2


class Text(str):  # noqa: SLOT000 - a subclass as users write it
    """A subclass of str."""


class Number(int):
    """A subclass of int."""


class Items(list[Any]):
    """A subclass of list."""


class Table(dict[Any, Any]):
    """A subclass of dict."""


class Group(frozenset[Any]):
    """A subclass of frozenset."""


class Moment(dt.datetime):
    """A subclass of datetime."""


class Pair(NamedTuple):
    x: int
    y: str = ""


class Options(TypedDict):
    x: int


@frozen
class Point:
    x: int


@define
class Special(Point):
    """A subclass of a stored class."""


UserId = NewType("UserId", int)
Names = TypeAliasType("Names", list[str])

PLAIN: list[Any] = [
    *(bool, int, float, str, bytes, bytearray, None, Decimal, uuid.UUID, Path, dt.date, dt.datetime, dt.time, dt.timedelta),
    *(Color, Level, Rights, Point, UserId, Names, Annotated[int, "metres"], Literal["red", 1, True]),
]

VALUES: list[Any] = [
    *(
        None,
        True,
        False,
        0,
        1,
        2**70,
        1.5,
        float("inf"),
        -0.0,
        1j,
        Fraction(1, 3),
        Decimal("1.50"),
        Number(3),
        Level.LOW,
        Rights(3),
    ),
    *("", "red", "nan", "0x8000000000000000", Text("red"), Color.RED, b"red", bytearray(b"red"), memoryview(b"red")),
    *(dt.date(2026, 1, 2), dt.datetime(2026, 1, 2), Moment(2026, 1, 2), dt.time(3, fold=1), dt.timedelta(-1, 5)),  # noqa: DTZ001 - no zone
    *(uuid.UUID(int=3), Path("a/b"), PurePosixPath("a/b"), Point(1), Special(1), Point(x=True), Pair(1, "a"), object()),
]

atoms = st.sampled_from(VALUES)


def hashable(value: object) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


keys = atoms.filter(hashable)

values = st.recursive(
    atoms,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=2).map(tuple)
        | st.lists(inner, max_size=2).map(Items)
        | st.lists(inner, max_size=2).map(deque)
        | st.sets(keys, max_size=2)
        | st.frozensets(keys, max_size=2)
        | st.frozensets(keys, max_size=2).map(Group)
        | st.dictionaries(keys, inner, max_size=2)
        | st.dictionaries(keys, inner, max_size=2).map(Table)
        | st.dictionaries(keys, inner, max_size=2).map(OrderedDict)
        | st.dictionaries(keys, inner, max_size=2).map(lambda found: defaultdict(int, found))
        | st.dictionaries(keys, st.integers(0, 3), max_size=2).map(Counter)
        | st.dictionaries(keys, inner, max_size=2).map(ChainMap)
    ),
    max_leaves=4,
)

kinds: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from(PLAIN),
    lambda inner: (
        st.builds(lambda item: list[item], inner)
        | st.builds(lambda item: deque[item], inner)
        | st.builds(lambda item: set[item], inner)
        | st.builds(lambda item: frozenset[item], inner)
        | st.builds(lambda item: tuple[item, ...], inner)
        | st.builds(lambda one, other: tuple[one, other], inner, inner)
        | st.builds(lambda key, item: dict[key, item], inner, inner)
        | st.builds(lambda one, other: Union[one, other], inner, inner)  # noqa: UP007 - values, not annotations
        | st.builds(lambda item: Union[item, None], inner)  # noqa: UP007 - values, not annotations
        | st.builds(lambda item: Annotated[item, "a note"], inner)
    ),
    max_leaves=4,
)


def fits(kind: Any, value: Any) -> bool:  # noqa: C901, PLR0911, PLR0912 - one line for each kind is the plainest
    """Whether *value* is exactly what *kind* says: of its class, not of a subclass, and so is everything in it."""
    if kind is None or kind is type(None):
        return value is None
    if get_origin(kind) is Annotated:
        return fits(kind.__origin__, value)
    if kind is UserId:
        return type(value) is int
    if kind is Names:
        return fits(list[str], value)
    if kind is float:
        return type(value) in {float, int}
    if kind is Path:
        return type(value) is type(Path())
    if kind is Point:
        return type(value) is Point and type(value.x) is int
    origin, inside = get_origin(kind), get_args(kind)
    if origin in {Union, types.UnionType}:
        return any(fits(member, value) for member in inside)
    if origin is Literal:
        return any(type(value) is type(each) and value == each for each in inside)
    if origin is None:
        return type(value) is kind
    if type(value) is not origin:
        return False
    if origin is dict:
        return all(fits(inside[0], key) and fits(inside[1], item) for key, item in value.items())
    if origin is tuple and inside[1:] != (...,):
        return len(value) == len(inside) and all(map(fits, inside, value))
    return all(fits(inside[0], item) for item in value)


@given(kinds, st.data())
@settings(max_examples=600, suppress_health_check=list(HealthCheck))
def test_a_value_is_carried_exactly_or_refused(kind: Any, data: st.DataObject) -> None:
    try:
        codec = Serializer().codec(kind)
    except TypeRefused:
        assume(False)  # noqa: FBT003 - refused when the class is made, before there is a value
        return
    value = data.draw(values_of(kind))

    try:
        record, problem = codec.encode(value), ""
    except ValueRefused as refused:
        record, problem = b"", refused.problem

    if "written form" in problem:  # Decimal("1") and Decimal("1.0") are two keys of a dict, for example
        return
    assert fits(kind, value) is not bool(problem)
    if problem:
        return
    assert same(codec.decode(record), value)
    assert codec.encode(codec.decode(record)) == record


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Values in the shape of *kind*, with anything in some of their places."""
    if get_origin(kind) is Annotated:
        return values_of(kind.__origin__)
    origin, inside = get_origin(kind), get_args(kind)
    parts = [values_of(each) for each in inside if each is not ...] if origin is not Literal else []
    if origin in {Union, types.UnionType}:
        return st.one_of(parts)
    if origin is dict:
        shaped: st.SearchStrategy[Any] = st.dictionaries(parts[0].filter(hashable), parts[1], max_size=2)
    elif origin in {set, frozenset}:
        shaped = st.lists(parts[0].filter(hashable), max_size=2).map(origin)
    elif origin is tuple and inside[1:] != (...,):
        shaped = st.tuples(*parts)
    elif origin in {list, deque, tuple}:
        shaped = st.lists(parts[0], max_size=2).map(origin)
    else:
        return st.sampled_from([value for value in VALUES if fits(kind, value)] or VALUES) | values
    return shaped | values


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        (Pair, "a frozen attrs class"),
        (collections.namedtuple("Bare", "x y"), "a frozen attrs class"),  # noqa: PYI024 - as users write it
        (Options, "make it an attrs class"),
        (defaultdict[str, int], "use setdefault"),
        (typing.DefaultDict[str, int], "use setdefault"),  # noqa: UP006 - the old spelling, too
        (Counter[str], r"store dict\(counter\)"),
        (OrderedDict[str, int], "which keeps its order"),
        (ChainMap[str, int], "the list of its dicts"),
        (complex, "register the type"),
        (Fraction, "register the type"),
        (range, "register the type"),
        (memoryview, "register the type"),
        (enum.Enum, "annotate the enum that is meant"),
        (list, "annotate its items"),
        (Text, "register the type"),
        (Items, "register the type"),
        (object, "annotate it"),
    ],
)
def test_a_type_without_a_form_is_refused_with_what_to_do_instead(kind: Any, advice: str) -> None:
    with pytest.raises(TypeRefused, match=advice):
        Serializer().check(kind)
    with pytest.raises(TypeRefused, match=advice):
        Serializer().check(list[kind])


def test_an_alias_that_contains_itself_is_refused() -> None:
    with pytest.raises(SerializationError):
        Serializer().check(TypeAliasType("Tree", "int | list[Tree]"))  # type: ignore[name-defined]  # noqa: F821


def test_a_final_field_is_carried() -> None:
    codec = Serializer().codec(Final[int])

    assert codec.decode(codec.encode(3)) == 3
