"""`open_system` and `run`: the one place that knows all parts of a running system, and puts them together.

A system is made here from its settings, environment, store and tree. What the parts do belongs to their own rooms.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from os import PathLike
from typing import TypeVar, cast, overload

import outcome
import trio

from trioactors.actors.factory import check_names, make_child, plan_of
from trioactors.actors.guarded_state import guard_states
from trioactors.alerts.watching import watching_child
from trioactors.environment.environment import Environment, on_test_clock
from trioactors.environment.forks import forked, in_inherited_run
from trioactors.errors import SpecError, StoreMissing, UsageError
from trioactors.history.history import History
from trioactors.messaging.ledger import Accounts
from trioactors.persistence.committer import Committer
from trioactors.persistence.store import Store
from trioactors.persistence.urls import store_at
from trioactors.settings import Settings, close_coroutine, drain_time, flag, of_class
from trioactors.supervision.alert_board import checked_alerts
from trioactors.supervision.alert_rules import Alert
from trioactors.supervision.lifecycle import whose
from trioactors.supervision.runtime import Runtime
from trioactors.supervision.specs import ChildSpec, Supervisor
from trioactors.system.root import Root
from trioactors.system.signals import Run, exit_of, present_run, receiving
from trioactors.system.system import System, present_system
from trioactors.trace.crash_reports import CrashReports
from trioactors.trace.formatting import described
from trioactors.trace.handler_times import HandlerMeter
from trioactors.trace.loop_lag import LoopLag
from trioactors.trace.observers import Observer, Observers

__all__ = ["open_system", "run"]

T = TypeVar("T")


@overload
def open_system(
    store: str | PathLike[str] | Store | None = None,
    tree: Supervisor | None = None,
    *,
    settings: Settings | None = None,
    environment: Environment | None = None,
    observers: Sequence[Observer] = (),
    console: str | None = None,
    alerts: Sequence[Alert] = (),
    drain: bool | float | None = None,
    history: bool | None = None,
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
    alerts: Sequence[Alert] = (),
    drain: bool | float | None = None,
    history: bool | None = None,
) -> AbstractAsyncContextManager[System]: ...


def open_system(
    store: str | PathLike[str] | Store | Supervisor | None = None,
    tree: Supervisor | None = None,
    *,
    settings: Settings | None = None,
    environment: Environment | None = None,
    observers: Sequence[Observer] = (),
    console: str | None = None,
    alerts: Sequence[Alert] = (),
    drain: bool | float | None = None,
    history: bool | None = None,
) -> AbstractAsyncContextManager[System]:
    """Open a system: an async context manager whose tree runs while the block does.

        tree = ta.Supervisor(ta.child(Ledger, name="ledger"), name="shop")

        async with ta.open_system("sqlite:///shop.db", tree) as system:
            counter = await system.start(Counter, name="counter")
            print(await counter.add(by=2))

    * *store*: where durable actors keep their state: a URL (`sqlite:///state.db`, `file:///folder`, `memory:`) or a `Store`. Leave it out
      if nothing is durable;
    * *tree*: the supervisor to start before the block begins. It can also be the first argument;
    * *settings*: timeouts and limits, see `Settings`;
    * *environment*: clocks, random streams, ids and the disk, see `Environment`;
    * *observers*: functions that get every trace record;
    * *console*: the address for a console, reachable from this machine only: `127.0.0.1:0`. If the address cannot be opened, an error is
      logged, and the system runs without a console until it can;
    * *alerts*: rules over figures, made by `alert`;
    * *drain*: whether actors handle what they have accepted before the tree stops: True, or the most seconds that this may take. By default
      as `Settings.drain_on_stop` or `run` says;
    * *history*: what is remembered, in the store if there is one: True, crashes and figures; False, nothing. By default crashes are, and
      figures while there is a console; on a clock for tests, nothing.

    However the block is left, the tree is stopped in order within `Settings.stop_timeout`, and nothing is left running. If the tree gives
    up, the block is cancelled, and `SupervisorGaveUp` is raised from it, with the restart history.

    An actor whose stored state cannot be read keeps nothing else from starting: it is down, see `Settings.on_unreadable`.

    Raises `StartFailed`, which names the child and the cause, if the tree cannot be started; the store's own `StoreError` if the store
    cannot be opened; `StoreMissing` if the tree needs a store; `DefinitionError` if an annotation in it names what does not exist;
    `BadStoreURL`, `SpecError`; `UsageError` in a process that was forked inside a Trio run, in that run.
    """
    if isinstance(store, Supervisor):
        if tree is not None:
            raise SpecError("open_system takes the store first and the tree second")
        store, tree = None, store
    _check_tree(tree)
    if in_inherited_run():
        raise forked("this Trio run")
    world = Environment() if environment is None else of_class(environment, Environment, "environment", "ta.Environment(...)")
    chosen_settings = Settings() if settings is None else of_class(settings, Settings, "settings", "ta.Settings(...)")
    observers = _checked_observers(observers)
    chosen = _store(store)
    if chosen is None:
        _check_durable(tree)
    if tree is not None:
        check_names(tree)
    runtime = _runtime(chosen_settings, world)
    if chosen is not None:
        where = store if isinstance(store, str) else repr(chosen)
        runtime.committer = Committer(chosen, world, runtime.observers, runtime.settings.grace, where=where)
    if history is not None:
        flag(history, "open_system: history")
    if history or (history is None and not on_test_clock()):
        runtime.history = _history(runtime)
    runtime.alerts.rules = checked_alerts(alerts)
    extra: list[ChildSpec | Supervisor] = [watching_child()] if runtime.alerts.rules else []
    extra += [] if console is None else [_console(of_class(console, str, "console", "'127.0.0.1:0'"))]
    drained = None if drain is None else drain_time(drain, "open_system: drain")
    return _opened(tree, runtime, observers, extra, drained, recorder=_recorder() if history else None)


@asynccontextmanager
async def _opened(
    tree: Supervisor | None,
    runtime: Runtime,
    observers: Sequence[Observer],
    extra: Sequence[ChildSpec | Supervisor],
    drain: float | None,
    *,
    recorder: Callable[[System], Awaitable[None]] | None,
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
            if recorder is not None:
                nursery.start_soon(recorder, system, name="history")
            for each in extra:
                await system.supervisor().start_child(each)
            with root.body:
                yield system
        except BaseException as error:  # noqa: ASYNC103 - raised again below, outside the nursery, which would put it into a group
            failed = error
        finally:
            nursery.cancel_scope.shield = True  # the body is over; the ordered stop must not be cancelled
            await root.stop(_drain_of(drain, runtime.settings, present_run.get()))  # noqa: ASYNC102 - shielded, and bounded by stop_timeout
    _leave(root.failure(), failed)


def _drain_of(own: float | None, settings: Settings, program: Run | None) -> float:
    """For how many seconds a system is drained at most: as it says itself, else its settings, else the `run` around it."""
    by_settings = drain_time(settings.drain_on_stop, "Settings.drain_on_stop")
    by_program = 0.0 if program is None or program.drain is None else program.drain
    return own if own is not None else by_settings or by_program


async def _run(root: Root, system: System) -> None:
    present_system.set(system)
    program = present_run.get()
    with nullcontext() if program is None else program.forcing(root.force):
        await root.run()


def _console(address: str) -> Supervisor:
    from trioactors.console import console_tree  # noqa: PLC0415 - few systems have one, and its packages are an extra

    return console_tree(address)


def _history(runtime: Runtime) -> History:
    settings = runtime.settings
    return History(
        runtime.deadlines,
        runtime.committer,
        now=runtime.now,
        wall_clock=runtime.environment.wall_clock,
        crashes_kept=settings.crashes_kept,
        crashes_kept_for=settings.crashes_kept_for,
    )


def _recorder() -> Callable[[System], Awaitable[None]]:
    from trioactors.inspect.recording import record_figures  # noqa: PLC0415 - few systems ask for it

    return record_figures


def _check_tree(tree: object) -> None:
    if tree is not None and not isinstance(tree, Supervisor):
        raise SpecError(f"open_system takes a ta.Supervisor, not {tree!r}")


def _checked_observers(given: object) -> tuple[Observer, ...]:
    observers: tuple[object, ...] = tuple(cast("Iterable[object]", given)) if isinstance(given, Iterable) else (None,)
    if not all(map(callable, observers)):
        raise SpecError(f"observers={given!r:.80} must be a list of functions that take a trace record")
    return cast("tuple[Observer, ...]", observers)


def _store(given: object) -> Store | None:
    """The store that *given* is, or that its URL names. Raises `BadStoreURL`, `SpecError`."""
    if isinstance(given, str | PathLike):
        return store_at(cast("str | PathLike[str]", given))
    if given is not None and (isinstance(given, type) or not hasattr(given, "commit")):
        raise SpecError(f"open_system takes the URL or the path of a store, a store, or a ta.Supervisor first, not {given!r}")
    return cast("Store | None", given)


def _check_durable(tree: Supervisor | None) -> None:
    """Check that no actor in *tree* is durable, as there is no store. Raises `StoreMissing`."""
    for spec in () if tree is None else tree.children:
        if isinstance(spec, Supervisor):
            _check_durable(spec)
        elif (plan := plan_of(spec)) is not None and plan.durable_state is not None:
            raise StoreMissing(str(spec.name))


def _runtime(settings: Settings, environment: Environment) -> Runtime:
    root_task = trio.lowlevel.current_root_task()
    assert root_task is not None  # a task runs this code
    observers, now = Observers(), trio.lowlevel.current_clock().current_time
    return Runtime(
        settings=settings,
        environment=environment,
        root_task=root_task,
        observers=observers,
        lag=LoopLag(environment.stopwatch, settings.loop_held, observers, root_task, partial(whose, observers)),
        meter=HandlerMeter(observers, now),
        now=now,
        report=CrashReports(settings.crash_logs, settings.crash_logs_period),
        accounts=Accounts(observers, deque(maxlen=settings.dead_letters)),
        check_state=_checks_state(environment),
    )


def _checks_state(environment: Environment) -> bool:
    wanted = on_test_clock() if environment.check_state is None else environment.check_state
    if wanted:
        guard_states()
    return wanted


def _leave(failure: BaseException | None, failed: BaseException | None) -> None:
    """Raise the error that ended the system, if there is one; an error of the body becomes a note on it."""
    if failure is not None and failure is not failed:
        if failed is not None:
            failure.add_note(f"meanwhile the body of the system raised {described(failed, repr)}")
        raise failure
    if failed is not None:
        raise failed


def run(
    main: Callable[[], Awaitable[T]],
    *,
    drain: bool | float = False,
    clock: trio.abc.Clock | None = None,
    instruments: Sequence[trio.abc.Instrument] = (),
) -> T:
    """Run an async function as `trio.run` does, and stop open systems in order on SIGINT, SIGTERM and SIGHUP.

        async def main() -> None:
            async with ta.open_system("sqlite:///shop.db", tree) as system:
                await system.wait_stopped()

        if __name__ == "__main__":
            ta.run(main, drain=True)

    The first signal cancels *main*, so open systems stop within their `stop_timeout`. A second one forces: whatever still runs in them is
    cancelled at once. A third ends the process. A signal that is ignored when this is called stays ignored. Afterwards, SIGINT raises
    `KeyboardInterrupt`, SIGTERM `SystemExit(143)` and SIGHUP `SystemExit(129)`, even if *main* returned a value. An error of *main* is
    raised as it is.

    With *drain*, systems that do not say otherwise are drained before they stop; see `open_system`. Bind arguments of *main* with
    `partial`. Call it in the main thread. Raises `UsageError` in other threads and inside a Trio run, also in a process that was forked
    there.
    """
    program = Run(drain_time(drain, "run(): drain"))
    _check_run(main, clock, instruments)
    done = trio.run(_heeding, main, program, clock=clock, instruments=instruments)
    result = done.unwrap()
    if program.received:
        raise exit_of(program.received[0])
    return cast("T", result)


def _check_run(main: object, clock: object, instruments: object) -> None:
    if clock is not None and not isinstance(clock, trio.abc.Clock):
        raise SpecError(f"run(): clock={clock!r:.80} must be a trio.abc.Clock")
    if not isinstance(instruments, Iterable) or isinstance(instruments, str | bytes):
        raise SpecError(f"run(): instruments={instruments!r:.80} must be a list of trio.abc.Instrument")
    if not callable(main):
        close_coroutine(main)
        raise SpecError(f"run() takes an async function, not {main!r:.80}: write ta.run(main), not ta.run(main())")
    if in_inherited_run():
        raise forked("this Trio run")
    if trio.lowlevel.in_trio_run():
        raise UsageError("run() was called inside a Trio run: await main() there instead")


async def _heeding(main: Callable[[], Awaitable[T]], program: Run) -> outcome.Outcome[T | None]:
    """Run *main* until it returns or a signal arrives. Signals are received until *main* is over."""
    present_run.set(program)
    scope = trio.CancelScope()

    async def stoppable() -> T | None:
        with scope:
            return await main()
        return None

    with receiving(program, lambda name: scope.cancel(reason=name)):
        return await outcome.acapture(stoppable)
