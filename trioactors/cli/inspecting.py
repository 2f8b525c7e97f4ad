"""`inspect`: list all records of a store, or show one in full. No record is changed."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import attrs

from trioactors.cli.looking import Entry, Status, look, rescued, walked
from trioactors.cli.places import Place
from trioactors.cli.refusals import ExitCode, Refused
from trioactors.cli.words import counted, pretty, say, shown, warn
from trioactors.errors import StoreCorrupt
from trioactors.persistence.options import Verification
from trioactors.persistence.store import Found, Key, Space, Store

__all__ = ["inspect_record", "inspect_store"]

_Walk = Callable[[Store, Sequence[Space]], Iterator[Found]]
_NONE = object()
_ROW = "{:<11}  {:>9}  {:>11}  {:<10}  {:<24}  {}"


@attrs.define
class _Summary:
    """Totals of the records found."""

    spaces: Counter[str] = attrs.field(factory=Counter[str])
    statuses: Counter[Status] = attrs.field(factory=Counter[Status])
    size: int = 0

    def add(self, entry: Entry) -> None:
        self.spaces[entry.key.space.value] += 1
        self.statuses[entry.status] += 1
        self.size += len(entry.data)

    @property
    def bad(self) -> int:
        return sum(count for status, count in self.statuses.items() if status.bad)


def inspect_store(place: Place, space: Space | None, *, as_json: bool) -> ExitCode:
    """List the records of the store."""
    summary = _Summary()
    with _looked_into(place) as (store, walk, damage):
        if not as_json:
            say(_ROW.format("space", "revision", "bytes", "status", "type", "name"))
        for found in walk(store, tuple(Space) if space is None else (space,)):
            entry = look(*found)
            summary.add(entry)
            say(json.dumps(_described(entry)) if as_json else _row(entry))
    if as_json:
        say(json.dumps(_summed_up(place, summary, damage)))
    else:
        _conclude(place, summary, damage)
    return ExitCode.DAMAGED if summary.bad or damage else ExitCode.OK


def inspect_record(place: Place, key: Key, *, as_json: bool) -> ExitCode:
    """Show the record of *key* in full."""
    with _looked_into(place) as (store, walk, damage):
        found = None
        if damage:  # in a damaged store a lookup may fail to find a record that a full scan still reaches
            found = next((each for passed, each in walk(store, (key.space,)) if passed == key), None)
        if found is None:
            [found] = store.read([key])
    if found is None:
        raise Refused(
            f"nothing is stored under {shown(key.name)} in the space {key.space.value}; `trioactors inspect URL` lists names"
        )
    entry = look(key, found)
    if as_json:
        say(json.dumps(_described(entry) | _content(entry)))
    else:
        _show(entry)
    return ExitCode.DAMAGED if entry.status.bad or damage else ExitCode.OK


@contextmanager
def _looked_into(place: Place) -> Generator[tuple[Store, _Walk, str]]:
    """Open the store. Yields it, a function that scans it, and a description of its damage, empty if there is none."""
    with ExitStack() as stack:
        try:
            store = stack.enter_context(place.opened())
        except StoreCorrupt as error:
            store = stack.enter_context(place.opened(Verification.NONE))
            warn(f"the store cannot be opened: {error} The records that can still be read follow.")
            yield store, rescued, str(error)
        else:
            yield store, rescued if place.unverified else walked, ""


def _row(entry: Entry) -> str:
    revision = "-" if entry.revision is None else entry.revision
    stored = "-" if entry.envelope is None else f"{shown(entry.envelope.name)} {entry.envelope.version}"
    return _ROW.format(entry.key.space.value, revision, f"{len(entry.data):,}", entry.status.value, stored, shown(entry.key.name))


def _conclude(place: Place, summary: _Summary, damage: str) -> None:
    total = f"{counted(summary.spaces.total(), 'record')}, {counted(summary.size, 'byte')}"
    parts = [f"{count:,} {status.value}" for status in Status if (count := summary.statuses[status])]
    say(f"{total}{': ' if parts else ''}{', '.join(parts)}")
    if summary.bad or damage:
        say(f"To quarantine the unreadable records: trioactors repair {place.typed}")


def _show(entry: Entry) -> None:
    for what, value in _described(entry).items():
        if what not in ("kind", "problem") and value is not None:
            say(f"{what:<10}{shown(str(value))}")
    if entry.problem:
        say(f"{'problem':<10}{entry.problem}")
    say()
    value = _value(entry)
    for line in [entry.data.decode("utf-8", "backslashreplace")] if value is _NONE else pretty(value):
        say(line)


def _described(entry: Entry) -> dict[str, Any]:
    """A record as JSON. docs/command-line.md promises these keys."""
    return {
        "kind": "record",
        "space": entry.key.space.value,
        "name": entry.key.name,
        "revision": entry.revision,
        "bytes": len(entry.data),
        "type": None if entry.envelope is None else entry.envelope.name,
        "version": None if entry.envelope is None else entry.envelope.version,
        "status": entry.status.value,
        "problem": entry.problem or None,
    }


def _content(entry: Entry) -> dict[str, Any]:
    value = _value(entry)
    if entry.envelope is None or value is _NONE:
        return {"base64": base64.b64encode(entry.data).decode()}
    return {"classes": dict(entry.envelope.classes), "value": value}


def _value(entry: Entry) -> Any:
    """The value in the record, or `_NONE` if there is none that can be written as JSON (1e999 reads as infinity)."""
    if entry.envelope is None:
        return _NONE
    try:
        json.dumps(entry.envelope.value, allow_nan=False)
    except ValueError:
        return _NONE
    return entry.envelope.value


def _summed_up(place: Place, summary: _Summary, damage: str) -> dict[str, Any]:
    return {
        "kind": "summary",
        "store": place.url,
        "records": summary.spaces.total(),
        "bytes": summary.size,
        "spaces": dict(summary.spaces),
        "statuses": {status.value: summary.statuses[status] for status in Status},
        "problem": damage or None,
    }
