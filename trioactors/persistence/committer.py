"""The committer: the one way to the store. It groups the commits of all actors, and reads for those that start.

A sync costs the same for one record as for a hundred. So commits that arrive while one is in flight share the next one: the
worker takes whatever is queued when its turn begins. The next turn is requested as soon as the last one has begun, so the
worker never waits for Trio between two turns. Throughput grows with the number of actors until the disk is the limit; a single
actor pays one sync for each commit.

Reads and commits take turns in the order of arrival, within the limits of a group: a read behind more commits than one group
holds may run before the last of them. An actor that starts waits for the commits of the last actor of its name: see `settled`.

The meaning of an error is decided here, once. A retryable error goes to everything in the group, and nothing else happens. Any
other error breaks the store: the store is closed, this child exits with that error, and the system's root opens the store again
and restarts all that depends on it (rest_for_one). Until then nothing is accepted.

A disk may hang forever. Closing then ends with its grace: the worker is abandoned with its operation, the commits it holds
fail as indeterminate, and the store is not opened again before that worker has finished.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeAlias, TypeVar

import attrs
import outcome
import trio

from trioactors.environment.environment import Environment
from trioactors.environment.forks import forked, in_forked_children
from trioactors.environment.workers import InPlaceWorker, Worker, called_back, run_on
from trioactors.errors import OverLimit, StoreConflict, StoreError, StorePoisoned, StoreUnavailable, TrioactorsError
from trioactors.persistence.store import (
    Answer,
    Batch,
    Committed,
    Conflict,
    Corrupt,
    Found,
    Key,
    Record,
    Space,
    Store,
    TooLarge,
    Write,
)
from trioactors.trace.observers import Observers
from trioactors.trace.records import StoreCommitted

__all__ = ["GROUP", "GROUP_BYTES", "STORE", "Committer", "Kept", "Verdict", "erasure", "fresh"]

E = TypeVar("E", bound=Exception)


@attrs.frozen(kw_only=True, eq=False)
class Kept:
    """A commit that is done: the record before it, and the record now stored."""

    time: float
    child: str
    revision: int
    correlation: int | None
    """The chain of messages that led to it, if it was one chain and is known."""
    inspect: bool
    """Whether the actor's class permits its state to be shown."""
    before: bytes = attrs.field(repr=False)
    after: bytes = attrs.field(repr=False)
    decode: Callable[[bytes], Any] = attrs.field(repr=False)
    """Returns the state in a record, for display: no hook runs. Raises `SerializationError`."""


GROUP: Final = 1_000
"""The most batches that share one commit."""

GROUP_BYTES: Final = 64 * 1024 * 1024
"""The bytes after which a commit takes no further batch."""

STORE: Final = ":store"
"""The name of the store among the system's own children."""

_log = logging.getLogger("trioactors")

Verdict: TypeAlias = Committed | TrioactorsError
"""The outcome of one batch."""


@attrs.define(eq=False)
class _Pending:
    batch: Batch
    settle: Callable[[Verdict], None]
    alone: bool = False


def erasure(name: str) -> Batch:
    """What removes the state of the actor *name*, whatever was submitted for it before."""
    return Batch((Write(Key(Space.STATE, name), None, expected=None),))


