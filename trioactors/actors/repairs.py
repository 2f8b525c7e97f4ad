"""`reset` and `restore`: the record of an actor goes to quarantine, or comes back from there, while the program runs.

The actor is down meanwhile: its supervisor stops it, carries the move out and starts it again, so nothing else of the program can come
between. The move is one batch. A record that the class cannot read is refused before anything is stopped.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import attrs

from trioactors.actors.child import ActorChild
from trioactors.actors.stored_refs import resolving
from trioactors.errors import UnknownName, UsageError
from trioactors.persistence.committer import Committer
from trioactors.persistence.quarantine import Copy, copies, reset_batch, restore_batch
from trioactors.persistence.store import Corrupt, Key, Record, Space
from trioactors.serializer import read_envelope
from trioactors.supervision.handle import restart_child_of
from trioactors.system.system import System, registry_of, runtime_of

__all__ = ["reset", "restore"]

_LOOKED_AT = 16
"""Names of copies that are looked at in one read."""


async def reset(system: System, name: str) -> str:
    """Let the durable actor *name* begin with a fresh state, now. Its record moves to quarantine, with its bytes unchanged.

        copy = await ta.reset(system, "counter")      # "state/counter@7"
        ...
        await ta.restore(system, copy)

    Returns the name of the copy. The actor is stopped in order if it runs, and started again; its waiting messages are kept. If no child
    has that name, only the record is moved. Raises `UsageError` if there is no record, `StoreError` if it could not be moved (the
    actor then goes on as before), and `StartFailed` if the actor could not be started again.
    """
    bench = _Bench.of(system, "reset", name)
    await bench.present(f"{name} has no stored state in {bench.committer.where}, so there is nothing to reset")
    moved: list[str] = []

    async def move() -> None:
        found = await bench.present(f"{name} has no stored state any more")
        copy = await bench.free_copy(found)
        await bench.committer.commit(reset_batch(bench.key, found, copy))
        moved.append(copy)

    await bench.while_down(move)
    return moved[0]


async def restore(system: System, copy: str, *, data: bytes | None = None) -> str | None:
    """Put the quarantined record *copy* back, and start its actor with it, now.

        replaced = await ta.restore(system, "state/counter@7")
        await ta.restore(system, "state/counter@damaged", data=mended)

    A record that has been written since moves to quarantine in the same commit; its name there is returned, or None if there was none.
    With *data*, this record is put in place instead, and the copy stays in quarantine: the only way for a damaged copy. The rest is as for
    `reset`. Raises `SerializationError` if the actor's class cannot read the record: then nothing is stopped or changed. Raises
    `UsageError` for what is no copy of a state, `StoreError`, `StartFailed`.
    """
    given: Any = data
    if given is not None and not isinstance(given, bytes):
        raise UsageError(f"restore takes data=... as bytes, not {given!r:.80}")
    parsed = _copy_of_state(copy)
    bench = _Bench.of(system, "restore", parsed.key.name)
    kept = await bench.kept(parsed)
    if data is None and (parsed.damaged or isinstance(kept, Corrupt)):
        raise UsageError(
            f"{copy!r} is damaged, so it cannot be restored as it is: its bytes are not those that were written. Pass the record to put in "
            f"its place, as ta.restore(system, {copy!r}, data=...)"
        )
    bench.check_readable(kept.data if data is None else data)
    replaced: list[str] = []

    async def move() -> None:
        found, again = await bench.record(), await bench.kept(parsed)
        aside = "" if found is None else await bench.free_copy(found)
        await bench.committer.commit(restore_batch(parsed, again, data, found, aside))
        replaced.extend([aside] if aside else [])

    await bench.while_down(move)
    return replaced[0] if replaced else None


def _copy_of_state(name: str) -> Copy:
    given: Any = name
    parsed = Copy.of(given) if isinstance(given, str) else None
    if parsed is None or parsed.key.space is not Space.STATE:
        raise UsageError(
            f"{given!r:.200} is not the name of a quarantined state, such as 'state/counter@7'; inspect.quarantine lists them"
        )
    return parsed


@attrs.frozen
class _Bench:
    """One repair: of which record, and of which actor if there is one."""

    system: System
    committer: Committer
    key: Key
    child: ActorChild | None

    @classmethod
    def of(cls, system: System, what: str, name: str) -> _Bench:
        """Raises `UsageError` without a store, or for a child that is not durable."""
        runtime, registry = runtime_of(system), registry_of(system)
        runtime.check_open(system)
        if runtime.committer is None:
            raise UsageError(f"this system has no store, so there is nothing to {what}")
        given: Any = name
        if not isinstance(given, str):
            raise UsageError(f"{what} takes the name of an actor, not {given!r:.80}")
        try:
            key, child = Key(Space.STATE, name), registry.find(name)
        except ValueError as error:
            raise UsageError(f"{what}: {error}") from None
        except UnknownName:
            return cls(system, runtime.committer, Key(Space.STATE, name), None)
        runtime.check_thread(child)
        if not isinstance(child, ActorChild) or child.plan.durable_state is None:
            raise UsageError(f"{name} is not a durable actor, so there is nothing to {what}")
        return cls(system, runtime.committer, key, child)

    async def record(self) -> Record | Corrupt | None:
        """What is stored for the actor now."""
        return (await self.committer.read([self.key]))[0]

    async def present(self, otherwise: str) -> Record | Corrupt:
        """What is stored for the actor. Raises `UsageError` with the text *otherwise* if nothing is."""
        found = await self.record()
        if found is None:
            raise UsageError(otherwise)
        return found

    async def kept(self, copy: Copy) -> Record | Corrupt:
        """The copy in quarantine. Raises `UsageError` if it is not there."""
        found = (await self.committer.read([copy.place]))[0]
        if found is None:
            raise UsageError(f"there is no copy {copy.name!r} in quarantine; inspect.quarantine lists them")
        return found

    async def free_copy(self, found: Record | Corrupt) -> str:
        """The first name in quarantine that is free for a copy of *found*."""
        names = copies(self.key, found.revision if isinstance(found, Record) else None)
        while True:
            some = [next(names) for _ in range(_LOOKED_AT)]
            there = await self.committer.read([Key(Space.QUARANTINE, name) for name in some])
            for name, taken in zip(some, there, strict=True):
                if taken is None:
                    return name

    def check_readable(self, data: bytes) -> None:
        """Raise `SerializationError` unless the class of the actor can read *data*; without an actor, unless it is a record at all."""
        durable_state = None if self.child is None else self.child.plan.durable_state
        if durable_state is None:
            read_envelope(data)
            return
        with resolving(registry_of(self.system)):
            durable_state.codec().decode(data)

    async def while_down(self, move: Callable[[], Awaitable[None]]) -> None:
        """Carry *move* out while the actor is down, and start the actor again."""

        async def settled() -> None:
            await self.committer.settled(self.key)
            await move()

        await (settled() if self.child is None else restart_child_of(self.child, settled))
