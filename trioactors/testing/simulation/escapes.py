"""Detects code that leaves a simulation: threads, sockets, processes, real waits, clocks, files, and random numbers without a seed.

A seed cannot repeat code that reaches the real world. Such code is an `Escape`, raised where it happens and once more at the end of the
run: a supervisor would otherwise handle it as any other crash.

There are two nets. Python reports sockets, processes, databases, and files that are opened, created or removed to an audit hook, whichever
code uses them. A hook cannot be removed, so there is one, which checks whether a simulation runs in this thread. Waits, clocks, threads,
random numbers and most uses of signals are not audited: those functions are replaced while a simulation runs, in their own modules and in
every module that has imported them by name.

Libraries read clocks all the time, for log lines for example, without effect on the run; so a clock is an escape only if the application's
own code reads it. Methods of types that are written in C (`datetime.now`, the locks of `threading`) cannot be replaced unnoticed, and are
not caught.
"""

from __future__ import annotations

import _thread
import operator
import os
import random
import select
import signal
import sys
import threading  # noqa: TID251 - to detect that a thread is started
import time
import uuid
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from functools import wraps
from types import FrameType, ModuleType
from typing import Any, Final

import trio

from trioactors.testing.simulation.places import RUNNERS, belongs, callers, cleans_up, nearest, of_application, standard

__all__ = ["Escape", "contained"]


class Escape(AssertionError):
    """Code in a simulation reached the real world. The text says what it did and where."""


_ADVICE: Final = {
    "thread": "the clock of a simulation does not wait for a thread; run the function in place",
    "sleep": "it blocks all tasks; use trio.sleep",
    "wait": "it blocks all tasks; wait for a trio.Event, or call an actor",
    "clock": "a seed cannot repeat it; use trio.current_time(), or system.environment.wall_clock() for the time of day",
    "chance": 'a seed cannot repeat it; use system.environment.random("label")',
    "socket": "pass a stand-in for the network to the actor",
    "process": "pass a stand-in to the actor",
    "file": "a simulated crash does not undo it; pass a stand-in to the actor",
    "database": "a simulated crash does not undo it; pass a stand-in to the actor",
}
_AUDITED: Final = {
    "socket.__new__": "socket",
    "subprocess.Popen": "process",
    "os.fork": "process",
    "os.posix_spawn": "process",
    "os.system": "process",
    "sqlite3.connect": "database",
    "socket.getaddrinfo": "socket",
    "socket.gethostbyname": "socket",
    "socket.gethostbyaddr": "socket",
    "os.exec": "process",
    "os.forkpty": "process",
    "os.kill": "process",
    "os.killpg": "process",
    "signal.pthread_kill": "process",
    "builtins.input": "wait",
    **dict.fromkeys(
        (
            "os.chmod",
            "os.chown",
            "os.link",
            "os.mkdir",
            "os.remove",
            "os.rename",
            "os.rmdir",
            "os.symlink",
            "os.truncate",
            "os.utime",
        ),
        "file",
    ),
}
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND

_DEVICES: Final = frozenset({"/dev/random", "/dev/urandom", b"/dev/random", b"/dev/urandom"})
"""Files that give random bytes."""

_RANDOM, _BITS = random.random, random.getrandbits
_START, _WAIT, _SEED = threading.Thread.start, threading.Condition.wait, random.Random.seed
_WORKER = trio.lowlevel.start_thread_soon
_OF_TRIO: Final = ("trio._core._ki", "trio._util")
"""The modules in which Trio sets its handler for Ctrl-C when a run begins and ends."""


class _Net:
    """The escapes from one simulation."""

    def __init__(self) -> None:
        self.found: list[Escape] = []

    def caught(self, what: str, call: str) -> Escape:
        """Record an escape. Returns the error to raise."""
        escape = Escape(f"{call} at {_place(sys._getframe(2))} leaves the simulation: {_ADVICE[what]}")  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        self.found.append(escape)
        return escape


_nets: Final[dict[int, _Net]] = {}
"""The running simulations, by thread."""

_hooks: Final[list[Callable[[str, tuple[Any, ...]], None]]] = []


def _place(frame: FrameType | None) -> str:
    """The nearest line outside Python and Trio."""
    return nearest(callers(frame), not_in=__file__) or "an unknown place"


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    """The audit hook. Python calls it for every event, so it returns quickly."""
    if not _nets:
        return
    what = _AUDITED.get(event)
    if what is None:
        if event != "open" or not isinstance(arguments[2], int) or isinstance(arguments[0], int):
            return
        if arguments[0] in _DEVICES:
            what = "chance"
        elif arguments[2] & _WRITING:
            what = "file"
        else:
            return
    elif what == "database" and arguments[0] == ":memory:":
        return
    net = _nets.get(threading.get_ident())
    if net is not None and not (what == "file" and _housekeeping(sys._getframe(1))):  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        raise net.caught(what, f"{event}({arguments[0]!r})" if event == "open" or what == "file" else event)


def _housekeeping(frame: FrameType | None) -> bool:
    """Whether Python or pytest writes a compiled module at its first import, or a finalizer runs."""
    for caller, _ in callers(frame):
        if caller.f_code.co_filename == "<frozen importlib._bootstrap_external>" or belongs(caller, RUNNERS):
            return True
        if not standard(caller.f_code.co_filename):
            break
    return cleans_up(frame)


def _guarded(original: Callable[..., Any], what: str, name: str, allowed: Callable[..., bool] | None = None) -> Callable[..., Any]:
    @wraps(original)
    def call(*arguments: Any, **options: Any) -> Any:
        net = _nets.get(threading.get_ident())
        if net is None or (allowed is not None and allowed(*arguments, **options)):
            return original(*arguments, **options)
        raise net.caught(what, name)

    return call


