"""`letters` and `audit`: the dead letters of a running system, and who did what through its console."""

from __future__ import annotations

import argparse
import datetime as dt
import json
from functools import partial
from typing import Any, Final

import trio

from trioactors.cli.acting import Confirm, act_on, arguments_of
from trioactors.cli.consoles import Live
from trioactors.cli.live_commands import Frame, run_look
from trioactors.cli.refusals import ExitCode, Refused, typed_name
from trioactors.cli.tables import table
from trioactors.cli.words import counted, pretty, say, shown, warn

__all__ = [
    "audit_lines",
    "discarded",
    "edited",
    "handle_letters",
    "letter_lines",
    "look_at_audit",
    "look_at_letters",
    "resent",
    "show_audit",
]

_FAILED: Final = 10
"""Errors of `resend` that are printed."""


def handle_letters(options: argparse.Namespace) -> ExitCode:
    """List the dead letters, or do something with them."""
    options.target = None if options.target is None else typed_name(options.target)
    if options.action == "list":
        if options.json or options.number is not None or options.arguments:
            raise Refused("list takes a filter only; write --json last, after ACTION and NUMBER", ExitCode.USAGE)
        options.json, options.watch, options.every, options.frames = options.json is not None, False, 1.0, None
        return run_look(options, partial(look_at_letters, options=options))
    if options.action == "edit":
        if options.number is None:
            raise Refused("edit needs the NUMBER of a dead letter; `letters` lists them", ExitCode.USAGE)
        options.json = options.json or None
        return act_on(options, edited)
    chosen = options.number is not None, options.cause is not None or options.target is not None, options.all
    if sum(chosen) != 1:
        raise Refused(f"{options.action} needs either a NUMBER, a filter (--cause, --target), or --all", ExitCode.USAGE)
    return act_on(options, resent if options.action == "resend" else discarded)


def show_audit(options: argparse.Namespace) -> ExitCode:
    """Show the audit log."""
    return run_look(options, partial(look_at_audit, options=options))


# --- what is there ---


async def look_at_letters(console: Live, *, options: argparse.Namespace) -> Frame:
    """The dead letters of a filter."""
    page = await console.look("dead_letters", cause=options.cause, target=options.target, limit=options.limit)
    now = (await console.look("figures"))["time"]
    return page, partial(letter_lines, page, now)


def letter_lines(page: dict[str, Any], now: float) -> list[str]:
    """A page of dead letters."""
    rows = [
        (
            str(row["number"]),
            shown(row["target"]),
            shown(row["text"]),
            f"{now - row['time']:.1f}s",
            "sent again" if row["number"] in page["resent"] else "-",
            shown(row["cause"]),
        )
        for row in page["rows"]
    ]
    more = page["matched"] - len(rows)
    notes = [
        *([f"and {more:,} more of {page['matched']:,}"] if more > 0 else []),
        *([f"{counted(page['lost'], 'older dead letter')} no longer kept"] if page["lost"] else []),
        *([f"{counted(page['discarded'], 'dead letter')} discarded"] if page["discarded"] else []),
    ]
    return [*table(("NUMBER", "TARGET", "MESSAGE", "AGO", "SENT", "CAUSE"), rows, frozenset({0, 3})), *notes]


async def look_at_audit(console: Live, *, options: argparse.Namespace) -> Frame:
    """The audit log."""
    page = await console.look("audit", action=options.action, outcome=options.outcome, limit=options.limit)
    return page, partial(audit_lines, page)


def audit_lines(page: dict[str, Any]) -> list[str]:
    """A page of the audit log."""
    rows = [
        (
            f"{dt.datetime.fromtimestamp(row['wall_time']).astimezone():%Y-%m-%d %H:%M:%S}",
            f"{shown(row['address'])} ({row['role']})",
            shown(row["action"]),
            row["outcome"],
            "-" if row["seconds"] is None else f"{row['seconds']:.2f}s",
            shown(row["options"]) + (f": {shown(row['error'])}" if row["error"] else ""),
        )
        for row in page["rows"]
    ]
    more = page["matched"] - len(rows)
    lost = [f"{page['lost']:,} older entries are no longer kept"] if page["lost"] else []
    lines = table(("TIME", "WHO", "ACTION", "OUTCOME", "TOOK", "WHAT"), rows, frozenset({4}))
    return [*lines, *([f"and {more:,} more of {page['matched']:,}"] if more > 0 else []), *lost]


# --- actions ---


async def resent(console: Live, confirm: Confirm, options: argparse.Namespace) -> None:
    """Send one again, or all of a filter."""
    await confirm(f"Send {await _those(console, options)} again? They may have been handled in part before.")
    if options.number is not None:
        answer = await console.act("resend", number=options.number)
        say(f"dead letter {options.number} was sent again to {shown(answer['target'])}")
        return
    answer = await console.act("resend_all", cause=options.cause, target=options.target)
    say(f"{counted(len(answer['sent']), 'dead letter')} sent again")
    for failed in answer["failed"][:_FAILED]:
        warn(f"dead letter {failed['number']} could not be sent: {failed['error']['text']}")
    if answer["failed"]:
        raise Refused(f"{counted(len(answer['failed']), 'dead letter')} could not be sent")


async def discarded(console: Live, confirm: Confirm, options: argparse.Namespace) -> None:
    """Discard one, or all of a filter."""
    await confirm(f"Discard {await _those(console, options)}?")
    if options.number is not None:
        await console.act("discard", number=options.number)
        say(f"dead letter {options.number} was discarded")
        return
    answer = await console.act("discard_all", cause=options.cause, target=options.target)
    say(f"{counted(answer['discarded'], 'dead letter')} discarded")


async def _those(console: Live, options: argparse.Namespace) -> str:
    """The dead letters that are meant, in words."""
    await trio.lowlevel.checkpoint()
    if options.number is not None:
        return f"dead letter {options.number}"
    page = await console.look("dead_letters", cause=options.cause, target=options.target, limit=0)
    return counted(page["matched"], "dead letter")


async def edited(console: Live, confirm: Confirm, options: argparse.Namespace) -> None:
    """Send one again with other arguments; without any, print its arguments."""
    letter = await console.ask("letter", number=options.number)
    if letter["problem"] is not None:
        raise Refused(str(letter["problem"]))
    if options.json is None and not options.arguments:
        for line in pretty(json.loads(letter["json"])):
            say(line)
        return
    arguments = await arguments_of(console, options, letter["target"], letter["handler"], json.loads(letter["json"]))
    prepared = await console.ask("letter", number=options.number, arguments=arguments)
    await confirm(f"Send dead letter {options.number} again, as {prepared['text']}?")
    answer = await console.act("resend", number=options.number, arguments=arguments)
    say(f"dead letter {options.number} was sent again to {shown(answer['target'])}")
