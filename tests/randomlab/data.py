"""A random application as plain data: what is drawn from a seed, shrunk, and written down as a program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, TypeAlias

import attrs

__all__ = ["Application", "Child", "Handler", "Kind", "Line", "Node", "Tree"]

Options: TypeAlias = Mapping[str, Any]
"""Keyword arguments with plain values. A text that begins with `ta.` is an expression."""


@attrs.frozen
class Line:
    """One line of a handler or of a user: one act."""

    text: str
    waits: bool = False
    """Whether it contains an await."""


@attrs.frozen
class Handler:
    """A handler of an actor class."""

    name: str
    options: Options
    lines: tuple[Line, ...]
    defers: str = ""
    """How it defers its reply, if it does."""

    @property
    def waits(self) -> bool:
        """Whether it must be async."""
        return any(line.waits for line in self.lines)


@attrs.frozen
class Kind:
    """An actor class."""

    name: str
    options: Options
    handlers: tuple[Handler, ...]
    hooks: Mapping[str, tuple[Line, ...]] = {}


@attrs.frozen
class Child:
    """A child that is no supervisor."""

    name: str
    make: str
    """The name of its class or function; `ta.resource(room)` for a resource."""
    options: Options


@attrs.frozen
class Tree:
    """A supervisor with its children."""

    name: str
    options: Options
    children: tuple[Node, ...]

    def leaves(self) -> Iterator[Child]:
        """All children that are no supervisors, in start order."""
        for child in self.children:
            if isinstance(child, Tree):
                yield from child.leaves()
            else:
                yield child

    def trees(self) -> Iterator[Tree]:
        """This supervisor and those below it."""
        yield self
        for child in self.children:
            if isinstance(child, Tree):
                yield from child.trees()


Node: TypeAlias = "Child | Tree"


@attrs.frozen
class Application:
    """A whole application: what runs on the node, who uses it, and what may go wrong."""

    kinds: tuple[Kind, ...]
    tree: Tree
    users: tuple[tuple[Line, ...], ...]
    """The turns of each user; each is one line."""
    store: str | None
    settings: Options
    faults: Options
    latency: float = 0.0
    """How long each call of the store takes at most, in seconds. Without it, only those that a fault delays take any time."""

    @property
    def lasting(self) -> bool:
        """Whether what it keeps outlasts a life of the node."""
        return self.store not in {None, "memory:"}

    def kind_of(self, child: str) -> Kind | None:
        """The class of an actor; None if *child* is no actor of the tree."""
        known = child.partition(" ")[0] if " guest " in child else self._makes.get(child)
        return next((kind for kind in self.kinds if kind.name == known), None)

    @cached_property
    def _makes(self) -> dict[str, str]:
        return {leaf.name: leaf.make for leaf in self.tree.leaves()}

    def handler_of(self, child: str, handler: str) -> Handler | None:
        """A handler of an actor."""
        kind = self.kind_of(child)
        return None if kind is None else next((one for one in kind.handlers if one.name == handler), None)
