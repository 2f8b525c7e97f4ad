"""Which classes can be stored, and how early the others are refused."""

from __future__ import annotations

import abc
import dataclasses
import enum
import socket
import typing
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Generic, Literal, NamedTuple, TypeVar

import attrs
import pytest
from attrs import define, field, frozen
from attrs import validators as check
from typing_extensions import TypeAliasType

from shared.records import record
from trioactors.errors import (
    NameUnresolved,
    OverLimit,
    RecordInvalid,
    SerializationError,
    StoredNameTaken,
    TypeRefused,
    ValueRefused,
)
from trioactors.serializer import TRANSIENT, Limits, Serializer, stored

T = TypeVar("T")
S = TypeVar("S")
Endless = TypeAliasType("Endless", "list[Endless]")


def round_trip(value: Any, kind: Any = None) -> Any:
    codec = Serializer().codec(kind or type(value))
    return codec.decode(codec.encode(value))


class Point(NamedTuple):
    x: int


@define
class Holder:
    connections: dict[str, list[socket.socket]]


@define
class Later:
    what: NotThereYet  # type: ignore[name-defined]  # noqa: F821 - the point of the test


@define
class Node:
    name: str
    children: list[Node] = field(factory=list)
    up: Person | None = None


@define
class Person:
    node: Node | None = None


@define
class Base(Generic[T]):
    first: T
    _private: list[T] = field(factory=list)


@define
class Child(Base[list[S]], Generic[S]):
    second: S = field(kw_only=True)


@frozen
class Computed:
    _size: int
    log: list[str] = field(factory=list, alias="journal")
    double: int = field(init=False)
    steps: int = field(init=False, default=0, validator=check.ge(0))

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "double", 2 * self._size)


@dataclasses.dataclass
class Plain:
    count: int
    made: int = dataclasses.field(init=False, default=1)
    handle: Any = dataclasses.field(default=None, metadata=TRANSIENT)


@define
class Awkward:
    converter: int
    cl: int
    attrs: int
    instance: int
    res: int
    errors: int
    o: int


def in_order(items: list[int]) -> list[int]:
    return sorted(items)


def twice(number: int) -> int:
    return 2 * number


class TestRefusals:
    def test_a_socket_in_the_state_is_refused_before_there_is_a_state(self) -> None:
        with pytest.raises(TypeRefused) as caught:
            Serializer().check(Holder)

        assert caught.value.path == "connections[][]"
        assert str(caught.value) == (
            "Holder: connections[][]: there is no stored form for socket.socket; "
            "mark the field transient, or register the type with Serializer.register"
        )

    @pytest.mark.parametrize(
        "kind",
        [
            Any, object, list, dict, tuple, typing.List, typing.Tuple, Iterable[int], Callable[[], int], type, complex, Point, T,  # noqa: UP006
            list[T], Child,  # type: ignore[valid-type]  # the point of the test
            "Node", memoryview, set[list[int]], set[Node],
            dict[bytearray, int], list[int] | list[str], deque, Endless, typing.Protocol, BaseException, range, Literal["AA==", b"\0"],
        ],
    )  # fmt: skip
    def test_what_has_no_stored_form_is_refused(self, kind: Any) -> None:
        with pytest.raises(TypeRefused):
            Serializer().check(kind)

    def test_a_name_that_does_not_exist_yet_can_be_asked_for_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        serializer = Serializer()
        with pytest.raises(NameUnresolved, match="Later: what: the annotation 'NotThereYet' names 'NotThereYet'"):
            serializer.check(Later)

        monkeypatch.setitem(globals(), "NotThereYet", int)

        assert serializer.codec(Later).decode(record('{"what":1}', "Later")) == Later(1)

    def test_a_refused_class_leaves_nothing_behind(self) -> None:
        @define
        class Inner:
            x: int

        @define
        class Outer:
            inner: Inner
            bad: socket.socket

        attrs.resolve_types(Outer, None, {"Inner": Inner})
        serializer = Serializer()
        for _ in range(2):
            with pytest.raises(TypeRefused, match="bad"):
                serializer.check(Outer)
        serializer.check(Inner)

    def test_an_abstract_class_is_refused(self) -> None:
        @define
        class Shape(abc.ABC):
            @abc.abstractmethod
            def area(self) -> float: ...

        with pytest.raises(TypeRefused, match="abstract"):
            Serializer().check(Shape)

    def test_a_class_with_an_init_of_its_own_is_refused(self) -> None:
        @define(init=False)
        class Own:
            x: int

            def __init__(self, text: str) -> None:
                self.x = len(text)

        @dataclasses.dataclass
        class WithInitVar:
            x: int
            seed: dataclasses.InitVar[int]

        for kind in (Own, WithInitVar):
            with pytest.raises(TypeRefused, match="cannot be built again"):
                Serializer().check(kind)

    def test_a_transient_field_without_a_default_is_refused(self) -> None:
        @define
        class Odd:
            x: object = field(metadata=dict(TRANSIENT))

        with pytest.raises(TypeRefused, match="x: a transient field needs a default"):
            Serializer().check(Odd)

    def test_an_enum_has_no_versions(self) -> None:
        @stored(name="e", version=2)
        class Versioned(enum.Enum):
            A = 1

        with pytest.raises(TypeRefused, match="no versions"):
            Serializer().check(Versioned)

    def test_two_members_of_one_name_in_a_union_are_refused(self) -> None:
        one = attrs.make_class("int", [])

        with pytest.raises(StoredNameTaken):
            Serializer().check(one | int)


