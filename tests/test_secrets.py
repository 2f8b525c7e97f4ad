"""Secrets never leave the process: not in texts, logs, reports, errors or trace records."""

from __future__ import annotations

import dataclasses
import logging
from functools import partial
from typing import Any

import attrs
import pytest
import trio
from attrs import define, field
from trio.testing import MockClock

import trioactors as ta
from trioactors.errors import SerializationError
from trioactors.serializer import Serializer, secret
from trioactors.system.system import registry_of
from trioactors.testing import isolated_system
from trioactors.trace.crash_reports import report_of
from trioactors.trace.formatting import described, hides_something, traceback_text

HIDDEN = "hunter2"


@define
class Login:
    user: str
    password: str = secret(default="")
    tokens: dict[str, int] = secret(factory=dict)
    pin: int = field(default=0, repr=False, validator=attrs.validators.instance_of(int))


@dataclasses.dataclass
class Plain:
    user: str
    password: str = dataclasses.field(default="", repr=False)


@define
class Denied(Exception):
    user: str
    password: str = field(repr=False)


@dataclasses.dataclass
class DeniedToo(Exception):
    user: str
    password: str = dataclasses.field(repr=False)


class Door(ta.Actor[Login]):
    def __init__(self, fails: bool = False) -> None:  # noqa: FBT001, FBT002
        self.fails = fails
        self.state = Login("anna", HIDDEN)

    async def on_start(self) -> None:
        if self.fails:
            raise Denied("anna", HIDDEN)

    @ta.handler
    def enter(self, login: Login) -> None:
        raise Denied(login.user, login.password)

    @ta.handler(secret=("password",))
    def enter_with(self, password: str, logins: list[Login]) -> None:  # noqa: ARG002
        raise PermissionError

    @ta.handler
    async def wait(self, login: Login) -> None:  # noqa: ARG002
        await trio.sleep_forever()


def told(caplog: pytest.LogCaptureFixture) -> str:
    formatter = logging.Formatter("%(message)s %(child)s", defaults={"child": ""})
    return "\n".join(formatter.format(record) for record in caplog.records)


def test_a_secret_field_is_in_no_repr() -> None:
    assert repr(Login("anna", HIDDEN, {HIDDEN: 1})) == "Login(user='anna')"


def test_a_secret_field_is_stored() -> None:
    codec = Serializer().codec(Login)
    login = Login("anna", HIDDEN, {HIDDEN: 1}, 4711)

    assert codec.decode(codec.encode(login)) == login


@pytest.mark.parametrize("error", [Denied("anna", HIDDEN), DeniedToo("anna", HIDDEN)])
def test_an_error_with_secret_fields_is_described_without_them(error: Exception) -> None:
    assert HIDDEN in str(error)  # this is why

    assert HIDDEN not in described(error)
    assert "anna" in described(error)


