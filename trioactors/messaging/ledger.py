"""Ledgers, which account for every message, and dead letters."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from typing import Any, Protocol

import attrs
import trio

from trioactors.messaging.messages import Envelope, causation_of
from trioactors.trace.observers import Observers
from trioactors.trace.records import MessageDeadLettered

__all__ = ["Account", "Accounts", "DeadLetter", "Ledger"]


@attrs.frozen(kw_only=True)
class Ledger:
    """The account of all messages that a mailbox, or a whole system, has accepted."""

    accepted: int = 0
    handled: int = 0
    """The handler returned, or raised a declared error."""
    in_progress: int = 0
    """Being handled, or handled and waiting for a commit."""
    waiting: int = 0
    dropped: int = 0
    """Removed by `Overflow.DROP_OLDEST`."""
    expired: int = 0
    """The deadline passed before the handler was done, or the incarnation of a tick had exited."""
    abandoned: int = 0
    """Dropped unhandled, because the caller was gone."""
    dead_lettered: int = 0
    """Casts that were waiting when their actor stopped."""
    crashed: int = 0
    """The actor crashed or was killed while it handled the message."""
    undone: int = 0
    """The handler was done, but the commit failed: the state is as before the message."""
    refused: int = 0
    """Calls that were waiting when their actor stopped; each caller got `ActorStopped`."""

    @property
    def balanced(self) -> bool:
        """Whether every accepted message is accounted for. It always is."""
        accepted, *gone = (int(value) for value in attrs.astuple(self))
        return accepted == sum(gone)

    def __add__(self, other: Ledger) -> Ledger:
        """The sum of both ledgers."""
        mine, theirs = attrs.asdict(self), attrs.asdict(other)
        return Ledger(**{name: mine[name] + theirs[name] for name in mine})


@attrs.frozen(kw_only=True)
class DeadLetter:
    """A message that was accepted but could not be delivered."""

    number: int
    """Counted from 0 since the system was opened."""
    time: float
    target: str
    cause: str
    message: Any


class Account(Protocol):
    """A mailbox, as far as its account is concerned."""

    @property
    def held(self) -> int:
        """How many handled messages wait for a commit."""
        ...

    @property
    def ledger(self) -> Ledger:
        """Its ledger."""
        ...


@attrs.define(eq=False)
class Accounts:
    """The dead letters of one system, and the ledgers of its children that are gone."""

    _observers: Observers = attrs.field(alias="observers", repr=False)
    dead_letters: deque[DeadLetter] = attrs.field(repr=False)
    """The latest dead letters, oldest first."""
    dead: int = attrs.field(default=0, init=False)
    """The number of all dead letters so far, including those that are no longer kept."""
    discarded: int = attrs.field(default=0, init=False)
    """The number of dead letters that were discarded by hand."""
    resent: set[int] = attrs.field(factory=set[int], init=False, repr=False)
    """The numbers of the kept dead letters that were sent again by hand."""
    _closed: Ledger = attrs.field(factory=Ledger, init=False, repr=False)
    """The sum of the ledgers that no longer change."""
    _closing: list[Account] = attrs.field(factory=list[Account], init=False, repr=False)
    """Accounts of children that are gone, whose replies still wait for a commit."""

    def dead_letter(self, target: str, envelope: Envelope, cause: str) -> None:
        """Record a message that cannot be delivered."""
        now = trio.current_time()
        letter = DeadLetter(number=self.dead, time=now, target=target, cause=cause, message=envelope.message)
        self.dead += 1
        self.dead_letters.append(letter)
        if self._observers.listeners:
            fields = causation_of(envelope).as_fields
            self._observers.emit(MessageDeadLettered(time=now, child=target, handler=envelope.spec.name, reason=cause, **fields))

    def discard(self, numbers: Collection[int]) -> None:
        """Drop the kept dead letters with these *numbers*. The ledgers still count them as dead-lettered."""
        kept = [letter for letter in self.dead_letters if letter.number not in numbers]
        self.discarded += len(self.dead_letters) - len(kept)
        self.dead_letters.clear()
        self.dead_letters.extend(kept)
        self.resent.difference_update(numbers)

    def sent_again(self, number: int) -> None:
        """Note that the dead letter was sent again, and forget this of those that are no longer kept."""
        self.resent.add(number)
        self.resent.intersection_update([letter.number for letter in self.dead_letters])

    def close_account(self, account: Account) -> None:
        """Keep the account of a child that is gone for good."""
        self._closing.append(account)
        for settled in [each for each in self._closing if not each.held]:
            self._closing.remove(settled)
            self._closed += settled.ledger

    @property
    def closed(self) -> Ledger:
        """The sum of the ledgers of all children that are gone, as of now."""
        total = self._closed
        for account in self._closing:
            total += account.ledger
        return total
