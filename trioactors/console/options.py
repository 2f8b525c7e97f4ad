"""What a viewer asks for, checked: it comes from outside, so nothing about it is believed."""

from __future__ import annotations

import math
from typing import Any, Final, cast

from trioactors.errors import SpecError
from trioactors.settings import count

__all__ = ["Options"]

_LONGEST: Final = 1_000
"""Characters of a name, or of what is searched for."""


class Options:
    """The options of one request. Each is asked for by its name; what nobody has asked for in the end is refused."""

    def __init__(self, given: object, owner: str) -> None:
        if not isinstance(given, dict):
            raise SpecError(f"{owner}: options must be an object")
        self._given = cast("dict[str, Any]", given)
        self._owner = owner
        self._known: list[str] = []

    def __repr__(self) -> str:
        """What was given, for the audit log."""
        return repr(self._given)

    def _take(self, name: str) -> Any:
        self._known.append(name)
        return self._given.get(name)

    def text(self, name: str) -> str | None:
        """A text, or None where none is given. Raises `SpecError`."""
        value = self._take(name)
        if value is not None and not (isinstance(value, str) and len(value) <= _LONGEST):
            raise SpecError(f"{self._owner}: {name} must be a text of at most {_LONGEST} characters")
        return value

    def needed(self, name: str) -> str:
        """A text that must be given. Raises `SpecError`."""
        value = self.text(name)
        if value is None:
            raise SpecError(f"{self._owner}: {name} is missing")
        return value

    def number(self, name: str, default: int, *, most: int, least: int = 0) -> int:
        """A whole number. Raises `SpecError`."""
        value = self._take(name)
        chosen = count(default if value is None else value, f"{self._owner}: {name}", least=least)
        if chosen > most:
            raise SpecError(f"{self._owner}: {name}={chosen} is more than {most}, which is the most")
        return chosen

    def optional_number(self, name: str) -> int | None:
        """A whole number, or None where none is given. Raises `SpecError`."""
        value = self._take(name)
        return None if value is None else count(value, f"{self._owner}: {name}")

    def duration(self, name: str, default: float, *, least: float, most: float = 86_400.0) -> float:
        """Seconds. Raises `SpecError`."""
        value = self._take(name)
        if value is None:
            return default
        good = not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value) and least <= value <= most
        if not good:
            raise SpecError(f"{self._owner}: {name} must be a number of seconds from {least:g} to {most:g}")
        return float(value)

    def flag(self, name: str) -> bool:
        """True or false; false where it is not given. Raises `SpecError`."""
        value = self._take(name)
        if value not in (None, True, False) or (isinstance(value, int | float) and not isinstance(value, bool)):
            raise SpecError(f"{self._owner}: {name} must be true or false")
        return bool(value)

    def end(self) -> None:
        """Everything was asked for. Raises `SpecError` for an option that nobody knows."""
        for name in self._given:
            if name not in self._known:
                known = ", ".join(self._known) or "none"
                raise SpecError(f"{self._owner} has no option {name[:100]!r}; it has {known}")

    def rest(self, *taken: str) -> Options:
        """Those that are not *taken*, for somebody else to check."""
        return Options({name: value for name, value in self._given.items() if name not in taken}, self._owner)
