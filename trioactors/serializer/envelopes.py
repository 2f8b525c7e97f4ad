"""What a record says about itself, for the codec, and for tools that know none of its classes.

`codec` has the form of it. Nothing here looks into the value, so a record is read the same where the program that wrote it is not
installed. Whether the value fits its class is for the codec to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from trioactors.errors import RecordCorrupt, RecordTooNew, SerializationError
from trioactors.serializer.engines import Engine, engine_for
from trioactors.serializer.forms import OBJECT
from trioactors.serializer.limits import Limits, check_size
from trioactors.serializer.problems import Problem, expected, shown

__all__ = ["FORMAT", "Envelope", "corrupt", "read_envelope", "unwrap"]

FORMAT = 1
"""The version of the envelope itself."""

_REQUIRED = {"format", "type", "version", "value"}


@attrs.frozen
class Envelope:
    """A record, taken out of its JSON and no further."""

    name: str
    """The stored name of its class."""

    version: int
    classes: Mapping[str, int]
    """The versions of the classes inside the value, where they are not 1."""

    value: Any = attrs.field(repr=False)
    """Plain JSON values."""


def read_envelope(data: bytes, *, limits: Limits | None = None) -> Envelope:
    """What the record *data* says about itself. Nothing is imported, and the value is not compared with any class."""
    check_size(data, Limits() if limits is None else limits, "")
    try:
        return unwrap(engine_for(Engine.STANDARD).read(data))
    except Problem as problem:
        raise problem.as_error(RecordCorrupt, "") from problem.__cause__


def unwrap(envelope: Any) -> Envelope:
    """The parts of an envelope, each checked."""
    if type(envelope) is not OBJECT or "format" not in envelope:
        raise corrupt("this is not a record of trioactors")
    if (format_version := _whole("format", envelope["format"])) > FORMAT:
        raise Problem(f"the record has format {format_version}, this program knows {FORMAT}", "run the newer program", RecordTooNew)
    if envelope.keys() - {"classes"} != _REQUIRED:
        raise corrupt(f"an envelope with the wrong parts: {', '.join(sorted(map(shown, envelope))[:8])}")
    classes = envelope.get("classes", {})
    if type(classes) is not OBJECT:
        raise corrupt("`classes` in the envelope is not an object")
    if type(envelope["type"]) is not str:
        raise corrupt("`type` in the envelope is not text")
    return Envelope(
        envelope["type"],
        _whole("version", envelope["version"]),
        {name: _whole(f"classes.{name}", version) for name, version in classes.items()},
        envelope["value"],
    )


def corrupt(what: str) -> Problem:
    """The problem of bytes that are none of ours."""
    error: type[SerializationError] = RecordCorrupt
    return Problem(what, "", error)


def _whole(what: str, value: object) -> int:
    if type(value) is not int or value < 1:
        raise corrupt(f"`{what}` in the envelope: {expected('a whole number from 1', value).what}")
    return value