def _names_savepoints(*_: object) -> bool:
    """Whether sqlite-utils calls, to name a savepoint; nothing else depends on that name."""
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    while frame is not None and standard(frame.f_code.co_filename):
        frame = frame.f_back
    return frame is not None and frame.f_globals.get("__name__") == "sqlite_utils.db"


def _read_by_others(*_: object) -> bool:
    return not of_application(sys._getframe(2))  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]


def _of_a_given_time(*arguments: object) -> bool:
    """Whether the call converts a given time, or does not come from the application."""
    now = not arguments or arguments[0] is None
    return not (now and of_application(sys._getframe(2)))  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]


def _seeded(_: random.Random, a: object = None, *_rest: object) -> bool:
    return a is not None


def _measures(clock: object, *_: object) -> bool:
    """Whether the clock measures processor time, or the call does not come from the application."""
    return clock in _PROCESSOR or not of_application(sys._getframe(2))  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]


def _at_once(*arguments: Any) -> bool:
    """Whether `select` returns at once."""
    return len(arguments) > 3 and arguments[3] is not None and arguments[3] <= 0  # noqa: PLR2004 - the fourth is the timeout


def _by_runners(*_: object) -> bool:
    frame = sys._getframe(2)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    return belongs(frame, RUNNERS) or frame.f_globals.get("__name__") in _OF_TRIO


_PROCESSOR: Final = [getattr(time, name, None) for name in ("CLOCK_PROCESS_CPUTIME_ID", "CLOCK_THREAD_CPUTIME_ID")]
_FUNCTIONS: Final[tuple[tuple[ModuleType, str, Callable[..., bool] | None, tuple[str, ...]], ...]] = (
    (time, "sleep", None, ("sleep",)),
    (select, "wait", _at_once, ("select",)),
    (os, "chance", _names_savepoints, ("urandom",)),
    (os, "chance", None, ("getrandom",)),
    (random, "chance", None, ("random", "getrandbits")),
    (uuid, "chance", None, ("uuid1",)),
    (time, "clock", _read_by_others, ("time", "time_ns", "monotonic", "monotonic_ns")),
    (time, "clock", _measures, ("clock_gettime", "clock_gettime_ns")),
    (time, "clock", _of_a_given_time, ("localtime", "gmtime", "ctime")),
    (os, "file", None, ("mkfifo", "mknod")),
    (signal, "process", _by_runners, ("signal", "raise_signal", "setitimer", "alarm")),
    (_thread, "thread", None, ("start_new_thread", "start_joinable_thread")),
)
"""For each module: the kind of escape, the test for calls that are none, and the names. Not every platform has all of them."""

_PLAIN: Final[dict[Any, Callable[..., Any]]] = {
    **{
        getattr(module, name): _guarded(getattr(module, name), what, f"{module.__name__}.{name}", allowed)
        for module, what, allowed, names in _FUNCTIONS
        for name in names
        if hasattr(module, name)
    },
    _WORKER: _guarded(_WORKER, "thread", "a worker thread"),
}
_HOMES: Final[tuple[tuple[ModuleType, str, Callable[..., Any]], ...]] = tuple(
    (module, name, getattr(module, name)) for module, _, _, names in _FUNCTIONS for name in names if hasattr(module, name)
)
"""Their own modules, where they are guarded whatever a test has put in their place."""

_METHODS: Final[tuple[tuple[type, str, Callable[..., Any]], ...]] = (
    (threading.Thread, "start", _guarded(_START, "thread", "a thread's start")),
    (threading.Condition, "wait", _guarded(_WAIT, "wait", "a wait for another thread")),
    (random.Random, "seed", _guarded(_SEED, "chance", "random.Random() without a seed", _seeded)),
)


class _Holders:
    """The modules that hold the plain functions, with the names; looked up again when modules are added."""

    def __init__(self) -> None:
        self._modules: list[ModuleType] = []
        self._known: list[tuple[Any, str, Callable[..., Any]]] = []

    def now(self) -> list[tuple[Any, str, Callable[..., Any]]]:
        """The modules that still hold them: one may have been patched since the last lookup."""
        modules = list(sys.modules.values())
        if len(modules) != len(self._modules) or any(map(operator.is_not, modules, self._modules)):
            self._modules = modules
            self._known = [
                (module, name, value)
                for module in modules
                for name, value in tuple(getattr(module, "__dict__", {}).items())
                if type(value) in _TYPES and value in _PLAIN and module is not sys.modules[__name__]
            ]
        return [(module, name, value) for module, name, value in self._known if getattr(module, name, None) is value]


_TYPES: Final = frozenset(map(type, _PLAIN))
_holders: Final = _Holders()


@contextmanager
def contained() -> Generator[list[Escape], None, None]:
    """Raise `Escape` in the block, in this thread, when code reaches the real world. The list collects all of them."""
    if not _hooks:
        _hooks.append(_heard)
        sys.addaudithook(_heard)
    net = _Net()
    hidden: Any = random._inst  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - the source of random.randint and similar functions
    with ExitStack() as undo:
        for module, name, plain in _HOMES:
            undo.callback(setattr, module, name, getattr(module, name))
            setattr(module, name, _PLAIN[plain])
        for module, name, value in _holders.now():
            undo.callback(setattr, module, name, value)
            setattr(module, name, _PLAIN[value])
        for holder, name, guarded in _METHODS:
            undo.callback(setattr, holder, name, getattr(holder, name))
            setattr(holder, name, guarded)
        for name, original in (("random", _RANDOM), ("getrandbits", _BITS)):
            setattr(hidden, name, _PLAIN[original])
            undo.callback(delattr, hidden, name)
        _nets[threading.get_ident()] = net
        undo.callback(_nets.pop, threading.get_ident())
        yield net.found
