"""`open_system` and `run`: the one place that puts the house together."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import TypeVar, cast, overload

import outcome
import trio

from trioactors.actors.factory import make_child, plan_of
from trioactors.environment.environment import Environment
from trioactors.errors import SpecError, StoreMissing
from trioactors.messaging.ledger import Accounts
from trioactors.persistence.committer import Committer
from trioactors.persistence.store import Store
from trioactors.persistence.urls import store_at
from trioactors.settings import Settings
from trioactors.supervision.child import whose
from trioactors.supervision.runtime import Runtime
from trioactors.supervision.specs import Supervisor
from trioactors.system.root import Root
from trioactors.system.system import System, present_system
from trioactors.trace.crash_reports import CrashReports
from trioactors.trace.formatting import described
from trioactors.trace.loop_lag import LoopLag
from trioactors.trace.observers import Observer, Observers

__all__ = ["open_system", "run"]

T = TypeVar("T")


@overload
def open_system(
    store: str | Store | None = None,
    tree: Supervisor | None = None,
    *,
    settings: Settings | None = None,
    environment: Environment | None = None,
    observers: Sequence[Observer] = (),
    console: str | None = None,
) -> AbstractAsyncContextManager[System]: ...


@overload
def open_system(
    tree: Supervisor,
    /,
    *,
    settings: Settings | None = None,
    environment: Environment | None = None,
    observers: Sequence[Observer] = (),
    console: str | None = None,
) -> AbstractAsyncContextManager[System]: ...


def open_system(
    store: str | Store | Supervisor | None = None,
    tree: Supervisor | None = None,
    *,
    settings: Settings | None = None,
    environment: Environment | None = None,
    observers: Sequence[Observer] = (),
    console: str | None = None,
) -> AbstractAsyncContextManager[System]:
    """Open a system: its tree runs while the block does, and is stopped in order when the block is left, however it is left.

    *store* keeps the state of durable actors: a URL (`sqlite:///state.db`, `file:///folder`, `memory:`) or a `Store`; leave it out where
    nothing is durable. *tree* is started before the block begins; `StartFailed` says which child failed and why, and nothing is left
    running. A store that cannot be opened raises its own `StoreError`. If the tree gives up, the block is cancelled and
    `SupervisorGaveUp` leaves it, with the restart history. *console* is where a console for this machine listens: `127.0.0.1:0`; where
    that cannot be had, an error in the log says so, and the system runs without it until it can.
    """
    if isinstance(store, Supervisor):
        if tree is not None:
            raise SpecError("open_system takes the store first and the tree second")
        store, tree = None, store
    _check_tree(tree)
    world = Environment() if environment is None else environment
    chosen = _store(store)
    if chosen is None:
        _check_durable(tree)
    runtime = _runtime(Settings() if settings is None else settings, world)
    if chosen is not None:
        where = store if isinstance(store, str) else repr(chosen)
        runtime.committer = Committer(chosen, world, runtime.observers, runtime.settings.grace, where=where)
    return _opened(tree, runtime, observers, None if console is None else _console(console))


@asynccontextmanager
async def _opened(
    tree: Supervisor | None, runtime: Runtime, observers: Sequence[Observer], console: Supervisor | None
) -> AsyncGenerator[System, None]:
    root = Root(tree, runtime, make_child)
    system = System(runtime, root)
    runtime.interrupt = root.interrupt
    for observer in observers:
        system.observe(observer)
    failed: BaseException | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_run, root, system, name="system")
        try:
            await root.started()
            if console is not None:
                await system.supervisor().start_child(console)
            with root.body:
                yield system
        except BaseException as error:  # noqa: ASYNC103 - raised again below, outside the nursery, which would put it into a group
            failed = error
        finally:
            nursery.cancel_scope.shield = True  # the body is over; what is left is the ordered stop
            await root.stop()  # noqa: ASYNC102 - shielded, and bounded by the graces
    _leave(root.failure(), failed)


async def _run(root: Root, system: System) -> None:
    present_system.set(system)
    await root.run()


def _console(address: str) -> Supervisor:
    from trioactors.console import console_tree  # noqa: PLC0415 - few systems have one, and its packages are an extra

    return console_tree(address)


def _check_tree(tree: object) -> None:
    if tree is not None and not isinstance(tree, Supervisor):
        raise SpecError(f"open_system takes a ta.Supervisor, not {tree!r}")


def _store(given: object) -> Store | None:
    """The store that *given* is or names. Raises `BadStoreURL`, `SpecError`."""
    if isinstance(given, str):
        return store_at(given)
    if given is not None and (isinstance(given, type) or not hasattr(given, "commit")):
        raise SpecError(f"open_system takes the URL of a store, a store, or a ta.Supervisor first, not {given!r}")
    return cast("Store | None", given)


def _check_durable(tree: Supervisor | None) -> None:
    """Without a store nothing can be durable. Raises `StoreMissing`."""
    for spec in () if tree is None else tree.children:
        if isinstance(spec, Supervisor):
            _check_durable(spec)
        elif (plan := plan_of(spec)) is not None and plan.durable_state is not None:
            raise StoreMissing(str(spec.name))


def _runtime(settings: Settings, environment: Environment) -> Runtime:
    root_task = trio.lowlevel.current_root_task()
    assert root_task is not None  # there is a task, and it runs this
    observers = Observers()
    return Runtime(
        settings=settings,
        environment=environment,
        root_task=root_task,
        observers=observers,
        lag=LoopLag(environment.stopwatch, settings.loop_held, observers, root_task, partial(whose, observers)),
        now=trio.lowlevel.current_clock().current_time,
        report=CrashReports(settings.crash_logs, settings.crash_logs_period),
        accounts=Accounts(observers, deque(maxlen=settings.dead_letters)),
    )


def _leave(failure: BaseException | None, failed: BaseException | None) -> None:
    """Raise what ended the system, as one plain chain."""
    if failure is not None and failure is not failed:
        if failed is not None:
            failure.add_note(f"meanwhile the body of the system raised {described(failed, repr)}")
        raise failure
    if failed is not None:
        raise failed


def run(
    main: Callable[[], Awaitable[T]],
    *,
    clock: trio.abc.Clock | None = None,
    instruments: Sequence[trio.abc.Instrument] = (),
) -> T:
    """`trio.run`, with signals: SIGINT and SIGTERM cancel *main*, so open systems stop in order, within their graces.

    Then SIGINT raises `KeyboardInterrupt` and SIGTERM `SystemExit` (143, as a shell would tell), also when *main* returned all the same;
    an error of *main* leaves as itself. Only the first signal counts: those that follow while it stops change nothing. Bind arguments of
    *main* with `partial`. Call it in the main thread.
    """
    received: list[int] = []
    done = trio.run(_heeding, main, received, clock=clock, instruments=instruments)
    result = done.unwrap()
    if received:
        raise SystemExit(128 + signal.SIGTERM) if received[0] == signal.SIGTERM else KeyboardInterrupt
    return cast("T", result)


async def _heeding(main: Callable[[], Awaitable[T]], received: list[int]) -> outcome.Outcome[T | None]:
    """Run *main* under the signals' scope. They are listened to until it is over: one that nobody took would be raised once more."""
    scope = trio.CancelScope()

    async def listen() -> None:
        async for number in signals:
            received.append(number)
            scope.cancel(reason=signal.Signals(number).name)

    async def stoppable() -> T | None:
        with scope:
            return await main()
        return None

    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen, name="signals")
            done = await outcome.acapture(stoppable)
            nursery.cancel_scope.cancel()
    return done
