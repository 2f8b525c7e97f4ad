"""The files of the page on the wire: compressed, cached, named ahead, and few."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import pytest

import trioactors
from trioactors.console.pages import _COMMENT, accepts_gzip, pages, without_comments

pytest.importorskip("trio_websocket")

MOST = 130_000
APP = "/static/app.js"
STATIC = Path(trioactors.__file__).parent / "console" / "static"
OWN = sorted(path for path in STATIC.rglob("*.js") if "vendor" not in path.parts)


def named(path: Path) -> str:
    return path.relative_to(STATIC).as_posix()


@pytest.mark.parametrize(
    ("accepted", "gzipped"),
    [
        ("gzip, deflate, br, zstd", True),
        ("GZip", True),
        ("br;q=1.0, gzip;q=0.2", True),
        ("deflate, *", True),
        ("gzip ; q=0.001", True),
        ("", False),
        ("br", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip;q=0.0, *", False),
        ("*;q=0", False),
        ("gzip;q=much", False),
        ("notgzip", False),
    ],
)
def test_what_a_client_accepts_is_read_as_http_has_it(accepted: str, gzipped: object) -> None:
    assert accepts_gzip(accepted) is gzipped


async def test_a_file_is_compressed_for_those_who_read_it_and_the_same_for_all(console: Any) -> None:
    plain = await console.get(APP)
    packed = await console.get(APP, Accept_Encoding="gzip, br")

    assert "content-encoding" not in plain.headers
    assert (packed.status, packed.headers["content-encoding"]) == (200, "gzip")
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) == int(packed.headers["content-length"]) < len(plain.body) / 2
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"
    assert plain.headers["content-type"] == packed.headers["content-type"]


async def test_each_encoding_has_a_tag_of_its_own(console: Any) -> None:
    plain = (await console.get(APP)).headers["etag"]
    packed = (await console.get(APP, Accept_Encoding="gzip")).headers["etag"]

    assert plain != packed
    for known, accepted, status in [(packed, "gzip", 304), (plain, "gzip", 200), (packed, "br", 200), (plain, "br", 304)]:
        assert (await console.get(APP, Accept_Encoding=accepted, If_None_Match=known)).status == status


@pytest.mark.parametrize("sent", ["{}", "W/{}", '"other", {}', '"other",{}', 'W/"other" , W/{}'])
async def test_a_tag_is_found_among_others_and_weakened_by_a_proxy(console: Any, sent: str) -> None:
    tag = (await console.get(APP, Accept_Encoding="gzip")).headers["etag"]
    again = await console.get(APP, Accept_Encoding="gzip", If_None_Match=sent.format(tag))

    assert (again.status, again.body, again.headers["etag"], again.headers["vary"]) == (304, b"", tag, "Accept-Encoding")
    assert "content-encoding" not in again.headers


async def test_head_tells_the_size_of_what_would_come(console: Any) -> None:
    whole, head = [await console.get(APP, method=method, Accept_Encoding="gzip") for method in ("GET", "HEAD")]

    assert head.body == b""
    assert head.headers["content-length"] == str(len(whole.body))


async def test_what_is_said_of_the_system_is_never_compressed(console: Any) -> None:
    token = {"Authorization": "Bearer viewer-token-0123456789", "Accept_Encoding": "gzip"}

    for path in ("/session", "/metrics", "/health", "/link"):
        assert "content-encoding" not in (await console.get(path, **token)).headers


async def test_the_whole_page_is_small_on_the_wire(console: Any) -> None:
    sizes = {path: len(file.packed.body) for path, file in pages().items() if path != "/static/index.html"}

    assert sum(sizes.values()) < MOST, sorted(sizes.items(), key=lambda each: -each[1])[:10]


def test_comments_are_left_out_and_nothing_else() -> None:
    module = b"""// @ts-check
/** One line. */
const a = 1; // it stays
  /**
   * Several lines.
   * @param {number} b
   */
const url = "https://h"; /** it stays */
/* it stays */
/** @type {string} */ (b); /** it stays */
/** gone */
"""

    assert without_comments(module).splitlines() == [
        b"const a = 1; // it stays",
        b'const url = "https://h"; /** it stays */',
        b"/* it stays */",
        b"/** @type {string} */ (b); /** it stays */",
    ]


@pytest.mark.parametrize("path", OWN, ids=named)
def test_no_text_of_ours_looks_like_a_comment(path: Path) -> None:
    """Only a text between backticks has several lines; so where a comment begins, as many of them are closed as are open."""
    source = path.read_bytes()
    kept = re.split(rb"\0", _COMMENT.sub(b"\0", source))

    assert not [part[-80:] for at, part in enumerate(kept[:-1]) if b"".join(kept[: at + 1]).count(b"`") % 2]


def reached(first: str, imports: str) -> set[str]:
    """The modules that are imported by the *first* one, and by those, with the expression *imports*."""
    found, frontier = {first}, [first]
    while frontier:
        for path in re.findall(imports, pages()[frontier.pop()].plain.body.decode()):
            if path not in found:
                found.add(path)
                frontier.append(path)
    return found


async def test_the_page_names_every_module_ahead_that_it_begins_with_so_that_none_waits_for_another(console: Any) -> None:
    page = (await console.get("/")).body.decode()
    named = re.findall(r'<link rel="modulepreload" href="(.*?)">', page)

    scripts = re.findall(r'<script defer src="(.*?)">', page)
    assert len(named) == len(set(named))
    assert {*named, APP} == reached(APP, r"""\bfrom\s*["'](/static/[^"']+)["']""")
    later = reached(APP, r"""(?:\bfrom\s*|\bimport\()["'](/static/[^"']+)["']""")
    assert "/static/views/tree.js" in later - {*named}
    assert {*later, *scripts, "/static/link.js"} == {path for path in pages() if path.endswith(("js", "mjs"))}
