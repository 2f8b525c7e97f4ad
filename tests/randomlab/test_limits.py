"""The rule about limits finds a story that breaks it, and nothing in the same story told right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import pytest

import trioactors as ta
from randomlab.contract.limits import limits_are_kept
from randomlab.contract.story import Story
from randomlab.data import Application, Tree
from randomlab.notes import Op
from trioactors.trace.records import ChildExited, TraceRecord


def told(notes: Sequence[Op], trace: Sequence[TraceRecord] = ()) -> bool:
    """Whether something is wrong with what happened to a supervisor that may have one child."""
    room = Tree("room", {"strategy": "dynamic", "max_children": 1}, ())
    application = Application((), Tree("top", {}, (room,)), (), None, {}, {})
    return bool(list(limits_are_kept(Story(application, notes, [(1, record) for record in trace], (), 1))))


def hire(guest: str, how: str, *, seen: tuple[int, int] = (0, 0)) -> tuple[Op, Op]:
    """A request for a child, and its answer."""
    begins = Op(at=0.0, life=1, seen=seen[0], id=guest, what="hire by room", target=guest, phase="begins")
    return begins, attrs.evolve(begins, phase=how, seen=seen[1])


def exits(child: str) -> ChildExited:
    return ChildExited(time=0.0, child=child, incarnation=1, reason=ta.Exit(ta.ExitKind.SHUTDOWN))


STOPPED = Op(at=0.0, life=1, seen=1, id="s", what="stop", target="a", phase="done")
TAKEN, ASKED, CUT_OFF = hire("a", "done"), hire("a", "StartFailed"), hire("a", "cancelled")
SECOND: dict[str, Any] = {how: hire("b", how, seen=(1, 1)) for how in ("done", "TooManyChildren")}


@pytest.mark.parametrize(
    ("before", "trace", "how", "wrong"),
    [
        (TAKEN, (), "TooManyChildren", False),
        (TAKEN, (), "done", True),
        ((), (), "done", False),
        ((), (), "TooManyChildren", True),
        ((*TAKEN, STOPPED), (exits("a"),), "done", False),
        ((*TAKEN, STOPPED), (exits("a"),), "TooManyChildren", True),
        (TAKEN, (exits("a"),), "done", False),
        (TAKEN, (exits("room"),), "done", False),
        (TAKEN, (exits("room"),), "TooManyChildren", True),
        (ASKED, (), "TooManyChildren", True),
        (CUT_OFF, (), "TooManyChildren", False),
        (CUT_OFF, (), "done", False),
    ],
)
def test_a_supervisor_has_as_many_children_as_it_may_have(
    before: Sequence[Op], trace: Sequence[TraceRecord], how: str, *, wrong: bool
) -> None:
    assert told((*before, *SECOND[how]), trace) is wrong


@pytest.mark.parametrize("how", SECOND)
def test_of_two_requests_at_once_either_may_be_refused(how: str) -> None:
    begins, ends = hire("a", "done")

    assert not told((begins, *SECOND[how], ends))
