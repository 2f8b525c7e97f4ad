"""Points in branches that nobody enters are known by their source; those of other tests are none of a test's business."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from operator import methodcaller
from typing import Any

import pytest
import trio

import trioactors as ta
import trioactors.testing as library
from trioactors.testing import sometimes
from trioactors.testing import sometimes as rarely
from trioactors.testing.simulation import Client, Simulation
from trioactors.testing.simulation.points import children_of, points_of
from trioactors.testing.simulation.sim_tests import trials
from trioactors.testing.simulation.simulating import scenario_of

DRAWN = {"never": 0}


def helper(simulation: Simulation) -> None:
    if DRAWN["never"]:
        simulation.sometimes("in what it calls", DRAWN)
    deeper()


def deeper() -> None:
    rarely("in what that calls")


def of_another_test() -> None:
    sometimes("elsewhere")


class Base(ta.Actor[None]):
    @ta.handler
    async def inherited(self) -> None:
        rarely("in what it inherits")

    @ta.handler
    async def overridden(self) -> None:
        rarely("in what it overrides")

    def sometimes(self, name: str) -> None:
        """No point."""


class Clerk(Base):
    @ta.handler
    async def answer(self, number: int) -> str:
        if number > 1_000:
            sometimes("a large number")
            library.sometimes("a large number, by module")
            self.sometimes("a method of its own")
        return "yes"

    @ta.handler
    async def overridden(self) -> None:
        await self.inherited()


class Unread(ta.Actor[None]):
    @ta.handler
    async def answer(self) -> None:
        sometimes("of an actor that nobody declares")


async def poll(_: int) -> None:
    await trio.sleep_forever()
    sometimes("in a function", condition=False)


TREE = ta.Supervisor(
    ta.child(Clerk, name="clerk"), ta.Supervisor(ta.child(partial(poll, 3), name="poll"), name="below"), name="office"
)


async def app(_: ta.System) -> None:
    await trio.lowlevel.checkpoint()
    if DRAWN["never"]:
        sometimes("in the app")


async def workload(simulation: Simulation) -> None:
    async def client(me: Client) -> None:
        answer = await me.call(Clerk, "clerk", methodcaller("answer", 3))
        if not answer.ok:
            simulation.sometimes("in a client")
        sometimes("passed")

    async def of_another_test() -> None:
        """A function of its own, by the name of one of the module."""

    await of_another_test()
    await simulation.clients(1, client)
    helper(simulation)


def check(simulation: Simulation) -> None:
    for name in simulation.effects:
        simulation.sometimes(name)
        simulation.sometimes("in a check")


def test_a_report_lists_the_points_that_no_run_has_passed() -> None:
    report = trials(scenario_of(workload, tree=TREE, app=app, store="memory:", check=[check]), range(2))

    assert report.points == {
        "passed": 2,
        "in what that calls": 2,
        **dict.fromkeys(report.unmet, 0),
    }
    assert sorted(report.unmet) == [
        "a large number",
        "a large number, by module",
        "in a check",
        "in a client",
        "in a function",
        "in the app",
        "in what it calls",
        "in what it inherits",
    ]


@asynccontextmanager
async def pool() -> AsyncGenerator[int, None]:
    await trio.lowlevel.checkpoint()
    yield 3
    sometimes("in a resource", DRAWN["never"])


class Watch:
    async def __call__(self) -> None:
        await trio.lowlevel.checkpoint()
        sometimes("in an object that is called", DRAWN["never"])


def test_resources_and_objects_that_are_called_are_read_too() -> None:
    tree = ta.Supervisor(ta.child(ta.resource(pool), name="pool"), ta.child(Watch(), name="watch"), name="top")

    assert points_of(children_of(tree)) == {"in a resource", "in an object that is called"}
    assert points_of(children_of(None)) == frozenset()


def test_what_has_no_source_has_no_points() -> None:
    scope: dict[str, Any] = {"sometimes": sometimes}
    exec("async def typed(simulation):\n    sometimes('nowhere')\n", scope)  # as a REPL does

    assert points_of([scope["typed"], None, 3, max, lambda: sometimes("in passing")]) == frozenset()


@pytest.mark.parametrize("closed", ["by a closure"])
def test_what_a_closure_names_is_read(closed: str) -> None:
    def inner() -> None:
        sometimes("inside", closed)

    async def outer(_: Simulation) -> None:
        await trio.lowlevel.checkpoint()
        inner()

    assert points_of([outer]) == {"inside"}
