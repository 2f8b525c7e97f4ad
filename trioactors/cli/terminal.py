"""The terminal: whether there is one, its keys, and a screen that is given back as it was.

A program that reads single keys changes the terminal for all programs after it. Everything here is a context manager that undoes itself,
also after an error, and `Screen` does so as well while the program is suspended with Ctrl-Z and when it is told to exit by a signal.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import termios
import tty
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Final

import attrs
import trio

from trioactors.cli.words import OutputLost, flush, repaint, say_raw, warn

__all__ = ["SILENT", "Screen", "SilenceNote", "is_screen", "keys", "uses_colour"]

SILENT: Final = "No data for {:.0f} s: the program is frozen or the line is dead"
_ENTER: Final = "\x1b[?1049h\x1b[?25l"
"""Switch to the alternate screen, and hide the cursor."""
_LEAVE: Final = "\x1b[0m\x1b[?25h\x1b[?1049l"
_ENDING: Final = (signal.SIGTERM, signal.SIGHUP)
_ESCAPE_SEQUENCES: Final = {"\x1b[D": "left", "\x1b[C": "right", "\x1bOD": "left", "\x1bOC": "right"}


def is_screen() -> bool:
    """Whether the output is a terminal that can be painted."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def uses_colour() -> bool:
    """Whether the user wants colours: https://no-color.org."""
    return not os.environ.get("NO_COLOR")


@attrs.define
class SilenceNote:
    """Says on stderr when silence begins and when it is over."""

    longest: float = 0.0

    def __call__(self, seconds: float) -> None:
        """Take note that nothing has come for *seconds*."""
        if seconds and not self.longest:
            warn(f"{SILENT.format(seconds)}; waiting")
        elif not seconds:
            warn(f"data again, after {self.longest:.0f} s")
        self.longest = seconds


def keys(read: bytes) -> list[str]:
    """The keys in what was *read*: characters, `left`, `right`, or `escape`. Other keys with a sequence of their own are left out."""
    text, found = read.decode("utf-8", "ignore"), list[str]()
    while text:
        if not text.startswith(("\x1b[", "\x1bO")):
            found.append("escape" if text[0] == "\x1b" else text[0])
            text = text[1:]
            continue
        end = next((at for at, each in enumerate(text[2:], 3) if "@" <= each <= "~"), len(text))
        if (name := _ESCAPE_SEQUENCES.get(text[:end])) is not None:
            found.append(name)
        text = text[end:]
    return found


class Screen:
    """The whole terminal, while the block is open. *pressed* is called with each key, and *resized* after a change of size.

    If the input is no terminal, there are no keys.
    """

    def __init__(self, pressed: Callable[[str], None], resized: Callable[[], None]) -> None:
        self._pressed = pressed
        self._resized = resized
        self._shown = ExitStack()
        self.ended_by: int | None = None
        """The signal that has ended the program."""

    def paint(self, lines: Sequence[tuple[str, str]]) -> None:
        """Paint the lines, each with its style, as far as there is room. The last one stays at the bottom."""
        size = shutil.get_terminal_size()
        *above, last = lines
        room = [*above[: size.lines - 1], *[("", "")] * (size.lines - 1 - len(above)), last]
        repaint([text[: size.columns - 1] for _, text in room], [style for style, _ in room] if uses_colour() else (), end="")

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Read keys and signals until a signal ends the program. The terminal is given back at the end of this, whatever ends it."""
        with self._shown, trio.open_signal_receiver(*_ENDING, signal.SIGTSTP, signal.SIGWINCH) as signals:
            self._enter()
            async with trio.open_nursery() as nursery:
                if sys.stdin.isatty():
                    nursery.start_soon(self._read_keys)
                task_status.started()
                async for number in signals:
                    self._signalled(number, nursery.cancel_scope)

    def _signalled(self, number: int, scope: trio.CancelScope) -> None:
        if number in _ENDING:
            self.ended_by = number
            scope.cancel(reason="a signal")
            return
        if number == signal.SIGTSTP:
            self._suspend()
        self._resized()

    def end(self) -> None:
        """After the screen is given back: end as the signal would have ended the program."""
        if self.ended_by is not None:
            signal.raise_signal(self.ended_by)

    async def _read_keys(self) -> None:
        while True:
            await trio.lowlevel.wait_readable(sys.stdin)
            read = os.read(sys.stdin.fileno(), 1_000)
            if not read:  # the terminal is gone
                return
            for key in keys(read):
                self._pressed(key)

    def _enter(self) -> None:
        self._shown.enter_context(_alternate_screen())
        if sys.stdin.isatty():
            self._shown.enter_context(_single_keys(sys.stdin.fileno()))

    def _suspend(self) -> None:
        """Give the terminal back, stop until the shell continues this program, and take it again."""
        self._shown.close()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._enter()


@contextmanager
def _single_keys(terminal: int) -> Generator[None, None, None]:
    """Read keys one by one and without echo."""
    before: list[Any] = termios.tcgetattr(terminal)
    tty.setcbreak(terminal, termios.TCSADRAIN)
    try:
        yield
    finally:
        with suppress(termios.error):  # the terminal is gone
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)


@contextmanager
def _alternate_screen() -> Generator[None, None, None]:
    """Leave what is on the terminal as it is."""
    say_raw(_ENTER)
    try:
        yield
    finally:
        with suppress(OutputLost):
            say_raw(_LEAVE)
            flush()
