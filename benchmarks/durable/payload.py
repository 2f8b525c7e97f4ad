"""The states of the contestants, as objects and as the bytes in a store of trioactors.

The record of a tally has about 260 bytes. A large state has one of two shapes: lines of text, which are cheap to encode, and orders,
each an attrs object, which cost more.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import Factory, define

from trioactors.persistence import Batch, Key, Space, Write
from trioactors.serializer import Serializer

__all__: list[str] = []

NOTE = "n" * 190
LINE = "l" * 97
ACTORS = 100


@define
class Tally:
    """The state of a counter."""

    total: int = 0
    note: str = NOTE


@define
class Lines:
    """A state of lines of a hundred bytes each, and a counter that changes."""

    total: int = 0
    lines: list[str] = Factory(list[str])


@define
class Order:
    """An order of about a hundred bytes."""

    number: int
    customer: str
    cents: int
    paid: bool
    items: tuple[str, ...] = ("a book", "a pen")


@define
class Orders:
    """A state of orders, and a counter that changes."""

    total: int = 0
    orders: list[Order] = Factory(list[Order])


def lines_of(size: int) -> list[str]:
    """Lines of *size* bytes in total."""
    return [LINE] * (size // 100)


def orders_of(size: int) -> list[Order]:
    """Orders of *size* bytes in total."""
    return [Order(number, f"customer-{number:07}", number * 7, number % 2 == 0) for number in range(size // 105)]


def key(number: int) -> Key:
    """The key of an actor's state."""
    return Key(Space.STATE, f"actor-{number}")


def tallies(count: int) -> Sequence[bytes]:
    """Records of tallies, each different from the one before."""
    codec = Serializer().codec(Tally)
    return [codec.encode(Tally(total)) for total in range(1, count + 1)]


def sized(size: int, count: int) -> Sequence[bytes]:
    """Records of *size* bytes."""
    codec = Serializer().codec(Lines)
    return [codec.encode(Lines(total, lines_of(size))) for total in range(1, count + 1)]


def batches(records: Sequence[bytes], actors: int) -> list[Batch]:
    """A batch for each of *records*, for several actors in turn."""
    keys = [key(number) for number in range(actors)]
    return [Batch((Write(keys[at % actors], data, expected=None),)) for at, data in enumerate(records)]
