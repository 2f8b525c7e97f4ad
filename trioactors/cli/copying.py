"""`backup`: make a complete copy of a store, then open it and compare every record."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path

from trioactors.cli.looking import look, walked
from trioactors.cli.places import Place
from trioactors.cli.refusals import ExitCode, Refused
from trioactors.cli.words import counted, say, warn
from trioactors.errors import StoreError
from trioactors.persistence.store import Store

__all__ = ["back_up", "copy_store"]


def back_up(place: Place, to: Path) -> ExitCode:
    """Copy the store to the path *to*, which must not exist."""
    with place.opened() as store:
        records, bad = copy_store(place, store, to)
    say(f"{counted(records, 'record')} copied to {to} and compared")
    if bad:
        warn(f"{counted(bad, 'record')} cannot be read, in the store and in the copy: trioactors repair {place.typed}")
    return ExitCode.OK


def copy_store(place: Place, store: Store, to: Path) -> tuple[int, int]:
    """Copy the open *store* of *place*. Return the number of records, and of those that cannot be read."""
    store.backup(to)
    try:
        with place.at(to).opened() as copy:
            return _compared(store, copy, to)
    except StoreError as error:
        raise Refused(f"{to} was written but could not be compared: {error} Do not rely on it.") from error


def _compared(store: Store, copy: Store, to: Path) -> tuple[int, int]:
    records = bad = 0
    for original, copied in zip_longest(walked(store), walked(copy)):
        if original != copied:
            raise Refused(f"{to} was written but differs from the store. Do not rely on it.")
        records += 1
        bad += look(original[0], original[1]).status.bad
    return records, bad
