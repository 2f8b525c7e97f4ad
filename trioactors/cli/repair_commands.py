"""`pause` and `resume` an actor of a running program, list its `quarantine`, and `reset` or `restore` a record there.

A reset and a restore ask first. A pause and a resume do not: no message is lost, and each undoes the other. For a store that no program
has open, `quarantine`, `reset` and `restore` work on the store itself (`store_commands`).
"""

from __future__ import annotations

import argparse
import json
from typing import Any, Final

import trio

from trioactors.cli.acting import Confirm, act_on
from trioactors.cli.consoles import Live
from trioactors.cli.refusals import ExitCode, Refused, typed_name
from trioactors.cli.spreadsheets import csv_lines
from trioactors.cli.words import counted, say, shown
from trioactors.persistence.quarantine import Copy

__all__ = ["list_quarantine", "pause", "pause_actor", "reset_record", "restore_record", "resume", "resume_actor"]

_PATIENCE: Final = 60.0
"""Seconds that an action may take: it may stop and start an actor."""
_ROWS: Final = 200


def pause(options: argparse.Namespace) -> ExitCode:
    """Pause an actor."""
    return act_on(options, pause_actor)


def resume(options: argparse.Namespace) -> ExitCode:
    """Resume an actor."""
    return act_on(options, resume_actor)


async def pause_actor(console: Live, _: Confirm, options: argparse.Namespace) -> None:
    """Let an actor take no more messages."""
    done = await console.act("pause", seconds=_PATIENCE, name=typed_name(options.name))
    say(json.dumps(done) if options.json else _paused(done))


async def resume_actor(console: Live, _: Confirm, options: argparse.Namespace) -> None:
    """Let an actor take messages again."""
    done = await console.act("resume", seconds=_PATIENCE, name=typed_name(options.name))
    say(json.dumps(done) if options.json else _resumed(done))


async def reset_record(console: Live, confirm: Confirm, options: argparse.Namespace) -> None:
    """Start an actor without its record, which is moved to quarantine."""
    name = typed_name(options.name)
    seen = await _incarnation(console, name)
    await confirm(f"Let {_actor(name, seen)} start anew without its saved state? Its record is kept in quarantine.")
    done = await console.act("reset", seconds=_PATIENCE, name=name, incarnation=seen)
    say(json.dumps(done) if options.json else _reset_words(done))


async def restore_record(console: Live, confirm: Confirm, options: argparse.Namespace) -> None:
    """Start an actor with a record from quarantine."""
    copy = typed_name(options.name)
    parsed = Copy.of(copy)
    if parsed is None:
        raise Refused(f"{shown(copy)} is not the name of a copy, such as state/counter@7; `trioactors quarantine` lists them")
    seen = await _incarnation(console, parsed.key.name)
    await confirm(
        f"Let {_actor(parsed.key.name, seen)} start anew with {shown(copy)}? The record that it replaces is kept in quarantine."
    )
    done = await console.act("restore", seconds=_PATIENCE, copy=copy, incarnation=seen)
    say(json.dumps(done) if options.json else _restored(done))


async def _incarnation(console: Live, name: str) -> int | None:
    """The incarnation of an actor; None if no child has its name: then only its record is there."""
    await trio.lowlevel.checkpoint()
    try:
        branch = await console.look("tree", name=name, children=0)
    except Refused as refused:
        if refused.code is not ExitCode.REFUSED:
            raise
        return None
    return int(branch["incarnation"])


def _actor(name: str, incarnation: int | None) -> str:
    return shown(name) if incarnation is None else f"{shown(name)}, incarnation {incarnation},"


async def list_quarantine(console: Live, _: Confirm, options: argparse.Namespace) -> None:
    """List the quarantined records of a running program."""
    page = await console.ask("quarantine", seconds=_PATIENCE, limit=_ROWS)
    if options.csv:
        for line in csv_lines(page["rows"]):
            say(line)
        return
    for row in page["rows"]:
        say(json.dumps(row) if options.json else f"{row['size']:>11,}  {shown(row['name'])}{_problem(row)}")
    if not options.json:
        more = "" if page["complete"] else ", and more: the search took too long"
        say(f"{counted(page['total'], 'quarantined record')}{more}")


def _problem(row: dict[str, Any]) -> str:
    return f"  ({row['problem']})" if row["problem"] else ""


def _paused(done: dict[str, Any]) -> str:
    rest = "" if done["at_rest"] else "; the message in progress is not done yet"
    return f"{shown(done['name'])} is paused{rest}. Its messages wait until it is resumed"


def _resumed(done: dict[str, Any]) -> str:
    return f"{shown(done['name'])} {'takes messages again' if done['was_paused'] else 'was not paused'}"


def _reset_words(done: dict[str, Any]) -> str:
    return f"{_started(done, 'without saved state')}. Its record is in quarantine as {shown(done['copy'])}"


def _restored(done: dict[str, Any]) -> str:
    replaced = f". The record that it replaced is in quarantine as {shown(done['replaced'])}" if done["replaced"] else ""
    return f"{_started(done, 'with ' + str(done['copy']))}{replaced}"


def _started(done: dict[str, Any], how: str) -> str:
    name = shown(done["name"])
    if done["incarnation"] is None:
        return f"{name} is not running; it will start {shown(how)}"
    return f"{name} was started {shown(how)}: incarnation {done['incarnation']}"
