"""Actions through a console: each changes the system, each refusal is a reply, and all of them are recorded."""

from __future__ import annotations

import logging
import socket
from functools import partial
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

import trioactors as ta
from shared.logs import our_records
from trioactors import inspect
from trioactors.testing import MemoryNetwork, crash, virtual_environment

pytest.importorskip("trio_websocket")

TOKEN = "viewer-token-0123456789"
ADMIN = "admin-token-0123456789"


async def dead_letters(console: Any, *texts: str) -> None:
    """Leave casts to bert while it is stopped, and start it again."""
    bert = console.system.get(console.actor, "bert")
    bert.wait.cast_nowait()
    for text in texts:
        bert.note.cast_nowait(text)
    with trio.move_on_after(1):
        await console.system.quiesce()
    await ta.stop(bert)
    await ta.restart(bert)


async def test_a_restart_is_a_new_incarnation(console: Any) -> None:
    async with console.viewer(ADMIN) as admin:
        answer = await admin.act("restart", name="anna")

    assert answer["value"] == {"name": "anna", "incarnation": 2}
    assert ta.info(console.system.get(console.actor, "anna")).incarnation == 2


async def test_a_stop_leaves_the_child_down(console: Any) -> None:
    async with console.viewer(ADMIN) as admin:
        assert (await admin.act("stop", name="anna"))["ok"]

    assert inspect.actor(console.system, "anna").status.value == "undefined"


