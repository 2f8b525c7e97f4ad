"""`tree`, `ps`, `top`, `inspect` and `trace`: show a running system in a terminal, through its console."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, Protocol, TypeAlias

import trio

from trioactors.cli.consoles import Address, Connect, Live, connect_tcp, live
from trioactors.cli.refusals import ExitCode, Refused, typed_name
from trioactors.cli.tables import actor_lines, actors_lines, child_lines, figures_lines, trace_line, tree_lines
from trioactors.cli.words import flush, repaint, say, shown, warn
from trioactors.inspect import SortBy
from trioactors.supervision.restarts import ChildStatus

__all__ = ["Frame", "add_commands", "for_console", "inspect_console", "shown_live", "traced_live"]

_TOKEN: Final = "TRIOACTORS_CONSOLE_TOKEN"  # noqa: S105 - the name of a variable
_URL: Final = "URL of the console: http://127.0.0.1:8080, or the link that it announced"
_DOWN: Final = {"down": ChildStatus.UNDEFINED.value}
"""Status names that differ between the page and the protocol."""
_TOP_LINES: Final = 5
"""Lines of `top` besides the actors."""

Frame: TypeAlias = tuple[Any, Callable[[], list[str]]]
"""The value received, and a function that formats it."""
_Look: TypeAlias = Callable[[Live], Awaitable[Frame]]


class _Command(Protocol):
    def __call__(
        self, name: str, run: Callable[[argparse.Namespace], ExitCode], about: str, url: str, /
    ) -> argparse.ArgumentParser: ...


def add_commands(command: _Command) -> None:
    """Add the commands that connect to a console."""
    statuses, sorts = [status.value for status in ChildStatus], [each.value for each in SortBy]
    tree = command("tree", _tree, "show the supervision tree, or the part below NAME", _URL)
    tree.add_argument("name", metavar="NAME", nargs="?")
    tree.add_argument("--children", type=int, default=50, metavar="N", help="children per supervisor; default: 50")
    for_console(tree, json=True)
    for name, run, about in (("ps", _ps, "list the actors"), ("top", _top, "list the busiest actors, updated in place")):
        listing = command(name, run, about, _URL)
        listing.add_argument("--sort", choices=sorts, default="name" if name == "ps" else "waiting")
        listing.add_argument("--reverse", action="store_true")
        listing.add_argument("--search", metavar="TEXT", help="only actors with TEXT in their name or class")
        listing.add_argument(
            "--status", choices=[*statuses, *_DOWN], help="only actors with this status; down is the same as undefined"
        )
        listing.add_argument("--limit", type=int, metavar="N", help="number of actors; default: 100, or what fits the screen")
        for_console(listing, json=True)
    trace = command("trace", _trace, "show trace records as they are emitted", _URL)
    trace.add_argument("--child", metavar="NAME", help="only records of this child")
    trace.add_argument("--kind", metavar="KIND", help="only records of this kind, such as MessageHandled")
    trace.add_argument("--handler", metavar="HANDLER", help="only records of this handler")
    trace.add_argument("--correlation", type=int, metavar="N", help="only records of the chain that message N started")
    trace.add_argument("--count", type=int, metavar="N", help="stop after N records; default: run until Ctrl-C")
    for_console(trace, json=True, watch=False)


def for_console(parser: argparse.ArgumentParser, *, json: bool, watch: bool = True) -> None:
    """Add the options common to all commands that connect to a console."""
    if json:
        parser.add_argument("--json", action="store_true", help="print one JSON object per line, for programs")
    if watch:
        parser.add_argument("--watch", action="store_true", help="for a console: repeat until Ctrl-C")
        parser.add_argument("--every", type=float, default=2.0, metavar="SECONDS", help="interval of --watch; default: 2")
        parser.add_argument("--frames", type=int, metavar="N", help="stop after N updates")
    parser.add_argument(
        "--token",
        help=f"token for the console (--token=TOKEN if it begins with a dash); default: the environment variable {_TOKEN}",
    )


# --- the commands ---


def inspect_console(options: argparse.Namespace) -> ExitCode:
    """Show one child in full, or the figures of the whole system."""
    if options.space is not None:
        raise Refused("--space applies to stores, not to a console", ExitCode.USAGE)
    return _run(options, _figures if options.name is None else partial(_actor, name=typed_name(options.name)))


def _tree(options: argparse.Namespace) -> ExitCode:
    name = None if options.name is None else typed_name(options.name)

    async def look(console: Live) -> Frame:
        branch = await console.look("tree", name=name, children=options.children)
        return branch, partial(tree_lines, branch)

    return _run(options, look)


def _ps(options: argparse.Namespace) -> ExitCode:
    return _run(options, partial(_actors, options=options, whole=False))


def _top(options: argparse.Namespace) -> ExitCode:
    options.watch = True
    return _run(options, partial(_actors, options=options, whole=True))


def _trace(options: argparse.Namespace) -> ExitCode:
    options.child = None if options.child is None else typed_name(options.child)
    address = Address.of(options.url, _token(options))
    return trio.run(traced_live, address, connect_tcp, options)


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


async def _actors(console: Live, *, options: argparse.Namespace, whole: bool) -> Frame:
    """A page of actors, below the figures if *whole*."""
    figures = await console.look("figures")
    in_place = whole and sys.stdout.isatty()
    size = shutil.get_terminal_size()
    fits = size.lines - _TOP_LINES if in_place else 100
    width = size.columns if in_place else None
    page = await console.look(
        "actors",
        sort=options.sort,
        reverse=options.reverse,
        search=options.search,
        status=_DOWN.get(options.status, options.status),
        limit=max(1, fits) if options.limit is None else options.limit,
    )
    value = {"figures": figures, "actors": page} if whole else page
    return value, lambda: [*([*figures_lines(figures), ""] if whole else []), *actors_lines(page, figures["time"], width)]


# --- output ---


def _token(options: argparse.Namespace) -> str | None:
    """The token from the command line, or else from the environment."""
    given: str | None = options.token
    return given if given is not None else os.environ.get(_TOKEN)


def _run(options: argparse.Namespace, look: _Look) -> ExitCode:
    if not options.every > 0:
        raise Refused("--every must be a positive number of seconds", ExitCode.USAGE)
    address = Address.of(options.url, _token(options))
    return trio.run(shown_live, address, connect_tcp, options, look)


async def shown_live(address: Address, connect: Connect, options: argparse.Namespace, look: _Look) -> ExitCode:
    """Show the result of *look* once, or repeatedly with `--watch`."""
    left = (options.frames or -1) if options.watch else 1
    in_place = options.watch and not options.json and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    async with live(address, connect) as console:
        while True:
            value, lines = await look(console)
            _show(json.dumps(value) if options.json else None, lines, in_place=in_place)
            left -= 1
            if left == 0:
                return ExitCode.OK
            if not options.json and not in_place:
                say()
            flush()
            await trio.sleep(options.every)


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
        if options.child is not None:
            await _warn_if_unknown(console, options.child)
        await console.send(type="watch", id="trace", topic="trace", options={**given, "limit": 1_000}, every=0.25)
        while (message := await console.receive())["type"] == "records":
            if message["lost"]:
                warn(f"{message['lost']:,} records were lost: they arrived faster than they could be read")
            for row in message["rows"]:
                say(json.dumps(row) if options.json else trace_line(row))
            flush()
        if message["type"] != "end":
            raise Refused(shown(str(message["error"]["text"])))
    return ExitCode.OK


async def _warn_if_unknown(console: Live, child: str) -> None:
    """Warn if there is no *child*: it may be started later, or its name may be mistyped."""
    await trio.lowlevel.checkpoint()
    try:
        await console.look("tree", name=child, children=0)
    except Refused as refused:
        if refused.code is not ExitCode.REFUSED:
            raise
        warn(f"there is no child {shown(child)} yet; waiting for it")
