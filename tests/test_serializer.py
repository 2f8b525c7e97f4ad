"""The contract of the serializer: strict both ways, bound to declared names and versions, with errors that name the bad field."""

from __future__ import annotations

import enum
import sys
import uuid
from datetime import datetime
from importlib.util import find_spec
from typing import Any

import attrs
import pytest
from attrs import define, field, frozen

from shared.records import record
from trioactors.errors import (
    BadDeclaration,
    EngineMissing,
    RecordCorrupt,
    RecordInvalid,
    SerializationError,
    TypeRefused,
    UsageError,
    ValueRefused,
)
from trioactors.serializer import Engine, Rule, Serializer, stored, transient

ENGINES = [engine for engine in Engine if engine is Engine.STANDARD or find_spec("orjson")]
BOTH = pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.value)


@stored(name="tally")
@define
class Tally:
    total: int = 0


@stored(name="task")
@define
class Task:
    title: str
    due: datetime | None = None


@stored(name="board")
@define
class Board:
    tasks: list[Task] = field(factory=list)
    by_key: dict[str, Task] = field(factory=dict)


class TestStrictness:
    @BOTH
    @pytest.mark.parametrize(
        "form", ["1.9", "1.0", '"12"', "true", "null", "[1]", "1e3", "9223372036854775808", '"0x1"', '"0x0fffffffffffffffff"']
    )
    def test_an_int_is_read_from_nothing_else(self, engine: Engine, form: str) -> None:
        with pytest.raises(RecordInvalid, match="total: expected int"):
            Serializer(engine=engine).codec(Tally).decode(record(f'{{"total":{form}}}'))

    @pytest.mark.parametrize("value", [1.9, 1.0, "12", True, None, b"1"])
    def test_an_int_is_written_from_nothing_else(self, value: Any) -> None:
        with pytest.raises(ValueRefused, match="total: expected int"):
            Serializer().codec(Tally).encode(Tally(value))

    def test_an_int_enum_is_no_int(self) -> None:
        level = enum.IntEnum("level", "LOW")

        with pytest.raises(ValueRefused):
            Serializer().codec(int).encode(level.LOW)

    def test_an_int_in_a_float_field_stays_an_int(self) -> None:
        codec = Serializer().codec(float)

        assert type(codec.decode(codec.encode(2**70))) is int
        assert type(codec.decode(codec.encode(1.0))) is float

    @pytest.mark.parametrize("form", ["true", '"1.5"', '"NaN"', '"Infinity"', "1e999", "null"])
    def test_a_float_is_read_from_nothing_else(self, form: str) -> None:
        with pytest.raises(RecordInvalid):
            Serializer().codec(float).decode(record(form, "float"))

    @pytest.mark.parametrize("form", ['"abc"', "{}", "null", "1"])
    @pytest.mark.parametrize("kind", [list[str], tuple[str, ...], set[str], frozenset[str], tuple[str, str, str]])
    def test_a_container_is_read_from_a_list_only(self, kind: Any, form: str) -> None:
        codec = Serializer().codec(kind)

        with pytest.raises(RecordInvalid):
            codec.decode(record(form, codec.name))

    @pytest.mark.parametrize(
        ("kind", "value"),
        [
            (list[int], (1,)),
            (tuple[int, ...], [1]),
            (set[int], frozenset()),
            (dict[str, int], attrs.make_class("D", [], bases=(dict,))()),
        ],
    )
    def test_a_container_of_another_class_is_not_written(self, kind: Any, value: Any) -> None:
        with pytest.raises(ValueRefused):
            Serializer().codec(kind).encode(value)

    @pytest.mark.parametrize(
        ("kind", "form"),
        [
            (uuid.UUID, "{00000000-0000-0000-0000-000000000001}"),
            (uuid.UUID, "00000000-0000-0000-0000-00000000000A"),
            (datetime, "2024-01-01"),
            (datetime, "20240101T000000"),
            (datetime, "2024-01-01T00:00:00Z"),
            (datetime, "2024-01-01T00:00:00[../../etc/passwd]"),
            (datetime, "2024-01-01T00:00:00[Europe]"),
            (datetime, "2024-01-01T00:00:00[No/Where]"),
            (bytes, "QR=="),
            (bytes, "Q Q=="),
        ],
    )
    def test_a_text_with_another_spelling_is_refused(self, kind: Any, form: str) -> None:
        codec = Serializer().codec(kind)

        with pytest.raises(RecordInvalid):
            codec.decode(record(f'"{form}"', codec.name))

    def test_a_set_with_an_element_twice_is_refused(self) -> None:
        with pytest.raises(RecordInvalid, match="twice"):
            Serializer().codec(set[int]).decode(record("[1,1]", "set"))

    @BOTH
    @pytest.mark.parametrize(
        "form", ['{"total":1,"total":2}', '{"total":1,"total":1}', '{"total":NaN}', '{"total":1,}', '{"total":1}}', ""]
    )
    def test_what_is_not_strict_json_is_corrupt(self, engine: Engine, form: str) -> None:
        with pytest.raises(RecordCorrupt):
            Serializer(engine=engine).codec(Tally).decode(record(form))

    @BOTH
    def test_a_lone_surrogate_is_refused_both_ways(self, engine: Engine) -> None:
        codec = Serializer(engine=engine).codec(dict[str, list[str]])

        with pytest.raises(ValueRefused, match="lone surrogates") as caught:
            codec.encode({"a": ["fine", "\ud800"]})
        with pytest.raises(RecordCorrupt):
            codec.decode(record('{"a":["\\ud800"]}', "dict"))

        assert caught.value.path == "a[1]"

    @BOTH
    @pytest.mark.parametrize(
        "data", [b"\xff\xfe", b"\xef\xbb\xbf{}", '{"format":1}'.encode("utf-16"), b"null", b"[]", b"{}", b'{"format":1}']
    )
    def test_what_is_no_envelope_is_corrupt(self, engine: Engine, data: bytes) -> None:
        with pytest.raises(RecordCorrupt):
            Serializer(engine=engine).codec(Tally).decode(data)

    @BOTH
    def test_white_space_and_escapes_do_not_matter(self, engine: Engine) -> None:
        codec = Serializer(engine=engine).codec(list[str])

        assert codec.decode(b'{ "value": ["\\u00e9", "\\ud83d\\ude00"],\n "version": 1, "type": "list", "format": 1 }') == [
            "é",
            "😀",
        ]


