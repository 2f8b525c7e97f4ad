"""Declarations that are refused, and the defaults of the others."""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

import trioactors as ta


class Sheep(ta.Actor[None]):
    def __init__(self, colour: str = "white") -> None:
        self.colour = colour


class Goat(ta.Actor[None]):
    def __init__(self, horns: int) -> None:
        self.horns = horns


async def graze() -> None: ...


async def graze_on(meadow: str) -> None: ...


@asynccontextmanager
async def fence() -> Any:
    yield


def nest(depth: int) -> ta.Supervisor:
    tree = ta.Supervisor(name="level-1")
    for level in range(2, depth + 1):
        tree = ta.Supervisor(tree, name=f"level-{level}")
    return tree


@pytest.mark.parametrize("option", ["strategy", "auto_shutdown", "give_up", "restart"])
def test_an_unknown_choice_is_refused_with_the_known_ones(option: str) -> None:
    with pytest.raises(ta.SpecError, match=rf"{option}='sideways' is unknown; choose one of '"):
        ta.Supervisor(name="s", **{option: "sideways"})


def test_an_unknown_restart_of_a_child_is_refused() -> None:
    with pytest.raises(ta.SpecError, match="choose one of 'permanent', 'transient', 'temporary'"):
        ta.child(graze, restart="sometimes")


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(TypeError, match="retries"):
        ta.child(graze, retries=3)
    with pytest.raises(TypeError, match="retries"):
        ta.Supervisor(name="s", retries=3)


def test_a_choice_may_be_given_as_text() -> None:
    tree = ta.Supervisor(name="s", strategy="rest_for_one", give_up="crash")

    assert tree.strategy is ta.Strategy.REST_FOR_ONE
    assert tree.give_up is ta.GiveUp.CRASH


@pytest.mark.parametrize("limit", [-1, 1.5, True, "3", None, math.inf])
def test_a_bad_intensity_limit_is_refused(limit: Any) -> None:
    with pytest.raises(ta.SpecError, match=r"Intensity\.limit"):
        ta.Intensity(limit=limit)


@pytest.mark.parametrize("period", [0, -1, math.inf, math.nan, True, "5", None])
def test_a_bad_intensity_period_is_refused(period: Any) -> None:
    with pytest.raises(ta.SpecError, match=r"Intensity\.period"):
        ta.Intensity(period=period)


@pytest.mark.parametrize(
    "options",
    [
        {"base": -1},
        {"base": 2, "cap": 1},
        {"factor": 0.5},
        {"cap": -1},
        {"jitter": 1.1},
        {"jitter": -0.1},
        {"base": "1"},
        {"cap": math.nan},
        {"cap": math.inf},
        {"base": math.inf, "cap": math.inf},
        {"factor": math.inf},
        {"reset_after": -1},
        {"reset_after": "long"},
    ],
)
def test_a_bad_back_off_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ta.SpecError, match=r"Backoff\."):
        ta.Backoff(**options)


@pytest.mark.parametrize("option", ["grace", "start_timeout"])
@pytest.mark.parametrize("value", [-1, math.nan, "1", True])
def test_a_bad_time_of_a_child_is_refused(option: str, value: Any) -> None:
    with pytest.raises(ta.SpecError, match=option):
        ta.child(graze, **{option: value})


def test_a_bad_grace_of_a_supervisor_is_refused() -> None:
    with pytest.raises(ta.SpecError, match="grace"):
        ta.Supervisor(name="s", grace=-1)


@pytest.mark.parametrize(
    "options",
    [{"call_timeout": -1}, {"grace": math.nan}, {"mailbox": 0}, {"timers": 1.5}, {"crash_logs": 0}, {"dead_letters": True}],
)
def test_bad_settings_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ta.SpecError, match=r"Settings\."):
        ta.Settings(**options)


def test_a_permanent_child_cannot_be_significant() -> None:
    with pytest.raises(ta.SpecError, match="permanent"):
        ta.Supervisor(ta.child(Sheep, name="a", significant=True), name="s", auto_shutdown="any_significant")


def test_a_significant_child_needs_a_supervisor_that_cares() -> None:
    with pytest.raises(ta.SpecError, match="auto_shutdown='never'"):
        ta.Supervisor(ta.child(graze, name="a", significant=True), name="s")


def test_a_significant_supervisor_obeys_the_same_rules() -> None:
    below = ta.Supervisor(name="below", significant=True)

    with pytest.raises(ta.SpecError, match="permanent"):
        ta.Supervisor(below, name="s", auto_shutdown="any_significant")


def test_a_dynamic_supervisor_declares_no_children() -> None:
    with pytest.raises(ta.SpecError, match="dynamic"):
        ta.Supervisor(ta.child(Sheep), name="s", strategy="dynamic")


