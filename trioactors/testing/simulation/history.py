"""The history of a simulation: what its clients called and what was reported to them. Checks judge a run by it."""

from __future__ import annotations

import enum
from collections.abc import Mapping

import attrs
import trio

from trioactors.errors import ActorStopped, CallTimeout, NoReply, Outcome, StoreError, TrioactorsError
from trioactors.errors.exits import leaves

__all__ = ["NodeDown", "Operation", "Told", "told"]


class NodeDown(TrioactorsError):
    """The simulated node ended while a client waited for a reply."""


class Told(enum.Enum):
    """The outcome of a call as the client knows it."""

    OK = "ok"
    """It was done, and this is the reply."""

    FAILED = "failed"
    """It was not done and never will be, and it caused nothing else."""

    UNKNOWN = "unknown"
    """It may have been done or not."""


def told(error: BaseException) -> Told:
    """The outcome that *error* reports, if the actor persists every message."""
    return Told.UNKNOWN if any(map(_tells_nothing, leaves(error))) else Told.FAILED


def _tells_nothing(error: BaseException) -> bool:
    """Whether the message may have been handled in spite of the error."""
    if isinstance(error, StoreError):
        return error.outcome is Outcome.INDETERMINATE
    if isinstance(error, CallTimeout):
        return error.begun
    return isinstance(error, NodeDown | ActorStopped | NoReply | trio.TooSlowError)


@attrs.frozen
class Operation:
    """One call of one client, from start to finish."""

    client: int
    id: str
    """Unique in the run: the numbers of the client and the turn, `2.5`. Later calls of the same turn get a letter: `2.5b`."""
    what: str
    began: float
    ended: float
    told: Told
    answer: object = None
    error: BaseException | None = attrs.field(default=None, repr=lambda error: type(error).__name__)

    given: Mapping[str, object] = attrs.field(factory=dict[str, object], kw_only=True, eq=False)
    """What the client said of it besides: random clients give the arguments, by the names of the parameters."""

    attempts: int = attrs.field(default=1, kw_only=True)
    """How often it was sent: more than once only with `retry=True`."""

    span: tuple[int, int] | None = attrs.field(default=None, kw_only=True, eq=False, repr=False)
    """How many operations of the run had finished when it began, and when it finished. None if the operation was made by hand."""

    def before(self, other: Operation) -> bool:
        """Whether it had finished when *other* began. Many things can happen at one moment, so the times alone do not decide."""
        if self.span is None or other.span is None:
            return self.ended <= other.began and self.began < other.ended
        return self.span[1] < other.span[0]

    @property
    def ok(self) -> bool:
        """Whether it was done."""
        return self.told is Told.OK
