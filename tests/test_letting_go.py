"""Garbage is collected: the runtime keeps no incarnation, actor, store or class alive that has no other user."""

from __future__ import annotations

import gc
import logging
import weakref

import pytest
import trio
from trio.testing import MockClock

import trioactors as ta
from shared.actors import Broken
from trioactors.persistence import store_at
from trioactors.testing import isolated_system


class Fragile(ta.Actor[None]):
    """Keeps weak references to its instances."""

    instances: list[weakref.ref[Fragile]]

    def __init__(self) -> None:
        self.instances.append(weakref.ref(self))

    @ta.handler
    def fail(self) -> None:
        raise Broken


@pytest.fixture
def fragile(monkeypatch: pytest.MonkeyPatch) -> list[weakref.ref[Fragile]]:
    """The instances of `Fragile`, in order."""
    instances: list[weakref.ref[Fragile]] = []
    monkeypatch.setattr(Fragile, "instances", instances, raising=False)
    monkeypatch.setattr(logging.getLogger("trioactors"), "disabled", True)  # pytest keeps each record, with its traceback
    return instances


async def crash(ref: Fragile) -> ta.ActorCrashed:
    """Crash the actor, and wait until its restart budget is whole again."""
    with pytest.raises(ta.ActorCrashed) as caught:
        await ref.fail()
    await trio.sleep(10)
    return caught.value


async def test_a_life_that_crashed_is_not_kept_by_those_after_it(system: ta.System, fragile: list[weakref.ref[Fragile]]) -> None:
    ref = await system.start(Fragile)

    for _ in range(4):
        await crash(ref)
    gc.collect()

    first, second, *_, present = [instance() for instance in fragile]
    assert (first, second) == (None, None)
    assert present is not None


async def test_who_keeps_an_error_does_not_keep_the_lives_after_it(system: ta.System, fragile: list[weakref.ref[Fragile]]) -> None:
    ref = await system.start(Fragile)

    error = await crash(ref)
    for _ in range(3):
        await crash(ref)
    gc.collect()

    assert isinstance(error.__cause__, Broken)
    first, second, *_ = [instance() for instance in fragile]
    assert first is not None  # it is in the traceback
    assert second is None


async def test_a_system_that_is_closed_does_not_keep_its_store(autojump_clock: MockClock) -> None:
    store = store_at("memory:")
    kept = weakref.ref(store)

    async with isolated_system(store=store):
        del store
    gc.collect()

    assert kept() is None


async def test_a_class_that_was_started_is_not_kept(autojump_clock: MockClock) -> None:
    class Passing(ta.Actor[None]):
        """A class that is not used afterwards."""

    kept = weakref.ref(Passing)
    async with isolated_system() as system:
        await system.start(Passing)
    del Passing, system
    gc.collect()

    assert kept() is None


def test_an_object_that_cannot_be_hashed_can_be_a_child() -> None:
    class Job:
        __hash__ = None  # type: ignore[assignment]

        async def __call__(self) -> None:
            await trio.lowlevel.checkpoint()

    assert ta.child(Job()).kind is ta.ChildKind.FUNCTION
