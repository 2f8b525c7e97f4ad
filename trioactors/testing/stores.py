"""For authors and users of stores: the contract that every store passes, and a store that fails on request.

    class TestMyStore(StoreContract):
        def make(self, path: Path) -> Store:
            return MyStore(path)

`StoreContract` contains the promises of `trioactors.persistence` as tests. They need pytest, touch nothing outside their temporary
folders, and fork if they need another process.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import attrs

from trioactors.environment.environment import Environment
from trioactors.errors import SpecError, StoreUnavailable
from trioactors.persistence.committer import fresh
from trioactors.persistence.store import SCAN_LIMIT, Answer, Batch, Committed, Corrupt, Found, Key, Record, Space, Store, Write
from trioactors.settings import choice, count, flag, of_class
from trioactors.testing.contract_commits import CommitContract
from trioactors.testing.contract_files import FilesContract
from trioactors.testing.contract_life import LifeContract
from trioactors.testing.contract_records import RecordContract

__all__ = ["Fault", "FaultyStore", "Operation", "StoreContract"]

T = TypeVar("T")


class StoreContract(RecordContract, CommitContract, LifeContract, FilesContract):
    """Every promise of a store, as a test.

        class TestMyStore(StoreContract):
            def make(self, path: Path) -> Store:
                return MyStore(path)

    Subclass it, name the class Test..., and override `make`.
    """


class Operation(enum.Enum):
    """The operations that a fault counts."""

    OPEN = "open"
    READ = "read"
    SCAN = "scan"
    COMMIT = "commit"
    ANY = "any"


def _operation(value: Operation | str) -> Operation:
    return choice(value, Operation, "Fault: operation")


@attrs.frozen(kw_only=True)
class Fault:
    """A fault at the nth operation of a kind. Raises `SpecError` if it could never happen."""

    at: int
    """Which one: operations of this kind are counted from one, from the making of the `FaultyStore` and over all its openings. A commit
    that stores nothing (a message that changed no state) is no operation; commits at the same time can be one, a group."""

    operation: Operation = attrs.field(default=Operation.COMMIT, converter=_operation)
    wait: Callable[[], object] | None = None
    """Called before the operation; it may block."""

    before: Exception | None = None
    """Raised instead of the operation: the error of a store, such as `ta.StoreFull("no room")`, or any other for a bug of the store."""

    after: Exception | None = None
    """Raised after the operation."""

    forget: bool = False
    """From here on commits are acknowledged without a sync: a power cut loses them."""

    def __attrs_post_init__(self) -> None:
        """Check the options."""
        count(self.at, "Fault: at", least=1)
        flag(self.forget, "Fault: forget")
        if self.wait is not None and not callable(self.wait):
            raise SpecError(f"Fault: wait={self.wait!r:.80} must be a function that is called before the operation")
        for option, error in (("before", self.before), ("after", self.after)):
            given: Any = error
            if given is not None and not isinstance(given, Exception):
                known = "ta.StoreUnavailable, StoreFull, StorePoisoned, StoreCorrupt, StoreLocked"
                raise SpecError(f"Fault: {option}={given!r:.80} must be an error, made with its text; those of stores are {known}")
        if self.before is not None and self.after is not None:
            raise SpecError("Fault: after= could never be raised: with before=, the operation does not take place. Make two faults")
        if self.wait is None and self.before is None and self.after is None and not self.forget:
            raise SpecError("Fault: it would do nothing; give at least one of wait=, before=, after= and forget=True")


def _checked(faults: Sequence[Fault]) -> tuple[Fault, ...]:
    return tuple(of_class(fault, Fault, "fault", "Fault(at=1, before=ta.StoreFull('no room'))") for fault in faults)


class FaultyStore:
    """A store that wraps another one and fails as planned.

        store = FaultyStore(store_at("memory:"), Fault(at=3, before=StoreUnavailable("down")))

    Without faults it does what the inner store does. Raises `SpecError` if *inner* is no store, or a fault no `Fault`.
    """

    def __init__(self, inner: Store, *faults: Fault, blocking: bool | None = None) -> None:
        given: Any = inner
        if isinstance(given, type) or not hasattr(given, "commit"):
            raise SpecError(f"FaultyStore takes a store first, such as store_at('memory:'), not {given!r:.80}")
        if blocking is not None:
            flag(blocking, "FaultyStore: blocking")
        self._inner = inner
        self._faults = _checked(faults)
        self._blocking = blocking
        self._counts = dict.fromkeys(Operation, 0)
        self._undo: list[Write] | None = None

    def __repr__(self) -> str:
        return f"<FaultyStore after {self._counts[Operation.ANY]} operations, over {self._inner!r}>"

    @property
    def blocking(self) -> bool:
        """As the inner store, unless set otherwise: this lets a worker hold or delay the calls of a store in memory."""
        return self._inner.blocking if self._blocking is None else self._blocking

    def count(self, operation: Operation) -> int:
        """The number of these operations so far."""
        return self._counts[choice(operation, Operation, "count: operation")]

    def plan(self, *faults: Fault) -> None:
        """Add *faults*, counted from now."""
        self._faults += tuple(attrs.evolve(fault, at=fault.at + self._counts[fault.operation]) for fault in _checked(faults))

    def open(self, environment: Environment) -> None:
        """Open the inner store."""
        self._run(Operation.OPEN, lambda: self._inner.open(environment))

    def read(self, keys: Sequence[Key]) -> Sequence[Record | Corrupt | None]:
        """Read from the inner store."""
        return self._run(Operation.READ, lambda: self._inner.read(keys))

    def scan(
        self, space: Space, start: str = "", stop: str | None = None, *, limit: int = SCAN_LIMIT, reverse: bool = False
    ) -> Sequence[Found]:
        """Scan the inner store."""
        return self._run(Operation.SCAN, lambda: self._inner.scan(space, start, stop, limit=limit, reverse=reverse))

    def commit(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        """Commit to the inner store."""
        return self._run(Operation.COMMIT, lambda: self._remembering(batches))

    def backup(self, to: Path) -> None:
        """Back up the inner store."""
        self._inner.backup(to)

    def close(self) -> None:
        """Close the inner store."""
        self._inner.close()

    def power_cut(self) -> None:
        """Undo what was acknowledged and not synced, and close the store."""
        undo, self._undo = self._undo, None
        for write in reversed(undo or ()):
            self._inner.commit([Batch((write,))])
        self._inner.close()

    def _run(self, operation: Operation, do: Callable[[], T]) -> T:
        due = self._due(operation)
        for fault in due:
            if fault.wait is not None:
                fault.wait()
            if fault.forget and self._undo is None:
                self._undo = []
            if fault.before is not None:
                raise fresh(fault.before)  # a copy, which keeps nothing of this call alive
        result = do()
        for fault in due:
            if fault.after is not None:
                raise fresh(fault.after)
        return result

    def _due(self, operation: Operation) -> Sequence[Fault]:
        for counted in (operation, Operation.ANY):
            self._counts[counted] += 1
        return [
            fault
            for fault in self._faults
            if fault.operation in (operation, Operation.ANY) and fault.at == self._counts[fault.operation]
        ]

    def _remembering(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        """Commit. If commits are not synced, remember how to undo this one."""
        if self._undo is None:
            return self._inner.commit(batches)
        keys = list(dict.fromkeys(write.key for batch in batches for write in batch.writes))
        before = self._inner.read(keys)
        answers = self._inner.commit(batches)
        kept = {
            write.key
            for batch, answer in zip(batches, answers, strict=True)
            for write in batch.writes
            if isinstance(answer, Committed)
        }
        for key, record in zip(keys, before, strict=True):
            if isinstance(record, Corrupt):
                raise StoreUnavailable(f"cannot remember a damaged record: {record}")
            if key in kept:
                self._undo.append(Write(key, None if record is None else record.data, expected=None))
        return answers