class TestPaths:
    def test_a_bad_value_in_a_record_is_found(self) -> None:
        with pytest.raises(RecordInvalid) as caught:
            Serializer().codec(Board).decode(record('{"tasks":[{"title":"a"},{"title":"b","due":"soon"}]}', "board"))

        assert caught.value.path == "tasks[1].due"
        assert str(caught.value) == "board: tasks[1].due: expected datetime, got 'soon' (str)"

    def test_a_bad_value_in_a_state_is_found(self) -> None:
        board = Board(by_key={"a": Task("fine"), "b": Task(None)})  # type: ignore[arg-type]  # the point of the test

        with pytest.raises(ValueRefused) as caught:
            Serializer().codec(Board).encode(board)

        assert caught.value.path == "by_key['b'].title"

    def test_a_missing_field_is_found(self) -> None:
        with pytest.raises(RecordInvalid, match=r"tasks\[0\].title: missing"):
            Serializer().codec(Board).decode(record('{"tasks":[{}]}', "board"))

    def test_a_long_value_is_not_printed_whole(self) -> None:
        with pytest.raises(RecordInvalid) as caught:
            Serializer().codec(Tally).decode(record('{"total":"' + "x" * 10_000 + '"}'))

        assert len(str(caught.value)) < 200


class TestOwnTypes:
    class Money:
        def __init__(self, cents: int) -> None:
            self.cents = cents

        def __eq__(self, other: object) -> bool:
            return isinstance(other, TestOwnTypes.Money) and other.cents == self.cents

        def __hash__(self) -> int:
            return hash(self.cents)

    def serializer(self) -> Serializer:
        serializer = Serializer()
        serializer.register(self.Money, name="money", via=int, dump=lambda money: money.cents, load=self.Money)
        return serializer

    def test_a_registered_type_is_carried_as_another(self) -> None:
        codec = self.serializer().codec(dict[TestOwnTypes.Money, list[TestOwnTypes.Money]])
        value = {self.Money(3): [self.Money(4)]}

        assert codec.encode(value) == record('{"3":[4]}', "dict")
        assert codec.decode(codec.encode(value)) == value

    def test_its_strictness_is_that_of_what_it_is_carried_as(self) -> None:
        with pytest.raises(RecordInvalid, match=r"\[0\]: expected int"):
            self.serializer().codec(list[TestOwnTypes.Money]).decode(record("[1.5]", "list"))

    def test_what_it_refuses_is_a_bad_record(self) -> None:
        serializer = Serializer()
        serializer.register(
            self.Money, name="money", via=str, dump=lambda money: str(money.cents), load=lambda text: self.Money(int(text))
        )

        with pytest.raises(RecordInvalid, match="money could not be read: ValueError"):
            serializer.codec(self.Money).decode(record('"x"', "money"))

    def test_a_type_is_registered_once_and_before_its_use(self) -> None:
        serializer = self.serializer()
        for kind in (self.Money, int):
            with pytest.raises(BadDeclaration):
                serializer.register(kind, name="again", via=int, dump=lambda _: 0, load=kind)

    def test_a_family_is_carried_by_a_rule_made_for_each_member(self) -> None:
        @frozen
        class Ref:
            to: str

        class Actor: ...

        class Counter(Actor): ...

        serializer = Serializer()
        serializer.register_family(
            Actor, lambda kind: Rule(name=f"ref {kind.__name__}", runtime=Ref, via=str, dump=lambda ref: ref.to, load=Ref)
        )
        codec = serializer.codec(list[Counter])

        assert codec.decode(codec.encode([Ref("a/b")])) == [Ref("a/b")]  # type: ignore[list-item, comparison-overlap]  # a ref stands for it

    @pytest.mark.parametrize("rule", [lambda _: 5, lambda _: None, lambda kind: kind.nothing, lambda _: next(iter(()))])
    def test_a_function_that_makes_no_rule_is_refused_with_its_path(self, rule: Any) -> None:
        class Actor: ...

        serializer = Serializer()
        serializer.register_family(Actor, rule)

        with pytest.raises(TypeRefused, match="the function that makes its rule"):
            serializer.codec(list[Actor])

    @pytest.mark.parametrize("via", [None, 3, "str", complex])
    def test_a_rule_that_leads_nowhere_is_refused(self, via: Any) -> None:
        with pytest.raises(BadDeclaration, match="via="):
            Serializer().register(complex, name="complex", via=via, dump=str, load=complex)


