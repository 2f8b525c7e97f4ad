from __future__ import annotations

import re
import time
import uuid

import attrs
import pytest
import trio

import trioactors as ta
from trioactors.environment.workers import InPlaceWorker, worker_for_this_run
from trioactors.testing import isolated_system, virtual_environment
from trioactors.testing.clocks import EPOCH


def test_the_default_environment_is_the_real_world() -> None:
    real = ta.Environment()

    assert real.wall_clock is time.time
    assert real.worker is worker_for_this_run
    assert uuid.UUID(real.new_id()) != uuid.UUID(real.new_id())


def test_real_streams_are_independent() -> None:
    real = ta.Environment()

    assert real.random("a").random() != real.random("a").random()


def test_an_environment_cannot_be_changed() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        ta.Environment().new_id = str  # type: ignore[misc,method-assign]


async def test_a_virtual_environment_leaves_nothing_to_chance(autojump_clock: trio.testing.MockClock) -> None:
    first, second = virtual_environment(seed=1), virtual_environment(seed=1)

    assert first.random("a").random() == second.random("a").random()
    assert first.random("a").random() != first.random("b").random()
    assert [first.new_id(), first.new_id()] == [second.new_id(), second.new_id()] == ["id-1", "id-2"]
    assert first.new_secret() == second.new_secret() != first.new_secret()
    assert isinstance(first.worker(), InPlaceWorker)


def test_a_real_secret_is_long_and_fit_for_a_url() -> None:
    one, other = ta.Environment().new_secret(), ta.Environment().new_secret()

    assert one != other
    assert re.fullmatch(r"[\w-]{40,}", one)


async def test_the_virtual_wall_clock_follows_trio(autojump_clock: trio.testing.MockClock) -> None:
    virtual = virtual_environment()
    before = virtual.wall_clock()

    await trio.sleep(10)

    assert virtual.wall_clock() - before == 10


class Dealer(ta.Actor[None]):
    @ta.handler
    def deal(self) -> tuple[float, float]:
        world = self.context.system.environment
        return world.wall_clock(), world.random("cards").random()


async def test_an_application_asks_its_system_for_the_time_of_day_and_for_chance(autojump_clock: trio.testing.MockClock) -> None:
    world = virtual_environment(seed=3)
    tree = ta.Supervisor(ta.child(Dealer, name="dealer"), name="table")
    async with isolated_system(tree, environment=world) as system:
        await trio.sleep(60)

        assert system.environment is world
        assert await system.get(Dealer, "dealer").deal() == (EPOCH + 60, world.random("cards").random())


def test_a_secret_is_no_option_of_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.token_urlsafe", lambda size: "--x" + "-" * size)

    assert ta.Environment().new_secret() == "x" + "-" * 32
