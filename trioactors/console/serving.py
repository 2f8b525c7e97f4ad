"""`serve_console`: a child that serves the console of its own system."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable
from functools import partial
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

import attrs
import trio

from trioactors.console.access import Access, Authorize, Role, RoleWord
from trioactors.console.connections import Connections
from trioactors.console.encrypted import EncryptedPeers
from trioactors.console.limits import ConsoleLimits
from trioactors.console.sign_in import LINK, LinkPages
from trioactors.console.source import Source
from trioactors.environment.extras import check_installed
from trioactors.environment.network import Opened
from trioactors.errors import SpecError
from trioactors.inspect import TraceRing
from trioactors.inspect.recording import record_figures
from trioactors.settings import Backoff, choice, count
from trioactors.supervision.restarts import delay_before
from trioactors.supervision.specs import Restart, Supervisor, child
from trioactors.system.system import System, current_system, runtime_of

__all__ = ["console_tree", "serve_console"]

_log = logging.getLogger("trioactors.console")

_SHORTEST_TOKEN: Final = 16
_LAST_PORT: Final = 65_535
_HTTP_PORT: Final = 80
_HTTPS_PORT: Final = 443
_PUBLIC: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?)(?::(?P<port>[0-9]{1,5}))?/?",
    re.IGNORECASE | re.ASCII,
)
_ADDRESS: Final = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^:\[\]]+):(?P<port>[0-9]{1,5})")
_CANNOT_LISTEN: Final = (
    "the console cannot listen on %s: %s. The application runs without it; the next attempt is in %g s. Free that port, or open the system"
    " with another one, such as console='%s:0'"
)
_PAUSE: Final = Backoff(base=2.0, jitter=0.0)
_LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")


def _announce(line: str) -> None:
    """Write the line to stderr, so that it is visible whatever the logging configuration is."""
    sys.stderr.write(f"{line}\n")


async def serve_console(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    token: str | None = None,
    admin_token: str | None = None,
    authorize: Authorize | None = None,
    link_role: Role | RoleWord = Role.VIEWER,
    public_url: str | None = None,
    limits: ConsoleLimits | None = None,
    announce: Callable[[str], None] = _announce,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve the console of the system in which this function runs as a child.

        ta.child(partial(serve_console, port=8080), name="console")

    *announce* is called with a line that contains a link, by default it writes to stderr. The link signs one browser in with *link_role*.
    *token* gives programs read-only access, *admin_token* also lets them act. *authorize* receives the request headers, with names in lower
    case, and returns a role, or None to refuse. If *host* is reachable from other machines, one of these three is required. *public_url* is
    the address that users type; it is needed behind a proxy, and if *host* is a wildcard (0.0.0.0, ::). Raises `SpecError` if an argument
    is invalid or the extra `console` is not installed, and `OSError` if the address is not available.
    """
    wanted = _Wanted(
        host=host,
        port=port,
        token=token,
        admin_token=admin_token,
        authorize=authorize,
        role=choice(link_role, Role, "link_role"),
        public=None if public_url is None else _public(public_url),
        limits=ConsoleLimits() if limits is None else limits,
        announce=announce,
    )
    check_installed()
    system = current_system()
    opened = await runtime_of(system).environment.listen(host, port)
    async with opened.listener:
        connections = _connections(wanted, system, opened.port)
        task_status.started(opened.port)
        await _serve(system, connections, opened.listener)


@attrs.frozen(kw_only=True)
class _Wanted:
    """The validated options of a console. Raises `SpecError` if one is invalid."""

    host: str
    port: int
    token: str | None = attrs.field(default=None, repr=False)
    admin_token: str | None = attrs.field(default=None, repr=False)
    authorize: Authorize | None = None
    role: Role = Role.VIEWER
    public: str | None = None
    limits: ConsoleLimits = attrs.field(factory=ConsoleLimits)
    announce: Callable[[str], None] = _announce

    def __attrs_post_init__(self) -> None:
        _check_kinds(self.host, self.limits, self.authorize, self.announce)
        if count(self.port, "port") > _LAST_PORT:
            raise SpecError(f"port={self.port} is not a port: use 1 to {_LAST_PORT}, or 0 for any free port")
        _check_access(self.host, self.token, self.admin_token, self.authorize)
        if _is_wildcard(self.host) and self.public is None:
            raise SpecError(
                f"host={self.host!r} is a wildcard address, which a browser cannot open: pass the address that users type, as in"
                f" public_url='http://192.0.2.7:{self.port or 8080}'"
            )

    def base(self, port: int) -> str:
        """The URL of the console if it listens on *port*."""
        return f"http://{_named(self.host)}:{port}" if self.public is None else self.public


def _connections(wanted: _Wanted, system: System, port: int) -> Connections:
    """Make the connections of a console and announce the first link."""
    base = wanted.base(port)
    access = Access(
        new_secret=runtime_of(system).environment.new_secret,
        limits=wanted.limits,
        hosts=_hosts(wanted.host, port, wanted.public),
        https=frozenset({urlsplit(base).netloc} if base.startswith("https:") else ()),
        cookie=f"trioactors-{port}",
        secure=base.startswith("https:"),
        isolated=base.startswith("https:") or _is_loopback(urlsplit(base).hostname or ""),
        link_role=wanted.role,
        token=wanted.token,
        admin_token=wanted.admin_token,
        authorize=wanted.authorize,
    )
    used = partial(_announce_the_next, wanted.announce, base, access)
    wanted.announce(f"console: {base}{LINK}{access.new_link()} (good for one sign-in, {wanted.role.value})")
    source = Source(system, wanted.limits, TraceRing())
    return Connections(source, access, base, LinkPages(access, used), EncryptedPeers(base))


