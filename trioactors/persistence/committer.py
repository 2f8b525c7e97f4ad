"""The one way to the store: commits of all actors, gathered, and the reads of those that start.

A sync costs the same for one record as for a hundred. So commits that arrive while one is on its way share the next one: the worker takes
whatever is queued when its turn begins, and a turn is promised to it as soon as the last one has begun, so that it never waits for Trio
between two of them. Throughput grows with the number of actors until the disk is the limit; one actor alone pays one sync each.

Reads and commits take turns in the order in which they came, up to the limits of a group: a read behind more commits than one group
holds may come before the last of them. An actor that starts waits for the commits of its last life by itself.

What an error means is decided here once. One that may pass (`retryable`) is told to everybody in the group, and nothing else happens. Any
other one breaks the store: it is closed, this child ends with that error, and the system's root opens it again, with everything that
rests on it (rest_for_one). Until then nothing is accepted.

A disk may never answer. Then closing ends with its grace: the worker is left behind with what it is doing, whoever waits for it is told
that nobody can say what is kept, and the store is not opened again before that worker has come back.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias, TypeVar

import attrs
import outcome
import trio

from trioactors.environment.environment import Environment
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

__all__ = ["GROUP", "GROUP_BYTES", "STORE", "Committer", "Kept", "Verdict", "fresh"]

E = TypeVar("E", bound=Exception)


@attrs.frozen(kw_only=True, eq=False)
class Kept:
    """A commit that is done: the record before it, and the one that is kept now."""

    time: float
    child: str
    revision: int
    correlation: int | None
    """The chain of messages that led to it, where it is one and known."""
    inspect: bool
    """Whether the actor's class lets its state be looked at."""
    before: bytes = attrs.field(repr=False)
    after: bytes = attrs.field(repr=False)
    decode: Callable[[bytes], Any] = attrs.field(repr=False)
    """Gives the state in a record, for looking at: no hook of the actor's is called. Raises `SerializationError`."""


GROUP: Final = 1_000
"""How many batches share one commit at the most."""

GROUP_BYTES: Final = 64 * 1024 * 1024
"""How many bytes share one commit, but for the last batch in it."""

STORE: Final = ":store"
"""The name of the store among the system's own children."""

_log = logging.getLogger("trioactors")

Verdict: TypeAlias = Committed | TrioactorsError
"""What became of one batch."""


@attrs.define(eq=False)
class _Pending:
    batch: Batch
    settle: Callable[[Verdict], None]


