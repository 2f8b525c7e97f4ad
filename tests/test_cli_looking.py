"""Walking through a damaged store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import attrs

from trioactors.cli.looking import rescued
from trioactors.errors import StoreCorrupt
from trioactors.persistence import Found, Key, Record, Space


@attrs.define
class Astray:
    """A store whose names are in the wrong order, and which searches as if they were not; one of them cannot be read."""

    names: Sequence[str]
    broken: str | None = None

    def scan(self, space: Space, start: str = "", stop: str | None = None, *, limit: int, reverse: bool = False) -> Sequence[Found]:
        """Return the names from the first that fits, in their stored order."""
        order = list(reversed(self.names)) if reverse else list(self.names)
        fits = [stop is None or name < stop for name in order] if reverse else [name >= start for name in order]
        passed = order[fits.index(True) :][:limit] if True in fits else []
        if self.broken in passed:
            raise StoreCorrupt("a page is damaged")
        return [(Key(space, name), Record(b"", 1)) for name in passed]


def found(names: Sequence[str], broken: str | None = None) -> list[str]:
    """The names that a walk finds, in order."""
    return [key.name for key, _ in rescued(cast("Any", Astray(names, broken)), (Space.STATE,))]


NAMES = [f"name-{number:03}" for number in range(100)]


def test_every_name_is_found_once() -> None:
    assert found(NAMES) == NAMES


def test_names_on_both_sides_of_the_damage_are_found() -> None:
    assert sorted(found(NAMES, "name-050")) == [name for name in NAMES if name != "name-050"]


def test_names_in_the_wrong_order_are_no_endless_walk() -> None:
    for at in range(len(NAMES)):
        for wrong in ("a", "z"):
            names = [*NAMES[:at], wrong, *NAMES[at + 1 :]]

            assert sorted(found(names)) == sorted(names)
