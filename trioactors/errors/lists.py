"""Lists in the texts of errors."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["listed"]


def listed(parts: Iterable[str], most: int = 20, *, separator: str = ", ", none: str = "none") -> str:
    """*parts* as text for an error: at most so many of them, and how many are left out; *none* if there are none."""
    known = list(parts)
    shown = known if len(known) <= most else [*known[:most], f"and {len(known) - most:,} more"]
    return separator.join(shown) or none
