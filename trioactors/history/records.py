"""The history as records of a store, in the space META, under names that begin with `trioactors.history/`.

    crashes/00000017    a block of crashes
    groups              all groups
    seconds/42          the samples of one minute, in the place of its number within the hour
    hours/113           the minutes of one hour, in the place of its number within the week

So the number of records has a bound, whatever happens. Each is a record of the serializer, with a name and a version. One that is damaged
or cannot be read is left out; one of a newer version of trioactors is not overwritten either, see `history.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, Final, Protocol

import attrs

from trioactors.errors import RecordTooNew, SerializationError
from trioactors.history.crashes import CrashBlock, CrashGroup
from trioactors.history.series import FIELDS, Sample
from trioactors.persistence.store import Corrupt, Found, Key, Space, Write, prefix_end
from trioactors.serializer import Codec, Serializer, stored

__all__ = ["PREFIX", "CrashGroups", "Past", "Reading", "Records", "Samples", "read_past"]

PREFIX: Final = "trioactors.history/"
_CRASHES: Final = f"{PREFIX}crashes/"
_GROUPS: Final = f"{PREFIX}groups"
_SAMPLES: Final = (f"{PREFIX}hours/", f"{PREFIX}seconds/")
_PAGE: Final = 100
_MOST: Final = 2_000
"""More records than a history has are not read."""
_DIGITS: Final = 6
"""Significant digits of a figure as stored."""


@stored(name="trioactors.crash_groups")
@attrs.frozen
class CrashGroups:
    """All groups, as stored."""

    groups: tuple[CrashGroup, ...]


@stored(name="trioactors.samples")
@attrs.frozen
class Samples:
    """Samples by column, as stored. None is a value that is not known."""

    columns: dict[str, tuple[float | None, ...]]


@attrs.define
class Past:
    """What is stored of earlier runs."""

    blocks: list[CrashBlock] = attrs.field(factory=list[CrashBlock])
    groups: tuple[CrashGroup, ...] = ()
    seconds: list[Sample] = attrs.field(factory=list[Sample])
    minutes: list[Sample] = attrs.field(factory=list[Sample])
    skipped: list[str] = attrs.field(factory=list[str])
    """Why records were left out."""
    newer: bool = False
    """Whether one was written by a newer version of trioactors."""


class Records:
    """The codecs of the history, each made when its first record is read or written."""

    @cached_property
    def _blocks(self) -> Codec[CrashBlock]:
        return Serializer().codec(CrashBlock)

    @cached_property
    def _groups(self) -> Codec[CrashGroups]:
        return Serializer().codec(CrashGroups)

    @cached_property
    def _samples(self) -> Codec[Samples]:
        return Serializer().codec(Samples)

    def __repr__(self) -> str:
        """What it is."""
        return "<records of a history>"

    def block(self, block: CrashBlock) -> Write:
        """The write of a block of crashes."""
        return _write(_crashes(block.number), self._blocks.encode(block))

    def removal(self, number: int) -> Write:
        """The removal of a block."""
        return _write(_crashes(number), None)

    def groups(self, groups: Iterable[CrashGroup]) -> Write:
        """The write of all groups."""
        return _write(_GROUPS, self._groups.encode(CrashGroups(tuple(groups))))

    def seconds(self, minute: int, samples: Sequence[Sample]) -> Write:
        """The write of the samples of a minute, counted since 1970."""
        return _write(f"{_SAMPLES[1]}{minute % 60:02}", self._samples.encode(_by_column(samples)))

    def hour(self, hour: int, samples: Sequence[Sample]) -> Write:
        """The write of the minutes of an hour, counted since 1970."""
        return _write(f"{_SAMPLES[0]}{hour % 168:03}", self._samples.encode(_by_column(samples)))

    def add(self, past: Past, name: str, data: bytes) -> None:
        """Read the record *name* into *past*. Raises `SerializationError`."""
        if name.startswith(_CRASHES):
            past.blocks.append(self._blocks.decode(data))
        elif name == _GROUPS:
            past.groups = self._groups.decode(data).groups
        elif name.startswith(_SAMPLES):
            rows = past.minutes if name.startswith(_SAMPLES[0]) else past.seconds
            rows.extend(_by_row(self._samples.decode(data)))


class Reading(Protocol):
    """A store, as far as it is read here."""

    def scan(self, space: Space, start: str = "", stop: str | None = None, *, limit: int = _PAGE) -> Sequence[Found]:
        """The first *limit* records from *start* on."""
        ...


def read_past(store: Reading, records: Records) -> Past:
    """Read what is stored. Records that cannot be read are left out. Raises the errors of the store."""
    past = Past()
    for key, found in _found(store):
        if isinstance(found, Corrupt):
            past.skipped.append(f"{key.name} is damaged: {found.reason}")
            continue
        try:
            records.add(past, key.name, found.data)
        except RecordTooNew as error:
            past.newer = True
            past.skipped.append(f"{key.name}: {error}")
        except SerializationError as error:
            past.skipped.append(f"{key.name}: {error}")
    past.seconds.sort(key=lambda sample: sample.at)
    past.minutes.sort(key=lambda sample: sample.at)
    return past


def _found(store: Reading) -> Iterator[Found]:
    start, read = PREFIX, 0
    while read < _MOST and (page := store.scan(Space.META, start, prefix_end(PREFIX), limit=_PAGE)):
        yield from page
        read += len(page)
        start = f"{page[-1][0].name}\0"


def _crashes(number: int) -> str:
    return f"{_CRASHES}{number:010}"


def _write(name: str, data: bytes | None) -> Write:
    return Write(Key(Space.META, name), data, expected=None)


def _by_column(samples: Sequence[Sample]) -> Samples:
    return Samples({name: tuple(_short(name, getattr(each, name)) for each in samples) for name in FIELDS})


def _short(name: str, value: float) -> float | None:
    if value != value:  # noqa: PLR0124 - not a number
        return None
    return round(value, 3) if name == "at" else float(f"{value:.{_DIGITS}g}")


def _by_row(stored_samples: Samples) -> Iterator[Sample]:
    """The rows; columns that this version does not know are left out, and rows without all that it does know."""
    columns = stored_samples.columns
    if not columns.keys() >= set(FIELDS):
        return
    for row in zip(*(columns[name] for name in FIELDS), strict=False):
        values: dict[str, Any] = {name: float("nan") if value is None else value for name, value in zip(FIELDS, row, strict=True)}
        yield Sample(**{**values, "mark": int(values["mark"])})
