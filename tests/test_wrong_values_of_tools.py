"""Wrong values for what looks inside a system, for the tools of tests, and for the way to a store: never an error that is not ours."""

from __future__ import annotations

import inspect as signatures
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, cast

import pytest
from trio.testing import MockClock

import trioactors as ta
from shared.wrong import WRONG
from trioactors import inspect, testing
from trioactors.errors import TrioactorsError
from trioactors.persistence import store_at
from trioactors.testing import isolated_system


class Counter(ta.Actor[None], inspect=True):
    @ta.handler
    async def add(self) -> int:
        return 1


TOOLS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    **{
        name: (getattr(inspect, name), {"name": "counter"} if name in {"actor", "signatures", "state", "waiting"} else {})
        for name in inspect.__all__
        if signatures.isfunction(getattr(inspect, name))
    },
    "TraceRing.watching": (inspect.TraceRing().watching, {}),
    "restarted": (testing.restarted, {}),
    "until": (testing.until, {"predicate": lambda _: True, "timeout": 1.0}),
    "crash": (testing.crash, {}),
    "kill": (testing.kill, {}),
    "suspended": (testing.suspended, {}),
}
"""What looks inside a system, with arguments that fit. A new function of `trioactors.inspect` is one of them at once."""

VALUES = frozenset({"before", "after", "value", "failure", "error", "names", "cause", "target"})
"""Parameters that take values of the program, or texts that need not exist."""


def parameters() -> Iterator[tuple[str, str]]:
    for name, (called, _) in TOOLS.items():
        for each in signatures.signature(called).parameters:
            if each not in VALUES:
                yield name, each


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize(("name", "parameter"), list(parameters()))
async def test_a_tool_refuses_a_wrong_value_in_our_words(autojump_clock: MockClock, name: str, parameter: str, wrong: str) -> None:
    called, options = TOOLS[name]
    if parameter == "predicate" and callable(WRONG[wrong]):
        return  # what a predicate raises is its own affair
    async with isolated_system(ta.Supervisor(ta.child(Counter, name="counter"), name="top")) as system:
        fitting = {
            "system": system,
            "ref": system.get(Counter, "counter"),
            "value": 1,
            "before": 1,
            "after": 2,
            "limit": 1,
            "search": "",
        }
        known = signatures.signature(called).parameters
        given = {key: value for key, value in fitting.items() if key in known and known[key].default is signatures.Parameter.empty}
        refused = False
        try:
            await _finished(called(**{**given, **options, parameter: WRONG[wrong]}))
        except (TrioactorsError, testing.PlannedCrash):
            refused = True

    assert refused or wrong != "object"


async def _finished(result: object) -> None:
    if signatures.isawaitable(result):
        await cast("Awaitable[object]", result)
    elif hasattr(result, "__enter__"):
        with cast("Any", result):
            pass


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_place_of_a_store_is_refused(wrong: str) -> None:
    with pytest.raises(TrioactorsError):
        store_at(WRONG[wrong])


@pytest.mark.parametrize("make", [testing.SlowWorker, inspect.Limits, testing.Tape.parse], ids=lambda make: make.__qualname__)
@pytest.mark.parametrize("wrong", [None, "x", object(), -1, b"x"])
def test_a_wrong_option_of_a_tool_is_refused(make: Any, wrong: Any) -> None:
    with pytest.raises(TrioactorsError):
        make(text=wrong) if make is inspect.Limits else make(wrong)
