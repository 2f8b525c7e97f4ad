"""The envelope of a record, for the codec and for tools without the classes of the program that wrote it.

The docstring of `codec` shows its format. Nothing here looks into the value, so a record can be read where its program is not installed.
The codec checks whether the value fits its class.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from trioactors.errors import RecordCorrupt, RecordTooNew, SerializationError, UsageError
from trioactors.errors.lists import listed
from trioactors.serializer.engines import Engine, engine_for
from trioactors.serializer.forms import OBJECT
from trioactors.serializer.limits import Limits, check_size, checked_limits
from trioactors.serializer.problems import Problem, expected, shown

__all__ = ["FORMAT", "Envelope", "corrupt", "read_envelope", "unwrap"]

FORMAT = 1
"""The version of the envelope itself."""

_REQUIRED = {"format", "type", "version", "value"}


@attrs.frozen
class Envelope:
    """A record as plain JSON values, not yet read as an object of its class."""

    name: str
    """The stored name of its class."""

    version: int
    classes: Mapping[str, int]
    """The versions of the classes inside the value, if they are not 1."""

    value: Any = attrs.field(repr=False)
    """Plain JSON values."""


def read_envelope(data: bytes, *, limits: Limits | None = None) -> Envelope:
    """Return the envelope of the record *data*. Nothing is imported, and the value is not checked against a class.

    Raises `RecordCorrupt` if *data* is not a record, `RecordTooNew` if its format is newer, `OverLimit`, and `UsageError` if it is
    not bytes.
    """
    given: object = data
    if type(given) is not bytes:
        raise UsageError(f"a record is bytes, not {type(given).__name__}")
    check_size(data, Limits() if limits is None else checked_limits(limits), "")
    try:
        return unwrap(engine_for(Engine.STANDARD).read(data))
    except Problem as problem:
        raise problem.as_error(RecordCorrupt, "") from problem.__cause__


def unwrap(envelope: Any) -> Envelope:
    """Return the checked parts of an envelope."""
    if type(envelope) is not OBJECT or "format" not in envelope:
        raise corrupt("this is not a record of trioactors")
    if (format_version := _whole("format", envelope["format"])) > FORMAT:
        raise Problem(
            f"the record has format {format_version}, but this program only knows format {FORMAT}",
            "run the newer program",
            RecordTooNew,
        )
    if envelope.keys() - {"classes"} != _REQUIRED:
        raise corrupt(f"the envelope has the wrong parts: {listed(sorted(map(shown, envelope)), 8)}")
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
    """The problem of bytes that are not a record of trioactors."""
    error: type[SerializationError] = RecordCorrupt
    return Problem(what, "", error)


def _whole(what: str, value: object) -> int:
    if type(value) is not int or value < 1:
        raise corrupt(f"`{what}` in the envelope: {expected('a whole number from 1', value).what}")
    return value
