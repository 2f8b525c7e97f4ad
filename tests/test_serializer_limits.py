"""Limits: too large a record is refused before a parser sees it, by a scan in linear time."""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.records import record
from trioactors.errors import OverLimit, SerializationError
from trioactors.serializer import Engine, Json, Limits, Serializer
from trioactors.serializer.limits import check_size

ENGINES = [engine for engine in Engine if engine is Engine.STANDARD or find_spec("orjson")]


def depth_of(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0


def elements_of(value: Any) -> int:
    """The number of elements, counted the slow way."""
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(len(value) - 1, 0) + sum(map(elements_of, value)) if isinstance(value, list) else 0


values = st.recursive(
    st.text('[]{},"\\a', max_size=5) | st.integers(),
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text('[{",\\'), v, max_size=3),
)


@given(values, st.integers(1, 4), st.integers(1, 12))
def test_the_scan_counts_what_a_parser_would_find(value: Any, depth: int, elements: int) -> None:
    limits = Limits(depth=depth, elements=elements)
    fits = depth_of(value) <= depth and elements_of(value) <= elements

    try:
        check_size(json.dumps(value).encode(), limits, "")
    except OverLimit:
        assert not fits
    else:
        assert fits


@pytest.mark.parametrize("engine", ENGINES)
def test_the_depth_limit_is_64_with_the_envelope(engine: Engine) -> None:
    codec = Serializer(engine=engine).codec(Json)
    deepest: Any = json.loads("[" * 63 + "]" * 63)

    assert codec.decode(codec.encode(deepest)) == deepest
    for refused in ([deepest], {"a": deepest}):
        with pytest.raises(OverLimit, match="64 levels"):
            codec.encode(refused)
        with pytest.raises(OverLimit, match="64 levels"):
            codec.decode(record(json.dumps(refused), "Json"))


@pytest.mark.parametrize("data", [b"[" * 100_000, b'{"a":' * 100_000, b"[{" * 100_000, b"]" * 100_000 + b"[" * 100])
def test_brackets_that_never_close_do_not_reach_a_parser(data: bytes) -> None:
    with pytest.raises(OverLimit):
        Serializer().codec(Json).decode(data)


@pytest.mark.parametrize(
    "data",
    [b'"' + b'\\"' * 1_000_000 + b"\\", b'["' * 1_000_000, b'"\\' * 1_000_000, b"[]" * 900_000, b"[" * 65 + b"\\" * 1_000_000],
)
def test_no_bytes_make_the_scan_slow(data: bytes) -> None:
    with pytest.raises(SerializationError):
        Serializer(limits=Limits(elements=10_000_000)).codec(Json).decode(data)


def test_too_many_bytes_are_refused_both_ways() -> None:
    codec = Serializer(limits=Limits(bytes=100)).codec(str)

    with pytest.raises(OverLimit, match=r"147 bytes, the limit is 100; .* Limits\(bytes=...\)"):
        codec.encode("x" * 99)
    with pytest.raises(OverLimit):
        codec.decode(record('"' + "x" * 99 + '"', "str"))


def test_a_state_of_many_megabytes_is_refused_by_default() -> None:
    with pytest.raises(OverLimit, match="the limit is 67,108,864"):
        Serializer(engine=ENGINES[-1]).codec(str).encode("x" * 68_000_000)


def test_too_many_elements_are_refused_both_ways() -> None:
    codec = Serializer(limits=Limits(elements=10)).codec(list[int])

    assert codec.decode(codec.encode([0] * 6)) == [0] * 6
    with pytest.raises(OverLimit, match="11 elements"):
        codec.encode([0] * 7)


def test_a_comma_in_a_text_is_no_element() -> None:
    codec = Serializer(limits=Limits(elements=10, depth=2)).codec(list[str])

    assert codec.decode(codec.encode(['a,[{"\\,,,,,,,,,,,,,,,,,'])) == ['a,[{"\\,,,,,,,,,,,,,,,,,']


@pytest.mark.parametrize("limit", [{"bytes": 0}, {"depth": -1}, {"elements": True}, {"depth": 1.5}])
def test_a_limit_is_a_whole_number_from_one(limit: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="whole number"):
        Limits(**limit)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_generous_depth_still_ends_in_a_clear_error(engine: Engine) -> None:
    data = record("[" * 50_000 + "]" * 50_000, "Json")

    with pytest.raises(SerializationError):
        Serializer(limits=Limits(depth=1_000_000), engine=engine).codec(Json).decode(data)
