"""A shop that sells by itself: timers drive its tills, each sale goes from a till to the ledger and to the stock.

Everything here remembers. Crash it, restart it, `kill -9` the program: sums and counts go on from where they were, and the number of the
incarnation says that it was a new life that went on with them.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from attrs import Factory, define, field

import trioactors as ta
from trioactors.serializer import secret, stored

__all__ = ["Ledger", "Stock", "Till", "shop"]

PRICES: Final = {"tea": 320, "bread": 410, "soap": 275, "a lamp": 5400}
"""In cents."""
SHELF: Final = 40
"""How many of each the stock has when it is full."""
HANDS: Final = 3
"""So many lamps in one life, and a clumsy till drops the last."""


@stored(name="demo book")
@define
class Book:
    """What the ledger remembers."""

    sales: int = 0
    cents: int = 0
    latest: list[str] = Factory(list[str])
    bank_key: str = secret(default="never shown")


class Ledger(ta.Actor[Book], persist=ta.EVERY_MESSAGE, inspect=True):
    """Counts the money. A reply means that it is committed."""

    @ta.handler
    def book(self, item: str, cents: int) -> int:
        """Enter a sale; the answer is its number."""
        self.state.sales += 1
        self.state.cents += cents
        self.state.latest = [*self.state.latest, f"{self.state.sales}: {item}, by {self.context.sender}"][-5:]
        return self.state.sales


@stored(name="demo shelves")
@define
class Shelves:
    """What the stock remembers."""

    left: dict[str, int] = field(factory=lambda: dict.fromkeys(PRICES, SHELF))


class Stock(ta.Actor[Shelves], persist=ta.Within(1.0), inspect=True):
    """Knows what is left. Committed at most a second late: what that can lose is counted again on the next day."""

    @ta.handler
    def take(self, item: str) -> int:
        """Take one; when few are left, a delivery is on its way (see it among the timers)."""
        self.state.left[item] -= 1
        if self.state.left[item] < SHELF / 2:
            self.context.after(10.0, partial(self.deliver, item), key=item)
        return self.state.left[item]

    @ta.handler
    def deliver(self, item: str) -> None:
        """The shelf is full again."""
        self.state.left[item] = SHELF


@stored(name="demo drawer")
@define
class Drawer:
    """What a till remembers."""

    sold: dict[str, int] = Factory(dict[str, int])


class DroppedIt(Exception):
    """A bug, as the clumsy till has one."""


class Till(ta.Actor[Drawer], persist=ta.EVERY_MESSAGE, inspect=True):
    """Sells one thing after the other; a *clumsy* one drops a lamp now and then, and crashes.

    What a handler called before it crashed stands: the ledger has that sale, and the till, whose own state is as before it, sells again.
    """

    def __init__(self, period: float, *, clumsy: bool = False) -> None:
        self.period = period
        self.clumsy = clumsy
        self.lamps = 0

    async def on_start(self) -> None:
        """Timers end with the incarnation that set them: each life sets its own."""
        self.context.every(self.period, self.sell)

    @ta.handler
    async def sell(self) -> None:
        """A customer comes: one sale, three actors, one correlation."""
        item = list(PRICES)[sum(self.state.sold.values()) % len(PRICES)]
        self.state.sold[item] = self.state.sold.get(item, 0) + 1
        system = self.context.system
        await system.get(Ledger, "ledger").book(item, PRICES[item])
        await system.get(Stock, "stock").take(item)
        self.lamps += item == "a lamp"
        if self.clumsy and self.lamps == HANDS:
            raise DroppedIt(f"{item} was one too many")


def shop() -> ta.Supervisor:
    """Those who remember come first: the tills depend on them."""
    return ta.Supervisor(
        ta.child(Ledger, name="ledger"),
        ta.child(Stock, name="stock"),
        ta.Supervisor(
            ta.child(partial(Till, 1.0), name="till-1"),
            ta.child(partial(Till, 1.7), name="till-2"),
            ta.child(partial(Till, 1.3, clumsy=True), name="till-3-is-clumsy"),
            name="tills",
            backoff=ta.Backoff(base=0.5),
        ),
        name="shop",
        strategy=ta.Strategy.REST_FOR_ONE,
    )