class TestClasses:
    def test_private_late_and_aliased_fields_of_a_frozen_class_come_back(self) -> None:
        value = Computed(3, journal=["a"])
        object.__setattr__(value, "steps", 7)
        object.__setattr__(value, "double", 100)

        assert round_trip(value) == value

    def test_a_late_field_is_validated(self) -> None:
        with pytest.raises(RecordInvalid, match="steps: the class refused it: ValueError"):
            Serializer().codec(Computed).decode(record('{"_size":1,"double":2,"steps":-1}', "Computed"))

    def test_a_dataclass_comes_back_without_its_transient_field(self) -> None:
        value = Plain(3, handle=object())
        value.made = 5

        back = round_trip(value)

        assert (back.count, back.made, back.handle) == (3, 5, None)

    def test_fields_may_have_any_name(self) -> None:
        value = Awkward(1, 2, 3, 4, 5, 6, 7)

        assert round_trip(value) == value

    def test_type_variables_are_followed_through_inheritance(self) -> None:
        value = Child([1], [[2]], second=3)

        assert round_trip(value, Child[int]) == value
        with pytest.raises(ValueRefused, match=r"_private\[0\]\[0\]: expected str"):
            Serializer().codec(Child[str]).encode(Child(["a"], [[2]], second="b"))  # type: ignore[list-item]  # the point of the test

    def test_a_subclass_in_a_base_class_field_is_refused(self) -> None:
        @define
        class Special(Node):
            extra: int = 0

        with pytest.raises(ValueRefused, match=r"children\[0\]: expected a Node, got Special, a subclass .* Node | Special"):
            Serializer().codec(Node).encode(Node("a", [Special("b")]))

    def test_a_field_that_was_never_set_is_found(self) -> None:
        node = Node("a", [Node.__new__(Node)])

        with pytest.raises(ValueRefused, match=r"children\[0\].name: the field was never set"):
            Serializer().codec(Node).encode(node)

    def test_a_validator_runs_on_load(self) -> None:
        @define
        class Age:
            years: int = field(validator=check.in_(range(150)))

        with pytest.raises(RecordInvalid, match="years: the class refused it: ValueError: 'years' must be in"):
            Serializer().codec(Age).decode(record('{"years":200}', "Age"))

    def test_whatever_a_class_raises_while_it_is_built_is_a_bad_record(self) -> None:
        class OddError(Exception):
            pass

        def moody() -> int:
            raise OddError("no")

        @define
        class Moody:
            mood: int = field(factory=moody)

        with pytest.raises(RecordInvalid, match="the class refused it: OddError: no") as caught:
            Serializer().codec(Moody).decode(record("{}", "Moody"))

        assert isinstance(caught.value.__cause__, BaseException)

    def test_a_converter_that_keeps_its_own_results_is_fine(self) -> None:
        @define
        class Sorted:
            items: list[int] = field(converter=in_order)

        assert round_trip(Sorted([3, 1])) == Sorted([1, 3])

    def test_a_converter_does_not_run_again(self) -> None:
        @define
        class Doubling:
            x: int = field(converter=twice)

        assert round_trip(Doubling(1)) == Doubling(1)

    def test_a_default_is_converted_as_the_class_does_it(self) -> None:
        @define
        class Doubling:
            x: int = field(default=1, converter=twice)
            y: int = field(default=1, converter=attrs.Converter(lambda value, itself: value + itself.x, takes_self=True))
            z: int = attrs.Factory(lambda itself: itself.x + itself.y, takes_self=True)

        assert Serializer().codec(Doubling).decode(record("{}", "Doubling")) == Doubling() == Doubling(1, 1, 5)

    def test_a_converter_never_sees_a_value_of_the_wrong_type(self) -> None:
        @define
        class Obliging:
            x: int = field(converter=int)

        with pytest.raises(RecordInvalid, match="expected int, got '12'"):
            Serializer().codec(Obliging).decode(record('{"x":"12"}', "Obliging"))


