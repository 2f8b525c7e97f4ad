"""A call whose caller does not park in it, so that it can make several."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import outcome

from trioactors.messaging.messages import Call

__all__ = ["GatheredCall"]


class GatheredCall(Call):
    """A call whose answer, also a refusal, is given to *answered*. Its *caller* is the task that sent it, and may do anything meanwhile."""

    __slots__ = ("_answered", "edges")

    def __init__(self, *fields: Any, answered: Callable[[outcome.Outcome[Any]], None]) -> None:
        super().__init__(*fields)
        self._answered = answered
        self.edges = ExitStack()
        """Closed when nobody waits for it any more: its edges in the wait-for graph."""

    def reply(self, value: object) -> None:
        """Give the reply, if it is still wanted."""
        if self.caller is not None:
            self._settle(outcome.Value(value))
        elif self.gone:
            self._answered_late()

    def fail(self, error: BaseException) -> None:
        """Give *error*, if an answer is still wanted."""
        if self.caller is not None:
            self._settle(outcome.Error(error))

    def leave(self, *, expired: bool = False) -> None:
        """Note that no answer is wanted any more."""
        super().leave(expired=expired)
        self.edges.close()

    def _settle(self, result: outcome.Outcome[Any]) -> None:
        self.caller = None
        self.edges.close()
        self._answered(result)
