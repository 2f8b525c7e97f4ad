"""Where every message went: the accounts of mailboxes, and dead letters."""

from __future__ import annotations

from collections import deque
from typing import Any, Protocol

import attrs
import trio

from trioactors.messaging.messages import Envelope, causation_of
from trioactors.trace.observers import Observers
from trioactors.trace.records import MessageDeadLettered

__all__ = ["Account", "Accounts", "DeadLetter", "Ledger"]


@attrs.frozen(kw_only=True)
class Ledger:
    """Where the messages went that a mailbox, or a whole system, has accepted."""

    accepted: int = 0
    handled: int = 0
    """Ended well, or by a declared error."""
    in_progress: int = 0
    """Being handled, or handled and waiting for their commit."""
    waiting: int = 0
    dropped: int = 0
    """Pushed out by `Overflow.DROP_OLDEST`."""
    expired: int = 0
    """The deadline passed before the handler was done, or the tick's incarnation was gone."""
    abandoned: int = 0
    """Shed unhandled: the caller had gone."""
    dead_lettered: int = 0
    """Casts left in the mailbox of an actor that stopped."""
    crashed: int = 0
    """The actor failed, or was killed, while it handled this."""
    undone: int = 0
    """The handler had ended, and its commit failed: the state is as before it."""
    refused: int = 0
    """Calls left in the mailbox of an actor that stopped; each caller got `ActorStopped`."""

    @property
    def balanced(self) -> bool:
        """Whether every accepted message is somewhere. It always is."""
        accepted, *gone = (int(value) for value in attrs.astuple(self))
        return accepted == sum(gone)

    def __add__(self, other: Ledger) -> Ledger:
        """Both accounts in one."""
        mine, theirs = attrs.asdict(self), attrs.asdict(other)
        return Ledger(**{name: mine[name] + theirs[name] for name in mine})


@attrs.frozen(kw_only=True)
class DeadLetter:
    """A message that was accepted and then could not be delivered."""

    time: float
    target: str
    cause: str
    message: Any


class Account(Protocol):
    """The account of one mailbox."""

    @property
    def held(self) -> int:
        """How many handled messages still wait for a commit."""
        ...

    @property
    def ledger(self) -> Ledger:
        """Where its messages went."""
        ...


@attrs.define(eq=False)
class Accounts:
    """The dead letters of one system, and the accounts of its children that are gone."""

    _observers: Observers = attrs.field(alias="observers", repr=False)
    dead_letters: deque[DeadLetter] = attrs.field(repr=False)
    """The last of them, oldest first."""
    dead: int = attrs.field(default=0, init=False)
    """The number of all dead letters, also of those that are not kept any more."""
    _closed: Ledger = attrs.field(factory=Ledger, init=False, repr=False)
    """The sum of the closed accounts."""
    _closing: list[Account] = attrs.field(factory=list[Account], init=False, repr=False)
    """Accounts that some answers still wait in for a commit."""

    def dead_letter(self, target: str, envelope: Envelope, cause: str) -> None:
        """Keep a message that cannot be delivered."""
        now = trio.current_time()
        self.dead += 1
        self.dead_letters.append(DeadLetter(time=now, target=target, cause=cause, message=envelope.message))
        if self._observers.listeners:
            fields = causation_of(envelope).as_fields
            self._observers.emit(MessageDeadLettered(time=now, child=target, handler=envelope.spec.name, reason=cause, **fields))

    def close_account(self, account: Account) -> None:
        """Keep the account of a child that is gone for good."""
        self._closing.append(account)
        for settled in [each for each in self._closing if not each.held]:
            self._closing.remove(settled)
            self._closed += settled.ledger

    @property
    def closed(self) -> Ledger:
        """The accounts of all children that are gone, as they are now."""
        total = self._closed
        for account in self._closing:
            total += account.ledger
        return total
