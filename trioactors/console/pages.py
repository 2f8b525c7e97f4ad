"""The files that a browser is given: those in `static/`, read once. What is not in that folder cannot be asked for.

They are the same for everybody and hold nothing of the system, so nobody has to sign in for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from trioactors.console.heads import Answer

__all__ = ["pages"]

_KINDS: Mapping[str, str] = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "ico": "image/x-icon",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "mjs": "text/javascript; charset=utf-8",
    "png": "image/png",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
    "woff2": "font/woff2",
}


@lru_cache(maxsize=1)
def pages() -> Mapping[str, Answer]:
    """Every page by its path: `index.html` is `/`, others are below `/static/`."""
    found = _found(files("trioactors.console").joinpath("static"), "/static/")
    return {**found, "/": found["/static/index.html"]}


def _found(folder: Traversable, path: str) -> dict[str, Answer]:
    answers: dict[str, Answer] = {}
    for each in folder.iterdir():
        kind = _KINDS.get(each.name.rpartition(".")[2])
        if each.is_dir():
            answers |= _found(each, f"{path}{each.name}/")
        elif kind is not None:
            answers[f"{path}{each.name}"] = Answer(200, each.read_bytes(), kind)
    return answers
