"""What a lab has printed, kept as a small file in docs/figures, and where the pages show it.

A page has a place for each figure that it shows:

    <!-- figures: crashlab -->
    ...
    <!-- end of figures -->

What is between the two lines is written by a program and by nobody else. A figure is what a lab has said, word by word: nothing is worked
out anew, but that the parts of a long run are summed up (`parts.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import attrs

__all__ = ["Figure", "blocks", "renewed"]

_PLACE = re.compile(r"<!-- figures: (?P<name>[\w-]+) -->\n(?P<block>.*?)<!-- end of figures -->", re.DOTALL)


@attrs.frozen
class Figure:
    """What one lab has shown."""

    command: str
    """What was typed."""
    date: str
    where: str
    """The Python and the processors that it ran on."""
    printed: tuple[str, ...] = attrs.field(converter=tuple[str, ...])
    """The lines that it ended with."""

    @classmethod
    def load(cls, path: Path) -> Figure:
        """Read what `save` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    def save(self, path: Path) -> None:
        """Write it to *path*."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(attrs.asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def block(self) -> str:
        """As it stands on a page."""
        lines = "\n".join(self.printed)
        return f"`{self.command}` on {self.date}, {self.where}:\n\n```console\n{lines}\n```\n"


def blocks(page: str) -> Iterator[tuple[str, str]]:
    """The figures that *page* shows, by name, with what it shows."""
    for match in _PLACE.finditer(page):
        yield match["name"], match["block"]


def renewed(page: str, folder: Path) -> str:
    """The *page* with the figures as they are in *folder*. A place whose figure was not measured yet stays as it is."""

    def renew(match: re.Match[str]) -> str:
        path = folder / f"{match['name']}.json"
        if not path.exists():
            return match[0]
        return f"<!-- figures: {match['name']} -->\n{Figure.load(path).block()}<!-- end of figures -->"

    return _PLACE.sub(renew, page)
