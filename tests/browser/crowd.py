"""The large system that the browser shows: ten thousand siblings, thirty levels, long lists, and names that would turn a page around.

    python tests/browser/crowd.py PORT

It speaks as `application.py` does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import trio
from application import ADMIN, DEEDS, FALLS_OFTEN, VIEWER, listen, say
from attrs import Factory, define

import trioactors as ta
from trioactors.console import serve_console
from trioactors.serializer import stored

SIBLINGS = 10_000
LEVELS = 30
FAILING = 230
LETTERS = 120
TURNED = "\u05d0x\u202eelppa\u200b\x1b[31m\u05d1"
"""Begins and ends with letters that run from right to left; with an override, a character without width, and a terminal escape."""
SEEN = "\u05d0x\\u202eelppa\\u200b\\x1b[31m\u05d1"
"""How the page shows it."""
IDLE = "\u05d0 idle \u05d1"
"""An alert that is always raised."""


OFTEN = ta.Intensity(limit=1_000, period=3_600.0)


class Turned(Exception):
    """An error with a hostile text."""


@define
class Shelves:
    letters: list[str] = Factory(lambda: [f"letter {number}" for number in range(SIBLINGS)])
    by_name: dict[str, int] = Factory(lambda: {f"key {number}": number for number in range(500)})
    text: str = "x" * 30_000 + "the end"
    turned: dict[str, str] = Factory(lambda: {TURNED: TURNED})


class Keeper(ta.Actor[Shelves], inspect=True, mailbox=10_000):
    @ta.handler
    async def wait(self) -> None:
        await trio.sleep_forever()

    @ta.handler
    def tick(self) -> None:
        """Nothing."""

    @ta.handler
    def arm(self, count: int) -> None:
        for number in range(count):
            self.context.after(10_000.0 + number, self.tick, key=f"{TURNED} {number}" if number == 0 else number)

    @ta.handler
    def fail(self, why: str) -> None:
        raise Turned(why)


@stored(name="crowd box")
@define
class Box:
    notes: list[str] = Factory(list[str])


class Saved(ta.Actor[Box], persist=ta.EVERY_MESSAGE, inspect=True):
    @ta.handler
    def note(self, text: str) -> None:
        self.state.notes.append(text)
        del self.state.notes[:-5]

    @ta.handler
    async def ask(self, other: str, text: str) -> None:
        await self.context.system.get(Saved, other).note(text)

    @ta.handler
    async def send(self, letters: int) -> None:
        """Cast several messages to one that has room for a single one."""
        for _ in range(letters):
            await self.context.system.get(Letterbox, "letterbox").open.cast(TURNED)
        self.state.notes.append("sent")


@define
class Opened:
    letters: int = 0


class Letterbox(ta.Actor[Opened], mailbox=1, overflow=ta.Overflow.FAIL):
    @ta.handler
    def open(self, letter: str) -> None:
        self.state.letters += len(letter) * 0


class Failing(ta.Actor[None]):
    @ta.handler
    def fail(self) -> None:
        raise Turned(TURNED)


async def idle() -> None:
    await trio.sleep_forever()


def deep() -> ta.Supervisor:
    lowest = "a rather long name at the bottom of it all"
    below = ta.Supervisor(ta.child(idle, name="bottom"), ta.child(idle, name=lowest), name=f"level-{LEVELS}")
    for level in range(LEVELS - 1, 0, -1):
        below = ta.Supervisor(ta.child(idle, name=f"aside-{level}"), below, name=f"level-{level}")
    return below


def tree(port: int, announce: Callable[[str], None]) -> ta.Supervisor:
    console = partial(serve_console, port=port, token=VIEWER, admin_token=ADMIN, link_role="admin", announce=announce)
    return ta.Supervisor(
        ta.Supervisor(*(ta.child(idle, name=f"cell-{number}") for number in range(SIBLINGS)), name="cells"),
        deep(),
        ta.Supervisor(
            *(ta.child(Failing, name=f"failing-{number}") for number in range(FAILING)),
            name="failures",
            intensity=ta.Intensity(1_000, 3_600.0),
        ),
        ta.Supervisor(ta.child(Keeper, name=TURNED), name=f"{TURNED} above", intensity=FALLS_OFTEN),
        ta.child(Keeper, name="keeper"),
        ta.child(Saved, name="saved"),
        ta.child(Saved, name=f"{TURNED} saved"),
        ta.child(Letterbox, name="letterbox"),
        ta.child(console, name="console"),
        name="crowd",
        intensity=FALLS_OFTEN,
    )


async def fill(system: ta.System) -> None:
    """Long lists everywhere."""
    keeper = system.get(Keeper, "keeper")
    await keeper.arm(130)
    for _ in range(301):
        keeper.wait.cast_nowait()
    await system.get(Keeper, TURNED).arm(1)
    await system.get(Saved, "saved").send(LETTERS + 1)
    await trio.lowlevel.checkpoint()


async def fall(system: ta.System) -> None:
    """Many children fail."""
    for number in range(FAILING):
        with suppress(ta.ActorCrashed):
            await system.get(Failing, f"failing-{number}").fail()


async def crash(system: ta.System) -> None:
    """The one with the hostile name fails."""
    with suppress(ta.ActorCrashed):
        await system.get(Keeper, TURNED).fail(TURNED)


async def save(system: ta.System, times: int) -> None:
    for number in range(times):
        await system.get(Saved, "saved").note(f"note {number}")


async def chain(system: ta.System) -> None:
    """One message that causes another, between hostile names."""
    turned = system.get(Saved, f"{TURNED} saved")
    await turned.ask("saved", TURNED)
    await turned.note(TURNED)


async def main(port: int) -> None:
    DEEDS.update(fill=fill, fall=fall, crash=crash, save=save, chain=chain)
    idle_ones = ta.alert(f"mailbox of {TURNED[:2]}*", below=1, name=IDLE)
    async with ta.open_system("memory:", tree(port, lambda line: say(announced=line)), alerts=[idle_ones]) as system:
        say(up=True)
        await listen(system)


if __name__ == "__main__":
    trio.run(main, int(sys.argv[1]))
