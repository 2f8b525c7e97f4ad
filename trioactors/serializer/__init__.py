"""Typed values to bytes and back; usable alone.

    @stored(name="tally", version=2, upcasters={1: count_to_total})
    @define
    class Tally:
        total: int = 0

    codec = Serializer().codec(Tally)
    assert codec.decode(codec.encode(Tally(3))) == Tally(3)

What it promises: a value that was written is read as it was, or not at all. Nothing is converted, guessed or dropped; a type it cannot
carry is refused when the codec is built, a value its annotation does not allow is refused before it is written, and a record that does
not fit is refused before anything is made of it. Every refusal is a `SerializationError` and says where.

What it never does: pickle, import a name it read, keep a registry of its own beyond one `Serializer`, or vouch for the bytes.
Checksums are the store's business; a flipped bit that still reads as a valid value is a valid value here.
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
