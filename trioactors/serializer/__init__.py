"""The serializer: typed values to bytes and back. It also works without the rest of trioactors.

    @stored(name="tally", version=2, upcasters={1: count_to_total})
    @define
    class Tally:
        total: int = 0

    codec = Serializer().codec(Tally)
    assert codec.decode(codec.encode(Tally(3))) == Tally(3)

What it promises: a value is read exactly as it was written, or not at all. Nothing is converted, guessed or dropped. A type that cannot
be stored is refused when its codec is built, a value that does not match its annotation is refused before it is written, and a record
that does not fit its class is refused before an object is built from it. Every refusal is a `SerializationError` that names the place.

What it never does: pickle, import a name that it read, or share a registry between two `Serializer` objects. It does not detect damage
either: stores have checksums for that. To the serializer, a flipped bit that still reads as a valid value is a valid value.
"""

from __future__ import annotations

from trioactors.serializer.choices import Json
from trioactors.serializer.codec import Codec
from trioactors.serializer.declaration import (
    TRANSIENT,
    UNKNOWN_FIELDS,
    Declaration,
    Upcaster,
    declaration_of,
    secret,
    stored,
    transient,
    unknown_fields,
)
from trioactors.serializer.engines import Engine
from trioactors.serializer.envelopes import FORMAT, Envelope, read_envelope
from trioactors.serializer.limits import Limits
from trioactors.serializer.registry import Serializer
from trioactors.serializer.rules import Rule

__all__ = [
    "FORMAT",
    "TRANSIENT",
    "UNKNOWN_FIELDS",
    "Codec",
    "Declaration",
    "Engine",
    "Envelope",
    "Json",
    "Limits",
    "Rule",
    "Serializer",
    "Upcaster",
    "declaration_of",
    "read_envelope",
    "secret",
    "stored",
    "transient",
    "unknown_fields",
]
