"""The codec of one type: values to records and back. A record is the value in an envelope that names its class and version.

    {"format":1,"type":"tally","version":2,"classes":{"task":3},"value":{...}}

`classes` has the versions of the classes inside the value, if they are not 1. All current records of a codec start with the same bytes,
its head: a record with this head is read at once. For any other record the envelope is read first; an older version gets a reader of its
own that contains the upcasters.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import attrs

from trioactors.errors import (
    OverLimit,
    RecordInvalid,
    RecordOfOtherType,
    RecordTooNew,
    UsageError,
    ValueRefused,
)
from trioactors.serializer.builder import reachable
from trioactors.serializer.declaration import Declaration
from trioactors.serializer.engines import JsonEngine
from trioactors.serializer.envelopes import FORMAT, corrupt, unwrap
from trioactors.serializer.forms import Form, Load
from trioactors.serializer.limits import Limits, check_size
from trioactors.serializer.problems import Problem, shown

__all__ = ["Codec"]

T = TypeVar("T")

_READERS_KEPT = 16


@attrs.define(eq=False, init=False, repr=False)
class Codec(Generic[T]):
    """Writes and reads values of one type. Get it from `Serializer.codec` once and use it often."""

    name: str
    version: int
    _limits: Limits
    _engine: JsonEngine
    _dump: Callable[[Any], Any]
    _load: Load
    _head: bytes
    _declared: tuple[Declaration, ...]
    _reader_for: Callable[[Mapping[str, int]], Load]
    _readers: dict[frozenset[tuple[str, int]], Load]

    def __init__(self, form: Form, limits: Limits, engine: JsonEngine, reader_for: Callable[[Mapping[str, int]], Load]) -> None:
        self._declared = tuple(part.declaration for part in reachable(form) if part.declaration is not None)
        own = form.declaration or Declaration(name=form.name)
        if form.declaration is None:
            self._declared = (own, *self._declared)
        self.name, self.version = own.name, own.version
        self._limits, self._engine = limits, engine
        self._dump, self._load = form.dump, form.load
        self._head = _head(own, self._declared)
        self._reader_for = reader_for
        self._readers = {}

    def __repr__(self) -> str:
        """The stored name and the version."""
        return f"<Codec {self.name!r} version {self.version}>"

    def encode(self, value: T) -> bytes:
        """Return *value* as a record. Equal values give equal bytes. Raises `ValueRefused` or `OverLimit`."""
        try:
            data = b"".join((self._head, self._engine.write(self._dump(value)), b"}"))
        except Problem as problem:
            raise problem.as_error(ValueRefused, self.name) from problem.__cause__
        except RecursionError:
            raise self._too_deep() from None
        check_size(data, self._limits, self.name)
        return data

    def decode(self, data: bytes) -> T:
        """Return the value in a record of this or an older version of the class. Raises a `RecordRefused` or `OverLimit`."""
        if type(data) is not bytes:
            raise UsageError(f"a record is bytes, not {type(data).__name__}")
        check_size(data, self._limits, self.name)
        head = self._head
        try:
            if data.startswith(head) and data.endswith(b"}"):
                current: T = self._load(self._engine.read(data[len(head) : -1]), None)
                return current
            value: T = self._decode_other(data)
        except Problem as problem:
            raise problem.as_error(RecordInvalid, self.name) from problem.__cause__
        except RecursionError:
            raise self._too_deep() from None
        return value

    def _decode_other(self, data: bytes) -> Any:
        envelope = unwrap(self._engine.read(data))
        own = self._declared[0]
        if envelope.name not in own.names:
            raise Problem(
                f"the record holds {shown(envelope.name)}",
                f"if the class was renamed, declare former_names=({envelope.name!r},)",
                RecordOfOtherType,
            )
        recorded = {own.name: envelope.version, **{each.name: _version_of(each, envelope.classes) for each in self._declared[1:]}}
        for each in self._declared:
            if recorded[each.name] > each.version:
                raise Problem(
                    f"the record holds {each.name} of version {recorded[each.name]}, but this program only knows version {each.version}",
                    "run the newer program, or restore an older record",
                    RecordTooNew,
                )
        older = frozenset((each.name, recorded[each.name]) for each in self._declared if recorded[each.name] != each.version)
        load = self._reader(older, recorded) if older else self._load
        return load(envelope.value, None)

    def _too_deep(self) -> OverLimit:
        return OverLimit("nested deeper than Python's stack", type_name=self.name, next_step="lower Limits(depth=...)")

    def _reader(self, older: frozenset[tuple[str, int]], recorded: Mapping[str, int]) -> Load:
        if older not in self._readers:
            if len(self._readers) >= _READERS_KEPT:
                self._readers.clear()
            self._readers[older] = self._reader_for(recorded)
        return self._readers[older]


def _head(own: Declaration, declared: tuple[Declaration, ...]) -> bytes:
    """The part of the envelope before the value."""
    envelope: dict[str, Any] = {"format": FORMAT, "type": own.name, "version": own.version}
    inside = {each.name: each.version for each in sorted(declared, key=lambda each: each.name) if each.version != 1}
    inside.pop(own.name, None)
    if inside:
        envelope["classes"] = inside
    return (json.dumps(envelope, ensure_ascii=False, separators=(",", ":"))[:-1] + ',"value":').encode()


def _version_of(declaration: Declaration, classes: Mapping[str, int]) -> int:
    found = [classes[name] for name in declaration.names if name in classes]
    if len(found) > 1:
        raise corrupt(f"the envelope names {declaration.name} twice")
    return found[0] if found else 1
