"""Names and versions belong to the class: records survive renamings, new fields and new versions."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from attrs import define

from shared.records import record
from trioactors.errors import (
    BadDeclaration,
    RecordInvalid,
    RecordOfOtherType,
    RecordTooNew,
    RecordTooOld,
    StoredNameTaken,
    TypeRefused,
    ValueRefused,
)
from trioactors.serializer import Json, Serializer, stored, unknown_fields


@stored(name="tally")
@define
class Tally:
    total: int = 0


def test_a_record_names_the_declared_name_and_no_module() -> None:
    data = Serializer().codec(Tally).encode(Tally(3))

    assert data == b'{"format":1,"type":"tally","version":1,"value":{"total":3}}'


def test_without_a_declaration_the_qualified_name_serves() -> None:
    @define
    class Local:
        pass

    assert Serializer().codec(Local).name == "Local"


def test_a_subclass_does_not_inherit_the_name() -> None:
    @define
    class Special(Tally):
        pass

    assert Serializer().codec(Special).name == "Special"


def test_two_classes_of_one_name_are_refused() -> None:
    @stored(name="tally")
    @define
    class Other:
        pass

    serializer = Serializer()
    serializer.check(Tally)
    with pytest.raises(StoredNameTaken, match="tally"):
        serializer.check(Other)
    Serializer().check(Other)


def test_a_renamed_class_reads_its_old_records() -> None:
    @stored(name="count", former_names=("tally",))
    @define
    class Count:
        total: int = 0

    assert Serializer().codec(Count).decode(Serializer().codec(Tally).encode(Tally(3))) == Count(3)


def test_a_class_renamed_without_saying_so_is_told_how() -> None:
    @define
    class Other:
        pass

    with pytest.raises(RecordOfOtherType, match=r"former_names=\('tally',\)"):
        Serializer().codec(Other).decode(record("{}"))


def test_a_renamed_field_is_read_under_its_old_name() -> None:
    @stored(name="tally", renamed_fields={"count": "total"})
    @define
    class Renamed:
        total: int = 0

    codec = Serializer().codec(Renamed)

    assert codec.decode(record('{"count":3}')) == codec.decode(record('{"total":3}')) == Renamed(3)
    with pytest.raises(RecordInvalid, match="old name"):
        codec.decode(record('{"count":3,"total":4}'))


def test_missing_fields_get_their_defaults() -> None:
    assert Serializer().codec(Tally).decode(record("{}")) == Tally(0)


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(RecordInvalid, match="unknown field 'extra'"):
        Serializer().codec(Tally).decode(record('{"total":1,"extra":2}'))


def test_unknown_fields_are_kept_by_choice() -> None:
    @stored(name="tally")
    @define
    class Keeping:
        total: int = 0
        rest: dict[str, Json] = unknown_fields()  # noqa: RUF009 - it makes an attrs field

    codec = Serializer().codec(Keeping)
    data = record('{"total":1,"extra":[2,null]}')

    assert codec.decode(data) == Keeping(1, {"extra": [2, None]})
    assert codec.encode(codec.decode(data)) == data
    with pytest.raises(ValueRefused, match="are fields of the class"):
        codec.encode(Keeping(1, {"total": 2}))


def test_upcasters_lead_from_version_to_version() -> None:
    @stored(
        name="tally",
        version=3,
        upcasters={1: lambda old: {"amount": old["count"]}, 2: lambda old: {"total": old["amount"] * 100}},
    )
    @define
    class Third:
        total: int = 0

    codec = Serializer().codec(Third)

    assert codec.decode(record('{"count":2}', version=1)) == Third(200)
    assert codec.decode(record('{"amount":2}', version=2)) == Third(200)
    assert codec.decode(codec.encode(Third(5))) == Third(5)


def test_versions_of_classes_inside_are_remembered() -> None:
    @stored(name="item", version=2, upcasters={1: lambda old: {"cents": old["euros"] * 100}})
    @define
    class Item:
        cents: int

    @stored(name="cart")
    @define
    class Cart:
        items: list[Item]

    attrs.resolve_types(Cart, None, {"Item": Item})
    codec = Serializer().codec(Cart)

    assert codec.encode(Cart([Item(5)])) == record('{"items":[{"cents":5}]}', "cart", classes='{"item":2}')
    assert codec.decode(codec.encode(Cart([Item(5)]))) == Cart([Item(5)])
    assert codec.decode(record('{"items":[{"euros":5}]}', "cart")) == Cart([Item(500)])
    with pytest.raises(RecordTooNew, match="item of version 3"):
        codec.decode(record('{"items":[]}', "cart", classes='{"item":3}'))


def test_a_newer_version_is_refused() -> None:
    with pytest.raises(RecordTooNew, match="tally of version 2"):
        Serializer().codec(Tally).decode(record("{}", version=2))


def test_a_newer_format_is_refused() -> None:
    with pytest.raises(RecordTooNew, match="format 2"):
        Serializer().codec(Tally).decode(b'{"format":2,"anything":0}')


def test_a_version_without_a_way_up_is_refused() -> None:
    @stored(name="tally", version=3, upcasters={2: lambda old: old})
    @define
    class Third:
        total: int = 0

    with pytest.raises(RecordTooOld, match="oldest that can be read is 2"):
        Serializer().codec(Third).decode(record("{}", version=1))


def test_an_upcaster_that_fails_on_odd_data_refuses_the_record() -> None:
    @stored(name="tally", version=2, upcasters={1: lambda old: {"total": old["count"]}})
    @define
    class Second:
        total: int = 0

    with pytest.raises(RecordInvalid, match="upcaster from version 1 failed: KeyError"):
        Serializer().codec(Second).decode(record("{}"))
    with pytest.raises(RecordInvalid, match="expected an object"):
        Serializer().codec(Second).decode(record("[]"))


@pytest.mark.parametrize(
    "said",
    [
        {"name": ""},
        {"name": "a", "version": 0},
        {"name": "a", "version": True},
        {"name": "a", "former_names": ("a",)},
        {"name": "a\nb"},
        {"name": "a", "version": 3, "upcasters": {1: dict}},
        {"name": "a", "version": 1, "upcasters": {1: dict}},
        {"name": "a", "version": 2, "upcasters": {0: dict, 1: dict}},
    ],
)
def test_an_impossible_declaration_is_refused_at_once(said: dict[str, Any]) -> None:
    with pytest.raises(BadDeclaration):
        stored(**said)


def test_a_renaming_to_nowhere_is_refused() -> None:
    @stored(name="odd", renamed_fields={"a": "b"})
    @define
    class Odd:
        c: int = 0

    with pytest.raises(TypeRefused, match="renamed_fields"):
        Serializer().check(Odd)
