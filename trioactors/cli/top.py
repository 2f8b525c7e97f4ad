"""`top`: the busiest actors, updated in place. In a terminal, keys sort, search and pause.

What the user has chosen is a value (`Choice`), and a key leads from one to the next. The console sorts and searches, except by rate: a rate
is the difference between two looks, so it is made here, from the actors that have handled most.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Mapping
from typing import Any, Final

import attrs
import trio

from trioactors.cli.consoles import Address, Connect, Live, connect_tcp, live
from trioactors.cli.live_commands import address_of
from trioactors.cli.parsers import DOWN, RATE
from trioactors.cli.refusals import ExitCode, Refused
from trioactors.cli.tables import actors_lines, figures_lines
from trioactors.cli.terminal import SILENT, Screen, SilenceNote, is_screen
from trioactors.cli.words import OutputLost, flush, say

__all__ = ["Choice", "Rates", "pressed", "show", "top_live"]

_COLUMNS: Final = ("name", "actor", "waiting", "rate", "handled", "restarts", "busy", "age")
"""What can be sorted by, in the order in which the arrow keys go through it."""
_LETTERS: Final = {"n": "name", "c": "actor", "w": "waiting", "m": "rate", "h": "handled", "i": "restarts", "b": "busy", "a": "age"}
_HEADS: Final = {
    "name": "NAME", "actor": "CLASS", "waiting": "WAITING", "rate": "RATE", "handled": "HANDLED", "restarts": "INCARNATION",
    "busy": "FOR", "age": "AGE",
}  # fmt: skip
_HELP: Final = "n c w m h i b a or arrows: sort   r: reverse   /: search   p: pause   q: quit"
_RATED: Final = 1_000
"""Actors that are looked at to sort them by rate: the largest page of a console."""
_FORGOTTEN: Final = 60.0
"""Seconds after which an actor that was not seen again has no rate."""
_LINES: Final = 7
"""Lines besides the actors."""
_BOLD, _DIM, _REVERSE, _RED, _YELLOW, _ALARM = "1", "2", "7", "31", "33", "41;97"


@attrs.frozen
class Choice:
    """What the user has chosen."""

    sort: str
    reverse: bool = False
    search: str = ""
    typed: str | None = None
    """The search text while it is being typed."""
    paused: bool = False
    done: bool = False


def pressed(choice: Choice, key: str) -> Choice:
    """The choice after a key."""
    changed = _typed(choice.typed, key) if choice.typed is not None else _chosen(choice, key)
    if changed.keys() & {"sort", "reverse", "search"}:
        changed["paused"] = False  # what is on the screen would not be what the first line says
    return attrs.evolve(choice, **changed)


def _chosen(choice: Choice, key: str) -> dict[str, Any]:
    """What a key changes."""
    if key in {"left", "right"}:
        step = 1 if key == "right" else -1
        return {"sort": _COLUMNS[(_COLUMNS.index(choice.sort) + step) % len(_COLUMNS)], "reverse": False}
    if key in _LETTERS:
        return {"sort": _LETTERS[key], "reverse": choice.sort == _LETTERS[key] and not choice.reverse}
    changes: dict[str, dict[str, Any]] = {
        "q": {"done": True},
        "r": {"reverse": not choice.reverse},
        "p": {"paused": not choice.paused},
        " ": {"paused": not choice.paused},
        "/": {"typed": choice.search},
        "escape": {"search": ""},
    }
    return changes.get(key, {})


def _typed(text: str, key: str) -> dict[str, Any]:
    """What a key changes while the search text is being typed. It takes effect with each letter."""
    if key in {"\n", "\r"}:
        return {"typed": None}
    if key == "escape":
        return {"typed": None, "search": ""}
    if key in {"\x7f", "\b"}:
        return {"typed": text[:-1], "search": text[:-1]}
    if len(key) == 1 and key.isprintable():
        return {"typed": text + key, "search": text + key}
    return {}


@attrs.define
class Rates:
    """Messages per second of each actor, between the last two looks at it."""

    _seen: dict[str, tuple[int, float]] = attrs.field(factory=dict[str, tuple[int, float]], init=False)

    def of(self, rows: list[dict[str, Any]], now: float) -> dict[str, float]:
        """The rates of *rows*, as far as they were seen before."""
        rates: dict[str, float] = {}
        self._seen = {name: seen for name, seen in self._seen.items() if now - seen[1] <= _FORGOTTEN}
        for row in rows:
            handled, time = self._seen.get(row["name"], (row["handled"], now))
            if now > time and row["handled"] >= handled:
                rates[row["name"]] = (row["handled"] - handled) / (now - time)
            self._seen[row["name"]] = (row["handled"], now)
        return rates


@attrs.frozen
class _Look:
    """What the console has answered, and the rates since the answer before."""

    choice: Choice
    """What was asked for."""
    figures: dict[str, Any]
    page: dict[str, Any]
    rates: Mapping[str, float]

    @property
    def value(self) -> dict[str, Any]:
        """The result for programs."""
        return {"figures": self.figures, "actors": self.page}

    def lines(self, width: int | None = None) -> list[str]:
        """The result for people."""
        table = actors_lines(self.page, self.figures["time"], width, self.rates)
        return [*figures_lines(self.figures), "", *table]


@attrs.define
class _Looks:
    """Asks the console again and again."""

    options: argparse.Namespace
    _rates: Rates = attrs.field(factory=Rates, init=False)

    async def next(self, console: Live, choice: Choice, fits: int) -> _Look:
        """The next look, with as many actors as fit."""
        figures = await console.look("figures")
        limit = max(1, fits if self.options.limit is None else self.options.limit)
        rated = choice.sort == RATE
        page = await console.look(
            "actors",
            sort="handled" if rated else choice.sort,
            reverse=choice.reverse and not rated,
            search=choice.search,
            status=DOWN.get(self.options.status, self.options.status),
            limit=_RATED if rated else limit,
        )
        rates = self._rates.of(page["rows"], figures["time"])
        if rated:
            rows = sorted(page["rows"], key=lambda row: rates.get(row["name"], -1.0), reverse=not choice.reverse)
            page["rows"] = rows[:limit]
        return _Look(choice, figures, page, rates)


def show(options: argparse.Namespace) -> ExitCode:
    """Show the busiest actors until the user quits."""
    return trio.run(top_live, address_of(options), connect_tcp, options)


async def top_live(address: Address, connect: Connect, options: argparse.Namespace) -> ExitCode:
    """Show the busiest actors: on a terminal in place, otherwise one result after the other."""
    choice = Choice(options.sort, options.reverse, options.search or "")
    if is_screen() and not options.json:
        return await _Top(options, choice).run(address, connect)
    looks, left = _Looks(options), options.frames or -1
    async with live(address, connect) as console:
        console.on_silence(SilenceNote())
        while True:
            look = await looks.next(console, choice, 100)
            for line in [json.dumps(look.value)] if options.json else look.lines():
                say(line)
            left -= 1
            if left == 0:
                return ExitCode.OK
            if not options.json:
                say()
            flush()
            await console.pause(options.every)


class _Top:
    """`top` on a terminal."""

    def __init__(self, options: argparse.Namespace, choice: Choice) -> None:
        self._options = options
        self._choice = choice
        self._silent = 0.0
        self._look: _Look | None = None
        self._pause = self._scope = trio.CancelScope()
        self._screen = Screen(self._pressed, self._paint)

    async def run(self, address: Address, connect: Connect) -> ExitCode:
        """Show frames until the user or a signal ends it, or the connection is lost."""
        failed: Exception | None = None
        async with live(address, connect) as console:
            try:
                async with trio.open_nursery() as nursery:
                    self._scope = nursery.cancel_scope
                    console.on_silence(self._hush)
                    await nursery.start(self._serve)
                    await self._frames(console)
                    self._scope.cancel(reason="the last frame")
            except* (Refused, OutputLost) as group:
                failed = group.exceptions[0]  # one of them ends the others
        self._screen.end()
        if failed is not None:
            raise failed
        return ExitCode.OK

    async def _serve(self, *, task_status: trio.TaskStatus[None]) -> None:  # noqa: ASYNC128 - the screen calls it
        await self._screen.serve(task_status=task_status)
        self._scope.cancel(reason="a signal")

    async def _frames(self, console: Live) -> None:
        looks, left = _Looks(self._options), self._options.frames or -1
        while True:
            await trio.lowlevel.checkpoint()
            choice = self._choice
            if not choice.paused:
                self._look = await looks.next(console, choice, shutil.get_terminal_size().lines - _LINES)
                left -= 1
            self._paint()
            if left == 0:
                return
            if choice == self._choice:  # no key was pressed meanwhile
                with trio.CancelScope() as self._pause:
                    await console.pause(self._options.every)

    def _pressed(self, key: str) -> None:
        self._choice = pressed(self._choice, key)
        if self._choice.done:
            self._scope.cancel(reason="the user quits")
        self._pause.cancel(reason="a key")
        self._paint()

    def _hush(self, seconds: float) -> None:
        self._silent = seconds
        self._paint()

    def _paint(self) -> None:
        if self._look is None:
            self._screen.paint([self._state(), self._bottom()])
            return
        size = shutil.get_terminal_size()
        lines = self._look.lines(size.columns - 1)
        styles = ["", "", "", _REVERSE, *(_style(row) for row in self._look.page["rows"])]
        styled = [(_DIM if self._silent else style, line) for style, line in zip(styles, lines, strict=False)]
        rest = [("", line) for line in lines[len(styled) :]]
        self._screen.paint([self._state(), *styled, *rest, self._bottom()])

    def _state(self) -> tuple[str, str]:
        """The first line: whether what is below is current, and how it is sorted."""
        if self._silent:
            return _ALARM, SILENT.format(self._silent)
        choice = self._choice if self._look is None else self._look.choice
        paused = "PAUSED   " if self._choice.paused else ""
        searched = f", with {choice.search!r}" if choice.search else ""
        return _BOLD, f"{paused}sorted by {_HEADS[choice.sort]}{', reversed' if choice.reverse else ''}{searched}"

    def _bottom(self) -> tuple[str, str]:
        typed = self._choice.typed
        return ("", f"search: {typed}_   Enter: keep   Esc: all") if typed is not None else (_DIM, _HELP)


def _style(row: Mapping[str, Any]) -> str:
    if row["status"] != "running":
        return _RED
    return _YELLOW if row["waiting"] else ""
