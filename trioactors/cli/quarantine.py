"""`reset` and `restore`: move a record to the space `quarantine` and back, in one commit, with its bytes unchanged.

A quarantined record is named after its former place: `state/counter@7` is revision 7 of the state of `counter`, and
`state/counter@damaged` is what is left of a damaged record. If the name is taken, a number follows: `@7-2`. A damaged record is never
restored: its bytes are not those that were written, but in their former place they would pass for valid.
"""

from __future__ import annotations

import itertools
import re
import shlex

from trioactors.cli.looking import Entry, Status, look
from trioactors.cli.places import Place
from trioactors.cli.refusals import ExitCode, Refused
from trioactors.cli.words import say, shown
from trioactors.persistence.options import Verification
from trioactors.persistence.store import ABSENT, Batch, Committed, Corrupt, Key, Space, Store, TooLarge, Write

__all__ = ["keep", "move", "reset", "restore"]

_COPY = re.compile(r"([a-z_]+)/(.*)@(damaged|\d+)(?:-\d+)?", re.DOTALL)


def reset(place: Place, name: str) -> ExitCode:
    """Move the state of the actor *name* to quarantine, so that it starts without saved state."""
    key = Key(Space.STATE, name)
    with place.opened(Verification.FULL) as store:
        [found] = store.read([key])
        if found is None:
            raise Refused(
                f"{shown(name)} has no state in {place.url}, so there is nothing to reset; `trioactors inspect` lists names"
            )
        entry = look(key, found)
        copy = move(store, entry)
    say(f"{shown(name)} will start without saved state. Its record is in quarantine as {shown(copy)}")
    if entry.status is not Status.DAMAGED:
        say(f"To undo this: trioactors restore {place.typed} {shlex.quote(shown(copy))}")
    return ExitCode.OK


def restore(place: Place, copy: str) -> ExitCode:
    """Move the record *copy* from quarantine back to its place."""
    match = _COPY.fullmatch(copy)
    if match is None or match[1] not in {space.value for space in Space}:
        raise Refused(f"{shown(copy)} is not the name of a copy, such as state/counter@7; `trioactors inspect` lists them")
    if match[3] == "damaged":
        raise Refused(f"{shown(copy)} is damaged, so it cannot be restored; `trioactors inspect` shows its bytes")
    kept, key = Key(Space.QUARANTINE, copy), Key(Space(match[1]), match[2])
    with place.opened(Verification.FULL) as store:
        [found] = store.read([kept])
        if found is None or isinstance(found, Corrupt):
            raise Refused(
                f"there is no {'readable ' if found else ''}copy {shown(copy)} in quarantine; `trioactors inspect` lists them"
            )
        [answer] = store.commit(
            [Batch((Write(key, found.data, expected=ABSENT), Write(kept, None, expected=found.revision)))],
        )
    if not isinstance(answer, Committed):
        raise Refused(
            f"{shown(key.name)} has a new record. To replace it: trioactors reset {place.typed} {_argument(key.name)}, then restore"
        )
    say(f"{shown(copy)} is restored as revision {answer.revisions[0]} of {shown(key.name)}")
    return ExitCode.OK


def move(store: Store, entry: Entry) -> str:
    """Move the record to quarantine and return its name there."""
    return keep(store, entry, Write(entry.key, None, expected=entry.revision))


def keep(store: Store, entry: Entry, *also: Write) -> str:
    """Write the record to quarantine, with the writes *also* in the same commit; return its name there."""
    label = "damaged" if entry.revision is None else str(entry.revision)
    first = f"{entry.key.space.value}/{entry.key.name}@{label}"
    for name in itertools.chain([first], (f"{first}-{number}" for number in itertools.count(2))):
        copy = Key(Space.QUARANTINE, name)
        [answer] = store.commit([Batch((Write(copy, entry.data, expected=ABSENT), *also))])
        if isinstance(answer, Committed):
            return name
        if isinstance(answer, TooLarge):
            raise Refused(
                f"{shown(entry.key.name)} cannot be quarantined: as {shown(name)} it has {answer.size:,} bytes, and this store allows "
                f"{answer.limit:,}. Nothing was changed."
            )
        if answer.key != copy:
            raise Refused(f"{shown(entry.key.name)} was changed by another program at the same time. Nothing was changed here.")
    raise AssertionError("there is always one more number")


def _argument(name: str) -> str:
    """The name quoted for a shell."""
    typed = shlex.quote(shown(name))
    return f"-- {typed}" if name.startswith("-") else typed
