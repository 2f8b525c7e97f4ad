"""Refs and classes: `isinstance`, `match` and what else asks a ref for its class."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any, Generic, TypeVar
from unittest import mock

import attrs
import pytest
from attrs import define, field

import trioactors as ta
from shared.actors import Counter, Tally
from trioactors.testing import crash, restarted

T = TypeVar("T")


class Doubling(Counter):
    """A counter of a special kind."""


class Limited(ta.Actor[Tally]):
    def __init__(self, *, limit: int) -> None:
        self.limit = limit


class Box(ta.Actor[Tally], Generic[T]):
    @ta.handler
    def keep(self, item: T) -> T:
        return item


@pytest.mark.parametrize(
    ("make", "kind"),
    [(Counter, Counter), (Doubling, Counter), (partial(Limited, limit=3), Limited), (Box[int], Box), (partial(Box[int]), ta.Actor)],
    ids=["class", "subclass", "partial", "generic", "partial of a generic"],
)
async def test_a_ref_is_an_instance_of_the_class_of_its_actor(system: ta.System, make: Any, kind: type) -> None:
    ref = await system.start(make)

    assert isinstance(ref, kind)
    assert isinstance(ref, ta.Ref)
    assert not isinstance(ref, Other | str)


class Other(ta.Actor[None]):
    """An actor of another class."""


async def test_a_ref_keeps_its_class_over_restarts_and_the_end(system: ta.System) -> None:
    counter = await system.start(Counter, name="counter")

    crash(counter)
    await restarted(counter)
    assert isinstance(counter, Counter)

    await ta.stop(counter)
    assert isinstance(counter, Counter)


async def test_an_actor_itself_is_no_ref(system: ta.System) -> None:
    assert not isinstance(Counter(), ta.Ref)
    assert not isinstance(Counter, ta.Ref)


def kind_of(value: object) -> str:
    match value:
        case Counter(state=state):  # a ref does not show it, so the case does not match
            return f"a counter in {state}"
        case Counter(add=add) if callable(add):
            return "a counter"
        case ta.Ref():
            return "another ref"
        case _:
            return "no ref"


async def test_a_match_sees_the_class_and_the_handlers(system: ta.System) -> None:
    assert kind_of(await system.start(Counter)) == "a counter"
    assert kind_of(await system.start(Other)) == "another ref"
    assert kind_of(3) == "no ref"


async def test_single_dispatch_goes_by_the_class_of_the_actor(system: ta.System) -> None:
    @functools.singledispatch
    def told(value: object) -> str:
        return "anything"

    @told.register
    def _(value: Counter) -> str:
        return "a counter"

    assert told(await system.start(Doubling)) == "a counter"
    assert told(await system.start(Other)) == "anything"


async def test_dir_of_a_ref_lists_its_handlers(system: ta.System) -> None:
    assert dir(await system.start(Box[int])) == ["keep"]


async def test_a_double_can_take_a_ref_for_its_spec(system: ta.System) -> None:
    double = mock.Mock(spec=await system.start(Box[int]))

    assert double.keep is not None
    with pytest.raises(AttributeError):
        double.state  # noqa: B018


async def test_a_ref_is_no_value_class_and_can_be_held_weakly(system: ta.System) -> None:
    counter = await system.start(Counter)

    assert not attrs.has(type(counter))
    assert weakref.ref(counter)() is counter
    assert len({counter, counter}) == 1


@define
class Friends:
    anyone: ta.Ref | None = None
    all: list[ta.Ref] = field(factory=list[ta.Ref])


class Friendly(ta.Actor[Friends], persist=ta.EVERY_MESSAGE):
    @ta.handler
    def befriend(self, ref: ta.Ref) -> None:
        self.state.anyone = ref
        self.state.all.append(ref)

    @ta.handler
    def look(self, question: Callable[[ta.Ref], object]) -> list[object]:
        return [question(ref) for ref in self.state.all]


async def test_a_state_can_hold_refs_of_any_actor(system: ta.System) -> None:
    friendly = await system.start(Friendly, name="friendly")
    await friendly.befriend(await system.start(Counter, name="counter"))
    await friendly.befriend(await system.start(Other, name="other"))

    crash(friendly)
    await restarted(friendly)

    assert await friendly.look(lambda ref: isinstance(ref, Counter)) == [True, False]
    assert await friendly.look(lambda ref: ta.info(ref).name) == ["counter", "other"]


async def test_a_ref_of_any_actor_that_is_not_there_has_no_class_yet(system: ta.System) -> None:
    friendly = await system.start(Friendly, name="friendly")
    counter = await system.start(Counter, name="counter")
    await friendly.befriend(counter)
    await ta.stop(counter)

    crash(friendly)
    await restarted(friendly)

    assert await friendly.look(lambda ref: (isinstance(ref, ta.Ref), isinstance(ref, Counter), dir(ref))) == [(True, False, [])]
