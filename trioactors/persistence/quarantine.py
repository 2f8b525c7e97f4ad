"""The names and batches by which a record moves to the space `quarantine` and back, as plain functions from data to data.

A quarantined record is named after its former place: `state/counter@7` is revision 7 of the state of `counter`, and
`state/counter@damaged` is what is left of a damaged record. If the name is taken, a number follows: `@7-2`. A damaged record is never
restored as it is: its bytes are not those that were written, but in their former place they would pass for valid.

Each move is one batch, so a crash leaves the record in one place or the other, and a conflict changes nothing.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import attrs

from trioactors.persistence.store import ABSENT, Batch, Corrupt, Key, Record, Space, Write

__all__ = ["Copy", "copies", "reset_batch", "restore_batch", "set_aside"]

_COPY = re.compile(r"([a-z_]+)/(.*)@(damaged|\d+)(?:-\d+)?", re.DOTALL)


@attrs.frozen
class Copy:
    """The name of a quarantined record, taken apart."""

    name: str
    key: Key
    """The former place of the record."""
    damaged: bool

    @classmethod
    def of(cls, name: str) -> Copy | None:
        """Parse *name*. Returns None if it is not the name of a copy."""
        match = _COPY.fullmatch(name)
        if match is None:
            return None
        try:
            return cls(name, Key(Space(match[1]), match[2]), match[3] == "damaged")
        except ValueError:  # no space has that name, or it is no Unicode text
            return None

    @property
    def place(self) -> Key:
        """Where it is kept."""
        return Key(Space.QUARANTINE, self.name)


def copies(key: Key, revision: int | None) -> Iterator[str]:
    """The names that a copy of the record at *key* may get, in order of preference. Without a *revision*, it is damaged."""
    first = f"{key.space.value}/{key.name}@{'damaged' if revision is None else revision}"
    return itertools.chain([first], (f"{first}-{number}" for number in itertools.count(2)))


def set_aside(data: bytes, copy: str) -> Write:
    """The write that keeps *data* in quarantine, as *copy*."""
    return Write(Key(Space.QUARANTINE, copy), data, expected=ABSENT)


def reset_batch(key: Key, found: Record | Corrupt, copy: str) -> Batch:
    """Move the record *found* at *key* to quarantine, as *copy*."""
    return Batch((set_aside(found.data, copy), Write(key, None, expected=_revision(found))))


def restore_batch(copy: Copy, kept: Record | Corrupt, data: bytes | None, found: Record | Corrupt | None, aside: str) -> Batch:
    """Put the record *kept* as *copy* back into its place. What is *found* there moves to quarantine, as *aside*.

    With *data*, these bytes are put there instead, and the copy stays in quarantine.
    """
    writes = [Write(copy.key, kept.data if data is None else data, expected=ABSENT if found is None else _revision(found))]
    if found is not None:
        writes.insert(0, set_aside(found.data, aside))
    if data is None:
        writes.append(Write(copy.place, None, expected=_revision(kept)))
    return Batch(tuple(writes))


def _revision(found: Record | Corrupt) -> int | None:
    """The revision to expect; None for a damaged record, whose revision is not known."""
    return found.revision if isinstance(found, Record) else None
