"""Run a program once under a given schedule, in virtual time, and detect that it will never end.

In virtual time a program that waits for ever would hang the test. Here it is `Stuck` if no task can run, no deadline is set, and no worker
thread or socket can wake a task. A program that takes too many steps is `Stuck` too. It is cancelled, so that it exits in order, and the
error lists where each task waits. A busy loop keeps the clock from jumping, so that timeouts for stopping it would never expire; the clock
is then moved forward by hand. A program that continues even so is abandoned.
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final, Generic, TypeVar

import attrs
import outcome
import trio
from trio.testing import MockClock, active_thread_count

from trioactors.errors import UsageError
from trioactors.errors.exits import is_group, leaves
from trioactors.errors.lists import listed
from trioactors.testing.clocks import ThreadGuard
from trioactors.testing.schedules import Chooser, Playback, Policy, Recording, Tape, chooser, policy_of
from trioactors.testing.scheduling import Schedule, scheduled
from trioactors.trace.formatting import awaited_at

__all__ = [
    "STEPS",
    "Played",
    "Stuck",
    "error_of",
    "failure_kind",
    "finding_of",
    "is_finding",
    "play",
    "play_seed",
    "replay",
    "who_waits",
]

T = TypeVar("T")

STEPS: Final = 200_000
"""The number of steps a run may take."""

_ENDINGS: Final = 8
"""How often the clock is moved forward for a program that was cancelled and continues."""

_AHEAD: Final = 3600.0
"""Seconds of virtual time for each: longer than any timeout of a stop."""

_SHOWN = 30
"""The number of tasks that an error lists."""


class Stuck(AssertionError):
    """The program under test would never end. The text lists where its tasks wait."""


@attrs.frozen
class Played(Generic[T]):
    """The result of one run."""

    result: outcome.Outcome[T]
    tape: Tape
    steps: int


class _Watch:
    """Ends a run that would not end by itself."""

    def __init__(self, limit: int, also: Callable[[Schedule], None] | None, clock: MockClock) -> None:
        self._limit = limit
        self._also = also
        self._clock = clock
        self._endings = 0
        self._allowed = limit
        self._threads = set(threading.enumerate())
        self.scope = trio.CancelScope()
        self.stuck: Stuck | None = None

    def look(self, schedule: Schedule, runnable: int) -> None:
        """Called in each pass of the loop."""
        if self._also is not None:
            self._also(schedule)
        if schedule.steps > self._allowed and self.stuck is not None and self._endings < _ENDINGS:
            self._endings += 1
            self._allowed = schedule.steps + self._limit // _ENDINGS
            self._clock.jump(_AHEAD)
        elif schedule.steps > self._allowed:
            self._allowed = schedule.steps + self._limit // _ENDINGS
            self._end(f"no end after {self._limit} steps: raise steps= if it is not an endless loop")
        elif not runnable and self._nothing_comes():
            self._end("every task waits, and nothing will wake any of them")

    def _nothing_comes(self) -> bool:
        statistics = trio.lowlevel.current_statistics()
        if statistics.tasks_runnable:  # woken after Trio counted, by another watcher
            return False
        if statistics.seconds_to_next_deadline != math.inf or active_thread_count():
            return False
        if set(threading.enumerate()) - self._threads:
            return False
        io = statistics.io_statistics
        waiting = [
            getattr(io, name) for name in ("tasks_waiting_read", "tasks_waiting_write", "tasks_waiting") if hasattr(io, name)
        ]
        return bool(waiting) and sum(waiting) <= 1  # one is Trio's own task, which waits for calls from threads

    def _end(self, why: str) -> None:
        text = f"the program is stuck: {why}. {who_waits()}"
        if self.stuck is not None:  # it was cancelled for this before and continues
            raise Stuck(text)
        self.stuck = Stuck(text)
        self.scope.cancel(reason=why)


def who_waits() -> str:
    """List the tasks of the running program and where each of them waits."""
    root = trio.lowlevel.current_root_task()
    lines = sorted(f"{task.name}: {_where(task)}" for task in _descendants(root)) if root is not None else []
    return "Its tasks:\n  " + listed(lines, _SHOWN, separator="\n  ", none="")


def _descendants(task: trio.lowlevel.Task) -> Iterator[trio.lowlevel.Task]:
    for nursery in task.child_nurseries:
        for child in nursery.child_tasks:
            yield child
            yield from _descendants(child)


def _where(task: trio.lowlevel.Task) -> str:
    places = awaited_at(task, "trio")
    return places[-1] if places else "in Trio"


def play(
    main: Callable[[], Awaitable[T]],
    choosing: Chooser,
    *,
    policy: Policy = Policy.STEP,
    steps: int = STEPS,
    instruments: tuple[trio.abc.Instrument, ...] = (),
    look: Callable[[Schedule], None] | None = None,
) -> Played[T]:
    """Run *main* once, in virtual time; *choosing* decides which task runs next. The result holds what *main* raises.

    *look* is called in each pass of the loop, between the steps of tasks. Raises `UsageError` if Trio is already running.
    """
    recording, clock = Recording(choosing), MockClock(autojump_threshold=0)
    watch = _Watch(steps, look, clock)
    schedule = Schedule(recording, whole=policy is Policy.BATCH, watch=watch.look)

    together = [schedule, ThreadGuard(clock), *instruments]

    async def bounded() -> Any:
        with watch.scope:
            return await main()

    with scheduled(schedule):
        if trio.lowlevel.in_trio_run():
            raise UsageError(
                "a run under a schedule calls trio.run itself: start it from a synchronous function, not while Trio is running"
            )
        result: outcome.Outcome[T] = outcome.capture(lambda: trio.run(bounded, clock=clock, instruments=together))
    ended = error_of(result)
    if watch.stuck is not None and (ended is None or is_finding(ended)):
        watch.stuck.__cause__ = ended
        result = outcome.Error(watch.stuck)
    return Played(result, Tape.of(policy, recording.choices), schedule.steps)


def play_seed(
    main: Callable[[], Awaitable[T]],
    seed: int,
    policy: Policy = Policy.MIX,
    *,
    steps: int = STEPS,
    instruments: tuple[trio.abc.Instrument, ...] = (),
) -> Played[T]:
    """Run *main* once under the schedule of *seed* and *policy*."""
    drawn = policy_of(seed, policy)
    return play(main, chooser(seed, drawn), policy=drawn, steps=steps, instruments=instruments)


def error_of(result: outcome.Outcome[Any]) -> BaseException | None:
    """The error of *result*, or None."""
    return result.error if isinstance(result, outcome.Error) else None


def is_finding(error: BaseException) -> bool:
    """Whether *error* is a failure: Ctrl-C, `SystemExit` and a skipped test are not, but `pytest.fail` is."""
    pytest = sys.modules.get("pytest")  # if pytest is not loaded, its errors were not raised
    failed = () if pytest is None else (pytest.fail.Exception,)
    no_failure = () if pytest is None else (pytest.xfail.Exception,)
    return all(isinstance(leaf, (Exception, *failed)) and not isinstance(leaf, no_failure) for leaf in leaves(error))


def finding_of(result: outcome.Outcome[Any]) -> BaseException | None:
    """The failure in *result*, or None. Raises errors that are not failures."""
    error = error_of(result)
    if error is None or is_finding(error):
        return error
    raise error


def failure_kind(error: BaseException | None) -> tuple[str, ...]:
    """The identity of a failure without its text: its class and, for a group, the classes in it."""
    if error is None:
        return ()
    parts = error.exceptions if is_group(error) else ()
    return (type(error).__qualname__, *sorted(name for part in parts for name in failure_kind(part)))


def replay(main: Callable[[], Awaitable[T]], tape: Tape | str, *, steps: int = STEPS) -> T:
    """Run *main* once more under the schedule on *tape*, in virtual time. Returns or raises what *main* does."""
    known = tape if isinstance(tape, Tape) else Tape.parse(tape)
    return play(main, Playback(known), policy=known.policy, steps=steps).result.unwrap()
