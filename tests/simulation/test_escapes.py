"""Whatever reaches out of a simulation is an error that names the place, whoever swallows it; and nothing else is touched."""

from __future__ import annotations

import _thread
import gc
import importlib
import inspect
import logging
import os
import random
import secrets
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading  # noqa: TID251 - nothing may start one in a simulation
import time
import uuid
import warnings
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from queue import Queue
from random import Random, choice, getrandbits, randint, shuffle
from random import random as draw
from time import sleep  # noqa: TID251 - nothing may call it in a simulation
from time import time as wall_time
from typing import Any
from uuid import uuid1

import pytest
import trio

import trioactors as ta
from trioactors.testing.simulation import Escape, Faults, Simulation, simulate
from trioactors.testing.simulation.escapes import contained


async def in_a_thread() -> None:
    await trio.to_thread.run_sync(int)


def start_a_thread() -> None:
    threading.Thread(target=int).start()


def write(mode: str) -> Callable[[], object]:
    return lambda: open(__file__ + ".never", mode)  # noqa: PTH123 - the plain function


ESCAPES: dict[str, tuple[Callable[[], Any], str]] = {
    "thread": (start_a_thread, "a thread's start"),
    "worker thread": (in_a_thread, "a worker thread|a thread's start"),
    "sleep": (lambda: time.sleep(0), "time.sleep"),  # noqa: TID251 - it must not come through
    "sleep by name": (lambda: sleep(0), "time.sleep"),
    "random": (lambda: random.random() + 0, "random.random"),
    "random by name": (lambda: draw() + 0, "random.random"),
    "bits by name": (lambda: getrandbits(8), "random.getrandbits"),
    "randint": (lambda: random.randint(0, 9), "random.getrandbits"),
    "randint by name": (lambda: randint(0, 9), "random.getrandbits"),
    "choice": (lambda: random.choice("ab"), "random.getrandbits"),
    "choice by name": (lambda: choice("ab"), "random.getrandbits"),
    "shuffle by name": (lambda: shuffle([1, 2]), "random.getrandbits"),
    "uniform": (lambda: random.uniform(0, 1), "random.random"),
    "Random()": (random.Random, r"random.Random\(\) without a seed"),
    "Random() by name": (Random, r"random.Random\(\) without a seed"),
    "SystemRandom": (lambda: random.SystemRandom().random(), "os.urandom"),
    "uuid4": (uuid.uuid4, "os.urandom"),
    "urandom": (lambda: os.urandom(4), "os.urandom"),
    "secrets": (secrets.token_hex, "os.urandom"),
    "socket": (socket.socket, "socket.__new__"),
    "trio socket": (trio.socket.socket, "socket.__new__"),
    "uuid1": (lambda: uuid.uuid1().hex, "uuid.uuid1"),
    "uuid1 by name": (lambda: uuid1().hex, "uuid.uuid1"),
    "secrets.choice": (lambda: secrets.choice("ab"), "os.urandom"),
    "time": (lambda: time.time() + 0, "time.time"),
    "time by name": (lambda: wall_time() + 0, "time.time"),
    "time in nanoseconds": (lambda: time.time_ns() + 0, "time.time_ns"),
    "a monotonic clock": (lambda: time.monotonic() + 0, "time.monotonic"),
    "one in nanoseconds": (lambda: time.monotonic_ns() + 0, "time.monotonic_ns"),
    "the time of day": (lambda: time.localtime().tm_hour, "time.localtime"),
    "the time of day elsewhere": (lambda: time.gmtime(None).tm_hour, "time.gmtime"),
    "the time of day as text": (lambda: time.ctime() + "", "time.ctime"),
    "waiting for a thread's queue": (lambda: Queue[int]().get(timeout=0.001), "a wait for another thread"),
    "waiting for a semaphore": (lambda: threading.Semaphore(0).acquire(timeout=0.001), "a wait for another thread"),
    "waiting for somebody to type": (input, "builtins.input"),
    "an address": (lambda: socket.getaddrinfo("127.0.0.1", 80), "socket.getaddrinfo"),
    "a signal": (lambda: os.kill(os.getpid(), 0), "os.kill"),
    "a signal to itself": (lambda: signal.raise_signal(signal.SIGURG), "signal.raise_signal"),
    "a signal to a thread": (lambda: signal.pthread_kill(threading.get_ident(), 0), "signal.pthread_kill"),
    "a signal to a group": (lambda: os.killpg(os.getpgrp(), 0), "os.killpg"),
    "what a signal does": (lambda: signal.signal(signal.SIGURG, signal.SIG_DFL), "signal.signal"),
    "waiting for signals": (lambda: trio.open_signal_receiver(signal.SIGURG).__enter__(), "signal.signal"),
    "a timer of the system": (lambda: signal.setitimer(signal.ITIMER_VIRTUAL, 0), "signal.setitimer"),
    "an alarm": (lambda: signal.alarm(0), "signal.alarm"),
    "chance in a file": (lambda: Path("/dev/urandom").open("rb").close(), r"open\('/dev/urandom'\)"),
    "chance in a descriptor": (lambda: os.close(os.open(b"/dev/random", os.O_RDONLY)), r"open\(b'/dev/random'\)"),
    "a clock by its number": (lambda: time.clock_gettime(time.CLOCK_REALTIME) + 0, "time.clock_gettime"),
    "the same in nanoseconds": (lambda: time.clock_gettime_ns(time.CLOCK_MONOTONIC) + 0, "time.clock_gettime_ns"),
    "waiting for a file": (lambda: select.select([], [], [], 0.001), "select.select"),
    "a thread without an object": (lambda: _thread.start_new_thread(int, ()), "_thread.start_new_thread"),
    "a pipe with a name": (lambda: os.mkfifo(__file__ + ".never"), "os.mkfifo"),
    "a device": (lambda: os.mknod(__file__ + ".never"), "os.mknod"),
    "process": (lambda: subprocess.Popen([sys.executable, "-c", ""]), "subprocess.Popen"),
    "system": (lambda: getattr(os, "system")("true"), "os.system"),  # noqa: B009 - deprecated, and used all the same
    "database": (lambda: sqlite3.connect("never.db"), "sqlite3.connect"),
    "open to write": (write("w"), "open"),
    "open to append": (write("a"), "open"),
    "open to create": (write("x"), "open"),
    "open to change": (write("r+"), "open"),
    "write_text": (lambda: Path(__file__ + ".never").write_text("", encoding="utf-8"), "open"),
    "removing a file": (lambda: os.remove(__file__ + ".never"), "os.remove"),  # noqa: PTH107 - the plain function
    "removing a path": (lambda: Path(__file__ + ".never").unlink(), "os.remove"),
    "making a folder": (lambda: os.mkdir(__file__ + ".never"), "os.mkdir"),  # noqa: PTH102 - the same
    "making folders": (lambda: Path(__file__ + ".never").mkdir(parents=True), "os.mkdir"),
    "removing a folder": (lambda: Path(__file__ + ".never").rmdir(), "os.rmdir"),
    "another name": (lambda: Path(__file__ + ".never").rename(__file__ + ".either"), "os.rename"),
    "a link": (lambda: Path(__file__ + ".never").symlink_to(__file__), "os.symlink"),
    "other rights": (lambda: Path(__file__ + ".never").chmod(0o600), "os.chmod"),
    "a shorter file": (lambda: os.truncate(__file__ + ".never", 0), "os.truncate"),
    "temporary file": (tempfile.TemporaryFile, "open|random.Random|os.urandom"),
}

