"""The rules about dead letters and large records: each finds a story that breaks it, and nothing in the same story told right."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import pytest

import trioactors as ta
from randomlab.contract.letters import LETTERS
from randomlab.contract.story import Story
from randomlab.notes import Note
from randomlab.test_contract import application, began, ended, exited, got, sent, started
from trioactors.trace.records import CommitFailed, MessageDeadLettered, TraceRecord

LETTER = MessageDeadLettered(time=1.0, child="light", message=1, handler="h", reason="it was stopped for good")
CAST = sent("a", way="cast")
DONE = (began("a"), ended("a"))
LARGE = "a".ljust(20_001, ".")
FAILED = CommitFailed(time=1.0, child="kept", error="OverLimit")


def told(notes: Sequence[Note], trace: Sequence[TraceRecord] = ()) -> list[str]:
    """The names of the rules that find something wrong."""
    story = Story(attrs.evolve(application(), store="small file:"), notes, [(1, record) for record in trace], (), 1)
    return [rule.__name__ for rule in LETTERS if list(rule(story))]


@pytest.mark.parametrize(
    ("notes", "trace", "wrong"),
    [
        ((CAST,), (LETTER,), False),
        ((CAST,), (LETTER, LETTER), True),
        ((CAST, *DONE), (LETTER,), True),
        ((CAST, DONE[0], ended("a", how="killed")), (LETTER,), False),
        ((attrs.evolve(CAST, way="call"),), (LETTER,), True),
    ],
)
def test_what_was_handled_is_no_dead_letter(notes: Sequence[Note], trace: Sequence[TraceRecord], *, wrong: bool) -> None:
    assert ("dead_letters_were_not_handled" in told(notes, trace)) is wrong


@pytest.mark.parametrize(
    ("state", "error", "wrong"), [(LARGE, None, True), (LARGE, "OverLimit", False), ("a", None, False), ("a", "OverLimit", True)]
)
def test_a_record_is_refused_if_it_is_too_large_and_only_then(state: str, error: str | None, *, wrong: bool) -> None:
    call = (sent("a", to="kept"), began("a", by="kept"), ended("a", by="kept", state=[state]), got("a", error=error))

    assert ("records_keep_their_limit" in told(call)) is wrong


@pytest.mark.parametrize(("after", "wrong"), [((exited("kept", 1.0, ta.ExitKind.CRASH),), False), ((), True)])
def test_an_actor_whose_record_is_too_large_crashes(after: Sequence[TraceRecord], *, wrong: bool) -> None:
    assert ("records_keep_their_limit" in told((), (FAILED, *after, started("light", 90.0)))) is wrong
