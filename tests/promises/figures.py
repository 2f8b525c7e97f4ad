"""The output of a lab, kept as a small file in docs/figures, and its places on the pages.

A page has a place for each figure that it shows:

    <!-- figures: crashlab -->
    ...
    <!-- end of figures -->

A program writes the lines between the two comments; do not edit them by hand. A figure is the output of a lab, word for word. Nothing is
calculated, except that the parts of a long run are summed up (`parts.py`).
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
    """The output of a lab."""

    command: str
    """The command that was run."""
    date: str
    where: str
    """The version of Python and the number of processors."""
    printed: tuple[str, ...] = attrs.field(converter=tuple[str, ...])
    """The last lines of the output."""

    @classmethod
    def load(cls, path: Path) -> Figure:
        """Read a figure that `save` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    def save(self, path: Path) -> None:
        """Write it to *path*."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(attrs.asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def block(self) -> str:
        """The text of the figure on a page."""
        lines = "\n".join(self.printed)
        return f"`{self.command}` on {self.date}, {self.where}:\n\n```console\n{lines}\n```\n"


def blocks(page: str) -> Iterator[tuple[str, str]]:
    """The figures on *page*: their names and their texts."""
    for match in _PLACE.finditer(page):
        yield match["name"], match["block"]


def renewed(page: str, folder: Path) -> str:
    """The *page* with the figures as they are in *folder*. The place of a figure that was not measured yet stays as it is."""

    def renew(match: re.Match[str]) -> str:
        path = folder / f"{match['name']}.json"
        if not path.exists():
            return match[0]
        return f"<!-- figures: {match['name']} -->\n{Figure.load(path).block()}<!-- end of figures -->"

    return _PLACE.sub(renew, page)
