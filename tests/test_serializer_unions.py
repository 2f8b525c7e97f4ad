"""Unions: their stored form, and fields that became unions after records of them were written."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from time import perf_counter
from typing import Any, Optional

import attrs
import pytest
from attrs import define, field, frozen
from hypothesis import given, settings
from test_serializer_roundtrip import CASES, same

from trioactors.errors import RecordInvalid, TypeRefused
from trioactors.serializer import Json, Serializer, stored, unknown_fields


@stored(name="point")
@frozen
class Point:
    x: int


@stored(name="circle")
@frozen
class Circle:
    x: int
    radius: float


@stored(name="alike")
@frozen
class Alike:
    x: int
    more: str = ""


def read(kind: Any, form: str) -> Any:
    codec = Serializer().codec(kind)
    return codec.decode(f'{{"format":1,"type":"{codec.name}","version":1,"value":{form}}}'.encode())


def written(kind: Any, value: Any) -> str:
    codec = Serializer().codec(kind)
    return codec.encode(value).decode().partition('"value":')[2][:-1]


@pytest.mark.parametrize(
    ("kind", "value", "form"),
    [
        (int | str, 5, '{"int":5}'),
        (int | str | None, None, "null"),
        (Point | Circle, Point(1), '{"point":{"x":1}}'),
        (Point | None, Point(1), '{"x":1}'),
        (list[int] | dict[str, int], [1], '{"list":[1]}'),
    ],
)
def test_the_name_of_the_member_is_written_unless_there_is_only_one(kind: Any, value: Any, form: str) -> None:
    assert written(kind, value) == form
    assert read(kind, form) == value


def test_a_renamed_class_is_read_under_its_former_name() -> None:
    @stored(name="place", former_names=("point",))
    @frozen
    class Place:
        x: int

    assert read(Place | Circle, '{"point":{"x":1}}') == Place(1)
    assert written(Place | Circle, Place(1)) == '{"place":{"x":1}}'


@pytest.mark.parametrize(
    ("before", "after", "value"),
    [
        (int, int | str, 5),
        (int, str | int, -(2**63)),
        (str, int | str, "five"),
        (str, Optional[int | str], "five"),  # noqa: UP045 - the old spelling, too
        (int | None, int | str | None, 5),
        (int | None, int | str | None, None),
        (bool, bool | int, True),
        (int, bool | int, 1),
        (float, float | None | str, 1.5),
        (float, float | Point, float("inf")),
        (list[int], list[int] | Point, [1, 2]),
        (list[int], list[int] | str, []),
        (tuple[int, str], tuple[int, str] | None | int, (1, "a")),
        (frozenset[str], frozenset[str] | int, frozenset({"a"})),
        (deque[int], deque[int] | int, deque([1], 3)),
        (dict[Point, str], dict[Point, str] | int, {Point(1): "a"}),
        (datetime, datetime | int, datetime(2026, 1, 1)),  # noqa: DTZ001 - a time without a zone
        (Point, Point | Circle, Point(1)),
        (Circle, Point | Circle, Circle(1, 2.0)),
        (Point, Point | Circle | None, Point(1)),
        (Point | None, Point | Circle | None, None),
        (Sequence[int], Sequence[int] | int, (1, 2)),
    ],
    ids=repr,
)
def test_a_field_that_became_a_union_reads_its_old_records(before: Any, after: Any, value: Any) -> None:
    old, new = stateful(before), stateful(after)

    record = Serializer().codec(old).encode(old(value))

    found = Serializer().codec(new).decode(record).value
    assert same(value, found)


def stateful(kind: Any) -> Any:
    return stored(name="state")(attrs.make_class("State", {"value": attrs.field(type=kind)}))


@pytest.mark.parametrize(
    ("before", "after", "value"),
    [
        (str, uuid.UUID | str, "00000000-0000-0000-0000-000000000000"),
        (uuid.UUID, uuid.UUID | str, uuid.UUID(int=0)),
        (float, float | str, float("nan")),
        (int, int | str, 2**64),
        (Point, Point | Alike, Point(1)),
        (dict[str, int], dict[str, int] | Point, {"x": 1}),
        (list[int], list[int] | tuple[str, ...], []),
        (dict[str, int], dict[str, int] | str, {"a": 1}),
        (dict[int, str], dict[int, str] | list[str], {1: "a"}),
    ],
    ids=repr,
)
def test_what_several_members_could_have_written_is_refused_and_never_guessed(before: Any, after: Any, value: Any) -> None:
    old, new = stateful(before), stateful(after)
    record = Serializer().codec(old).encode(old(value))

    with pytest.raises(RecordInvalid, match=r"before the field became a union.*an upcaster") as caught:
        Serializer().codec(new).decode(record)

    assert caught.value.path == "value"


def test_an_upcaster_can_say_which_member_it_was() -> None:
    old = stateful(uuid.UUID)

    def named(form: dict[str, Json]) -> dict[str, Json]:
        return {"value": {"UUID": form["value"]}}

    @stored(name="state", version=2, upcasters={1: named})
    @define
    class State:
        value: uuid.UUID | str

    record = Serializer().codec(old).encode(old(uuid.UUID(int=7)))

    assert Serializer().codec(State).decode(record) == State(uuid.UUID(int=7))


def test_a_class_whose_field_is_called_like_a_member_is_not_read_without_its_name() -> None:
    @stored(name="odd")
    @frozen
    class Odd:
        point: int

    with pytest.raises(RecordInvalid):
        read(Odd | Point, '{"point":1}')
    assert read(Odd | list[int], '{"point":1}') == Odd(1)


def test_a_class_that_keeps_unknown_fields_is_not_read_without_its_name() -> None:
    @frozen
    class Open:
        x: int
        rest: dict[str, Json] = unknown_fields()  # noqa: RUF009 - a field of attrs

    with pytest.raises(RecordInvalid, match="before the field became a union"):
        read(Open | int, '{"x":1,"y":2}')


def test_members_of_older_versions_are_read_with_their_upcasters() -> None:
    def doubled(form: dict[str, Json]) -> dict[str, Json]:
        return {"x": form["x"], "radius": 1.0} if form.keys() == {"x"} else form

    @stored(name="point", version=2, upcasters={1: doubled})
    @frozen
    class Newer:
        x: int
        radius: float

    old, new = stateful(Point), stateful(Newer | list[int])

    assert Serializer().codec(new).decode(Serializer().codec(old).encode(old(Point(3)))).value == Newer(3, 1.0)


def test_members_that_look_alike_are_still_refused_when_the_codec_is_built() -> None:
    with pytest.raises(TypeRefused, match="look the same at run time"):
        Serializer().check(list[int] | list[str])


@define
class Left:
    inner: Left | Right | None = None


@define
class Right:
    inner: Left | Right | None = None


def test_old_records_of_nested_unions_take_no_time_without_end() -> None:
    form = "null"
    for _ in range(50):
        form = f'{{"inner":{form}}}'
    began = perf_counter()

    with pytest.raises(RecordInvalid):
        read(Left, form)

    assert perf_counter() - began < 5


@define
class Tree:
    parts: list[Tree | int] = field(factory=list)  # type: ignore[var-annotated]


def test_old_records_of_nested_unions_are_read() -> None:
    assert read(Tree, '{"parts":[{"parts":[]},1,{"parts":[{"parts":[2]}]}]}') == Tree([Tree(), 1, Tree([Tree([2])])])


WIDER = ("int", "str", "bytes", "list", "attrs", "set", "variadic tuple", "uuid", "enum", "deque", "datetime", "bool", "tuple keys")


@pytest.mark.parametrize("case", WIDER)
@pytest.mark.parametrize("other", WIDER)
def test_an_old_value_is_read_as_it_was_or_not_at_all(case: str, other: str) -> None:
    if case == other:
        return
    (kind, values), (more, _) = CASES[case], CASES[other]
    make = stateful(kind)
    old, new = Serializer().codec(make), Serializer().codec(stateful(kind | more))

    @settings(max_examples=10)
    @given(values)
    def holds(value: Any) -> None:
        try:
            found = new.decode(old.encode(make(value))).value
        except RecordInvalid:
            return
        assert same(value, found)

    holds()
