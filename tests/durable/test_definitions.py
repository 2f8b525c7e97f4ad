"""Checks of durable classes, at their definition, when they become children, and when their state is saved: types, hooks, policies."""

from __future__ import annotations

import socket
import types
import typing
from typing import Any, Generic, TypeVar

import pytest
from attrs import define, field, frozen
from trio.testing import MockClock

import trioactors as ta
from shared.actors import Tally
from trioactors.errors import TypeRefused, ValueRefused
from trioactors.serializer import Serializer
from trioactors.testing import crash, isolated_system, restarted

T = TypeVar("T")


class Ahead(ta.Actor["Behind"], persist=ta.EVERY_MESSAGE):
    """Its state is defined below."""

    @ta.handler
    def add(self) -> int:
        self.state.total += 1
        return self.state.total


@define
class Behind:
    total: int = 0
    next: Further | None = None


class Between(ta.Actor[Behind], persist=ta.EVERY_MESSAGE):
    """Its state names a class that is defined below."""

    @ta.handler
    def add(self) -> int:
        self.state.next = Further(self.state.next.total + 1 if self.state.next else 1)
        return self.state.next.total


@define
class Further:
    total: int = 0


@define
class Box(Generic[T]):
    items: list[T] = field(factory=list)


class Shelf(ta.Actor[Box[T]], Generic[T], persist=ta.EVERY_MESSAGE):
    @ta.handler
    def put(self, item: T) -> int:
        self.state.items.append(item)
        return len(self.state.items)

    @ta.handler(reads=True)
    def all(self) -> list[T]:
        return list(self.state.items)


class Names(Shelf[str]):
    """A shelf of text."""


class Anything(ta.Actor[T], Generic[T], persist=ta.EVERY_MESSAGE):
    """Its state is its argument."""

    @ta.handler(reads=True)
    def look(self) -> Any:
        return self.state


class Totals(Anything[Tally]):
    pass


async def survives(system: ta.System, actor: Any) -> None:
    """Crash an actor, and wait for its next incarnation."""
    crash(actor)
    await restarted(actor, after=1)


@pytest.mark.parametrize("kind", [Ahead, Between])
async def test_a_state_may_name_what_is_defined_later(system: ta.System, kind: Any) -> None:
    actor: Any = await system.start(kind, name="actor")
    await actor.add()
    await survives(system, actor)

    assert await actor.add() == 2


async def test_a_state_that_is_never_defined_is_refused_before_it_is_started(system: ta.System) -> None:
    class Hopeful(ta.Actor["Nowhere"], persist=ta.EVERY_MESSAGE):  # type: ignore[name-defined]
        pass

    with pytest.raises(ta.DefinitionError, match="Hopeful: the annotation of its state names 'Nowhere'"):
        await system.start(Hopeful, name="hopeful")


async def test_a_field_that_is_never_defined_is_refused_before_it_is_started(system: ta.System) -> None:
    @define
    class Hope:
        what: Nowhere  # type: ignore[name-defined]  # noqa: F821

    class Hopeful(ta.Actor[Hope], persist=ta.EVERY_MESSAGE):
        pass

    with pytest.raises(ta.DefinitionError, match=r"Hopeful: its state cannot be stored.*Nowhere"):
        await system.start(Hopeful, name="hopeful")


async def test_a_generic_actor_keeps_what_its_subclass_says(system: ta.System) -> None:
    names: Any = await system.start(Names, name="names")
    await names.put("a")
    await survives(system, names)
    assert await names.all() == ["a"]
    with pytest.raises(ValueRefused, match="expected str"):
        await names.put(3)

    totals: Any = await system.start(Totals, name="totals")
    assert await totals.look() == Tally()


@pytest.mark.parametrize("kind", [Shelf, Shelf[int], Anything, Anything[Tally]])
async def test_a_generic_actor_without_a_subclass_that_says_what_it_keeps_is_refused(kind: Any) -> None:
    with pytest.raises(ta.DefinitionError, match="must declare its state"):
        ta.child(kind, name="x")


@pytest.mark.parametrize("declared", [None, Any])
async def test_a_durable_actor_must_say_what_its_state_is(declared: Any) -> None:
    with pytest.raises(ta.DefinitionError, match="Stateless is durable and must declare its state"):

        class Stateless(ta.Actor[declared], persist=ta.EVERY_MESSAGE):
            pass


async def test_a_state_that_cannot_be_carried_is_refused_when_the_class_is_made() -> None:
    @define
    class Connection:
        peer: socket.socket

    with pytest.raises(ta.DefinitionError, match=r"Caller: its state cannot be stored\. .*peer") as caught:

        class Caller(ta.Actor[Connection], persist=ta.EVERY_MESSAGE):
            pass

    assert isinstance(caught.value.__cause__, TypeRefused)


async def test_a_plain_actor_may_have_such_a_state() -> None:
    @define
    class Connection:
        peer: socket.socket | None = None

    class Caller(ta.Actor[Connection]):
        pass

    ta.child(Caller, name="caller")


# --- policies and serializers ---


async def test_what_is_no_serializer_is_refused() -> None:
    wrong: Any = 5

    with pytest.raises(ta.DefinitionError, match=r"Wrong: serializer= takes a trioactors\.serializer\.Serializer, not 5"):

        class Wrong(ta.Actor[Tally], persist=ta.EVERY_MESSAGE, serializer=wrong):
            pass


async def test_a_hook_that_would_run_nothing_is_refused() -> None:
    with pytest.raises(ta.DefinitionError, match=r"Wrong\.on_load: this hook must be a plain `def`"):

        class Wrong(ta.Actor[Tally], persist=ta.EVERY_MESSAGE):
            def on_load(self) -> Any:
                yield


