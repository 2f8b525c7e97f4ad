"""What a client may conclude: its call has failed only if nothing that it led to may have been done; of two at once, either came first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from operator import methodcaller
from typing import Any

import pytest
import trio
from attrs import define, field

import trioactors as ta
from trioactors.testing.simulation import Client, Faults, Operation, Simulation, Told, appended, simulate
from trioactors.testing.simulation.scenarios import Workload


class Refused(Exception):
    """Declared."""


@define
class Lines:
    lines: list[str] = field(factory=list[str])


class Scribe(ta.Actor[Lines], persist=ta.EVERY_MESSAGE):
    @ta.handler
    def write(self, line: str) -> None:
        self.state.lines.append(line)

    @ta.handler(raises=(Refused,))
    def refuse(self, line: str) -> None:
        self.state.lines.append(line)
        raise Refused

    @ta.handler(reads=True)
    def read(self) -> list[str]:
        return list(self.state.lines)


class Front(ta.Actor[None]):
    """Keeps nothing itself."""

    @ta.handler
    async def ask_and_crash(self, line: str) -> None:
        await self.context.system.get(Scribe, "scribe").write(line)
        raise LookupError

    @ta.handler
    async def cast_and_crash(self, line: str) -> None:
        await self.context.system.get(Scribe, "scribe").write.cast(line)
        raise LookupError

    @ta.handler(raises=(Refused,))
    async def be_refused(self, line: str) -> None:
        await self.context.system.get(Scribe, "scribe").refuse(line)

    @ta.handler
    async def crash(self, line: str) -> None:
        raise LookupError(line)


class DurableFront(ta.Actor[Lines], persist=ta.EVERY_MESSAGE):
    """Keeps lines too; what it casts leaves with its commit."""

    @ta.handler(raises=(Refused,))
    async def ask_and_refuse(self, line: str) -> None:
        await self.context.system.get(Scribe, "scribe").write(line)
        raise Refused

    @ta.handler
    async def cast_and_crash(self, line: str) -> None:
        await self.context.system.get(Scribe, "scribe").write.cast(line)
        raise LookupError


TREE = ta.Supervisor(
    ta.child(Scribe, name="scribe"), ta.child(Front, name="front"), ta.child(DurableFront, name="durable"), name="desk"
)


def one_call(do: Callable[[ta.System], Awaitable[Any]]) -> tuple[Operation, list[str]]:
    """What a client was told of one call, and what the scribe has in the end."""
    kept: list[str] = []

    async def workload(simulation: Simulation) -> None:
        async def client(me: Client) -> None:
            await me.use(do)

        await simulation.clients(1, client)
        await simulation.settle()
        kept.extend(await (await simulation.get(Scribe, "scribe")).read())

    [operation] = simulate(workload, tree=TREE, faults=Faults.none(), shrinking=0).history
    return operation, kept


async def ask_and_crash(system: ta.System) -> None:
    await system.get(Front, "front").ask_and_crash("a")


async def cast_and_crash(system: ta.System) -> None:
    await system.get(Front, "front").cast_and_crash("a")


async def ask_and_refuse(system: ta.System) -> None:
    await system.get(DurableFront, "durable").ask_and_refuse("a")


async def write_and_be_refused(system: ta.System) -> None:
    scribe = system.get(Scribe, "scribe")
    await scribe.write("a")
    await scribe.refuse("b")


async def write_and_fail(system: ta.System) -> None:
    await system.get(Scribe, "scribe").write("a")
    raise Refused


@pytest.mark.parametrize("do", [ask_and_crash, cast_and_crash, ask_and_refuse, write_and_be_refused, write_and_fail])
def test_a_failure_after_something_else_was_accepted_is_unknown(do: Callable[[ta.System], Awaitable[Any]]) -> None:
    operation, kept = one_call(do)

    assert (operation.told, kept) == (Told.UNKNOWN, ["a"])


async def crash(system: ta.System) -> None:
    await system.get(Front, "front").crash("a")


async def be_refused(system: ta.System) -> None:
    await system.get(Scribe, "scribe").refuse("a")


async def be_refused_below(system: ta.System) -> None:
    await system.get(Front, "front").be_refused("a")


async def cast_in_vain(system: ta.System) -> None:
    await system.get(DurableFront, "durable").cast_and_crash("a")


async def fail_at_once(_: ta.System) -> None:
    raise Refused


@pytest.mark.parametrize("do", [crash, be_refused, be_refused_below, cast_in_vain, fail_at_once])
def test_a_failure_that_led_to_nothing_else_is_one(do: Callable[[ta.System], Awaitable[Any]]) -> None:
    operation, kept = one_call(do)

    assert (operation.told, kept) == (Told.FAILED, [])


def test_calls_of_others_at_the_same_time_are_no_matter() -> None:
    async def workload(simulation: Simulation) -> None:
        async def client(me: Client) -> None:
            what = "refuse" if me.number else "write"
            async for turn in me.turns(3, pause=0):
                await me.call(Scribe, "scribe", methodcaller(what, turn.id))

        await simulation.clients(2, client)

    history = simulate(workload, tree=TREE, faults=Faults.none(), shrinking=0).history

    assert {(operation.client, operation.told) for operation in history} == {(0, Told.OK), (1, Told.FAILED)}


# --- several at once ---


async def side_by_side(simulation: Simulation) -> None:
    """Two hands of one client take turns of their own."""

    async def client(me: Client) -> None:
        async def hand() -> None:
            async for turn in me.turns(3):
                done = await me.call(Scribe, "scribe", methodcaller("write", turn.id))
                assert (done.id, me.random) == (turn.id, turn.random)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(hand)
            nursery.start_soon(hand)

    await simulation.clients(2, client)
    appended(simulation.history, await (await simulation.get(Scribe, "scribe")).read())


async def at_once(simulation: Simulation) -> None:
    """Three calls in one turn."""

    async def client(me: Client) -> None:
        async for turn in me.turns(3):
            lines = iter([turn.id, f"{turn.id}b", f"{turn.id}c"])
            async with trio.open_nursery() as nursery:
                for _ in range(3):
                    nursery.start_soon(me.call, Scribe, "scribe", partial(write_next, lines))

    await simulation.clients(2, client)
    appended(simulation.history, await (await simulation.get(Scribe, "scribe")).read())


async def write_next(lines: Iterator[str], scribe: Scribe) -> None:
    await scribe.write(next(lines))


@pytest.mark.parametrize("workload", [side_by_side, at_once])
def test_a_client_may_do_several_things_at_once(workload: Workload) -> None:
    for seed in range(6):
        simulate(workload, tree=TREE, seed=seed, faults=Faults.none(), shrinking=0)


def test_calls_one_after_another_are_told_apart_in_one_moment() -> None:
    async def workload(simulation: Simulation) -> None:
        async def client(me: Client) -> None:
            for _ in range(3):
                await me.call(Scribe, "scribe", methodcaller("read"))

        await simulation.clients(1, client)

    first, second, third = simulate(workload, tree=TREE, faults=Faults.none(), shrinking=0).history

    assert {one.began for one in (first, second, third)} == {0.0}
    assert [early.before(late) for early, late in ((first, second), (second, third), (second, first))] == [True, True, False]


# --- what is asked again ---


class Ledger(ta.Actor[Lines], persist=ta.EVERY_MESSAGE):
    """Writes each line once, however often it is asked to."""

    @ta.handler
    def write(self, line: str) -> None:
        if line not in self.state.lines:
            self.state.lines.append(line)

    @ta.handler
    async def write_and_crash_once(self, line: str) -> int:
        """Its first message is answered by a crash, after something else was accepted."""
        await self.context.system.get(Scribe, "scribe").write(line)
        if self.context.incarnation == 1:
            raise LookupError
        return self.context.incarnation

    @ta.handler
    async def write_and_crash(self, line: str) -> None:
        await self.context.system.get(Scribe, "scribe").write(line)
        raise LookupError

    @ta.handler(raises=(Refused,))
    async def write_and_crash_then_refuse(self, line: str) -> None:
        if self.context.incarnation > 1:
            raise Refused
        await self.context.system.get(Scribe, "scribe").write(line)
        raise LookupError

    @ta.handler(reads=True)
    def read(self) -> list[str]:
        return list(self.state.lines)


BOOKS = ta.Supervisor(
    ta.child(Scribe, name="scribe"), ta.child(Ledger, name="ledger"), name="books", intensity=ta.Intensity(100, 1.0)
)


def asked_again(handler: str, **options: Any) -> Operation:
    """The operation of one call of the ledger, without faults."""

    async def workload(simulation: Simulation) -> None:
        async def client(me: Client) -> None:
            await me.call(Ledger, "ledger", methodcaller(handler, "a"), **options)

        await simulation.clients(1, client)

    [operation] = simulate(workload, tree=BOOKS, faults=Faults.none(), shrinking=0).history
    return operation


def test_without_retry_a_call_is_sent_once() -> None:
    operation = asked_again("write_and_crash_once")

    assert (operation.told, operation.attempts) == (Told.UNKNOWN, 1)


def test_with_retry_what_is_unknown_is_asked_again_until_it_is_known() -> None:
    operation = asked_again("write_and_crash_once", retry=True)

    assert (operation.told, operation.attempts, operation.answer) == (Told.OK, 2, 2)


def test_with_retry_what_is_known_is_not_asked_again() -> None:
    assert asked_again("write", retry=True).attempts == 1


def test_with_retry_what_stays_unknown_ends_as_unknown() -> None:
    operation = asked_again("write_and_crash", retry=True)

    assert (operation.told, operation.attempts) == (Told.UNKNOWN, 20)
    assert isinstance(operation.error, ta.ActorCrashed)


def test_a_failed_attempt_after_an_unknown_one_leaves_the_call_unknown() -> None:
    operation = asked_again("write_and_crash_then_refuse", retry=True)

    assert (operation.told, operation.attempts) == (Told.UNKNOWN, 2)
    assert isinstance(operation.error, Refused)


@pytest.mark.parametrize("cut_short", [0.5, 1.5])
def test_a_client_that_gives_up_between_two_attempts_learns_nothing(cut_short: float) -> None:
    async def workload(simulation: Simulation) -> None:
        async def client(me: Client) -> None:
            with trio.move_on_after(cut_short):
                await me.call(Ledger, "ledger", methodcaller("write_and_crash", "a"), retry=True)

        await simulation.clients(1, client)

    [operation] = simulate(workload, tree=BOOKS, faults=Faults.none(), shrinking=0).history

    assert (operation.told, operation.error, operation.answer) == (Told.UNKNOWN, None, None)


@pytest.mark.parametrize("retry", ["yes", 1, None])
def test_retry_is_true_or_false(retry: Any) -> None:
    with pytest.raises(ta.UsageError, match=r"call\(retry="):
        asked_again("write", retry=retry)


def all_written(kind: type[Scribe | Ledger], name: str, seed: int) -> None:
    async def workload(simulation: Simulation) -> None:
        async def client(me: Client) -> None:
            async for turn in me.turns(3):
                await me.call(kind, name, methodcaller("write", turn.id), retry=True)

        await simulation.clients(2, client)
        await simulation.settle()
        assert all(operation.ok for operation in simulation.history)
        appended(simulation.history, await (await simulation.get(kind, name)).read())

    simulate(workload, tree=BOOKS, seed=seed, shrinking=0)


def test_a_handler_that_is_idempotent_stands_repeated_calls_under_all_faults() -> None:
    for seed in range(20):
        all_written(Ledger, "ledger", seed)


def test_a_handler_that_forgets_idempotency_is_found_by_repeated_calls() -> None:
    found = 0
    for seed in range(20):
        try:
            all_written(Scribe, "scribe", seed)
        except AssertionError as error:
            found += "is in the list 2 times" in str(error)

    assert found


def test_what_is_given_with_a_call_is_kept_in_its_operation() -> None:
    async def workload(simulation: Simulation) -> None:
        async def client(me: Client) -> None:
            done = await me.call(Scribe, "scribe", lambda it: it.write("a"), what="write", given={"line": "a"})
            assert (done.what, done.given) == ("write", {"line": "a"})
            asked = await me.use(lambda system: system.get(Scribe, "scribe").read())
            assert asked.given == {}

        await simulation.clients(1, client)

    simulate(workload, tree=TREE, faults=Faults.none(), shrinking=0)
