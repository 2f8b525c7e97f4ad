"""Run a program once under a given schedule, in virtual time, and notice when it will never end.

In virtual time a program that waits for ever would make the clock's loop spin, and the test hang. Here it is `Stuck`: nothing can run, no
deadline is set, no worker thread and no socket can wake anybody. So is a program that takes more steps than it is allowed. It is cancelled,
so that it ends in order, and the error says who waits where. A loop in it keeps the clock from jumping, and then nobody's patience with it
would ever be at an end; so the clock is set ahead by hand. What goes on all the same is left as it is.
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
from trioactors.testing.clocks import ThreadGuard
from trioactors.testing.schedules import Chooser, Playback, Policy, Recording, Tape, chooser, policy_of
from trioactors.testing.scheduling import Schedule, scheduled

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
"""How many steps a run may take."""

_ENDINGS: Final = 8
"""How often a program that was cancelled, and goes on, is given time."""

_AHEAD: Final = 3600.0
"""How much time each gives, in virtual seconds: more than anybody waits for a stop."""

_SHOWN = 30
"""How many tasks an error lists."""


class Stuck(AssertionError):
    """The program under test would never end; the text says who waits where."""


@attrs.frozen
class Played(Generic[T]):
    """What came of one run."""

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
        """Whenever the loop comes round."""
        if self._also is not None:
            self._also(schedule)
        if schedule.steps > self._allowed and self.stuck is not None and self._endings < _ENDINGS:
            self._endings += 1
            self._allowed = schedule.steps + self._limit // _ENDINGS
            self._clock.jump(_AHEAD)
        elif schedule.steps > self._allowed:
            self._allowed = schedule.steps + self._limit // _ENDINGS
            self._end(f"{self._limit} steps, and no end: raise steps= if that is not a loop")
        elif not runnable and self._nothing_comes():
            self._end("every task waits, and nothing will wake any")

    def _nothing_comes(self) -> bool:
        statistics = trio.lowlevel.current_statistics()
        if statistics.tasks_runnable:  # woken since Trio has counted, by whoever else looks
            return False
        if statistics.seconds_to_next_deadline != math.inf or active_thread_count():
            return False
        if set(threading.enumerate()) - self._threads:
            return False
        io = statistics.io_statistics
        waiting = [
            getattr(io, name) for name in ("tasks_waiting_read", "tasks_waiting_write", "tasks_waiting") if hasattr(io, name)
        ]
        return bool(waiting) and sum(waiting) <= 1  # one is Trio's own, which waits for calls from threads

    def _end(self, why: str) -> None:
        text = f"the program is stuck: {why}. {who_waits()}"
        if self.stuck is not None:  # it was cancelled for that before, and goes on all the same
            raise Stuck(text)
        self.stuck = Stuck(text)
        self.scope.cancel(reason=why)


def who_waits() -> str:
    """The tasks of the program that runs, and where each of them is."""
    root = trio.lowlevel.current_root_task()
    lines = sorted(f"{task.name}: {_where(task)}" for task in _descendants(root)) if root is not None else []
    shown = lines if len(lines) <= _SHOWN else [*lines[:_SHOWN], f"and {len(lines) - _SHOWN} more"]
    return "\n  ".join(["Its tasks:", *shown])


def _descendants(task: trio.lowlevel.Task) -> Iterator[trio.lowlevel.Task]:
    for nursery in task.child_nurseries:
        for child in nursery.child_tasks:
            yield child
            yield from _descendants(child)


def _where(task: trio.lowlevel.Task) -> str:
    places = [
        f"{frame.f_code.co_filename.rpartition('/')[2]}:{line} in {frame.f_code.co_name}"
        for frame, line in task.iter_await_frames()
        if not str(frame.f_globals.get("__name__", "")).startswith("trio.")
    ]
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
    """Run *main* once, in virtual time, *choosing* who runs next. What it raises is in the result.

    *look* is called whenever the loop comes round, between the steps of tasks. Raises `UsageError` where Trio runs already.
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
            raise UsageError("a run under a schedule is a trio.run of its own: start it from a plain function, not while Trio runs")
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
    """Run *main* once as *seed* and *policy* say."""
    drawn = policy_of(seed, policy)
    return play(main, chooser(seed, drawn), policy=drawn, steps=steps, instruments=instruments)


def error_of(result: outcome.Outcome[Any]) -> BaseException | None:
    """What it raises, if it raises."""
    return result.error if isinstance(result, outcome.Error) else None


def is_finding(error: BaseException) -> bool:
    """Whether *error* says that something is wrong: Ctrl-C, an exit, a test that is skipped do not; what `pytest.fail` raises does."""
    pytest = sys.modules.get("pytest")  # without it nobody has raised anything of its
    failed = () if pytest is None else (pytest.fail.Exception,)
    no_failure = () if pytest is None else (pytest.xfail.Exception,)
    return all(isinstance(leaf, (Exception, *failed)) and not isinstance(leaf, no_failure) for leaf in leaves(error))


def finding_of(result: outcome.Outcome[Any]) -> BaseException | None:
    """What is wrong, if something is. What is no finding is raised at once."""
    error = error_of(result)
    if error is None or is_finding(error):
        return error
    raise error


def failure_kind(error: BaseException | None) -> tuple[str, ...]:
    """What a failure is, whatever its text: its type, and for a group those of what is in it."""
    if error is None:
        return ()
    parts = error.exceptions if is_group(error) else ()
    return (type(error).__qualname__, *sorted(name for part in parts for name in failure_kind(part)))


def replay(main: Callable[[], Awaitable[T]], tape: Tape | str, *, steps: int = STEPS) -> T:
    """Run *main* once more as on the *tape*, in virtual time. Returns and raises what it does."""
    known = tape if isinstance(tape, Tape) else Tape.parse(tape)
    return play(main, Playback(known), policy=known.policy, steps=steps).result.unwrap()
