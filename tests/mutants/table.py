"""The kept mutants: what each changes, and putting it into a copy of the packages.

They were drawn by `drawing.py` and stand in `kept.json`. A mutant is named by the function in which it is and by the lines that it changes,
not by their numbers, so that it survives what changes around it. Where its lines are gone it does not apply, and that is an error: it
must be adapted to what stands there now, or another one be drawn.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs

import trioactors
import trioactors_backends

__all__ = ["KEPT", "PACKAGES", "Mutant", "NotThere", "keep", "kept", "scopes", "text_of"]

PACKAGES: Mapping[str, Path] = {
    "trioactors": Path(trioactors.__file__).parent,
    "backends/trioactors_backends": Path(trioactors_backends.__file__).parent,
}
"""What is mutated, by its place in the checkout: where it was imported from."""

KEPT = Path(__file__).with_name("kept.json")


class NotThere(Exception):
    """The lines that a mutant changes are gone."""


@attrs.frozen
class Mutant:
    """One planted bug."""

    name: str
    group: str
    """What it is a bug of: rules, mailbox, durable actors, stores."""
    file: str
    """From the checkout's root."""
    scope: str
    """The class or function in which it is, with a dot between the two; empty for the module."""
    operator: str
    """Of the mutation tool."""
    old: tuple[str, ...] = attrs.field(converter=tuple[str, ...])
    """The lines that it changes, as they are."""
    new: tuple[str, ...] = attrs.field(converter=tuple[str, ...])
    """What stands there instead."""
    nth: int = 1
    """Which of the places in its scope, where these lines are there more than once."""
    equivalent: str = ""
    """Why nobody could tell it from the original, where that is so."""

    def __str__(self) -> str:
        """Its name, and where it is."""
        return f"{self.name} ({self.file}, {self.scope or 'module'})"

    def applied(self, text: str) -> str:
        """The text of the file with the bug in it. Raises `NotThere`."""
        lines = text.splitlines()
        first, last = self._scope(text)
        size = len(self.old)
        places = [at for at in range(first, last - size + 1) if tuple(lines[at : at + size]) == self.old]
        if len(places) < self.nth:
            raise NotThere(
                f"{self}: the lines {list(self.old)} are not there any more. Adapt it in tests/mutants/{KEPT.name} to what "
                f"stands there now; if nothing like it does, draw another one: python -m mutants.drawing"
            )
        at = places[self.nth - 1]
        return "\n".join([*lines[:at], *self.new, *lines[at + size :]]) + "\n"

    def _scope(self, text: str) -> tuple[int, int]:
        """From which line to which its scope goes, counted from zero, the second not included."""
        if not self.scope:
            return 0, len(text.splitlines())
        for found, node in scopes(ast.parse(text)):
            if found == self.scope:
                first = min((one.lineno for one in node.decorator_list), default=node.lineno)
                return first - 1, node.end_lineno or node.lineno
        raise NotThere(f"{self}: there is no {self.scope} any more. Draw another one: python -m mutants.drawing")


def kept() -> Sequence[Mutant]:
    """All of them, in the order in which they were drawn."""
    return [Mutant(**one) for one in json.loads(KEPT.read_text())]


def keep(mutants: Sequence[Mutant], path: Path = KEPT) -> None:
    """Write them down."""
    path.write_text(json.dumps([attrs.asdict(one) for one in mutants], indent=2) + "\n")


def text_of(file: str) -> str:
    """The source of *file*, as it is."""
    package = next(package for package in PACKAGES if file.startswith(f"{package}/"))
    return (PACKAGES[package] / file.removeprefix(f"{package}/")).read_text()


Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def scopes(node: ast.AST, prefix: str = "") -> Iterator[tuple[str, Scope]]:
    """Each class and function in *node*, with its name in full."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Scope):
            yield f"{prefix}{child.name}", child
            yield from scopes(child, f"{prefix}{child.name}.")
        else:
            yield from scopes(child, prefix)
