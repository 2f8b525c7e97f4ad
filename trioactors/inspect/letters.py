"""Dead letters: one by one, the newest first, and grouped by cause."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from trioactors.inspect.plain import STATE_LIMITS, Plain, plain
from trioactors.messaging.ledger import DeadLetter
from trioactors.settings import count
from trioactors.system.system import System, runtime_of
from trioactors.trace.formatting import described, told

__all__ = ["DeadLetterGroup", "DeadLetterPage", "DeadLetterRow", "dead_letter_groups", "dead_letters"]

_TARGETS = 20
"""How many targets of a group are named."""


@attrs.frozen(kw_only=True)
class DeadLetterRow:
    """One message that could not be delivered."""

    number: int
    """Counted from 0 over the life of the system; it names this letter as long as it is kept."""
    time: float
    target: str
    cause: str
    type: str
    """The class of the message."""
    fields: Plain
    """Its arguments, but for those that are secret."""
    text: str
    """The message as reports show it."""


@attrs.frozen(kw_only=True)
class DeadLetterPage:
    """A part of the list."""

    total: int
    """How many are kept."""
    lost: int
    """How many older ones are not kept any more."""
    matched: int
    rows: tuple[DeadLetterRow, ...]


@attrs.frozen(kw_only=True)
class DeadLetterGroup:
    """The dead letters of one cause."""

    cause: str
    count: int
    types: tuple[str, ...]
    targets: tuple[str, ...]
    """The first of them."""
    first: float
    last: float


def dead_letters(
    system: System, *, cause: str | None = None, target: str | None = None, limit: int = 100, offset: int = 0
) -> DeadLetterPage:
    """The dead letters that are kept, the newest first: of one *cause*, to one *target*, or all. Raises `SpecError`."""
    runtime = runtime_of(system)
    last = count(offset, "offset") + count(limit, "limit")
    found = [
        (number, letter)
        for number, letter in _numbered(system)
        if (cause is None or letter.cause == cause) and (target is None or letter.target == target)
    ]
    total = len(runtime.accounts.dead_letters)
    rows = tuple(_row(number, letter) for number, letter in found[::-1][offset:last])
    return DeadLetterPage(total=total, lost=runtime.accounts.dead - total, matched=len(found), rows=rows)


def dead_letter_groups(system: System) -> tuple[DeadLetterGroup, ...]:
    """The dead letters that are kept, by cause; the largest group first."""
    groups: dict[str, list[DeadLetter]] = {}
    for _, letter in _numbered(system):
        groups.setdefault(letter.cause, []).append(letter)
    return tuple(_group(cause, letters) for cause, letters in sorted(groups.items(), key=lambda item: -len(item[1])))


def _numbered(system: System) -> Iterator[tuple[int, DeadLetter]]:
    runtime = runtime_of(system)
    return enumerate(tuple(runtime.accounts.dead_letters), start=runtime.accounts.dead - len(runtime.accounts.dead_letters))


def _row(number: int, letter: DeadLetter) -> DeadLetterRow:
    return DeadLetterRow(
        number=number,
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
        first=letters[0].time,
        last=letters[-1].time,
    )
