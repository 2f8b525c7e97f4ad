"""What a child says, one line each; what it said counts when the line is whole.

A line of at most 4,096 bytes is written to a pipe in one piece or not at all, also when two threads write at once (POSIX, PIPE_BUF), and
stays in it when the writer is killed. Longer ones can be torn, and are only written while nobody else writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import attrs

OPENING = "opening"
"""The store is being opened. This is the first line."""

BEGIN = "begin"
"""The store was told to commit."""

END = "end"
"""It did, or it refused."""

READY = "ready"
"""Everything that was recovered has been said."""


@attrs.frozen
class Call:
    """One call. Clients live as long as their process, so their names are used again in the next *life*."""

    life: int
    client: str
    number: int

    def __str__(self) -> str:
        """As it is written down."""
        return f"{self.life}.{self.client}.{self.number}"

    @classmethod
    def of(cls, text: str) -> Call:
        """The call that is written so."""
        life, client, number = text.split(".")
        return cls(int(life), client, int(number))


@attrs.frozen
class Acknowledged:
    """The call was answered; *place* is the answer: how many calls of that actor came before it."""

    actor: str
    call: Call
    place: int

    def __str__(self) -> str:
        """As it is said."""
        return f"ack {self.actor} {self.call} {self.place}"


@attrs.frozen
class Seen:
    """Somebody was told, in whatever way, that the actor has done *count* calls."""

    actor: str
    count: int

    def __str__(self) -> str:
        """As it is said."""
        return f"seen {self.actor} {self.count}"


@attrs.frozen
class Recovered:
    """What an actor had after a start: its calls in order, but for the *first* ones, which it does not list any more."""

    actor: str
    first: int
    calls: Sequence[Call]

    def __str__(self) -> str:
        """As it is said."""
        return " ".join(("recovered", self.actor, str(self.first), *map(str, self.calls)))


Report: TypeAlias = Acknowledged | Seen | Recovered | str


def understood(line: str) -> Report:
    """The report that *line* is. Raises `ValueError` for what no child says."""
    match line.split(" "):
        case ["ack", actor, call, place]:
            return Acknowledged(actor, Call.of(call), int(place))
        case ["seen", actor, count]:
            return Seen(actor, int(count))
        case ["recovered", actor, first, *calls]:
            return Recovered(actor, int(first), tuple(map(Call.of, calls)))
        case [("opening" | "ready" | "begin" | "end") as mark]:
            return mark
        case _:
            raise ValueError(f"no child says this: {line!r}")


class Transcript:
    """What one child has said so far."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._rest = b""

    def __repr__(self) -> str:
        """How much it is."""
        return f"<transcript of {len(self.lines)} lines>"

    def hear(self, data: bytes) -> None:
        """Take what came through the pipe; a line that is not whole is not a line yet."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.lines += [line.decode() for line in lines]

    def count(self, mark: str) -> int:
        """How often it said *mark*."""
        return self.lines.count(mark)

    @property
    def in_flight(self) -> bool:
        """Whether a commit has begun, and not ended."""
        return self.count(BEGIN) > self.count(END)

    @property
    def reports(self) -> Sequence[Report]:
        """What it said, understood."""
        return [understood(line) for line in self.lines]