async def test_a_viewer_may_not_act(console: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with console.viewer(TOKEN) as viewer:
        answer = await viewer.act("stop", name="anna")

    assert answer["error"]["kind"] == "NotAllowed"
    assert inspect.actor(console.system, "anna").status.value == "running"
    assert any("stop" in record.message and "failed" in record.message for record in our_records(caplog))


async def test_every_deed_is_in_the_audit_log_before_and_after(console: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "trioactors.console.audit")
    async with console.viewer(ADMIN) as admin:
        await admin.act("restart", name="anna")
        await admin.act("restart", name="no\nsuch")

    told = [record.getMessage() for record in our_records(caplog) if record.name == "trioactors.console.audit"]
    assert len(told) == 4
    assert all("(admin)" in line and "\n" not in line for line in told)
    assert "restart {'name': 'anna'}" in told[0]
    assert told[1].endswith("done")
    assert "failed" in told[3]


@pytest.mark.parametrize(
    ("what", "options", "kind"),
    [
        ("destroy", {}, "SpecError"),
        ("restart", {}, "SpecError"),
        ("restart", {"name": 5}, "SpecError"),
        ("restart", {"name": "nobody"}, "UnknownName"),
        ("restart", {"name": "anna", "force": True}, "SpecError"),
        ("restart", {"name": "anna", "incarnation": 7}, "UsageError"),
        ("stop", {"name": ":root"}, "UsageError"),
        ("stop", {"name": "console"}, "UsageError"),
        ("restart", {"name": "shop"}, "UsageError"),
        ("resend", {"number": 0}, "UsageError"),
        ("resend", {}, "UsageError"),
    ],
)
async def test_what_cannot_be_done_is_an_answer(console: Any, what: str, options: dict[str, Any], kind: str) -> None:
    async with console.viewer(ADMIN) as admin:
        answer = await admin.act(what, **options)

        assert answer["error"]["kind"] == kind
        assert (await admin.act("restart", name="anna"))["ok"]


async def test_a_deed_on_an_actor_that_is_gone_is_an_answer(console: Any) -> None:
    carl = await console.system.start(console.actor, name="carl")
    async with console.viewer(ADMIN) as admin:
        await ta.stop(carl)

        assert (await admin.act("restart", name="carl"))["error"]["kind"] == "UnknownName"
        assert (await admin.act("stop", name="carl"))["error"]["kind"] == "UnknownName"


async def test_an_actor_that_crashed_meanwhile_is_not_the_one_that_was_meant(console: Any) -> None:
    anna = console.system.get(console.actor, "anna")
    async with console.viewer(ADMIN) as admin:
        crash(anna)
        await console.system.quiesce()

        assert "incarnation 2" in (await admin.act("stop", name="anna", incarnation=1))["error"]["text"]
        assert (await admin.act("stop", name="anna", incarnation=2))["ok"]


async def test_a_dead_letter_is_sent_again_once(console: Any) -> None:
    await dead_letters(console, "hello")
    async with console.viewer(ADMIN) as admin:
        page = await admin.ask("look", topic="dead_letters")
        number = page["value"]["rows"][0]["number"]
        first, second = await admin.act("resend", number=number), await admin.act("resend", number=number)
        after = await admin.ask("look", topic="dead_letters")

    assert first["value"] == {"number": number, "target": "bert"}
    assert "already" in second["error"]["text"]
    assert after["value"]["resent"] == [number]
    assert await console.system.get(console.actor, "bert").note("x") == 2


async def test_all_dead_letters_are_sent_again_and_what_does_not_fit_is_told(console: Any) -> None:
    await dead_letters(console, *"abc")
    async with console.viewer(ADMIN) as admin:
        nobody = await admin.act("resend_all", target="anna")
        answer = await admin.act("resend_all", target="bert")
        again = await admin.act("resend_all")

    assert nobody["value"] == {"sent": [], "failed": []}
    assert len(answer["value"]["sent"]) == 3
    assert again["value"]["sent"] == []
    assert await console.system.get(console.actor, "bert").note("x") == 4


async def test_a_dead_letter_to_one_who_does_not_run_stays_one(console: Any) -> None:
    await dead_letters(console, "hello")
    await ta.stop(console.system.get(console.actor, "bert"))
    async with console.viewer(ADMIN) as admin:
        answer = await admin.act("resend_all")

    assert [each["error"]["kind"] for each in answer["value"]["failed"]] == ["ActorStopped"]


# --- no error reaches the application ---


async def test_a_topic_that_fails_is_told_once_and_logged_once_and_everything_goes_on(
    console: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(inspect, "budgets", lambda _: 1 / 0)
    async with console.viewer() as other, console.viewer() as viewer:
        await viewer.send(type="watch", id="b", topic="budgets", every=1.0)
        told = await viewer.receive()
        await trio.sleep(10)

        assert (told["type"], told["error"]["kind"]) == ("failed", "NotShown")
        assert (await viewer.ask("explain", name="anna"))["ok"]
        assert (await other.ask("explain", name="anna"))["ok"]
    assert caplog.text.count("Traceback") == 1
    assert "ZeroDivisionError" in caplog.text
    assert await console.system.get(console.actor, "anna").note("alive") == 1
    assert (await console.get("/")).status == 200


async def test_an_answer_that_fails_closes_its_connection_only(
    console: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("trioactors.console.connections.health", lambda *_, **__: 1 / 0)

    assert await console.raw(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n") == b""
    assert "ZeroDivisionError" in caplog.text
    assert (await console.get("/")).status == 200


async def test_a_viewer_that_vanishes_is_no_failure(console: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with console.viewer() as viewer:
        await viewer.send(type="watch", id="f", topic="figures")
        await viewer.receive()
        await viewer.socket._stream.aclose()
    await trio.sleep(5)

    assert [record for record in our_records(caplog) if record.levelno >= logging.ERROR] == []


async def test_nobody_looking_leaves_no_observer(console: Any) -> None:
    listeners = console.system._runtime.observers.listeners
    before = len(listeners)
    async with console.viewer() as viewer:
        await viewer.send(type="watch", id="t", topic="trace")
        assert (await viewer.ask("explain", name="anna"))["ok"]
        assert len(listeners) == before + 1
    await trio.sleep(1)

    assert len(listeners) == before


# --- health and metrics ---


async def test_health_tells_without_signing_in_that_all_is_well(console: Any) -> None:
    reply = await console.get("/health", host="10.0.0.7")

    assert reply.status == 200
    assert reply.json == {"live": True, "ready": True, "restarting": 0, "unreadable": 0, "store_broken": False}


async def test_a_system_with_a_child_that_waits_for_its_restart_is_live_and_not_ready(console: Any) -> None:
    async def fail() -> None:
        raise OSError

    slow = ta.Supervisor(ta.child(fail, name="failing"), name="slow", backoff=ta.Backoff(base=20.0, jitter=0.0))
    await console.system.supervisor().start_child(slow)
    await trio.sleep(1)
    ready, live = await console.get("/health"), await console.get("/health/live")

    assert (ready.status, ready.json["live"], ready.json["ready"], ready.json["restarting"]) == (503, True, False, 1)
    assert live.status == 200


async def test_metrics_are_in_the_form_of_prometheus(console: Any) -> None:
    parser = pytest.importorskip("prometheus_client.parser")
    await console.system.get(console.actor, "anna").note("x")

    reply = await console.get("/metrics", Authorization=f"Bearer {TOKEN}")
    found = {
        sample.name: sample.value
        for family in parser.text_string_to_metric_families(reply.body.decode())
        for sample in family.samples
    }

    assert reply.headers["content-type"].startswith("text/plain")
    assert found["trioactors_actors"] == 2
    assert found["trioactors_messages_handled_total"] == 1
    assert found["trioactors_dead_letters_total"] == 0


async def test_metrics_need_no_package_of_their_own(console: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "prometheus_client", None)

    reply = await console.get("/metrics", Authorization=f"Bearer {TOKEN}")

    assert reply.status == 200
    assert b"# TYPE trioactors_messages_handled_total counter\ntrioactors_messages_handled_total 0.0\n" in reply.body


def test_a_console_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "trio_websocket", None)

    with pytest.raises(ta.SpecError, match=r"pip install 'trioactors\[console\]'"):
        trio.run(partial(_open, "127.0.0.1:0"), clock=MockClock(autojump_threshold=0))


async def _open(address: str) -> None:
    async with ta.open_system(console=address):
        pass


# --- on a real socket ---


def test_open_system_prints_one_link_and_serves_it(capsys: pytest.CaptureFixture[str]) -> None:
    async def main() -> bytes:
        async with ta.open_system(console="127.0.0.1:0") as system:
            said = capsys.readouterr().err
            assert said.count("\n") == 1
            port = int(said.split("127.0.0.1:")[1].split("/")[0])
            path = "/open/" + said.split("/open/")[1].split()[0]
            assert "console" in system.names()
            stream = await trio.open_tcp_stream("127.0.0.1", port)
            async with stream:
                await stream.send_all(
                    f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n\r\n".encode()
                )
                answer = b""
                while some := await stream.receive_some(10_000):
                    answer += some
            return answer

    assert trio.run(main, clock=MockClock()).startswith(b"HTTP/1.1 303")


def test_a_port_that_is_taken_is_an_error_in_the_log_and_the_application_starts(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        trio.run(_open, f"127.0.0.1:{port}", clock=MockClock())

    errors = [record.getMessage() for record in our_records(caplog) if record.levelno >= logging.ERROR]
    assert len(errors) == 1
    assert f"127.0.0.1:{port}" in errors[0]
    assert "console='127.0.0.1:0'" in errors[0]


async def test_a_console_whose_port_was_taken_comes_up_when_it_is_free(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    network = MemoryNetwork()
    other = await network.listen("127.0.0.1", 50_000)
    environment = attrs.evolve(virtual_environment(), listen=network.listen)
    async with ta.open_system(console="127.0.0.1:50000", environment=environment) as system:
        assert await (await system.start(Plain, name="plain")).hello() == "hello"
        await trio.sleep(100)
        tries = len([record for record in our_records(caplog) if record.levelno >= logging.ERROR])
        await other.listener.aclose()
        await trio.sleep(30)

        await (await network.connect(50_000)).aclose()
    assert tries == 7  # after 0, 2, 6, 14, 30, 60 and 90 s


@pytest.mark.parametrize("address", [8080, True, b"127.0.0.1:80", "127.0.0.1:70000", "nonsense"])
async def test_an_address_that_is_none_is_refused_at_the_call(address: Any) -> None:
    with pytest.raises(ta.SpecError, match=r"console=.*'127\.0\.0\.1:0'"):
        ta.open_system(console=address)


async def test_a_console_that_fails_comes_back_when_it_can_and_the_system_goes_on(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = MemoryNetwork()
    environment = attrs.evolve(virtual_environment(), listen=network.listen)
    async with ta.open_system(console="127.0.0.1:50000", environment=environment) as system:

        async def refuse(*_: object) -> None:
            raise OSError("no more")

        with monkeypatch.context() as patch:
            patch.setattr(trio, "serve_listeners", refuse)
            await system.supervisor("console").terminate_child("console.server")
            await system.supervisor("console").restart_child("console.server")
            await trio.sleep(600)

            assert await (await system.start(Plain, name="plain")).hello() == "hello"
        await trio.sleep(60)

        await (await network.connect(50_000)).aclose()


class Plain(ta.Actor[None]):
    @ta.handler
    def hello(self) -> str:
        return "hello"


async def test_a_memory_network_refuses_who_is_not_served() -> None:
    network = MemoryNetwork()
    opened = await network.listen("127.0.0.1", 0)

    with pytest.raises(OSError, match="in use"):
        await network.listen("127.0.0.1", opened.port)
    with pytest.raises(OSError, match="no listener"):
        await network.connect(1)
    await opened.listener.aclose()
    with pytest.raises(OSError, match="no listener"):
        await network.connect(opened.port)
    assert repr(network) == "<memory network: no open ports>"
