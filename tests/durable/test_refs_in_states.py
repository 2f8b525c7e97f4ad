"""Refs inside a state: stored as names, and resolved to the actor that has the name then."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import define, field
from trio.testing import MockClock

import trioactors as ta
from shared.actors import Counter
from trioactors.errors import RecordInvalid, ValueRefused
from trioactors.serializer import Serializer
from trioactors.testing import crash, isolated_system, restarted
from trioactors_backends.memory import MemoryStore


class Special(Counter):
    """A counter of a special kind."""


class Other(ta.Actor[None]):
    """No counter."""


@define
class Friends:
    best: Counter | None = None
    all: dict[str, Counter] = field(factory=dict[str, Counter])


class Friendly(ta.Actor[Friends], persist=ta.EVERY_MESSAGE):
    @ta.handler
    def befriend(self, who: Any) -> None:
        self.state.best = who

    @ta.handler
    def know(self, name: str, who: Any) -> None:
        self.state.all[name] = who

    @ta.handler(raises=(ta.UnknownName, ta.WrongClass))
    async def ask(self) -> int:
        assert self.state.best is not None
        return await self.state.best.add()

    @ta.handler
    async def ask_all(self) -> dict[str, int]:
        return {name: await friend.add() for name, friend in self.state.all.items()}

    @ta.handler
    def show(self) -> str:
        return repr(self.state.best)

    @ta.handler
    def touch(self) -> None:
        """Write the state once more, with the ref as it was read."""
        assert self.state.best is not None
        self.state.all["touched"] = self.state.best


@pytest.fixture
async def friendly(system: ta.System, keeper: Any) -> Friendly:
    return await system.start(Friendly, name="friendly")


async def test_a_ref_means_the_same_after_a_restart(system: ta.System, friendly: Any) -> None:
    await friendly.befriend(await system.start(Special, name="special"))
    await friendly.know("a", await system.start(Counter, name="a"))
    assert await friendly.ask() == 1

    crash(friendly)
    await restarted(friendly, after=1)

    assert await friendly.ask() == 2
    assert await friendly.ask_all() == {"a": 1}


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (lambda system: system.start(Counter), "was started without a name"),
        (lambda system: system.start(Other, name="other"), "is not a Counter"),
    ],
    ids=["no name", "another class"],
)
async def test_what_could_not_be_found_again_is_refused(system: ta.System, friendly: Any, start: Any, said: str) -> None:
    with pytest.raises(ValueRefused, match=said):
        await friendly.befriend(await start(system))

    assert await friendly.show() == "None"


async def test_one_that_is_not_there_is_found_when_it_is_used(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with isolated_system(store=store) as system:
        friendly: Any = await system.start(Friendly, name="friendly")
        await friendly.befriend(await system.start(Counter, name="friend"))
    async with isolated_system(store=store) as system:
        friendly = await system.start(Friendly, name="friendly")
        assert "name='friend'" in await friendly.show()
        with pytest.raises(ta.UnknownName, match="no child is named 'friend'"):
            await friendly.ask()
        await friendly.touch()  # it is carried by the name that it was read by

        first: Any = await system.start(Counter, name="friend")
        assert await friendly.ask() == 1
        await ta.stop(first)
        with pytest.raises(ta.UnknownName):
            await friendly.ask()
        await system.start(Other, name="friend")
        with pytest.raises(ta.WrongClass, match=r"'friend' is .*Other.*, not Counter"):
            await friendly.ask()


async def test_the_functions_on_refs_take_one_that_is_known_by_name(autojump_clock: MockClock) -> None:
    class Host(Friendly):
        @ta.handler
        async def stop_friend(self) -> None:
            assert self.state.best is not None
            await ta.flush(self.state.best)
            await ta.stop(self.state.best)

        @ta.handler
        def misuse(self) -> list[str]:
            return [text(lambda: self.state.best.limit), text(lambda: setattr(self.state.best, "x", 1))]  # type: ignore[union-attr]

    def text(act: Any) -> str:
        with pytest.raises(ta.NotAHandler) as caught:
            act()
        return str(caught.value)

    store = MemoryStore()
    async with isolated_system(store=store) as system:
        host: Any = await system.start(Host, name="host")
        await host.befriend(await system.start(Counter, name="friend"))
    async with isolated_system(store=store) as system:
        host = await system.start(Host, name="host")
        await system.start(Counter, name="friend")
        assert all("Handlers: add" in said for said in await host.misuse())
        await host.stop_friend()
        assert system.names() == ("host",)


async def test_a_name_that_became_another_class_is_told_at_use_and_stops_no_start(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with isolated_system(store=store) as system:
        friendly: Any = await system.start(Friendly, name="friendly")
        await friendly.befriend(await system.start(Counter, name="friend"))
    async with isolated_system(store=store) as system:
        await system.start(Other, name="friend")
        friendly = await system.start(Friendly, name="friendly")
        with pytest.raises(ta.WrongClass):
            await friendly.ask()


def test_a_ref_in_a_state_is_read_inside_a_system_only() -> None:
    codec = Friendly.__actor_plan__.durable_state.codec()  # type: ignore[union-attr]
    data = codec.encode(Friends())
    with_friend = data.replace(b'"best":null', b'"best":"friend"')
    assert with_friend != data

    with pytest.raises(RecordInvalid, match="'friend' names an actor, but the state is read outside a system"):
        codec.decode(with_friend)


def test_the_serializer_is_not_told_twice_about_actors() -> None:
    serializer = Serializer()

    class First(ta.Actor[Friends], persist=ta.EVERY_MESSAGE, serializer=serializer):
        pass

    class Second(ta.Actor[Friends], persist=ta.EVERY_MESSAGE, serializer=serializer):
        pass

    assert First.__actor_plan__.durable_state.codec() is not None  # type: ignore[union-attr]
    assert Second.__actor_plan__.durable_state.codec() is not None  # type: ignore[union-attr]
