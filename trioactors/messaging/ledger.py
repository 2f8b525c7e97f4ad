"""Where every message went: the accounts of mailboxes, and dead letters."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from trioactors.messaging.mailbox import Mailbox

__all__ = ["DeadLetter", "Ledger"]


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

    @classmethod
    def of(cls, mailboxes: Sequence[Mailbox]) -> Ledger:
        """The accounts of all *mailboxes* in one; there may be very many."""
        return cls(
            in_progress=sum((mailbox.current is not None) + mailbox.held for mailbox in mailboxes),
            waiting=sum(len(mailbox.queue) for mailbox in mailboxes),
            **{name: sum(map(attrgetter(name), mailboxes)) for name in _COUNTED},
        )

    @property
    def balanced(self) -> bool:
        """Whether every accepted message is somewhere. It always is."""
        accepted, *gone = (int(value) for value in attrs.astuple(self))
        return accepted == sum(gone)

    def __add__(self, other: Ledger) -> Ledger:
        """Both accounts in one."""
        mine, theirs = attrs.asdict(self), attrs.asdict(other)
        return Ledger(**{name: mine[name] + theirs[name] for name in mine})


_COUNTED = tuple(field.name for field in attrs.fields(Ledger) if field.name not in {"in_progress", "waiting"})
"""What a mailbox counts under the same name."""


@attrs.frozen(kw_only=True)
class DeadLetter:
    """A message that was accepted and then could not be delivered."""

    time: float
    target: str
    cause: str
    message: Any
