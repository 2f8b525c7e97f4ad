"""Dead letters through a console: edited and sent again, discarded singly and by filter, with the accounts still true."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
import trio

import trioactors as ta
from trioactors import inspect
from trioactors.serializer import secret

pytest.importorskip("trio_websocket")

TOKEN = "viewer-token-0123456789"
ADMIN = "admin-token-0123456789"


@attrs.define
class Key:
    door: int
    code: str = secret(default="0000")


class Porter(ta.Actor[None]):
    """Remembers what it was told, so that tests can see it."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    @ta.handler
    async def wait(self) -> None:
        await trio.sleep_forever()

    @ta.handler(secret=("pin",))
    def open(self, door: int, pin: str = "none") -> None:
        self.seen.append((door, pin))

    @ta.handler
    def take(self, key: Key) -> None:
        self.seen.append(key)

    @ta.handler
    def watch(self, event: trio.Event) -> None:
        self.seen.append(event)

    @ta.handler
    def told(self) -> list[Any]:
        return self.seen


async def porter(console: Any, *casts: Any) -> Porter:
    """A porter that was stopped with *casts* waiting, and started again."""
    spec = ta.child(Porter, name="porter")
    made: Porter = await console.system.supervisor("shop").start_child(spec)
    made.wait.cast_nowait()
    for cast in casts:
        cast(made)
    await trio.sleep(1)
    await ta.stop(made)
    await ta.restart(made)
    return made


def opened(door: int, pin: str = "1234") -> Any:
    return lambda made: made.open.cast_nowait(door, pin)


async def page_of(console: Any) -> Any:
    async with console.viewer(TOKEN) as viewer:
        return (await viewer.ask("look", topic="dead_letters"))["value"]


async def test_a_letter_is_edited_and_keeps_the_secret_that_was_not_shown(console: Any) -> None:
    made = await porter(console, opened(1))
    async with console.viewer(ADMIN) as admin:
        letter = (await admin.ask("letter", number=0))["value"]
        answer = await admin.act("resend", number=0, arguments={**letter["arguments"], "door": 2})

    assert letter["handler"] == "open"
    assert letter["arguments"] == json.loads(letter["json"]) == {"door": 1}
    assert (letter["text"], letter["problem"]) == (None, None)
    assert answer["value"] == {"number": 0, "target": "porter"}
    assert await made.told() == [(2, "1234")]


async def test_what_an_edited_letter_would_be_is_told_before(console: Any) -> None:
    made = await porter(console, opened(1))
    async with console.viewer(ADMIN) as admin:
        letter = await admin.ask("letter", number=0, arguments='{"door": 2}')
        refused = await admin.ask("letter", number=0, arguments={"door": "2"})

    assert letter["value"]["text"] == "porter.open(door=2, pin=<secret>)"
    assert refused["error"]["problems"][0]["path"] == "door"
    assert await made.told() == []


async def test_the_secret_of_a_letter_can_be_given_anew(console: Any) -> None:
    made = await porter(console, opened(1))
    async with console.viewer(ADMIN) as admin:
        await admin.act("resend", number=0, arguments='{"door": 1, "pin": "9"}')

    assert await made.told() == [(1, "9")]


async def test_a_secret_inside_an_argument_must_be_given_anew_because_it_is_not_shown(console: Any) -> None:
    made = await porter(console, lambda made: made.take.cast_nowait(Key(1, "4711")))
    async with console.viewer(ADMIN) as admin:
        letter = (await admin.ask("letter", number=0))["value"]
        refused = await admin.act("resend", number=0, arguments=letter["arguments"])
        sent = await admin.act("resend", number=0, arguments={"key": {"door": 1, "code": "1"}})

    assert letter["arguments"] == {"key": {"door": 1}}
    assert refused["error"]["problems"] == [{"path": "key.code", "text": "missing: it is secret, so give it anew"}]
    assert sent["ok"]
    assert await made.told() == [Key(1, "1")]


async def test_a_letter_that_json_cannot_express_says_why_and_can_be_sent_as_it_is(console: Any) -> None:
    event = trio.Event()
    made = await porter(console, lambda made: made.watch.cast_nowait(event))
    async with console.viewer(ADMIN) as admin:
        letter = (await admin.ask("letter", number=0))["value"]
        edited = await admin.act("resend", number=0, arguments={"event": {}})
        assert (await admin.act("resend", number=0))["ok"]

    assert letter["arguments"] is None
    assert "event" in letter["problem"]
    assert edited["error"]["kind"] == "NotCallable"
    assert await made.told() == [event]