def test_a_dynamic_supervisor_never_shuts_down_by_itself() -> None:
    with pytest.raises(ta.SpecError, match="auto_shutdown must be 'never'"):
        ta.Supervisor(name="s", strategy="dynamic", auto_shutdown="any_significant")


def test_a_tree_a_hundred_deep_is_accepted() -> None:
    assert nest(100).depth == 100


def test_a_deeper_tree_is_refused() -> None:
    with pytest.raises(ta.SpecError, match="101 supervisors deep; 100 is the limit"):
        nest(101)


@pytest.mark.parametrize("make", [lambda: Sheep("red"), print, 5, "Sheep", object, None])
def test_what_cannot_be_a_child_is_refused(make: Any) -> None:
    with pytest.raises(ta.SpecError, match="cannot be a child"):
        ta.child(make)


def test_a_bare_class_is_no_child_of_a_supervisor() -> None:
    with pytest.raises(ta.SpecError, match=r"wrap it in ta\.child"):
        ta.Supervisor(Sheep, name="s")  # type: ignore[arg-type]


@pytest.mark.parametrize("make", [Goat, graze_on, partial(graze_on, "north", "south"), partial(graze, meadow="north")])
def test_arguments_that_do_not_fit_are_refused(make: Any) -> None:
    with pytest.raises(ta.SpecError, match=r"cannot be started like this.*functools\.partial"):
        ta.child(make)


@pytest.mark.parametrize("make", [partial(Goat, 2), partial(Goat, horns=2), partial(graze_on, "north"), partial(partial(Goat), 2)])
def test_bound_arguments_are_accepted(make: Any) -> None:
    assert ta.child(make).make is make


@pytest.mark.parametrize("name", ["", 5, "x" * 1_001, b"a"])
def test_a_bad_name_is_refused(name: Any) -> None:
    with pytest.raises(ta.SpecError, match="a name is a string of 1 to 1000 characters"):
        ta.child(graze, name=name)
    with pytest.raises(ta.SpecError, match="a name is a string"):
        ta.Supervisor(name=name)


def test_two_children_of_one_supervisor_cannot_share_a_name() -> None:
    with pytest.raises((ta.SpecError, ta.NameTaken), match="dolly"):
        ta.Supervisor(ta.child(Sheep, name="dolly"), ta.child(partial(Sheep, "black"), name="dolly"), name="s")


def test_children_that_share_a_name_are_told_by_their_positions() -> None:
    with pytest.raises(ta.SpecError, match="'s': its children 1 and 3 share the name 'dolly'"):
        ta.Supervisor(ta.child(Sheep, name="dolly"), ta.child(Sheep), ta.Supervisor(name="dolly"), name="s")


def test_a_supervisor_without_a_name_is_told_to_have_one() -> None:
    with pytest.raises(ta.SpecError, match=r"needs a name.*name='workers'"):
        ta.Supervisor(ta.child(Sheep))  # type: ignore[call-arg]


@pytest.mark.parametrize("enter", [5, fence()])
def test_a_resource_takes_a_function_not_what_it_makes(enter: Any) -> None:
    with pytest.raises(ta.SpecError, match="makes an async context manager"):
        ta.resource(enter)


@pytest.mark.parametrize(
    ("make", "kind", "restart"),
    [
        (Sheep, ta.ChildKind.ACTOR, ta.Restart.PERMANENT),
        (partial(Goat, 2), ta.ChildKind.ACTOR, ta.Restart.PERMANENT),
        (ta.resource(fence), ta.ChildKind.RESOURCE, ta.Restart.PERMANENT),
        (graze, ta.ChildKind.FUNCTION, ta.Restart.TRANSIENT),
    ],
)
def test_the_kind_decides_the_default_restart(make: Any, kind: ta.ChildKind, restart: ta.Restart) -> None:
    spec = ta.child(make)

    assert (spec.kind, spec.restart) == (kind, restart)


def test_a_supervisor_is_permanent_and_has_all_the_time_it_needs() -> None:
    tree = ta.Supervisor(name="s")

    assert (tree.restart, tree.grace, tree.intensity) == (ta.Restart.PERMANENT, math.inf, None)


def test_an_object_with_an_async_call_is_a_function() -> None:
    class Mower:
        async def __call__(self) -> None: ...

    assert ta.child(Mower()).kind is ta.ChildKind.FUNCTION


def test_a_function_that_takes_task_status_says_when_it_is_ready() -> None:
    async def serve(port: int, *, task_status: object) -> None: ...

    assert ta.child(partial(serve, 80)).wants_status
    assert not ta.child(partial(serve, 80, task_status=None)).wants_status


def test_a_spec_is_a_value_that_does_not_change() -> None:
    with pytest.raises(AttributeError):
        ta.child(graze).restart = ta.Restart.PERMANENT  # type: ignore[misc]
    with pytest.raises(AttributeError):
        ta.Supervisor(name="s").name = "t"  # type: ignore[misc]
