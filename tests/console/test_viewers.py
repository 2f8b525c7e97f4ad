"""A viewer on its socket: updates, replies, and how the connection is closed."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
import trio

from trioactors.console import ConsoleLimits
from trioactors.console.differences import applied
from trioactors.testing import MemoryNetwork, crash, restarted

pytest.importorskip("trio_websocket")

ADMIN = "admin-token-0123456789"


async def test_the_first_message_says_version_role_and_what_there_is(console: Any) -> None:
    async with console.viewer() as viewer, console.viewer(ADMIN) as admin:
        assert viewer.hello["type"] == "hello"
        assert (viewer.hello["version"], viewer.hello["role"], admin.hello["role"]) == (1, "viewer", "admin")
        assert {"figures", "tree", "actors", "actor", "timers", "budgets", "dead_letters", "trace"} <= set(viewer.hello["topics"])
        acting = {"restart", "stop", "call", "cast", "resend", "resend_all", "discard", "discard_all", "silence"}
        assert acting | {"pause", "resume", "reset", "restore"} == set(viewer.hello["actions"])


async def test_a_topic_is_a_snapshot_and_then_what_changes(console: Any) -> None:
    anna = console.system.get(console.actor, "anna")
    async with console.viewer() as viewer:
        await viewer.send(type="watch", id="a", topic="actor", options={"name": "anna"}, every=1.0)
        first = await viewer.receive()
        await anna.note("hello")
        second = await viewer.receive()

    assert (first["type"], first["id"], first["value"]["state"]["value"]) == ("snapshot", "a", {"notes": []})
    assert second["type"] == "difference"
    assert applied(first["value"], second["change"])["state"]["value"] == {"notes": ["hello"]}


async def test_nothing_is_said_where_nothing_changes(console: Any) -> None:
    async with console.viewer() as viewer:
        await viewer.send(type="watch", id="a", topic="actors", every=1.0)
        await viewer.receive()
        await trio.sleep(10)
        await viewer.send(type="unwatch", id="a")

        assert await viewer.receive() == {"type": "end", "id": "a"}


@pytest.mark.parametrize(
    "topic",
    ["figures", "tree", "actors", "timers", "budgets", "dead_letters", "dead_letter_groups", "durable", "handlers", "alerts"],
)
async def test_every_topic_has_a_snapshot(console: Any, topic: str) -> None:
    async with console.viewer() as viewer:
        await viewer.send(type="watch", id="x", topic=topic)

        assert (await viewer.receive())["type"] == "snapshot"


async def test_a_viewer_that_lost_its_place_gets_a_new_snapshot(console: Any) -> None:
    async with console.viewer() as viewer:
        await viewer.send(type="watch", id="a", topic="actors", every=100.0)
        first = await viewer.receive()
        await viewer.send(type="resync", id="a")

        assert await viewer.receive() == first


async def test_an_actor_that_is_gone_is_told_once_and_one_that_comes_back_is_a_snapshot(console: Any) -> None:
    async with console.viewer() as viewer:
        await viewer.send(type="watch", id="a", topic="actor", options={"name": "carl"}, every=1.0)
        failed = await viewer.receive()
        await trio.sleep(10)
        await console.system.start(console.actor, name="carl")
        back = await viewer.receive()

    assert (failed["type"], failed["error"]["kind"]) == ("failed", "UnknownName")
    assert (back["type"], back["value"]["name"]) == ("snapshot", "carl")


async def test_trace_records_are_read_by_cursor_and_the_ring_listens_only_then(console: Any) -> None:
    anna = console.system.get(console.actor, "anna")
    await anna.note("unseen")
    async with console.viewer() as viewer:
        await viewer.send(type="watch", id="t", topic="trace", options={"child": "anna", "handler": "note"}, every=1.0)
        assert (await viewer.ask("explain", name="anna"))["ok"]
        await anna.note("seen")
        records = await viewer.receive()

    assert [row["kind"] for row in records["rows"]] == ["MessageAccepted", "MessageHandled"]
    assert records["lost"] == 0


async def test_a_trace_ends_after_so_many_records(console: Any) -> None:
    anna = console.system.get(console.actor, "anna")
    async with console.viewer() as viewer:
        await viewer.send(type="watch", id="t", topic="trace", options={"count": 3, "limit": 2}, every=1.0)
        assert (await viewer.ask("explain", name="anna"))["ok"]
        for text in "abc":
            await anna.note(text)
        told = [await viewer.receive() for _ in range(3)]

    assert [len(each.get("rows", ())) for each in told] == [2, 1, 0]
    assert told[-1]["type"] == "end"


async def test_a_watch_ends_after_so_many_seconds(console: Any) -> None:
    async with console.viewer() as viewer:
        await viewer.send(type="watch", id="t", topic="trace", seconds=30, every=1.0)
        began = trio.current_time()

        assert (await viewer.receive())["type"] == "end"
        assert trio.current_time() - began >= 30


async def test_a_slow_reader_is_told_what_it_has_lost(console: Any) -> None:
    anna = console.system.get(console.actor, "anna")
    async with console.viewer() as viewer:
        await viewer.send(type="watch", id="t", topic="trace", options={"child": "anna"}, every=3_000.0)
        assert (await viewer.ask("explain", name="anna"))["ok"]
        for _ in range(10_001):
            await anna.note("x")
        await viewer.send(type="resync", id="t")
        records = await viewer.receive()

    assert records["lost"] > 10_000
    assert len(records["rows"]) == 100


BAD: list[tuple[str, str]] = [
    ("{broken", "JSON"),
    ("[" * 10_000, "JSON"),
    ("[1]", "object"),
    ('"text"', "object"),
    ("{}", "id"),
    ('{"id": 7, "type": "watch"}', "id"),
    ('{"id": "' + "x" * 101 + '"}', "id"),
    ('{"id": "a"}', "type"),
    ('{"id": "a", "type": "destroy"}', "type"),
    ('{"id": "a", "type": "watch"}', "topic"),
    ('{"id": "a", "type": "watch", "topic": "passwords"}', "topic"),
    ('{"id": "a", "type": "watch", "topic": ["tree"]}', "topic"),
    ('{"id": "a", "type": "watch", "topic": "tree", "options": {"depth": 1}}', "option"),
    ('{"id": "a", "type": "watch", "topic": "tree", "options": []}', "object"),
    ('{"id": "a", "type": "watch", "topic": "actors", "options": {"limit": 1e9}}', "limit"),
    ('{"id": "a", "type": "watch", "topic": "actors", "options": {"limit": 1001}}', "limit"),
    ('{"id": "a", "type": "watch", "topic": "actors", "options": {"limit": -1}}', "limit"),
    ('{"id": "a", "type": "watch", "topic": "actors", "options": {"search": 5}}', "search"),
    ('{"id": "a", "type": "watch", "topic": "actors", "options": {"reverse": 1}}', "reverse"),
    ('{"id": "a", "type": "watch", "topic": "actor"}', "name"),
    ('{"id": "a", "type": "watch", "topic": "tree", "every": 0}', "every"),
    ('{"id": "a", "type": "watch", "topic": "tree", "every": NaN}', "every"),
    ('{"id": "a", "type": "watch", "topic": "tree", "every": "1"}', "every"),
    ('{"id": "a", "type": "watch", "topic": "trace", "options": {"cursor": -1}}', "cursor"),
    ('{"id": "a", "type": "resync"}', "watched"),
]


@pytest.mark.parametrize(("text", "told"), BAD)
async def test_a_message_that_makes_no_sense_is_answered_and_the_viewer_lives(console: Any, text: str, told: str) -> None:
    async with console.viewer() as viewer:
        await viewer.socket.send_message(text)
        error = await viewer.receive()

        assert error["type"] == "error"
        assert told in error["error"]["text"]
        assert (await viewer.ask("explain", name="anna"))["ok"]


async def test_an_option_that_only_the_topic_can_judge_is_told_at_the_first_tick(console: Any) -> None:
    async with console.viewer() as viewer:
        await viewer.send(type="watch", id="a", topic="actors", options={"sort": "beauty"})
        told = await viewer.receive()

    assert (told["type"], told["error"]["kind"]) == ("failed", "SpecError")


async def test_bytes_are_no_message(console: Any) -> None:
    async with console.viewer() as viewer:
        await viewer.socket.send_message(b"\x00\xff")

        assert (await viewer.receive())["type"] == "error"


async def test_a_message_of_a_megabyte_ends_its_connection_and_nobody_elses(console: Any) -> None:
    async with console.viewer() as other, console.viewer() as viewer:
        await viewer.socket.send_message("x" * 1_000_000)
        code = await closed(viewer)

        assert code == 1009
        assert (await other.ask("explain", name="anna"))["ok"]


async def test_who_sends_too_fast_is_shown_out(console: Any) -> None:
    async with console.viewer() as viewer:
        with contextlib.suppress(Exception):  # it is disconnected while it still sends
            for _ in range(150):
                await viewer.send(type="unwatch", id="a")

        assert await closed(viewer) == 1008


async def test_twenty_messages_a_second_are_fine(console: Any) -> None:
    async with console.viewer() as viewer:
        for _ in range(200):
            await viewer.send(type="unwatch", id="a")
            await viewer.receive()
            await trio.sleep(0.05)


async def closed(viewer: Any) -> int:
    """The close code of the connection."""
    with pytest.raises(Exception, match="CloseReason"):  # noqa: PT012
        while True:
            await viewer.receive()
    return int(viewer.socket.closed.code)


async def test_too_many_topics_are_refused(console: Any) -> None:
    async with console.viewer() as viewer:
        for number in range(32):
            await viewer.send(type="watch", id=f"{number}", topic="budgets", every=1_000.0)
            await viewer.receive()
        await viewer.send(type="watch", id="one more", topic="budgets")

        assert "32" in (await viewer.receive())["error"]["text"]


async def test_a_viewer_that_never_reads_holds_up_nobody_and_is_let_go(console_with: Any) -> None:
    async with console_with(network=MemoryNetwork(room=300), limits=ConsoleLimits(send_time=5.0)) as console:
        stuck = await console.connect()
        await stuck.send_all(handshake())
        async with console.viewer() as viewer:
            await viewer.send(type="watch", id="f", topic="figures", every=1.0)
            began = trio.current_time()
            for _ in range(10):
                await viewer.receive()

            assert trio.current_time() - began < 11
            assert await console.system.get(console.actor, "anna").note("still here") == 1
        closed_by, received = trio.current_time(), b""
        while some := await stuck.receive_some(100):
            received += some

        assert b"101 Switching Protocols" in received
        assert trio.current_time() - closed_by < 0.1


async def test_a_crash_is_seen_as_a_new_incarnation(console: Any) -> None:
    anna = console.system.get(console.actor, "anna")
    async with console.viewer() as viewer:
        await viewer.send(type="watch", id="a", topic="actors", options={"search": "anna"}, every=1.0)
        first = await viewer.receive()
        crash(anna)
        await restarted(anna)
        second = await viewer.receive()

    rows = applied(first["value"], second["change"])["rows"]
    assert rows[0]["incarnation"] == 2


async def test_nobody_can_be_asked_what_is_unknown(console: Any) -> None:
    async with console.viewer() as viewer:
        assert (await viewer.ask("meaning"))["error"]["kind"] == "SpecError"
        assert (await viewer.ask("explain"))["error"]["text"] == "explain: name is missing"
        assert (await viewer.ask("explain", name="nobody"))["error"]["kind"] == "UnknownName"
        assert (await viewer.ask("look", topic="nothing"))["error"]["kind"] == "SpecError"


async def test_a_topic_can_be_looked_at_once(console: Any) -> None:
    async with console.viewer() as viewer:
        answer = await viewer.ask("look", topic="actors", limit=1)

    assert [row["name"] for row in answer["value"]["rows"]] == ["anna"]


async def test_explain_says_what_would_fall(console: Any) -> None:
    async with console.viewer() as viewer:
        answer = await viewer.ask("explain", name="anna", reason="crash")

    assert answer["value"]["child"] == "anna"
    assert "anna" in answer["value"]["text"]


async def test_markup_in_names_and_texts_stays_text(console: Any) -> None:
    name = "<img src=x onerror=alert(1)>"
    await console.system.start(console.actor, name=name)
    async with console.viewer() as viewer:
        answer = await viewer.ask("look", topic="actor", name=name)

    assert answer["value"]["name"] == name


async def test_a_state_of_ten_megabytes_is_cut_and_says_how_large_it_was(console: Any) -> None:
    await console.system.get(console.actor, "anna").note("x" * 10_000_000)
    async with console.viewer() as viewer:
        answer = await viewer.ask("look", topic="actor", name="anna")

    assert "10,000,000 characters" in answer["value"]["state"]["value"]["notes"][0]
    assert len(json.dumps(answer)) < 20_000


async def test_secrets_are_in_nothing_that_is_sent(console: Any) -> None:
    async with console.viewer() as viewer:
        answers = [await viewer.ask("look", topic="actor", name="anna"), await viewer.ask("look", topic="tree")]

    assert "hunter2" not in json.dumps(answers)


def handshake() -> bytes:
    """The request that opens a socket."""
    lines = ["GET /live HTTP/1.1", "Host: 127.0.0.1:50000", f"Authorization: Bearer {ADMIN}", "Upgrade: websocket"]
    lines += ["Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", ""]
    return "\r\n".join(lines).encode()


async def test_one_who_does_not_answer_pings_is_let_go(console_with: Any) -> None:
    async with console_with(limits=ConsoleLimits(ping_every=5.0, head_time=1.0)) as console:
        stream = await console.connect()
        await stream.send_all(handshake())
        began = trio.current_time()
        while await stream.receive_some(1_000):
            pass

        assert 10 <= trio.current_time() - began < 20


async def test_a_closed_system_ends_its_viewers(console_with: Any) -> None:
    async with console_with() as console, console.viewer() as viewer:
        await viewer.send(type="watch", id="f", topic="figures")
        await viewer.receive()
        await console.system.supervisor("shop").terminate_child("console")

        assert await closed(viewer) != 0
