"""Values that hardly any parameter takes."""

from __future__ import annotations

import enum
import math
from typing import Any


class Anything:
    """A value of no type that trioactors knows."""


WRONG: dict[str, Any] = {
    "object": Anything(),
    "-1": -1,
    "5": 5,
    "nan": math.nan,
    "-inf": -math.inf,
    "huge": 10**400,
    "2**70": 2**70,
    "True": True,
    "text": "no such word",
    "empty": "",
    "surrogate": "\ud800",
    "long": "x" * 100_000,
    "nul": "a\0b",
    "bytes": b"bytes",
    "dict": {},
    "list": [],
    "tuple": (1, 5.0),
    "class": Anything,
    "function": lambda: None,
    "enum": enum.Enum("Other", "ONE")(1),
}
