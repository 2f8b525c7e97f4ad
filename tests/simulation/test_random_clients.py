"""Random clients: what they do is decided by the seed, told as Python, judged as any workload, and refused early if it makes no sense."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import define, field

import trioactors as ta
from trioactors.testing.simulation import (
    Faults,
    NodeDown,
    RandomClients,
    Simulation,
    Use,
    Way,
    crashes_are_planned,
    sim_test,
    simulate,
)
from trioactors.testing.simulation.random_turns import as_workload
from trioactors.testing.simulation.scenarios import Run, Workload
from trioactors.testing.simulation.simulating import quietly, scenario_of


class SoldOut(Exception):
    """Declared."""


@define
class Till:
    sold: dict[str, int] = field(factory=dict[str, int])
    orders: list[str] = field(factory=list[str])
    guests: list[str] = field(factory=list[str])


class Shop(ta.Actor[Till], persist=ta.EVERY_MESSAGE, mailbox=4):
    @ta.handler(raises=(SoldOut,))
    async def sell(self, item: str, count: int = 1, *, gift: bool = False) -> int:
        if count > 2 or gift:
            raise SoldOut
        self.state.sold[item] = self.state.sold.get(item, 0) + count
        return self.state.sold[item]

    @ta.handler(reads=True)
    def look(self) -> int:
        return len(self.state.sold)


class Branch(Shop):
    """A shop whose clerk remembers guests."""

    @ta.handler
    async def invite(self, guest: ta.Ref, words: list[str]) -> None:
        self.state.guests.append(f"{guest!r} {' '.join(words)}"[:10])
        words.clear()


class Divider(ta.Actor[None]):
    @ta.handler
    async def divide(self, number: int) -> float:
        return 1 / number

    @ta.handler
    async def use_blob(self, blob: memoryview) -> None: ...


TREE = ta.Supervisor(
    ta.Supervisor(ta.child(Shop, name="shop"), ta.child(Branch, name="branch"), name="shops", intensity=ta.Intensity(50, 1.0)),
    ta.child(Divider),
    name="town",
    intensity=ta.Intensity(50, 1.0),
)
MATHS = ta.Supervisor(ta.child(Divider, name="maths"), name="school", intensity=ta.Intensity(50, 1.0))
SEEDS = range(60)


async def nothing_more(simulation: Simulation) -> None:
    """Leave everything to the random clients and to the checks of every run."""
    await simulation.settle()


def played(clients: RandomClients, seed: int, *, tree: ta.Supervisor = TREE, **options: Any) -> Run:
    with quietly():
        return scenario_of(nothing_more, tree=tree, random_clients=clients, **options).play(seed)


def pasted(run: Run, *, then: Workload = nothing_more) -> Workload:
    """What the random clients of *run* did, as a person would paste it."""
    text = as_workload(run.world.script, "test_shop.test_it").replace("    ...  # and", "    await then(simulation)  # and")
    names: dict[str, Any] = {**globals(), "trio": trio, "then": then}
    exec("from __future__ import annotations\n" + text, names)
    return names["found"]  # type: ignore[no-any-return]


def told(run: Run) -> list[object]:
    """What the clients of *run* asked and heard, in order, without the ids of turns."""
    return [(done.what, done.given, done.began, done.ended, done.told, done.answer) for done in run.world.history]


# --- what they do ---


def test_the_same_seed_gives_the_same_turns_and_another_seed_others() -> None:
    clients = RandomClients()
    scripts = [played(clients, seed).world.script for seed in (1, 2, 1)]

    assert scripts[0] == scripts[2] != scripts[1]


def test_all_is_used_in_all_ways_within_few_seeds_and_every_run_is_sound() -> None:
    runs = [played(RandomClients(actions=["restart", "stop", "pause"]), seed) for seed in SEEDS]
    whats = {done.what for run in runs for done in run.world.history}
    text = "\n".join(as_workload(run.world.script, "x") for run in runs)

    assert [run.error for run in runs] == [None] * len(runs)
    assert {
        f"{shop}.{handler}{way}" for shop in ("shop", "branch") for handler in ("sell", "look") for way in ("", ".cast")
    } <= whats
    assert {f"{word} {shop}" for shop in ("shop", "branch") for word in ("stop", "restart", "pause", "resume")} <= whats
    assert all(way in text for way in ("retry=True", ".within(", "move_on_after", ".cast(", ".cast_nowait(", "gift=True"))


def test_declared_errors_are_answers() -> None:
    runs = [played(RandomClients(Shop.sell, values={"count": [3]}), seed, faults=Faults.none()) for seed in range(10)]
    errors = {type(done.error) for run in runs for done in run.world.history if done.what == "shop.sell"}

    assert errors == {type(None), SoldOut}
    assert {run.error for run in runs} == {None}


def test_only_what_is_named_is_used_on_whom_it_is_named() -> None:
    clients = RandomClients(Use(Shop, handlers=["look"], names=["branch"], ways=["call", Way.CAST], weight=3))
    runs = [played(clients, seed) for seed in range(20)]

    assert {done.what for run in runs for done in run.world.history} == {"branch.look", "branch.look.cast"}
    assert max(len(run.world.script) for run in runs) == 3
    assert max(map(len, [turns for run in runs for turns in run.world.script.values()])) <= 2 * 6


def test_a_handler_is_used_on_all_actors_that_have_it_or_override_it() -> None:
    class Outlet(Shop):
        @ta.handler
        async def sell(self, item: str, count: int = 1, *, gift: bool = False) -> int:
            return len(item) * count * gift

    tree = ta.Supervisor(ta.child(Outlet, name="outlet"), ta.child(Shop, name="shop"), name="top", intensity=ta.Intensity(50, 1.0))
    runs = [played(RandomClients(Use(Shop.sell, ways=["call"])), seed, tree=tree) for seed in range(20)]

    assert {done.what for run in runs for done in run.world.history} == {"outlet.sell", "shop.sell"}


def test_actors_that_the_application_starts_are_used_by_class_and_name() -> None:
    async def app(system: ta.System) -> None:
        await system.start(Shop, name="late")

    runs = [played(RandomClients(Use(Shop, names=["late"])), seed, app=app) for seed in range(10)]

    assert {run.error for run in runs} == {None}
    assert any(done.ok and done.what == "late.sell" for run in runs for done in run.world.history)


def test_a_ref_is_sent_as_itself_and_given_as_its_name() -> None:
    runs = [played(RandomClients(Use(Branch.invite, ways=["call"])), seed) for seed in range(10)]
    invited = [done for run in runs for done in run.world.history]

    assert any(done.ok for done in invited)
    assert {done.given["guest"] for done in invited} == {"shop", "branch"}
    assert any("system.get(Branch, 'branch').invite(system.get(Shop, 'shop'), [" in str(run.world.script) for run in runs)


def test_arguments_with_defaults_are_left_out_and_given_as_the_signature_allows() -> None:
    class Printer(ta.Actor[None]):
        @ta.handler
        async def print(self, text: str, copies: int = 7, stapled: int = 7, /, colour: int = 7, *, fast: int = 7) -> None: ...

    tree = ta.Supervisor(ta.child(Printer, name="printer"), name="top", intensity=ta.Intensity(50, 1.0))
    runs = [played(RandomClients(Printer), seed, tree=tree) for seed in range(30)]
    given = [done.given for run in runs for done in run.world.history]

    assert {run.error for run in runs} == {None}
    assert {name for each in given for name in each} == {"text", "copies", "stapled", "colour", "fast"}
    assert all("copies" in each for each in given if "stapled" in each)
    assert any("copies" not in each and "colour" in each for each in given)


def test_what_an_actor_does_to_its_arguments_changes_nothing_in_the_records() -> None:
    runs = [played(RandomClients(Branch.invite, values={"words": [["hello"]]}), seed) for seed in range(10)]

    assert {str(done.given["words"]) for run in runs for done in run.world.history} == {"['hello']"}


# --- what is found ---


class Forgetful(ta.Actor[Till], persist=ta.EVERY_MESSAGE):
    """Books an order again if it is asked again, since it does not remember who asked."""

    @ta.handler
    async def order(self, item: str) -> None:
        self.state.orders.append(item)

    @ta.handler(reads=True)
    def orders(self) -> list[str]:
        return list(self.state.orders)


ORDERS = ta.Supervisor(ta.child(Forgetful, name="shop"), name="top", intensity=ta.Intensity(50, 1.0))
ORDERING = RandomClients(Forgetful.order, Use(Forgetful.orders, weight=0.5))


async def nothing_is_booked_twice(simulation: Simulation) -> None:
    await simulation.settle()
    booked = await (await simulation.get(Forgetful, "shop")).orders()
    asked = [done.given["item"] for done in simulation.history if done.what.startswith("shop.order") and done.given]
    assert len(booked) <= len(asked), f"{asked} were asked for, {booked} are booked"


def found(seeds: range = SEEDS) -> AssertionError:
    for seed in seeds:
        try:
            simulate(nothing_is_booked_twice, tree=ORDERS, random_clients=ORDERING, seed=seed)
        except AssertionError as error:
            return error
    raise LookupError("no seed finds it")


def test_a_forgotten_idempotency_is_found_within_few_seeds_and_told_in_a_few_lines_of_python() -> None:
    error = found()
    how, what = error.__notes__
    workload = what.partition(":\n\n")[2]

    assert "are booked" in str(error)
    assert re.search(r"shrunk to 1 client, [1-3] turns?, 1 fault", how)
    assert what.startswith("simulate: what the random clients did, as a workload:")
    assert ast.parse(workload)
    assert re.search(
        r"await me.call\(Forgetful, 'shop', lambda it: it.order\('.*'\), what='shop.order', given=.*, retry=True\)", workload
    )


def test_a_kept_case_tells_the_lines_again(tmp_path: Path) -> None:
    test = sim_test(tree=ORDERS, random_clients=ORDERING, seeds=60, corpus=tmp_path)(nothing_is_booked_twice)
    with pytest.raises(AssertionError) as first:
        test()
    with pytest.raises(AssertionError) as again:
        test()

    assert len(list(tmp_path.iterdir())) == 1
    assert first.value.__notes__[1] in again.value.__notes__


@pytest.mark.parametrize("seed", range(12))
def test_the_lines_pasted_as_a_workload_do_what_the_random_clients_did(seed: int) -> None:
    """All but the pauses of repeated calls, which are drawn from the turn."""
    ways = [way for way in Way if way is not Way.RETRY]
    run = played(RandomClients(Use(Shop, ways=ways), Use(Branch.invite, ways=ways), actions=["restart"]), seed)
    again = scenario_of(pasted(run), tree=TREE).play(seed, run.plan, run.played.tape)

    assert again.error is None
    assert told(run)
    assert told(again) == told(run)


def test_a_client_that_can_crash_an_actor_is_a_finding_unless_a_check_says_that_it_may() -> None:
    clients = RandomClients(Divider.divide, values={"number": [0, 1]})
    strict = [played(clients, seed, tree=MATHS).error for seed in range(10)]
    lenient = [
        played(clients, seed, tree=MATHS, check=[crashes_are_planned(ZeroDivisionError, NodeDown)]).error for seed in range(10)
    ]

    assert any("maths crashed at" in str(error) and "no fault explains it: ZeroDivisionError" in str(error) for error in strict)
    assert lenient == [None] * 10


def test_turns_of_all_clients_are_left_out_where_a_failure_does_not_need_them(tmp_path: Path) -> None:
    async def always(simulation: Simulation) -> None:
        await simulation.settle()
        assert not any(done.given.get("item") == "mug" for done in simulation.history), "a mug"

    clients = RandomClients(Shop, values={"item": ["mug", "cup"]})
    with pytest.raises(AssertionError, match="a mug") as failure:
        sim_test(tree=TREE, random_clients=clients, corpus=tmp_path)(always)()

    assert "shrunk to 1 client, 1 turn, 0 faults" in failure.value.__notes__[0]
    assert "match" not in failure.value.__notes__[1]


# --- what makes no sense ---


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: RandomClients("shop"), "RandomClients('shop'): expected an actor class, a handler of it"),  # type: ignore[arg-type]
        (lambda: RandomClients(Till), "RandomClients(Till): expected an actor class"),  # type: ignore[arg-type]
        (lambda: RandomClients(clients=0), "RandomClients(clients=0): expected the number of clients, at most, at least 1"),
        (lambda: RandomClients(turns=0), "RandomClients(turns=0)"),
        (lambda: RandomClients(pause=-1.0), "RandomClients(pause=-1.0)"),
        (lambda: RandomClients(values=3), "RandomClients(values=3): expected a dict"),  # type: ignore[arg-type]
        (lambda: RandomClients(actions="stop"), "RandomClients(actions='stop'): expected a list of actions"),  # type: ignore[arg-type]
        (lambda: RandomClients(actions=["kill"]), "actions='kill' is unknown; choose one of 'restart', 'stop', 'pause'"),  # type: ignore[list-item]
        (lambda: Use(Shop, ways=[]), "Use(ways=[]): expected at least one way"),
        (lambda: Use(Shop, ways=["post"]), "ways='post' is unknown"),  # type: ignore[list-item]
        (lambda: Use(Shop, weight=0), "Use(weight=0): expected a number above zero"),
        (lambda: Use(Shop, names="shop"), "Use(names='shop'): expected a list of names"),
        (lambda: Use(Shop.sell, handlers=["look"]), "Use(handlers=['look']): expected a class in front of it"),
    ],
)
def test_a_wrong_option_is_refused_where_it_is_written(make: Any, problem: str) -> None:
    with pytest.raises(ta.UsageError, match=re.escape(problem)):
        make()


@pytest.mark.parametrize(
    ("clients", "problem"),
    [
        (
            RandomClients(Divider),
            "RandomClients(Divider): the tree has no such actor. Its actors with names: shop (Shop), branch (Branch)",
        ),
        (RandomClients(Divider.divide), "RandomClients(Divider.divide): the tree has no such actor"),
        (RandomClients(Use(Shop.sell, names=["shpo"])), "RandomClients(Shop.sell): the tree has no such actor named 'shpo'"),
        (RandomClients(Use(Branch, names=["shop"])), "RandomClients(Branch): the tree has no such actor named 'shop'"),
        (
            RandomClients(Use(Shop, handlers=["buy"])),
            "Use(Shop, handlers=['buy']): there is no such handler; its handlers: look, sell",
        ),
        (RandomClients(Shop, values={"colour": ["red"]}), "RandomClients(values={'colour': ...}): no parameter of a handler that"),
    ],
)
def test_clients_that_do_not_fit_the_tree_are_refused_before_any_run(clients: RandomClients, problem: str) -> None:
    with pytest.raises(ta.UsageError, match=re.escape(problem)):
        sim_test(tree=TREE, random_clients=clients)(nothing_more)


def test_a_type_that_cannot_be_drawn_is_named_with_its_handler_before_any_run() -> None:
    with pytest.raises(
        ta.UsageError, match=r"cannot draw 'blob' of Divider.use_blob: the type memoryview is not known.*values=.*other handlers"
    ):
        sim_test(tree=MATHS, random_clients=RandomClients())(nothing_more)


def test_a_tree_without_actors_to_use_is_refused() -> None:
    class Mute(ta.Actor[None]):
        pass

    with pytest.raises(ta.UsageError, match="the tree has no actor with a name"):
        scenario_of(nothing_more, tree=ta.Supervisor(ta.child(Divider), name="top"), random_clients=RandomClients())
    with pytest.raises(ta.UsageError, match="these actors have no handlers"):
        scenario_of(nothing_more, tree=ta.Supervisor(ta.child(Mute, name="mute"), name="top"), random_clients=RandomClients())


def test_random_clients_are_random_clients() -> None:
    with pytest.raises(ta.UsageError, match=r"simulate\(random_clients=3\): expected RandomClients"):
        simulate(nothing_more, tree=TREE, random_clients=3)  # type: ignore[arg-type]
