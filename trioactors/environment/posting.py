"""Sending a document by HTTP POST, for the notices of alerts. A simulation can replace it.

`Environment.post(url, body, seconds)` sends JSON and returns the status of the answer. It runs in a thread, since the standard library's
client blocks; a thread that does not end in time is left behind, and ends by its own timeouts. It follows no redirect and uses no proxy.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import trio

__all__ = ["Post", "post_http"]

Post: TypeAlias = Callable[[str, bytes, float], Awaitable[int]]

_ANSWER: Final = 10_000
"""Bytes of an answer that are read."""


async def post_http(url: str, body: bytes, seconds: float) -> int:
    """Send *body*, which is JSON, to *url* (http or https) within *seconds*, and return the status of the answer. Raises `OSError`."""
    with trio.move_on_after(seconds):
        return await trio.to_thread.run_sync(partial(_post, url, body, seconds), abandon_on_cancel=True)
    raise TimeoutError(f"no answer within {seconds:g} s")


def _post(url: str, body: bytes, seconds: float) -> int:
    import http.client  # noqa: PLC0415 - few programs need it, and it takes long to load
    import ssl  # noqa: PLC0415 - the same

    parts = urlsplit(url)
    host, path = parts.hostname or "", parts.path or "/"
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(host, parts.port, timeout=seconds, context=ssl.create_default_context())
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=seconds)
    try:
        connection.request(
            "POST",
            f"{path}?{parts.query}" if parts.query else path,
            body,
            {"Content-Type": "application/json", "User-Agent": "trioactors"},
        )
        answer = connection.getresponse()
        answer.read(_ANSWER)
    except http.client.HTTPException as error:
        raise OSError(f"the server does not speak HTTP: {type(error).__name__}") from error
    else:
        return answer.status
    finally:
        connection.close()
