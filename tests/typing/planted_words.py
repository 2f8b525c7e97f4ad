"""Lines that a type checker must refuse: options that are words, refs, and what can be a child. The marks are those of `planted_errors.py`."""

from __future__ import annotations

from functools import partial
from typing import Any

import trio
from attrs import define

import trioactors as ta
from trioactors import inspect, testing
from trioactors.console import serve_console
from trioactors.testing import simulation


@define
class Tally:
    total: int = 0


class Counter(ta.Actor[Tally]):
    @ta.handler
    async def add(self, by: int = 1) -> int:
        self.state.total += by
        return self.state.total

    @ta.handler
    async def join(self, limiter: Limiter) -> None:
        await limiter.invite(self.context.ref)
        await self.context.ref.add("2")  # E: the own ref is typed, too
        await limiter.watch(self.context.ref)  # E: a counter is no limiter
        self.context.start_soon(sleep, "1")  # E: an argument of the wrong type
        self.context.start_soon(sleep)  # E: an argument is missing
        self.context.after(1.0, partial(self.add, "1"))  # E: an argument of the wrong type
        self.context.after(1.0, self.add(1))  # E: a handler that is called already
        self.context.every(1.0, self.join)  # E: an argument is missing
        self.context.defer(left=self.join)  # E: an argument is missing


class Limiter(ta.Actor[Tally]):
    def __init__(self, *, limit: int) -> None:
        self.limit = limit

    @ta.handler
    async def invite(self, counter: Counter) -> None:
        await counter.add()

    @ta.handler
    async def watch(self, limiter: Limiter) -> None:
        await ta.flush(limiter)


class Dropping(ta.Actor[Tally], overflow="drop_newest"):  # E: no such way to overflow
    pass


async def words(system: ta.System) -> None:
    await system.start(Counter, restart="transiant")  # E: a misspelt word
    ta.child(Counter, restart="permanently")  # E: a misspelt word
    ta.Supervisor(name="top", strategy="one_for_al")  # E: a misspelt word
    ta.Supervisor(name="top", auto_shutdown="any")  # E: a misspelt word
    ta.Supervisor(name="top", give_up="shutdwon")  # E: a misspelt word
    ta.Supervisor(name="top", restart="Permanent")  # E: words are in lower case
    ta.Supervisor(name="top", strategy=ta.Restart.PERMANENT)  # E: a member of another enum
    system.explain("counter", reason="crashed")  # E: no such exit
    inspect.actors(system, sort="names")  # E: no such column
    inspect.actors(system, status="down")  # E: no such status
    inspect.durable(system, sort="bytes")  # E: no such column
    await serve_console(link_role="root")  # E: no such role
    await serve_console(authorize=lambda _: "root")  # E: no such role


async def programs(program: Any, opened: Any) -> None:
    testing.explore(seeds=3, policy="priority")  # E: no such policy
    testing.explore(program, seeds=3, policy="steps")  # E: no such policy
    simulation.simulate(opened, program, program, policy="random")  # E: no such policy


def word_of(text: str) -> ta.ChildSpec:
    return ta.child(Counter, restart=text)  # E: any text is no word


async def refs(counter: Counter, limiter: Limiter) -> None:
    await ta.stop("c")  # E: a name is no ref
    await ta.stop(Counter)  # E: a class is no ref
    await ta.restart(3)  # E: a number is no ref
    await ta.forget(None)  # E: nothing is no ref
    await ta.flush(counter.add)  # E: a handler is no ref
    ta.info(None)  # E: nothing is no ref
    ta.pause("c")  # E: a name is no ref
    ta.resume(None)  # E: nothing is no ref
    ta.watch("c")  # E: a name is no ref
    testing.crash("c")  # E: a name is no ref
    testing.kill(None)  # E: nothing is no ref
    await testing.restarted("c")  # E: a name is no ref
    await testing.until("c", bool)  # E: a name is no ref
    annotated: ta.Ref[Counter] = counter  # E: the ref of a counter is annotated as the counter
    print(annotated, limiter)


async def any_ref(ref: ta.Ref) -> None:
    await ref.add()  # E: the ref of any actor has no handlers
    counter: Counter = ref  # E: it may be the ref of another actor
    print(counter)


async def functions(system: ta.System) -> None:
    await system.start(lambda: Counter())  # E: a function is no class
    await system.start(Tally)  # E: a class of no actor
    await system.start(Counter())  # E: an instance is no class
    ta.child(Tally)  # E: a class of no actor
    ta.child(Counter())  # E: an instance is no class
    ta.child(Limiter)  # E: the constructor wants an argument
    ta.child(sleep(1))  # E: a coroutine is no function
    ta.child("counter")  # E: a name is no child
    ta.Supervisor(Counter, name="top")  # E: a class is no child yet
    ta.Supervisor(ta.child(lambda: Counter()), name="top")  # E: a function is no class
    ta.Supervisor(ta.child(sleep), name="top")  # E: the function wants an argument
    ta.Supervisor(ta.child(print), name="top")  # E: a function that is not async
    await system.supervisor().start_child(Counter)  # E: a class is no child yet
    await system.supervisor().start_child(ta.child(lambda: Counter()))  # E: a function is no class


async def sleep(seconds: float) -> None:
    await trio.sleep(seconds)


async def resources() -> None:
    ta.child(ta.resource(partial(sleep, 1)))  # E: a coroutine is no context manager