async def _serve(system: System, connections: Connections, listener: trio.abc.Listener[trio.abc.Stream]) -> None:
    """Serve viewers, and record the figures meanwhile, so that charts show what was before a viewer came."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(record_figures, system)
        await trio.serve_listeners(connections.serve, [listener])


async def _serve_when_free(wanted: _Wanted, *, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED) -> None:
    """Serve as soon as the address is available. The start of the application does not wait for it."""
    system = current_system()
    listen = runtime_of(system).environment.listen
    failed = 0
    opened: Opened | None = None
    while opened is None:
        try:
            opened = await listen(wanted.host, wanted.port)
        except OSError as error:
            failed += 1
            pause = delay_before(_PAUSE, failed, 0.0)
            where = f"{_named(wanted.host)}:{wanted.port}"
            _log.error(_CANNOT_LISTEN, where, error, pause, _named(wanted.host))
            if failed == 1:
                task_status.started(wanted.port)
            await trio.sleep(pause)
    async with opened.listener:
        connections = _connections(wanted, system, opened.port)
        if not failed:
            task_status.started(opened.port)
        await _serve(system, connections, opened.listener)


def _announce_the_next(announce: Callable[[str], None], base: str, access: Access, address: str) -> None:
    """Announce that a link was used from *address*, and the next link."""
    role = access.link_role.value
    announce(f"console: {address} signed in. The next link, good for one sign-in ({role}): {base}{LINK}{access.new_link()}")


def console_tree(address: object) -> Supervisor:
    """The console of `open_system(console=...)`, under a supervisor of its own.

    If the address is not available, this is logged as an error and tried again until it is. If serving fails, the supervisor restarts it
    after a pause, as often as it takes. The application is not affected. Raises `SpecError` if *address* is invalid or the extra `console`
    is not installed.
    """
    found = _ADDRESS.fullmatch(address) if isinstance(address, str) else None
    if found is None or int(found["port"]) > _LAST_PORT:
        raise SpecError(f"console={address!r} must be a host and a port, as in '127.0.0.1:0' or '[::1]:8080'")
    wanted = _Wanted(host=found["host"].strip("[]"), port=int(found["port"]))
    check_installed()
    server = partial(_serve_when_free, wanted)
    spec = child(server, name="console.server", drain=False)  # a drain can be watched
    return Supervisor(spec, name="console", restart=Restart.TRANSIENT, backoff=_PAUSE)


def _check_kinds(host: object, limits: object, authorize: object, announce: object) -> None:
    """Check the types of the options. Raises `SpecError`."""
    if not isinstance(host, str) or not host:
        raise SpecError(f"host={host!r} must be a host name or an address to listen on, as in '127.0.0.1'")
    if not isinstance(limits, ConsoleLimits):
        raise SpecError(f"limits={limits!r} must be ConsoleLimits, as in ConsoleLimits(connections=20)")
    if authorize is not None and not callable(authorize):
        raise SpecError(
            f"authorize={authorize!r} must be a function that takes the headers of a request and returns a role or None"
        )
    if not callable(announce):
        raise SpecError(f"announce={announce!r} must be a function that takes a line of text")


def _check_access(host: str, token: str | None, admin_token: str | None, authorize: Authorize | None) -> None:
    secrets: dict[str, object] = {"token": token, "admin_token": admin_token}
    for name, secret in secrets.items():
        good = isinstance(secret, str) and re.fullmatch(rf"[!-~]{{{_SHORTEST_TOKEN},1000}}", secret)
        if secret is not None and not good:
            raise SpecError(f"{name} must be at least {_SHORTEST_TOKEN} characters of printable ASCII without spaces")
    if token is not None and token == admin_token:
        raise SpecError("token and admin_token must differ: otherwise every viewer is an admin")
    if not _is_loopback(host) and token is None and admin_token is None and authorize is None:
        raise SpecError(
            f"host={host!r} can be reached from other machines: pass token=, admin_token= or authorize= to control access, or listen on"
            " 127.0.0.1"
        )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _is_wildcard(host: str) -> bool:
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


def _named(host: str) -> str:
    """*host* as written in a URL."""
    return f"[{host}]" if ":" in host else host


def _public(url: object) -> str:
    """The URL as browsers spell it: in lower case, without the default port. Raises `SpecError`."""
    found = _PUBLIC.fullmatch(url) if isinstance(url, str) else None
    scheme, host, port = ("", "", "") if found is None else (found["scheme"].lower(), found["host"].lower(), found["port"] or "")
    numbered = host.startswith("[")
    good = bool(host) and (not port or 0 < int(port) <= _LAST_PORT) and (not numbered or _is_address(host))
    if not good or _is_wildcard(host.strip("[]")):
        raise SpecError(
            f"public_url={url!r} must be the scheme and the host that users type, as in 'https://console.example.org' or"
            " 'http://192.0.2.7:8080': without a path, in ASCII (a name in other letters as 'xn--...')"
        )
    default = {"http": _HTTP_PORT, "https": _HTTPS_PORT}[scheme]
    return f"{scheme}://{host}" if not port or int(port) == default else f"{scheme}://{host}:{int(port)}"


def _is_address(host: str) -> bool:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _hosts(host: str, port: int, public: str | None) -> frozenset[str]:
    """The accepted values of the header `Host`."""
    names = [] if _is_wildcard(host) else [_named(host)]
    names += _LOOPBACK_NAMES if _is_loopback(host) or _is_wildcard(host) else ()
    known = [f"{name}:{port}" for name in names] + (names if port == _HTTP_PORT else [])
    return frozenset(name.lower() for name in known + ([] if public is None else [urlsplit(public).netloc]))
