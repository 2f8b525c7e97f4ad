"""`trioactors top`: what its keys choose, what it shows, and that it gives the terminal back."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

import trioactors as ta
from trioactors.cli.consoles import Address
from trioactors.cli.program import _read
from trioactors.cli.refusals import ExitCode
from trioactors.cli.terminal import keys
from trioactors.cli.top import Choice, Rates, pressed, top_live
from trioactors.console import serve_console

pytest.importorskip("trio_websocket")

URL = "http://127.0.0.1:50000"
TOKEN = "viewer-token-0123456789"
LEFT, SHOW_CURSOR = "\x1b[?1049l", "\x1b[?25h"


def after(*typed: str, choice: Choice = Choice("waiting")) -> Choice:  # noqa: B008 - it is frozen
    for key in typed:
        choice = pressed(choice, key)
    return choice


# --- keys ---


@pytest.mark.parametrize(
    ("typed", "chosen"),
    [
        ("n", Choice("name")),
        ("m", Choice("rate")),
        ("w", Choice("waiting", reverse=True)),
        ("ww", Choice("waiting")),
        ("r", Choice("waiting", reverse=True)),
        ("rn", Choice("name")),
        ("p", Choice("waiting", paused=True)),
        ("  ", Choice("waiting")),
        ("ph", Choice("handled")),
        ("pz", Choice("waiting", paused=True)),
        ("q", Choice("waiting", done=True)),
        ("/ann", Choice("waiting", search="ann", typed="ann")),
        ("/anq\n", Choice("waiting", search="anq")),
        ("/ab\x7fc\n", Choice("waiting", search="ac")),
        ("/a\n/b\n", Choice("waiting", search="ab")),
        ("z7?", Choice("waiting")),
    ],
)
def test_keys_choose(typed: str, chosen: Choice) -> None:
    assert after(*typed) == chosen


def test_arrows_go_through_the_columns_and_round() -> None:
    assert after("right").sort == "rate"
    assert after("left").sort == "actor"
    assert after("left", "left", "left").sort == "age"


def test_escape_ends_the_search_and_shows_all() -> None:
    assert after(*"/ann", "escape") == Choice("waiting")
    assert after(*"/ann\n", "escape") == Choice("waiting")


@pytest.mark.parametrize(
    ("read", "told"),
    [
        (b"qr", ["q", "r"]),
        (b"\x1b[C\x1b[D", ["right", "left"]),
        (b"\x1bOCx", ["right", "x"]),
        (b"\x1b", ["escape"]),
        (b"\x1b[3~q", ["q"]),
        (b"\x1b[1;5Cq", ["q"]),
        (b"\x1b[", []),
        ("ü".encode(), ["ü"]),
        (b"\xffq", ["q"]),
    ],
)
def test_keys_are_read_and_those_with_a_sequence_of_their_own_are_left_out(read: bytes, told: list[str]) -> None:
    assert keys(read) == told


# --- rates ---


def rows(**handled: int) -> list[dict[str, Any]]:
    return [{"name": name, "handled": count} for name, count in handled.items()]


def test_a_rate_is_what_was_handled_between_two_looks() -> None:
    rates = Rates()

    assert rates.of(rows(anna=10, bert=0), 100.0) == {}
    assert rates.of(rows(anna=30, bert=0), 104.0) == {"anna": 5.0, "bert": 0.0}


def test_an_actor_that_was_out_of_sight_has_the_rate_since_then_and_is_forgotten_after_a_minute() -> None:
    rates = Rates()
    rates.of(rows(anna=0, bert=0), 0.0)
    rates.of(rows(bert=0), 10.0)

    assert rates.of(rows(anna=40), 20.0) == {"anna": 2.0}
    assert rates.of(rows(anna=40, bert=50), 90.0) == {}


def test_an_actor_that_was_started_anew_has_no_rate_below_nothing() -> None:
    rates = Rates()
    rates.of(rows(anna=100), 0.0)

    assert rates.of(rows(anna=3), 2.0) == {}
    assert rates.of(rows(anna=5), 4.0) == {"anna": 1.0}


# --- without a terminal ---


async def test_without_a_terminal_each_result_is_printed_with_rates(console: Any, capsys: pytest.CaptureFixture[str]) -> None:
    options = _read(["top", URL, "--frames", "2", "--sort", "rate", "--every", "5"])

    async def busy() -> None:
        await trio.sleep(1)
        for _ in range(10):
            await console.system.get(console.actor, "bert").note("x")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(busy)
        code = await top_live(Address.of(URL, TOKEN), lambda address: console.network.connect(address.port), options)

    assert code is ExitCode.OK
    *_, head, bert, anna = capsys.readouterr().out.splitlines()
    assert head.split()[5:8] == ["WAITING", "RATE", "HANDLED"]
    assert (bert.split()[0], bert.split()[6]) == ("bert", "2.0/s")
    assert (anna.split()[0], anna.split()[6]) == ("anna", "0/s")


# --- on a terminal ---


@attrs.define
class Terminal:
    """A pseudo-terminal, with a command in it."""

    ours: int
    theirs: int
    process: subprocess.Popen[bytes]
    before: list[Any]
    system: ta.System
    seen: str = ""

    @property
    def settings(self) -> list[Any]:
        return termios.tcgetattr(self.theirs)

    async def until(self, *expected: str) -> str:
        """What is painted from now on, until a picture has all of this."""
        with trio.fail_after(60):  # noqa: ASYNC912 - the loop runs at least once
            picture = ""
            while not all(each in picture for each in expected):
                await trio.lowlevel.checkpoint()
                await trio.lowlevel.wait_readable(self.ours)
                self.seen += os.read(self.ours, 100_000).decode("utf-8", "replace")
                picture = self.seen.rpartition("\x1b[H")[2]
                if "\x1b[J" not in picture and LEFT not in picture:
                    picture = ""
            self.seen = ""
            return picture

    def hold(self) -> None:
        """Wait for the next picture without letting any other task run."""
        select.select([self.ours], [], [], 60)

    def read(self) -> str:
        return os.read(self.ours, 100_000).decode("utf-8", "replace")

    def type(self, text: str) -> None:
        os.write(self.ours, text.encode())


class Clerk(ta.Actor[None]):
    @ta.handler
    def hello(self) -> None:
        """Do nothing."""


def command(url: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "trioactors", "top", url, "--every", "0.2", *arguments]


@asynccontextmanager
async def in_a_terminal(*arguments: str, stdin: int | None = None, **world: str) -> AsyncGenerator[Terminal, None]:
    """`top` in a terminal of its own, with a console of two actors."""
    announced: list[str] = []
    tree = ta.Supervisor(
        ta.child(Clerk, name="anna"),
        ta.child(Clerk, name="bert"),
        ta.child(partial(serve_console, token=TOKEN, announce=announced.append), name="console"),
        name="shop",
    )
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    before = termios.tcgetattr(theirs)
    async with ta.open_system(tree) as system:
        url = announced[0].split()[1].partition("/open/")[0]
        plain = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "LINES", "COLUMNS"}}
        env = {**plain, "TERM": "xterm", "TRIOACTORS_CONSOLE_TOKEN": TOKEN, **world}
        process = subprocess.Popen(  # noqa: ASYNC220 - it runs in a terminal, beside this
            command(url, *arguments),
            stdin=theirs if stdin is None else stdin,
            stdout=theirs,
            stderr=theirs,
            env=env,
            start_new_session=True,
        )
        try:
            yield Terminal(ours, theirs, process, before, system)
        finally:
            process.kill()
            process.wait()
            os.close(ours)
            os.close(theirs)


async def ended(process: subprocess.Popen[bytes]) -> int:
    with trio.fail_after(60):
        return await trio.to_thread.run_sync(process.wait)


def names(picture: str) -> list[str]:
    """The actors from top to bottom."""
    return re.findall(r"(?:^|\n|m)(anna|bert) ", picture)


def really(session: Any) -> None:
    """Run in real time, in which the command in the terminal runs. What is waited for is what it paints."""
    trio.run(session, clock=MockClock(rate=1.0))


def test_keys_sort_search_pause_and_quit_and_the_terminal_is_as_before() -> None:
    async def session() -> None:
        async with in_a_terminal("--sort", "name") as terminal:
            assert names(await terminal.until("sorted by NAME", "bert")) == ["anna", "bert"]
            assert terminal.settings != terminal.before
            terminal.type("r")
            assert names(await terminal.until("sorted by NAME, reversed", "anna ")) == ["bert", "anna"]
            terminal.type("/bert\n")
            assert names(await terminal.until("with 'bert'", "q: quit")) == ["bert"]
            terminal.type("\x1b")
            await terminal.until("anna ", "bert ")
            terminal.type("p")
            await terminal.until("PAUSED")
            terminal.type("q")
            left = await terminal.until(LEFT)

            assert SHOW_CURSOR in left
            assert await ended(terminal.process) == 0
            assert terminal.settings == terminal.before

    really(session)


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGHUP, -signal.SIGHUP)],
)
def test_the_terminal_is_given_back_whatever_ends_the_command(number: int, code: int) -> None:
    async def session() -> None:
        async with in_a_terminal() as terminal:
            await terminal.until("WAITING")
            terminal.process.send_signal(number)

            assert SHOW_CURSOR in await terminal.until(LEFT)
            assert await ended(terminal.process) == code
            assert terminal.settings == terminal.before

    really(session)


def test_a_console_that_goes_away_gives_the_terminal_back_before_it_is_told() -> None:
    async def session() -> None:
        async with in_a_terminal() as terminal:
            await terminal.until("WAITING")
            await terminal.system.supervisor("shop").terminate_child("console")
            left = await terminal.until(LEFT, "has closed the connection")

            assert left.index(LEFT) < left.index("has closed the connection")
            assert await ended(terminal.process) == ExitCode.UNREACHABLE
            assert terminal.settings == terminal.before

    really(session)


def test_a_terminal_that_is_suspended_is_given_back_and_taken_again() -> None:
    async def session() -> None:
        async with in_a_terminal() as terminal:
            await terminal.until("WAITING")
            terminal.process.send_signal(signal.SIGTSTP)
            await terminal.until(LEFT)
            stopped = os.WSTOPPED | os.WNOWAIT
            await trio.to_thread.run_sync(os.waitid, os.P_PID, terminal.process.pid, stopped)  # to go on before would be in vain
            assert terminal.settings == terminal.before
            terminal.process.send_signal(signal.SIGCONT)
            await terminal.until("WAITING")
            terminal.type("q")
            await terminal.until(LEFT)

            assert await ended(terminal.process) == 0
            assert terminal.settings == terminal.before

    really(session)


def test_rows_have_colours_and_no_color_turns_them_off() -> None:
    async def session() -> None:
        async with in_a_terminal() as terminal:
            assert "\x1b[7m" in await terminal.until("WAITING")
        async with in_a_terminal(NO_COLOR="1") as terminal:
            assert re.findall(r"\x1b\[[0-9;]*m", await terminal.until("WAITING")) == []

    really(session)


def test_without_keys_it_shows_frames_on_a_terminal_all_the_same() -> None:
    async def session() -> None:
        async with in_a_terminal("--frames", "2", stdin=subprocess.DEVNULL) as terminal:
            await terminal.until("WAITING")
            await terminal.until(LEFT)

            assert await ended(terminal.process) == 0
            assert terminal.settings == terminal.before

    really(session)


def test_a_program_that_stands_still_is_told_in_the_first_line_with_the_seconds() -> None:
    async def session() -> None:
        async with in_a_terminal() as terminal:
            await terminal.until("WAITING")
            await trio.lowlevel.checkpoint()
            told = ""
            while "No data for 3 s: the program is frozen or the line is dead" not in told:
                terminal.hold()  # no other task runs meanwhile: this program stands still
                told += terminal.read()
            await terminal.until("sorted by WAITING")

    really(session)
