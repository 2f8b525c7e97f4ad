"""The static files of the page: the contents of `static/`, read and compressed once. No other file can be requested.

The files contain no data of the system, so they need no sign-in, and compressing them reveals nothing.

Browsers cache them and revalidate them on each use, except for `/`, which is never cached. Third-party files are in folders with a version
(`static/vendor`): they never change and are cached for good.

A browser learns from a module which others it needs, and would request them one level after the other. `/` therefore names all of them.
The comments of our own modules stay here: they are a tenth of the page.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

import attrs

from trioactors.console.access import Head
from trioactors.console.heads import Answer

__all__ = ["File", "accepts_gzip", "page", "pages", "without_comments"]

_FOR_EVER: Final = "public, max-age=31536000, immutable"
_VENDOR: Final = "/static/vendor/"
_START: Final = "/static/app.js"
"""The module from which the page imports all others."""
_IMPORTED: Final = re.compile(rb"""\bfrom\s*["'](/static/[^"']+)["']""")
_SCRIPT: Final = b'<script type="module"'
_COMMENT: Final = re.compile(rb"^[ \t]*(?:/\*\*(?:(?!\*/).)*\*/|//[^\n]*)[ \t]*\n", re.DOTALL | re.MULTILINE)
"""A comment that has its lines to itself."""

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


@attrs.frozen
class File:
    """A file in its two encodings."""

    plain: Answer
    packed: Answer

    @classmethod
    def of(cls, path: str, kind: str, body: bytes) -> File:
        """The answers for the file *body* at *path*. A file that does not become smaller is not compressed."""
        packed = gzip.compress(body, 9, mtime=0)
        plain = Answer(200, body, kind, _kept(path, body) | {"Vary": "Accept-Encoding"})
        if len(packed) >= len(body):
            return cls(plain, plain)
        return cls(plain, Answer(200, packed, kind, plain.headers | _kept(path, packed) | {"Content-Encoding": "gzip"}))


@lru_cache(maxsize=1)
def pages() -> Mapping[str, File]:
    """The files by path: `index.html` is `/`, the others are below `/static/`."""
    bodies = _found(files("trioactors.console").joinpath("static"), "/static/")
    bodies["/"] = _with_all_named(bodies["/static/index.html"], bodies)
    return {path: File.of(path, _KINDS["html" if path == "/" else _ending(path)], body) for path, body in bodies.items()}


def page(head: Head) -> Answer | None:
    """The answer to a request for a file, 304 if the browser has the current version; None if there is no such file."""
    found = pages().get(head.path)
    if found is None or head.method not in {"GET", "HEAD"}:
        return None
    answer = found.packed if accepts_gzip(head.headers.get("accept-encoding", "")) else found.plain
    known = [tag.strip().removeprefix("W/") for tag in head.headers.get("if-none-match", "").split(",")]
    if answer.headers.get("ETag") not in known:
        return answer
    kept = {name: value for name, value in answer.headers.items() if name != "Content-Encoding"}
    return attrs.evolve(answer, status=304, body=b"", headers=kept)


def accepts_gzip(accepted: str) -> bool:
    """Whether a client that sends *accepted* as its `Accept-Encoding` reads gzip."""
    weights: dict[str, float] = {}
    for part in accepted.lower().split(","):
        coding, _, parameter = part.partition(";")
        name, _, weight = parameter.partition("=")
        weights[coding.strip()] = _weight(weight) if name.strip() == "q" else 1.0
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def _weight(text: str) -> float:
    """A weight of 0 to 1; 0 if it is none, since what is not understood must not be relied on."""
    try:
        return float(text)
    except ValueError:
        return 0.0


def without_comments(module: bytes) -> bytes:
    """The module without the comments that have lines to themselves. No line of a text in it may look like one."""
    return _COMMENT.sub(b"", module)


def _found(folder: Traversable, path: str) -> dict[str, bytes]:
    bodies: dict[str, bytes] = {}
    for each in folder.iterdir():
        if each.is_dir():
            bodies |= _found(each, f"{path}{each.name}/")
        elif _ending(each.name) in _KINDS:
            own = _ending(each.name) == "js" and not path.startswith(_VENDOR)
            bodies[f"{path}{each.name}"] = without_comments(each.read_bytes()) if own else each.read_bytes()
    return bodies


def _with_all_named(index: bytes, bodies: Mapping[str, bytes]) -> bytes:
    """The page, with a link to every module that it imports sooner or later."""
    links = "".join(f'<link rel="modulepreload" href="{path}">\n' for path in _needed(bodies))
    return index.replace(_SCRIPT, links.encode() + _SCRIPT, 1)


def _needed(bodies: Mapping[str, bytes]) -> list[str]:
    """The modules that the first one imports, and those that these import, and so on."""
    needed = [_START]
    for path in needed:  # it grows meanwhile
        imported = (match[1].decode() for match in _IMPORTED.finditer(bodies[path]))
        needed += [each for each in dict.fromkeys(imported) if each in bodies and each not in needed]
    return needed[1:]


def _ending(path: str) -> str:
    return path.rpartition(".")[2]


def _kept(path: str, body: bytes) -> dict[str, str]:
    """The caching headers of a file."""
    if path == "/":
        return {}
    if path.startswith(_VENDOR):
        return {"Cache-Control": _FOR_EVER}
    return {"Cache-Control": "no-cache", "ETag": f'"{hashlib.sha256(body).hexdigest()[:32]}"'}
