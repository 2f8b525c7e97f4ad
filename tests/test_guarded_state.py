"""`self.state` outside of an actor's messages: an error in tests, which says what to do instead."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import attrs
import pytest
import trio
from attrs import define, field

import trioactors as ta
from trioactors.actors.ref import child_of
from trioactors.environment.workers import ThreadWorker
from trioactors.testing import Simulation, isolated_system, restarted, run, simulate, until, virtual_environment
from trioactors.testing.simulation.plans import Faults


@define
class Lines:
    lines: list[str] = field(factory=list[str])


class Desk(ta.Actor[Lines]):
    """Uses its state in every place that there is."""

    def __init__(self, where: str = "") -> None:
        self.state = Lines(["made"])
        self.where = where

    async def on_start(self) -> None:
        self._use_in("on_start")

    async def on_continue(self) -> None:
        self._use_in("on_continue")

    async def on_stop(self, _reason: ta.Exit) -> None:
        self._use_in("on_stop")

    def _use_in(self, place: str) -> None:
        if self.where == place:
            self.state.lines.append(place)
            seen.append(place)

    @ta.handler
    async def directly(self) -> None:
        self.state.lines.append("directly")

    @ta.handler
    def plainly(self) -> None:
        self.state = Lines([*self.state.lines, "plainly"])

    @ta.handler
    async def in_a_nursery(self) -> None:
        async def write() -> None:
            await trio.lowlevel.checkpoint()
            self.state.lines.append("in_a_nursery")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(write)
            nursery.start_soon(trio.lowlevel.checkpoint)

    @ta.handler
    async def in_a_thread(self) -> None:
        await trio.to_thread.run_sync(lambda: self.state.lines.append("in_a_thread"))

    @ta.handler
    async def beside(self, use: Callable[[Any], object]) -> None:
        """Run *use* in a child task, while no message is handled."""
        self.context.start_soon(self._later, use)

    @ta.handler
    async def beside_a_message(self, use: Callable[[Any], object]) -> None:
        """Run *use* in a child task, while this message is handled."""
        self.context.start_soon(self._later, use)
        await trio.sleep(2)

    async def _later(self, use: Callable[[Any], object]) -> None:
        await trio.sleep(1)
        use(self)

    @ta.handler
    async def elsewhere(self, nursery: trio.Nursery, use: Callable[[Any], object]) -> None:
        nursery.start_soon(self._later, use)

    @ta.handler
    async def with_another_name(self) -> None:
        state = self.state

        async def write() -> None:
            state.lines.append("aliased")
            await trio.lowlevel.checkpoint()

        self.context.start_soon(write)

    @ta.handler
    async def by_arguments_and_messages(self) -> None:
        async def add(length: int) -> None:
            await self.add.cast(f"{length} before")

        self.context.start_soon(add, len(self.state.lines))

    @ta.handler
    async def add(self, line: str) -> None:
        self.state.lines.append(line)

    @ta.handler(reads=True)
    async def lines(self) -> list[str]:
        return list(self.state.lines)


seen: list[str] = []


def read(actor: Any) -> object:
    return actor.state.lines


def write(actor: Any) -> None:
    actor.state.lines.append("written")


def replace(actor: Any) -> None:
    actor.state = Lines()


def delete(actor: Any) -> None:
    del actor.state


USES = [pytest.param(read, "read"), pytest.param(write, "read"), pytest.param(replace, "replaced"), pytest.param(delete, "deleted")]


@pytest.fixture(autouse=True)
def _forget() -> None:
    seen.clear()


@pytest.fixture
async def desk(system: ta.System) -> Desk:
    return await system.start(Desk, name="desk")


def last_error(ref: object) -> BaseException | None:
    reason = child_of(ref).last_exit
    return None if reason is None else reason.error


# --- where it may be used ---


@pytest.mark.parametrize("name", ["directly", "plainly", "in_a_nursery", "in_a_thread"])
async def test_a_handler_may_use_the_state(desk: Desk, name: str) -> None:
    await getattr(desk, name)()

    assert await desk.lines() == ["made", name]


@pytest.mark.parametrize("name", ["on_start", "on_continue", "on_stop"])
async def test_a_hook_may_use_the_state(system: ta.System, name: str) -> None:
    desk = await system.start(partial(Desk, name), name="desk")
    await desk.lines()

    await ta.stop(desk)

    assert seen == [name]


async def test_a_test_may_look_at_the_state_with_until(desk: Desk) -> None:
    await desk.add.cast("one")

    await until(desk, lambda state: "one" in state.lines)


async def test_an_actor_that_no_system_has_started_is_a_plain_object(desk: Desk) -> None:
    plain = Desk()
    plain.state.lines.append("by hand")

    assert plain.state == copy.copy(plain).state == Lines(["made", "by hand"])
    with pytest.raises(AttributeError, match="'Desk' object has no attribute 'state'"):
        delete_twice(plain)
    with pytest.raises(AttributeError, match="'Desk' object has no attribute 'state'"):
        read(plain)
    assert await desk.lines() == ["made"]


def delete_twice(actor: Desk) -> None:
    del actor.state
    del actor.state


# --- where it may not ---


@pytest.mark.parametrize("task", ["beside", "beside_a_message"])
@pytest.mark.parametrize(("use", "how"), USES)
async def test_a_child_task_that_touches_the_state_is_an_error(
    desk: Desk, task: str, use: Callable[[Any], object], how: str
) -> None:
    await getattr(desk, task).cast(use)
    await restarted(desk, after=1)

    error = last_error(desk)
    assert isinstance(error, ta.UsageError)
    assert str(error).startswith(f"desk: self.state was {how} in the task ")
    assert "self.context.start_soon(self.fetch, self.state.url)" in str(error)
    assert "await self.context.ref.<handler>(...)" in str(error)
    assert await desk.lines() == ["made"]


async def test_a_task_of_others_that_touches_the_state_is_an_error(desk: Desk) -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(ta.UsageError, match=r"desk: self\.state was read in the task")):
        async with trio.open_nursery() as nursery:
            await desk.elsewhere(nursery, read)


async def test_a_thread_that_touches_the_state_of_an_idle_actor_is_an_error(desk: Desk) -> None:
    await desk.lines()
    actor: Any = child_of(desk).present.actor  # type: ignore[union-attr]

    with pytest.raises(ta.UsageError, match=r"desk: self\.state was read outside Trio"):
        await trio.to_thread.run_sync(read, actor)


async def test_the_state_of_an_actor_that_has_exited_cannot_be_touched(desk: Desk) -> None:
    actor: Any = child_of(desk).present.actor  # type: ignore[union-attr]
    await ta.stop(desk)

    with pytest.raises(ta.UsageError, match=r"desk: self\.state was read"):
        read(actor)


async def test_arguments_and_messages_are_the_way_of_a_child_task(desk: Desk) -> None:
    await desk.by_arguments_and_messages()

    await until(desk, lambda state: state.lines == ["made", "1 before"])


async def test_another_name_for_the_state_is_not_found(desk: Desk) -> None:
    await desk.with_another_name()

    await trio.testing.wait_all_tasks_blocked()

    assert await desk.lines() == ["made", "aliased"]


# --- durable actors: hooks that run in other tasks ---


class Kept(ta.Actor[Lines]):
    @ta.handler
    async def add(self, line: str) -> int:
        self.state.lines.append(line)
        return len(self.state.lines)

    @ta.handler(raises=(ValueError,))
    async def refuse(self, line: str) -> None:
        self.state.lines.append(line)
        raise ValueError(line)

    def on_save(self) -> None:
        seen.append(f"saved {len(self.state.lines)}")
        self.state = Lines(self.state.lines)

    def on_load(self) -> None:
        seen.append(f"loaded {len(self.state.lines)}")


class EveryMessage(Kept, persist=ta.EVERY_MESSAGE):
    pass


class Window(Kept, persist=ta.Within(1.0)):
    pass


@pytest.mark.parametrize("kind", [EveryMessage, Window])
async def test_the_hooks_of_a_durable_actor_may_use_the_state(system: ta.System, kind: type[Kept]) -> None:
    kept = await system.start(kind, name="kept")
    await kept.add("one")
    await trio.sleep(2)
    with pytest.raises(ValueError, match="two"):
        await kept.refuse("two")
    await ta.restart(kept)

    length = await kept.add("three")

    assert length == (2 if kind is EveryMessage else 3)
    assert "loaded 1" in seen or "loaded 2" in seen
    assert ta.info(kept).incarnation == 2


# --- which systems check ---


async def touched_beside(system: ta.System) -> bool:
    """Whether *system* finds a child task that reads the state."""
    desk = await system.start(Desk, name="touched", restart="temporary")
    await desk.beside(read)
    await trio.sleep(2)
    return isinstance(last_error(desk), ta.UsageError)


async def in_a_system(open_it: Callable[[], Any]) -> bool:
    async with open_it() as system:
        return await touched_beside(system)


REAL_WORKER = ta.Environment(worker=ThreadWorker)

CHECKED: dict[str, Callable[[], Any]] = {
    "open_system on a mock clock": ta.open_system,
    "isolated_system": isolated_system,
    "isolated_system in an environment of the user's": lambda: isolated_system(environment=REAL_WORKER),
    "open_system in a virtual environment": lambda: ta.open_system(environment=virtual_environment()),
}


@pytest.mark.parametrize("opened", CHECKED)
def test_systems_of_tests_check(opened: str) -> None:
    assert run(partial(in_a_system, CHECKED[opened])) is True


def test_a_simulation_checks() -> None:
    found: list[bool] = []

    async def workload(simulation: Simulation) -> None:
        async def client(me: Any) -> None:
            await me.use(look)

        async def look(system: ta.System) -> None:
            found.append(await touched_beside(system))

        await simulation.clients(1, client)

    simulate(workload, tree=ta.Supervisor(name="top"), store=None, faults=Faults.none())

    assert found == [True]


def test_an_environment_can_say_that_it_does_not_check() -> None:
    unchecked = attrs.evolve(virtual_environment(), check_state=False)

    assert run(partial(in_a_system, lambda: isolated_system(environment=unchecked))) is False


async def test_a_system_on_a_real_clock_does_not_check() -> None:
    async def touch(environment: ta.Environment) -> bool:
        async with ta.open_system(environment=environment) as system:
            desk = await system.start(Desk, name="desk", restart="temporary")
            actor: Any = child_of(desk).present.actor  # type: ignore[union-attr]
            try:
                return bool(read(actor))
            except ta.UsageError:
                return False

    assert await touch(ta.Environment())
    assert await touch(ta.Environment(check_state=False))
    assert not await touch(ta.Environment(check_state=True))


@pytest.mark.parametrize("wrong", [1, "yes", 0.0])
def test_an_environment_takes_true_false_or_none(wrong: Any) -> None:
    with pytest.raises(ta.SpecError, match=r"Environment\.check_state="):
        ta.Environment(check_state=wrong)


# --- what the check changes ---


async def test_the_check_changes_no_class_of_the_users(system: ta.System) -> None:
    made: list[type] = []

    class Registered(ta.Actor[Lines]):
        def __init_subclass__(cls, **options: Any) -> None:
            made.append(cls)
            super().__init_subclass__(**options)

    class Typed(Registered):
        @ta.handler
        async def kind(self) -> list[object]:
            return [type(self), self.__class__, isinstance(self, Typed), "state" in vars(self), sorted(vars(type(self)))]

    before = sorted(vars(Typed))

    typed = await system.start(Typed, name="typed")

    assert await typed.kind() == [Typed, Typed, True, True, before]
    assert made == [Typed]
    assert Typed.__subclasses__() == []


def test_the_class_has_no_state_of_its_own() -> None:
    run(partial(in_a_system, isolated_system))

    with pytest.raises(AttributeError, match="type object 'Desk' has no attribute 'state'"):
        Desk.state  # type: ignore[misc] # noqa: B018 - the look-up is what is tested
    assert not hasattr(ta.Actor, "state")


PROGRAM = """
import trio
import trioactors as ta

class Counter(ta.Actor[int]):
    @ta.handler
    async def add(self) -> int:
        self.state = (self.state or 0) + 1
        return self.state

async def main():
    async with ta.open_system() as system:
        print(await (await system.start(Counter)).add(), "state" in vars(ta.Actor))

ta.run(main)
"""


def test_a_program_has_no_check_and_pays_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)

    assert done.stdout == "1 False\n"


def test_checked_and_unchecked_systems_live_beside_each_other() -> None:
    results: list[bool] = []

    async def unchecked() -> None:
        async with ta.open_system() as system:
            desk = await system.start(Desk, name="desk")
            results.append(bool(read(child_of(desk).present.actor)))  # type: ignore[union-attr]

    async def both() -> None:
        async with isolated_system():
            await trio.to_thread.run_sync(trio.run, unchecked)

    run(both)

    assert results == [True]