@attrs.define(eq=False)
class Committer:
    """The owner of the store of one system, while it runs."""

    store: Store
    _environment: Environment = attrs.field(alias="environment", repr=False)
    _observers: Observers = attrs.field(alias="observers", repr=False)
    _grace: float = attrs.field(alias="grace", repr=False)
    """The seconds that closing may take."""
    where: str = attrs.field(kw_only=True, default=attrs.Factory(lambda self: repr(self.store), takes_self=True))
    """The store's name for display: its URL, if it was opened by one."""
    listeners: list[Callable[[Kept], None]] = attrs.field(factory=list["Callable[[Kept], None]"], init=False, repr=False)
    """Called with each commit of a state. They get the records themselves, which trace records do not contain. Must not raise."""
    on_open: Callable[[Store], None] | None = attrs.field(default=None, init=False, repr=False)
    """Called in the worker's thread when the store has been opened, before anything else uses it. Must not raise."""
    on_close: Callable[[], None] | None = attrs.field(default=None, init=False, repr=False)
    """Called before the store closes; what it submits is still committed. Must not raise."""
    writing: dict[Key, Callable[[], Awaitable[None]]] = attrs.field(
        factory=dict["Key", "Callable[[], Awaitable[None]]"], init=False, repr=False
    )
    """For each key of which an incarnation has a commit in flight, what waits for its last one. More may follow from that commit."""
    _queue: deque[_Pending] = attrs.field(factory=deque["_Pending"], init=False, repr=False)
    _worker: Worker = attrs.field(factory=InPlaceWorker, init=False, repr=False)
    _unsettled: set[_Pending] = attrs.field(factory=set["_Pending"], init=False, repr=False)
    """The batches whose outcome was not reported yet: queued, or held by the worker."""
    _promised: deque[None] = attrs.field(factory=deque[None], init=False, repr=False)
    """The turns that were requested and have not begun. Both threads use it, like the queue; each step is one atomic call."""
    _turns: int = attrs.field(default=0, init=False)
    """The number of turns that were requested and not reported yet."""
    _open: bool = attrs.field(default=False, init=False)
    _closing: bool = attrs.field(default=False, init=False)
    left_behind: bool = attrs.field(default=False, init=False)
    """Whether a worker that did not finish in time still holds the store."""
    _broken: TrioactorsError | None = attrs.field(default=None, init=False)
    _forked: bool = attrs.field(default=False, init=False)
    """Whether this is the copy in a forked process. The store is the parent's, and is not even closed here."""
    _changed: trio.Event = attrs.field(factory=trio.Event, init=False, repr=False)
    """Set when the store broke and, while it closes, when the worker has reported its last turn."""

    def __attrs_post_init__(self) -> None:
        in_forked_children(self, Committer._leave)

    def _leave(self) -> None:
        """Called in a forked process, which has no worker: nothing waits for one."""
        self._forked, self._broken = True, forked(f"the store {self.where}")
        self._worker, self._turns = InPlaceWorker(), 0

    # --- for actors ---

    def submit(self, batch: Batch, settle: Callable[[Verdict], None], *, alone: bool = False) -> None:
        """Queue *batch* for the next commit, and call *settle* with the outcome; possibly before this returns.

        A batch that goes *alone* shares its commit with no other: if the store refuses it, no other one fails with it.
        """
        if not self._open or self._broken is not None:
            settle(self._closed())
            return
        pending = _Pending(batch, settle, alone)
        self._unsettled.add(pending)
        self._queue.append(pending)
        self._promise_turn()

    async def read(self, keys: Sequence[Key]) -> Sequence[Record | Corrupt | None]:
        """The committed records under *keys*. Raises `StoreError`."""
        if not self._open or self._broken is not None:
            await trio.lowlevel.checkpoint()
            raise self._closed()
        try:
            return await run_on(self._worker, lambda: self.store.read(keys))
        except StoreError as error:
            if not error.retryable:
                self._break(error)
            raise

    async def settled(self, key: Key) -> None:
        """Wait until no incarnation has a commit of *key* in flight. The caller's own scope sets the deadline."""
        if (done := self.writing.get(key)) is not None:
            await done()

    async def look(self, space: Space, start: str, *, limit: int) -> Sequence[Found]:
        """The first *limit* records of *space* from the name *start* on, for display. Raises `StoreError`, and breaks nothing."""
        if not self._open or self._broken is not None:
            await trio.lowlevel.checkpoint()
            raise self._closed()
        return await run_on(self._worker, lambda: self.store.scan(space, start, limit=limit))

    async def commit(self, batch: Batch) -> None:
        """Commit *batch*. If the caller is cancelled, it may be committed all the same. Raises `StoreError`, `OverLimit`."""
        verdict: Verdict = await called_back(lambda settle: self.submit(batch, settle))
        if not isinstance(verdict, Committed):
            raise verdict

    @property
    def broken(self) -> bool:
        """Whether the store has failed, and is about to be restarted with all that depends on it."""
        return self._broken is not None

    def _closed(self) -> TrioactorsError:
        if self._forked:
            return forked(f"the store {self.where}")
        why = "is not open" if self._broken is None else f"has failed and is being opened again ({self._broken})"
        return StoreUnavailable(f"the store {why}; nothing was written")

    # --- turns ---

    def _promise_turn(self) -> None:
        """Request a turn for what is queued, unless one that will take it is requested already."""
        if not self._promised:
            self._turns += 1
            self._promised.append(None)
            self._worker.submit(self._commit_group, self._report)

    def _commit_group(self) -> tuple[list[_Pending], Sequence[Answer] | TrioactorsError]:
        """Commit what is queued now. Runs in the worker's thread."""
        self._promised.popleft()  # before the queue is read: what is queued later may miss this turn
        group: list[_Pending] = []
        size = 0
        while self._queue and len(group) < GROUP and size < GROUP_BYTES:
            if group and (self._queue[0].alone or group[0].alone):
                break
            pending = self._queue.popleft()
            group.append(pending)
            size += sum(len(write.data or b"") for write in pending.batch.writes)
        if not group:
            return group, ()
        if self._broken is not None:
            return group, self._closed()
        try:
            return group, _checked(self.store.commit([pending.batch for pending in group]), group)
        except Exception as error:  # it goes to the whole group; unless it is retryable, nothing more is committed
            known = _as_store_error(error)
            if not known.retryable:
                self._broken = known
            return group, known

    def _report(self, result: outcome.Outcome[tuple[list[_Pending], Sequence[Answer] | TrioactorsError]]) -> None:
        """Report the outcome of a group, and request the next turn. Runs in Trio's thread."""
        self._turns -= 1
        group, answers = result.unwrap()
        failed = answers if isinstance(answers, Exception) else None
        if group and self._observers.listeners:
            self._emit(group, failed)
        if self._queue:
            self._promise_turn()
        if isinstance(answers, Exception):
            for pending in group:
                self._settle(pending, fresh(answers))
        else:
            for pending, answer in zip(group, answers, strict=True):
                self._settle(pending, _verdict(answer))
        if self._broken is not None or (self._turns == 0 and self._closing):
            self._changed.set()

    def _settle(self, pending: _Pending, verdict: Verdict) -> None:
        """Report the outcome of *pending*, unless it was reported as indeterminate already."""
        if pending in self._unsettled:
            self._unsettled.remove(pending)
            pending.settle(verdict)

    def _emit(self, group: list[_Pending], failed: Exception | None) -> None:
        size = sum(len(write.data or b"") for pending in group for write in pending.batch.writes)
        error = None if failed is None else type(failed).__name__
        self._observers.emit(
            StoreCommitted(time=trio.current_time(), child=STORE, batches=len(group), size=size, error=error),
        )

    def _break(self, error: Exception) -> None:
        self._broken = self._broken or _as_store_error(error)
        self._changed.set()

    # --- as a child ---

    async def run(self, *, task_status: Any) -> None:
        """Open the store, serve until cancelled, close it. Raises the error that broke the store."""
        if self.left_behind:
            raise StoreUnavailable(f"{self.store!r} is still busy with an operation from before it was closed")
        self._broken = None
        self._worker = self._environment.worker() if self.store.blocking else InPlaceWorker()
        try:
            await self._begin()
            self._open = True
            task_status.started()
            while self._broken is None:
                self._changed = trio.Event()
                await self._changed.wait()
            raise self._broken
        finally:
            self._closing = True
            try:
                with trio.move_on_after(self._grace, shield=True) as scope:
                    await self._close()
                if scope.cancelled_caught:
                    self._leave_behind()
            finally:
                self._open = self._closing = False
                self._settle_all()
                self._worker.close()

    async def _begin(self) -> None:
        try:
            await run_on(self._worker, self._open_store)
        except OSError as error:
            raise StoreUnavailable(f"{self.where} cannot be opened: {error}. Nothing was changed.") from error

    def _open_store(self) -> None:
        """Runs in the worker's thread."""
        self.store.open(self._environment)
        if self.on_open is not None:
            self.on_open(self.store)

    async def _close(self) -> None:
        if self.on_close is not None and not self._forked:
            self.on_close()
        while self._turns:  # commits that are queued are still done: callers wait for them
            self._changed = trio.Event()
            await self._changed.wait()
        self._open = False
        if self._forked:
            return
        try:
            await run_on(self._worker, self.store.close)
        except StoreError:
            _log.exception("%r could not be closed", self.store)

    def _leave_behind(self) -> None:
        _log.error(
            "%r did not finish within %g s and is abandoned; what it was doing may or may not be stored", self.store, self._grace
        )
        self.left_behind = True
        self._worker.submit(self.store.close, self._worker_finished)

    def _settle_all(self) -> None:
        """Settle the rest: queued batches fail; batches in flight are indeterminate."""
        while self._queue:
            self._settle(self._queue.popleft(), self._closed())
        lost = StorePoisoned(f"{self.store!r} was closed before it reported the outcome; this commit may or may not be stored")
        for pending in tuple(self._unsettled):
            self._settle(pending, fresh(lost))

    def _worker_finished(self, _: object) -> None:
        """The abandoned worker has finished; the store may be opened again."""
        self.left_behind = False


