"""Errors that list names say how many they leave out."""

from __future__ import annotations

import logging
import types
from typing import Any

import pytest
import trio
from attrs import define
from trio.testing import MockClock

import trioactors as ta
from shared.trees import top
from trioactors.errors import RecordInvalid
from trioactors.errors.lists import listed
from trioactors.inspect.arguments import NotCallable
from trioactors.inspect.signatures import handler_of
from trioactors.serializer import Serializer
from trioactors.testing import isolated_system

MANY = 70


def test_what_is_left_out_is_counted() -> None:
    assert listed([]) == "none"
    assert listed("abc", 3) == "a, b, c"
    assert listed("abcde", 3, separator="; ") == "a; b; c; and 2 more"
    assert listed(map(str, range(2_000)), 1) == "0, and 1,999 more"


class Stuck(ta.Actor[None]):
    @ta.handler
    async def work(self) -> None:
        await trio.sleep_forever()


async def test_unknown_names_busy_children_and_a_forced_stop(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    tree = top(*(ta.child(Stuck, name=f"c{number:02}") for number in range(MANY)))
    async with isolated_system(tree, settings=ta.Settings(stop_timeout=0)) as system:
        with pytest.raises(ta.UnknownName, match=r"Known names: c00, .*, c19, and \d+ more$"):
            system.get(Stuck, "no")
        for number in range(MANY):
            system.get(Stuck, f"c{number:02}").work.cast_nowait()
        with pytest.raises(ta.CallTimeout, match=r"and 60 more$"):
            await system.quiesce(timeout=1)

    [said] = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert said.getMessage().endswith("c08, c09, and 60 more")


async def test_messages_that_a_drain_left_in_many_actors(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    tree = top(*(ta.child(Stuck, name=f"c{number:02}") for number in range(MANY)))
    async with isolated_system(tree, settings=ta.Settings(drain_on_stop=1)) as system:
        for number in range(MANY):
            system.get(Stuck, f"c{number:02}").work.cast_nowait()
            system.get(Stuck, f"c{number:02}").work.cast_nowait()

    assert any(
        "70 messages still wait in" in record.getMessage() and ", and 60 more" in record.getMessage() for record in caplog.records
    )


async def test_handlers(autojump_clock: MockClock) -> None:
    members = {f"h{number:02}": ta.handler(_handler(f"h{number:02}")) for number in range(MANY)}
    kind: Any = types.new_class("Many", (ta.Actor[None],), exec_body=lambda body: body.update(members))
    async with isolated_system() as system:
        ref = await system.start(kind, name="many")
        with pytest.raises(ta.NotAHandler, match=r"Handlers: h00, .*, h49, and 20 more\. "):
            _ = ref.no
        with pytest.raises(NotCallable, match=r"and 20 more$"):
            handler_of(system, "many", "no")


def _handler(name: str) -> object:
    async def handler(self: object) -> None: ...

    handler.__name__ = name
    handler.__qualname__ = f"Many.{name}"
    return handler


@define
class Point:
    x: int = 0


def test_unknown_fields_of_a_record() -> None:
    codec = Serializer().codec(Point)
    data = codec.encode(Point()).replace(b'"x":0', b",".join(b'"f%d":0' % number for number in range(9)))

    with pytest.raises(RecordInvalid, match="and 4 more"):
        codec.decode(data)


async def test_the_notes_of_an_error_in_a_crash_report(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        error = OSError("x")
        for number in range(15):
            error.add_note(f"note {number}")
        raise error

    async with isolated_system(top(ta.child(fail, restart="temporary"))):
        await trio.sleep(1)

    [crash] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "note 9\nand 5 notes more" in str(crash.exc_text) + crash.getMessage()
