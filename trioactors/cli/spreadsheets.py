"""Rows as CSV, as RFC 4180 has it, one record a line, with a header.

A text that a spreadsheet would take for a formula gets an apostrophe in front, for a name may come from anybody.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["csv_lines"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_lines(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> list[str]:
    """The *rows* as lines of CSV; by default with the columns that any of them has."""
    chosen = list(dict.fromkeys(name for row in rows for name in row)) if columns is None else list(columns)
    return [_line(chosen), *(_line([_cell(row.get(name)) for name in chosen]) for row in rows)] if chosen else []


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _line(cells: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(cells)
    return out.getvalue()
