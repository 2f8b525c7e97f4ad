"""What the clients of a simulated node did, and what they were told: the evidence that checks look at."""

from __future__ import annotations

import enum

import attrs
import trio

from trioactors.errors import ActorStopped, CallTimeout, NoReply, Outcome, StoreError, TrioactorsError
from trioactors.errors.exits import leaves

__all__ = ["NodeDown", "Operation", "Told", "told"]


class NodeDown(TrioactorsError):
    """The simulated node ended while a client waited for its answer."""


class Told(enum.Enum):
    """What a client knows when its call is over."""

    OK = "ok"
    """It was done, and this is the answer."""

    FAILED = "failed"
    """It was not done, and never will be; and it led to nothing else."""

    UNKNOWN = "unknown"
    """Nobody can say."""


def told(error: BaseException) -> Told:
    """What is known of the message that *error* tells of, to an actor that persists every message."""
    return Told.UNKNOWN if any(map(_tells_nothing, leaves(error))) else Told.FAILED


def _tells_nothing(error: BaseException) -> bool:
    """Whether what was asked for may have been done all the same."""
    if isinstance(error, StoreError):
        return error.outcome is Outcome.INDETERMINATE
    if isinstance(error, CallTimeout):
        return error.begun
    return isinstance(error, NodeDown | ActorStopped | NoReply | trio.TooSlowError)


@attrs.frozen
class Operation:
    """One call of one client, from its begin to its end."""

    client: int
    id: str
    """Unique in the run: the client's number and the turn's, `2.5`; later calls of one turn have a letter behind it."""
    what: str
    began: float
    ended: float
    told: Told
    answer: object = None
    error: BaseException | None = attrs.field(default=None, repr=lambda error: type(error).__name__)

    span: tuple[int, int] | None = attrs.field(default=None, kw_only=True, eq=False, repr=False)
    """How many operations of the run had ended when it began, and when it ended; None for one that is made by hand."""

    def before(self, other: Operation) -> bool:
        """Whether it had ended when *other* began. Much may happen in one moment, so their times alone do not tell."""
        if self.span is None or other.span is None:
            return self.ended <= other.began and self.began < other.ended
        return self.span[1] < other.span[0]

    @property
    def ok(self) -> bool:
        """Whether it was done."""
        return self.told is Told.OK
