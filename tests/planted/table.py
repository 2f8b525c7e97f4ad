"""The bugs, one file for each room of the library in the folder `bugs`: the promise that is broken, and what is changed where."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

import attrs
from mutants.table import NotThere

__all__ = ["BUGS", "Bug", "bugs", "chosen"]

BUGS = Path(__file__).with_name("bugs")


@attrs.frozen
class Bug:
    """One planted bug."""

    name: str
    """Its room, and a number."""
    sentence: str
    """What a user notices."""
    file: str
    """From the checkout's root."""
    before: str
    """What stands there, at exactly one place."""
    after: str
    """What stands there instead."""

    @property
    def room(self) -> str:
        """The room of the library in which it is."""
        return self.name.rpartition(" ")[0]

    def __str__(self) -> str:
        """Its name, and where it is."""
        return f"{self.name} ({self.file})"

    def applied(self, text: str) -> str:
        """The text of the file with the bug in it. Raises `NotThere`."""
        places = text.count(self.before)
        if places != 1:
            raise NotThere(
                f"{self}: its lines are at {places} places, not at one. Adapt it in tests/planted/bugs to what stands there now"
            )
        return text.replace(self.before, self.after)


def bugs(folder: Path = BUGS) -> Sequence[Bug]:
    """All of them, room by room."""
    return [Bug(**one) for path in sorted(folder.glob("*.toml")) for one in tomllib.loads(path.read_text(encoding="utf-8"))["bug"]]


def chosen(known: Sequence[Bug], names: Sequence[str]) -> Sequence[Bug]:
    """Those with one of these names, or in a room with one of them; without names, all. Raises `ValueError` for an unknown name."""
    unknown = [name for name in names if not any(name in (bug.name, bug.room) for bug in known)]
    if unknown:
        raise ValueError(f"no planted bug is called {', '.join(map(repr, unknown))}")
    return [bug for bug in known if not names or bug.name in names or bug.room in names]
