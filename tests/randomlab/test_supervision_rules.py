"""Each rule about supervision finds a story that breaks it, and nothing in the same story told right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs
import pytest

import trioactors as ta
from randomlab.contract import RULES, Story
from randomlab.data import Application, Child, Handler, Kind, Tree
from randomlab.notes import Began, Ended, Got, Hook, Note, Op, Row, Sent
from trioactors.trace.records import (
    ChildExited,
    ChildFailed,
    ChildIgnored,
    ChildStarted,
    ChildStartFailed,
    Drained,
    GaveUp,
    MessageAccepted,
    MessageDeadLettered,
    RestartScheduled,
    TraceRecord,
)

CRASH: Final = ta.Exit(ta.ExitKind.CRASH, error=ValueError("broken"))
SHUTDOWN: Final = ta.Exit(ta.ExitKind.SHUTDOWN)
KILLED: Final = ta.Exit(ta.ExitKind.KILLED)
DECLINED: Final = ta.Exit(ta.ExitKind.CRASH, error=ta.Ignore())
LEFT: Final = ta.Exit(ta.ExitKind.SHUTDOWN, "done")


def application(options: Mapping[str, Any], grace: object) -> Application:
    """Three actors, the last one temporary and significant, under a supervisor with *options*. The first one has this *grace*."""
    kinds = (Kind("Plain", {}, (Handler("h", {}, ()),)),)
    children = (
        Child("a", "Plain", {"grace": grace}),
        Child("b", "Plain", {"grace": 2.0}),
        Child("c", "Plain", {"grace": 2.0, "restart": "temporary", "significant": True}),
    )
    return Application(kinds, Tree("top", {}, (Tree("inner", options, children),)), (), None, {"grace": 1.0}, {})


def told(options: Mapping[str, Any], notes: Sequence[Note], trace: Sequence[TraceRecord], *, grace: object = 2.0) -> list[str]:
    """The names of the rules that find something wrong."""
    story = Story(application(options, grace), notes, [(1, record) for record in trace], (), 1)
    return [rule.__name__ for rule in RULES if list(rule(story))]


def starts(child: str, time: float = 0.0, incarnation: int = 1) -> ChildStarted:
    return ChildStarted(time=time, child=child, incarnation=incarnation)


def exits(child: str, time: float, reason: ta.Exit = CRASH, incarnation: int = 1) -> ChildExited:
    return ChildExited(time=time, child=child, incarnation=incarnation, reason=reason)


def restarts(child: str, time: float, delay: float = 0.0, *more: str) -> RestartScheduled:
    return RestartScheduled(time=time, child=child, delay=delay, group=(child, *more))


def fails_to_start(child: str, time: float) -> ChildStartFailed:
    return ChildStartFailed(time=time, child=child, reason=CRASH)


def op(what: str, target: str, at: float, phase: str = "begins", *, seen: int = 0, id: str = "x") -> Op:  # noqa: A002 - as in the note
    return Op(at=at, life=1, seen=seen, id=id, what=what, target=target, phase=phase)


def by_hand(what: str, target: str, begins: tuple[float, int], ends: tuple[float, int], how: str = "done") -> tuple[Op, Op]:
    """An operation, with the times and the places in the trace at which it began and ended."""
    return op(what, target, begins[0], seen=begins[1]), op(what, target, ends[0], how, seen=ends[1])


def row(child: str, status: str, incarnation: int, seen: int) -> Row:
    return Row(at=1.0, life=1, seen=seen, supervisor="inner", child=child, status=status, incarnation=incarnation)


UP: Final = (starts("a"), starts("b"), starts("c"), starts("inner"), starts("top"))
TWICE: Final = (exits("a", 1.0), restarts("a", 1.0), starts("a", 1.0, 2), exits("a", 2.0, CRASH, 2), restarts("a", 2.0))
AGAIN: Final = starts("a", 2.0, 3)
ROW: Final = (exits("a", 1.0), restarts("a", 1.0, 0.1), starts("a", 1.1, 2), exits("a", 2.0, CRASH, 2))
BACKOFF: Final = {"backoff": "ta.Backoff(base=0.1, jitter=0.0)"}
OWN: Final = {"child_intensity": "ta.Intensity(1, 5.0)"}
ALL: Final = {"strategy": "one_for_all"}
SLOW: Final = (exits("c", 1.0, SHUTDOWN), exits("a", 4.0, KILLED), exits("inner", 4.0, SHUTDOWN))
GROUP: Final = (exits("a", 1.0), exits("c", 1.0, SHUTDOWN), exits("b", 1.0, SHUTDOWN))
DEFERRED: Final = (
    Sent(at=0.0, life=1, seen=5, page="p", sender="user 0", by=None, target="a", handler="h", way="call", within=None),
    Began(at=0.0, life=1, seen=5, actor="a", instance=1, incarnation=1, page="p", handler="h", state=()),
    Ended(at=0.0, life=1, seen=5, actor="a", instance=1, incarnation=1, page="p", state=(), how="returned"),
    Got(at=1.0, life=1, seen=6, page="p", error="ActorStopped"),
)
WAITS: Final = (
    Began(at=0.0, life=1, seen=5, actor="a", instance=1, incarnation=1, page="p", handler="h", state=()),
    op("restart", "b", 0.0, seen=5, id="p!1"),
    op("restart", "b", 2.0, "cancelled", seen=5, id="p!1"),
    Ended(at=2.0, life=1, seen=5, actor="a", instance=1, incarnation=1, page="p", state=(), how="killed"),
)
LETTER: Final = MessageDeadLettered(time=2.0, child="b", message=1, handler="h", reason="b was stopped")
ACCEPTED: Final = MessageAccepted(time=1.0, child="b", message=1, handler="h", sender=None)

Told = tuple[Mapping[str, Any], Sequence[Note], Sequence[TraceRecord]]

RIGHT: Mapping[str, Told] = {
    "two restarts": ({"intensity": "ta.Intensity(2, 5.0)"}, (), (*UP, *TWICE, AGAIN)),
    "one that gives up": (
        {"intensity": "ta.Intensity(0, 5.0)"},
        (),
        (
            *(*UP, exits("a", 1.0), GaveUp(time=1.0, child="inner", restarts=1), exits("c", 1.0, SHUTDOWN)),
            *(
                exits("b", 1.0, SHUTDOWN),
                exits("inner", 1.0, ta.Exit(ta.ExitKind.SHUTDOWN, error=ta.SupervisorGaveUp("inner", ()))),
            ),
            restarts("inner", 1.0),
        ),
    ),
    "a child that fails": (OWN, (), (*UP, *TWICE[:-1], ChildFailed(time=2.0, child="a", restarts=2, reason=CRASH))),
    "a restart by hand begins a new row": (
        BACKOFF,
        by_hand("restart", "a", (1.5, 8), (1.5, 10)),
        (*UP, *ROW[:3], exits("a", 1.5, SHUTDOWN, 2), starts("a", 1.5, 3), exits("a", 2.0, CRASH, 3), restarts("a", 2.0, 0.1)),
    ),
    "back-offs": (BACKOFF, (), (*UP, *ROW, restarts("a", 2.0, 0.2), starts("a", 2.2, 3))),
    "restarts in place": (
        {},
        (),
        (*UP, exits("b", 1.0), restarts("b", 1.0), exits("a", 1.0), restarts("a", 1.0), starts("a", 1.0, 2), starts("b", 1.0, 2)),
    ),
    "a child that declines to start again": (
        ALL,
        (),
        (
            *(*UP, exits("b", 1.0), exits("a", 1.0), exits("c", 1.0, SHUTDOWN)),
            RestartScheduled(time=1.0, child="b", delay=0.0, group=("a", "b")),
            *(exits("a", 1.5, DECLINED, 2), ChildIgnored(time=1.5, child="a"), starts("b", 1.5, 2)),
        ),
    ),
    "a group": (ALL, (), (*UP, *GROUP, restarts("a", 1.0, 0.0, "b"), starts("a", 1.0, 2), starts("b", 1.0, 2))),
    "a stop by hand": ({}, by_hand("stop", "a", (1.0, 5), (3.0, 6)), (*UP, exits("a", 3.0, KILLED))),
    "the end of a significant child": (
        {"auto_shutdown": "any_significant"},
        (),
        (*UP, exits("c", 1.0, LEFT), exits("b", 1.0, SHUTDOWN), exits("a", 1.0, SHUTDOWN), exits("inner", 1.0, SHUTDOWN)),
    ),
    "rows": (BACKOFF, (row("a", "running", 1, 5), row("a", "restarting", 1, 7)), (*UP, exits("a", 1.0), restarts("a", 1.0, 0.1))),
    "a name that is taken": ({}, by_hand("take", "a", (1.0, 5), (1.0, 5), "NameTaken"), UP),
}

WRONG: Mapping[str, tuple[Told, str]] = {
    "one restart too many": (({"intensity": "ta.Intensity(1, 5.0)"}, (), (*UP, *TWICE, AGAIN)), "restarts_are_counted"),
    "one that gives up too early": (
        ({"intensity": "ta.Intensity(3, 5.0)"}, (), (*UP, *TWICE, GaveUp(time=2.0, child="inner", restarts=3))),
        "restarts_are_counted",
    ),
    "a child that should have failed": ((OWN, (), (*UP, *TWICE, AGAIN)), "own_restarts_are_counted"),
    "a child that fails too early": (
        (OWN, (), (*UP, exits("a", 1.0), ChildFailed(time=1.0, child="a", restarts=2, reason=CRASH))),
        "own_restarts_are_counted",
    ),
    "a back-off that does not grow": ((BACKOFF, (), (*UP, *ROW, restarts("a", 2.0, 0.1))), "backoffs_grow"),
    "a back-off that a restart by hand did not end": (
        (
            BACKOFF,
            by_hand("restart", "a", (1.5, 8), (1.5, 10)),
            (*UP, *ROW[:3], exits("a", 1.5, SHUTDOWN, 2), starts("a", 1.5, 3), exits("a", 2.0, CRASH, 3), restarts("a", 2.0, 0.2)),
        ),
        "backoffs_grow",
    ),
    "a restart in a back-off": ((BACKOFF, (), (*UP, *ROW[:2], starts("a", 1.0, 2))), "restarts_wait_their_time"),
    "a group that is not whole": (
        (ALL, (), (*UP, *GROUP, restarts("a", 1.0), starts("a", 1.0, 2))),
        "groups_restart_whole",
    ),
    "a group that waits for another restart": (
        (
            ALL,
            (),
            (
                *UP,
                *GROUP,
                restarts("a", 1.0, 0.0, "b"),
                starts("a", 1.0, 2),
                exits("a", 1.0, CRASH, 2),
                restarts("a", 1.0, 0.0, "b"),
            ),
        ),
        "groups_restart_whole",
    ),
    "a start behind one that failed": (
        (ALL, (), (*UP, *GROUP, restarts("a", 1.0, 0.0, "b"), fails_to_start("a", 1.0), starts("b", 1.0, 2))),
        "failed_starts_are_tried_again",
    ),
    "an incarnation that is left out": (({}, (), (*UP, exits("a", 1.0), starts("a", 1.0, 3))), "incarnations_are_counted"),
    "a group that stops too slowly": (
        (ALL, (), (*UP, exits("a", 1.0), exits("b", 4.0, KILLED), restarts("a", 1.0, 0.0, "b"))),
        "stops_take_their_graces",
    ),
    "a supervisor that gives up and stops too slowly": (
        (
            ALL | {"intensity": "ta.Intensity(0, 5.0)"},
            (),
            (*UP, exits("b", 1.0), GaveUp(time=1.0, child="inner", restarts=1), *SLOW),
        ),
        "stops_take_their_graces",
    ),
    "a grace that is counted anew": (
        ({}, by_hand("stop", "a", (1.0, 5), (4.0, 6)), (*UP, exits("a", 4.0, KILLED))),
        "stops_by_hand_take_their_grace",
    ),
    "a significant child whose end changes nothing": (
        ({"auto_shutdown": "any_significant"}, (), (*UP, exits("c", 1.0, LEFT), exits("a", 60.0))),
        "significant_children_end_their_supervisor",
    ),
    "a supervisor that exits without a reason": (
        ({}, (), (*UP, exits("inner", 1.0, SHUTDOWN), restarts("inner", 1.0), starts("inner", 2.0, 2))),
        "supervisors_exit_for_a_reason",
    ),
    "a supervisor that gives up and goes on": (
        (
            {"intensity": "ta.Intensity(0, 5.0)"},
            (),
            (*UP, exits("a", 1.0), GaveUp(time=1.0, child="inner", restarts=1), restarts("a", 1.0)),
        ),
        "nothing_starts_below_one_that_gave_up",
    ),
    "a name that is given twice": (
        ({}, by_hand("take", "a", (1.0, 5), (1.0, 5)), UP),
        "names_are_held_and_freed",
    ),
    "a name that is never free again": (
        (
            {},
            (op("out", "inner", 1.0, "done", seen=5), *by_hand("take", "a", (1.0, 5), (1.0, 5), "NameTaken")),
            UP,
        ),
        "names_are_held_and_freed",
    ),
    "a row of something else": (({}, (row("a", "running", 1, 6),), (*UP, exits("a", 1.0))), "rows_are_true"),
    "a stop that takes too long": (
        ({}, (op("end", "life 1", 1.0),), (*UP, exits(":root", 30.0, SHUTDOWN))),
        "whole_stops_keep_their_time",
    ),
    "a drain that leaves a message": (
        ({}, (), (*UP, ACCEPTED, Drained(time=1.0, child=":root", seconds=0.0, left=0), LETTER)),
        "drains_leave_nothing",
    ),
    "a drain that leaves a reply": (
        (
            {},
            (*by_hand("stop and drain", "a", (0.5, 5), (1.0, 6)), *DEFERRED),
            (*UP, exits("a", 1.0, SHUTDOWN)),
        ),
        "drains_wait_for_replies",
    ),
    "a wait for one's own supervisor": (({}, WAITS, (*UP, exits("a", 2.0, KILLED))), "nobody_waits_for_their_own_end"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_story_that_is_right_breaks_no_rule(name: str) -> None:
    assert told(*RIGHT[name]) == []


@pytest.mark.parametrize("name", WRONG)
def test_a_story_that_is_wrong_breaks_its_rule(name: str) -> None:
    story, rule = WRONG[name]
    assert rule in told(*story)


def test_a_supervisor_that_stops_already_is_not_asked_again() -> None:
    stops = (exits("b", 1.0), GaveUp(time=1.0, child="inner", restarts=1), exits("c", 1.0, SHUTDOWN))
    above = GaveUp(time=2.0, child="top", restarts=1)
    ends = (exits("a", 3.0, KILLED), exits("inner", 3.0, SHUTDOWN), exits("top", 3.0, SHUTDOWN))

    assert "stops_take_their_graces" not in told({}, (), (*UP, *stops, above, *ends))
    assert "stops_take_their_graces" in told({}, (), (*UP, stops[0], stops[2], above, *ends))


def test_a_supervisor_that_stops_a_group_already_asks_none_of_it_again() -> None:
    ends = (exits("a", 3.0, KILLED), exits("inner", 3.0, SHUTDOWN), exits("top", 3.0, SHUTDOWN))
    trace = (*UP, exits("c", 1.0), exits("b", 1.0, SHUTDOWN), GaveUp(time=2.0, child="top", restarts=1), *ends)

    assert "stops_take_their_graces" not in told(ALL, (), trace)
    assert "stops_take_their_graces" in told({}, (), trace)


def test_a_name_may_be_taken_again_while_somebody_waits_for_it() -> None:
    out, begins, taken = op("out", "inner", 1.0, "done", seen=5), *by_hand("take", "a", (1.0, 5), (1.0, 6), "NameTaken")

    assert "names_are_held_and_freed" not in told({}, (out, begins, taken), (*UP, starts("a", 1.0, 2)))
    assert "names_are_held_and_freed" in told({}, (out, begins, taken), UP)


@pytest.mark.parametrize(("rule", "free"), [("temporary", True), ("transient", False)])
def test_the_names_below_a_temporary_supervisor_are_free_when_it_has_exited(rule: str, *, free: bool) -> None:
    taken = by_hand("take", "a", (1.0, 6), (1.0, 6))

    assert ("names_are_held_and_freed" not in told({"restart": rule}, taken, (*UP, exits("inner", 1.0)))) is free


@pytest.mark.parametrize(("child", "reason", "kept"), [("c", CRASH, False), ("c", LEFT, False), ("a", CRASH, True)])
def test_a_pause_ends_with_an_exit_for_good(child: str, reason: ta.Exit, *, kept: bool) -> None:
    pause = op("pause", child, 0.5, seen=5), op("pause", child, 1.0, "paused", seen=6)
    begins = Began(at=2.0, life=1, seen=7, actor=child, instance=2, incarnation=2, page="p", handler="h", state=())
    trace = (*UP, exits(child, 1.0, reason), starts(child, 1.0, 2))

    assert ("pauses_are_kept" in told({}, (*pause, begins), trace)) is kept


@pytest.mark.parametrize(("rule", "kept"), [("temporary", False), ("permanent", True)])
def test_a_pause_ends_with_a_temporary_supervisor(rule: str, *, kept: bool) -> None:
    pause = op("pause", "a", 0.5, seen=5), op("pause", "a", 1.0, "paused", seen=6)
    begins = Began(at=2.0, life=1, seen=8, actor="a", instance=2, incarnation=1, page="p", handler="h", state=())
    trace = (*UP, exits("a", 1.0, SHUTDOWN), exits("inner", 1.0, SHUTDOWN), starts("a", 1.0))

    assert ("pauses_are_kept" in told({"restart": rule}, (*pause, begins), trace)) is kept


@pytest.mark.parametrize(("since", "time", "wrong"), [(0.5, 2.5, False), (0.5, 2.0, True), (1.0, 2.5, True)])
def test_the_grace_of_a_child_that_stops_by_itself_is_not_counted_anew(since: float, time: float, *, wrong: bool) -> None:
    stops = attrs.evolve(on_stop("begins", since, 5), incarnation=1, why="normal")
    trace = (*UP, exits("b", 1.0), GaveUp(time=1.0, child="inner", restarts=1), exits("c", 1.0, SHUTDOWN))

    assert (
        "stops_take_their_graces" in told({}, [stops], (*trace, exits("a", time, KILLED), exits("inner", time, SHUTDOWN)))
    ) is wrong


@pytest.mark.parametrize(("then", "wrong"), [((), False), ((starts("a", 2.0, 2), exits("a", 3.0, CRASH, 2)), True)])
def test_a_child_that_failed_is_failed_when_a_start_by_hand_fails(then: Sequence[TraceRecord], *, wrong: bool) -> None:
    failed = (exits("a", 1.0), ChildFailed(time=1.0, child="a", restarts=1, reason=CRASH), exits("a", 1.5, CRASH, 2), *then)
    trace = (*UP, *failed)

    assert ("rows_are_true" in told(OWN, [row("a", "failed", 2, len(trace))], trace)) is wrong


def test_a_supervisor_further_above_may_be_free_while_another_one_stops_the_actor() -> None:
    waits = [attrs.evolve(note, target="inner") if isinstance(note, Op) else note for note in WAITS]

    assert "nobody_waits_for_their_own_end" not in told({}, waits, (*UP, exits("a", 2.0, KILLED)))


def test_an_actor_without_grace_is_killed_while_it_waits_for_its_supervisor() -> None:
    assert "nobody_waits_for_their_own_end" not in told({}, WAITS, (*UP, exits("a", 2.0, KILLED)), grace="ta.BRUTAL_KILL")


def on_stop(phase: str, at: float, seen: int) -> Hook:
    """A note of `on_stop` of the second incarnation of *a*, which was asked to stop."""
    return Hook(
        at=at, life=1, seen=seen, actor="a", instance=2, incarnation=2, hook="on_stop", phase=phase, state=(), why="shutdown"
    )


def test_an_actor_that_starts_when_its_supervisor_is_stopped_goes_first() -> None:
    trace = (*UP, exits("a", 1.0), restarts("a", 1.0), starts("a", 1.5, 2))
    stops = on_stop("begins", 2.0, 8)

    assert "stops_go_backwards" not in told({}, (*by_hand("terminate_child", "inner", (1.2, 7), (2.0, 8)), stops), trace)
    assert "stops_go_backwards" in told({}, (*by_hand("terminate_child", "inner", (1.7, 8), (2.0, 8)), stops), trace)


def test_an_actor_that_starts_when_the_whole_system_is_stopped_goes_first() -> None:
    down, again, ends = (exits("a", 1.0), restarts("a", 1.0)), starts("a", 1.5, 2), exits(":dynamic", 1.2, SHUTDOWN)
    stops = on_stop("begins", 2.0, 9)

    assert "stops_go_backwards" not in told({}, [stops], (*UP, *down, ends, again))
    assert "stops_go_backwards" in told({}, [stops], (*UP, *down, again, attrs.evolve(ends, time=1.7)))
    assert "stops_go_backwards" in told({}, [stops], (*UP, ends, *down, again)), "it was down only afterwards"


def test_one_without_options_that_is_in_the_place_of_a_child_has_the_grace_of_all() -> None:
    replaced = by_hand("replace", "a", (0.5, 5), (0.5, 7))
    took, longer = ((on_stop("begins", 2.0, 8), on_stop("Cancelled", time, 8)) for time in (3.0, 3.5))

    assert "stops_keep_their_grace" in told({}, took, UP, grace=0.5)
    assert "stops_keep_their_grace" not in told({}, (*replaced, *took), UP, grace=0.5)
    assert "stops_keep_their_grace" in told({}, (*replaced, *longer), UP, grace=0.5)