if hasattr(os, "getrandom"):
    ESCAPES["the system's chance"] = (lambda: os.getrandom(4), "os.getrandom")


async def done(do: Callable[[], Any]) -> None:
    result = do()
    if inspect.isawaitable(result):
        await result


def calm(workload: Callable[[Simulation], Any], **options: Any) -> None:
    simulate(workload, store="memory:", faults=Faults.none(), shrinking=0, **options)


@pytest.mark.parametrize("name", ESCAPES)
def test_it_is_caught_and_its_place_named(name: str) -> None:
    do, call = ESCAPES[name]

    async def culprit(_: Simulation) -> None:
        await done(do)

    with pytest.raises(Escape, match=rf"^({call}).* at (.*) leaves the simulation: .") as caught:
        calm(culprit)

    caller = do if getattr(do, "__module__", "") == __name__ else done
    lines, first = inspect.getsourcelines(caller)
    places = [f"{__file__}:{first + number} in {caller.__name__} leaves" for number in range(len(lines))]
    assert any(place in str(caught.value) for place in places)
    assert not Path(__file__ + ".never").exists()


class Culprit(ta.Actor[None]):
    @ta.handler
    def escape(self) -> None:
        time.sleep(0)  # noqa: TID251 - it must not come through


def test_it_ends_the_simulation_though_a_supervisor_has_swallowed_it() -> None:
    async def careless(simulation: Simulation) -> None:
        with pytest.raises(ta.ActorCrashed):
            await (await simulation.get(Culprit, "culprit")).escape()

    with pytest.raises(Escape, match=r"time\.sleep at .*test_escapes\.py:\d+ in escape leaves"):
        calm(careless, tree=ta.Supervisor(ta.child(Culprit, name="culprit"), name="top"))


