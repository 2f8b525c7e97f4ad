"""What a trial says on standard output, one line each, and `hunting.py` reads.

First where the packages come from, then what is tried before it is tried, and last what came of it all, as JSON.
"""

from __future__ import annotations

import importlib.util
import json
import resource
import sys
from typing import TextIO

__all__ = ["begin", "found", "say"]

_BYTES = 4 * 1024**3
"""Of memory: a bug may ask for all of it."""

_TEXT = 160


def begin() -> None:
    """Limit the memory, and say what is tried. Imports nothing of it."""
    resource.setrlimit(resource.RLIMIT_AS, (_BYTES, _BYTES))
    specs = [importlib.util.find_spec(name) for name in ("trioactors", "trioactors_backends")]
    say(json.dumps([spec.origin for spec in specs if spec is not None]))


def say(text: str, out: TextIO | None = None) -> None:
    """Print a line, now."""
    to = sys.stdout if out is None else out
    to.write(f"{text}\n")
    to.flush()


def found(seeds: int, what: str, error: str, text: str) -> dict[str, object]:
    """What came of a trial that found something: how many were tried, what the last one was, the class of the error and its words."""
    return {"seeds": seeds, "found": True, "scenario": what, "error": error, "text": " ".join(text.split())[:_TEXT]}
