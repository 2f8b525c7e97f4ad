"""The rules about gates, windows, idleness and partings: each finds a story that breaks it, and nothing in the same story told right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
import pytest

import trioactors as ta
from randomlab.contract import RULES, Story
from randomlab.contract.gate import GATE
from randomlab.contract.idleness import IDLENESS
from randomlab.contract.partings import PARTINGS
from randomlab.contract.windows import WINDOWS
from randomlab.data import Application, Child, Handler, Kind, Line, Tree
from randomlab.notes import Note, Op, TimerSet
from randomlab.test_contract import began, ended, exited, got, hook, sent, started
from trioactors.testing.simulation.plans import Injection
from trioactors.testing.simulation.plans import Kind as Fault
from trioactors.trace.records import CommitFailed, MessageShed, StateCommitted, TraceRecord

WRITE = (Line("act.write()"),)


def application() -> Application:
    """An actor that commits each message, one that commits windows of a second, and one that is told when deferred callers leave."""
    tells = Handler("h", {"timeout": 1.0}, WRITE, defers="defer('h')")
    handlers = (Handler("h", {"timeout": 1.0, "raises": "(Refused,)"}, WRITE),)
    kinds = (
        Kind("Kept", {"persist": "ta.EVERY_MESSAGE"}, handlers),
        Kind("Late", {"persist": "ta.Within(1.0)"}, handlers),
        Kind("Light", {}, (tells,)),
    )
    children = (Child("kept", "Kept", {}), Child("late", "Late", {}), Child("light", "Light", {}))
    return Application(kinds, Tree("top", {}, (Tree("inner", {}, children),)), (), "file:", {}, {})


def _at(kind: Callable[..., Note], at: float, **details: Any) -> Any:
    return kind(at=at, life=1, seen=details.pop("seen", 0), **details)


def told(notes: Sequence[Note], trace: Sequence[TraceRecord] = (), faults: Sequence[tuple[float, Injection]] = ()) -> set[str]:
    """The rules of these files that find something wrong."""
    story = Story(application(), notes, [(1, record) for record in trace], faults, 1)
    return {rule.__name__ for rule in (*GATE, *IDLENESS, *PARTINGS, *WINDOWS) if list(rule(story))}


def after(note: Any, seen: int, **changes: Any) -> Any:
    """The same note when the trace had so many records."""
    return attrs.evolve(note, seen=seen, **changes)


def committed(child: str = "kept", time: float = 0.0) -> StateCommitted:
    return StateCommitted(time=time, child=child, revision=1, size=1)


def failed(child: str = "late", time: float = 0.0, error: str = "StoreFull") -> CommitFailed:
    return CommitFailed(time=time, child=child, error=error)


def operation(phase: str, at: float, *, what: str = "stop", on: str = "light", seen: int = 0) -> Op:
    made: Op = _at(Op, at, id="o", what=what, target=on, phase=phase, seen=seen)
    return made


WROTE = (began("a", by="kept"), ended("a", by="kept", state=["a"]))
ANSWERED = (sent("a", to="kept"), *WROTE)
READ = (sent("b", to="kept"), began("b", by="kept", state=["a"]), ended("b", by="kept", state=["a"]))
CASTS = (began("a", by="kept"), sent("b", by="a", sender="kept#1", way="cast"), ended("a", by="kept", state=["a"]))
TIMER = _at(
    TimerSet, 0.0, actor="kept", instance=1, incarnation=1, key="x", page="t", by="a", handler="h", delay=0.0, repeats=False
)
START = (hook("on_start", "begins", of="kept"), attrs.evolve(hook("on_start", "returned", of="kept"), state=("s",)))
LATE = (began("a", by="late"), ended("a", by="late", state=["a"]))
LATER = began("b", 9.0)
STOPPED = attrs.evolve(hook("on_stop", "returned", 1.0, of="late", why="shutdown"), state=("a",))
STARTS = hook("on_start", "begins", 1.0, of="late", instance=2, seen=1)
DEFERRED = (sent("a"), began("a"), attrs.evolve(ended("a"), value=None), got("a", 1.0, error="CallTimeout", begun=True))

Case = tuple[Sequence[Note], Sequence[TraceRecord]]

WRONG: dict[str, tuple[Case, str]] = {
    "an answer before its commit": (((*ANSWERED, got("a", value=("a",))), ()), "nothing_leaves_before_its_commit"),
    "a reading answer before the commit of what it read": (
        ((*ANSWERED, *READ, got("b", value=("a",))), ()),
        "nothing_leaves_before_its_commit",
    ),
    "a declared error before the commit of what it knew": (
        (
            (
                *WROTE,
                *(sent("b", to="kept"), began("b", by="kept", state=["a"]), ended("b", by="kept", how="declared", state=["a"])),
                got("b", error="Refused"),
            ),
            (),
        ),
        "nothing_leaves_before_its_commit",
    ),
    "a cast before its commit": (((*CASTS, began("b"), ended("b")), ()), "nothing_leaves_before_its_commit"),
    "a timer before its commit": (
        ((began("a", by="kept"), TIMER, ended("a", by="kept", state=["a"]), began("t", by="kept", state=["a"])), ()),
        "nothing_leaves_before_its_commit",
    ),
    "a cast that is handled while its handler runs": (
        ((began("a", by="kept"), sent("b", by="a", sender="kept#1", way="cast"), began("b")), ()),
        "casts_wait_for_their_handler",
    ),
    "a start before its commit": ((START, (started("kept"),)), "starts_wait_for_their_commit"),
    "a window that is never committed": (((*LATE, LATER), (started("light", 8.0),)), "windows_are_kept"),
    "a window that is committed late": (((*LATE, LATER), (committed("late", 3.0),)), "windows_are_kept"),
    "a failed window that is not tried again": (
        ((*LATE, LATER), (failed(time=0.5), started("light", 8.0))),
        "windows_are_kept",
    ),
    "an orderly exit that loses its window": (((STOPPED, STARTS), (exited("late", 1.0),)), "orderly_exits_lose_nothing"),
    "a message that waits for an idle actor": (
        ((after(sent("a"), 1), after(began("a", 0.5), 1)), (started("light"),)),
        "the_idle_begin_what_waits",
    ),
    "a call that an idle actor never begins": (
        ((after(sent("a"), 1), after(got("a", 1.0, error="CallTimeout", begun=False), 1)), (started("light"),)),
        "the_idle_begin_what_waits",
    ),
    "a caller that waits for an actor which was stopped": (
        (
            (
                *(after(sent("a"), 1), operation("begins", 0.2, seen=1), operation("done", 0.2, seen=2)),
                after(got("a", 1.0, error="CallTimeout", begun=False), 2),
            ),
            (started("light"), exited("light", 0.2)),
        ),
        "nobody_waits_for_the_stopped",
    ),
    "a deferred caller whose leaving nobody is told": (
        ((*DEFERRED, began("b", 60.0), ended("b", 60.0)), ()),
        "who_leaves_is_missed",
    ),
}

RIGHT: dict[str, Case] = {
    "an answer after its commit": ((*ANSWERED, after(got("a", value=("a",)), 1)), (committed(),)),
    "an answer of a state that was undone": (
        (*WROTE, sent("b", to="kept"), began("b", by="kept"), ended("b", by="kept"), got("b")),
        (),
    ),
    "a cast after its commit": ((*CASTS, after(began("b"), 1), after(ended("b"), 1)), (committed(),)),
    "a start after its commit": (START, (committed(), started("kept"))),
    "a start that failed": (START, (exited("kept"),)),
    "a window that is kept": ((*LATE, LATER), (committed("late", 1.0),)),
    "a failed window that is tried again": ((*LATE, LATER), (failed(time=0.5), committed("late", 1.5))),
    "a window of an actor that fell": ((*LATE, LATER), (exited("late", 0.5, ta.ExitKind.CRASH), started("light", 8.0))),
    "a window that a handler outlasts": (
        (*LATE, began("b", 0.5, by="late", state=["a"]), ended("b", 3.0, by="late", state=["a"]), LATER),
        (committed("late", 3.0),),
    ),
    "an orderly exit": ((STOPPED, attrs.evolve(STARTS, state=("a",))), (exited("late", 1.0),)),
    "an exit that was none": ((STOPPED, STARTS), (exited("late", 1.0, ta.ExitKind.CRASH),)),
    "a message that waits for a busy actor": (
        (after(sent("a"), 1), after(began("b"), 1), after(ended("b", 0.5), 1), after(began("a", 0.5), 1)),
        (started("light"),),
    ),
    "a message that waits for a paused actor": (
        (after(operation("paused", 0.0, what="pause"), 1), after(sent("a"), 1), after(began("a", 0.5), 1)),
        (started("light"),),
    ),
    "a caller that learns of a stop": (
        (
            *(after(sent("a"), 1), operation("begins", 0.2, seen=1), operation("done", 0.2, seen=2)),
            after(got("a", 0.2, error="ActorStopped"), 2),
        ),
        (started("light"), exited("light", 0.2)),
    ),
    "a deferred caller that is missed": (
        (*DEFERRED, began("a/left", 1.0), ended("a/left", 1.0), began("b", 60.0), ended("b", 60.0)),
        (),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_story_that_is_wrong_breaks_its_rule(name: str) -> None:
    case, rule = WRONG[name]
    assert rule in told(*case)


@pytest.mark.parametrize("name", RIGHT)
def test_a_story_that_is_right_breaks_no_rule(name: str) -> None:
    assert told(*RIGHT[name]) == set()


def _fault(kind: Fault, at: float, seconds: float = 0.0) -> tuple[float, Injection]:
    return at, Injection(kind, 1, seconds=seconds)


@pytest.mark.parametrize(
    ("name", "faults", "excused"),
    [
        ("a window that is committed late", [_fault(Fault.DELAY, 0.5, 2.5)], True),
        ("a window that is committed late", [_fault(Fault.DELAY, 0.5, 1.0)], False),
        ("a window that is committed late", [_fault(Fault.DELAY, 0.5, 1.0), _fault(Fault.STALL, 1.0, 1.5)], True),
        ("a window that is committed late", [_fault(Fault.DELAY, 0.5, 0.4), _fault(Fault.STALL, 1.0, 1.5)], False),
        ("a message that waits for an idle actor", [_fault(Fault.HOLD, 0.0, 0.5)], True),
        ("a message that waits for an idle actor", [_fault(Fault.HOLD, 2.0, 0.5)], False),
        ("a message that waits for an idle actor", [_fault(Fault.HOLD, -1.0, 0.8), _fault(Fault.STALL, -0.5, 0.3)], True),
        ("a message that waits for an idle actor", [_fault(Fault.HOLD, -1.0, 0.3), _fault(Fault.STALL, -0.5, 0.3)], False),
        ("a caller that waits for an actor which was stopped", [_fault(Fault.STALL, 0.5, 0.5)], True),
        ("a caller that waits for an actor which was stopped", [_fault(Fault.DELAY, 0.5, 0.5)], False),
    ],
)
def test_only_what_was_slow_at_that_time_excuses(name: str, faults: list[tuple[float, Injection]], *, excused: bool) -> None:
    case, rule = WRONG[name]
    assert (rule not in told(*case, faults=faults)) is excused


@pytest.mark.parametrize(("on", "excused"), [("late", True), ("kept", False)])
def test_a_record_that_is_being_deleted_may_be_missing_after_an_exit(on: str, *, excused: bool) -> None:
    forget = operation("begins", 0.5, what="forget", on=on)

    assert ("orderly_exits_lose_nothing" not in told((forget, STOPPED, STARTS), (exited("late", 1.0),))) is excused


def test_an_exit_that_loses_its_window_is_found_without_a_start_hook() -> None:
    later = began("b", 1.0, by="late", instance=2)

    assert "orderly_exits_lose_nothing" in told((STOPPED, after(later, 1)), (exited("late", 1.0),))
    assert "orderly_exits_lose_nothing" not in told((STOPPED, after(later, 1, state=("a",))), (exited("late", 1.0),))


def test_a_message_that_was_shed_waits_to_its_deadline() -> None:
    (notes, trace), rule = WRONG["a caller that waits for an actor which was stopped"]
    shed = [MessageShed(time=0.2, child="light", message=1, handler=handler) for handler in ("h", "another")]

    assert rule not in told(notes, (*trace, shed[0]))
    assert rule in told(notes, (*trace, shed[1]))


def test_every_rule_of_these_files_has_a_story_that_breaks_it() -> None:
    here: set[Callable[..., Any]] = {*GATE, *IDLENESS, *PARTINGS, *WINDOWS}

    assert {rule.__name__ for rule in here} == {rule for _, rule in WRONG.values()}
    assert here <= set(RULES)
