"""Each rule of the contract finds a story that breaks it, and nothing in the same story told right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import attrs
import pytest

import trioactors as ta
from randomlab.contract import RULES, Story
from randomlab.contract.gate import GATE
from randomlab.contract.idleness import IDLENESS
from randomlab.contract.letters import LETTERS
from randomlab.contract.limits import LIMITS
from randomlab.contract.partings import PARTINGS
from randomlab.contract.windows import WINDOWS
from randomlab.data import Application, Child, Handler, Kind, Line, Tree
from randomlab.notes import Began, Cancelled, Ended, Finished, Got, Hook, Note, Op, Present, Saw, Sent, TimerSet
from randomlab.test_supervision_rules import WRONG as SUPERVISION
from trioactors.testing.simulation.plans import Injection
from trioactors.testing.simulation.plans import Kind as Fault
from trioactors.trace.records import ChildExited, ChildStarted, RestartScheduled, TraceRecord

WRITE = (Line("act.write()"),)


def application(**more: Any) -> Application:
    """One durable actor and one that is not, in a supervisor that restarts them together."""
    handlers = (Handler("h", {"timeout": 1.0, "raises": "(Refused,)"}, WRITE),)
    limited = Handler("limited", {"execution_timeout": 0.5}, WRITE)
    kinds = (Kind("Kept", {"persist": "ta.EVERY_MESSAGE"}, (*handlers, limited)), Kind("Light", {}, handlers))
    children = (
        Child("kept", "Kept", {"grace": 2.0}),
        Child("light", "Light", {"grace": 2.0}),
        Child("guest", "Light", {"restart": "temporary"}),
    )
    inner = Tree("inner", {"strategy": more.get("strategy", "one_for_one")}, children)
    return Application(kinds, Tree("top", {}, (inner,)), (), more.get("store"), {}, {})


def told(*notes: Note, trace: Sequence[TraceRecord] = (), **more: Any) -> list[str]:
    """The names of the rules that find something wrong."""
    story = Story(application(**more), notes, [(1, record) for record in trace], (), 1)
    return [rule.__name__ for rule in RULES if list(rule(story))]


def _at(kind: Callable[..., Note], at: float, **details: Any) -> Any:
    return kind(at=at, life=1, seen=details.pop("seen", 0), **details)


def sent(
    page: str, at: float = 0.0, *, to: str = "light", way: str = "call", by: str | None = None, sender: str = "user 0"
) -> Sent:
    return _at(Sent, at, page=page, sender=sender, by=by, target=to, handler="h", way=way, within=None)


def got(page: str, at: float = 0.0, **details: Any) -> Got:
    return _at(Got, at, page=page, **details)


def began(page: str, at: float = 0.0, *, by: str = "light", instance: int = 1, state: Sequence[str] = ()) -> Began:
    return _at(Began, at, actor=by, instance=instance, incarnation=1, page=page, handler="h", state=tuple(state))


def ended(
    page: str, at: float = 0.0, *, by: str = "light", how: str = "returned", state: Sequence[str] = (), instance: int = 1
) -> Ended:
    value = tuple(state) if how == "returned" else None
    return _at(Ended, at, actor=by, instance=instance, incarnation=1, page=page, state=tuple(state), how=how, value=value)


def hook(name: str, phase: str, at: float = 0.0, *, of: str = "light", why: str = "", seen: int = 0, instance: int = 1) -> Hook:
    return _at(Hook, at, actor=of, instance=instance, incarnation=1, hook=name, phase=phase, state=(), why=why, seen=seen)


def started(child: str, time: float = 0.0) -> ChildStarted:
    return ChildStarted(time=time, child=child, incarnation=1)


def exited(child: str, time: float = 0.0, kind: ta.ExitKind = ta.ExitKind.SHUTDOWN) -> ChildExited:
    return ChildExited(time=time, child=child, incarnation=1, reason=ta.Exit(kind))


def restarted(child: str, time: float = 0.0) -> RestartScheduled:
    return RestartScheduled(time=time, child=child, delay=0.0, group=(child,))


TIMER = _at(
    TimerSet, 0.0, actor="light", instance=1, incarnation=1, key="x", page="t", by="a", handler="h", delay=2.0, repeats=False
)
CANCELLED = _at(Cancelled, 1.0, actor="light", instance=1, incarnation=1, key="x", by="a", existed=True)
ASKED = _at(Op, 0.0, id="w", what="watch", target="light", phase="begins", seconds=6.0)
WATCH = _at(Op, 0.0, id="w", what="watch", target="light", phase="open")
WATCHED = _at(Op, 9.0, id="w", what="watch", target="light", phase="done", seen=9)
PAUSED = _at(Op, 0.0, id="p", what="pause", target="light", phase="paused")
GIVEN = _at(Finished, 0.0, actor="light", instance=1, incarnation=1, page="a", by="b", value=("x",))
SAW = _at(Saw, 1.0, watch="w", target="light", incarnation=1, reason="shutdown")


RIGHT: dict[str, tuple[Sequence[Note], Sequence[TraceRecord]]] = {
    "a call": ((sent("a"), began("a"), ended("a", state=["a"]), got("a", value=("a",))), ()),
    "a declared error of a durable actor": (
        (
            sent("a", to="kept"),
            began("a", by="kept"),
            ended("a", by="kept", how="declared", state=["a"]),
            got("a", error="Refused"),
        ),
        (),
    ),
    "a timeout": ((sent("a"), began("a"), got("a", 1.0, error="CallTimeout", begun=True), ended("a", 1.5)), ()),
    "a timer": ((began("a"), TIMER, ended("a"), began("t", 2.0), ended("t", 2.0)), ()),
    "a watch": ((ASKED, WATCH, SAW, WATCHED), (started("light"), exited("light", 1.0))),
    "a watch that a stall keeps from ending": ((ASKED, WATCH, WATCHED), (started("light"), exited("light", 6.0))),
    "a stop": (
        (
            hook("on_stop", "begins", 1.0, why="shutdown", seen=2, instance=2),
            hook("on_stop", "returned", 3.0, why="shutdown", instance=2),
            hook("on_stop", "begins", 3.0, of="kept", why="shutdown", seen=3),
        ),
        (started("kept"), started("light"), exited("light", 3.0), exited("kept", 3.0)),
    ),
}

WRONG: dict[str, tuple[Sequence[Note], Sequence[TraceRecord], str]] = {
    "a message that begins twice": ((began("a"), ended("a"), began("a"), ended("a")), (), "once"),
    "two messages at once": ((began("a"), began("b")), (), "one_at_a_time"),
    "messages of one sender in another order": (
        (sent("a", way="cast"), sent("b", way="cast"), began("b"), ended("b"), began("a"), ended("a")),
        (),
        "in_order",
    ),
    "a state that was not undone": (
        (
            *(began("a", by="kept"), ended("a", by="kept", how="declared", state=["a"])),
            *(began("b", by="kept", state=["a"]), ended("b", by="kept", state=["a"])),
        ),
        (),
        "states_follow",
    ),
    "a state that a restart forgot": (
        (
            began("a", by="kept"),
            ended("a", by="kept", state=["a"]),
            began("b", by="kept", instance=2),
            ended("b", by="kept", instance=2),
        ),
        (),
        "states_follow",
    ),
    "a message that begins late": ((sent("a"), began("a", 2.0), ended("a", 2.0)), (), "nothing_begins_late"),
    "a caller that waits too long": ((sent("a"), got("a", 2.0, error="CallTimeout", begun=False)), (), "nobody_waits_longer"),
    "a timeout before its time": ((sent("a"), got("a", 0.5, error="CallTimeout", begun=False)), (), "nobody_waits_longer"),
    "a timeout that does not know what began": (
        (sent("a"), began("a"), got("a", 1.0, error="CallTimeout", begun=False), ended("a", 1.5)),
        (),
        "timeouts_know_what_began",
    ),
    "an answer that nobody gave": ((sent("a"), began("a"), ended("a"), got("a", value=("b",))), (), "answers_are_true"),
    "a refused cast that begins": (
        (sent("a", way="cast"), got("a", error="MailboxFull"), began("a"), ended("a")),
        (),
        "refused_casts_never_begin",
    ),
    "a failed message that was kept": (
        (
            *(
                sent("a", to="kept"),
                began("a", by="kept"),
                ended("a", by="kept", state=["a"]),
                got("a", error="StoreFull", outcome="failed"),
            ),
            *(began("b", 1.0, by="kept", state=["a"]), ended("b", 1.0, by="kept", state=["a"])),
        ),
        (),
        "failed_messages_leave_nothing",
    ),
    "a caller that learns of a crash late": (
        (sent("a"), began("a"), ended("a", how="crashed"), got("a", 0.9, error="ActorCrashed")),
        (),
        "callers_learn_at_once",
    ),
    "a cast that is lost": ((sent("a", way="cast"), got("a")), (), "accepted_messages_are_handled"),
    "a cast of a message that was undone": (
        (
            *(began("a", by="kept"), sent("b", by="a", sender="kept#1", way="cast"), ended("a", by="kept", how="declared")),
            *(began("b"), ended("b")),
        ),
        (),
        "undone_messages_send_nothing",
    ),
    "a timer that fires early": ((began("a"), TIMER, ended("a"), began("t", 1.0), ended("t", 1.0)), (), "timers_fire_when_due"),
    "a timer of another incarnation": (
        (began("a"), TIMER, ended("a"), began("t", 2.0, instance=2), ended("t", 2.0, instance=2)),
        (),
        "timers_fire_when_due",
    ),
    "a cancelled timer that fires": (
        (began("a"), TIMER, CANCELLED, ended("a", 1.0), began("t", 2.0), ended("t", 2.0)),
        (),
        "cancelled_timers_are_silent",
    ),
    "a timer that never fires": (
        (began("a"), TIMER, ended("a"), began("b", 60.0), ended("b", 60.0)),
        (),
        "timers_of_the_living_fire",
    ),
    "a child that stays down": (
        (),
        (started("light"), exited("light", 1.0, ta.ExitKind.CRASH), started("other", 2.0)),
        "children_come_back",
    ),
    "a supervisor that leaves a child behind": ((), (started("light"), exited("inner", 1.0)), "groups_fall_together"),
    "a temporary child that comes back": (
        (),
        (started("guest"), exited("guest", 1.0, ta.ExitKind.CRASH), started("guest", 1.0)),
        "temporary_children_stay_away",
    ),
    "a stop in the order of the start": (
        (hook("on_stop", "begins", 1.0, of="kept", why="shutdown", seen=2),),
        (started("kept"), started("light")),
        "stops_go_backwards",
    ),
    "a stop that outlasts its grace": (
        (hook("on_stop", "begins", 1.0, why="normal"), hook("on_stop", "returned", 9.0, why="normal")),
        (),
        "stops_keep_their_grace",
    ),
    "a cycle of waits that nobody refused": (
        (
            *(began("a"), sent("b", by="a", sender="light#1", to="kept"), began("b", by="kept", instance=2)),
            *(sent("c", by="b", sender="kept#2"), got("c", 1.0, error="CallTimeout", begun=False)),
        ),
        (),
        "cycles_are_refused",
    ),
    "a caller that waits for an actor that is gone": (
        (sent("a", to="guest"), got("a", 1.0, error="CallTimeout", begun=False)),
        (started("kept"), started("light"), started("guest"), exited("guest", 0.5)),
        "nobody_waits_for_the_gone",
    ),
    "a message for a caller that has not left": (
        (
            *(sent("a"), began("a"), attrs.evolve(ended("a"), value=None), began("b"), GIVEN, ended("b"), got("a", value=("x",))),
            *(began("a/left"), ended("a/left")),
        ),
        (),
        "a_deferred_caller_that_leaves_is_missed",
    ),
    "a paused actor that begins a message": ((PAUSED, began("a", 1.0)), (), "pauses_are_kept"),
    "an actor that pauses itself and goes on": (
        (began("a"), attrs.evolve(PAUSED, id="a rests", phase="paused by itself"), ended("a"), began("b", 1.0)),
        (),
        "pauses_are_kept",
    ),
    "a crash because the time of a caller was over": (
        (
            *(sent("a"), began("a"), sent("b", 0.5, by="a", sender="light#1", to="kept")),
            *(got("b", 1.0, error="CallTimeout", begun=False), attrs.evolve(ended("a", 1.0, how="crashed"), error="CallTimeout")),
        ),
        (),
        "expired_messages_crash_nobody",
    ),
    "a watch that misses an exit": ((ASKED, WATCH, WATCHED), (started("light"), exited("light", 1.0)), "watches_report_each_exit"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_story_that_is_right_breaks_no_rule(name: str) -> None:
    notes, trace = RIGHT[name]
    assert told(*notes, trace=trace) == []


@pytest.mark.parametrize("name", WRONG)
def test_a_story_that_is_wrong_breaks_its_rule(name: str) -> None:
    notes, trace, rule = WRONG[name]
    assert rule in told(*notes, trace=trace)


def test_a_group_that_restarts_while_one_of_it_runs_is_found() -> None:
    trace = (
        started("kept"),
        started("light"),
        exited("kept", 1.0, ta.ExitKind.CRASH),
        restarted("kept", 1.0),
        started("kept", 1.0),
    )

    assert "groups_fall_together" in told(trace=trace, strategy="one_for_all")
    assert told(trace=trace, strategy="one_for_one") == []


def test_a_reply_that_was_given_later_is_the_answer() -> None:
    late = attrs.evolve(ended("a"), value=None)
    given = _at(Finished, 0.5, actor="light", instance=1, incarnation=1, page="a", by="b", value=("x",))
    notes = (sent("a"), began("a"), late, began("b"), given, ended("b"))

    assert told(*notes, got("a", 0.5, value=("x",))) == []
    assert "answers_are_true" in told(*notes, got("a", 0.5, value=()))


@pytest.mark.parametrize(("seconds", "wrong"), [(0.4, ["states_follow", "callers_learn_at_once"]), (0.5, [])])
def test_only_a_handler_that_ends_when_its_limit_passes_may_have_crashed(seconds: float, wrong: list[str]) -> None:
    begins = attrs.evolve(began("a", by="kept"), handler="limited")
    crashed = got("a", seconds, error="ActorCrashed", outcome="failed")
    notes = (sent("a", to="kept"), begins, ended("a", seconds, by="kept", state=["a"]), crashed)

    assert told(*notes, began("b", seconds, by="kept", instance=2)) == wrong


def test_a_record_that_was_deleted_during_a_start_is_missed_by_the_next_one() -> None:
    begins, done = (_at(Op, 0.0, id="f", what="forget", target="kept", phase=phase) for phase in ("begins", "done"))
    first = (began("a", by="kept"), ended("a", by="kept", state=["a"]))
    second = (began("b", by="kept", instance=2, state=["a"]), ended("b", by="kept", state=["a", "b"], instance=2))
    third = began("c", by="kept", instance=3)

    assert told(*first, begins, *second, done, third) == []
    assert told(*first, begins, done, *second[:1]) == ["states_follow"]


def test_a_supervisor_that_starts_another_child_learns_of_an_exit_afterwards() -> None:
    calls = (sent("a", 0.0, to="guest"), got("a", 0.8, error="ActorStopped"))
    before = (started("kept"), started("light"), started("guest"), exited("light", 0.2, ta.ExitKind.CRASH))
    after = (restarted("light", 0.2), exited("guest", 0.5), started("light", 0.8))

    assert told(*calls, trace=(*before, *after)) == []
    assert told(*calls, trace=(*before[:3], exited("guest", 0.5))) == ["nobody_waits_for_the_gone"]


def test_a_child_that_is_restarted_by_hand_does_not_wait_for_its_group() -> None:
    down = (*(started("kept"), started("light")), *(exited("light", 1.0), exited("kept", 1.0, ta.ExitKind.CRASH)))
    group = attrs.evolve(restarted("kept", 1.0), group=("kept", "light"))
    trace = (*down, group, started("light", 1.5), started("kept", 2.0))
    asked = partial(_at, Op, 1.5, id="r", what="restart", target="light")

    assert told(asked(phase="begins", seen=5), asked(phase="done", seen=6), trace=trace, strategy="one_for_all") == []
    assert told(trace=trace, strategy="one_for_all") == ["groups_fall_together", "groups_restart_whole"]


def test_a_node_that_is_killed_while_a_group_stops_need_not_restart_it() -> None:
    trace = [(1, record) for record in (started("kept"), exited("kept", 1.0, ta.ExitKind.CRASH), started("other", 2.0))]

    for again, wrong in ((9.0, []), (90.0, ["children_come_back"])):
        for store in (None, "file:"):  # a store that lasts survives the end of a run, which may be a kill
            story = Story(application(store=store), (), [*trace, (2, started("kept", again))], (), 2)
            assert [rule.__name__ for rule in RULES if list(rule(story))] == wrong


def test_only_a_wait_that_is_over_before_the_handler_ends_may_be_over_for_a_cycle() -> None:
    refused, over = got("a", error="CallCycle", begun=True), ended("a")

    assert told(sent("a"), began("a"), refused, over) == []
    assert told(sent("a"), began("a"), over, refused) == ["callers_learn_at_once"]


@pytest.mark.parametrize(("seconds", "wrong"), [(0.0, []), (0.5, ["cycles_are_refused"])])
def test_a_wait_that_was_refused_in_the_same_moment_closes_no_cycle(seconds: float, wrong: list[str]) -> None:
    first = (began("a"), sent("b", by="a", sender="light#1", to="kept"), began("x", by="kept", instance=2))
    second = (sent("c", by="x", sender="kept#2"), got("b", seconds, error="CallCycle", begun=False))

    assert told(*first, *second, got("c", 1.0, error="CallTimeout", begun=False)) == wrong


@pytest.mark.parametrize(("begins", "wrong"), [(0.5, []), (2.0, ["watches_report_each_exit"])])
def test_a_stall_that_outlasts_a_watch_may_keep_exits_from_it(begins: float, wrong: list[str]) -> None:
    trace = [(1, record) for record in (started("light"), exited("light", 1.0))]
    stall = (begins, Injection(Fault.STALL, 1, seconds=6.0))
    story = Story(application(), (ASKED, WATCH, WATCHED), trace, (stall,), 1)

    assert [rule.__name__ for rule in RULES if list(rule(story))] == wrong


def test_an_actor_that_is_stopped_without_its_store_may_have_any_state() -> None:
    first = (began("a", by="kept"), ended("a", by="kept", state=["a"]))
    stops = _at(
        Hook, 2.0, actor="kept", instance=1, incarnation=1, hook="on_stop", phase="begins", state=("b",), why="shutdown", seen=2
    )

    assert "states_follow" not in told(*first, stops, trace=(started("kept"), exited(":store", 1.0)))
    assert "states_follow" in told(*first, stops, trace=(started("kept"), exited("light", 1.0)))


FORGET = _at(Op, 2.0, id="f", what="forget", target="kept", phase="begins")


@pytest.mark.parametrize(
    ("store", "state", "forgets", "wrong"),
    [
        ("file:", ("a",), (), False),
        ("file:", (), (), True),
        ("memory:", (), (), False),
        ("file:", (), (FORGET,), False),
    ],
)
def test_what_was_answered_is_there_at_the_roll_call(
    store: str, state: Sequence[str], forgets: Sequence[Note], *, wrong: bool
) -> None:
    call = (sent("a", to="kept"), began("a", by="kept"), ended("a", by="kept", state=["a"]), got("a", value=("a",)))
    present = _at(Present, 9.0, actor="kept", instance=2, incarnation=1, state=tuple(state))

    assert ("what_was_answered_is_kept" in told(*call, *forgets, present, store=store)) is wrong


def test_a_roll_call_shows_what_a_start_began_with() -> None:
    first = (began("a", by="kept"), ended("a", by="kept", state=["a"]))
    present = [_at(Present, 9.0, actor="kept", instance=2, incarnation=1, state=state) for state in (("a",), ())]

    assert told(*first, present[0]) == []
    assert told(*first, present[1]) == ["states_follow"]


@pytest.mark.parametrize(
    ("error", "what", "wrong"), [("NodeDown", "told", True), ("ActorStopped", "told", False), ("NodeDown", "x", False)]
)
def test_callers_that_wait_when_a_whole_system_has_stopped_are_found(error: str, what: str, *, wrong: bool) -> None:
    ends = _at(Op, 0.5, id="e", what=what, target="life 1", phase="begins")

    assert ("callers_learn_of_the_end" in told(sent("a"), ends, got("a", 1.0, error=error), trace=[exited(":root", 1.0)])) is wrong


def test_every_rule_has_a_story_that_breaks_it() -> None:
    elsewhere = {rule.__name__ for rule in (*GATE, *IDLENESS, *PARTINGS, *WINDOWS)}  # in test_messages.py
    elsewhere |= {rule.__name__ for rule in (*LETTERS, *LIMITS)}  # in files of their names
    elsewhere |= {"what_was_answered_is_kept", "callers_learn_of_the_end"}  # above
    found = {rule for _, _, rule in WRONG.values()} | {rule for _, rule in SUPERVISION.values()}

    assert {rule.__name__ for rule in RULES} - elsewhere == found
