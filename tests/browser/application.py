"""The system that the browser shows: a few actors with known names, which act only on request.

    python tests/browser/application.py PORT [STORE]

It prints one JSON object per line: first the address of its console, then an answer to each line on stdin, `{"do": ..., ...}`. It exits at
the end of the input.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import trio
from attrs import Factory, define

import trioactors as ta
from trioactors.console import serve_console
from trioactors.persistence import Batch, Key, Space, Write
from trioactors.serializer import secret, stored
from trioactors.system.system import runtime_of

VIEWER, ADMIN = "viewer-token-0123456789", "admin-token-0123456789"
MARKUP = "<img src=x onerror=alert(1)>"
SECRET = "hunter2"
HUGE = 10_000_000
FALLS_OFTEN = ta.Intensity(limit=100, period=60.0)


class Planned(Exception):
    """A crash that a test asked for."""


@stored(name="browser notes")
@define
class Notes:
    texts: list[str] = Factory(list[str])
    password: str = secret(default=SECRET)


class Clerk(ta.Actor[Notes], persist=ta.EVERY_MESSAGE, inspect=True, mailbox=20):
    @ta.handler
    def note(self, text: str) -> int:
        self.state.texts.append(text)
        return len(self.state.texts)

    @ta.handler
    def fail(self, why: str) -> None:
        raise Planned(why)

    @ta.handler
    def read(self, text: str) -> None:
        """Fail in a library, and say so in own words."""
        try:
            json.loads(text)
        except ValueError as error:
            raise Planned("the note cannot be read") from error

    @ta.handler
    async def wait(self) -> None:
        await trio.sleep_forever()

    @ta.handler
    async def ask(self, other: str, text: str) -> int:
        """Let another clerk note it, so that one message causes another."""
        return await self.context.system.get(Clerk, other).note(text)


@define
class Mountain:
    rock: str = "x" * HUGE


class Huge(ta.Actor[Mountain], inspect=True):
    @ta.handler
    def look(self) -> int:
        return len(self.state.rock)


@define
class Opened:
    letters: list[str] = Factory(list[str])


class Letterbox(ta.Actor[Opened], inspect=True, mailbox=1, overflow=ta.Overflow.FAIL):
    """Has room for one message; the others become dead letters."""

    @ta.handler
    def open(self, letter: str) -> None:
        self.state.letters.append(letter)


@stored(name="browser post")
@define
class Sent:
    total: int = 0


@define
class Parcel:
    to: str
    weight: int = 1
    code: str = secret(default="0000")


class Post(ta.Actor[Sent], persist=ta.EVERY_MESSAGE):
    @ta.handler(raises=(LookupError,), secret=("pin",))
    def stamp(self, parcel: Parcel, *, urgent: bool = False, tags: list[str] | None = None, pin: str = "none") -> dict[str, Any]:
        """Stamp a parcel."""
        if parcel.to == "nowhere":
            raise LookupError("there is no such place")
        return {"to": parcel.to, "weight": parcel.weight, "urgent": urgent, "tags": tags, "pin": len(pin), "code": len(parcel.code)}

    @ta.handler
    def watch(self, event: trio.Event) -> None:
        """Takes what no form can make."""

    @ta.handler
    async def send(self, letters: int) -> None:
        """Cast several messages; all of them leave at once, after the commit."""
        for number in range(letters):
            await self.context.system.get(Letterbox, "letterbox").open.cast(f"letter {number}")
            self.state.total += 1


@define
class Line:
    """A child that is not an actor; a test can make it fail."""

    cut: trio.Event = Factory(trio.Event)
    up: trio.Event = Factory(trio.Event)

    async def listen(self) -> None:
        self.cut = trio.Event()
        self.up.set()
        await self.cut.wait()
        raise OSError("the line is dead")

    async def fail(self) -> None:
        """Fail, and wait until it is up again."""
        self.up = trio.Event()
        self.cut.set()
        await self.up.wait()


LINE = Line()


def tree(port: int, announce: Callable[[str], None]) -> ta.Supervisor:
    console = partial(serve_console, port=port, token=VIEWER, admin_token=ADMIN, link_role="admin", announce=announce)
    return ta.Supervisor(
        ta.child(Clerk, name="anna"),
        ta.child(Clerk, name="bert"),
        ta.child(Clerk, name=MARKUP),
        ta.Supervisor(
            *(ta.child(Clerk, name=f"till-{number}") for number in (1, 2, 3)),
            name="tills",
            strategy=ta.Strategy.ONE_FOR_ALL,
            intensity=FALLS_OFTEN,
        ),
        ta.child(Huge, name="mountain"),
        ta.child(Letterbox, name="letterbox"),
        ta.child(Post, name="post"),
        ta.child(LINE.listen, name="line"),
        ta.child(console, name="console"),
        name="shop",
        intensity=FALLS_OFTEN,
    )


async def note(system: ta.System, name: str, text: str) -> int:
    return await system.get(Clerk, name).note(text)


async def ask(system: ta.System, name: str, other: str, text: str) -> int:
    return await system.get(Clerk, name).ask(other, text)


async def fail(system: ta.System, name: str, why: str) -> str:
    try:
        await system.get(Clerk, name).fail(why)
    except ta.ActorCrashed as crashed:
        return str(crashed)
    return "it lives"


async def misread(system: ta.System, name: str) -> str:
    try:
        await system.get(Clerk, name).read("{")
    except ta.ActorCrashed as crashed:
        return str(crashed)
    return "it lives"


async def notes(system: ta.System, name: str, count: int) -> int:
    for number in range(count):
        await system.get(Clerk, name).note(f"note {number}")
    return count


async def pile(system: ta.System, name: str, messages: int) -> int:
    """Send several messages: the first is handled for ever, the others wait."""
    clerk = system.get(Clerk, name)
    for _ in range(messages):
        clerk.wait.cast_nowait()
    await trio.lowlevel.checkpoint()
    return messages


async def letters(system: ta.System, count: int) -> int:
    await system.get(Post, "post").send(count)
    return count


async def hire(system: ta.System, name: str) -> str:
    """Start another clerk, which is not part of the tree."""
    await system.start(Clerk, name=name)
    return name


async def dismiss(system: ta.System, name: str) -> str:
    await ta.stop(system.get(Clerk, name))
    return name


async def damage(system: ta.System, name: str) -> str:
    """Damage the stored record of a clerk, and let it be read."""
    committer = runtime_of(system).committer
    assert committer is not None
    await committer.commit(Batch((Write(Key(Space.STATE, name), b"not a record", expected=None),)))
    with suppress(ta.StartFailed):
        await ta.restart(system.get(Clerk, name))
    return name


async def hang_up(_: ta.System) -> None:
    await LINE.fail()


DEEDS: dict[str, Callable[..., Awaitable[object]]] = {
    "note": note,
    "ask": ask,
    "fail": fail,
    "misread": misread,
    "notes": notes,
    "pile": pile,
    "letters": letters,
    "damage": damage,
    "hang_up": hang_up,
    "hire": hire,
    "dismiss": dismiss,
}


def say(**what: object) -> None:
    print(json.dumps(what), flush=True)


async def listen(system: ta.System) -> None:
    told = b""
    while some := await trio.to_thread.run_sync(os.read, 0, 100_000, abandon_on_cancel=True):
        *lines, told = (told + some).split(b"\n")
        for line in lines:
            wish: dict[str, Any] = json.loads(line)
            say(done=await DEEDS[wish.pop("do")](system, **wish))


async def main(port: int, store: str = "memory:") -> None:
    piled = ta.alert("mailbox of bert", above=3, clear=2, clear_for=0.0)
    async with ta.open_system(store, tree(port, lambda line: say(announced=line)), alerts=[piled]) as system:
        say(up=True)
        await listen(system)


if __name__ == "__main__":
    trio.run(main, int(sys.argv[1]), *sys.argv[2:])
