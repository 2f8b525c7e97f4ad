"""A store that does not open: carry what can still be read into a new one, and put that in its place.

The damaged store is only read, never written: whoever knows more about the damage will find every bit of it. When the new store is
complete and has been opened, the two change places, by renaming. What this cannot know is what is *not* there any more: a record whose
last commit is lost is missing, or shows an older state. It says so; what that means is for people to decide.

A store in one file has more files beside it, with names that begin like its own and go on with "-" (logs, locks): they move with it.
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
    """Put a new store with everything that can be read in the place of one that does not open."""
    path = place.path
    if path is None:
        raise Refused(f"{damage} It is not in a file that could be put aside. Nothing was changed.") from damage
    fresh = place.at(free_path(path, "salvaged"))
    try:
        with place.opened(Verification.NONE) as old:
            if next(rescued(old), None) is None:
                raise Refused(f"{damage} No record in it can be read any more. Nothing was changed; put a backup in its place.")
            carried, kept = _carry(old, fresh)
    except StoreCorrupt as error:
        raise Refused(f"{error} Even unverified it does not open. Nothing was changed; put a backup in its place.") from error
    except StoreError as error:
        raise Refused(f"{error} The damaged store is as it was; {fresh.address.path}, if it is there, can be removed.") from error
    _see_that_it_is_whole(fresh, carried + kept)
    say(f"The store did not open: {damage}")
    say(f"{counted(carried, 'record')} could be read, and {kept:,} went to quarantine, in a new store: {fresh.address.path}")
    aside = _put_aside(path)
    _put_in_place(Path(fresh.address.path), path)
    say(f"The damaged store is kept as it was: {aside}")
    say(f"The new store is in its place: {path}")
    say("What it has lost cannot be told: a record may be missing, or be older than the last one. If there is a backup, compare.")
    return ExitCode.OK


def _carry(old: Store, fresh: Place) -> tuple[int, int]:
    """Write everything that can be read to the new store; how much went to its place, and how much to quarantine."""
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


def _see_that_it_is_whole(fresh: Place, records: int) -> None:
    with fresh.opened(Verification.FULL) as new:
        found = sum(1 for _ in walked(new))
    if found != records:
        raise Refused(
            f"{fresh.address.path} has {found} records instead of {records}: do not rely on it. The store was left as it is."
        )


def _put_aside(path: Path) -> Path:
    """Give the store at *path* another name; the path of the folder where it is."""
    aside = free_path(path, "damaged")
    if path.is_dir():
        path.rename(aside)
    else:
        aside.mkdir(0o700)
        for file in _with_companions(path):
            file.rename(aside / file.name)
    RealDisk().sync_folder(path.parent)
    return aside


def _put_in_place(fresh: Path, path: Path) -> None:
    """Give the new store the name of the old one: first what is beside it, so that it is never there without."""
    for file in _with_companions(fresh):
        file.rename(path.with_name(path.name + file.name.removeprefix(fresh.name)))
    RealDisk().sync_folder(path.parent)


def _with_companions(path: Path) -> Iterator[Path]:
    """The files beside the store at *path* that belong to it, and then the store itself."""
    if path.is_file():
        yield from [file for file in path.parent.iterdir() if file.name.startswith(f"{path.name}-") and file.is_file()]
    yield path
