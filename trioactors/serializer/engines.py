"""JSON text to plain values and back, with the standard library's json, or with orjson if both agree.

The standard library's engine is the reference. It refuses duplicate keys, NaN, lone surrogates and anything that is not UTF-8. orjson is
faster and more lenient (the last duplicate wins, integers beyond 64 bits turn into floats). So a value that orjson read is used only if
writing it again gives the same bytes; everything else goes to the reference. Thus each engine reads what the other wrote, and both refuse
the same input.
"""

from __future__ import annotations

import collections
import enum
import importlib
import json
from typing import Any, Protocol

from trioactors.errors import EngineMissing, RecordCorrupt, SpecError
from trioactors.serializer.forms import ARRAY, OBJECT, TEXT
from trioactors.serializer.problems import Problem, shown

__all__ = ["Engine", "JsonEngine", "engine_for"]


class Engine(enum.Enum):
    """The JSON implementation of a serializer. Records are the same with each."""

    STANDARD = "json"
    FAST = "orjson"
    """Needs `pip install "trioactors[fast]"`."""


class JsonEngine(Protocol):
    """Writes plain values as JSON in UTF-8, and reads them."""

    def write(self, form: Any) -> bytes:
        """Return *form* as JSON without white space; the same form gives the same bytes."""
        ...

    def read(self, data: bytes) -> Any:
        """Return the value in *data*."""
        ...


def engine_for(engine: Engine) -> JsonEngine:
    """Return the implementation of *engine*. Raises `EngineMissing` if it is not installed."""
    if not _is_engine(engine):
        raise SpecError(f"engine={engine!r:.80} must be Engine.STANDARD or Engine.FAST")
    if engine is Engine.STANDARD:
        return _StandardEngine()
    try:
        orjson = importlib.import_module("orjson")
    except ModuleNotFoundError:
        raise EngineMissing("orjson is not installed", next_step='pip install "trioactors[fast]"') from None
    return _FastEngine(orjson)


def _is_engine(value: object) -> bool:
    return isinstance(value, Engine)


class _StandardEngine:
    """The standard library's json, made strict."""

    def __init__(self) -> None:
        self._encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")).encode
        self._decode = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant).decode

    def write(self, form: Any) -> bytes:
        """Return *form* as JSON."""
        try:
            return self._encode(form).encode()
        except UnicodeEncodeError:
            raise _surrogate_in(form) from None
        except RecursionError:
            raise Problem("nested too deeply to be written") from None

    def read(self, data: bytes) -> Any:
        """Return the value in *data*."""
        try:
            text = data.decode()
            value = self._decode(text)
            if "\\u" in text:  # escapes can spell what UTF-8 cannot
                self._encode(value).encode()
        except RecursionError:
            raise Problem("nested too deeply to be read", "", RecordCorrupt) from None
        except ValueError as error:
            raise Problem(f"not JSON: {error}"[:300], "", RecordCorrupt) from error
        return value


class _FastEngine:
    """orjson; the reference engine handles everything in which the two could differ."""

    def __init__(self, orjson: Any) -> None:
        self._dumps = orjson.dumps
        self._loads = orjson.loads
        self._reference = _StandardEngine()

    def write(self, form: Any) -> bytes:
        """Return *form* as JSON."""
        try:
            data: bytes = self._dumps(form)
        except TypeError:  # such as orjson.JSONEncodeError; the reference may accept the value, or else says what is wrong
            return self._reference.write(form)
        return data

    def read(self, data: bytes) -> Any:
        """Return the value in *data*."""
        try:
            value = self._loads(data)
            if self._dumps(value) == data:
                return value
        except (ValueError, TypeError):  # orjson.JSONDecodeError and JSONEncodeError
            return self._reference.read(data)
        return self._reference.read(data)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice, _ = collections.Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {shown(twice)} is there twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _surrogate_in(form: Any) -> Problem:
    """The problem of a text that is not valid Unicode, with the path to it."""
    waiting: list[tuple[Any, tuple[str, ...]]] = [(form, ())]
    steps: tuple[str, ...] = ()
    while waiting:
        value, steps = waiting.pop()
        if type(value) is TEXT and not _is_unicode(value):
            break
        if type(value) is ARRAY:
            waiting.extend((item, (*steps, f"[{index}]")) for index, item in enumerate(value))
        elif type(value) is OBJECT:
            waiting.extend((item, (*steps, f".{key}")) for key, item in value.items())
            waiting.extend((key, steps) for key in value)
    problem = Problem("a text with lone surrogates has no UTF-8 form", "store it as bytes (os.fsencode), or as a Path if it is one")
    problem.steps = list(reversed(steps))
    return problem


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
