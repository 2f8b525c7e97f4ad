"""A shop that sells by itself: timers drive its tills, and each sale goes from a till to the ledger and to the stock.

All actors here are durable. Crash one, restart it, `kill -9` the program: sums and counts continue from where they were, in a new
incarnation.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from attrs import Factory, define, field

import trioactors as ta
from trioactors.serializer import secret, stored

__all__ = ["Ledger", "Stock", "Till", "shop"]

PRICES: Final = {"tea": 320, "bread": 410, "soap": 275, "a lamp": 5400}
"""Prices in cents."""
SHELF: Final = 40
"""Units of each item on a full shelf."""
HANDS: Final = 3
"""Lamps that a clumsy till sells in one incarnation before it drops one."""


@stored(name="demo book")
@define
class Book:
    """The state of the ledger."""

    sales: int = 0
    cents: int = 0
    latest: list[str] = Factory(list[str])
    bank_key: str = secret(default="never shown")


class Ledger(ta.Actor[Book], persist=ta.EVERY_MESSAGE, inspect=True):
    """Counts the money. A reply means that the sale is committed."""

    @ta.handler
    def book(self, item: str, cents: int) -> int:
        """Enter a sale and return its number."""
        self.state.sales += 1
        self.state.cents += cents
        self.state.latest = [*self.state.latest, f"{self.state.sales}: {item}, by {self.context.sender}"][-5:]
        return self.state.sales


@stored(name="demo shelves")
@define
class Shelves:
    """The state of the stock."""

    left: dict[str, int] = field(factory=lambda: dict.fromkeys(PRICES, SHELF))


class Stock(ta.Actor[Shelves], persist=ta.Within(1.0), inspect=True):
    """Counts what is left. It commits at most a second late: counts lost in a crash are corrected at the next stocktaking."""

    @ta.handler
    def take(self, item: str) -> int:
        """Take one item. If few are left, order a delivery, which is a timer."""
        self.state.left[item] -= 1
        if self.state.left[item] < SHELF / 2:
            self.context.after(10.0, partial(self.deliver, item), key=item)
        return self.state.left[item]

    @ta.handler
    def deliver(self, item: str) -> None:
        """Fill the shelf."""
        self.state.left[item] = SHELF


@stored(name="demo drawer")
@define
class Drawer:
    """The state of a till."""

    sold: dict[str, int] = Factory(dict[str, int])


class DroppedIt(Exception):
    """The bug of the clumsy till."""


class Till(ta.Actor[Drawer], persist=ta.EVERY_MESSAGE, inspect=True):
    """Sells one item after another; a *clumsy* till drops a lamp now and then, and crashes.

    Calls that a handler made before it crashed remain in effect: the ledger has the sale, but the state of the till is as before it, so the
    till sells the item again.
    """

    def __init__(self, period: float, *, clumsy: bool = False) -> None:
        self.period = period
        self.clumsy = clumsy
        self.lamps = 0

    async def on_start(self) -> None:
        """Set the timer. Timers end with their incarnation, so each incarnation sets its own."""
        self.context.every(self.period, self.sell)

    @ta.handler
    async def sell(self) -> None:
        """Serve a customer: one sale, three actors, one correlation."""
        item = list(PRICES)[sum(self.state.sold.values()) % len(PRICES)]
        self.state.sold[item] = self.state.sold.get(item, 0) + 1
        system = self.context.system
        await system.get(Ledger, "ledger").book(item, PRICES[item])
        await system.get(Stock, "stock").take(item)
        self.lamps += item == "a lamp"
        if self.clumsy and self.lamps == HANDS:
            raise DroppedIt(f"{item} was one too many")


def shop() -> ta.Supervisor:
    """The shop. Ledger and stock come first, since the tills depend on them."""
    return ta.Supervisor(
        ta.child(Ledger, name="ledger"),
        ta.child(Stock, name="stock"),
        ta.Supervisor(
            ta.child(partial(Till, 1.0), name="till-1"),
            ta.child(partial(Till, 1.7), name="till-2"),
            ta.child(partial(Till, 1.3, clumsy=True), name="till-3-is-clumsy"),
            name="tills",
            intensity=ta.Intensity(limit=3, period=5.0),
            backoff=ta.Backoff(base=0.5),
        ),
        name="shop",
        strategy=ta.Strategy.REST_FOR_ONE,
    )
