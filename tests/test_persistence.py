"""The values of the port of stores, and the rules of a commit as plain functions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioactors.persistence import (
    ABSENT,
    Batch,
    Change,
    Check,
    Committed,
    Conflict,
    Decision,
    Key,
    Limits,
    Space,
    TooLarge,
    Write,
    decide,
    prefix_end,
)


def key(name: str) -> Key:
    return Key(Space.STATE, name)


def settle(*batches: Batch, known: dict[str, int] | None = None, sequence: int = 0, limits: Limits | None = None) -> Decision:
    revisions = known or {}
    return decide(batches, limits=limits or Limits(), sequence=sequence, revision=lambda asked: revisions.get(asked.name, ABSENT))


def test_a_name_with_a_lone_surrogate_is_no_key() -> None:
    with pytest.raises(ValueError, match="lone surrogates"):
        key("half \ud83d")


def test_a_batch_writes_each_key_once() -> None:
    with pytest.raises(ValueError, match="once at most"):
        Batch((Write(key("a"), b"1", expected=0), Write(key("a"), b"2", expected=1)))


def test_equal_names_in_two_spaces_are_two_keys() -> None:
    batch = Batch((Write(key("a"), b"", expected=0), Write(Key(Space.EVENT, "a"), b"", expected=0)))

    assert len(batch.writes) == 2


def test_secrets_do_not_show_in_the_repr_of_a_write() -> None:
    assert "secret" not in repr(Write(key("a"), b"secret", expected=0))


def test_a_new_key_starts_above_everything() -> None:
    decision = settle(Batch((Write(key("a"), b"", expected=0),)), sequence=41)

    assert decision == Decision((Committed((42,)),), (Change(key("a"), b"", 42),), 42)


def test_a_known_key_goes_on_by_one() -> None:
    decision = settle(Batch((Write(key("a"), b"", expected=3),)), known={"a": 3}, sequence=41)

    assert decision.answers == (Committed((4,)),)
    assert decision.sequence == 42


def test_a_conflict_changes_nothing() -> None:
    decision = settle(Batch((Write(key("a"), b"", expected=2),)), known={"a": 3}, sequence=9)

    assert decision == Decision((Conflict(key("a"), 2, 3),), (), 9)


def test_checks_come_before_writes() -> None:
    batch = Batch((Write(key("a"), b"", expected=5),), (Check(key("fence"), 1),))

    assert settle(batch).answers == (Conflict(key("fence"), 1, ABSENT),)


def test_a_record_beyond_the_limit_is_refused() -> None:
    limits = Limits(record_bytes=3)

    decision = settle(Batch((Write(key("a"), b"1234", expected=0),)), Batch((Write(key("b"), b"123", expected=0),)), limits=limits)

    assert decision.answers == (TooLarge(key("a"), 4, 3), Committed((1,)))


def test_a_name_is_measured_in_bytes() -> None:
    limits = Limits(key_bytes=4)

    decision = settle(
        Batch((Write(key("\u20ac\u20ac"), b"", expected=0),)), Batch((Write(key("four"), b"", expected=0),)), limits=limits
    )

    assert decision.answers == (TooLarge(key("\u20ac\u20ac"), 6, 4), Committed((1,)))


writes = st.tuples(st.sampled_from("abc"), st.booleans(), st.one_of(st.none(), st.integers(0, 4)))


@given(st.lists(writes, max_size=12))
def test_the_last_change_of_a_key_is_what_it_is_at(script: list[tuple[str, bool, int | None]]) -> None:
    batches = [Batch((Write(key(name), b"x" if keep else None, expected=expected),)) for name, keep, expected in script]

    decision = settle(*batches)

    now: dict[str, int] = {}
    highest = 0
    changes = iter(decision.changes)
    for (name, keep, expected), answer in zip(script, decision.answers, strict=True):
        at = now.get(name, ABSENT)
        if expected is not None and expected != at:
            assert answer == Conflict(key(name), expected, at)
            continue
        revision = next(changes).revision
        assert answer == Committed((revision,))
        assert (revision != ABSENT) == keep
        assert not keep or revision == at + 1 or (at == ABSENT and revision > highest)
        now[name] = revision
        highest = max(highest, revision)
    assert decision.sequence >= highest


@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
def test_the_end_of_a_prefix_parts_the_names(prefix: str, name: str) -> None:
    end = prefix_end(prefix)

    inside = prefix <= name and (end is None or name < end)

    assert inside == name.startswith(prefix)


def test_a_prefix_of_the_last_character_has_no_end() -> None:
    assert prefix_end("\U0010ffff") is None
    assert prefix_end("") is None
