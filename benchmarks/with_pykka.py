"""pykka: a thread per actor, `ask` to call and `tell` to cast, in its cheapest form (no proxies).

It does not supervise. Restart: a `tell` that fails stops the actor; its sender waits for that, starts another actor and asks it. The
scenarios with 100,000 actors are left out, because that many threads are not possible.
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
"""The largest number of threads that is tried."""
FAIL = "fail"


class Counter(pykka.ThreadingActor):
    """An actor that keeps a total."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def on_receive(self, message: object) -> int:
        """Add the message and return the new total."""
        if message == FAIL:
            raise ValueError
        assert isinstance(message, int)
        self.total += message
        return self.total


class Link(pykka.ThreadingActor):
    """An actor of the ring."""

    def __init__(self, done: Event) -> None:
        super().__init__()
        self.done = done
        self.following: pykka.ActorRef[Link] | None = None
        self.hops = 0

    def on_receive(self, message: object) -> int:
        """Pass a token on; any other message sets the following actor or asks for the hops."""
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
    """A counter that is warm: it has answered enough calls. Its total is 0."""
    counter = Counter.start()
    for by in (1, -1) * 500:
        counter.ask(by)
    return counter


def timed_calls(counter: pykka.ActorRef[Counter], count: int) -> float:
    """The time of *count* calls, in seconds."""
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
    """One token runs around the ring."""
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
    """Start all actors, then stop all."""
    with Stopwatch() as watch:
        counters = [Counter.start() for _ in range(count)]
        alive = len(pykka.ActorRegistry.get_all())
        for counter in counters:
            counter.stop()
    assert alive == count
    assert pykka.ActorRegistry.get_all() == []
    return watch.seconds


def restart(count: int) -> float:
    """The sender of the failed message starts a new actor."""
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
    """Many actors that have nothing to do."""
    if count > MOST:
        raise OverflowError(f"a thread each: {count:,} are not tried")
    return [Counter.start() for _ in range(count)]


def bytes_of_idle(count: int) -> float:
    """The memory includes the list that holds them."""
    with Growth() as growth:
        counters = start_idle(count)
    assert len(counters) == len(pykka.ActorRegistry.get_all()) == count
    pykka.ActorRegistry.stop_all()
    return growth.bytes


def teardown(count: int) -> float:
    """Call `stop_all`."""
    start_idle(count)
    with Stopwatch() as watch:
        stopped = pykka.ActorRegistry.stop_all()
    assert len(stopped) == count
    return watch.seconds


def call_among_idle(count: int) -> float:
    """Calls of one more actor."""
    start_idle(count)
    cost = timed_calls(ready_counter(), CALLS_AMONG_IDLE)
    pykka.ActorRegistry.stop_all()
    return cost
