"""A mistake of the test ends it; what comes with an answer, or with the state of the node, is an answer."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from operator import methodcaller
from pathlib import Path
from typing import Any

import pytest
import trio

import trioactors as ta
from trioactors.testing.simulation import Client, Faults, Injection, Plan, Simulation, Told, simulate
from trioactors.testing.simulation.plans import Kind
from trioactors.testing.simulation.scenarios import Scenario
from trioactors.testing.simulation.sim_tests import trials
from trioactors.testing.simulation.simulating import scenario_of, tried


class Clerk(ta.Actor[None]):
    @ta.handler(raises=(TypeError, ta.UnknownName, ta.UsageError))
    async def answer(self, error: Exception | None = None) -> str:
        if error is not None:
            raise error
        return "yes"


class Other(ta.Actor[None]):
    pass


TREE = ta.Supervisor(ta.child(Clerk, name="clerk"), ta.child(Clerk, name="leaver"), name="office")


def asking(*asks: Callable[[Client], Awaitable[Any]]) -> Scenario:
    """One client, which asks these things."""

    async def workload(simulation: Simulation) -> None:
        async def client(me: Client) -> None:
            for ask in asks:
                await ask(me)

        await simulation.clients(1, client)

    return scenario_of(workload, tree=TREE, store="memory:", faults=Faults.none())


def of_clerk(do: Callable[[Any], Any]) -> Callable[[Client], Awaitable[Any]]:
    return lambda me: me.call(Clerk, "clerk", do)


def of_system(do: Callable[[Any], Any]) -> Callable[[Client], Awaitable[Any]]:
    return lambda me: me.use(do)


async def in_a_nursery(clerk: Any) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(clerk.answer)
        nursery.start_soon(clerk.answer, 1, 2, 3)


MISTAKES: dict[str, tuple[Callable[[Client], Awaitable[Any]], type[Exception], str]] = {
    "no such handler": (of_clerk(lambda clerk: clerk.anwser()), ta.NotAHandler, "not 'anwser'"),
    "no such handler, by methodcaller": (of_clerk(methodcaller("anwser")), ta.NotAHandler, "not 'anwser'"),
    "arguments that do not fit": (of_clerk(lambda clerk: clerk.answer(1, 2)), TypeError, "Clerk.answer"),
    "arguments of a cast": (of_clerk(lambda clerk: clerk.answer.cast(eror=1)), TypeError, "Clerk.answer"),
    "among others": (of_clerk(in_a_nursery), TypeError, "Clerk.answer"),
    "an actor of another class": (lambda me: me.call(Other, "clerk", ta.stop), ta.WrongClass, "'clerk' is Clerk, not Other"),
    "nothing to wait for": (of_clerk(lambda _: None), TypeError, "NoneType"),
    "a name of Python's": (of_clerk(lambda clerk: clerk.answer(amuont)), NameError, "amuont"),  # type: ignore[name-defined]  # noqa: F821 # pyright: ignore[reportUndefinedVariable] - the mistake
    "an attribute of the system": (of_system(lambda system: system.strat(Clerk)), AttributeError, "strat"),
    "a spec that makes no sense": (of_system(lambda system: system.start(7)), ta.SpecError, "7"),
    "no ref": (of_system(lambda _: ta.stop("clerk")), ta.UsageError, "'clerk' is not a ref"),  # type: ignore[arg-type]  # the mistake
}


@pytest.mark.parametrize("name", MISTAKES)
def test_it_is_raised_with_its_place_and_is_no_failed_call(name: str, tmp_path: Path) -> None:
    ask, error, text = MISTAKES[name]

    with pytest.raises(error, match=re.escape(text)) as caught:
        tried(asking(ask), 1, corpus=tmp_path)

    assert type(caught.value) is error
    [note] = caught.value.__notes__
    assert re.fullmatch(
        rf"simulate: this is a mistake of the test, not a reply: client and turn 0, {re.escape(__file__)}:\d+ in \S+", note
    )
    assert not list(tmp_path.iterdir()), "there is no seed to repeat"


def test_it_ends_the_run_though_the_workload_swallows_it() -> None:
    async def sly(me: Client) -> None:
        with pytest.raises(ta.NotAHandler):
            await of_clerk(methodcaller("anwser"))(me)

    with pytest.raises(ta.NotAHandler):
        tried(asking(sly), 1)


@pytest.mark.parametrize("error", [TypeError("declared"), ta.UnknownName("nobody", []), ta.UsageError("declared")])
def test_what_a_handler_raises_by_itself_is_an_answer(error: Exception) -> None:
    run = tried(asking(of_clerk(lambda clerk: clerk.answer(error))), 1)

    assert [(done.told, done.error) for done in run.history] == [(Told.FAILED, error)]
    run.names.look()


def test_a_crash_by_a_type_error_is_an_answer() -> None:
    class Wrong(ta.Actor[None]):
        @ta.handler
        async def fail(self) -> None:
            raise TypeError("a bug of the application")

    async def ask(me: Client) -> None:
        await me.use(lambda system: system.start(Wrong, name="wrong"))
        await me.call(Wrong, "wrong", methodcaller("fail"))

    assert [type(done.error) for done in tried(asking(ask), 1).history] == [type(None), ta.ActorCrashed]


def test_a_name_that_is_taken_is_an_answer() -> None:
    run = tried(asking(of_system(lambda system: system.start(Clerk, name="clerk"))), 1)

    assert [type(done.error) for done in run.history] == [ta.NameTaken]


# --- names ---


def of(name: str) -> Callable[[Client], Awaitable[Any]]:
    return lambda me: me.call(Clerk, name, methodcaller("answer"))


def test_a_name_that_no_child_ever_has_is_a_mistake() -> None:
    scenario = asking(of("clrek"))

    place = rf"{re.escape(__file__)}:\d+ in client"
    with pytest.raises(
        ta.UsageError, match=rf"no child is ever named 'clrek', .* \({place}\)\. Existing names: clerk, leaver, office\. If"
    ):
        simulate(scenario.workload, tree=TREE, store="memory:", seed=3)
    with pytest.raises(ta.UsageError, match="no child is ever named 'clrek'"):
        trials(scenario, range(2))


def leave(me: Client) -> Awaitable[Any]:
    return me.use(lambda system: system.supervisor("office").terminate_child("leaver"))


def test_the_name_of_a_child_that_is_gone_is_none() -> None:
    async def forget(me: Client) -> None:
        await leave(me)
        await me.use(lambda system: system.supervisor("office").delete_child("leaver"))

    run = tried(asking(forget, of("leaver")), 1)

    assert isinstance(run.history[-1].error, ta.UnknownName)
    run.names.look()


def test_the_name_of_a_child_that_comes_later_is_none() -> None:
    run = tried(asking(of("guest"), of_system(lambda system: system.start(Clerk, name="guest"))), 1)

    assert [type(done.error) for done in run.history] == [ta.UnknownName, type(None)]
    run.names.look()


def sometimes_there(simulation: Simulation) -> Awaitable[None]:
    async def client(me: Client) -> None:
        if simulation.seed == 7:
            await me.use(lambda system: system.start(Clerk, name="guest"))
        await of("guest")(me)

    return simulation.clients(1, client)


async def rarely_there(simulation: Simulation) -> None:
    await sometimes_there(simulation)


def test_a_name_that_some_run_has_is_none_in_any_run_of_the_test() -> None:
    scenario = scenario_of(rarely_there, tree=TREE, store="memory:")

    assert trials(scenario, range(8)).runs == 8
    with pytest.raises(ta.UsageError, match="no child is ever named 'guest'"):
        trials(scenario, range(7))


async def with_other_guests(simulation: Simulation) -> None:
    async def client(me: Client) -> None:
        await me.use(lambda system: system.start(Clerk, name="guest"))
        await of("gest")(me)

    await simulation.clients(1, client)


def test_where_more_than_the_tree_is_started_it_takes_many_runs_to_say_that_nobody_has_a_name() -> None:
    scenario = scenario_of(with_other_guests, tree=TREE, store="memory:")

    assert trials(scenario, range(19)).runs == 19
    with pytest.raises(ta.UsageError, match="no child is ever named 'gest'"):
        trials(scenario, range(20))


def test_a_start_that_a_kill_cut_off_makes_its_name_no_mistake() -> None:
    async def workload(simulation: Simulation) -> None:
        async def client(me: Client) -> None:
            await me.use(lambda system: system.start(Clerk, name="guest"))
            await of("guest")(me)

        await simulation.clients(1, client)

    scenario = scenario_of(workload, tree=TREE, store="memory:", policy="step")
    cut_off = [scenario.play(1, Plan((Injection(Kind.KILL, at),))).summed_up() for at in range(1, 30)]

    told = {tuple(type(done.error) for done in run.history) for run in cut_off}
    assert any(errors[-1] is ta.UnknownName for errors in told)
    for run in cut_off:
        run.names.look()


# --- what a workload asks of the simulation itself ---


def plain_client(_: Client) -> None: ...


async def idle(_: Client) -> None:
    await trio.lowlevel.checkpoint()


async def of_nobody() -> None:
    await trio.lowlevel.checkpoint()


ASKED: dict[str, tuple[Callable[[Any], Awaitable[Any]], str]] = {
    "no clients": (lambda simulation: simulation.clients(0, idle), "clients(0): expected the number of clients, at least 1"),
    "less": (lambda simulation: simulation.clients(-2, idle), "clients(-2): expected the number of clients, at least 1"),
    "turned round": (lambda simulation: simulation.clients(idle, 2), "): expected the number of clients"),
    "a plain client": (
        lambda simulation: simulation.clients(1, plain_client),
        "clients(1, plain_client): this is not an async function; expected an async function that takes a Client",
    ),
    "a client of nobody": (
        lambda simulation: simulation.clients(1, of_nobody),
        "clients(1, of_nobody): it is called with a Client, but takes () -> 'None'",
    ),
    "no turns": (lambda simulation: simulation.clients(1, turning(0)), "turns(0): expected the number of turns, at least 1"),
    "no pause": (
        lambda simulation: simulation.clients(1, turning(2, pause=-1)),
        "turns(pause=-1): expected the longest pause before a turn in seconds, 0 or more",
    ),
}


def turning(count: int, pause: float = 1.0) -> Callable[[Client], Awaitable[None]]:
    async def client(me: Client) -> None:
        async for _ in me.turns(count, pause=pause):
            await trio.lowlevel.checkpoint()

    return client


@pytest.mark.parametrize("name", ASKED)
def test_what_a_workload_asks_wrongly_is_refused_by_name_and_not_shrunk(name: str, tmp_path: Path) -> None:
    ask, text = ASKED[name]

    async def workload(simulation: Simulation) -> None:
        await ask(simulation)

    with pytest.raises(ta.UsageError, match=re.escape(text)) as caught:
        tried(scenario_of(workload, store=None), 1, corpus=tmp_path)

    assert not getattr(caught.value, "__notes__", ())
    assert not list(tmp_path.iterdir())


# --- calls that show nothing ---


class Broken(ta.Actor[None]):
    @ta.handler
    async def answer(self) -> str:
        raise LookupError("a bug")

    @ta.handler(raises=(LookupError,))
    async def refuse(self) -> str:
        raise LookupError


BROKEN = ta.Supervisor(ta.child(Broken, name="broken"), name="office", intensity=ta.Intensity(1_000, 1))


def asking_broken(*asked: str) -> Scenario:
    async def workload(simulation: Simulation) -> None:
        async def client(me: Client) -> None:
            for name in asked[: 1 + (simulation.seed == 7)]:
                await me.call(Broken, "broken", methodcaller(name))

        await simulation.clients(2, client)

    return scenario_of(workload, tree=BROKEN, store="memory:", faults=Faults.none())


def test_that_no_call_of_any_run_is_answered_is_a_mistake() -> None:
    with pytest.raises(
        ta.UsageError,
        match=r"no call of any client got a reply in 20 runs, .* ActorCrashed \(40\); the first: .*, by LookupError\('a bug'\)",
    ):
        trials(asking_broken("answer"), range(20))


@pytest.mark.parametrize(
    ("asked", "seeds"),
    [(("answer",), 19), (("answer", "refuse"), 20), ((), 20)],
    ids=["few runs", "one was refused in one run", "no calls"],
)
def test_where_faults_may_be_to_blame_or_any_call_was_answered_it_is_none(asked: tuple[str, ...], seeds: int) -> None:
    assert trials(asking_broken(*asked), range(seeds)).runs == seeds


def test_a_call_that_nobody_awaits_is_a_mistake_that_names_its_line(tmp_path: Path) -> None:
    async def forgetful(me: Client) -> None:
        await of_clerk(methodcaller("answer"))(me)
        me.call(Clerk, "clerk", methodcaller("answer"))  # type: ignore[unused-coroutine] # pyright: ignore[reportUnusedCoroutine] - the mistake

    place = rf"{re.escape(__file__)}:\d+ in forgetful"
    with pytest.raises(ta.UsageError, match=rf"the call at {place} was never awaited, so it was not made: write `await`") as caught:
        tried(asking(forgetful), 1, corpus=tmp_path)

    assert not getattr(caught.value, "__notes__", ())
    assert not list(tmp_path.iterdir())


# --- checks that return what they should assert ---


def says_no(simulation: Simulation) -> Any:
    return bool(simulation.history)


async def says_no_later(simulation: Simulation) -> Any:
    await trio.lowlevel.checkpoint()
    return says_no(simulation)


def made_anew() -> Callable[[Simulation], None]:
    return lambda _: None


def of_chance(number: object = 3) -> Any:
    assert number
    return made_anew()


async def nothing(simulation: Simulation) -> None:
    await simulation.system()


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (
            says_no,
            "simulate(check=[says_no]): a check raises AssertionError and returns nothing, but this one returned False. Use `assert`",
        ),
        (
            says_no_later,
            "simulate(check=[says_no_later]): a check raises AssertionError and returns nothing, but this one returned False.",
        ),
        (of_chance, "a function that makes a check must be called: add parentheses"),
    ],
)
def test_a_check_that_returns_its_verdict_is_a_mistake_of_the_test(check: Any, text: str, tmp_path: Path) -> None:
    with pytest.raises(ta.UsageError, match=re.escape(text)) as caught:
        tried(scenario_of(nothing, store=None, check=[check]), 1, corpus=tmp_path)

    assert not getattr(caught.value, "__notes__", ())
    assert not list(tmp_path.iterdir()), "there is no seed to repeat"
