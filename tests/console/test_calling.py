"""Calls and casts through a console: arguments by the annotations, what would be sent, replies, errors, and refusals."""

from __future__ import annotations

import enum
import json
from datetime import datetime
from typing import Any

import attrs
import pytest
import trio

import trioactors as ta
from shared.logs import our_records
from trioactors import inspect
from trioactors.serializer import secret

pytest.importorskip("trio_websocket")

TOKEN = "viewer-token-0123456789"
ADMIN = "admin-token-0123456789"
PIN = "hunter2-hunter2"


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@attrs.define
class Item:
    sku: str
    count: int = attrs.field(default=1, validator=attrs.validators.ge(0))
    total: int = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.total = 2 * self.count


@attrs.define
class Card:
    number: str = secret()
    name: str = "anna"


class Declined(Exception):
    """A declared error."""


class Unlookable:
    @property
    def items(self) -> None:
        raise SystemExit

    def __repr__(self) -> str:
        raise SystemExit


class Ledger(ta.Actor[None], mailbox=2, overflow=ta.Overflow.FAIL):
    """A class that does not say `inspect=True`."""

    @ta.handler(secret=("pin",))
    async def post(
        self, amount: int, item: Item | None = None, *, colour: Colour = Colour.RED, pin: str = "none"
    ) -> dict[str, Any]:
        """Post an amount."""
        return {"amount": amount, "item": item, "colour": colour, "pin": len(pin)}

    @ta.handler(raises=(Declined,))
    def pay(self, card: Card, when: datetime | None = None) -> Card:
        if card.name == "nobody" or when is not None:
            raise Declined("no money")
        return card

    @ta.handler
    async def wait(self, seconds: float) -> float:
        await trio.sleep(seconds)
        return seconds

    @ta.handler
    def crash(self) -> None:
        raise ZeroDivisionError("a bug")

    @ta.handler
    def huge(self) -> list[str]:
        return ["x" * 100_000] * 10_000

    @ta.handler
    def unlookable(self) -> Any:
        return [Unlookable()]

    @ta.handler
    def never(self, event: trio.Event) -> None:
        """Takes what JSON cannot be."""


@pytest.fixture
async def ledger(console: Any) -> Ledger:
    return await console.system.start(Ledger, name="ledger")


async def sent(console: Any, what: str, handler: str, arguments: object = None, name: str = "ledger", **options: Any) -> Any:
    async with console.viewer(ADMIN) as admin:
        given = {} if arguments is None else {"arguments": arguments}
        return await admin.act(what, name=name, handler=handler, **given, **options)


async def test_a_call_is_answered_with_the_reply_as_plain_data(console: Any, ledger: Ledger) -> None:
    answer = await sent(console, "call", "post", {"amount": 3, "item": {"sku": "a", "count": 4}, "colour": "BLUE", "pin": PIN})

    item = {"sku": "a", "count": 4, "total": 8}
    assert answer["value"]["value"] == {"amount": 3, "item": item, "colour": 2, "pin": len(PIN)}
    assert (answer["value"]["outcome"], answer["value"]["type"]) == ("reply", "dict")


async def test_what_would_be_sent_is_told_before_and_sends_nothing(console: Any, ledger: Ledger) -> None:
    async with console.viewer(ADMIN) as admin:
        told = await admin.ask("prepare", name="ledger", handler="post", arguments={"amount": 3, "pin": PIN})

    assert told["value"] == {"text": "ledger.post(amount=3, pin=<secret>)", "timeout": 5.0}
    assert inspect.actor(console.system, "ledger").ledger.accepted == 0


async def test_arguments_may_be_a_text_so_that_no_browser_rounds_them(console: Any, ledger: Ledger) -> None:
    answer = await sent(console, "call", "post", '{"amount": 9007199254740993}')

    assert answer["value"]["value"]["amount"] == "9007199254740993"