class TestTransient:
    def test_a_transient_field_is_left_out_and_defaulted(self) -> None:
        @define
        class Session:
            user: str
            socket: object = transient(default=None)
            cache: dict[object, object] = transient(factory=dict)

        codec = Serializer().codec(Session)
        data = codec.encode(Session("ann", sys.stdout, {1: object()}))

        assert data == record('{"user":"ann"}', "Session")
        assert codec.decode(data) == Session("ann")

    def test_a_transient_field_in_a_record_is_unknown(self) -> None:
        @define
        class Session:
            socket: object = transient(default=None)

        with pytest.raises(RecordInvalid, match="unknown field"):
            Serializer().codec(Session).decode(record('{"socket":1}', "Session"))


class TestEngines:
    def test_both_write_the_same_bytes_for_plain_states(self) -> None:
        board = Board([Task('é\u2028\x7f\x1f"\\/')], {"k": Task("😀")})

        assert len({Serializer(engine=engine).codec(Board).encode(board) for engine in ENGINES}) == 1

    def test_a_missing_package_is_named_with_the_command(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "orjson", None)

        with pytest.raises(EngineMissing, match=r'pip install "trioactors\[fast\]"'):
            Serializer(engine=Engine.FAST)

    def test_serializers_share_nothing(self) -> None:
        one, other = Serializer(), Serializer()

        assert one.codec(Tally) is one.codec(Tally)
        assert one.codec(Tally) is not other.codec(Tally)

    def test_only_bytes_are_decoded(self) -> None:
        with pytest.raises(UsageError, match="a record is bytes"):
            Serializer().codec(Tally).decode("{}")  # type: ignore[arg-type]  # the point of the test

    def test_every_refusal_is_a_serialization_error(self) -> None:
        for error in (BadDeclaration, EngineMissing, TypeRefused, ValueRefused, RecordCorrupt):
            assert issubclass(error, SerializationError)
