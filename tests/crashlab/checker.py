"""Compares what was said with what came back. It knows calls and places, and nothing of actors, stores and processes.

For each actor it keeps what the last start found, what was acknowledged since, and how many calls anybody was told of. The next start must
find all of it, each call at its place. What else is there was on its way when the process died: the next one of a client that had no answer
yet, and no other.

What a start found counts as acknowledged from then on: it was served, so it must not go away.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import attrs

from crashlab.protocol import Acknowledged, Call, Recovered, Report, Seen


class Kind(enum.Enum):
    """What can be wrong."""

    LOST = "it was acknowledged, and is not there"
    SHOWN = "somebody was told of more calls than there are"
    MISPLACED = "it is not at the place that its answer named"
    TWICE = "it was done more than once"
    DISORDERED = "it does not follow the call that its client made before"
    SURPLUS = "nobody can have had it on the way"
    UNCHECKED = "it is not listed any more, and was never checked"


@attrs.frozen
class Violation:
    """Something that must not be."""

    kind: Kind
    actor: str
    detail: str

    def __str__(self) -> str:
        """For people."""
        return f"{self.kind.name} {self.actor}: {self.detail}: {self.kind.value}"


@attrs.define
class _Account:
    """What must be there of one actor."""

    name: str
    first: int = 0
    found: Sequence[Call] = ()
    """What the last start found, from place *first* on."""

    life: int = 0
    """In which life that was; the calls of earlier ones are settled."""

    told: dict[Call, int] = attrs.field(factory=dict[Call, int])
    """Acknowledged since: the place of each."""

    shown: int = 0
    """How many calls anybody was told of."""

    @property
    def due(self) -> dict[Call, int]:
        """Every call that must be there, with its place."""
        return {**{call: place for place, call in enumerate(self.found, self.first)}, **self.told}

    def compare(self, now: Recovered) -> Iterator[Violation]:
        """What is wrong with what a start found *now*."""
        there = {call: place for place, call in enumerate(now.calls, now.first)}
        end = now.first + len(now.calls)
        if end < self.shown:
            yield self._wrong(Kind.SHOWN, f"told of {self.shown}, has {end}")
        if now.first > self.first + len(self.found):
            yield self._wrong(Kind.UNCHECKED, f"the list begins at {now.first}")
        yield from self._missing(there, now.first)
        yield from (self._wrong(Kind.TWICE, str(call)) for call, times in Counter(now.calls).items() if times > 1)
        yield from self._disordered(there)
        yield from self._surplus(there)

    def _missing(self, there: dict[Call, int], first: int) -> Iterator[Violation]:
        for call, place in self.due.items():
            if call in there and there[call] != place:
                yield self._wrong(Kind.MISPLACED, f"{call} is at {there[call]}, not at {place}")
            elif call not in there and place >= first:
                yield self._wrong(Kind.LOST, f"{call} at {place}")

    def _disordered(self, there: Iterable[Call]) -> Iterator[Violation]:
        last: dict[tuple[int, str], int] = {}
        for call in there:
            client = (call.life, call.client)
            if call.number != last.get(client, call.number - 1) + 1:
                yield self._wrong(Kind.DISORDERED, str(call))
            last[client] = call.number

    def _surplus(self, there: Iterable[Call]) -> Iterator[Violation]:
        """One more of each client is right: the next one, and in a life that was not settled yet."""
        due = self.due
        answered = Counter((call.life, call.client) for call in self.told)
        for call in there:
            if call in due:
                continue
            if call.life < self.life or call.number != answered[call.life, call.client] + 1:
                yield self._wrong(Kind.SURPLUS, str(call))

    def settle(self, now: Recovered, life: int) -> int:
        """Go on from what is there; how many calls were kept without an answer."""
        due = self.due
        unanswered = sum(call not in due for call in now.calls)
        self.first, self.found, self.life = now.first, now.calls, life
        self.told, self.shown = {}, 0
        return unanswered

    def _wrong(self, kind: Kind, detail: str) -> Violation:
        return Violation(kind, self.name, detail)


class Checker:
    """Checks one store over all lives of its process."""

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}
        self.acknowledged = 0
        """How many calls were answered."""
        self.unanswered = 0
        """How many were kept and had no answer: they were on their way when the process died."""
        self.starts = 0
        """How often an actor came back."""

    def __repr__(self) -> str:
        """How much it has seen."""
        return f"<checker: {self.acknowledged} calls acknowledged, {self.starts} starts of actors>"

    def read(self, reports: Iterable[Report], life: int) -> list[Violation]:
        """Take what was said in *life*, in order; what is wrong with it."""
        return [violation for report in reports for violation in self._take(report, life)]

    def _take(self, report: Report, life: int) -> Sequence[Violation]:
        match report:
            case Acknowledged(actor, call, place):
                self.acknowledged += 1
                account = self._account(actor)
                account.told[call] = place
                account.shown = max(account.shown, place + 1)
            case Seen(actor, count):
                account = self._account(actor)
                account.shown = max(account.shown, count)
            case Recovered(actor):
                return self._compare(self._account(actor), report, life)
            case _:
                pass  # a mark says nothing about calls
        return ()

    def _compare(self, account: _Account, now: Recovered, life: int) -> Sequence[Violation]:
        violations = list(account.compare(now))
        self.unanswered += account.settle(now, life)
        self.starts += 1
        return violations

    def _account(self, actor: str) -> _Account:
        return self._accounts.setdefault(actor, _Account(actor))
