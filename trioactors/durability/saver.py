"""How the state of one durable actor is read and committed, in one life of it: what both policies share.

A state is one record. What a failed commit means is its error's business. One that may pass (unavailable, full) undoes, and nobody crashes.
`StoreConflict` and a record too large crash the actor. Any other one means that the store itself is gone: this actor does nothing more
(`fenced`) until the system's root, which restarts the store and all that rests on it, stops it.

Commits do not belong to the task of the actor: what was handled is committed although the actor crashes or is killed meanwhile, and the
next life waits for that before it reads.
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
    """Whether the class lets its state be looked at."""

    def encode(self) -> bytes:
        """The record of the state as it is now. Raises what the actor's hook raises, and `SerializationError`."""
        ...

    def restore(self, data: bytes) -> None:
        """Replace the state by the one in the record *data*. Raises what the actor's hook raises, and `SerializationError`."""
        ...

    def decode(self, data: bytes) -> Any:
        """The state in a record; no hook is called. Raises `SerializationError`."""
        ...


class Effect(Protocol):
    """Something that leaves with a commit, or never."""

    def release(self) -> None:
        """The commit is done."""
        ...

    def undo(self) -> None:
        """The commit failed, or there will be none."""
        ...


class Saver(ABC):
    """What both policies share: reading, encoding, and one commit at a time."""

    rolls_back: ClassVar[bool]
    """Whether the state is as before a message that failed."""

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
        """The record as it is in the store, or the fresh state where none is."""
        self.size = 0
        """The bytes of that."""
        self._submitted = b""
        """The record that is on its way."""
        self.committed_at: float | None = None
        """When a commit of this life was done last."""
        self.busy = False
        """Whether a commit is on its way."""
        self.busy_since = 0.0
        """When it was handed to the store."""
        self.blocked = False
        """Whether the actor must not handle more for now."""
        self.fenced = False
        """Whether the store below is gone, and this life with it."""
        self.detached = False
        """Whether the incarnation goes on without it, after a crash: what it does then belongs to no commit."""
        self._in_hook = False
        self.parking = Parking()
        """Rung when a commit is settled, and when the actor is asked to end."""

    def __repr__(self) -> str:
        """Whose state, and how far it is."""
        return f"<{type(self).__name__.lower()} of {self.name}, revision {self.revision}, {'busy' if self.busy else 'idle'}>"

    # --- for those who send ---

    @property
    @abstractmethod
    def holding(self) -> bool:
        """Whether what is sent now must be held."""

    @abstractmethod
    def hold(self, effect: Effect) -> None:
        """Keep *effect* until the commit that it belongs to. Only while `holding`."""

    @property
    def _recording(self) -> bool:
        """Whether a handler or a hook is at work, and the state therefore not to be looked at."""
        return self._in_hook or self._mailbox.current is not None

    # --- the ends of a handler ---

    @abstractmethod
    def handled(self, envelope: Envelope, answer: Callable[[Any], None] | None, value: Any) -> None:
        """A handler returned: answer when that is safe, unless the reply is deferred. Raises what encoding raises, unsettled."""

    @abstractmethod
    def declared_error(self, envelope: Envelope, error: BaseException) -> None:
        """A handler raised a declared error, which is its answer."""

    @abstractmethod
    def expired(self, envelope: Envelope) -> None:
        """The time of a handler's caller was up."""

    @abstractmethod
    def shut_down(self, envelope: Envelope) -> None:
        """A handler raised `Shutdown`: this life ends in order."""

    # --- reading ---

    async def load(self) -> None:
        """Give the actor its committed state. Raises `StoreError`."""
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
        """If the store below is gone, wait until the root stops this life, as it will: to fail by itself would cost it a restart.

        Only where the root itself waits for this start, the start has to fail.
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
        self._committer.submit(Batch((Write(self.key, data, expected=self.revision),)), self._settled)

    def _settled(self, verdict: Verdict) -> None:
        """The commit on its way is done, or has failed."""
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
        self._runtime.activity.less()
        self.parking.wake()

    def _report_commit(self, before: bytes) -> None:
        """Somebody wants to know what the commit on its way has changed."""
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
        """The chain of messages that led to the commit on its way, if it was one and is known."""
        return None

    @abstractmethod
    def _commit_succeeded(self) -> None:
        """The commit on its way is done."""

    @abstractmethod
    def _commit_failed(self, error: Exception) -> None:
        """It failed."""

    def _ends_incarnation(self, error: Exception) -> bool:
        """Whether a failed commit ends this life; then it is on its way."""
        if isinstance(error, StoreConflict | OverLimit):
            self.incarnation.crash(error)
        elif isinstance(error, StoreError) and error.retryable:
            return False
        else:
            self.fenced = self.blocked = True
        return True

    # --- hooks and the end ---

    async def in_hook(self, hook: Callable[[], Awaitable[None]]) -> None:
        """Run a hook of the actor's; what it changed is committed as if a message had. Raises what it raises, and `StoreError`."""
        self._in_hook = True
        try:
            await hook()
        finally:
            self._in_hook = False

    async def finish(self) -> None:
        """The actor ends in order: wait until all is committed. Raises `StoreError` if it cannot be."""
        await self.drained()

    @abstractmethod
    def close(self) -> None:
        """The life is over, or a handler has just ended it: what was not handed in for a commit is lost. Closing twice is closing once."""

    def detach(self) -> None:
        """The incarnation goes on without it; as `close`."""
        self.close()
        self.detached = True

    # --- waiting ---

    async def unblocked(self) -> None:
        """Wait until the actor may handle on, or is asked to end."""
        while self.blocked and self.incarnation.asked is None:
            await self.parking.wait()

    async def drained(self) -> None:
        """Wait until no commit is on its way. The caller's own scope bounds it."""
        while self.busy:
            await self.parking.wait()


def undo_all(effects: Sequence[Effect]) -> None:
    """Undo them, the last first."""
    for effect in reversed(effects):
        effect.undo()
