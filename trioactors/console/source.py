"""What topics, questions and actions read: the system, and what the console itself knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import attrs

from trioactors.console.limits import ConsoleLimits
from trioactors.inspect import CommitRing, Totals, TraceRing
from trioactors.system.system import System

__all__ = ["Message", "Source", "Topic"]

Message: TypeAlias = dict[str, Any]
Topic: TypeAlias = Callable[[], object]
"""Returns the current value."""


@attrs.frozen
class Source:
    """The system and the rings that topics read."""

    system: System
    limits: ConsoleLimits
    ring: TraceRing
    commits: CommitRing = attrs.field(factory=CommitRing)
    found: dict[str, Message] = attrs.field(factory=dict[str, "Message"])
    """The last answers of questions that read the store, by question."""
    totals: Totals = attrs.field(factory=Totals)
    """The sums over the tree, for all viewers."""
