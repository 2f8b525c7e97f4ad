"""Round trips: one property for each type, written by either engine, read by the other."""

from __future__ import annotations

import enum
import ipaddress
import json
import math
import uuid
import zoneinfo
from collections import deque
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Any, Generic, Literal, NewType, Optional, TypeVar

import pytest
from attrs import define, field, frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import TypeAliasType

from trioactors.errors import SerializationError
from trioactors.serializer import Codec, Engine, Json, Serializer

T = TypeVar("T")
UserId = NewType("UserId", int)
Names = TypeAliasType("Names", list[str])
Pair = TypeAliasType("Pair", tuple[T, T], type_params=(T,))


class Color(enum.Enum):
    RED = "r"
    BLUE = ("b", 2)


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


@frozen
class Point:
    x: int
    y: float = 0.0


@define
class Circle:
    center: Point
    radius: float


@dataclass(frozen=True, slots=True)
class Label:
    text: str
    tags: frozenset[str] = dataclass_field(default_factory=frozenset)


@define
class Box(Generic[T]):
    content: T
    others: list[T] = field(factory=list)


@define
class Node:
    name: str
    children: list[Node] = field(factory=list)
    left: Optional[Node] = None  # noqa: UP045 - the old spelling, too


text = st.text()
numbers = st.one_of(st.integers(), st.integers(-(2**70), 2**70), st.sampled_from([2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64]))
finite = st.floats(allow_nan=False)
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5"]).map(zoneinfo.ZoneInfo)
offsets = st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone)
tzinfos = st.one_of(st.none(), zones, offsets, st.just(UTC))
datetimes = st.builds(lambda d, t, f: d.replace(tzinfo=t, fold=f), st.datetimes(), tzinfos, st.integers(0, 1))
times = st.builds(lambda t, z, f: t.replace(tzinfo=z, fold=f), st.times(), tzinfos, st.integers(0, 1))
paths = st.text(st.characters(exclude_characters="\0/")).map(lambda name: Path("/data") / name)
points = st.builds(Point, numbers, finite)
labels = st.builds(Label, text, st.frozensets(text))
nodes = st.recursive(
    st.builds(Node, text), lambda inner: st.builds(Node, text, st.lists(inner, max_size=3), st.none() | inner), max_leaves=8
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=8,
)

CASES: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "none": (None, st.none()),
    "bool": (bool, st.booleans()),
    "int": (int, numbers),
    "float": (float, st.floats() | st.integers()),
    "str": (str, text),
    "bytes": (bytes, st.binary()),
    "bytearray": (bytearray, st.binary().map(bytearray)),
    "uuid": (uuid.UUID, st.uuids()),
    "decimal": (Decimal, st.decimals(allow_nan=True)),
    "date": (date, st.dates()),
    "time": (time, times),
    "datetime": (datetime, datetimes),
    "timedelta": (timedelta, st.timedeltas()),
    "timezone": (timezone, offsets),
    "zone": (zoneinfo.ZoneInfo, zones),
    "path": (Path, paths),
    "pure path": (PurePosixPath, text.filter(lambda t: "\0" not in t).map(PurePosixPath)),
    "windows path": (PureWindowsPath, st.sampled_from(["C:/a", r"\\host\share\x", "a/b"]).map(PureWindowsPath)),
    "ipv4": (ipaddress.IPv4Address, st.ip_addresses(v=4)),
    "ipv6": (ipaddress.IPv6Address, st.ip_addresses(v=6)),
    "network": (ipaddress.IPv4Network, st.ip_addresses(v=4).map(ipaddress.IPv4Network)),
    "network6": (ipaddress.IPv6Network, st.ip_addresses(v=6).map(ipaddress.IPv6Network)),
    "interface": (ipaddress.IPv4Interface, st.ip_addresses(v=4).map(ipaddress.IPv4Interface)),
    "interface6": (ipaddress.IPv6Interface, st.ip_addresses(v=6).map(ipaddress.IPv6Interface)),
    "enum": (Color, st.sampled_from(Color)),
    "int enum": (Level, st.sampled_from(Level)),
    "flag": (Rights, st.sampled_from([Rights(0), Rights.READ, Rights.WRITE, Rights.READ | Rights.WRITE])),
    "literal": (Literal["a", 1, True, None, Color.RED, b"x"], st.sampled_from(["a", 1, True, None, Color.RED, b"x"])),  # noqa: PYI061 - a literal None
    "optional": (Optional[int], st.none() | numbers),  # noqa: UP045 - the old spelling, too
    "union": (int | str | None, st.none() | numbers | text),
    "number union": (int | float, numbers | finite),
    "tagged union": (Point | Circle | Label, points | st.builds(Circle, points, finite) | labels),
    "list": (list[int], st.lists(numbers)),
    "tuple": (tuple[int, str, Point], st.tuples(numbers, text, points)),
    "empty tuple": (tuple[()], st.just(())),
    "variadic tuple": (tuple[str, ...], st.lists(text).map(tuple)),
    "set": (set[int], st.sets(numbers)),
    "set of points": (set[Point], st.sets(points)),
    "frozenset": (frozenset[str], st.frozensets(text)),
    "set of unions": (set[int | str | None], st.sets(numbers | text | st.none())),
    "deque": (deque[int], st.lists(numbers).map(deque)),
    "bounded deque": (deque[int], st.lists(numbers, max_size=5).map(lambda items: deque(items, 5))),
    "dict": (dict[str, int], st.dictionaries(text, numbers)),
    "int keys": (dict[int, str], st.dictionaries(numbers, text)),
    "float keys": (dict[float, str], st.dictionaries(finite, text)),
    "enum keys": (dict[Color, int], st.dictionaries(st.sampled_from(Color), numbers)),
    "flag keys": (dict[Rights, int], st.dictionaries(st.sampled_from(Rights), numbers)),
    "uuid keys": (dict[uuid.UUID, int], st.dictionaries(st.uuids(), numbers)),
    "path keys": (dict[Path, int], st.dictionaries(paths, numbers)),
    "date keys": (dict[date, int], st.dictionaries(st.dates(), numbers)),
    "tuple keys": (dict[tuple[int, str], int], st.dictionaries(st.tuples(numbers, text), numbers)),
    "class keys": (dict[Point, int], st.dictionaries(points, numbers)),
    "literal keys": (dict[Literal["a", "b"], int], st.dictionaries(st.sampled_from(["a", "b"]), numbers)),
    "optional keys": (dict[str | None, int], st.dictionaries(text | st.none(), numbers)),
    "mapping": (Mapping[str, int], st.dictionaries(text, numbers)),
    "sequence": (Sequence[int], st.lists(numbers) | st.lists(numbers).map(tuple)),
    "abstract set": (AbstractSet[int], st.sets(numbers) | st.frozensets(numbers)),
    "attrs": (Point, points),
    "dataclass": (Label, labels),
    "generic": (Box[int], st.builds(Box, numbers, st.lists(numbers))),
    "nested generic": (Box[Box[str]], st.builds(Box, st.builds(Box, text))),
    "self-referential": (Node, nodes),
    "newtype": (UserId, numbers),
    "annotated": (Annotated[int, ["unhashable"]], numbers),
    "alias": (Names, st.lists(text)),
    "generic alias": (Pair[int], st.tuples(numbers, numbers)),
    "json": (Json, json_values),
}

