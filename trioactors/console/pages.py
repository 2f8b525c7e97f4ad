"""The files that a browser is given: those in `static/`, read once. What is not in that folder cannot be asked for.

They are the same for everybody and hold nothing of the system, so nobody has to sign in for them.

A browser keeps them, and asks each time whether what it has is still right; but for `/`, which is never kept. The files of others stand in
folders with their versions (`static/vendor`): those never change, and are not asked for again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable

import attrs

from trioactors.console.access import Head
from trioactors.console.heads import Answer

__all__ = ["page", "pages"]

_FOR_EVER = "public, max-age=31536000, immutable"

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
    return {**found, "/": attrs.evolve(found["/static/index.html"], headers={})}


def page(head: Head) -> Answer | None:
    """The page that *head* asks for; a browser that says it has this very one is told to use it. None where there is none."""
    found = pages().get(head.path)
    if found is None or found.headers.get("ETag") not in head.headers.get("if-none-match", "").split(", "):
        return found
    return attrs.evolve(found, status=304, body=b"")


def _found(folder: Traversable, path: str) -> dict[str, Answer]:
    answers: dict[str, Answer] = {}
    for each in folder.iterdir():
        kind = _KINDS.get(each.name.rpartition(".")[2])
        if each.is_dir():
            answers |= _found(each, f"{path}{each.name}/")
        elif kind is not None:
            body = each.read_bytes()
            answers[f"{path}{each.name}"] = Answer(200, body, kind, _kept(path, body))
    return answers


def _kept(path: str, body: bytes) -> dict[str, str]:
    """How a browser may keep a file."""
    if path.startswith("/static/vendor/"):
        return {"Cache-Control": _FOR_EVER}
    return {"Cache-Control": "no-cache", "ETag": f'"{hashlib.sha256(body).hexdigest()[:32]}"'}