@attrs.define(eq=False)
class Committer:
    """Owns the store of one system while it runs."""

    store: Store
    _environment: Environment = attrs.field(alias="environment", repr=False)
    _observers: Observers = attrs.field(alias="observers", repr=False)
    _grace: float = attrs.field(alias="grace", repr=False)
    """Seconds that closing may take."""
    where: str = attrs.field(kw_only=True, default=attrs.Factory(lambda self: repr(self.store), takes_self=True))
    """How people call the store: its URL, if it was opened by one."""
    listeners: list[Callable[[Kept], None]] = attrs.field(factory=list["Callable[[Kept], None]"], init=False, repr=False)
    """Called with each commit of a state, with the records themselves, which trace records do not hold. They must not raise."""
    _queue: deque[_Pending] = attrs.field(factory=deque["_Pending"], init=False, repr=False)
    _worker: Worker = attrs.field(factory=InPlaceWorker, init=False, repr=False)
    _unsettled: set[_Pending] = attrs.field(factory=set["_Pending"], init=False, repr=False)
    """What was submitted and not told yet, queued or in the worker's hands."""
    _promised: deque[None] = attrs.field(factory=deque[None], init=False, repr=False)
    """The turns that the worker was promised and has not begun; like the queue, both threads use it, and each step is one atomic call."""
    _turns: int = attrs.field(default=0, init=False)
    """How many turns the worker was promised and has not reported yet."""
    _open: bool = attrs.field(default=False, init=False)
    _closing: bool = attrs.field(default=False, init=False)
    _left_behind: bool = attrs.field(default=False, init=False)
    """Whether a worker that did not finish in time still has the store."""
    _broken: TrioactorsError | None = attrs.field(default=None, init=False)
    _changed: trio.Event = attrs.field(factory=trio.Event, init=False, repr=False)
    """Set when the store broke, and, while it closes, when the worker has reported its last turn."""

    # --- for actors ---

    def submit(self, batch: Batch, settle: Callable[[Verdict], None]) -> None:
        """Commit *batch*, soon, and tell *settle* what became of it; perhaps before this returns."""
        if not self._open or self._broken is not None:
            settle(self._closed())
            return
        pending = _Pending(batch, settle)
        self._unsettled.add(pending)
        self._queue.append(pending)
        self._promise_turn()

    async def read(self, keys: Sequence[Key]) -> Sequence[Record | Corrupt | None]:
        """What is committed under *keys*. Raises `StoreError`."""
        if not self._open or self._broken is not None:
            await trio.lowlevel.checkpoint()
            raise self._closed()
        try:
            return await run_on(self._worker, lambda: self.store.read(keys))
        except StoreError as error:
            if not error.retryable:
                self._break(error)
            raise

    async def look(self, space: Space, start: str, *, limit: int) -> Sequence[Found]:
        """The first *limit* records of *space* from the name *start* on. For people: no error breaks anything. Raises `StoreError`."""
        if not self._open or self._broken is not None:
            await trio.lowlevel.checkpoint()
            raise self._closed()
        return await run_on(self._worker, lambda: self.store.scan(space, start, limit=limit))

    async def erase(self, name: str) -> None:
        """Remove the state of the actor *name*, whatever was submitted for it before. Raises `StoreError`."""
        batch = Batch((Write(Key(Space.STATE, name), None, expected=None),))
        verdict: Verdict = await called_back(lambda settle: self.submit(batch, settle))
        if not isinstance(verdict, Committed):
            raise verdict

    @property
    def broken(self) -> bool:
        """Whether the store has failed, and is about to be opened again with everything that rests on it."""
        return self._broken is not None

    def _closed(self) -> StoreUnavailable:
        why = "is not open" if self._broken is None else f"has failed and is being opened again ({self._broken})"
        return StoreUnavailable(f"the store {why}; nothing was written")

    # --- turns ---

    def _promise_turn(self) -> None:
        """The queue is not empty: see to it that a turn will begin which takes it."""
        if not self._promised:
            self._turns += 1
            self._promised.append(None)
            self._worker.submit(self._commit_group, self._report)

    def _commit_group(self) -> tuple[list[_Pending], Sequence[Answer] | TrioactorsError]:
        """In the worker: commit what is queued now."""
        self._promised.popleft()  # first: what is queued from here on may come too late for this turn
        group: list[_Pending] = []
        size = 0
        while self._queue and len(group) < GROUP and size < GROUP_BYTES:
            pending = self._queue.popleft()
            group.append(pending)
            size += sum(len(write.data or b"") for write in pending.batch.writes)
        if not group:
            return group, ()
        if self._broken is not None:
            return group, self._closed()
        try:
            return group, _checked(self.store.commit([pending.batch for pending in group]), group)
        except Exception as error:  # told to everybody in the group, and nothing more is committed unless the error may pass
            known = _as_store_error(error)
            if not known.retryable:
                self._broken = known
            return group, known

    def _report(self, result: outcome.Outcome[tuple[list[_Pending], Sequence[Answer] | TrioactorsError]]) -> None:
        """In Trio's thread: tell what became of a group, and take the next turn."""
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
        """Tell *pending* what became of it, unless it was told already that nobody will hear of it."""
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
        """Open the store, serve until cancelled, close it. Raises what broke it."""
        if self._left_behind:
            raise StoreUnavailable(f"{self.store!r} has not come back from what it was doing when it was closed last")
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
            await run_on(self._worker, lambda: self.store.open(self._environment))
        except OSError as error:
            raise StoreUnavailable(f"{self.where} cannot be opened: {error}. Nothing was changed.") from error

    async def _close(self) -> None:
        while self._turns:  # those who still have something to commit may do so: their callers wait
            self._changed = trio.Event()
            await self._changed.wait()
        self._open = False
        try:
            await run_on(self._worker, self.store.close)
        except StoreError:
            _log.exception("%r could not be closed", self.store)

    def _leave_behind(self) -> None:
        _log.error(
            "%r did not finish within %g s and is left behind; what it was doing may or may not be kept", self.store, self._grace
        )
        self._left_behind = True
        self._worker.submit(self.store.close, self._worker_finished)

    def _settle_all(self) -> None:
        """Nobody waits for ever: what was not begun is not written, and of what was begun nobody will hear any more."""
        while self._queue:
            self._settle(self._queue.popleft(), self._closed())
        lost = StorePoisoned(
            f"{self.store!r} was closed before it had told what became of this; nobody can say whether it was kept"
        )
        for pending in tuple(self._unsettled):
            self._settle(pending, fresh(lost))

    def _worker_finished(self, _: object) -> None:
        """The worker has done the last thing that it was asked to do."""
        self._left_behind = False


def _as_store_error(error: Exception) -> StoreError:
    """*error* as one of the store's: what it does not declare leaves nobody able to say what is kept."""
    if isinstance(error, StoreError):
        return error
    unknown = StorePoisoned(f"the store failed in a way that it does not declare: {error!r}")
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
    """*answers*, if they are as the port says: one for each batch, and a revision for each write. Raises `TypeError`."""
    if len(answers) != len(group):
        raise TypeError(f"commit gave {len(answers)} answers to {len(group)} batches")
    for answer, pending in zip(answers, group, strict=True):
        if isinstance(answer, Committed):
            if len(answer.revisions) != len(pending.batch.writes):
                raise TypeError(f"commit gave {answer!r} to a batch of {len(pending.batch.writes)} writes")
        elif not isinstance(answer, Conflict | TooLarge):  # pyright: ignore[reportUnnecessaryIsInstance] - a plug-in's word
            raise TypeError(f"commit answered {answer!r}")
    return answers


def fresh(error: E) -> E:
    """The same error once more: each of those who are told raises its own. Made without its `__init__`, which may want more."""
    again = type(error).__new__(type(error), *error.args)
    vars(again).update(vars(error))
    again.__cause__ = error.__cause__
    return again
