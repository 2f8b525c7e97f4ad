"""`handlers`, `alerts` and `silence`: how long handlers take, which alerts are raised, and quiet for one of them."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import trio

from trioactors.cli.consoles import Address, Connect, Live, connect_tcp, live
from trioactors.cli.live_commands import Frame, run_look
from trioactors.cli.refusals import ExitCode, Refused, typed_name
from trioactors.cli.tables import alerts_lines, handlers_lines
from trioactors.cli.tokens import token_of
from trioactors.cli.words import say, shown

__all__ = ["handlers_frame", "show_alerts", "show_handlers", "silence", "silenced_live"]


def show_handlers(options: argparse.Namespace) -> ExitCode:
    """List the handlers."""
    if not 0 <= options.seconds < math.inf:
        raise Refused("--seconds must be a number of seconds", ExitCode.USAGE)
    return run_look(options, handlers_frame(options))


def handlers_frame(options: argparse.Namespace) -> Callable[[Live], Any]:
    """A look at the handlers. The first one begins to measure, and waits if nobody has measured before."""
    wanted: dict[str, Any] = {name: getattr(options, name) for name in ("sort", "reverse", "search", "span", "limit")}
    wanted["actor"] = None if options.actor is None else typed_name(options.actor)
    wanted = {name: value for name, value in wanted.items() if value is not None}
    watched: list[Live] = []

    async def look(console: Live) -> Frame:
        if not watched:
            watched.append(console)
            before = None if options.actor is not None else (await console.look("handlers", limit=0))["since"]
            await console.send(type="watch", id="handlers", topic="handlers", options=wanted, every=86_400.0)
            answer = await console.receive()
            if answer["type"] in {"error", "failed"}:
                raise Refused(str(answer["error"]["text"]))
            if before is None:
                await console.pause(options.seconds)
        page = await console.look("handlers", **wanted)
        now = (await console.look("figures"))["time"]
        return page, partial(handlers_lines, page, now)

    return look


def show_alerts(options: argparse.Namespace) -> ExitCode:
    """List the alerts."""
    return run_look(options, _looked_at_alerts)


async def _looked_at_alerts(console: Live) -> Frame:
    page = await console.look("alerts")
    now = (await console.look("figures"))["time"]
    return page, partial(alerts_lines, page, now)


def silence(options: argparse.Namespace) -> ExitCode:
    """Silence an alert."""
    return trio.run(silenced_live, Address.of(options.url, token_of(options)), connect_tcp, options)


async def silenced_live(address: Address, connect: Connect, options: argparse.Namespace) -> ExitCode:
    """Silence an alert. Raises `Refused`."""
    name = typed_name(options.name)
    async with live(address, connect) as console:
        await console.send(type="act", id="silence", what="silence", options={"name": name, "seconds": options.duration})
        answer = await console.receive()
    if not answer.get("ok"):
        raise Refused(str(answer["error"]["text"]))
    say(f"{shown(name)}: {'is told again' if answer['value']['until'] is None else f'silenced for {options.duration:g} s'}")
    return ExitCode.OK