class TestCycles:
    def test_an_object_that_contains_itself_is_refused(self) -> None:
        node = Node("a")
        node.children.append(Node("b", [node]))

        with pytest.raises(ValueRefused, match="contains itself") as caught:
            Serializer().codec(Node).encode(node)

        assert caught.value.path == "children[0].children[0]"

    def test_a_cycle_through_two_classes_is_refused(self) -> None:
        person = Person(Node("a"))
        assert person.node is not None
        person.node.up = person

        for value in (person, person.node):
            with pytest.raises(ValueRefused, match="contains itself"):
                Serializer().codec(type(value)).encode(value)

    def test_the_same_object_twice_is_no_cycle(self) -> None:
        shared = Node("b")

        assert round_trip(Node("a", [shared, shared])) == Node("a", [shared, shared])

    def test_a_refused_cycle_leaves_no_trace(self) -> None:
        codec = Serializer().codec(Node)
        node = Node("a")
        node.children.append(node)
        for _ in range(3):
            with pytest.raises(ValueRefused):
                codec.encode(node)
        node.children.clear()

        assert codec.decode(codec.encode(node)) == Node("a")

    def test_a_chain_too_long_is_refused_with_the_limit(self) -> None:
        node = Node("end")
        for _ in range(5_000):
            node = Node("a", [node])

        with pytest.raises(OverLimit, match="more than 64 deep"):
            Serializer().codec(Node).encode(node)
        with pytest.raises(OverLimit):
            Serializer(limits=Limits(depth=10)).codec(Node).encode(node)

    def test_shared_objects_that_unfold_into_very_many_are_refused(self) -> None:
        node = Node("leaf")
        for _ in range(50):
            node = Node("a", [node, node])

        with pytest.raises(OverLimit, match="1,000 objects"):
            Serializer(limits=Limits(elements=1_000)).codec(Node).encode(node)

    def test_a_depth_beyond_the_stack_is_refused_all_the_same(self) -> None:
        node = Node("end")
        for _ in range(5_000):
            node = Node("a", [node])
        codec = Serializer(limits=Limits(depth=100_000)).codec(Node)
        deep = '{"name":"a","children":[' * 2_000 + "]}" * 2_000

        with pytest.raises(OverLimit, match="stack"):
            codec.encode(node)
        with pytest.raises(SerializationError):
            codec.decode(record(deep, "Node"))


class TestChoices:
    def test_a_renamed_enum_member_still_reads_through_its_alias(self) -> None:
        class Color(enum.Enum):
            CRIMSON = 1
            RED = 1  # noqa: PIE796 - the point of the test

        codec = Serializer().codec(Color)

        assert codec.decode(record('"RED"', codec.name)) is Color.CRIMSON
        assert b'"CRIMSON"' in codec.encode(Color.RED)

    def test_an_unknown_member_name_in_a_union_is_told(self) -> None:
        with pytest.raises(RecordInvalid, match=r"expected one of int \| str, got the unknown name 'float'"):
            Serializer().codec(int | str).decode(record('{"float":1.5}', "union"))

    def test_a_flag_with_an_unknown_bit_is_refused(self) -> None:
        class Rights(enum.Flag):
            READ = 1

        codec = Serializer().codec(Rights)

        with pytest.raises(RecordInvalid, match="no Rights has the number 8"):
            codec.decode(record("8", codec.name))

    def test_a_union_member_of_a_former_name_is_read(self) -> None:
        @stored(name="circle", former_names=("round",))
        @define
        class Circle:
            radius: int

        codec = Serializer().codec(Circle | int)

        assert codec.decode(record('{"round":{"radius":1}}', "union")) == Circle(1)
