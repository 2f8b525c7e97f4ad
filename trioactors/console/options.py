"""Validation of the options in a viewer's request."""

from __future__ import annotations

import math
from typing import Any, Final, cast

from trioactors.errors import SpecError
from trioactors.settings import count

__all__ = ["Options"]

_LONGEST: Final = 1_000
"""Longest name or search text, in characters."""


class Options:
    """The options of one request. Each option is read by its name; `end` refuses those that were not read."""

    def __init__(self, given: object, owner: str) -> None:
        if not isinstance(given, dict):
            raise SpecError(f"{owner}: options must be an object")
        self._given = cast("dict[str, Any]", given)
        self._owner = owner
        self._known: list[str] = []

    def __repr__(self) -> str:
        """The options as given, for the audit log."""
        return repr(self._given)

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

    def flag(self, name: str) -> bool:
        """Read a boolean, false by default. Raises `SpecError` if it is invalid."""
        value = self._take(name)
        if value not in (None, True, False) or (isinstance(value, int | float) and not isinstance(value, bool)):
            raise SpecError(f"{self._owner}: {name} must be true or false")
        return bool(value)

    def end(self) -> None:
        """Check that every option was read. Raises `SpecError` for an unknown option."""
        for name in self._given:
            if name not in self._known:
                known = ", ".join(self._known) or "none"
                raise SpecError(f"{self._owner} has no option {name[:100]!r}; its options: {known}")

    def rest(self, *taken: str) -> Options:
        """The options other than *taken*, to be checked elsewhere."""
        return Options({name: value for name, value in self._given.items() if name not in taken}, self._owner)