def test_it_ends_the_simulation_though_the_culprit_itself_has_swallowed_it() -> None:
    async def sly(_: Simulation) -> None:
        with pytest.raises(Escape):
            random.random()

    with pytest.raises(Escape):
        calm(sly)


def test_an_idle_thread_that_trio_has_kept_is_no_way_out() -> None:
    trio.run(in_a_thread)

    async def culprit(_: Simulation) -> None:
        await in_a_thread()

    with pytest.raises(Escape, match="worker thread"):
        calm(culprit)


# --- what may be done ---

ALLOWED: dict[str, Callable[[], object]] = {
    "reading a file": lambda: Path(__file__).read_bytes(),
    "opening a file to read": lambda: open(__file__, "rb").close(),  # noqa: PTH123 - the plain function
    "logging": lambda: logging.getLogger(__name__).error("a line"),
    "a seeded stream": lambda: Random(7).random() + Random("a").randint(0, 9),
    "seeding again": lambda: Random(7).seed(8),
    "a database in memory": lambda: sqlite3.connect(":memory:").close(),
    "a thread that does not start": lambda: threading.Thread(target=int),
    "reading a clock for a log line": lambda: logging.getLogger(__name__).makeRecord("a", 20, "b", 1, "c", (), None).created,
    "a clock that measures": time.perf_counter,
    "the time that was worked": lambda: (time.clock_gettime(time.CLOCK_PROCESS_CPUTIME_ID), time.thread_time()),
    "looking whether a file is ready": lambda: select.select([], [], [], 0),
    "looking what a signal does": lambda: signal.getsignal(signal.SIGINT),
    "a given time": lambda: (time.localtime(7.0), time.gmtime(0), time.ctime(0)),
    "a lock that is free": lambda: threading.Lock().acquire(timeout=1.0),
    "a listing": lambda: list(Path(__file__).parent.iterdir()),
    "a uuid by name": lambda: uuid.uuid5(uuid.NAMESPACE_URL, "a"),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_it_is_no_escape(name: str) -> None:
    async def honest(_: Simulation) -> None:
        await done(ALLOWED[name])

    calm(honest)


def imported(name: str) -> Any:
    """A module of the test, which is forgotten at once: the next test may write another one of this name."""
    module = importlib.import_module(name)
    del sys.modules[name]
    return module


def test_what_is_installed_may_read_clocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else nobody could simulate an application that counts something with a metrics library."""
    installed = tmp_path / "site-packages"
    installed.mkdir()
    monkeypatch.setattr(sys, "path", [str(installed), str(tmp_path), *sys.path])
    for place in (installed, tmp_path):
        (place / f"reader_in_{place.name[:4]}.py").write_text("import time\ndef now(): return time.time()\n", encoding="utf-8")

    async def honest(_: Simulation) -> None:
        imported("reader_in_site").now()

    async def culprit(_: Simulation) -> None:
        imported(f"reader_in_{tmp_path.name[:4]}").now()

    calm(honest)
    with pytest.raises(
        Escape, match=r"time\.time at .* in now leaves the simulation: a seed cannot repeat it; use trio\.current_time\(\)"
    ):
        calm(culprit)


def test_trio_lets_go_of_ctrl_c_though_its_run_was_given_up_and_nobody_has_left_the_block() -> None:
    nets = ExitStack()
    found: list[list[Escape]] = []

    async def main() -> None:
        found.append(nets.enter_context(contained()))
        await trio.lowlevel.checkpoint()

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # only then Trio takes it
    try:
        with nets:
            trio.run(main)

        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        assert found == [[]]
    finally:
        signal.signal(signal.SIGINT, before)


def test_who_runs_while_something_is_thrown_away_is_no_culprit() -> None:
    class Leaves:
        def __del__(self) -> None:
            with suppress(OSError):
                os.rmdir(__file__ + ".never")  # noqa: PTH106 - the plain function

    forgotten: list[object] = [tempfile.TemporaryDirectory(), Leaves()]

    async def innocent(_: Simulation) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            forgotten.clear()
            gc.collect()

    calm(innocent)


def test_a_module_may_be_imported_for_the_first_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "never_seen_before.py").write_text("FOUND = True\n", encoding="utf-8")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)

    async def lazy(_: Simulation) -> None:
        assert imported("never_seen_before").FOUND

    calm(lazy)

    assert list(tmp_path.glob("__pycache__/*.pyc"))


# --- what is left alone ---

INNER: Any = getattr(random, "_inst")  # noqa: B009 - hints do not know it
HELD: list[Callable[[], object]] = [
    lambda: sleep,
    lambda: time.sleep,  # noqa: TID251 - looked at only
    lambda: draw,
    lambda: random.random,
    lambda: random.getrandbits,
    lambda: getattr(random, "_urandom"),  # noqa: B009 - the same
    lambda: os.urandom,
    lambda: random.Random.seed,
    lambda: threading.Thread.start,
    lambda: trio.lowlevel.start_thread_soon,
    lambda: wall_time,
    lambda: time.monotonic,
    lambda: uuid1,
    lambda: threading.Condition.wait,
    lambda: signal.signal,
    lambda: getattr(threading, "_start_new_thread", None) or getattr(threading, "_start_joinable_thread"),  # noqa: B009 - the same
    lambda: [*INNER.__dict__],
]


def held() -> list[object]:
    return [look() for look in HELD]


@pytest.mark.parametrize("fails", [False, True])
def test_afterwards_everything_is_as_before(fails: Any) -> None:
    before = held()
    during: list[object] = []

    async def look(_: Simulation) -> None:
        during[:] = held()
        assert not fails

    if fails:
        with pytest.raises(AssertionError):
            calm(look)
    else:
        calm(look)

    assert held() == before
    assert not any(one == other for one, other in zip(during, before, strict=True))


def test_what_somebody_has_patched_stays_patched(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(_: Simulation) -> None:
        await trio.lowlevel.checkpoint()

    calm(nothing)  # who has what is known from now on

    def mine(_: float = 0.0) -> float:
        return 0.5

    seen: list[float] = []

    async def look(_: Simulation) -> None:
        seen.append(draw())

    monkeypatch.setitem(globals(), "draw", mine)
    monkeypatch.setattr(time, "sleep", mine)
    calm(look)

    assert seen == [0.5]
    assert draw is mine
    assert vars(time)["sleep"] is mine


def test_a_module_that_took_the_place_of_another_is_guarded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    for name in ("first_in_place", "second_in_place"):
        (tmp_path / f"{name}.py").write_text("from os import urandom\n", encoding="utf-8")
        module = importlib.import_module(name)

        async def culprit(_: Simulation, module: Any = module) -> None:
            module.urandom(1)

        with pytest.raises(Escape):
            calm(culprit)
        del sys.modules[name]


def test_outside_of_simulations_everything_can_be_done(tmp_path: Path) -> None:
    with contained():
        pass

    (tmp_path / "file").write_text("text", encoding="utf-8")
    sqlite3.connect(tmp_path / "database").close()
    socket.socket().close()
    sleep(0)
    assert uuid.uuid4() != uuid.uuid4()
    assert 0 <= random.random() < 1
    trio.run(in_a_thread)


def test_other_threads_are_not_concerned(tmp_path: Path) -> None:
    inside, over = threading.Lock(), threading.Lock()
    done: list[object] = []

    def bystander() -> None:
        with inside:
            (tmp_path / "file").write_text("text", encoding="utf-8")
            done.extend([random.random(), uuid.uuid4(), Random(), os.urandom(1)])
            other = threading.Thread(target=int)
            other.start()
            other.join()
        over.release()

    inside.acquire()
    over.acquire()
    thread = threading.Thread(target=bystander)
    thread.start()
    with contained() as escapes:
        inside.release()
        over.acquire()
    thread.join()

    assert len(done) == 4
    assert escapes == []
