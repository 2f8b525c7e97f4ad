"""Records as bytes."""

from __future__ import annotations

from typing import Any


def record(value: str, name: str = "tally", version: int = 1, **more: Any) -> bytes:
    """The record of a *value*, as another program might write it."""
    classes = f'"classes":{more["classes"]},' if "classes" in more else ""
    return f'{{"format":1,"type":"{name}","version":{version},{classes}"value":{value}}}'.encode()


def tally(total: int) -> bytes:
    """The record of a tally with that *total*."""
    return record(f'{{"total":{total}}}')
