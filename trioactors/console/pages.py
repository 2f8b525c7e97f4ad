"""The static files of the page: the contents of `static/`, read once. No other file can be requested.

The files contain no data of the system, so they need no sign-in.

Browsers cache them and revalidate them on each use, except for `/`, which is never cached. Third-party files are in folders with a version
(`static/vendor`): they never change and are cached for good.
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
    """The answers by path: `index.html` is `/`, the others are below `/static/`."""
    found = _found(files("trioactors.console").joinpath("static"), "/static/")
    return {**found, "/": attrs.evolve(found["/static/index.html"], headers={})}


def page(head: Head) -> Answer | None:
    """The answer to a request for a file, 304 if the browser has the current version; None if there is no such file."""
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
    """The caching headers of a file."""
    if path.startswith("/static/vendor/"):
        return {"Cache-Control": _FOR_EVER}
    return {"Cache-Control": "no-cache", "ETag": f'"{hashlib.sha256(body).hexdigest()[:32]}"'}
