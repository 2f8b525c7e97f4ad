"""Differences between two snapshots as plain data, and their application to the older one.

A change is one of three objects. docs/console-protocol.md specifies them and shows how a browser applies them.

    {"is": value}                                        a new value
    {"set": {...}, "change": {...}, "gone": [...]}       an object: keys with new values, keys with changed values, removed keys
    {"list": [[first, count], {"from": i, "change": c}, {"is": value}, ...]}
                                                         a list, built from runs of the old list, changed items of it, and new items

Table rows are recognized by their `name`, `number`, `key`, `path` or `cause`, so sorting a table anew costs a few runs, not every row.
Values of different types are different: JSON distinguishes true from 1, Python does not.

A commit view needs paths and the values before and after, for people to read: that is `trioactors.inspect.changes`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from trioactors.inspect import Plain

__all__ = ["Change", "applied", "difference"]

Change: TypeAlias = dict[str, Any]

_IDENTITIES = ("name", "number", "key", "path", "cause")


def difference(old: Plain, new: Plain) -> Change | None:
    """The change from *old* to *new*; None if they are equal."""
    if isinstance(old, dict) and isinstance(new, dict):
        return _of_objects(old, new)
    if isinstance(old, list) and isinstance(new, list):
        return _of_lists(old, new)
    return None if type(old) is type(new) and old == new else {"is": new}


def applied(old: Any, change: Change) -> Any:
    """The result of applying *change* to *old*, which is not modified."""
    if "is" in change:
        return change["is"]
    if "list" in change:
        return [item for entry in change["list"] for item in _items(old, entry)]
    gone = set(change.get("gone", ()))
    kept = {key: value for key, value in old.items() if key not in gone}
    changed = {key: applied(old[key], each) for key, each in change.get("change", {}).items()}
    return kept | changed | change.get("set", {})


def _items(old: list[Any], entry: list[int] | dict[str, Any]) -> Iterator[Any]:
    if isinstance(entry, list):
        first, count = entry
        yield from old[first : first + count]
    elif "from" in entry:
        yield applied(old[entry["from"]], entry["change"])
    else:
        yield entry["is"]


def _of_objects(old: dict[str, Plain], new: dict[str, Plain]) -> Change | None:
    fresh: dict[str, Plain] = {}
    changed: dict[str, Change] = {}
    for key, value in new.items():
        if key not in old:
            fresh[key] = value
        elif (change := difference(old[key], value)) is not None:
            changed[key] = change
    gone = [key for key in old if key not in new]
    parts: Change = {"set": fresh, "change": changed, "gone": gone}
    return {name: part for name, part in parts.items() if part} or None


def _of_lists(old: list[Plain], new: list[Plain]) -> Change | None:
    places = _places(old)
    entries: list[list[int] | Change] = []
    for index, item in enumerate(new):
        origin = places.get(_identity(item), len(old)) if places else index
        if origin >= len(old):
            entries.append({"is": item})
            continue
        change = difference(old[origin], item)
        if change is not None:
            entries.append({"is": item} if "is" in change else {"from": origin, "change": change})
        elif (run := _run(entries)) is not None and sum(run) == origin:
            run[1] += 1
        else:
            entries.append([origin, 1])
    return None if entries == ([[0, len(old)]] if old else []) else {"list": entries}


def _run(entries: list[list[int] | Change]) -> list[int] | None:
    """The run at the end of the list, or None."""
    return entries[-1] if entries and isinstance(entries[-1], list) else None


def _places(items: list[Plain]) -> dict[object, int]:
    """The index of each row by its identity; empty if a row has no identity, or two rows have the same."""
    places = {_identity(item): index for index, item in enumerate(items)}
    return places if len(places) == len(items) and None not in places else {}


def _identity(item: Plain) -> object:
    """The identity of a row, with its type: the string "1" is not the number 1."""
    if not isinstance(item, dict):
        return None
    known = next((item[key] for key in _IDENTITIES if key in item), None)
    return (type(known), known) if isinstance(known, str | int) else None
