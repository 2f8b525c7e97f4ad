"""Hooks of a class do not run when its objects are read: what is read equals what was written, or was refused when it was written."""

from __future__ import annotations

import dataclasses
import functools
import uuid
from typing import Any, Self

import attrs
import pytest
from attrs import define, field, frozen
from trio.testing import MockClock

import trioactors as ta
from trioactors.errors import BadDeclaration, RecordInvalid, TypeRefused, ValueRefused
from trioactors.serializer import Serializer, stored, transient
from trioactors.testing import crash, isolated_system, restarted


@define
class Visits:
    count: int = 0

    def __attrs_post_init__(self) -> None:
        self.count += 1


@define
class Prepared:
    count: int = 0

    def __attrs_pre_init__(self) -> None:
        assert not hasattr(self, "count")


@dataclasses.dataclass
class Ticket:
    n: int = 0
    number: str = ""

    def __post_init__(self) -> None:
        self.number = uuid.uuid4().hex


@define(init=False)
class OwnInit:
    n: int

    def __init__(self, n: int = 0) -> None:
        self.n = n + 1


@define
class OwnSetattr:
    n: int = 0

    def __setattr__(self, name: str, value: int) -> None:
        object.__setattr__(self, name, value + 1)


@define
class OnSetattr:
    n: int = field(default=0, on_setattr=lambda _, __, value: value + 1)


@define
class Rising:
    n: int = field(default=0, converter=lambda value: value + 1)


@dataclasses.dataclass(frozen=True, slots=True)
class Still:
    n: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", self.n + 1)


@frozen(cache_hash=True)
class Hashed:
    n: int = 0


@frozen(cache_hash=True, slots=False)
class HashedInDict:
    n: int = 0


@define(slots=False)
class Failure(Exception):
    code: int = 0
    text: str = ""


@define(slots=False)
class Lazy:
    n: int = 0

    @functools.cached_property
    def double(self) -> int:
        return 2 * self.n


@define
class New:
    n: int = 0

    def __new__(cls, *_: Any, **__: Any) -> Self:
        made = super().__new__(cls)
        cls.made += 1
        return made

    made = 0


HOOKED = (Visits, Prepared, Ticket, OwnInit, OwnSetattr, OnSetattr, Rising, Still, Hashed, HashedInDict, Failure, Lazy, New)


def contents(value: object) -> dict[str, object]:
    names = attrs.fields_dict(type(value)) if attrs.has(type(value)) else [each.name for each in dataclasses.fields(value)]  # type: ignore[arg-type]
    return {name: getattr(value, name) for name in names}


@pytest.mark.parametrize("kind", HOOKED)
def test_what_is_read_equals_what_was_written(kind: type) -> None:
    codec = Serializer().codec(kind)
    value = kind(9)

    once = codec.decode(codec.encode(value))
    twice = codec.decode(codec.encode(once))

    assert contents(twice) == contents(once) == contents(value)
    assert type(twice) is kind


@pytest.mark.parametrize("kind", [Hashed, HashedInDict])
def test_a_class_that_caches_its_hash_can_be_hashed(kind: type) -> None:
    codec = Serializer().codec(kind)

    assert hash(codec.decode(codec.encode(kind(9)))) == hash(kind(9))


def test_an_error_that_is_read_has_its_text() -> None:
    codec = Serializer().codec(Failure)

    assert str(codec.decode(codec.encode(Failure(3, "lost")))) == str(Failure(3, "lost"))


def test_a_value_that_its_validators_refuse_is_refused_when_it_is_written() -> None:
    @define
    class Few:
        items: list[int] = field(factory=list[int], validator=attrs.validators.max_len(2))

    few = Few([1, 2])
    few.items.append(3)

    with pytest.raises(ValueRefused, match="Few: items: the class refused it: ValueError"):
        Serializer().codec(Few).encode(few)


def test_validators_can_be_switched_off_as_attrs_has_it() -> None:
    @define
    class Positive:
        n: int = field(default=1, validator=attrs.validators.gt(0))

    codec = Serializer().codec(Positive)
    with attrs.validators.disabled():
        assert codec.decode(codec.encode(Positive(-1))) == Positive(-1)

    with pytest.raises(RecordInvalid, match="n: the class refused it"):
        codec.decode(codec.encode(Positive(1)).replace(b"1}}", b"-1}}"))