@pytest.mark.parametrize(
    ("handler", "arguments", "problem"),
    [
        ("post", {}, ("amount", "missing")),
        ("post", {"amount": "3"}, ("amount", "expected int, got '3' (str)")),
        ("post", {"amount": 3.0}, ("amount", "expected int")),
        ("post", {"amount": True}, ("amount", "expected int")),
        ("post", {"amount": None}, ("amount", "expected int")),
        ("post", {"amount": 2**64}, ("amount", "beyond 64 bits")),
        ("post", {"amount": 1, "item": {"sku": "a", "count": -1}}, ("item", "refused it")),
        ("post", {"amount": 1, "item": {"sku": "a", "total": 1}}, ("item.total", "unknown field")),
        ("post", {"amount": 1, "item": {}}, ("item.sku", "missing")),
        ("post", {"amount": 1, "item": {"sku": ["a"]}}, ("item.sku", "expected str, got list")),
        ("post", {"amount": 1, "colour": 1}, ("colour", "expected the name of a Colour")),
        ("post", {"amount": 1, "amuont": 1}, ("amuont", "no such parameter; those of post: amount, item")),
        ("post", [1], ("", "must be a JSON object")),
        ("post", "[1]", ("", "must be a JSON object")),
        ("wait", '{"seconds": NaN}', ("seconds", "JSON does not have")),
        ("wait", '{"seconds": 1e999}', ("seconds", "too large")),
        ("wait", {"seconds": "\ud800"}, ("seconds", "surrogates")),
        ("pay", {"card": {"number": "4", "name": "x"}, "when": "tomorrow"}, ("when", "expected datetime")),
        ("crash", {"x": json.loads("[" * 200 + "]" * 200)}, ("x", "no such parameter")),
        ("pay", {"card": json.loads("[" * 200 + "]" * 200)}, ("card" + "[0]" * 33, "levels deep")),
    ],
)
async def test_a_bad_argument_is_refused_with_its_path(
    console: Any, ledger: Ledger, handler: str, arguments: object, problem: tuple[str, str]
) -> None:
    answer = await sent(console, "call", handler, arguments)

    assert answer["error"]["kind"] == "ArgumentsRefused"
    assert answer["error"]["problems"][0]["path"] == problem[0]
    assert problem[1] in answer["error"]["problems"][0]["text"]
    assert inspect.actor(console.system, "ledger").ledger.accepted == 0


async def test_every_bad_argument_is_told_at_once(console: Any, ledger: Ledger) -> None:
    answer = await sent(console, "call", "post", {"amount": "x", "colour": "x"})

    assert [problem["path"] for problem in answer["error"]["problems"]] == ["amount", "colour"]
    assert "and 1 more" in answer["error"]["text"]


@pytest.mark.parametrize(
    "text", ['{"amount": 1, "amount": 2}', '{"amount": 1', "", '{"item": {"sku": "a", "sku": "b"}}', "[" * 10_000]
)
async def test_a_text_that_is_not_json_or_says_a_key_twice_is_refused(console: Any, ledger: Ledger, text: str) -> None:
    answer = await sent(console, "call", "post", text)

    assert (answer["error"]["kind"], "invalid JSON" in answer["error"]["text"]) == ("SpecError", True)


