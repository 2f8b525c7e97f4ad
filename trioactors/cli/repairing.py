"""`repair`: quarantine the records that cannot be read.

In a store that can be opened, they are moved to quarantine after a complete copy has been made beside the store. `salvage` handles a store
that cannot be opened.
"""

from __future__ import annotations

from pathlib import Path

from trioactors.cli.copying import copy_store
from trioactors.cli.looking import Entry, look, walked
from trioactors.cli.places import Place, free_path
from trioactors.cli.quarantine import move
from trioactors.cli.refusals import ExitCode, Refused
from trioactors.cli.salvage import salvage
from trioactors.cli.words import counted, say, shown
from trioactors.errors import StoreCorrupt
from trioactors.persistence.options import Verification
from trioactors.persistence.store import Key, Space, Store

__all__ = ["repair"]


def repair(place: Place, name: str | None, to: Path | None) -> ExitCode:
    """Quarantine the unreadable records, or only the state of the actor *name*. The copy is written to the path *to*."""
    try:
        with place.opened(Verification.FULL) as store:
            _set_aside(place, store, name, to)
        with place.opened(Verification.FULL):
            return ExitCode.OK
    except StoreCorrupt as damage:
        if name is not None:
            raise Refused(f"the store itself is damaged: {damage} To repair it, omit the name.") from damage
        return salvage(place, damage)


def _set_aside(place: Place, store: Store, name: str | None, to: Path | None) -> None:
    keys = _unreadable(store) if name is None else _unreadable_state(place, store, name)
    if not keys:
        return
    copy = _path_of_copy(place) if to is None else to
    records, _ = copy_store(place, store, copy)
    say(f"Copied the store before repairing it: {counted(records, 'record')} in {copy}")
    for key in keys:
        entry = _entry(store, key)
        moved = move(store, entry)
        say(f"{key.space.value} of {shown(key.name)}: {entry.problem}. Moved to quarantine as {shown(moved)}")
        if key.space is Space.STATE:
            say(f"{shown(key.name)} will start without saved state")


def _unreadable(store: Store) -> list[Key]:
    """The keys of all records that cannot be read, including quarantined ones."""
    records = 0
    keys: list[Key] = []
    for key, found in walked(store):
        records += 1
        if look(key, found).status.bad:
            keys.append(key)
    if not keys:
        say(f"Nothing to repair: {counted(records, 'record')}, none damaged")
    return keys


def _unreadable_state(place: Place, store: Store, name: str) -> list[Key]:
    key = Key(Space.STATE, name)
    if store.read([key]) == [None]:
        raise Refused(f"{shown(name)} has no state in {place.url}; `trioactors inspect` lists names")
    entry = _entry(store, key)
    if entry.status.bad:
        return [key]
    holds = f"{shown(entry.envelope.name)} {entry.envelope.version}" if entry.envelope else f"{entry.status.value}: {entry.problem}"
    say(f"Nothing to repair: {shown(name)} is intact ({holds}). To remove its state: trioactors reset")
    return []


def _entry(store: Store, key: Key) -> Entry:
    [found] = store.read([key])
    if found is None:
        raise Refused(f"{shown(key.name)} was removed by another program")
    return look(key, found)


def _path_of_copy(place: Place) -> Path:
    if place.path is None:
        raise Refused("this store has no path beside which to put a copy; pass --copy. Nothing was changed.")
    return free_path(place.path, "before-repair")
