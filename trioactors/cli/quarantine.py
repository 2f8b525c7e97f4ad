"""`reset`, and the way back: a record leaves its place for the space `quarantine`, in one commit, and keeps its bytes.

A copy is named after what it was: `state/counter@7` is revision 7 of the state of `counter`, and `state/counter@damaged` is what was left
of a damaged one. Where such a name is taken, a number follows: `@7-2`. A damaged record is never put back: its bytes are not what was
written, and in a place of their own they would pass for it.
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
    """Let the actor *name* start fresh."""
    key = Key(Space.STATE, name)
    with place.opened(Verification.FULL) as store:
        [found] = store.read([key])
        if found is None:
            raise Refused(f"{shown(name)} has no state in {place.url}, so it starts fresh anyhow; `trioactors inspect` lists names")
        entry = look(key, found)
        copy = move(store, entry)
    say(f"{shown(name)} starts fresh from now on. Its record is kept in quarantine as {shown(copy)}")
    if entry.status is not Status.DAMAGED:
        say(f"To put it back: trioactors restore {place.typed} {shlex.quote(shown(copy))}")
    return ExitCode.OK


def restore(place: Place, copy: str) -> ExitCode:
    """Put the *copy* back where it was."""
    match = _COPY.fullmatch(copy)
    if match is None or match[1] not in {space.value for space in Space}:
        raise Refused(f"{shown(copy)} is no copy's name: one looks like state/counter@7, and `trioactors inspect` lists them")
    if match[3] == "damaged":
        raise Refused(
            f"the bytes of {shown(copy)} are not what was written, so they are not put back; `trioactors inspect` shows them"
        )
    kept, key = Key(Space.QUARANTINE, copy), Key(Space(match[1]), match[2])
    with place.opened(Verification.FULL) as store:
        [found] = store.read([kept])
        if found is None or isinstance(found, Corrupt):
            raise Refused(
                f"there is no {'sound ' if found else ''}copy {shown(copy)} in quarantine; `trioactors inspect` lists them"
            )
        [answer] = store.commit(
            [Batch((Write(key, found.data, expected=ABSENT), Write(kept, None, expected=found.revision)))],
        )
    if not isinstance(answer, Committed):
        raise Refused(
            f"{shown(key.name)} has a record again. To exchange the two: trioactors reset {place.typed} {_argument(key.name)}, then restore"
        )
    say(f"{shown(copy)} is back in its place, as revision {answer.revisions[0]} of {shown(key.name)}")
    return ExitCode.OK


def move(store: Store, entry: Entry) -> str:
    """Move the record to quarantine; the name it has there."""
    return keep(store, entry, Write(entry.key, None, expected=entry.revision))


def keep(store: Store, entry: Entry, *also: Write) -> str:
    """Write the record to quarantine, and *also* that, in one commit; the name it has there."""
    label = "damaged" if entry.revision is None else str(entry.revision)
    first = f"{entry.key.space.value}/{entry.key.name}@{label}"
    for name in itertools.chain([first], (f"{first}-{number}" for number in itertools.count(2))):
        copy = Key(Space.QUARANTINE, name)
        [answer] = store.commit([Batch((Write(copy, entry.data, expected=ABSENT), *also))])
        if isinstance(answer, Committed):
            return name
        if isinstance(answer, TooLarge):
            raise Refused(
                f"{shown(entry.key.name)} cannot go to quarantine: as {shown(name)} it has {answer.size:,} bytes where "
                f"this store allows {answer.limit:,}. Nothing was changed."
            )
        if answer.key != copy:
            raise Refused(f"{shown(entry.key.name)} was changed meanwhile: somebody else wrote to the store. Nothing was changed.")
    raise AssertionError("there is always one more number")


def _argument(name: str) -> str:
    """The name, as it is typed in a shell."""
    typed = shlex.quote(shown(name))
    return f"-- {typed}" if name.startswith("-") else typed
