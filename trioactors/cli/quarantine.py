"""`reset` and `restore`: move a record to the space `quarantine` and back, in one commit, with its bytes unchanged.

The names of quarantined records are explained in `trioactors.persistence.quarantine`. Here no program has the store open.
"""

from __future__ import annotations

import json
import shlex

from trioactors.cli.looking import Entry, Status, look
from trioactors.cli.places import Place
from trioactors.cli.refusals import ExitCode, Refused
from trioactors.cli.words import say, shown
from trioactors.persistence.options import Verification
from trioactors.persistence.quarantine import Copy, copies, restore_batch, set_aside
from trioactors.persistence.store import Batch, Committed, Corrupt, Key, Space, Store, TooLarge, Write

__all__ = ["keep", "move", "reset", "restore"]


def reset(place: Place, name: str, *, as_json: bool = False) -> ExitCode:
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
    if as_json:
        say(json.dumps({"name": name, "copy": copy, "incarnation": None}))
        return ExitCode.OK
    say(f"{shown(name)} will start without saved state. Its record is in quarantine as {shown(copy)}")
    if entry.status is not Status.DAMAGED:
        say(f"To undo this: trioactors restore {place.typed} {shlex.quote(shown(copy))}")
    return ExitCode.OK


def restore(place: Place, copy: str, *, as_json: bool = False) -> ExitCode:
    """Move the record *copy* from quarantine back to its place."""
    parsed = Copy.of(copy)
    if parsed is None:
        raise Refused(f"{shown(copy)} is not the name of a copy, such as state/counter@7; `trioactors inspect` lists them")
    if parsed.damaged:
        raise Refused(f"{shown(copy)} is damaged, so it cannot be restored; `trioactors inspect` shows its bytes")
    key = parsed.key
    with place.opened(Verification.FULL) as store:
        [found] = store.read([parsed.place])
        if found is None or isinstance(found, Corrupt):
            raise Refused(
                f"there is no {'readable ' if found else ''}copy {shown(copy)} in quarantine; `trioactors inspect` lists them"
            )
        [answer] = store.commit([restore_batch(parsed, found, None, None, "")])
    if not isinstance(answer, Committed):
        raise Refused(
            f"{shown(key.name)} has a new record. To replace it: trioactors reset {place.typed} {_argument(key.name)}, then restore"
        )
    if as_json:
        say(json.dumps({"name": key.name, "copy": copy, "replaced": None, "incarnation": None}))
        return ExitCode.OK
    say(f"{shown(copy)} is restored as revision {answer.revisions[0]} of {shown(key.name)}")
    return ExitCode.OK


def move(store: Store, entry: Entry) -> str:
    """Move the record to quarantine and return its name there."""
    return keep(store, entry, Write(entry.key, None, expected=entry.revision))


def keep(store: Store, entry: Entry, *also: Write) -> str:
    """Write the record to quarantine, with the writes *also* in the same commit; return its name there."""
    for name in copies(entry.key, entry.revision):
        kept = set_aside(entry.data, name)
        [answer] = store.commit([Batch((kept, *also))])
        if isinstance(answer, Committed):
            return name
        if isinstance(answer, TooLarge):
            raise Refused(
                f"{shown(entry.key.name)} cannot be quarantined: as {shown(name)} it has {answer.size:,} bytes, and this store allows "
                f"{answer.limit:,}. Nothing was changed."
            )
        if answer.key != kept.key:
            raise Refused(f"{shown(entry.key.name)} was changed by another program at the same time. Nothing was changed here.")
    raise AssertionError("there is always one more number")


def _argument(name: str) -> str:
    """The name quoted for a shell."""
    typed = shlex.quote(shown(name))
    return f"-- {typed}" if name.startswith("-") else typed
