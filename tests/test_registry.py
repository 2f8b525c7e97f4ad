"""Names: unique, typed, kept by restarts, released by stops, and awaited without polling."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import MockClock

import trioactors as ta
from trioactors.supervision.registry import Registry
from trioactors.testing import isolated_system


class Anna(ta.Actor[None]):
    @ta.handler
    def hello(self) -> str:
        return "hello"


class Bert(ta.Actor[None]):
    pass


class Holder:
    """Something that can have a name."""

    def __init__(self, name: str) -> None:
        self.name = name


async def test_a_name_is_found(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        anna = await system.start(Anna, name="anna")

        assert system.get(Anna, "anna") is anna
        assert system.get(ta.Actor, "anna") is anna


async def test_an_unknown_name_is_told_with_the_known_ones(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        await system.start(Anna, name="anna")

        with pytest.raises(ta.UnknownName, match=r"no child is named 'berta'\. Known names: .*anna"):
            system.get(Anna, "berta")


async def test_the_name_of_another_class_is_refused(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        await system.start(Anna, name="anna")

        with pytest.raises(ta.WrongClass, match="'anna' is Anna, not Bert"):
            system.get(Bert, "anna")


async def test_a_supervisor_is_no_actor_and_an_actor_no_supervisor(autojump_clock: MockClock) -> None:
    async with isolated_system(ta.Supervisor(ta.child(Anna, name="anna"), name="top")) as system:
        with pytest.raises(ta.WrongClass):
            system.get(Anna, "top")
        with pytest.raises(ta.WrongClass, match="not a supervisor"):
            system.supervisor("anna")


async def test_an_unnamed_child_is_named_after_its_class_and_counted(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        await system.start(Anna)
        await system.start(Anna, name="Anna-2")
        await system.start(Anna)

        assert system.names() == ("Anna-1", "Anna-2", "Anna-3")


async def test_a_name_survives_a_restart(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(ta.Supervisor(diary.worker("a"), name="top")) as system:
        before = diary.get(system, "a")
        await diary.crash(system, "a")

        assert diary.get(system, "a") is before


async def test_whoever_waits_for_a_name_is_woken(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    async with isolated_system() as system:
        answers: list[str] = []

        async def greet() -> None:
            anna = await system.wait_for(Anna, "anna")
            answers.append(await anna.hello())

        for _ in range(3):
            nursery.start_soon(greet)
        await trio.sleep(2)
        await system.start(Anna, name="anna")
        await trio.testing.wait_all_tasks_blocked()

        assert answers == ["hello"] * 3
        assert trio.current_time() == 2


async def test_waiting_for_a_name_that_is_there_is_no_wait(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        anna = await system.start(Anna, name="anna")

        assert await system.wait_for(Anna, "anna") is anna


async def test_waiting_for_a_name_ends_by_its_deadline(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        with pytest.raises(ta.CallTimeout, match="no child took the name 'anna' within 3 s"):
            await system.wait_for(Anna, "anna", timeout=3)

        assert trio.current_time() == 3


async def test_waiting_for_a_name_of_another_class_is_refused(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        await system.start(Anna, name="anna")

        with pytest.raises(ta.WrongClass):
            await system.wait_for(Bert, "anna")


async def test_whoever_gave_up_waiting_leaves_nothing_behind(autojump_clock: MockClock) -> None:
    registry = Registry()

    with trio.move_on_after(1):
        await registry.wait_for("anna")

    assert registry.awaited == 0


async def test_one_waiter_that_leaves_takes_nobody_with_it(autojump_clock: MockClock) -> None:
    registry = Registry()
    found: list[Any] = []
    anna: Any = Holder("anna")

    async def wait() -> None:
        found.append(await registry.wait_for("anna"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        with trio.move_on_after(1):
            await registry.wait_for("anna")
        assert registry.awaited == 1
        registry.register(anna)

    assert found == [anna]


def test_a_name_has_one_holder() -> None:
    registry = Registry()
    first: Any = Holder("anna")
    second: Any = Holder("anna")
    registry.register(first)
    registry.register(first)

    with pytest.raises(ta.NameTaken):
        registry.register(second)
    registry.release(second)

    assert registry.find("anna") is first
    assert len(registry) == 1


def test_a_name_that_was_given_back_is_free() -> None:
    registry = Registry()
    first: Any = Holder("anna")
    second: Any = Holder("anna")
    registry.register(first)
    registry.release(first)

    registry.register(second)

    assert registry.children() == [second]
    assert not registry.knows(first)


def test_many_known_names_are_not_all_listed() -> None:
    registry = Registry()
    for number in range(30):
        holder: Any = Holder(f"n{number:02}")
        registry.register(holder)

    with pytest.raises(ta.UnknownName, match=r"n00, .*n19, and 10 more$"):
        registry.find("n99")
