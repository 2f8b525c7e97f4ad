"""The rules of a commit, as plain functions from data to data."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from trioactors.persistence.options import Limits
from trioactors.persistence.store import ABSENT, Answer, Batch, Committed, Conflict, Key, TooLarge, Write

__all__ = ["Change", "Decision", "decide"]


@attrs.frozen
class Change:
    """The change of one key in a commit: new bytes and a new revision, or None and `ABSENT` for a removal."""

    key: Key
    data: bytes | None = attrs.field(repr=False)
    revision: int


@attrs.frozen
class Decision:
    """The result of `decide`: an answer for each batch, the changes to make in order, and the last revision given."""

    answers: tuple[Answer, ...]
    changes: tuple[Change, ...]
    sequence: int


def decide(batches: Sequence[Batch], *, limits: Limits, sequence: int, revision: Callable[[Key], int]) -> Decision:
    """Apply the rules of a commit to *batches*, without changing anything.

        decision = decide(batches, limits=Limits(), sequence=self._sequence, revision=self._index.revision_of)
        self._write(decision.changes)
        self._sequence = decision.sequence
        return decision.answers

    *sequence* is the last revision that the store has given, and *revision* returns the present revision of a key (`ABSENT` if
    there is none). A batch that is too large or in conflict changes nothing, and the batches behind it are decided as if it
    were not there.
    """
    answers: list[Answer] = []
    changes: list[Change] = []
    pending: dict[Key, int] = {}

    def current(key: Key) -> int:
        known = pending.get(key)
        return revision(key) if known is None else known

    for batch in batches:
        refused = _too_large(batch, limits) or _first_conflict(batch, current)
        if refused is not None:
            answers.append(refused)
            continue
        begin = len(changes)
        for write in batch.writes:
            sequence += 1
            change = _change(write, current(write.key), sequence)
            pending[write.key] = change.revision
            changes.append(change)
        answers.append(Committed(tuple(change.revision for change in changes[begin:])))
    return Decision(tuple(answers), tuple(changes), sequence)


def _change(write: Write, current: int, sequence: int) -> Change:
    if write.data is None:
        return Change(write.key, None, ABSENT)
    return Change(write.key, write.data, sequence if current == ABSENT else current + 1)


def _first_conflict(batch: Batch, revision: Callable[[Key], int]) -> Conflict | None:
    """The first expectation of *batch* that does not hold. *revision* returns the present revision of a key."""
    for check in batch.checks:
        actual = revision(check.key)
        if actual != check.expected:
            return Conflict(check.key, check.expected, actual)
    for write in batch.writes:
        if write.expected is None:
            continue
        actual = revision(write.key)
        if actual != write.expected:
            return Conflict(write.key, write.expected, actual)
    return None


def _too_large(batch: Batch, limits: Limits) -> TooLarge | None:
    """The first name or record of *batch* that exceeds *limits*."""
    for write in batch.writes:
        name = write.key.name
        if len(name) * 4 > limits.key_bytes and len(name.encode()) > limits.key_bytes:
            return TooLarge(write.key, len(name.encode()), limits.key_bytes)
        if write.data is not None and len(write.data) > limits.record_bytes:
            return TooLarge(write.key, len(write.data), limits.record_bytes)
    return None
