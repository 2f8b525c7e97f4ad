"""Access to the console: each refusal is shown, and the console goes on serving others."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any

import attrs
import pytest
import trio

import trioactors as ta
from shared.logs import our_records
from trioactors.console import ConsoleLimits, Role, console_tree, serve_console
from trioactors.console.access import Access, Head, Refusal
from trioactors.testing import isolated_system, virtual_environment

pytest.importorskip("trio_websocket")

TOKEN = "viewer-token-0123456789"
ADMIN = "admin-token-0123456789"
OURS = "http://127.0.0.1:50000"
UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec_WebSocket_Version": "13",
    "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


# --- the link and the cookie ---


async def test_the_link_is_exchanged_for_a_cookie_that_no_script_and_no_other_site_can_use(console: Any) -> None:
    reply = await console.post(console.link)

    assert (reply.status, reply.headers["location"]) == (303, "/")
    assert reply.headers["set-cookie"].startswith("trioactors-50000=")
    assert "; HttpOnly; SameSite=Strict" in reply.headers["set-cookie"]
    assert "; Path=/" in reply.headers["set-cookie"]


async def test_a_stolen_link_is_of_no_use_once_it_was_used(console: Any) -> None:
    link = console.link
    await console.post(link)

    again = await console.post(link)

    assert again.status == 403
    assert "set-cookie" not in again.headers
    assert b"each link works once" in again.body


async def test_a_used_link_is_announced_with_who_used_it_and_the_next_one(console: Any) -> None:
    first = console.link
    await console.post(first)

    assert "signed in" in console.announced[-1]
    assert console.link != first
    assert (await console.post(console.link)).status == 303


@pytest.mark.parametrize("path", ["/open/secret", "/open/", "/open/%C3%A9"])
async def test_a_guessed_link_is_refused(console: Any, path: str) -> None:
    assert (await console.get(path)).status == 403
    assert (await console.post(path)).status == 403


async def test_the_cookie_opens_the_socket_with_the_links_role(console: Any) -> None:
    cookie = await console.cookie()

    async with console.viewer(None, Cookie=cookie, Origin=OURS) as viewer:
        assert viewer.hello["role"] == "viewer"


async def test_odd_cookies_of_other_servers_on_this_machine_are_in_nobodys_way(console: Any) -> None:
    cookie = await console.cookie()

    async with console.viewer(None, Cookie=f'a={{"b": [1]}}; trioactors-50000=old; =; x; {cookie}', Origin=OURS) as viewer:
        assert viewer.hello["role"] == "viewer"


async def test_a_link_can_let_admins_in(console_with: Any) -> None:
    async with console_with(link_role="admin") as console:
        cookie = await console.cookie()

        async with console.viewer(None, Cookie=cookie, Origin=OURS) as viewer:
            assert viewer.hello["role"] == "admin"


async def test_a_session_ends(console_with: Any) -> None:
    async with console_with(limits=ConsoleLimits(session_time=60.0)) as console:
        cookie = await console.cookie()
        await trio.sleep(61)

        assert (await console.get("/live", Cookie=cookie, Origin=OURS, **UPGRADE)).status == 401


async def test_who_has_a_token_gets_a_link_of_the_same_role(console: Any) -> None:
    reply = await console.get("/link", **bearer(ADMIN))
    path = reply.body.decode().strip().removeprefix(OURS)
    cookie = (await console.post(path)).headers["set-cookie"].partition(";")[0]

    async with console.viewer(None, Cookie=cookie, Origin=OURS) as viewer:
        assert viewer.hello["role"] == "admin"


async def test_nobody_else_gets_a_link(console: Any) -> None:
    cookie = await console.cookie()

    assert (await console.get("/link")).status == 401
    assert (await console.get("/link", Cookie=cookie)).status == 401


# --- the socket ---


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer \u00e9"},
        {"Cookie": "trioactors-50000=guessed", "Origin": OURS},
        {"Cookie": "trioactors-50000=", "Origin": OURS},
        {"Cookie": "a=b; ;;;=; \x7f", "Origin": OURS},
    ],
)
async def test_who_did_not_sign_in_gets_no_socket(console: Any, headers: dict[str, str]) -> None:
    reply = await console.get("/live", **UPGRADE, **headers)

    assert reply.status == 401
    assert (await console.get("/metrics", **headers)).status == 401


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://127.0.0.1:50001",
        "http://127.0.0.1",
        "file://127.0.0.1:50000",
        f"{OURS}.evil.example",
        "",
    ],
)
async def test_a_page_of_another_site_gets_no_socket_although_its_browser_has_the_cookie(console: Any, origin: str) -> None:
    cookie = await console.cookie()

    assert (await console.get("/live", Cookie=cookie, Origin=origin, **UPGRADE)).status == 403


async def test_a_socket_with_a_cookie_must_say_its_origin(console: Any) -> None:
    cookie = await console.cookie()

    assert (await console.get("/live", Cookie=cookie, **UPGRADE)).status == 403


async def test_a_wrong_origin_is_refused_with_a_token_too(console: Any) -> None:
    assert (await console.get("/live", Origin="http://evil.example", **bearer(TOKEN), **UPGRADE)).status == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:50000", "127.0.0.1", "127.0.0.1:80", "127.0.0.1.evil.example:50000", ""]
)
async def test_a_name_that_was_bound_to_this_address_behind_our_back_is_refused(console: Any, host: str) -> None:
    assert (await console.get("/", host=host)).status == 421
    assert (await console.get(console.link, host=host)).status == 421
    assert (await console.get("/live", host=host, Origin=f"http://{host}", **bearer(TOKEN), **UPGRADE)).status == 421


async def test_a_host_that_is_said_twice_is_refused(console: Any) -> None:
    answer = await console.raw(b"GET / HTTP/1.1\r\nHost: 127.0.0.1:50000\r\nHost: evil.example\r\n\r\n")

    assert answer.split()[1] in {b"400", b"421"}


@pytest.mark.parametrize("host", ["127.0.0.1:50000", "localhost:50000", "LocalHost:50000", "[::1]:50000"])
async def test_the_names_of_this_machine_are_served(console: Any, host: str) -> None:
    assert (await console.get("/", host=host)).status == 200


# --- requests ---


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "BREW"])
async def test_only_get_and_head_are_served(console: Any, method: str) -> None:
    assert (await console.get("/", method=method)).status == 405


@pytest.mark.parametrize("path", ["/static/../access.py", "/static/%2e%2e/access.py", "/etc/passwd", "/static/", "/Live", "//"])
async def test_only_the_files_of_the_page_are_given(console: Any, path: str) -> None:
    assert (await console.get(path)).status == 404


async def test_every_answer_forbids_inline_scripts_frames_and_guessing(console: Any) -> None:
    for reply in (
        await console.get("/"),
        await console.get("/nothing"),
        await console.get("/health"),
        await console.post(console.link),
    ):
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["referrer-policy"] == "no-referrer"
        assert reply.headers["cache-control"] == "no-store"


async def test_the_page_keeps_to_its_own_policy_and_names_the_commands(console: Any) -> None:
    page = (await console.get("/")).body.decode()

    assert "style=" not in page
    assert "<script>" not in page
    assert " on" + "click" not in page
    for command in ("tree", "ps", "top", "inspect", "trace"):
        assert f"trioactors {command} URL" in page


async def test_a_browser_keeps_the_files_of_the_page_and_asks_whether_they_are_still_right(console: Any) -> None:
    first = await console.get("/static/app.js")
    again = await console.get("/static/app.js", If_None_Match=first.headers["etag"])
    other = await console.get("/static/app.js", If_None_Match='"another"')

    assert (first.status, first.headers["cache-control"]) == (200, "no-cache")
    assert first.headers["content-type"].startswith("text/javascript")
    assert (again.status, again.body) == (304, b"")
    assert (other.status, other.body) == (200, first.body)


async def test_files_of_others_have_their_version_in_their_path_and_are_kept(console: Any) -> None:
    reply = await console.get("/static/vendor/htm-3.1.1/standalone.module.js")

    assert reply.headers["cache-control"].endswith("immutable")


async def test_a_page_can_ask_whether_it_is_signed_in(console: Any) -> None:
    cookie = await console.cookie()

    assert (await console.get("/session")).json == {"role": None}
    assert (await console.get("/session", Cookie=cookie)).json == {"role": "viewer"}
    assert (await console.get("/session", **bearer(ADMIN))).json == {"role": "admin"}
    assert (await console.get("/session", Origin="https://evil.example")).status == 403


async def test_head_is_get_without_a_body(console: Any) -> None:
    whole, head = await console.get("/"), await console.get("/", method="HEAD")

    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.body))


async def test_live_without_a_socket_says_what_is_there(console: Any) -> None:
    assert (await console.get("/live", **bearer(TOKEN))).status == 426


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nbroken header\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: 127.0.0.1:50000\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1:50000\r\n" + b"X: y\r\n" * 5_000 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1:50000\r\nX: " + b"y" * 20_000,
    ],
)
async def test_what_is_no_request_is_refused_or_closed(console: Any, data: bytes) -> None:
    answer = await console.raw(data)

    assert answer == b"" or answer.split()[1].startswith(b"4")
    assert (await console.get("/")).status == 200


@pytest.mark.parametrize(("spare", "status"), [(0, 200), (1, 431)])
async def test_a_head_may_be_as_long_as_the_limit_and_no_longer_although_it_is_whole(console: Any, spare: int, status: int) -> None:
    begins, ends = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:50000\r\nX: ", b"\r\n\r\n"
    length = ConsoleLimits().head_bytes + spare - len(begins + ends)

    answer = await console.raw(begins + b"y" * length + ends)

    assert answer.startswith(b"HTTP/1.1 %d " % status)


async def test_half_a_handshake_is_closed_in_time(console: Any) -> None:
    began = trio.current_time()

    answer = await console.raw(b"GET /live HTTP/1.1\r\nHost: 127.0.0.1:50000\r\nUpgr")

    assert answer == b""
    assert 10 <= trio.current_time() - began < 11


async def test_a_handshake_that_leaves_out_its_key_is_closed_in_time(console: Any, caplog: pytest.LogCaptureFixture) -> None:
    headers = {name: value for name, value in UPGRADE.items() if not name.endswith("Key")}
    lines = [
        f"{name.replace('_', '-')}: {value}" for name, value in {"Host": "127.0.0.1:50000", **headers, **bearer(TOKEN)}.items()
    ]
    began = trio.current_time()

    await console.raw("\r\n".join(["GET /live HTTP/1.1", *lines, "", ""]).encode())

    assert trio.current_time() - began < 12
    assert not [record for record in our_records(caplog) if record.levelno >= logging.ERROR]


async def test_a_thousand_idle_connections_lock_nobody_out_for_long(console: Any) -> None:
    async with trio.open_nursery() as nursery:
        streams: list[trio.abc.Stream] = []

        async def connect() -> None:
            streams.append(await console.connect())

        for _ in range(1_000):
            nursery.start_soon(connect)
    healthy, live = await console.get("/health"), await console.get("/health/live", host="kubelet")
    refused, posted = await console.get("/"), await console.get("/health", method="POST")
    await trio.sleep(10.1)

    assert (healthy.status, live.status, refused.status, posted.status) == (200, 200, 503, 503)
    assert healthy.json["live"]
    assert (await console.get("/")).status == 200
    for stream in streams:
        await stream.aclose()


async def test_who_says_nothing_at_a_full_door_keeps_nobody_from_asking_for_the_health(console: Any) -> None:
    streams = [await console.connect() for _ in range(300)]
    began = trio.current_time()

    assert (await console.get("/health/live")).status == 200
    assert (await console.raw(b"HEAD /health HTTP/1.1\r\nHost: x\r\n\r\n")).endswith(b"\r\n\r\n")
    assert (await console.raw(b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 8_000)).startswith(b"HTTP/1.1 503 ")
    assert (await console.raw(b"GET /health HT")).startswith(b"HTTP/1.1 503 ")
    assert trio.current_time() - began < 3
    for stream in streams:
        await stream.aclose()


async def test_a_viewer_that_is_in_stays_in_when_the_door_is_full(console: Any) -> None:
    async with console.viewer() as viewer:
        streams = [await console.connect() for _ in range(150)]

        assert (await viewer.ask("explain", name="anna"))["ok"]
    for stream in streams:
        await stream.aclose()


# --- how it is opened ---


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"host": "0.0.0.0"}, "authorize="),
        ({"host": "192.0.2.1"}, "authorize="),
        ({"host": "console.example"}, "authorize="),
        ({"token": "short"}, "16 characters"),
        ({"token": "with a space in it, though long"}, "16 characters"),
        ({"token": TOKEN, "admin_token": TOKEN}, "must differ"),
        ({"link_role": "root"}, "link_role"),
        ({"host": "0.0.0.0", "token": TOKEN}, "public_url="),
        ({"host": "::", "token": TOKEN}, "public_url="),
        ({"host": 7}, "host=7"),
        ({"token": 12345678901234567}, "token"),
        ({"port": "80"}, "port"),
        ({"port": 70_000}, "port=70000"),
        ({"port": -1}, "port"),
        ({"limits": 5}, "ConsoleLimits("),
        ({"authorize": "x"}, "authorize='x'"),
        ({"announce": None}, "announce=None"),
        ({"public_url": 5}, "public_url=5"),
        ({"public_url": "console.example"}, "public_url"),
        ({"public_url": "https://example.org/below"}, "public_url"),
        ({"public_url": "ftp://example.org"}, "public_url"),
    ],
)
async def test_what_is_not_safe_or_makes_no_sense_is_refused_at_the_start(
    options: dict[str, Any], told: str, autojump_clock: trio.testing.MockClock
) -> None:
    tree = ta.Supervisor(ta.child(partial(serve_console, **options), name="console"), name="top")
    with pytest.raises(ta.StartFailed) as failed:
        async with isolated_system(tree):
            pass

    assert isinstance(failed.value.__cause__, ta.SpecError)
    assert told in str(failed.value.__cause__)


@pytest.mark.parametrize("address", ["", "127.0.0.1", ":80", "8080", "127.0.0.1:http", "127.0.0.1:99999", "::1:80", "0.0.0.0:80"])
def test_an_address_that_makes_no_sense_or_is_not_safe_is_refused_before_anything_starts(address: str) -> None:
    with pytest.raises(ta.SpecError):
        console_tree(address)


@pytest.mark.parametrize("address", ["127.0.0.1:0", "localhost:80", "[::1]:8080"])
def test_an_address_of_this_machine_is_one(address: str) -> None:
    assert console_tree(address).name == "console"


async def test_other_machines_come_in_with_a_token(console_with: Any) -> None:
    async with console_with(host="192.0.2.1") as console:
        assert (await console.get("/metrics", host="192.0.2.1:50000")).status == 401
        assert (await console.get("/", host="127.0.0.1:50000")).status == 421


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
async def test_on_every_address_the_public_name_and_this_machine_count(console_with: Any, host: str) -> None:
    async with console_with(host=host, public_url="http://192.0.2.7:50000") as console:
        assert "http://192.0.2.7:50000/open/" in console.announced[0]
        assert (await console.get("/", host="192.0.2.7:50000")).status == 200
        assert (await console.get("/", host="127.0.0.1:50000")).status == 200
        assert (await console.get("/", host="0.0.0.0:50000")).status == 421


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({}, True),
        ({"public_url": "https://console.example.org"}, True),
        ({"host": "0.0.0.0", "public_url": "http://192.0.2.7:50000"}, False),
        ({"host": "192.0.2.1"}, False),
    ],
)
async def test_browsers_are_told_of_the_opener_only_where_they_heed_it(
    console_with: Any, options: dict[str, Any], *, sent: bool
) -> None:
    async with console_with(**options) as console:
        assert ("cross-origin-opener-policy" in (await console.get("/health")).headers) is sent
        assert ("cross-origin-opener-policy" in (await console.get("/nothing")).headers) is sent


async def test_behind_a_proxy_the_public_name_counts_and_the_cookie_is_for_https(console_with: Any) -> None:
    async with console_with(public_url="https://console.example.org") as console:
        assert "https://console.example.org/open/" in console.announced[0]
        path = "/open/" + console.announced[0].split("/open/")[1].split()[0]
        reply = await console.post(path, host="console.example.org", Origin="https://console.example.org")
        cookie = reply.headers["set-cookie"]
        refused = await console.get(
            "/live", host="console.example.org", Origin="https://evil.example", Cookie=cookie.partition(";")[0], **UPGRADE
        )

    assert cookie.endswith("; Secure")
    assert refused.status == 403


async def test_a_function_of_the_users_decides_by_the_headers(console_with: Any) -> None:
    def authorize(headers: Mapping[str, str]) -> Role | None:
        return Role.ADMIN if headers.get("x-person") == "anna" else None

    async with console_with(authorize=authorize, token=None, admin_token=None) as console:
        assert (await console.get("/metrics", X_Person="bert")).status == 401
        async with console.viewer(None, X_Person="anna") as viewer:
            assert viewer.hello["role"] == "admin"


@pytest.mark.parametrize("answer", ["root", 7, ValueError("broken")])
async def test_a_function_of_the_users_that_fails_lets_nobody_in(
    console_with: Any, answer: object, caplog: pytest.LogCaptureFixture
) -> None:
    def authorize(_: Mapping[str, str]) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    async with console_with(authorize=authorize) as console:
        assert (await console.get("/metrics", X_Person="anna")).status == 401
        assert await console.system.get(console.actor, "anna").note("alive") == 1
    assert "was refused" in caplog.text


# --- the rules, without a network ---


def access(**options: Any) -> Access:
    defaults = {
        "new_secret": virtual_environment().new_secret,
        "limits": ConsoleLimits(sessions=2),
        "hosts": frozenset({"h:1"}),
        "cookie": "c",
        "token": TOKEN,
    }
    return Access(**(defaults | options))


def test_only_the_last_sessions_and_links_are_kept() -> None:
    rules = access()
    sessions = [rules.redeem(rules.new_link(), 0.0) for _ in range(3)]

    def role(key: str) -> Role:
        return rules.role_of(Head("GET", "/", {"cookie": f"c={key}"}), 1.0)

    assert role(sessions[2].key) is role(sessions[1].key) is Role.VIEWER
    with pytest.raises(Refusal):
        role(sessions[0].key)
    links = [rules.new_link() for _ in range(3)]
    with pytest.raises(Refusal):
        rules.redeem(links[0], 0.0)


def test_an_authorization_that_is_said_twice_counts_for_nothing() -> None:
    head = Head("GET", "/", {"authorization": f"Bearer {TOKEN}"}, frozenset({"authorization"}))

    with pytest.raises(Refusal):
        access().role_of(head, 0.0)


def test_no_secret_is_in_what_a_console_shows_of_itself() -> None:
    rules = access(admin_token=ADMIN)
    session = rules.redeem(rules.new_link(), 0.0)

    assert TOKEN not in repr(rules)
    assert ADMIN not in repr(rules)
    assert session.key not in repr(rules) + repr(session)


def test_secrets_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []
    monkeypatch.setattr("trioactors.console.access.hmac.compare_digest", lambda one, other: compared.append(other) or one == other)
    rules = access(admin_token=ADMIN)
    key = rules.new_link()
    session = rules.redeem(key, 0.0)
    rules.role_of(Head("GET", "/", {"authorization": f"Bearer {TOKEN}"}), 0.0)
    rules.role_of(Head("GET", "/", {"cookie": f"c={session.key}"}), 0.0)

    assert {key.encode(), TOKEN.encode(), ADMIN.encode(), session.key.encode()} <= set(compared)


@pytest.mark.parametrize("option", [{"connections": 0}, {"head_time": 0}, {"messages": 1.5}, {"send_time": "1"}, {"rows": True}])
def test_a_limit_that_makes_no_sense_is_refused(option: dict[str, Any]) -> None:
    with pytest.raises(ta.SpecError, match="ConsoleLimits"):
        ConsoleLimits(**option)


def test_limits_can_be_changed() -> None:
    assert attrs.evolve(ConsoleLimits(), connections=5).connections == 5