def test_an_attribute_that_is_no_field_is_refused_when_it_is_written() -> None:
    @dataclasses.dataclass
    class Derived:
        n: int = 0

        def __post_init__(self) -> None:
            self.double = 2 * self.n

    with pytest.raises(ValueRefused, match="Derived: double: is an attribute, but not a field; declare it"):
        Serializer().codec(Derived).encode(Derived(1))


def test_a_value_that_is_computed_once_is_no_lost_attribute() -> None:
    lazy = Lazy(4)
    assert lazy.double == 8
    codec = Serializer().codec(Lazy)

    assert codec.decode(codec.encode(lazy)).double == 8


@define
class Basket:
    made: int = 0
    items: list[int] = field(factory=list[int], validator=attrs.validators.max_len(2))
    opened: int = transient(default=7)

    def __attrs_post_init__(self) -> None:
        self.made += 1


class Shop(ta.Actor[Basket], persist=ta.EVERY_MESSAGE):
    @ta.handler(raises=(KeyError,))
    async def put(self, item: int) -> None:
        self.state.items.append(item)
        if item < 0:
            raise KeyError(item)

    @ta.handler(reads=True)
    async def look(self) -> tuple[int, tuple[int, ...], int]:
        return self.state.made, tuple(self.state.items), self.state.opened


async def test_undoing_and_restarting_change_nothing(autojump_clock: MockClock) -> None:
    async with isolated_system(store="memory:") as system:
        shop = await system.start(Shop, name="shop")
        await shop.put(1)
        for _ in range(3):
            with pytest.raises(KeyError):
                await shop.put(-1)
        crash(shop)
        await restarted(shop)

        assert await shop.look() == (1, (1,), 7)


async def test_a_message_after_which_the_state_is_invalid_is_undone(autojump_clock: MockClock) -> None:
    async with isolated_system(store="memory:") as system:
        shop = await system.start(Shop, name="shop")
        await shop.put(1)
        await shop.put(2)

        with pytest.raises(ValueRefused, match="Length of 'items' must be <= 2"):
            await shop.put(3)

        assert (await shop.look())[1] == (1, 2)
        assert ta.info(shop).incarnation == 1


def test_a_class_that_shows_other_values_than_it_holds_is_refused() -> None:
    @define
    class Shown:
        n: int = 10

        def __getattribute__(self, name: str) -> Any:
            value = object.__getattribute__(self, name)
            return value + 1 if name == "n" else value

    class Below(Shown):
        """Inherits it."""

    for kind in (Shown, Below):
        with pytest.raises(TypeRefused, match="has a __getattribute__ of its own"):
            Serializer().codec(kind)


# --- functions of the program that read ---


def failing(_: Any) -> Any:
    raise RuntimeError("no")


@define
class Point:
    at: complex = 0j


@pytest.mark.parametrize(
    ("load", "problem"), [(str, "at: expected complex from its load function"), (failing, "at: complex could not be read")]
)
def test_what_a_registered_rule_gives_is_checked(load: Any, problem: str) -> None:
    serializer = Serializer()
    serializer.register(complex, name="complex", via=str, dump=str, load=load)
    codec = serializer.codec(Point)

    with pytest.raises(RecordInvalid, match=problem):
        codec.decode(codec.encode(Point(1j)))


@pytest.mark.parametrize(
    "upcaster", [lambda _: next(iter(())), lambda _: 5, lambda _: {"total": set()}, lambda old: old["none"], failing]
)
def test_what_an_upcaster_gives_is_checked(upcaster: Any) -> None:
    @define
    class Sum:
        total: int = 0

    data = Serializer().codec(stored(name="sum")(Sum)).encode(Sum(1))

    with pytest.raises(RecordInvalid):
        Serializer().codec(stored(name="sum", version=2, upcasters={1: upcaster})(Sum)).decode(data)


async def waiting(old: dict[str, Any]) -> dict[str, Any]:
    return old


@pytest.mark.parametrize("upcasters", [{1: waiting}, {1: 5}, {"1": failing}, 5])
def test_an_upcaster_that_is_no_plain_function_is_refused(upcasters: Any) -> None:
    with pytest.raises(BadDeclaration):
        stored(name="sum", version=2, upcasters=upcasters)
