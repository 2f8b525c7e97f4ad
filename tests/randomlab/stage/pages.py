"""What the actors of a random application send, keep and raise."""

from __future__ import annotations

from typing import Final

import attrs
from attrs import define

__all__ = ["HOPS", "Fallen", "Page", "Pages", "Refused"]

HOPS: Final = 2
"""How many times a page leads to further ones, or does harm: so every application comes to rest."""


class Refused(Exception):
    """An error that handlers declare."""


class Fallen(Exception):
    """An error that no handler declares."""


@attrs.frozen
class Page:
    """A message of the lab."""

    id: str
    left: int = HOPS
    """How many times it may lead to another page."""

    def next(self, number: int) -> Page:
        """The page that follows from this one."""
        return Page(f"{self.id}/{number}", self.left - 1)


@define
class Pages:
    """The state of every actor of the lab."""

    ids: list[str] = attrs.field(factory=list[str])
