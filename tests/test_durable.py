"""Durable actors: state that survives. See durable/test_output_gate.py for what is held, and test_store_errors.py for store failures."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import define, field
from trio.testing import MockClock

import trioactors as ta
from shared.actors import Refused
from trioactors.persistence import Batch, Key, Space, Store, Write, store_at
from trioactors.serializer import transient
from trioactors.testing import crash, isolated_system, restarted
from trioactors.testing.stores import Fault, FaultyStore


@define
class Tally:
    total: int = 0
    history: list[int] = field(factory=list[int])
    cache: dict[str, int] = transient(factory=dict[str, int])


class Counter(ta.Actor[Tally], persist=ta.EVERY_MESSAGE):
    @ta.handler(raises=(Refused,))
    async def add(self, by: int = 1) -> int:
        self.state.total += by
        self.state.history.append(by)
        if by < 0:
            raise Refused(by)
        if by > 100:
            raise LookupError(by)
        return self.state.total

    @ta.handler(reads=True)
    def look(self) -> tuple[int, list[int], dict[str, int]]:
        return self.state.total, self.state.history, self.state.cache

    @ta.handler
    def remember(self, key: str) -> None:
        self.state.cache[key] = 1


@pytest.fixture
def store() -> Store:
    return store_at("memory:")


@pytest.fixture
def system_store(store: Store) -> Store:
    return store


async def test_a_call_returns_what_the_handler_does(system: ta.System) -> None:
    counter = await system.start(Counter, name="counter")

    assert await counter.add(by=2) == 2
    assert await counter.add() == 3


async def test_the_next_system_goes_on_where_the_last_one_stopped(autojump_clock: MockClock, store: Store) -> None:
    async with isolated_system(store=store) as system:
        counter = await system.start(Counter, name="counter")
        await counter.add(by=2)
    async with isolated_system(store=store) as system:
        counter = await system.start(Counter, name="counter")
        assert await counter.add() == 3


async def test_a_crash_leads_back_to_the_last_commit(system: ta.System) -> None:
    counter = await system.start(Counter, name="counter")
    await counter.add(by=2)

    with pytest.raises(ta.ActorCrashed):
        await counter.add(by=101)

    assert (await counter.look())[:2] == (2, [2])
    assert ta.info(counter).incarnation == 2


async def test_a_declared_error_leaves_the_state_as_before(system: ta.System) -> None:
    counter = await system.start(Counter, name="counter")
    await counter.add(by=2)

    with pytest.raises(Refused):
        await counter.add(by=-1)

    assert (await counter.look())[:2] == (2, [2])
    assert ta.info(counter).incarnation == 1


async def test_transient_fields_are_left_out(system: ta.System) -> None:
    counter = await system.start(Counter, name="counter")
    await counter.add()
    await counter.remember("a")
    assert (await counter.look())[2] == {"a": 1}

    crash(counter)
    await restarted(counter, after=1)

    assert await counter.look() == (1, [1], {})


async def test_an_unchanged_state_writes_nothing(system: ta.System, recorder: ta.Recorder) -> None:
    counter = await system.start(Counter, name="counter")

    await counter.remember("a")
    await counter.add(by=1)
    await counter.look()

    assert [record.revision for record in recorder.of(ta.StateCommitted)] == [1]


async def test_an_unreadable_record_stops_its_actor_with_an_error_that_names_it(autojump_clock: MockClock, store: Store) -> None:
    @define
    class Other:
        name: str

    class Stranger(ta.Actor[Other], persist=ta.EVERY_MESSAGE):
        def __init__(self) -> None:
            self.state = Other("x")

    async with isolated_system(store=store) as system:
        await (await system.start(Counter, name="counter")).add()
    async with isolated_system(store=store) as system:
        with pytest.raises(ta.StartFailed) as caught:
            await system.start(Stranger, name="counter")
        assert isinstance(caught.value.__cause__, ta.StateUnreadable)
        assert "'counter'" in str(caught.value)
        assert "trioactors inspect" in str(caught.value)

        again = await system.start(Counter, name="counter")
        assert await again.add() == 2


async def test_what_is_forgotten_begins_anew(system: ta.System) -> None:
    counter = await system.start(Counter, name="counter")
    await counter.add()

    await ta.forget(counter)

    again = await system.start(Counter, name="counter")
    assert await again.add() == 1


async def test_a_durable_actor_needs_a_name(system: ta.System) -> None:
    with pytest.raises(ta.SpecError, match="Counter is durable, so it needs a name"):
        await system.start(Counter)


async def test_a_tree_with_a_durable_actor_needs_a_store(autojump_clock: MockClock) -> None:
    tree = ta.Supervisor(ta.Supervisor(ta.child(Counter, name="counter"), name="inner"), name="top")

    with pytest.raises(ta.StoreMissing, match="'counter' is durable"):
        async with ta.open_system(tree):
            pytest.fail("the body must not run")


async def test_a_ref_in_a_state_is_carried_as_a_name(autojump_clock: MockClock, store: Store) -> None:
    @define
    class Friends:
        best: Counter | None = None

    class Friendly(ta.Actor[Friends], persist=ta.EVERY_MESSAGE):
        @ta.handler
        def befriend(self, who: Counter) -> None:
            self.state.best = who

        @ta.handler
        async def ask(self) -> int:
            assert self.state.best is not None
            return await self.state.best.add()

    async with isolated_system(store=store) as system:
        friendly: Any = await system.start(Friendly, name="friendly")
        await friendly.befriend(await system.start(Counter, name="counter"))
        assert await friendly.ask() == 1
    async with isolated_system(store=store) as system:
        friendly = await system.start(Friendly, name="friendly")
        await system.start(Counter, name="counter")  # later than the state that names it was read
        assert await friendly.ask() == 2


async def test_a_store_that_is_full_crashes_nobody_along_a_chain_of_durable_actors(autojump_clock: MockClock) -> None:
    class Relay(ta.Actor[Tally], persist=ta.EVERY_MESSAGE):
        @ta.handler
        async def pass_on(self, to: Counter) -> int:
            self.state.total += 1
            return await to.add()

        @ta.handler(reads=True)
        def passed(self) -> int:
            return self.state.total

    full = FaultyStore(store_at("memory:"), Fault(at=1, before=ta.StoreFull("no room")))
    async with isolated_system(store=full) as system:
        counter = await system.start(Counter, name="counter")
        relay = await system.start(Relay, name="relay")

        with pytest.raises(ta.StoreFull):
            await relay.pass_on(counter)

        assert await relay.passed() == 0
        assert await relay.pass_on(counter) == 1
        assert ta.info(relay).incarnation == ta.info(counter).incarnation == 1
        assert ta.info(relay).revision != 0


async def test_a_record_that_became_unreadable_stops_its_actor_and_nobody_else(
    autojump_clock: MockClock, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    tree = ta.Supervisor(ta.child(Counter, name="damaged"), ta.child(Counter, name="sound"), name="top")
    async with isolated_system(tree, store=store) as system:
        damaged, sound = system.get(Counter, "damaged"), system.get(Counter, "sound")
        started = await system.start(Counter, name="started")
        for counter in (damaged, sound, started):
            await counter.add()
        for name in ("damaged", "started"):
            store.commit([Batch((Write(Key(Space.STATE, name), b"{}", expected=None),))])

        for counter in (damaged, started):
            crash(counter)
            with pytest.raises(ta.ActorStopped, match=r"cannot be read.*trioactors inspect"):
                await counter.add()

        assert await sound.add() == 2
        assert ta.info(sound).incarnation == 1
        with pytest.raises(ta.StartFailed) as caught:
            await ta.restart(damaged)
        assert isinstance(caught.value.__cause__, ta.StateUnreadable)
    assert caplog.text.count("StateUnreadable") >= 2
