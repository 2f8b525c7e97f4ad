"""Signals: what `ta.run` does when the program is asked to stop.

    the first     stops the program in order
    the second    forces: whatever still runs in its systems is cancelled at once
    the third     ends the process at once, as if nothing handled the signal; also if a task holds the event loop

A signal right after another one is taken for the same: wrappers pass on the Ctrl-C that the terminal has already sent to all of its
processes. A signal that was ignored when the program started stays ignored, as `nohup` and a shell's `&` rely on it.

SIGINT, SIGTERM and SIGHUP are handled. On Windows these are Ctrl-C and Ctrl-Break; a SIGTERM ends a process there at once.
"""

from __future__ import annotations

import enum
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

import attrs
import trio

from trioactors.errors import UsageError

__all__ = ["Reaction", "Run", "exit_of", "heeded", "present_run", "reaction", "receiving"]

_SAME: Final = 0.2
"""Seconds within which a signal is taken for a copy of the one before it."""

_STOPPING: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
"""The names of all signals that ask a program to stop. No system has all of them."""


class Reaction(enum.Enum):
    """What follows from a signal."""

    NOTHING = "nothing"
    STOP = "stop"
    FORCE = "force"
    DIE = "die"


def reaction(counted: int, since_last: float) -> Reaction:
    """What follows from a signal, after *counted* others, the last of them *since_last* seconds ago."""
    if counted and since_last < _SAME:
        return Reaction.NOTHING
    return (Reaction.STOP, Reaction.FORCE, Reaction.DIE)[min(counted, 2)]


def exit_of(number: int) -> BaseException:
    """The exception with which a program ends that signal *number* has stopped."""
    return KeyboardInterrupt() if number == signal.SIGINT else SystemExit(128 + number)


def heeded() -> tuple[signal.Signals, ...]:
    """The signals to handle: those that exist here, and are not ignored or handled outside Python."""
    known = [signal.Signals[name] for name in _STOPPING if name in signal.Signals.__members__]
    handlers = {number: signal.getsignal(number) for number in known}
    return tuple(number for number, handler in handlers.items() if handler is not None and handler is not signal.SIG_IGN)


@attrs.define(eq=False)
class Run:
    """One `ta.run`: the signals that it got, and what its systems do about them."""

    drain: float | None = None
    """For how many seconds systems are drained that do not say it themselves; None: not at all."""
    received: list[int] = attrs.field(factory=list[int], init=False)
    """The signals that counted."""
    last: float = attrs.field(default=0.0, init=False)
    """The time of the last of them, on Trio's clock."""
    forces: list[Callable[[str], None]] = attrs.field(factory=list["Callable[[str], None]"], init=False)
    """Force the stop of each open system."""

    @contextmanager
    def forcing(self, force: Callable[[str], None]) -> Generator[None, None, None]:
        """Call *force* if the stop is forced while the block runs."""
        self.forces.append(force)
        try:
            yield
        finally:
            self.forces.remove(force)

    def force(self, number: int) -> None:
        """Force the stop of all open systems."""
        for force in tuple(self.forces):
            force(f"a further signal ({signal.Signals(number).name})")


present_run: ContextVar[Run | None] = ContextVar("trioactors_run", default=None)
"""The `ta.run` that the running code belongs to."""


@contextmanager
def receiving(run: Run, stop: Callable[[str], None]) -> Generator[None, None, None]:
    """Handle the signals while the block runs; *stop* is called with the name of the first. Raises `UsageError` outside the main thread."""
    token, now = trio.lowlevel.current_trio_token(), trio.lowlevel.current_clock().current_time

    def receive(number: int, _frame: object) -> None:
        then = reaction(len(run.received), now() - run.last)
        if then is Reaction.NOTHING:
            return
        run.received.append(number)
        run.last = now()
        match then:
            case Reaction.STOP:
                token.run_sync_soon(stop, signal.Signals(number).name)
            case Reaction.FORCE:
                token.run_sync_soon(run.force, number)
            case _:
                signal.signal(number, signal.SIG_DFL)
                signal.raise_signal(number)

    before: dict[signal.Signals, Any] = {}
    try:
        for number in heeded():
            before[number] = signal.signal(number, receive)
    except ValueError:
        raise UsageError("run() needs the main thread, which alone receives signals; in other threads use trio.run") from None
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
