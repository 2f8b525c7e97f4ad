"""Salvage a store that cannot be opened: copy the records that can still be read to a new store, and replace the damaged one by it.

The damaged store is only read, never written, so it stays available for a closer analysis. When the new store is complete and has been
opened, the two change places by renaming. Lost records cannot be detected: a record whose last commit is lost is missing, or holds an older
state. The command says so and leaves the conclusion to the user.

A store in one file has companion files (logs, locks), named like it with a suffix that begins with "-". They are moved together with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from trioactors.cli.looking import PAGE, look, rescued, walked
from trioactors.cli.places import Place, free_path
from trioactors.cli.quarantine import keep
from trioactors.cli.refusals import ExitCode, Refused
from trioactors.cli.words import counted, say
from trioactors.environment.disk import RealDisk
from trioactors.errors import StoreCorrupt, StoreError
from trioactors.persistence.options import Verification
from trioactors.persistence.store import ABSENT, Batch, Store, Write

__all__ = ["salvage"]


def salvage(place: Place, damage: StoreCorrupt) -> ExitCode:
    """Replace a store that cannot be opened by a new one with every record that can be read."""
    path = place.path
    if path is None:
        raise Refused(f"{damage} It is not in a file that could be moved. Nothing was changed.") from damage
    fresh = place.at(free_path(path, "salvaged"))
    try:
        with place.opened(Verification.NONE) as old:
            if next(rescued(old), None) is None:
                raise Refused(f"{damage} No record in it can be read. Nothing was changed; use a backup.")
            carried, kept = _copy_readable(old, fresh)
    except StoreCorrupt as error:
        raise Refused(f"{error} It cannot be opened even without verification. Nothing was changed; use a backup.") from error
    except StoreError as error:
        raise Refused(f"{error} The damaged store was not changed; {fresh.address.path}, if it exists, can be removed.") from error
    _check_complete(fresh, carried + kept)
    say(f"The store could not be opened: {damage}")
    say(f"{counted(carried, 'record')} could be read, {kept:,} were quarantined; the new store: {fresh.address.path}")
    aside = _move_aside(path)
    _move_into_place(Path(fresh.address.path), path)
    say(f"The damaged store is kept unchanged: {aside}")
    say(f"The new store has replaced it: {path}")
    say("Lost records cannot be detected: a record may be missing, or older than its last commit. If you have a backup, compare.")
    return ExitCode.OK


def _copy_readable(old: Store, fresh: Place) -> tuple[int, int]:
    """Copy the records to the new store. Return the numbers of those copied and of those quarantined."""
    carried = kept = 0
    with fresh.made() as new:
        page: list[Batch] = []
        for entry in (look(*found) for found in rescued(old)):
            if entry.status.bad:
                keep(new, entry)
                kept += 1
                continue
            page.append(Batch((Write(entry.key, entry.data, expected=ABSENT),)))
            carried += 1
            if len(page) == PAGE:
                new.commit(page)
                page = []
        new.commit(page)
    return carried, kept


def _check_complete(fresh: Place, records: int) -> None:
    with fresh.opened(Verification.FULL) as new:
        found = sum(1 for _ in walked(new))
    if found != records:
        raise Refused(
            f"{fresh.address.path} has {found} records instead of {records}: do not rely on it. The damaged store was not changed."
        )


def _move_aside(path: Path) -> Path:
    """Rename the store at *path*. Return the folder that contains it."""
    aside = free_path(path, "damaged")
    if path.is_dir():
        path.rename(aside)
    else:
        aside.mkdir(0o700)
        for file in _with_companions(path):
            file.rename(aside / file.name)
    RealDisk().sync_folder(path.parent)
    return aside


def _move_into_place(fresh: Path, path: Path) -> None:
    """Rename the new store to the name of the old one. Its companion files come first, so that it never exists without them."""
    for file in _with_companions(fresh):
        file.rename(path.with_name(path.name + file.name.removeprefix(fresh.name)))
    RealDisk().sync_folder(path.parent)


def _with_companions(path: Path) -> Iterator[Path]:
    """Yield the companion files of the store at *path*, then the store itself."""
    if path.is_file():
        yield from [file for file in path.parent.iterdir() if file.name.startswith(f"{path.name}-") and file.is_file()]
    yield path
