"""Handlers called on `self`: their bodies belong to the message in progress."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import pytest
import trio

import trioactors as ta
from trioactors.actors.ref import child_of
from trioactors.testing import restarted


class Desk(ta.Actor[list[str]]):
    """Calls its own handler from every place that there is."""

    def __init__(self, where: str = "") -> None:
        self.state = []
        self.where = where

    async def on_start(self) -> None:
        await self._here("on_start")

    async def on_continue(self) -> None:
        await self._here("on_continue")

    async def on_stop(self, _reason: ta.Exit) -> None:
        await self._here("on_stop")

    async def _here(self, place: str) -> None:
        if self.where == place:
            await self.note(place)

    @ta.handler
    async def note(self, line: str) -> int:
        self.state.append(line)
        return len(self.state)

    @ta.handler
    def plain(self, line: str) -> None:
        self.state.append(line)

    @ta.handler
    async def directly(self) -> None:
        await self.note("directly")
        await self.plain("plainly")

    @ta.handler
    async def in_a_nursery(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.note, "in a nursery")
            await trio.lowlevel.checkpoint()

    @ta.handler
    async def in_a_child_task(self) -> None:
        self.context.start_soon(self.note, "in a child task")

    @ta.handler
    async def plainly_in_a_child_task(self) -> None:
        self.context.start_soon(self.plain, "in a child task")

    @ta.handler
    async def by_message_in_a_child_task(self) -> None:
        async def beside() -> None:
            await self.note.cast("cast")
            await self.note.within(1)("called")

        self.context.start_soon(beside)

    @ta.handler
    async def elsewhere(self, nursery: trio.Nursery) -> None:
        nursery.start_soon(self.note, "elsewhere")

    @ta.handler(reads=True)
    async def lines(self) -> list[str]:
        return self.state


@pytest.mark.parametrize("name", ["directly", "in_a_nursery"])
async def test_a_handler_may_be_called_on_self_in_a_handler(system: ta.System, name: str) -> None:
    desk = await system.start(Desk, name="desk")

    await getattr(desk, name)()

    assert (await desk.lines())[0] == name.replace("_", " ")


@pytest.mark.parametrize("name", ["on_start", "on_continue", "on_stop"])
async def test_a_handler_may_be_called_on_self_in_a_hook(system: ta.System, name: str) -> None:
    desk = await system.start(partial(Desk, name), name="desk")
    actor: Any = child_of(desk).present.actor  # type: ignore[union-attr]
    await desk.lines()

    await ta.stop(desk)

    assert vars(actor)["state"] == [name]


@pytest.mark.parametrize("name", ["in_a_child_task", "plainly_in_a_child_task"])
async def test_a_handler_called_on_self_in_a_child_task_is_refused_with_what_to_send(system: ta.System, name: str) -> None:
    desk = await system.start(Desk, name="desk")

    await getattr(desk, name)()
    await restarted(desk, after=1)

    error = child_of(desk).last_exit.error  # type: ignore[union-attr]
    assert isinstance(error, ta.UsageError)
    assert re.search(r"desk: self\.(note|plain) was used in the task .*await self\.\1\.cast\(\.\.\.\)", str(error))
    assert await desk.lines() == []


async def test_a_child_task_may_send_its_actor_messages(system: ta.System) -> None:
    desk = await system.start(Desk, name="desk")

    await desk.by_message_in_a_child_task()
    await system.quiesce()
    await trio.testing.wait_all_tasks_blocked()

    assert await desk.lines() == ["cast", "called"]


async def test_a_handler_called_on_self_in_a_task_of_others_is_refused(system: ta.System) -> None:
    desk = await system.start(Desk, name="desk")

    with pytest.RaisesGroup(pytest.RaisesExc(ta.UsageError, match=r"desk: self\.note was used in the task")):
        async with trio.open_nursery() as nursery:
            await desk.elsewhere(nursery)

    assert await desk.lines() == []


async def test_a_handler_of_an_actor_that_has_exited_cannot_be_called_on_self(system: ta.System) -> None:
    desk = await system.start(Desk, name="desk")
    actor: Any = child_of(desk).present.actor  # type: ignore[union-attr]
    await ta.stop(desk)

    with pytest.raises(ta.UsageError, match=r"desk: self\.note"):
        await actor.note("late")
    assert vars(actor)["state"] == []


async def test_a_handler_of_an_actor_that_no_system_has_started_is_a_method() -> None:
    desk = Desk()

    assert await desk.note("a unit test") == 1