async def test_the_text_of_a_secret_is_nowhere(console: Any, ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    answers = [
        await sent(console, "call", "post", {"amount": "x", "pin": PIN}),
        await sent(console, "call", "post", {"amount": 1, "pin": [PIN]}),
        await sent(console, "call", "post", json.dumps({"amount": 1, "pin": PIN})),
        await sent(console, "call", "post", json.dumps({"amount": 1, "pin": PIN})[:-1]),
        await sent(console, "call", "pay", {"card": {"number": PIN}}),
        await sent(console, "call", "pay", {"card": {"number": [PIN]}}),
        await sent(console, "call", "pay", {"card": {"number": PIN, "name": 5}}),
        await sent(console, "call", "nothing", {"pin": PIN}),
        await sent(console, "cast", "post", {"amount": 1, "pin": PIN}, name="nobody"),
    ]
    async with console.viewer() as viewer:
        answers.append(await viewer.act("call", name="ledger", handler="post", arguments={"amount": 1, "pin": PIN}))
        answers.append(await viewer.ask("look", topic="audit"))

    assert PIN not in json.dumps(answers)
    assert PIN not in "".join(record.getMessage() for record in our_records(caplog))


async def test_a_declared_error_is_an_answer(console: Any, ledger: Ledger) -> None:
    answer = await sent(console, "call", "pay", {"card": {"number": "4", "name": "nobody"}})

    assert answer["ok"]
    assert answer["value"]["outcome"] == "raised"
    assert answer["value"]["error"] == {"kind": "Declined", "text": "no money"}


async def test_the_secret_of_a_reply_is_not_shown(console: Any, ledger: Ledger) -> None:
    assert (await sent(console, "call", "pay", {"card": {"number": PIN}}))["value"]["value"] == {"name": "anna"}


async def test_a_crash_is_an_error(console: Any, ledger: Ledger) -> None:
    answer = await sent(console, "call", "crash")

    assert answer["error"]["kind"] == "ActorCrashed"
    assert inspect.actor(console.system, "ledger").incarnation == 2


async def test_a_huge_reply_is_cut(console: Any, ledger: Ledger) -> None:
    answer = await sent(console, "call", "huge")

    assert len(json.dumps(answer)) < 500_000
    assert answer["value"]["value"][-1].endswith("9,900 more of 10,000")


async def test_a_reply_that_cannot_be_looked_at_has_arrived_all_the_same(console: Any, ledger: Ledger) -> None:
    answer = await sent(console, "call", "unlookable")

    assert answer["ok"]
    assert answer["value"]["value"] == ["<Unlookable, which cannot be shown>"]


async def test_a_call_has_a_deadline(console: Any, ledger: Ledger) -> None:
    began = trio.current_time()
    answer = await sent(console, "call", "wait", {"seconds": 1e6}, deadline=2.0)

    assert answer["error"]["kind"] == "CallTimeout"
    assert trio.current_time() - began == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("deadline", [0, -1, 1e9, "1", True])
async def test_a_deadline_that_makes_no_sense_is_refused(console: Any, ledger: Ledger, deadline: object) -> None:
    assert (await sent(console, "call", "wait", {"seconds": 1}, deadline=deadline))["error"]["kind"] == "SpecError"


async def test_the_viewer_is_served_while_its_call_waits(console: Any, ledger: Ledger) -> None:
    async with console.viewer(ADMIN) as admin:
        await admin.send(
            type="act", id="slow", what="call", options={"name": "ledger", "handler": "wait", "arguments": {"seconds": 3}}
        )
        assert (await admin.ask("look", topic="figures"))["ok"]
        answer = await admin.receive()

    assert (answer["id"], answer["value"]["value"]) == ("slow", 3)


async def test_a_viewer_has_few_calls_at_the_same_time(console: Any) -> None:
    async with console.viewer(ADMIN) as admin:
        for number in range(9):
            await admin.send(type="act", id=f"c{number}", what="call", options={"name": "anna", "handler": "wait", "deadline": 5.0})
        first = await admin.receive()

    assert (first["id"], first["type"]) == ("c8", "error")
    assert "8 calls" in first["error"]["text"]


async def test_a_full_mailbox_refuses_calls_and_casts(console: Any, ledger: Ledger) -> None:
    for _ in range(3):
        ledger.wait.cast_nowait(100)
        await trio.lowlevel.checkpoint()

    assert (await sent(console, "call", "wait", {"seconds": 0}))["error"]["kind"] == "MailboxFull"
    assert (await sent(console, "cast", "wait", {"seconds": 0}))["error"]["kind"] == "MailboxFull"


async def test_a_cast_is_sent(console: Any, ledger: Ledger) -> None:
    answer = await sent(console, "cast", "post", {"amount": 3})

    assert answer["value"] == {"target": "ledger", "handler": "post"}
    assert await ledger.wait(0) == 0
    assert inspect.actor(console.system, "ledger").ledger.handled == 2


async def test_a_child_that_is_gone_stopped_or_no_actor_is_an_error(console: Any, ledger: Ledger) -> None:
    await ta.stop(console.system.get(console.actor, "anna"))
    await ta.stop(ledger)

    assert (await sent(console, "call", "wait", {"seconds": 0}))["error"]["kind"] == "UnknownName"
    assert (await sent(console, "call", "note", {"text": "x"}, name="anna"))["error"]["kind"] == "ActorStopped"
    assert (await sent(console, "call", "serve", {}, name="console"))["error"]["kind"] == "WrongClass"
    assert (await sent(console, "call", "no", {}, name="anna"))["error"]["kind"] == "NotCallable"


async def test_an_actor_that_is_restarting_is_called_when_it_is_back(console: Any) -> None:
    starts: list[float] = []

    class Slow(ta.Actor[None]):
        async def on_start(self) -> None:
            starts.append(trio.current_time())
            await trio.sleep(2 if len(starts) > 1 else 0)

        @ta.handler
        def fail(self) -> None:
            raise ValueError("no")

        @ta.handler
        def hello(self, name: str) -> str:
            return f"hello {name}"

    slow = await console.system.start(Slow, name="slow")
    slow.fail.cast_nowait()
    await trio.sleep(1)
    began = trio.current_time()

    assert (await sent(console, "call", "hello", {"name": "you"}, name="slow"))["value"]["value"] == "hello you"
    assert trio.current_time() > began


async def test_a_viewer_may_neither_call_nor_cast_nor_prepare(console: Any, ledger: Ledger) -> None:
    async with console.viewer(TOKEN) as viewer:
        answers = [
            await viewer.act("call", name="ledger", handler="post", arguments={"amount": 1}),
            await viewer.act("cast", name="ledger", handler="post", arguments={"amount": 1}),
            await viewer.ask("prepare", name="ledger", handler="post", arguments={"amount": 1}),
            await viewer.ask("letter", number=0),
        ]

    assert {answer["error"]["kind"] for answer in answers} == {"NotAllowed"}
    assert inspect.actor(console.system, "ledger").ledger.accepted == 0


async def test_a_call_whose_connection_is_lost_may_have_been_done_and_the_audit_log_says_so(console: Any, ledger: Ledger) -> None:
    async with console.viewer(ADMIN) as admin:
        await admin.send(
            type="act", id="c", what="call", options={"name": "ledger", "handler": "wait", "arguments": {"seconds": 3}}
        )
        await trio.sleep(1)
        await admin.socket._stream.aclose()
    await trio.sleep(5)

    [entry] = (await look(console, "audit"))["rows"]
    assert (entry["outcome"], "may have been done" in entry["error"]) == ("unknown", True)
    assert inspect.actor(console.system, "ledger").ledger.handled == 1


async def look(console: Any, topic: str, **options: Any) -> Any:
    async with console.viewer(ADMIN) as admin:
        return (await admin.ask("look", topic=topic, **options))["value"]


async def test_a_form_can_be_made_from_the_handlers_of_an_actor(console: Any, ledger: Ledger) -> None:
    async with console.viewer() as viewer:
        answer = await viewer.ask("signatures", name="ledger")

    handlers = {handler["name"]: handler for handler in answer["value"]["handlers"]}
    assert [*handlers] == ["crash", "huge", "never", "pay", "post", "unlookable", "wait"]
    amount, item, colour, pin = handlers["post"]["parameters"]
    assert (amount["name"], amount["type"], amount["shape"], amount["required"]) == ("amount", "int", {"kind": "int"}, True)
    assert item["shape"]["of"]["class"] == "Item"
    assert [field["name"] for field in item["shape"]["of"]["fields"]] == ["sku", "count"]
    assert (colour["shape"], colour["default"]) == ({"kind": "choice", "choices": ["RED", "BLUE"]}, "RED")
    assert (pin["secret"], pin["default"], pin["default_text"], pin["kind"]) == (True, None, None, "keyword-only")
    assert handlers["pay"]["raises"] == ["Declined"]
    assert handlers["post"]["about"] == "Post an amount."
    assert handlers["never"]["problem"].startswith("ledger.never cannot be called with JSON: event")


async def test_a_handler_that_json_cannot_call_says_why(console: Any, ledger: Ledger) -> None:
    answer = await sent(console, "call", "never", {"event": {}})

    assert answer["error"]["kind"] == "NotCallable"
    assert "event" in answer["error"]["text"]
