"""Reading a record without its class."""

from __future__ import annotations

import pytest
from attrs import define

from trioactors.errors import OverLimit, RecordCorrupt, RecordTooNew, SerializationError
from trioactors.serializer import Envelope, Limits, Serializer, read_envelope, stored


@stored(name="inner", version=3)
@define
class Inner:
    """A class with a version of its own."""

    words: tuple[str, ...] = ()


@stored(name="outer", version=2)
@define
class Outer:
    """A class with a field of that class."""

    inner: Inner


RECORD = Serializer().codec(Outer).encode(Outer(Inner(("a", "\U0001f600"))))


def test_it_tells_name_versions_and_plain_values() -> None:
    assert read_envelope(RECORD) == Envelope("outer", 2, {"inner": 3}, {"inner": {"words": ["a", "\U0001f600"]}})


def test_its_repr_keeps_the_value_to_itself() -> None:
    assert repr(read_envelope(RECORD)) == "Envelope(name='outer', version=2, classes={'inner': 3})"


@pytest.mark.parametrize(
    ("data", "error", "said"),
    [
        (b"", RecordCorrupt, "not JSON"),
        (b"\xff", RecordCorrupt, "not JSON"),
        (b"{", RecordCorrupt, "not JSON"),
        (b"[]", RecordCorrupt, "not a record"),
        (b'{"total":3}', RecordCorrupt, "not a record"),
        (b'{"format":1,"type":"t","version":1}', RecordCorrupt, "wrong parts"),
        (b'{"format":1,"type":"t","version":1,"value":0,"extra":0}', RecordCorrupt, "wrong parts"),
        (b'{"format":1,"type":7,"version":1,"value":0}', RecordCorrupt, "not text"),
        (b'{"format":1,"type":"t","version":true,"value":0}', RecordCorrupt, "whole number"),
        (b'{"format":1,"type":"t","version":1,"classes":[],"value":0}', RecordCorrupt, "not an object"),
        (b'{"format":1,"type":"t","version":1,"classes":{"u":0},"value":0}', RecordCorrupt, "classes.u"),
        (b'{"format":2,"anything":"else"}', RecordTooNew, "format 2"),
        (b'{"format":1,"type":"t","version":1,"value":' + b"[" * 99 + b"]" * 99 + b"}", OverLimit, "levels"),
    ],
)
def test_what_is_no_record_is_refused(data: bytes, error: type[SerializationError], said: str) -> None:
    with pytest.raises(error, match=said):
        read_envelope(data)


def test_its_limits_can_be_chosen() -> None:
    with pytest.raises(OverLimit, match="the limit is 10"):
        read_envelope(RECORD, limits=Limits(bytes=10))
