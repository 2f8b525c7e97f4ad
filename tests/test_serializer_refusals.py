"""Refusals, one in each row: a value that its annotation does not allow, or a form that the serializer never writes."""

from __future__ import annotations

import enum
import zoneinfo
from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from pathlib import Path, PurePath
from typing import Any, Literal

import pytest
from attrs import define, frozen
from hypothesis import given
from hypothesis import strategies as st

from trioactors.errors import RecordCorrupt, RecordInvalid, SerializationError, StoredNameTaken, TypeRefused, ValueRefused
from trioactors.serializer import Json, Serializer, declaration_of, stored


class Color(enum.Enum):
    RED = 1


class Rights(enum.Flag):
    READ = 1


class Odd(tzinfo):
    def utcoffset(self, _: datetime | None) -> timedelta:
        return timedelta(0)

    def dst(self, _: datetime | None) -> None:
        return None

    def tzname(self, _: datetime | None) -> None:
        return None


@frozen(eq=False)
class Same:
    """Equal to no other instance, and stored like all of them."""


@define
class Mutable:
    x: int = 0


loop: list[Any] = []
loop.append({"again": loop})


@pytest.mark.parametrize(
    ("kind", "value", "path"),
    [
        (bool, 1, ""),
        (float, True, ""),
        (float, "1", ""),
        (None, 0, ""),
        (Decimal, 1, ""),
        (Color, 1, ""),
        (Rights, 1, ""),
        (Literal["a", 1], True, ""),
        (Literal["a", 1], [], ""),
        (int | str, 1.5, ""),
        (int | None, "x", ""),
        (Sequence[int], deque([1]), ""),
        (deque[int], [1], ""),
        (deque[int], deque(["a"]), "[0]"),
        (tuple[int, int], (1, 2, 3), ""),
        (tuple[int, str], (1, 2), "[1]"),
        (dict[int, str], {1: 2}, "[1]"),
        (dict[int, str], {"1": "a"}, "['1']"),
        (dict[tuple[int, int], str], [], ""),
        (dict[tuple[int, int], str], {(1, 2): 3}, "[0][1]"),
        (dict[Same, int], {Same(): 1, Same(): 2}, ""),
        (set[Same], {Same(), Same()}, ""),
        (Path, Path("a\0b"), ""),
        (Path, PurePath("a"), ""),
        (zoneinfo.ZoneInfo, timezone.utc, ""),  # noqa: UP017 - the class is the point
        (datetime, datetime(2024, 1, 1, tzinfo=Odd()), ""),
        (timezone, timezone(timedelta(hours=1), "CET"), ""),
        (Json, {"a": [1, (2,)]}, "['a'][1]"),
        (Json, {1: 2}, "[1]"),
        (Json, float("nan"), ""),
        (Json, 2**63, ""),
    ],
)
def test_a_value_that_its_annotation_does_not_allow_is_not_written(kind: Any, value: Any, path: str) -> None:
    with pytest.raises(ValueRefused) as caught:
        Serializer().codec(kind).encode(value)

    assert caught.value.path == path


def test_a_json_value_that_contains_itself_is_refused() -> None:
    with pytest.raises(ValueRefused, match="contains itself"):
        Serializer().codec(Json).encode(loop)


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        (Color, '"BLUE"'),
        (Rights, "-1"),
        (Literal["a", 1], "true"),
        (Literal["a", 1], "[]"),
        (int | str, "1.5"),
        (int | str, '{"int":1,"str":"a"}'),
        (int | str, '{"int":"a"}'),
        (deque[int], '{"maxlen":1,"items":[1,2]}'),
        (deque[int], '{"maxlen":-1,"items":[]}'),
        (deque[int], '{"maxlen":1}'),
        (tuple[int, int], "[1]"),
        (tuple[int, str], "[1,2]"),
        (dict[int, str], '{"01":"a"}'),
        (dict[int, str], "[]"),
        (dict[int, str], '{"1":2}'),
        (dict[tuple[int, int], str], '[[[1,2],"a"],[[1,2],"b"]]'),
        (dict[Decimal, int], '{"1":1,"1.0":2}'),
        (dict[Decimal, int], '{"sNaN":1}'),
        (set[Decimal], '["sNaN"]'),
        (dict[float, int], '[["nan",1],["nan",2]]'),
        (dict[tuple[float, int], int], '[[["nan",1],1],[["nan",1],2]]'),
        (set[float], '["nan","nan"]'),
        (frozenset[tuple[float, ...]], '[["nan"],["nan"]]'),
        (timedelta, '"PT1.5S"'),
        (timedelta, f'"PT{"9" * 40}S"'),
        (timezone, '"PT86400S"'),
        (Path, '"a//b"'),
        (Path, '"\\u0000YQ=="'),
        (zoneinfo.ZoneInfo, '"Europe"'),
        (zoneinfo.ZoneInfo, '"../UTC"'),
        (Mutable, "[]"),
    ],
)
def test_a_form_that_nobody_would_have_written_is_not_read(kind: Any, form: str) -> None:
    codec = Serializer().codec(kind)

    with pytest.raises(RecordInvalid):
        codec.decode(f'{{"format":1,"type":"{codec.name}","version":1,"value":{form}}}'.encode())


@pytest.mark.parametrize(
    "envelope",
    [
        '{"format":0,"type":"Mutable","version":1,"value":{}}',
        '{"format":true,"type":"Mutable","version":1,"value":{}}',
        '{"format":1,"type":null,"version":1,"value":{}}',
        '{"format":1,"type":"Mutable","version":"1","value":{}}',
        '{"format":1,"type":"Mutable","version":1,"value":{},"more":1}',
        '{"format":1,"type":"Mutable","version":1,"classes":[],"value":{}}',
        '{"format":1,"type":"Mutable","version":1,"classes":{"a":0},"value":{}}',
    ],
)
def test_an_envelope_that_nobody_would_have_written_is_corrupt(envelope: str) -> None:
    with pytest.raises(RecordCorrupt):
        Serializer().codec(Mutable).decode(envelope.encode())


def test_a_name_given_twice_is_refused_when_a_type_is_registered() -> None:
    serializer = Serializer()
    serializer.check(Mutable)

    with pytest.raises(SerializationError, match="belongs to"):
        serializer.register(complex, name="Mutable", via=str, dump=str, load=complex)
    with pytest.raises(TypeRefused):
        serializer.check(Literal[[]])


def test_a_former_name_is_taken_as_well() -> None:
    @stored(name="new", former_names=("Mutable",))
    @define
    class Renamed:
        pass

    serializer = Serializer()
    serializer.check(Renamed)

    assert declaration_of(Renamed).names == ("new", "Mutable")
    with pytest.raises(StoredNameTaken):
        serializer.check(Mutable)


@given(st.binary(max_size=64))
def test_no_bytes_at_all_get_past_the_wall(data: bytes) -> None:
    with pytest.raises(SerializationError):
        Serializer().codec(Mutable).decode(data)
