"""Stores on disk that are filled and read from outside, as the command line finds them."""

from __future__ import annotations

from pathlib import Path

from trioactors.cli.looking import walked
from trioactors.environment import Environment
from trioactors.persistence import Batch, Corrupt, Key, Limits, Record, Write, store_at

SCHEMES = ("sqlite", "file")
Contents = dict[Key, Record | Corrupt]


def write_all(url: str, records: dict[Key, bytes]) -> None:
    """Write the records, one commit each."""
    store = store_at(url, limits=Limits(key_bytes=100_000))
    store.open(Environment())
    for key, data in records.items():
        store.commit([Batch((Write(key, data, expected=None),))])
    store.close()


def contents(url: str) -> Contents:
    """Everything in a sound store."""
    store = store_at(url)
    store.open(Environment())
    try:
        return dict(walked(store))
    finally:
        store.close()


def data_files(folder: Path, name: str) -> dict[str, bytes]:
    """The data files of the store *name*, without its locks."""
    root = folder / name
    files = [file for file in root.rglob("*") if file.name not in ("owner", "store-lock")] if root.is_dir() else [root]
    return {file.name: file.read_bytes() for file in files}


def damage(file: Path, what: bytes) -> None:
    """Flip a bit in the last occurrence of *what*."""
    content = bytearray(file.read_bytes())
    content[content.rindex(what)] ^= 4
    file.write_bytes(content)
