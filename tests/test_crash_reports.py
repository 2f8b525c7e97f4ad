"""Crash reports: one for each crash, with what helps, without secrets, and never a flood."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import trio
import trio.testing
from attrs import define, field
from trio.testing import MockClock

import trioactors as ta
from shared.logs import our_records
from trioactors.testing import crash, isolated_system, restarted


@define
class Card:
    owner: str
    number: str = field(repr=False)


class Vault(ta.Actor[None]):
    @ta.handler(secret=("pin",))
    def unlock(self, pin: str, user: str = "me") -> None:  # noqa: ARG002
        raise PermissionError(user)

    @ta.handler
    def pay(self, card: Card) -> None:  # noqa: ARG002
        raise PermissionError

    @ta.handler
    def take(self, thing: object) -> None:  # noqa: ARG002
        raise OSError

    @ta.handler
    def decline(self) -> None:
        raise ta.Shutdown("enough")


class Robber(ta.Actor[None]):
    @ta.handler
    async def rob(self, vault: Vault) -> None:
        await vault.unlock.cast("0000", user="robber")


def top(*children: Any, **options: Any) -> ta.Supervisor:
    return ta.Supervisor(*children, name="top", **{"intensity": ta.Intensity(1_000), **options})


def bank() -> ta.Supervisor:
    return top(ta.Supervisor(ta.child(Vault, name="vault"), name="cellar", intensity=ta.Intensity(1_000)))


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in our_records(caplog) if record.name == "trioactors"]


async def report_of(caplog: pytest.LogCaptureFixture, send: Any) -> str:
    """The report of what *send* does to a vault; there must be one only."""
    async with isolated_system(bank()) as system:
        await send(system.get(Vault, "vault"))
        await system.quiesce()
    (report,) = told(caplog)
    return report


async def test_a_crash_is_reported_once_as_an_error_with_its_traceback(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    await report_of(caplog, lambda vault: vault.take.cast(1))

    (record,) = our_records(caplog)
    assert (record.name, record.levelno) == ("trioactors", logging.ERROR)
    assert record.exc_info is not None
    assert record.exc_info[0] is OSError


async def test_it_names_the_child_with_its_ancestors_and_its_incarnation(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    report = await report_of(caplog, lambda vault: vault.take.cast(1))

    assert report.startswith("actor top/cellar/vault (incarnation 1): crash: OSError")


async def test_it_shows_the_last_message(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    report = await report_of(caplog, lambda vault: vault.take.cast(["gold"]))

    assert "message: VaultTake(thing=['gold'])" in report


async def test_it_names_the_actor_that_sent_it(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    async with isolated_system(bank()) as system:
        robber = await system.start(Robber, name="robber")
        await robber.rob(system.get(Vault, "vault"))
        await system.quiesce()

    (report,) = told(caplog)
    assert "from: robber" in report


async def test_a_caller_outside_is_named_as_such(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    async def call(vault: Vault) -> None:
        with pytest.raises(ta.ActorCrashed):
            await vault.take(1)

    report = await report_of(caplog, call)

    assert "from: outside the system" in report


async def test_secret_arguments_are_left_out(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    report = await report_of(caplog, lambda vault: vault.unlock.cast("4711", user="anna"))

    assert "VaultUnlock(user='anna')" in report
    assert "4711" not in caplog.text


async def test_secret_fields_are_left_out(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    report = await report_of(caplog, lambda vault: vault.pay.cast(Card("anna", "4111-1111")))

    assert "Card(owner='anna')" in report
    assert "4111-1111" not in caplog.text


async def test_a_long_message_is_cut(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    report = await report_of(caplog, lambda vault: vault.take.cast("gold" * 100_000))

    assert len(report) < 2_000


@pytest.mark.parametrize("error", [ValueError, RecursionError])
async def test_a_broken_repr_is_not_a_second_crash(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture, error: type[Exception]
) -> None:
    class Nasty:
        def __repr__(self) -> str:
            raise error

    report = await report_of(caplog, lambda vault: vault.take.cast(Nasty()))

    assert "crash: OSError" in report


async def test_an_error_that_cannot_be_printed_is_still_a_crash(
    autojump_clock: MockClock, diary: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise ValueError

        __repr__ = __str__

    async with isolated_system(top(diary.worker("a"))) as system:
        await diary.crash(system, "a", error=Mute())

        assert await diary.get(system, "a").incarnation() == 2
    assert told(caplog)[0].startswith("actor top/a (incarnation 1): crash: Mute")


async def test_it_tells_who_cancelled_and_why(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    async with isolated_system(bank()) as system:
        crash(system.get(Vault, "vault"), OSError("the wall"))
        await restarted(system.get(Vault, "vault"))

    (report,) = told(caplog)
    assert "cancelled because: vault failed: OSError('the wall')" in report


async def test_it_tells_the_restarts_before(autojump_clock: MockClock, diary: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with isolated_system(top(diary.worker("a"), diary.worker("b"))) as system:
        await diary.crash(system, "a")
        await trio.sleep(1.5)
        await diary.crash(system, "b")
        await diary.crash(system, "a")

    assert "earlier restarts" not in told(caplog)[0]
    assert "earlier restarts: a at 0.000 (crash: PlannedCrash), b at 1.500 (crash: PlannedCrash)" in told(caplog)[2]


async def test_it_carries_the_same_as_fields(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    await report_of(caplog, lambda vault: vault.take.cast(1))

    fields = vars(our_records(caplog)[0])
    assert (fields["child"], fields["incarnation"], fields["reason"]) == ("top/cellar/vault", 1, "crash: OSError")


async def test_what_is_orderly_is_not_reported(autojump_clock: MockClock, diary: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with isolated_system(bank()) as system:
        await system.get(Vault, "vault").decline.cast()
        await system.quiesce()
        await system.start(diary.worker("a").make, name="a")

    assert told(caplog) == []


async def test_an_ignored_start_is_not_reported(autojump_clock: MockClock, diary: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with isolated_system(top(diary.worker("a", plan=["ignore"]))):
        pass

    assert told(caplog) == []


async def test_a_failed_start_is_reported_once_however_deep_it_was(
    autojump_clock: MockClock, diary: Any, caplog: pytest.LogCaptureFixture
) -> None:
    below = ta.Supervisor(diary.worker("a", plan=["error"]), name="below")

    with pytest.raises(ta.StartFailed):
        async with isolated_system(top(below)):
            pytest.fail("the body must not run")

    assert [report.splitlines()[0] for report in told(caplog)] == ["actor top/below/a (incarnation 1): crash: Planned"]


async def test_a_crash_loop_does_not_drown_the_log(autojump_clock: MockClock, diary: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings = ta.Settings(crash_logs=3, crash_logs_period=60)

    async with isolated_system(top(diary.worker("a")), settings=settings) as system:
        for _ in range(10):
            await diary.crash(system, "a")
        assert len(told(caplog)) == 3

        await trio.sleep(60)
        await diary.crash(system, "a")

    assert len(told(caplog)) == 4
    assert "7 reports before this one were not logged" in told(caplog)[3]
    assert vars(our_records(caplog)[3])["suppressed"] == 7


async def test_rate_limited_is_the_log_never_the_restart(
    autojump_clock: MockClock, diary: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with isolated_system(top(diary.worker("a")), settings=ta.Settings(crash_logs=1)) as system:
        for _ in range(5):
            await diary.crash(system, "a")

        assert await diary.get(system, "a").incarnation() == 6
    assert len(told(caplog)) == 1


async def test_a_function_is_reported_like_an_actor(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        raise OSError

    async with isolated_system(top(ta.child(work, name="work", restart="temporary"))):
        await trio.testing.wait_all_tasks_blocked()

    assert told(caplog)[0].startswith("function top/work (incarnation 1): crash: OSError")
