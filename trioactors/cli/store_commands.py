"""The commands for a store that no program has open."""

from __future__ import annotations

import argparse
from pathlib import Path

from trioactors.cli.acting import act_on
from trioactors.cli.consoles import is_console
from trioactors.cli.copying import back_up
from trioactors.cli.failures import failures_of_store
from trioactors.cli.inspecting import inspect_record, inspect_store
from trioactors.cli.live_commands import failures_of_console, inspect_console
from trioactors.cli.parsers import SPACES
from trioactors.cli.places import Place
from trioactors.cli.quarantine import reset, restore
from trioactors.cli.refusals import ExitCode, Refused, typed_name
from trioactors.cli.repair_commands import list_quarantine, reset_record, restore_record
from trioactors.cli.repairing import repair
from trioactors.cli.words import shown
from trioactors.persistence.store import Key, Space

__all__ = ["backup", "inspect", "mend", "put_back", "show_failures", "show_quarantine", "start_afresh"]


def inspect(options: argparse.Namespace) -> ExitCode:
    """List the records of a store, or show one; or show a running system."""
    if is_console(options.url):
        return inspect_console(options)
    place = Place.of(options.url)
    space = _space(options.space)
    if options.name is None:
        return inspect_store(place, space, as_json=options.json)
    return inspect_record(place, Key(space or Space.STATE, typed_name(options.name)), as_json=options.json)


def show_failures(options: argparse.Namespace) -> ExitCode:
    """Show what has failed, in a running system or in a store."""
    if is_console(options.url):
        return failures_of_console(options)
    name = None if options.name is None else typed_name(options.name)
    return failures_of_store(Place.of(options.url), name, as_json=options.json)


def backup(options: argparse.Namespace) -> ExitCode:
    """Copy a store."""
    return back_up(Place.of(options.url), Path(options.to))


def mend(options: argparse.Namespace) -> ExitCode:
    """Repair a store, or one record of it."""
    place = Place.of(options.url)
    name = None if options.name is None else typed_name(options.name)
    return repair(place, name, None if options.copy is None else Path(options.copy))


def start_afresh(options: argparse.Namespace) -> ExitCode:
    """Move the record of an actor to quarantine, in a store or in a running program."""
    if is_console(options.url):
        return act_on(options, reset_record)
    return reset(Place.of(options.url), typed_name(options.name), as_json=options.json)


def put_back(options: argparse.Namespace) -> ExitCode:
    """Move a record out of quarantine, in a store or in a running program."""
    if is_console(options.url):
        return act_on(options, restore_record)
    return restore(Place.of(options.url), typed_name(options.name), as_json=options.json)


def show_quarantine(options: argparse.Namespace) -> ExitCode:
    """List the quarantined records of a running program, or of a store."""
    if is_console(options.url):
        return act_on(options, list_quarantine)
    return inspect_store(Place.of(options.url), Space.QUARANTINE, as_json=options.json)


def _space(text: str | None) -> Space | None:
    try:
        return None if text is None else Space(text)
    except ValueError:
        raise Refused(f"unknown space {shown(str(text))}; known spaces: {', '.join(SPACES)}", ExitCode.USAGE) from None
