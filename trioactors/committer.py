"""The one way to the store: commits of all actors, gathered, and the reads of those that start.

A sync costs the same for one record as for a hundred. So commits that arrive while one is on its way share the next one: the worker takes
whatever is queued when it is free, and is always promised one turn ahead, so that it never waits for Trio between two of them. Throughput
grows with the number of actors until the disk is the limit; one actor alone pays one sync each.

Reads and commits take turns in the order in which they came, so an actor that starts reads what its last life handed in.

What an error means is decided here once. One that may pass (`retryable`) is told to everybody in the group, and nothing else happens. Any
other one breaks the store: it is closed, this child ends with that error, and the system's root opens it again, with everything that
rests on it (rest_for_one). Until then nothing is accepted.
"""

from __future__ import annotations

import copy
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs
import outcome
import trio

from trioactors.errors import OverLimit, StoreConflict, StoreError, StorePoisoned, StoreUnavailable, TrioactorsError
from trioactors.persistence import Answer, Batch, Committed, Conflict, Corrupt, Key, Record, Space, Store, Write
from trioactors.trace import StoreCommitted
from trioactors.workers import InPlaceWorker, Worker, called_back, run_on

if TYPE_CHECKING:
    from trioactors.environment import Environment
    from trioactors.trace import Observers

__all__ = ["GROUP", "GROUP_BYTES", "STORE", "Committer", "Verdict", "fresh"]

GROUP: Final = 1_000
"""How many batches share one commit at the most."""

GROUP_BYTES: Final = 64 * 1024 * 1024
"""How many bytes share one commit, but for the last batch in it."""

STORE: Final = ":store"
"""The name of the store among the system's own children."""

_AHEAD: Final = 2
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
    _queue: deque[_Pending] = attrs.field(factory=deque["_Pending"], init=False, repr=False)
    _worker: Worker = attrs.field(factory=InPlaceWorker, init=False, repr=False)
    _turns: int = attrs.field(default=0, init=False)
    """How many turns the worker was promised and has not reported yet."""
    _open: bool = attrs.field(default=False, init=False)
    _broken: TrioactorsError | None = attrs.field(default=None, init=False)
    _news: trio.Event = attrs.field(factory=trio.Event, init=False, repr=False)
    """Set when the store broke, and, while it closes, when the worker has reported its last turn."""

    # --- for actors ---

    def submit(self, batch: Batch, settle: Callable[[Verdict], None]) -> None:
        """Commit *batch*, soon, and tell *settle* what became of it; perhaps before this returns."""
        if not self._open or self._broken is not None:
            settle(self._closed())
            return
        self._queue.append(_Pending(batch, settle))
        if self._turns < _AHEAD:
            self._take_turn()

    async def read(self, keys: Sequence[Key]) -> Sequence[Record | Corrupt | None]:
        """What is committed under *keys*, with everything that was submitted before. Raises `StoreError`."""
        if not self._open or self._broken is not None:
            await trio.lowlevel.checkpoint()
            raise self._closed()
        try:
            return await run_on(self._worker, lambda: self.store.read(keys))
        except StoreError as error:
            if not error.retryable:
                self._break(error)
            raise

    async def erase(self, name: str) -> None:
        """Remove the state of the actor *name*, whatever was submitted for it before. Raises `StoreError`."""
        batch = Batch((Write(Key(Space.STATE, name), None, expected=None),))
        verdict: Verdict = await called_back(lambda settle: self.submit(batch, settle))
        if not isinstance(verdict, Committed):
            raise verdict

    def _closed(self) -> StoreUnavailable:
        why = "is not open" if self._broken is None else f"has failed and is being opened again ({self._broken})"
        return StoreUnavailable(f"the store {why}; nothing was written")

    # --- turns ---

    def _take_turn(self) -> None:
        self._turns += 1
        self._worker.submit(self._commit_group, self._report)

    def _commit_group(self) -> tuple[list[_Pending], Sequence[Answer] | Exception]:
        """In the worker: commit what is queued now."""
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
            return group, self.store.commit([pending.batch for pending in group])
        except Exception as error:  # told to everybody in the group, and nothing more is committed unless the error may pass
            if not (isinstance(error, StoreError) and error.retryable):
                self._broken = _declared(error)
                return group, self._broken
            return group, error

    def _report(self, result: outcome.Outcome[tuple[list[_Pending], Sequence[Answer] | Exception]]) -> None:
        """In Trio's thread: tell what became of a group, and take the next turn."""
        self._turns -= 1
        group, answers = result.unwrap()
        failed = answers if isinstance(answers, Exception) else None
        verdicts: Sequence[Verdict]
        if failed is not None:
            verdicts = [fresh(failed) for _ in group]
        else:
            verdicts = [_verdict(answer) for answer in answers] if isinstance(answers, Sequence) else ()
        if group and self._observers.listeners:
            self._tell(group, failed)
        for pending, verdict in zip(group, verdicts, strict=True):
            pending.settle(verdict)
        if self._queue and self._turns < _AHEAD:
            self._take_turn()
        if self._broken is not None or (self._turns == 0 and not self._open):
            self._news.set()

    def _tell(self, group: list[_Pending], failed: Exception | None) -> None:
        size = sum(len(write.data or b"") for pending in group for write in pending.batch.writes)
        error = None if failed is None else type(failed).__name__
        self._observers.emit(
            StoreCommitted(time=trio.current_time(), child=STORE, batches=len(group), size=size, error=error),
        )

    def _break(self, error: Exception) -> None:
        self._broken = self._broken or _declared(error)
        self._news.set()

    # --- as a child ---

    async def run(self, *, task_status: Any) -> None:
        """Open the store, serve until cancelled, close it. Raises what broke it."""
        self._broken = None
        self._worker = self._environment.worker() if self.store.blocking else InPlaceWorker()
        try:
            await run_on(self._worker, lambda: self.store.open(self._environment))
            self._open = True
            task_status.started()
            while self._broken is None:
                self._news = trio.Event()
                await self._news.wait()
            raise self._broken
        finally:
            self._open = False
            with trio.move_on_after(self._grace, shield=True) as scope:
                await self._close()
            if scope.cancelled_caught:
                _log.error(
                    "%r did not finish within %g s and is left behind; what it was doing may or may not be kept",
                    self.store,
                    self._grace,
                )
            self._worker.close()

    async def _close(self) -> None:
        while self._turns:
            self._news = trio.Event()
            await self._news.wait()
        try:
            await run_on(self._worker, self.store.close)
        except StoreError:
            _log.exception("%r could not be closed", self.store)


def _declared(error: Exception) -> TrioactorsError:
    """*error* as one of the store's: what it does not declare leaves nobody able to say what is kept."""
    if isinstance(error, StoreError):
        return error
    undeclared = StorePoisoned(f"the store failed in a way that it does not declare: {error!r}")
    undeclared.__cause__ = error
    return undeclared


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


def fresh(error: Exception) -> TrioactorsError:
    """The same error once more: each of those who are told raises its own."""
    declared = _declared(error)
    again = copy.copy(declared)
    again.__cause__ = declared.__cause__
    return again