async def test_a_letter_whose_new_arguments_are_wrong_stays_one(console: Any) -> None:
    made = await porter(console, opened(1))
    async with console.viewer(ADMIN) as admin:
        refused = await admin.act("resend", number=0, arguments={"door": "x"})
        assert (await admin.act("resend", number=0))["ok"]

    assert refused["error"]["problems"][0]["path"] == "door"
    assert await made.told() == [(1, "1234")]


async def test_a_discarded_letter_is_gone_and_the_accounts_still_count_it(console: Any) -> None:
    await porter(console, *map(opened, (1, 2, 3)))
    before = inspect.figures(console.system)
    async with console.viewer(ADMIN) as admin:
        answer = await admin.act("discard", number=1)
        again = await admin.act("discard", number=1)
        resent = await admin.act("resend", number=1)

    page = await page_of(console)
    assert answer["value"] == {"number": 1, "target": "porter"}
    assert {again["error"]["kind"], resent["error"]["kind"]} == {"UsageError"}
    assert [row["number"] for row in page["rows"]] == [2, 0]
    assert (page["total"], page["lost"], page["discarded"], page["matched"]) == (2, 0, 1, 2)
    after = inspect.figures(console.system)
    assert after.dead_letters == before.dead_letters == 3
    assert after.ledger.balanced
    assert after.ledger.dead_lettered == before.ledger.dead_lettered


async def test_letters_are_discarded_by_filter(console: Any) -> None:
    await porter(console, *map(opened, (1, 2, 3)))
    async with console.viewer(ADMIN) as admin:
        none = await admin.act("discard_all", target="anna")
        all_of_them = await admin.act("discard_all", target="porter", cause="it was stopped for good")
        [first, *_] = (await admin.ask("look", topic="audit"))["value"]["rows"]

    assert (none["value"], all_of_them["value"]) == ({"discarded": 0}, {"discarded": 3})
    assert "3 discarded" in first["options"]
    assert (await page_of(console))["discarded"] == 3


async def test_numbers_stay_when_letters_between_them_are_discarded_and_more_arrive(console: Any) -> None:
    made = await porter(console, *map(opened, (1, 2, 3)))
    async with console.viewer(ADMIN) as admin:
        await admin.act("discard", number=0)
        made.wait.cast_nowait()
        made.open.cast_nowait(4)
        await trio.sleep(1)
        await ta.stop(made)
        rows = (await admin.ask("look", topic="dead_letters"))["value"]["rows"]

    assert [(row["number"], row["fields"]["door"]) for row in rows] == [(3, 4), (2, 3), (1, 2)]


async def test_what_was_sent_again_is_remembered_when_the_console_is_restarted(console: Any) -> None:
    await porter(console, opened(1))
    async with console.viewer(ADMIN) as admin:
        await admin.act("resend", number=0)
    await console.system.supervisor("shop").terminate_child("console")
    await console.system.supervisor("shop").restart_child("console")
    async with console.viewer(ADMIN) as admin:
        again = await admin.act("resend", number=0)

    assert "already" in again["error"]["text"]
    assert (await page_of(console))["resent"] == [0]


@pytest.mark.parametrize("action", ["resend", "discard", "discard_all"])
async def test_a_viewer_changes_no_letters(console: Any, action: str) -> None:
    await porter(console, opened(1))
    async with console.viewer(TOKEN) as viewer:
        answer = await viewer.act(action, **({} if action == "discard_all" else {"number": 0}))

    assert answer["error"]["kind"] == "NotAllowed"
    assert (await page_of(console))["total"] == 1


async def test_no_secret_of_a_letter_is_in_any_answer(console: Any) -> None:
    await porter(console, opened(1, "hunter2-hunter2"), lambda made: made.take.cast_nowait(Key(1, "hunter2-hunter2")))
    async with console.viewer(ADMIN) as admin:
        answers = [await admin.ask("letter", number=number) for number in (0, 1)]
        answers.append(await admin.act("resend", number=0, arguments={"door": 2}))
        answers.append(await admin.ask("look", topic="audit"))

    assert "hunter2" not in json.dumps(answers)