async def test_a_crash_report_shows_no_secret_of_a_message(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    async with isolated_system() as system:
        door = await system.start(Door)
        await door.enter_with.cast(HIDDEN, [Login("anna", HIDDEN)])
        await system.quiesce()

    assert "logins=[Login(user='anna')]" in told(caplog)
    assert HIDDEN not in told(caplog)


async def test_a_crash_report_shows_no_secret_of_an_error(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    async with isolated_system() as system:
        door = await system.start(Door)
        await door.enter.cast(Login("anna", HIDDEN))
        await system.quiesce()

    assert "Denied(user='anna')" in told(caplog)
    assert "in enter" in told(caplog)
    assert HIDDEN not in told(caplog)


async def test_a_start_that_fails_tells_no_secret(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    async with isolated_system() as system:
        with pytest.raises(ta.StartFailed) as failed:
            await system.start(partial(Door, fails=True), name="door")

    assert str(failed.value) == "door could not be started: Denied(user='anna')"
    assert HIDDEN not in told(caplog)


async def test_a_kept_failure_is_reported_without_secrets(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    async with isolated_system() as system:
        door = await system.start(Door, name="door")
        await door.enter.cast(Login("anna", HIDDEN))
        await system.quiesce()
        cell = registry_of(system).find("door")
        assert cell.failure is not None
        report = report_of(cell.failure)

    assert "message: DoorEnter(login=Login(user='anna'))" in report
    assert "Denied(user='anna')" in report
    assert HIDDEN not in report


async def test_a_timeout_names_no_value(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        door = await system.start(Door, name="door")
        with pytest.raises(ta.CallTimeout) as late:
            await door.wait(Login(HIDDEN, HIDDEN))

    assert HIDDEN not in str(late.value)


async def test_trace_records_hold_no_values(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    records = ta.Recorder()
    async with isolated_system() as system:
        system.observe(records)
        door = await system.start(Door, name="door")
        await door.enter.cast(Login("anna", HIDDEN))
        await system.quiesce()
        dead = await system.start(Door, name="dead")
        dead.wait.cast_nowait(Login("anna", HIDDEN))
        dead.wait.cast_nowait(Login("anna", HIDDEN))
        await ta.stop(dead)
        letters = system.dead_letters()

    assert letters
    assert HIDDEN not in repr(list(records)) + str(list(records)) + repr(letters)


# --- tracebacks ---


def raised(error: Exception, cause: Exception | None = None) -> Exception:
    try:
        raise error from cause  # noqa: TRY301
    except Exception as caught:
        return caught


@pytest.mark.parametrize(
    "error",
    [
        raised(Denied("anna", HIDDEN)),
        raised(ValueError("outer"), raised(Denied("anna", HIDDEN))),
        ExceptionGroup("two", [ValueError("a"), raised(Denied("anna", HIDDEN))]),
    ],
)
def test_a_secret_is_found_and_left_out_however_deep_it_is(error: Exception) -> None:
    assert hides_something(error)

    text = traceback_text(error)

    assert HIDDEN not in text
    assert "Denied(user='anna')" in text


def test_an_error_without_secrets_hides_nothing() -> None:
    assert not hides_something(raised(ValueError("a"), KeyError("b")))


def test_a_traceback_reads_as_python_prints_it() -> None:
    text = traceback_text(raised(ValueError("a"), raised(KeyError("b"))))

    assert text.startswith("Traceback (most recent call last):\n  File")
    assert "KeyError: 'b'\n\nThe above exception was the direct cause of the following exception:\n\nTraceback" in text
    assert text.endswith("ValueError: a")


def test_a_traceback_is_bounded() -> None:
    error: Exception = ValueError("x" * 1_000_000)
    for _ in range(100):
        error = raised(ValueError("y"), error)
    group = ExceptionGroup("many", [ValueError(str(number)) for number in range(1_000)])

    assert len(traceback_text(error)) < 20_000
    assert traceback_text(group).endswith("  | and 990 more")


def test_errors_that_cause_each_other_are_told_once() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first

    assert traceback_text(first).count("second") == 1


# --- what the serializer says ---


def refusal(action: Any) -> str:
    with pytest.raises(SerializationError) as refused:
        action()
    return traceback_text(refused.value) + str(refused.value)


@pytest.mark.parametrize("bad", [{"password": 4711}, {"tokens": {"hunter2": "4711"}}, {"tokens": {4711: 1}}])
def test_a_secret_that_cannot_be_written_is_not_told(bad: dict[str, Any]) -> None:
    login = Login("anna")
    for name, value in bad.items():
        setattr(login, name, value)

    text = refusal(lambda: Serializer().codec(Login).encode(login))

    assert next(iter(bad)) in text
    assert HIDDEN not in text
    assert "4711" not in text


@pytest.mark.parametrize("bad", ['"password":4711', '"tokens":{"hunter2":"4711"}', '"pin":"hunter2"'])
def test_a_secret_that_cannot_be_read_is_not_told(bad: str) -> None:
    codec = Serializer().codec(Login)
    good = codec.encode(Login("anna", "p", {}, 1))
    name = bad.partition(":")[0]
    ends = {'"password"': '"password":"p"', '"tokens"': '"tokens":{}', '"pin"': '"pin":1'}
    data = good.replace(ends[name].encode(), bad.encode())

    text = refusal(lambda: codec.decode(data))

    assert data != good
    assert name.strip('"') in text
    assert HIDDEN not in text
    assert "4711" not in text


def test_what_a_class_with_secrets_says_of_a_value_is_not_told() -> None:
    @define
    class Vault:
        code: str = field(repr=False)

        @code.validator
        def refuse(self, _: object, value: str) -> None:
            if value == HIDDEN:
                raise ValueError(value)

    codec = Serializer().codec(Vault)
    data = codec.encode(Vault("fine")).replace(b"fine", HIDDEN.encode())

    text = refusal(lambda: codec.decode(data))

    assert "the class refused it: ValueError" in text
    assert HIDDEN not in text


def test_a_late_field_that_is_refused_is_not_told() -> None:
    def refuse(_: object, __: object, value: str) -> None:
        if value == HIDDEN:
            raise ValueError(value)

    @define
    class Vault:
        code: str = field(default="fine", init=False, repr=False, validator=refuse)

    codec = Serializer().codec(Vault)
    data = codec.encode(Vault()).replace(b"fine", HIDDEN.encode())

    assert HIDDEN not in refusal(lambda: codec.decode(data))


def test_a_dataclass_may_keep_secrets_too() -> None:
    plain = Plain("anna")
    plain.password = bytes(HIDDEN, "ascii")  # type: ignore[assignment]

    assert HIDDEN not in refusal(lambda: Serializer().codec(Plain).encode(plain))
