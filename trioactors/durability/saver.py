"""The saver: reads and commits the state of a durable actor, for one incarnation. Both policies share what is here.

A state is one record. The error of a failed commit decides what follows. If it is retryable (the store is unavailable or full),
the changes are undone and no actor crashes. `StoreConflict` and a record that is too large crash the actor. Any other error
means that the store itself has failed: the actor is `fenced` and does nothing more, until the system's root stops it and
restarts the store with all that depends on it.

Commits do not belong to the actor's task: what was handled is committed even if the actor crashes or is killed meanwhile, and
the next incarnation waits for that before it reads.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar, Protocol

import trio

from trioactors.errors import OverLimit, SerializationError, StateUnreadable, StoreConflict, StoreError
from trioactors.messaging.mailbox import Mailbox
from trioactors.messaging.messages import Envelope
from trioactors.persistence.committer import Committer, Kept, Verdict
from trioactors.persistence.store import ABSENT, Batch, Committed, Corrupt, Key, Record, Space, Write
from trioactors.scheduling.parking import Parking
from trioactors.supervision.child import Child, Incarnation, Parent
from trioactors.supervision.wait_graph import chain_between
from trioactors.trace.records import CommitFailed, StateCommitted

__all__ = ["Effect", "Saver", "State", "undo_all"]


class State(Protocol):
    """The state of an actor, to and from bytes."""

    inspect: bool
    """Whether the actor's class permits its state to be shown."""

    def encode(self) -> bytes:
        """The present state as a record. Raises what the actor's hook raises, and `SerializationError`."""
        ...

    def restore(self, data: bytes) -> None:
        """Replace the state with the one in the record *data*. Raises what the actor's hook raises, and `SerializationError`."""
        ...

    def decode(self, data: bytes) -> Any:
        """The state in a record; no hook runs. Raises `SerializationError`."""
        ...


class Effect(Protocol):
    """Something that leaves with a commit, or not at all: a cast, a timer, a deferred reply."""

    def release(self) -> None:
        """Let it leave: the commit is done."""
        ...

    def undo(self, error: Exception | None, /) -> None:
        """Undo it: its commit failed with *error*, or there will be none (None)."""
        ...


