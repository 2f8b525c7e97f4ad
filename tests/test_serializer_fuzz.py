"""An attacker's view: whatever the bytes, decode gives a valid value or a `SerializationError`, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.test_serializer_golden import Everything, golden
from tests.test_serializer_roundtrip import CASES
from trioactors.errors import SerializationError
from trioactors.serializer import Codec, Engine, Serializer

CODECS = [Serializer(engine=engine).codec(Everything) for engine in Engine]
OTHERS = [Serializer(engine=engine) for engine in Engine]
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


def outcome(codec: Codec[Any], data: bytes, writer: Codec[Any] = CODECS[0]) -> Any:
    """What decoding comes to: the value written again, or the class of the refusal."""
    try:
        value = codec.decode(data)
    except SerializationError as error:
        return type(error)
    again = writer.encode(value)  # only what is valid can be written
    assert codec.decode(again) == value or b"nan" in again.lower()
    return again


@pytest.mark.parametrize("step", [1, 8, 32, 128], ids="xor {}".format)
def test_a_flipped_bit_at_every_byte_is_refused_or_stays_a_valid_value(step: int) -> None:
    for position in range(len(RECORD)):
        damaged = bytearray(RECORD)
        damaged[position] ^= step
        judged, fast = (outcome(codec, bytes(damaged)) for codec in CODECS)
        assert judged == fast, bytes(damaged[max(0, position - 20) : position + 20])


def test_a_record_cut_anywhere_is_refused() -> None:
    for end in range(len(RECORD)):
        for codec in CODECS:
            with pytest.raises(SerializationError):
                codec.decode(RECORD[:end])


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_pieces_put_in_the_wrong_place_are_refused_or_valid(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(RECORD)))
    end = data.draw(st.integers(start, min(len(RECORD), start + 60)))
    damaged = RECORD[:start] + data.draw(st.sampled_from(FRAGMENTS) | st.binary(max_size=8)) + RECORD[end:]

    judged, fast = (outcome(codec, damaged) for codec in CODECS)

    assert judged == fast


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["nan", "0x10", "PT1S", "RED", "2024-01-01"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=4) | st.sampled_from(["x", "y", "int", "maxlen", "items"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@pytest.mark.parametrize("case", CASES)
def test_any_json_in_place_of_a_value_is_refused_or_valid(case: str) -> None:
    kind, _ = CASES[case]
    codecs: list[Codec[Any]] = [serializer.codec(kind) for serializer in OTHERS]

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(json_values)
    def holds(value: Any) -> None:
        data = f'{{"format":1,"type":"{codecs[0].name}","version":1,"value":{json.dumps(value)}}}'.encode()
        judged, fast = (outcome(codec, data, codecs[0]) for codec in codecs)
        assert judged == fast

    holds()
