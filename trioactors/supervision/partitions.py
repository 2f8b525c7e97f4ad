"""Several children for one task, with each key always at the same one: the partitioned supervisors of Elixir, as plain values.

A child is chosen by a checksum of the key, not by `hash`, so a key belongs to the same partition in every run: durable actors can keep what
belongs to their keys.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import attrs

from trioactors.errors import SpecError
from trioactors.settings import count
from trioactors.supervision.specs import ChildSpec, Supervisor, checked_name

__all__ = ["Partitions"]


@attrs.frozen
class Partitions:
    """The names of *number* children that share a task, and the one for each key.

        COUNTERS = ta.Partitions("counter", 8)
        tree = COUNTERS.supervisor(lambda name: ta.child(Counter, name=name))

        async with ta.open_system("sqlite:///counts.db", tree) as system:
            await system.get(Counter, COUNTERS.of("alice")).add()

    The children are named `counter-0` to `counter-7`, and their supervisor `counter`. They can be supervisors, too: several dynamic ones
    start children at the same time, for example. A key is a str, bytes or an int. Equal keys (also members of enums) always belong to the
    same child while *number* stays the same; with another number, most keys move. Raises `SpecError`.
    """

    name: str
    number: int

    def __attrs_post_init__(self) -> None:
        """Check the options."""
        checked_name(self.name)
        count(self.number, "Partitions: number", least=1)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all partitions."""
        return tuple(f"{self.name}-{index}" for index in range(self.number))

    def of(self, key: str | bytes | int) -> str:
        """The name of the partition that *key* belongs to. Raises `SpecError` if it is neither text, bytes nor a whole number."""
        given: Any = key
        if isinstance(given, bool) or not isinstance(given, str | bytes | int):
            raise SpecError(
                f"Partitions.of({key!r:.80}): a key is a str, bytes or an int; of anything else, give one that stands for it"
            )
        return f"{self.name}-{zlib.crc32(_as_bytes(key)) % self.number}"

    def supervisor(self, make: Callable[[str], ChildSpec | Supervisor], **options: Any) -> Supervisor:
        """A supervisor with one child for each partition, made by *make* from its name. *options* are those of `Supervisor`.

        Raises `SpecError`, also if *make* gives a child of another name.
        """
        if not callable(make):
            raise SpecError(f"Partitions.supervisor: {make!r:.80} must be a function that makes a child from its name")
        children = [make(name) for name in self.names]
        for name, spec in zip(self.names, children, strict=True):
            given: Any = spec
            if not isinstance(given, ChildSpec | Supervisor):
                raise SpecError(f"Partitions.supervisor: the function gave {given!r:.80} for {name!r}; wrap it in ta.child(...)")
            if given.name != name:
                raise SpecError(f"Partitions.supervisor: the child for {name!r} must have that name, not {given.name!r}")
        return Supervisor(*children, name=self.name, **options)


def _as_bytes(key: str | bytes | int) -> bytes:
    """*key* as bytes, whatever its class makes of `str`: members of a `(str, Enum)` are equal to their values."""
    if isinstance(key, bytes):
        return key
    if isinstance(key, str):
        return str.encode(key, "utf-8", "surrogatepass")
    return (int.__repr__(key) if int.bit_length(key) < _LONG else int.__format__(key, "x")).encode()


_LONG = 10_000
"""Python refuses to write numbers with more bits in decimals, which takes long."""
