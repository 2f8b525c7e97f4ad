"""`tree`, `ps`, `inspect` and `trace`: show a running system in a terminal, through its console."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeAlias

import trio

from trioactors.cli.clocks import LocalClock
from trioactors.cli.consoles import Address, Connect, Live, connect_tcp, live
from trioactors.cli.failures import failures_lines
from trioactors.cli.parsers import DOWN
from trioactors.cli.refusals import ExitCode, Refused, typed_name
from trioactors.cli.spreadsheets import csv_lines
from trioactors.cli.tables import actor_lines, actors_lines, child_lines, figures_lines, traced_lines, tree_lines
from trioactors.cli.terminal import SilenceNote, is_screen
from trioactors.cli.tokens import token_of
from trioactors.cli.words import flush, repaint, say, shown, warn

__all__ = [
    "Frame",
    "address_of",
    "failures_of_console",
    "inspect_console",
    "run_look",
    "show_actors",
    "show_trace",
    "show_tree",
    "shown_live",
    "traced_live",
]

Frame: TypeAlias = tuple[Any, Callable[[], list[str]]]
"""The value received, and a function that formats it."""
_Look: TypeAlias = Callable[[Live], Awaitable[Frame]]


# --- the commands ---


def inspect_console(options: argparse.Namespace) -> ExitCode:
    """Show one child in full, or the figures of the whole system."""
    if options.space is not None:
        raise Refused("--space applies to stores, not to a console", ExitCode.USAGE)
    return run_look(options, _figures if options.name is None else partial(_actor, name=typed_name(options.name)))


def failures_of_console(options: argparse.Namespace) -> ExitCode:
    """Show what has failed in a running system, and in its earlier runs."""
    return run_look(options, partial(_failures, name=None if options.name is None else typed_name(options.name)))


def show_tree(options: argparse.Namespace) -> ExitCode:
    """Show the supervision tree."""
    name = None if options.name is None else typed_name(options.name)

    async def look(console: Live) -> Frame:
        branch = await console.look("tree", name=name, children=options.children)
        return branch, partial(tree_lines, branch)

    return run_look(options, look)


def show_actors(options: argparse.Namespace) -> ExitCode:
    """List the actors."""
    return run_look(options, partial(_actors, options=options))


def show_trace(options: argparse.Namespace) -> ExitCode:
    """Show trace records as they are emitted."""
    options.child = None if options.child is None else typed_name(options.child)
    return trio.run(traced_live, address_of(options), connect_tcp, options)


async def _figures(console: Live) -> Frame:
    figures = await console.look("figures")
    return figures, partial(figures_lines, figures)


async def _actor(console: Live, *, name: str) -> Frame:
    now = (await console.look("figures"))["time"]
    branch = await console.look("tree", name=name, children=0)
    if branch["kind"] == "actor":
        actor = await console.look("actor", name=name)
        return actor, partial(actor_lines, actor, now)
    failed = (await console.look("failures", name=name))["rows"]
    child = {**branch, "failure": failed[0] if failed else None}
    return child, partial(child_lines, child, now)


async def _failures(console: Live, *, name: str | None) -> Frame:
    """The failures by cause, if the system remembers them, and child by child; only of the child *name*, if given."""
    now = (await console.look("figures"))["wall_time"]
    page = await console.look("failures", name=name)
    groups = None
    if name is None:
        try:
            groups = await console.look("failure_groups")
        except Refused as refused:
            if refused.code is not ExitCode.REFUSED:
                raise
    value = {"groups": groups, "failures": page}
    return value, partial(failures_lines, value, now, in_full=name is not None)


async def _actors(console: Live, *, options: argparse.Namespace) -> Frame:
    now = (await console.look("figures"))["time"]
    page = await console.look(
        "actors",
        sort=options.sort,
        reverse=options.reverse,
        search=options.search,
        status=DOWN.get(options.status, options.status),
        limit=100 if options.limit is None else options.limit,
    )
    return page, partial(csv_lines, page["rows"]) if options.csv else partial(actors_lines, page, now)


# --- output ---


def run_look(options: argparse.Namespace, look: _Look) -> ExitCode:
    """Carry out a command that shows something: once, or with --watch again and again."""
    return trio.run(shown_live, address_of(options), connect_tcp, options, look)


def address_of(options: argparse.Namespace) -> Address:
    """The console that the user named, with the token. Raises `Refused`."""
    if not getattr(options, "every", 1.0) > 0:
        raise Refused("--every must be a positive number of seconds", ExitCode.USAGE)
    return Address.of(options.url, token_of(options))


async def shown_live(address: Address, connect: Connect, options: argparse.Namespace, look: _Look) -> ExitCode:
    """Show the result of *look* once, or repeatedly with `--watch`."""
    left = (options.frames or -1) if options.watch else 1
    in_place = options.watch and not options.json and is_screen()
    async with live(address, connect) as console:
        if options.watch:
            console.on_silence(SilenceNote())
        while True:
            value, lines = await look(console)
            _show(json.dumps(value) if options.json else None, lines, in_place=in_place)
            left -= 1
            if left == 0:
                return ExitCode.OK
            if not options.json and not in_place:
                say()
            flush()
            await console.pause(options.every)


def _show(text: str | None, lines: Callable[[], list[str]], *, in_place: bool) -> None:
    if text is not None:
        say(text)
    elif in_place:
        size = shutil.get_terminal_size()
        repaint([part[: size.columns] for line in lines() for part in line.split("\n")][: size.lines - 1])
    else:
        for line in lines():
            for part in line.split("\n"):
                say(part)


async def traced_live(address: Address, connect: Connect, options: argparse.Namespace) -> ExitCode:
    """Show trace records as they arrive."""
    wanted = {name: getattr(options, name) for name in ("child", "kind", "handler", "correlation", "count")}
    given = {name: value for name, value in wanted.items() if value is not None}
    async with live(address, connect) as console:
        figures = await console.look("figures")
        clock = LocalClock(figures["wall_time"] - figures["time"], figures["wall_time"])
        if options.child is not None:
            await _warn_if_unknown(console, options.child)
        console.on_silence(SilenceNote())
        await console.send(type="watch", id="trace", topic="trace", options={**given, "limit": 1_000}, every=0.25)
        while (message := await console.receive())["type"] == "records":
            if message["lost"]:
                warn(f"{message['lost']:,} records were lost: they arrived faster than they could be read")
            _say_all(message["rows"], None if options.json else clock)
        if message["type"] != "end":
            raise Refused(shown(str(message["error"]["text"])))
    return ExitCode.OK


def _say_all(rows: list[dict[str, Any]], clock: LocalClock | None) -> None:
    """Print trace records: with the time of the *clock*, or without one for programs."""
    for row in rows:
        for line in [json.dumps(row)] if clock is None else traced_lines(row, clock):
            say(line)
    flush()


async def _warn_if_unknown(console: Live, child: str) -> None:
    """Warn if there is no *child*: it may be started later, or its name may be mistyped."""
    await trio.lowlevel.checkpoint()
    try:
        await console.look("tree", name=child, children=0)
    except Refused as refused:
        if refused.code is not ExitCode.REFUSED:
            raise
        warn(f"there is no child {shown(child)} yet; waiting for it")
