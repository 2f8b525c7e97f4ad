"""`serve_console`: the console of the system in which it is a child."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import partial
from http.client import HTTP_PORT
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

import trio

from trioactors.console.access import Access, Authorize, Role
from trioactors.console.connections import LINK, Connections
from trioactors.console.libraries import check_installed
from trioactors.console.limits import ConsoleLimits
from trioactors.console.topics import Source
from trioactors.errors import SpecError
from trioactors.inspect import TraceRing
from trioactors.settings import Backoff, choice, count
from trioactors.specs import Restart, Supervisor, child
from trioactors.system import current_system, runtime_of

__all__ = ["console_tree", "serve_console"]

_SHORTEST_TOKEN: Final = 16
_LAST_PORT: Final = 65_535
_LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")


def _announce(line: str) -> None:
    """The line goes to stderr, where it is seen whatever logging is set to."""
    sys.stderr.write(f"{line}\n")


async def serve_console(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    token: str | None = None,
    admin_token: str | None = None,
    authorize: Authorize | None = None,
    link_role: Role | str = Role.VIEWER,
    public_url: str | None = None,
    limits: ConsoleLimits | None = None,
    announce: Callable[[str], None] = _announce,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve the console of the system in which this is a child: `ta.child(partial(serve_console, port=8080), name="console")`.

    One link is *announced*, by default on stderr; it signs one browser in, with *link_role*. *token* lets programs look, *admin_token*
    lets them act too; *authorize* tells by the headers of a request (names in lower case) which role somebody has, or None. A *host*
    other than this machine's own needs one of these three. Behind a proxy, *public_url* is the address that people type. Raises
    `SpecError`, `OSError`.
    """
    _check_access(host, token, admin_token, authorize)
    count(port, "port")
    role = choice(link_role, Role, "link_role")
    public = None if public_url is None else _public(public_url)
    check_installed()
    bounds = ConsoleLimits() if limits is None else limits
    system = current_system()
    environment = runtime_of(system).environment
    opened = await environment.listen(host, port)
    base = f"http://{_named(host)}:{opened.port}" if public is None else public
    access = Access(
        new_secret=environment.new_secret,
        limits=bounds,
        hosts=_hosts(host, opened.port, public),
        cookie=f"trioactors-{opened.port}",
        secure=base.startswith("https:"),
        link_role=role,
        token=token,
        admin_token=admin_token,
        authorize=authorize,
    )

    used = partial(_announce_the_next, announce, base, access)
    connections = Connections(Source(system, bounds, TraceRing()), access, base, used)
    async with opened.listener:
        announce(f"console: {base}{LINK}{access.new_link()} (good for one sign-in, {role.value})")
        task_status.started(opened.port)
        await trio.serve_listeners(connections.serve, [opened.listener])


def _announce_the_next(announce: Callable[[str], None], base: str, access: Access, address: str) -> None:
    """A link was used from *address*: say so, and give the next one."""
    role = access.link_role.value
    announce(f"console: {address} signed in. The next link, good for one sign-in ({role}): {base}{LINK}{access.new_link()}")


def console_tree(address: str) -> Supervisor:
    """The console of `open_system(console=...)`, under a supervisor of its own.

    Should it fail, it is started again with a pause in between; should that never help, it stays down. Raises `SpecError`.
    """
    found = re.fullmatch(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^:\[\]]+):(?P<port>\d{1,5})", address)
    if found is None or int(found["port"]) > _LAST_PORT:
        raise SpecError(f"console={address!r} is no host and port, as in '127.0.0.1:0' or '[::1]:8080'")
    host = found["host"].strip("[]")
    _check_access(host, None, None, None)
    check_installed()
    server = partial(serve_console, host=host, port=int(found["port"]))
    pause = Backoff(base=2.0, jitter=0.0)
    return Supervisor(child(server, name="console.server"), name="console", restart=Restart.TRANSIENT, backoff=pause)


def _check_access(host: str, token: str | None, admin_token: str | None, authorize: Authorize | None) -> None:
    for name, secret in (("token", token), ("admin_token", admin_token)):
        if secret is not None and not re.fullmatch(rf"[!-~]{{{_SHORTEST_TOKEN},1000}}", secret):
            raise SpecError(f"{name} must have at least {_SHORTEST_TOKEN} characters, printable ASCII without spaces")
    if token is not None and token == admin_token:
        raise SpecError("token and admin_token are the same: whoever may look could act as well")
    if not _is_loopback(host) and token is None and admin_token is None and authorize is None:
        raise SpecError(
            f"host={host!r} can be reached from other machines: say who may come in, with token=, admin_token= or authorize=, or listen on"
            " 127.0.0.1"
        )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _named(host: str) -> str:
    """*host* as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def _public(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path.strip("/") or parts.query or parts.username:
        raise SpecError(f"public_url={url!r} must be a scheme and a host, as in 'https://console.example.org'")
    return f"{parts.scheme}://{parts.netloc}"


def _hosts(host: str, port: int, public: str | None) -> frozenset[str]:
    """What may stand in the header `Host`."""
    names = [_named(host), *(_LOOPBACK_NAMES if _is_loopback(host) else ())]
    known = [f"{name}:{port}" for name in names] + (names if port == HTTP_PORT else [])
    return frozenset(name.lower() for name in known + ([] if public is None else [urlsplit(public).netloc]))
