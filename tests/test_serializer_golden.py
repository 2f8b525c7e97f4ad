"""Every format version is readable for ever: these files were written once, and are never written again.

An attacker may change any of their bytes: decoding then gives a valid value or raises a `SerializationError`, and does nothing else.
"""

from __future__ import annotations

import enum
import uuid
from collections import deque
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from importlib.util import find_spec
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pytest
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from trioactors.errors import SerializationError
from trioactors.serializer import FORMAT, Codec, Engine, Json, Serializer, stored

SEVEN, UTC_ZONE, TEN = uuid.UUID(int=7), ZoneInfo("UTC"), IPv4Address("10.0.0.1")
ENGINES = [engine for engine in Engine if engine is Engine.STANDARD or find_spec("orjson")]
GOLDEN = Path(__file__).parent / "golden"


def anything() -> Json:
    return {"a": [None, 1.5, True]}


class Color(enum.Enum):
    RED = 1


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


@stored(name="golden.task", version=3, upcasters={1: lambda old: {"title": old["name"]}, 2: lambda old: old})
@define
class Task:
    title: str
    after: Task | None = None


@stored(
    name="golden.everything", version=2, former_names=("golden.all",), upcasters={1: lambda old: {**old, "whole": 2**70 // 2**70}}
)
@define
class Everything:
    whole: int = 2**70
    small: int = -(2**63)
    real: float = 1.5
    endless: float = float("-inf")
    yes: bool = True
    word: str = 'é"\\\n\u2028😀'
    blob: bytes = b"\0\xff"
    id: uuid.UUID = SEVEN
    price: Decimal = Decimal("1.50")
    day: date = date(2024, 2, 29)
    hour: time = time(23, 59, 59, 1)
    wall: datetime = datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin"))
    instant: datetime = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    span: timedelta = timedelta(days=-1, microseconds=5)
    offset: timezone = timezone(timedelta(hours=-3))
    zone: ZoneInfo = UTC_ZONE
    address: IPv4Address = TEN
    path: Path = Path("/a/b")
    raw_path: Path = Path("/a/\udce9")
    color: Color = Color.RED
    rights: Rights = Rights.READ | Rights.WRITE
    mode: Literal["fast", 1] = "fast"
    maybe: int | None = None
    either: int | str | Task = field(factory=lambda: Task("c"))
    items: list[int] = field(factory=lambda: [3, 1])
    pair: tuple[int, str] = (1, "a")
    many: tuple[int, ...] = (1, 2)
    tags: set[str] = field(factory=lambda: {"b", "a"})
    mixed: frozenset[int | str] = frozenset({1, "a"})
    last: deque[int] = field(factory=lambda: deque([1, 2], 3))
    named: dict[str, int] = field(factory=lambda: {"b": 1, "a": 2})
    counted: dict[int, str] = field(factory=lambda: {1: "a", 2**64: "b"})
    placed: dict[tuple[int, int], str] = field(factory=lambda: {(1, 2): "x"})
    tasks: list[Task] = field(factory=lambda: [Task("a", Task("b"))])
    anything: Json = field(factory=anything)


OLDER = {
    "everything_version_1": (Everything, Everything(whole=1, tasks=[Task("a", None)], either=Task("c"))),
    "task_version_1": (Task, Task("a")),
}
CURRENT = {"everything_version_2": (Everything, Everything()), "task_version_3": (Task, Task("a", Task("b")))}
CASES = {**OLDER, **CURRENT}


def golden(name: str, format_version: int = FORMAT) -> bytes:
    return (GOLDEN / f"format_{format_version}" / f"{name}.json").read_bytes().removesuffix(b"\n")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", CASES)
def test_a_golden_record_still_reads(name: str, engine: Engine) -> None:
    kind, value = CASES[name]
    codec: Any = Serializer(engine=engine).codec(kind)

    assert codec.decode(golden(name)) == value


@pytest.mark.parametrize("name", CURRENT)
def test_the_current_format_is_still_written_the_same(name: str) -> None:
    kind, value = CURRENT[name]
    codec: Any = Serializer().codec(kind)

    assert codec.encode(value) == golden(name)


def test_every_golden_file_is_read_by_a_test_and_every_format_has_some() -> None:
    files = {path.relative_to(GOLDEN).as_posix() for path in GOLDEN.rglob("*.json")}

    assert files == {f"format_1/{name}.json" for name in CASES}
    assert {path.name for path in GOLDEN.iterdir()} == {f"format_{number}" for number in range(1, FORMAT + 1)}


CODECS = [Serializer(engine=engine).codec(Everything) for engine in ENGINES]
RECORD = golden("everything_version_2")
FRAGMENTS = [
    b"",
    b"null",
    b"true",
    b"1",
    b"-1",
    b"1.5",
    b"1e999",
    b"NaN",
    b'""',
    b'"\\ud800"',
    b"[]",
    b"{}",
    b"[[]]",
    b'{"a":1}',
    b"0",
    b"\0",
    b"\xff",
    b"}",
    b"]",
    b",",
    b"9" * 5000,
]


def outcome(codec: Codec[Everything], data: bytes) -> Any:
    """The outcome of decoding: the value encoded again, or the class of the error."""
    try:
        value = codec.decode(data)
    except SerializationError as error:
        return type(error)
    again = CODECS[0].encode(value)  # only what is valid can be written
    assert codec.decode(again) == value
    return again


@pytest.mark.parametrize("step", [1, 8, 32, 128], ids="xor {}".format)
def test_a_flipped_bit_at_every_byte_is_refused_or_stays_a_valid_value(step: int) -> None:
    for position in range(len(RECORD)):
        damaged = bytearray(RECORD)
        damaged[position] ^= step
        judged, fast = outcome(CODECS[0], bytes(damaged)), outcome(CODECS[-1], bytes(damaged))
        assert judged == fast, bytes(damaged[max(0, position - 20) : position + 20])


def test_a_record_cut_anywhere_is_refused() -> None:
    for end in range(len(RECORD)):
        for codec in CODECS:
            with pytest.raises(SerializationError):
                codec.decode(RECORD[:end])


@settings(max_examples=300)
@given(st.data())
def test_pieces_put_in_the_wrong_place_are_refused_or_valid(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(RECORD)))
    end = data.draw(st.integers(start, min(len(RECORD), start + 60)))
    damaged = RECORD[:start] + data.draw(st.sampled_from(FRAGMENTS) | st.binary(max_size=8)) + RECORD[end:]

    judged, fast = outcome(CODECS[0], damaged), outcome(CODECS[-1], damaged)

    assert judged == fast