class Saver(ABC):
    """What both policies share: reading, encoding, and one commit at a time."""

    rolls_back: ClassVar[bool]
    """Whether a failed message leaves the state as it was before."""

    def __init__(self, incarnation: Incarnation, mailbox: Mailbox, state: State, committer: Committer) -> None:
        self.incarnation = incarnation
        self.name = incarnation.child.name
        self._runtime = incarnation.child.runtime
        self._mailbox = mailbox
        self._state = state
        self._committer = committer
        self.key = Key(Space.STATE, self.name)
        self.revision = ABSENT
        self._committed = b""
        """The record in the store, or the fresh state if there is none."""
        self.size = 0
        """The size of that record, in bytes."""
        self._submitted = b""
        """The record in flight."""
        self.committed_at: float | None = None
        """When the last commit of this incarnation was done, on Trio's clock; None if there was none yet."""
        self.busy = False
        """Whether a commit is in flight."""
        self.busy_since = 0.0
        """When the commit in flight was submitted."""
        self.blocked = False
        """Whether the actor must not handle more messages for now."""
        self.fenced = False
        """Whether the store has failed; the incarnation then waits to be stopped."""
        self.detached = False
        """Whether the incarnation continues without this saver, after a crash: what it does then belongs to no commit."""
        self._in_hook = False
        self.parking = Parking()
        """Woken when a commit is settled, and when the actor is asked to stop."""

    def __repr__(self) -> str:
        """The policy, the actor, and its revision."""
        return f"<{type(self).__name__} of {self.name}, revision {self.revision}, {'busy' if self.busy else 'idle'}>"

    # --- effects ---

    @property
    @abstractmethod
    def holding(self) -> bool:
        """Whether effects must be held now."""

    @abstractmethod
    def hold(self, effect: Effect) -> None:
        """Hold *effect* until its commit. Only while `holding`."""

    @property
    def _recording(self) -> bool:
        """Whether a handler or a hook is running, so that the state may be half changed."""
        return self._in_hook or self._mailbox.current is not None

    # --- the results of a handler ---

    @abstractmethod
    def handled(self, envelope: Envelope, reply: Callable[[Any], None] | None, value: Any) -> SerializationError | None:
        """A handler returned: reply when that is safe, unless the reply is deferred. If a hook raises, nothing is settled.

        Returns why the message was refused and undone: the state that it left cannot be written. None if it was not.
        """

    @abstractmethod
    def declared_error(self, envelope: Envelope, error: BaseException) -> None:
        """A handler raised a declared error, which is its reply."""

    @abstractmethod
    def expired(self, envelope: Envelope) -> None:
        """The deadline of a handler's caller passed."""

    @abstractmethod
    def shut_down(self, envelope: Envelope) -> None:
        """A handler raised `Shutdown`: the incarnation stops in order."""

    # --- reading ---

    async def load(self) -> None:
        """Give the actor its committed state. Raises `StoreError`, and `StateUnreadable` if there is a record that cannot be read."""
        found = (await self._read())[0]
        if isinstance(found, Corrupt):
            raise StateUnreadable(self.name, self._committer.where, found.reason)
        if found is None:
            self._committed = self._encode()
        else:
            try:
                self._state.restore(found.data)
            except SerializationError as error:
                raise StateUnreadable(self.name, self._committer.where, str(error)) from error
            self.revision, self._committed = found.revision, found.data
        self.size = len(self._committed)

    async def _read(self) -> Sequence[Record | Corrupt | None]:
        try:
            return await self._committer.read([self.key])
        except StoreError as error:
            failed = error
        await self._wait_for_store_restart()
        raise failed

    async def _wait_for_store_restart(self) -> None:
        """If the store has failed, wait until the root stops this incarnation. Failing on its own would cost it a restart.

        If the root itself waits for this start, return, so that the start fails.
        """
        if not self._committer.broken:
            return
        top: Child | Parent = self.incarnation.child
        while top.parent is not None:
            top = top.parent
        if chain_between(top, self.incarnation.child) is None:
            while self.incarnation.asked is None:
                await self.parking.wait()

    def _encode(self) -> bytes:
        before, self._in_hook = self._in_hook, True
        try:
            return self._state.encode()
        finally:
            self._in_hook = before

    # --- writing ---

    def _commit(self, data: bytes) -> None:
        self._runtime.activity.busy += 1
        self._submitted, self.busy, self.busy_since = data, True, self._runtime.now()
        self._committer.writing[self.key] = self.drained
        self._committer.submit(Batch((Write(self.key, data, expected=self.revision),)), self._settled)

    def _settled(self, verdict: Verdict) -> None:
        """Called by the committer when the commit in flight is done, or has failed."""
        self.busy = False
        observers = self._runtime.observers
        if isinstance(verdict, Committed):
            before, self._committed = self._committed, self._submitted
            self.revision = verdict.revisions[0]
            self.committed_at, self.size = self._runtime.now(), len(self._submitted)
            if observers.listeners:
                now, size, chain = trio.current_time(), len(self._submitted), self._correlation()
                observers.emit(StateCommitted(time=now, child=self.name, revision=self.revision, size=size, correlation=chain))
            if self._committer.listeners:
                self._report_commit(before)
            self._commit_succeeded()
        else:
            observers.emit(CommitFailed(time=trio.current_time(), child=self.name, error=type(verdict).__name__))
            self._commit_failed(verdict)
        if not self.busy:
            del self._committer.writing[self.key]
        self._runtime.activity.less()
        self.parking.wake()
        self._runtime.resting.wake()

    def _report_commit(self, before: bytes) -> None:
        """Tell the listeners of the committer what the commit in flight has changed."""
        kept = Kept(
            time=trio.current_time(),
            child=self.name,
            revision=self.revision,
            correlation=self._correlation(),
            inspect=self._state.inspect,
            before=before,
            after=self._committed,
            decode=self._state.decode,
        )
        for listener in tuple(self._committer.listeners):
            listener(kept)

    def _correlation(self) -> int | None:
        """The chain of messages that led to the commit in flight, if it was one chain and is known."""
        return None

    @abstractmethod
    def _commit_succeeded(self) -> None:
        """The commit in flight is done."""

    @abstractmethod
    def _commit_failed(self, error: Exception) -> None:
        """The commit in flight failed."""

    def _ends_incarnation(self, error: Exception) -> bool:
        """Whether *error* ends the incarnation. If so, this begins to end it."""
        if isinstance(error, StoreConflict | OverLimit):
            self.incarnation.crash(error)
        elif isinstance(error, StoreError) and error.retryable:
            return False
        else:
            self.fenced = self.blocked = True
        return True

    # --- hooks and stopping ---

    async def in_hook(self, hook: Callable[[], Awaitable[None]]) -> None:
        """Run a hook; its changes are committed like those of a message. Raises what it raises, and `StoreError`."""
        self._in_hook = True
        try:
            await hook()
        finally:
            self._in_hook = False

    async def finish(self) -> None:
        """Wait until everything is committed: the actor stops in order. Raises `StoreError` if that is not possible."""
        await self.drained()

    @abstractmethod
    def close(self) -> None:
        """Drop what was not submitted for a commit: the incarnation is over, or a handler has just ended it.

        Calling it again does nothing.
        """

    # --- waiting ---

    async def unblocked(self) -> None:
        """Wait until the actor may handle messages again, or is asked to stop."""
        while self.blocked and self.incarnation.asked is None:
            await self.parking.wait()

    async def drained(self) -> None:
        """Wait until no commit is in flight. The caller's own scope sets the deadline."""
        while self.busy:
            await self.parking.wait()


def undo_all(effects: Sequence[Effect], error: Exception | None) -> None:
    """Undo *effects*, the last one first. *error* is that of their commit, if it failed."""
    for effect in reversed(effects):
        effect.undo(error)