@pytest.mark.parametrize("policy", ["every", 1.0, ta.Within, object()])
async def test_what_is_no_policy_is_refused(policy: Any) -> None:
    with pytest.raises(ta.SpecError, match=r"Wrong: persist must be ta\.EVERY_MESSAGE or ta\.Within"):

        class Wrong(ta.Actor[Tally], persist=policy):
            pass


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "would be EVERY_MESSAGE without its promise"), (float("inf"), "a day"), (-1, "at least 0"), ("1", "a number of seconds")],
)
async def test_a_window_has_a_length(seconds: Any, said: str) -> None:
    with pytest.raises(ta.SpecError, match=said):
        ta.Within(seconds)


def test_policies_look_as_they_are_written() -> None:
    assert (repr(ta.EVERY_MESSAGE), repr(ta.Within(0.5))) == ("EVERY_MESSAGE", "Within(seconds=0.5)")


@frozen
class Money:
    """A value with a form of its own."""

    cents: int


def money() -> Serializer:
    serializer = Serializer()
    serializer.register(
        Money, name="money", via=str, dump=lambda value: f"{value.cents} ct", load=lambda text: Money(int(text[:-3]))
    )
    return serializer


@define
class Purse:
    content: Money = Money(0)


async def test_a_serializer_of_ones_own_knows_types_of_ones_own(system: ta.System) -> None:
    class Owner(ta.Actor[Purse], persist=ta.EVERY_MESSAGE, serializer=money()):
        @ta.handler
        def earn(self, cents: int) -> int:
            self.state.content = Money(self.state.content.cents + cents)
            return self.state.content.cents

    owner: Any = await system.start(Owner, name="owner")
    await owner.earn(3)
    await survives(system, owner)

    assert await owner.earn(4) == 7


async def test_one_serializer_serves_many_classes_and_subclasses(system: ta.System) -> None:
    mine = money()

    class First(ta.Actor[Purse], persist=ta.EVERY_MESSAGE, serializer=mine):
        @ta.handler(reads=True)
        def look(self) -> Purse:
            return self.state

    class Second(First, persist=ta.Within(1.0)):
        pass

    class Third(ta.Actor[Purse], persist=ta.EVERY_MESSAGE, serializer=mine):
        pass

    class Fourth(First, serializer=money()):
        pass

    for number, kind in enumerate((First, Second, Third, Fourth)):
        await system.start(kind, name=f"actor {number}")  # type: ignore[type-abstract]


async def test_a_serializer_without_a_policy_is_refused() -> None:
    with pytest.raises(ta.DefinitionError, match="serializer= is for durable actors"):

        class Odd(ta.Actor[Tally], serializer=Serializer()):
            pass


async def test_a_subclass_is_durable_in_the_same_way_unless_it_says_otherwise(system: ta.System, recorder: ta.Recorder) -> None:
    class Base(ta.Actor[Tally], persist=ta.EVERY_MESSAGE):
        @ta.handler
        def add(self) -> int:
            self.state.total += 1
            return self.state.total

    class Same(Base):
        pass

    class Lazy(Base, persist=ta.Within(3.0)):
        pass

    await (await system.start(Same, name="same")).add()
    await (await system.start(Lazy, name="lazy")).add()

    assert [record.child for record in recorder.of(ta.StateCommitted)] == ["same"]


# --- names and hooks ---


async def test_a_durable_actor_needs_a_name_that_can_be_a_key(autojump_clock: MockClock) -> None:
    class Counter(ta.Actor[Tally], persist=ta.EVERY_MESSAGE):
        pass

    with pytest.raises(ta.SpecError, match="Counter is durable, so it needs a name"):
        ta.child(Counter)
    with pytest.raises(ta.SpecError, match="a name is text that can be written as UTF-8"):
        ta.child(Counter, name="\ud800")
    async with isolated_system(store=None) as system:
        with pytest.raises(ta.StoreMissing, match="'counter' is durable"):
            await system.start(Counter, name="counter")


def with_hook(name: str, hook: str, function: Any) -> Any:
    """A class with one hook."""
    return types.new_class(name, (ta.Actor[Tally],), exec_body=lambda body: body.update({hook: function}))


@pytest.mark.parametrize("hook", ["on_save", "on_load"])
async def test_the_hooks_of_a_state_are_plain_methods_of_durable_actors(hook: str) -> None:
    async def waiting(self: Any) -> None: ...

    def greedy(self: Any, more: int) -> None: ...

    def plain(self: Any) -> None: ...

    with pytest.raises(ta.DefinitionError, match=f"{hook}: this hook must be a plain `def`, because it must not wait"):
        with_hook("Wrong", hook, waiting)
    with pytest.raises(ta.DefinitionError, match=rf"{hook}: takes \(self\)"):
        with_hook("Wrong", hook, greedy)
    forgotten: Any = with_hook("Forgotten", hook, plain)
    with pytest.raises(ta.DefinitionError, match=f"{hook} would never be called, because it is not durable"):
        ta.child(forgotten, name="x")


@define
class Bare:
    seen = field(default=None)


@define
class Tail:
    row: tuple[int, *tuple[str, ...]] = (1,)


@define
class Rest:
    row: tuple[int, typing.Unpack[tuple[str, ...]]] = (1,)  # noqa: UP044 - the older spelling


@pytest.mark.parametrize(
    ("state", "problem"), [(Bare, "seen: the field has no annotation"), (Tail, "row: a tuple"), (Rest, "row: a tuple")]
)
def test_an_annotation_that_cannot_be_carried_is_refused_at_definition(state: type, problem: str) -> None:
    with pytest.raises(ta.DefinitionError, match=problem):
        types.new_class("Lying", (ta.Actor[state],), {"persist": ta.EVERY_MESSAGE})  # type: ignore[valid-type]
