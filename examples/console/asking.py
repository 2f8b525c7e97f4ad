"""The terminal of the demo: each line typed is a word, and each word casts a message to one of the troublesome actors."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Final

import trio

import trioactors as ta
from trouble import CrashesInARow, CrashesOnRequest, GrowsItsMailbox, HoldsTheLoop, MakesDeadLetters

__all__ = ["WORDS", "ask", "listen"]

STDIN: Final = 0


def _flood(system: ta.System) -> None:
    slow = system.get(GrowsItsMailbox, "slow-so-its-mailbox-grows")
    for number in range(60):
        slow.work.cast_nowait(number)


WORDS: Final[Mapping[str, Callable[[ta.System], None]]] = {
    "crash": lambda system: system.get(CrashesOnRequest, "crashes-on-request").crash.cast_nowait(),
    "row": lambda system: system.get(CrashesInARow, "crashes-in-a-row").light.cast_nowait(4),
    "flood": _flood,
    "hold": lambda system: system.get(HoldsTheLoop, "holds-the-loop").hold.cast_nowait(0.4),
    "letters": lambda system: system.get(MakesDeadLetters, "makes-dead-letters").send.cast_nowait(),
}


async def listen() -> None:
    """Carry out what is typed, until the end of the input."""
    system = ta.current_system()
    typed = b""
    while some := await trio.to_thread.run_sync(os.read, STDIN, 1_000, abandon_on_cancel=True):
        *lines, typed = (typed + some).split(b"\n")
        for line in lines:
            print(ask(system, line.decode("utf-8", "replace").strip()), flush=True)


def ask(system: ta.System, word: str) -> str:
    """Send the message that *word* stands for; return a line that says so."""
    if word not in WORDS:
        return f"type {', '.join(WORDS)}"
    try:
        WORDS[word](system)
    except ta.TrioactorsError as error:
        return f"{word}: {error}"
    return f"{word}: sent; see the console"
