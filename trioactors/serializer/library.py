"""Forms of the standard library's value types that JSON does not have. Each value is written as one text.

A text is refused unless it is exactly the one that would be written: there is no second spelling, so no silent conversion. The letters of
`ZoneInfo` keys are checked before they become a part of a file name.
"""

from __future__ import annotations

import base64
import ipaddress
import re
import uuid
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from trioactors.serializer.forms import Form, by_text
from trioactors.serializer.problems import Problem

__all__ = ["library_forms"]

Moment = TypeVar("Moment", datetime, time)

_ZONE_KEY = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*")
_MOMENT = re.compile(r"(?P<plain>[^\[\]]+)(?:\[(?P<zone>[^\[\]=]+)\])?(?P<fold>\[fold=1\])?")
_DURATION = re.compile(r"(-?)PT([0-9]+)(?:\.([0-9]{6}))?S")
_LONGEST_DURATION = 32
_NOT_UTF8 = "\0"
"""The start of the written form of a path that is not valid text; no path can contain it."""


def library_forms() -> Iterator[tuple[type[Any], Form]]:
    """Yield each type with its form."""
    yield uuid.UUID, by_text(uuid.UUID, "UUID", str, uuid.UUID)
    yield Decimal, by_text(Decimal, "Decimal", str, Decimal)
    yield bytes, by_text(bytes, "bytes", _to_base64, _from_base64)
    yield bytearray, by_text(bytearray, "bytearray", _to_base64, lambda text: bytearray(_from_base64(text)))
    yield date, by_text(date, "date", date.isoformat, date.fromisoformat)
    yield time, by_text(time, "time", _dump_moment, lambda text: _load_moment(text, time.fromisoformat))
    yield datetime, by_text(datetime, "datetime", _dump_moment, lambda text: _load_moment(text, datetime.fromisoformat))
    yield timedelta, by_text(timedelta, "timedelta", _dump_timedelta, _load_timedelta)
    yield timezone, by_text(timezone, "timezone", _dump_offset, _load_offset)
    yield ZoneInfo, by_text(ZoneInfo, "ZoneInfo", _zone_key, _load_zone)
    for address in (
        ipaddress.IPv4Address,
        ipaddress.IPv6Address,
        ipaddress.IPv4Network,
        ipaddress.IPv6Network,
        ipaddress.IPv4Interface,
        ipaddress.IPv6Interface,
    ):
        yield address, by_text(address, address.__name__, str, address)
    for path in (Path, PurePath, PurePosixPath, PureWindowsPath):
        yield path, _path_form(path)


def _to_base64(data: bytes | bytearray) -> str:
    return base64.b64encode(data).decode("ascii")


def _from_base64(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii"), validate=True)


def _dump_moment(moment: datetime | time) -> str:
    """ISO 8601 with the key of the zone in brackets: if the rules of the zone change, the wall time stays. `fold=1` is marked, too."""
    zone = moment.tzinfo
    fold = "[fold=1]" if moment.fold else ""
    if zone is None or type(zone) is timezone:
        if zone is not None:
            _dump_offset(zone)
        return moment.isoformat() + fold
    return f"{moment.replace(tzinfo=None).isoformat()}[{_zone_key(zone)}]{fold}"


def _load_moment(text: str, parse: Callable[[str], Moment]) -> Moment:
    match = _MOMENT.fullmatch(text)
    if match is None:
        raise ValueError(text)
    moment = parse(match["plain"]).replace(fold=1 if match["fold"] else 0)
    return moment.replace(tzinfo=_load_zone(match["zone"])) if match["zone"] else moment


def _zone_key(zone: tzinfo) -> str:
    if type(zone) is not ZoneInfo:
        raise Problem(f"a {type(zone).__name__} cannot be stored as a time zone", "use zoneinfo.ZoneInfo or datetime.timezone")
    if not _ZONE_KEY.fullmatch(str(zone.key)):
        raise Problem("a ZoneInfo without a proper key could not be found again", "open it by its key, not from a file")
    return zone.key


def _load_zone(key: str) -> ZoneInfo:
    if not _ZONE_KEY.fullmatch(key):
        raise ValueError(key)
    try:
        return ZoneInfo(key)
    except OSError as error:  # the key is the name of a folder of zones
        raise ValueError(key) from error


def _dump_offset(zone: timezone) -> str:
    offset = zone.utcoffset(None)
    if timezone(offset).tzname(None) != zone.tzname(None):
        raise Problem(f"a timezone with a name of its own ({zone.tzname(None)!r}) cannot be stored", "use zoneinfo.ZoneInfo")
    return _dump_timedelta(offset)


def _load_offset(text: str) -> timezone:
    return timezone(_load_timedelta(text))


def _dump_timedelta(delta: timedelta) -> str:
    sign, size = ("-", -delta) if delta < timedelta(0) else ("", delta)
    micro = f".{size.microseconds:06}" if size.microseconds else ""
    return f"{sign}PT{size.days * 86400 + size.seconds}{micro}S"


def _load_timedelta(text: str) -> timedelta:
    match = _DURATION.fullmatch(text)
    if match is None or len(text) > _LONGEST_DURATION:
        raise ValueError(text)
    size = timedelta(seconds=int(match[2]), microseconds=int(match[3] or 0))
    return -size if match[1] else size


def _path_form(kind: type[PurePath]) -> Form:
    real = {Path: type(Path()), PurePath: type(PurePath())}.get(kind, kind)
    return by_text(kind, kind.__name__, _dump_path, lambda text: real(_load_path(text)), runtime=real)


def _dump_path(path: PurePath) -> str:
    text = path.as_posix()
    try:
        text.encode()
    except UnicodeEncodeError:
        return _NOT_UTF8 + _to_base64(text.encode("utf-8", "surrogatepass"))
    if _NOT_UTF8 in text:
        raise Problem("a path cannot contain NUL")
    return text


def _load_path(text: str) -> str:
    if text.startswith(_NOT_UTF8):
        return _from_base64(text[1:]).decode("utf-8", "surrogatepass")
    return text