STANDARD = Serializer()
FAST = Serializer(engine=Engine.FAST if find_spec("orjson") else Engine.STANDARD)


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal in class, value, and everything that `==` ignores."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float) and math.isnan(one):
        return math.isnan(other)
    if isinstance(one, datetime | time):
        return one.replace(tzinfo=None) == other.replace(tzinfo=None) and (one.tzinfo, one.fold) == (other.tzinfo, other.fold)
    if isinstance(one, deque):
        return bool(one == other and one.maxlen == other.maxlen)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return repr(one) == repr(other) or bool(one == other)


@pytest.mark.parametrize("case", CASES)
def test_what_is_written_is_read_as_it_was_by_either_engine(case: str) -> None:
    kind, values = CASES[case]
    codecs: list[Codec[Any]] = [STANDARD.codec(kind), FAST.codec(kind)]

    @settings(max_examples=40)
    @given(values)
    def holds(value: Any) -> None:
        for writer in codecs:
            record = writer.encode(value)
            for reader in codecs:
                assert same(value, reader.decode(record))
            assert writer.encode(writer.decode(record)) == record

    holds()


@settings(max_examples=40)
@given(st.lists(text, unique=True))
def test_equal_sets_give_equal_bytes_whatever_their_history(items: list[str]) -> None:
    codec = STANDARD.codec(set[str])

    assert codec.encode(set(items)) == codec.encode({*items[::-1], *map(str, range(1000))} - ({*map(str, range(1000))} - {*items}))


def test_a_path_that_is_not_utf8_survives() -> None:
    path = Path("/data/caf\udce9")

    assert STANDARD.codec(Path).decode(STANDARD.codec(Path).encode(path)) == path


def test_a_wall_time_keeps_its_zone_and_its_fold() -> None:
    second_two_oclock = datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"))
    codec = STANDARD.codec(datetime)

    record = codec.encode(second_two_oclock)

    assert b"2026-10-25T02:30:00[Europe/Berlin][fold=1]" in record
    assert codec.decode(record).utcoffset() == timedelta(hours=1)


forms = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["nan", "0x10", "PT1S", "RED", "2024-01-01"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=4) | st.sampled_from(["x", "y", "int", "maxlen", "items"]), inner, max_size=3)
        | inner.map(lambda form: [form, form])
        | st.tuples(inner, inner, inner).map(lambda forms: [[forms[0], forms[1]], [forms[0], forms[2]]])
    ),
    max_leaves=6,
)


def outcome(codec: Codec[Any], data: bytes, writer: Codec[Any]) -> Any:
    """The outcome of decoding: the value encoded again, or the class of the error."""
    try:
        value = codec.decode(data)
    except SerializationError as error:
        return type(error)
    again = writer.encode(value)  # only what is valid can be written
    assert codec.decode(again) == value or b"nan" in again.lower()
    return again


@pytest.mark.parametrize("case", CASES)
def test_any_json_in_place_of_a_value_is_refused_or_valid(case: str) -> None:
    kind, _ = CASES[case]
    codecs: list[Codec[Any]] = [serializer.codec(kind) for serializer in (STANDARD, FAST)]

    @settings(max_examples=40)
    @given(forms)
    def holds(value: Any) -> None:
        data = f'{{"format":1,"type":"{codecs[0].name}","version":1,"value":{json.dumps(value)}}}'.encode()
        judged, fast = outcome(codecs[0], data, codecs[0]), outcome(codecs[1], data, codecs[0])
        assert judged == fast

    holds()
