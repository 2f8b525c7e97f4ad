"""Dead letters: as rows, newest first, and grouped by cause."""

from __future__ import annotations

import attrs

from trioactors.inspect.plain import STATE_LIMITS, Plain, plain
from trioactors.messaging.ledger import DeadLetter
from trioactors.settings import count
from trioactors.system.system import System, runtime_of
from trioactors.trace.formatting import described, told

__all__ = ["DeadLetterGroup", "DeadLetterPage", "DeadLetterRow", "dead_letter_groups", "dead_letters", "matching"]

_TARGETS = 20
"""Targets listed for a group."""


@attrs.frozen(kw_only=True)
class DeadLetterRow:
    """A message that could not be delivered."""

    number: int
    """Counted from 0 since the system was opened; it identifies the dead letter."""
    time: float
    target: str
    cause: str
    type: str
    """The class of the message."""
    fields: Plain
    """The arguments, without secret ones."""
    text: str
    """The message as in crash reports."""


@attrs.frozen(kw_only=True)
class DeadLetterPage:
    """One page of dead letters."""

    total: int
    """Dead letters that are kept."""
    lost: int
    """Older dead letters that are no longer kept."""
    discarded: int
    """Dead letters that were discarded by hand."""
    matched: int
    """Dead letters that match the cause and the target."""
    rows: tuple[DeadLetterRow, ...]


@attrs.frozen(kw_only=True)
class DeadLetterGroup:
    """The dead letters of one cause."""

    cause: str
    count: int
    types: tuple[str, ...]
    targets: tuple[str, ...]
    """The first few."""
    targets_total: int
    first: float
    last: float


def dead_letters(
    system: System, *, cause: str | None = None, target: str | None = None, limit: int = 100, offset: int = 0
) -> DeadLetterPage:
    """Return a page of the dead letters, newest first, optionally only those with *cause* or to *target*.

    Raises `SpecError` if *limit* or *offset* is invalid.
    """
    runtime = runtime_of(system)
    last = count(offset, "offset") + count(limit, "limit")
    found = matching(system, cause=cause, target=target)
    total, accounts = len(runtime.accounts.dead_letters), runtime.accounts
    return DeadLetterPage(
        total=total,
        lost=accounts.dead - accounts.discarded - total,
        discarded=accounts.discarded,
        matched=len(found),
        rows=tuple(map(_row, found[::-1][offset:last])),
    )


def dead_letter_groups(system: System) -> tuple[DeadLetterGroup, ...]:
    """Return the dead letters grouped by cause, largest group first."""
    groups: dict[str, list[DeadLetter]] = {}
    for letter in matching(system):
        groups.setdefault(letter.cause, []).append(letter)
    return tuple(_group(cause, letters) for cause, letters in sorted(groups.items(), key=lambda item: -len(item[1])))


def matching(system: System, *, cause: str | None = None, target: str | None = None) -> list[DeadLetter]:
    """The dead letters that are kept, oldest first, optionally only those with *cause* or to *target*."""
    return [
        letter
        for letter in runtime_of(system).accounts.dead_letters
        if (cause is None or letter.cause == cause) and (target is None or letter.target == target)
    ]


def _row(letter: DeadLetter) -> DeadLetterRow:
    return DeadLetterRow(
        number=letter.number,
        time=letter.time,
        target=letter.target,
        cause=letter.cause,
        type=type(letter.message).__name__,
        fields=plain(letter.message, STATE_LIMITS),
        text=described(letter.message, told),
    )


def _group(cause: str, letters: list[DeadLetter]) -> DeadLetterGroup:
    targets = dict.fromkeys(letter.target for letter in letters)
    return DeadLetterGroup(
        cause=cause,
        count=len(letters),
        types=tuple(dict.fromkeys(type(letter.message).__name__ for letter in letters)),
        targets=tuple(targets)[:_TARGETS],
        targets_total=len(targets),
        first=letters[0].time,
        last=letters[-1].time,
    )
