"""Notices what a simulation cannot hold: threads, sockets, processes, real waits, clocks and files, and chance without a seed.

Code that reaches past the simulated world is not repeated by a seed, so it is an `Escape`, raised where it happens and raised once more at
the end of the run: an actor's supervisor would otherwise take it for a crash like any other.

Two nets are cast. Python tells an audit hook of sockets, processes, databases, and files that are opened, made and removed, whoever asks; a
hook stays for ever, so there is one, which looks whether a simulation runs in this thread. It is not told of waits, clocks, threads, chance
and most of what is done with signals: those functions are replaced while a simulation runs, in their own modules and wherever somebody has
imported them by name.

Everybody reads clocks, for log lines say, and nothing comes of it; so a clock is an escape only where the application's own code reads it.
What is made in C and belongs to types (`datetime.now`, the locks of `threading`) cannot be replaced without others noticing, and is not
caught.
"""

from __future__ import annotations

import _thread
import operator
import os
import random
import select
import signal
import sys
import threading  # noqa: TID251 - to see that nobody starts one
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
    """Something in a simulation reached for the real world; the text names what and where."""


_ADVICE: Final = {
    "thread": "the clock of a simulation does not wait for it; run it in place",
    "sleep": "it stops the world; use trio.sleep",
    "wait": "it stops the world; wait for a trio.Event, or ask an actor",
    "clock": "no seed repeats it; use trio.current_time(); for the time of day, system.environment.wall_clock()",
    "chance": 'no seed repeats it; use system.environment.random("label")',
    "socket": "give the actor a stand-in for its network",
    "process": "give the actor a stand-in for it",
    "file": "a simulated crash does not take it back; give the actor a stand-in for it",
    "database": "a simulated crash does not take it back; give the actor a stand-in for it",
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
"""Chance in the shape of files."""

_RANDOM, _BITS = random.random, random.getrandbits
_START, _WAIT, _SEED = threading.Thread.start, threading.Condition.wait, random.Random.seed
_WORKER = trio.lowlevel.start_thread_soon
_OF_TRIO: Final = ("trio._core._ki", "trio._util")
"""Where Trio itself sets what Ctrl-C does, when a run begins and ends."""


class _Net:
    """What escaped from one simulation."""

    def __init__(self) -> None:
        self.found: list[Escape] = []

    def caught(self, what: str, call: str) -> Escape:
        """Keep an escape; the error to raise for it."""
        escape = Escape(f"{call} at {_place(sys._getframe(2))} leaves the simulation: {_ADVICE[what]}")  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        self.found.append(escape)
        return escape


_nets: Final[dict[int, _Net]] = {}
"""The simulations that run, by thread."""

_hooks: Final[list[Callable[[str, tuple[Any, ...]], None]]] = []


def _place(frame: FrameType | None) -> str:
    """The nearest line that belongs neither to Python nor to Trio."""
    return nearest(callers(frame), not_in=__file__) or "an unknown place"


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    """The audit hook: called for everything that Python does, so it says no quickly."""
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
    """Whether Python or pytest keeps what it has compiled, at the first import of a module, or throws away what nobody has any more."""
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
    """Whether sqlite-utils asks, which gives its savepoints names that nothing else depends on."""
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    while frame is not None and standard(frame.f_code.co_filename):
        frame = frame.f_back
    return frame is not None and frame.f_globals.get("__name__") == "sqlite_utils.db"


def _read_by_others(*_: object) -> bool:
    return not of_application(sys._getframe(2))  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]


def _of_a_given_time(*arguments: object) -> bool:
    """Whether a calendar is asked for another time than now, or by others."""
    now = not arguments or arguments[0] is None
    return not (now and of_application(sys._getframe(2)))  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]


def _seeded(_: random.Random, a: object = None, *_rest: object) -> bool:
    return a is not None


def _measures(clock: object, *_: object) -> bool:
    """Whether it is the time that the processor has worked; or others ask."""
    return clock in _PROCESSOR or not of_application(sys._getframe(2))  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]


def _at_once(*arguments: Any) -> bool:
    """Whether `select` only looks."""
    return len(arguments) > 3 and arguments[3] is not None and arguments[3] <= 0  # noqa: PLR2004 - the fourth is how long it waits


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
"""The module, what it would be, when it is none, and the names; not each system has all."""

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
"""Where they are at home; they are guarded there whatever a test has put in their place."""

_METHODS: Final[tuple[tuple[type, str, Callable[..., Any]], ...]] = (
    (threading.Thread, "start", _guarded(_START, "thread", "a thread's start")),
    (threading.Condition, "wait", _guarded(_WAIT, "wait", "a wait for another thread")),
    (random.Random, "seed", _guarded(_SEED, "chance", "random.Random() without a seed", _seeded)),
)


class _Holders:
    """Which modules have the plain functions, and by which names; looked up anew when modules were added."""

    def __init__(self) -> None:
        self._modules: list[ModuleType] = []
        self._known: list[tuple[Any, str, Callable[..., Any]]] = []

    def now(self) -> list[tuple[Any, str, Callable[..., Any]]]:
        """Those that still have them: since they were looked up somebody may have patched one."""
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
    """Within the block, in this thread, whatever reaches for the real world raises `Escape`; the list has all of them."""
    if not _hooks:
        _hooks.append(_heard)
        sys.addaudithook(_heard)
    net = _Net()
    hidden: Any = random._inst  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - what random.randint and its like draw from
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
