"""Everything trioactors raises, as one tree. A class name says who is to blame.

TrioactorsError
`-- SerializationError            bytes and values; `path` leads to the bad field
    |-- BadDeclaration            the author: `@stored(...)` says something impossible
    |-- TypeRefused               the author: a field's type cannot be carried
    |   |-- NameUnresolved        the author: an annotation names what does not exist (yet)
    |   `-- NameTaken             the author: two classes claim one stored name
    |-- EngineMissing             the installation: the extra `fast` is not there
    |-- ValueRefused              the actor: a value is not what its annotation promises
    |-- OverLimit                 nobody: more bytes, depth or elements than the settings allow
    `-- RecordRefused             the record: what was read is not what was written
        |-- RecordCorrupt         not JSON, or not an envelope
        |-- RecordInvalid         a well-formed record whose value does not fit its class
        |-- RecordOfOtherType     the record holds another class
        |-- RecordTooNew          written by a newer version of the class or of this library
        `-- RecordTooOld          no upcaster is left for this version
"""

from __future__ import annotations

__all__ = [
    "BadDeclaration",
    "EngineMissing",
    "NameTaken",
    "NameUnresolved",
    "OverLimit",
    "RecordCorrupt",
    "RecordInvalid",
    "RecordOfOtherType",
    "RecordRefused",
    "RecordTooNew",
    "RecordTooOld",
    "SerializationError",
    "TrioactorsError",
    "TypeRefused",
    "ValueRefused",
]


class TrioactorsError(Exception):
    """The root: catch it to catch everything this library raises on purpose."""


class SerializationError(TrioactorsError):
    """A value could not become bytes, or bytes a value."""

    def __init__(self, problem: str, *, type_name: str = "", path: str = "", next_step: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.type_name = type_name
        self.path = path
        self.next_step = next_step

    def __str__(self) -> str:
        """Where, what, and what to do about it."""
        where = ": ".join(part for part in (self.type_name, self.path) if part)
        told = f"{where}: {self.problem}" if where else self.problem
        return f"{told}; {self.next_step}" if self.next_step else told


class BadDeclaration(SerializationError):
    """What `@stored(...)` was given cannot be meant."""


class TypeRefused(SerializationError):
    """A class or one of its fields has a type that cannot be carried."""


class NameUnresolved(TypeRefused):
    """An annotation names something that does not exist yet; ask again when it does."""


class NameTaken(TypeRefused):
    """Two classes claim one stored name, so a record could mean either."""


class EngineMissing(SerializationError):
    """The chosen JSON engine is not installed."""


class ValueRefused(SerializationError):
    """A value is not what its annotation promises, so writing it would lose it."""


class OverLimit(SerializationError):
    """More bytes, depth or elements than the limits allow; nothing was written or parsed."""


class RecordRefused(SerializationError):
    """A record that cannot be read; it is left as it is."""


class RecordCorrupt(RecordRefused):
    """The bytes are not JSON, or not one of our envelopes."""


class RecordInvalid(RecordRefused):
    """The record is well-formed, and its value does not fit its class."""


class RecordOfOtherType(RecordRefused):
    """The record holds a class of another name."""


class RecordTooNew(RecordRefused):
    """The record was written by a newer version; this one would lose what it does not know."""


class RecordTooOld(RecordRefused):
    """The class declares no way up from the record's version."""
