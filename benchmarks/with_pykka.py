"""pykka: a thread per actor, `ask` to call and `tell` to cast, in the form that costs it least (no proxies).

It does not supervise. Restart: a `tell` that fails ends the actor; whoever sent it waits for that end, starts another and asks it.
The scenarios with 100,000 actors are not played: nobody has so many threads.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import cast as cast_to

import pykka

from benchmarks.measure import Growth, Stopwatch
from benchmarks.scenarios import BURST, CALLERS, CALLS_AMONG_IDLE, RING

__all__: list[str] = []

MOST = 20_000
"""More threads than this are not tried."""
FAIL = "fail"


class Counter(pykka.ThreadingActor):
    """Keeps a total."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def on_receive(self, message: object) -> int:
        """Add the message; the answer is the new total."""
        if message == FAIL:
            raise ValueError
        assert isinstance(message, int)
        self.total += message
        return self.total


class Link(pykka.ThreadingActor):
    """One of a ring."""

    def __init__(self, done: Event) -> None:
        super().__init__()
        self.done = done
        self.following: pykka.ActorRef[Link] | None = None
        self.hops = 0

    def on_receive(self, message: object) -> int:
        """Pass on a token; anything else is the following link, or asks for the hops."""
        match message:
            case int(left):
                self.hops += 1
                if left:
                    assert self.following is not None
                    self.following.tell(left - 1)
                else:
                    self.done.set()
            case pykka.ActorRef():
                self.following = message
            case _:
                pass
        return self.hops


def ready_counter() -> pykka.ActorRef[Counter]:
    """A counter that has answered often enough to be warm; its total is 0."""
    counter = Counter.start()
    for by in (1, -1) * 500:
        counter.ask(by)
    return counter


def timed_calls(counter: pykka.ActorRef[Counter], count: int) -> float:
    """The seconds of *count* calls."""
    answer: object = 0
    with Stopwatch() as watch:
        for _ in range(count):
            answer = counter.ask(1)
    assert answer == count
    return watch.seconds


def call(count: int) -> float:
    """One caller."""
    counter = ready_counter()
    cost = timed_calls(counter, count)
    counter.stop()
    return cost


def call_from_many(count: int) -> float:
    """Many callers, each a thread."""
    counter = ready_counter()

    def caller(_: int) -> None:
        for _ in range(count // CALLERS):
            counter.ask(1)

    with ThreadPoolExecutor(CALLERS) as pool, Stopwatch() as watch:
        list(pool.map(caller, range(CALLERS)))
    assert counter.ask(0) == count
    counter.stop()
    return watch.seconds


def cast(count: int) -> float:
    """Bursts, each closed by an ask."""
    counter = ready_counter()
    answer: object = 0
    with Stopwatch() as watch:
        for _ in range(count // BURST):
            for _ in range(BURST):
                counter.tell(1)
            answer = counter.ask(0)
    assert answer == count
    counter.stop()
    return watch.seconds


def ring(hops: int) -> float:
    """One token."""
    done = Event()
    links = [Link.start(done) for _ in range(RING)]
    for link, following in zip(links, links[1:] + links[:1], strict=True):
        link.ask(following)
    with Stopwatch() as watch:
        links[0].tell(hops - 1)
        done.wait()
    assert sum(cast_to("int", link.ask(None)) for link in links) == hops
    pykka.ActorRegistry.stop_all()
    return watch.seconds


def spawn_and_stop(count: int) -> float:
    """All are started, then all are stopped."""
    with Stopwatch() as watch:
        counters = [Counter.start() for _ in range(count)]
        alive = len(pykka.ActorRegistry.get_all())
        for counter in counters:
            counter.stop()
    assert alive == count
    assert pykka.ActorRegistry.get_all() == []
    return watch.seconds


def restart(count: int) -> float:
    """By whoever sent the message that failed."""
    logging.getLogger("pykka").disabled = True
    counter = ready_counter()
    with Stopwatch() as watch:
        for _ in range(count):
            counter.tell(FAIL)
            counter.actor_stopped.wait()
            counter = Counter.start()
            assert counter.ask(1) == 1
    counter.stop()
    return watch.seconds


def start_idle(count: int) -> list[pykka.ActorRef[Counter]]:
    """So many that have nothing to do."""
    if count > MOST:
        raise OverflowError(f"a thread each: {count:,} are not tried")
    return [Counter.start() for _ in range(count)]


def bytes_of_idle(count: int) -> float:
    """With the list that keeps them."""
    with Growth() as growth:
        counters = start_idle(count)
    assert len(counters) == len(pykka.ActorRegistry.get_all()) == count
    pykka.ActorRegistry.stop_all()
    return growth.bytes


def teardown(count: int) -> float:
    """By `stop_all`."""
    start_idle(count)
    with Stopwatch() as watch:
        stopped = pykka.ActorRegistry.stop_all()
    assert len(stopped) == count
    return watch.seconds


def call_among_idle(count: int) -> float:
    """Calls on one more."""
    start_idle(count)
    cost = timed_calls(ready_counter(), CALLS_AMONG_IDLE)
    pykka.ActorRegistry.stop_all()
    return cost