def _as_store_error(error: Exception) -> StoreError:
    """*error* as a store error. An undeclared one leaves it unknown what is stored."""
    if isinstance(error, StoreError):
        return error
    unknown = StorePoisoned(f"the store raised an error that it does not declare: {error!r}")
    unknown.__cause__ = error
    return unknown


def _verdict(answer: Answer) -> Verdict:
    if isinstance(answer, Committed):
        return answer
    if isinstance(answer, Conflict):
        return StoreConflict(
            f"{answer.key.name!r} has another writer: its revision is {answer.actual}, and {answer.expected} was expected. "
            f"One durable name has one owner: look for a second process or system on this store.",
            expected=answer.expected,
            actual=answer.actual,
        )
    return OverLimit(f"{answer.size} bytes are more than the store takes ({answer.limit})", type_name=answer.key.name)


def _checked(answers: Sequence[Answer], group: Sequence[_Pending]) -> Sequence[Answer]:
    """*answers*, if they obey the port: one for each batch, and one revision for each write. Raises `TypeError`."""
    if len(answers) != len(group):
        raise TypeError(f"commit gave {len(answers)} answers to {len(group)} batches")
    for answer, pending in zip(answers, group, strict=True):
        if isinstance(answer, Committed):
            if len(answer.revisions) != len(pending.batch.writes):
                raise TypeError(f"commit gave {answer!r} to a batch of {len(pending.batch.writes)} writes")
        elif not isinstance(answer, Conflict | TooLarge):  # pyright: ignore[reportUnnecessaryIsInstance] - a plug-in may err
            raise TypeError(f"commit answered {answer!r}")
    return answers


def fresh(error: E) -> E:
    """A copy of *error*: each receiver raises its own. Made without calling `__init__`, which may take other arguments."""
    again = type(error).__new__(type(error), *error.args)
    vars(again).update(vars(error))
    again.__cause__ = error.__cause__
    return again
