"""Validation of the options in a viewer's request."""

from __future__ import annotations

import json
import math
from typing import Any, Final, cast

from trioactors.errors import SpecError
from trioactors.settings import count

__all__ = ["Options", "parsed"]

_LONGEST: Final = 1_000
"""Longest name or search text, in characters."""
_DEEPEST: Final = 100
"""Longest path."""
_HIDDEN: Final = frozenset({"arguments"})
"""Options whose values may be secret: the audit log has their keys only."""


def parsed(text: str) -> object:
    """The value of the JSON *text*. Raises `SpecError`, also for a key that occurs twice: two readers could take different values."""
    try:
        return json.loads(text, object_pairs_hook=_object)
    except SpecError:  # a key that occurs twice
        raise
    except (ValueError, RecursionError) as error:
        raise SpecError(f"invalid JSON: {str(error)[:200]}") from None


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise SpecError(f"invalid JSON: an object has the key {name[:100]!r} twice")
        found[name] = value
    return found


class Options:
    """The options of one request. Each option is read by its name; `end` refuses those that were not read."""

    def __init__(self, given: object, owner: str) -> None:
        if not isinstance(given, dict):
            raise SpecError(f"{owner}: options must be an object")
        self._given = cast("dict[str, Any]", given)
        self._owner = owner
        self._known: list[str] = []
        self.spelled: str | None = None
        """The request in words, without secrets, for the audit log. An action sets it when it knows more than the bare options."""

    def __repr__(self) -> str:
        """The options as given, for the audit log, without those that may be secret."""
        shown = {name: _keys(value) if name in _HIDDEN else value for name, value in self._given.items()}
        return self.spelled or repr(shown)

    def _take(self, name: str) -> Any:
        self._known.append(name)
        return self._given.get(name)

    def text(self, name: str) -> str | None:
        """Read an optional text. Raises `SpecError` if it is invalid."""
        value = self._take(name)
        if value is not None and not (isinstance(value, str) and len(value) <= _LONGEST):
            raise SpecError(f"{self._owner}: {name} must be a string of at most {_LONGEST} characters")
        return value

    def needed(self, name: str) -> str:
        """Read a required text. Raises `SpecError` if it is missing or invalid."""
        value = self.text(name)
        if value is None:
            raise SpecError(f"{self._owner}: {name} is missing")
        return value

    def number(self, name: str, default: int, *, most: int, least: int = 0) -> int:
        """Read an integer. Raises `SpecError` if it is invalid."""
        value = self._take(name)
        chosen = count(default if value is None else value, f"{self._owner}: {name}", least=least)
        if chosen > most:
            raise SpecError(f"{self._owner}: {name}={chosen} must be at most {most}")
        return chosen

    def optional_number(self, name: str) -> int | None:
        """Read an optional integer. Raises `SpecError` if it is invalid."""
        value = self._take(name)
        return None if value is None else count(value, f"{self._owner}: {name}")

    def duration(self, name: str, default: float, *, least: float, most: float = 86_400.0) -> float:
        """Read a number of seconds. Raises `SpecError` if it is invalid."""
        value = self._take(name)
        if value is None:
            return default
        good = not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value) and least <= value <= most
        if not good:
            raise SpecError(f"{self._owner}: {name} must be a number of seconds from {least:g} to {most:g}")
        return float(value)

    def json(self, name: str) -> object:
        """Read JSON, or a text that contains it: a browser would round large numbers. Raises `SpecError` if the text is invalid."""
        value = self._take(name)
        return parsed(value) if isinstance(value, str) else value

    def flag(self, name: str) -> bool:
        """Read a boolean, false by default. Raises `SpecError` if it is invalid."""
        value = self._take(name)
        if value not in (None, True, False) or (isinstance(value, int | float) and not isinstance(value, bool)):
            raise SpecError(f"{self._owner}: {name} must be true or false")
        return bool(value)

    def numbers(self, name: str, *, most: int) -> dict[str, int | None]:
        """Read an object of at most *most* integers or nulls, empty by default. Raises `SpecError` if it is invalid."""
        given = self._take(name)
        value = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
        if not isinstance(given, dict | None) or len(value) > most:
            raise SpecError(f"{self._owner}: {name} must be an object with at most {most} keys")
        return {key: None if each is None else count(each, f"{self._owner}: {name}") for key, each in value.items()}

    def path(self, name: str) -> list[str | int]:
        """Read a list of keys and indexes, empty by default. Raises `SpecError` if it is invalid."""
        given = self._take(name)
        value = cast("Any", given) if isinstance(given, list) else list[Any]()
        good = all(type(step) is int or (isinstance(step, str) and len(step) <= _LONGEST) for step in value)
        if not isinstance(given, list | None) or not good or len(value) > _DEEPEST:
            raise SpecError(f"{self._owner}: {name} must be a list of at most {_DEEPEST} keys and indexes")
        return list(value)

    def end(self) -> None:
        """Check that every option was read. Raises `SpecError` for an unknown option."""
        for name in self._given:
            if name not in self._known:
                known = ", ".join(self._known) or "none"
                raise SpecError(f"{self._owner} has no option {name[:100]!r}; its options: {known}")

    def rest(self, *taken: str) -> Options:
        """The options other than *taken*, to be checked elsewhere."""
        return Options({name: value for name, value in self._given.items() if name not in taken}, self._owner)


def _keys(value: object) -> str:
    return ", ".join(cast("dict[str, object]", value)) if isinstance(value, dict) else "..."
