"""Errors in other hands: copied, pickled, raised again and again, and shown in reports."""

from __future__ import annotations

import copy
import inspect
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import trioactors as ta
from trioactors import errors
from trioactors.errors.exits import Exit, ExitKind, RestartEntry
from trioactors.testing import isolated_system, restarted

VALUES: dict[str, Any] = {
    "int": 3,
    "int | None": 3,
    "float": 1.5,
    "bool": True,
    "str": "text",
    "Sequence[str]": ("a", "b"),
    "Sequence[RestartEntry]": (RestartEntry(1.0, "child", Exit(ExitKind.CRASH, "", ValueError("no"))),),
}
"""A value for each annotation of a parameter of an error."""


def every_error() -> Iterator[type[BaseException]]:
    for name in sorted(errors.__all__):
        member = getattr(errors, name)
        if isinstance(member, type) and issubclass(member, BaseException):
            yield member


def made(kind: Any) -> Any:
    """An error of the class *kind*, with a value for each of its parameters."""
    try:
        parameters = list(inspect.signature(kind).parameters.values())
    except ValueError:  # the constructor of a builtin
        return kind("text")
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return kind("text")
    plain = [VALUES[each.annotation] for each in parameters if each.kind is not each.KEYWORD_ONLY]
    return kind(*plain, **{each.name: VALUES[each.annotation] for each in parameters if each.kind is each.KEYWORD_ONLY})


def state_of(error: BaseException) -> tuple[object, ...]:
    return type(error), str(error), repr(error.args), repr(vars(error)), getattr(error, "name", None)


@pytest.mark.parametrize("kind", list(every_error()))
@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))], ids=["copy", "deep", "pickle"]
)
def test_every_error_can_be_copied_and_pickled(kind: type[BaseException], again: Callable[[Any], Any]) -> None:
    error = made(kind)
    error.add_note("seen")

    assert state_of(again(error)) == state_of(error)


def test_a_copy_keeps_the_cause() -> None:
    error = ta.ActorCrashed("gone")
    error.__cause__ = ValueError("no")

    assert copy.copy(error).__cause__ is error.__cause__


REFUSE = "import trioactors as ta; raise ta.NotAHandler('counter', 'total', ['add'])"
"""Run by ``exec``: the other process need not find the module of a test."""


def test_an_error_comes_through_a_process_pool() -> None:
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
        pytest.raises(ta.NotAHandler, match="offers the handlers") as caught,
    ):
        pool.submit(exec, REFUSE).result()

    assert (caught.value.name, caught.value.handlers) == ("total", ("add",))


# --- raised again and again ---

CONSTANT = KeyError("the same object each time")


class Constant(ta.Actor[None]):
    @ta.handler(raises=(KeyError,))
    async def decline(self) -> None:
        raise CONSTANT

    @ta.handler
    async def fail(self) -> None:
        raise CONSTANT


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    yield
    CONSTANT.__traceback__ = CONSTANT.__context__ = None


def frames() -> int:
    return len(traceback.extract_tb(CONSTANT.__traceback__))


async def test_a_declared_error_that_is_one_object_does_not_grow(system: ta.System) -> None:
    actor = await system.start(Constant, name="constant")
    sizes = []

    for _ in range(100):
        with pytest.raises(KeyError):
            await actor.decline()
        sizes.append(frames())

    assert sizes[50] == sizes[-1] < 100


@pytest.mark.parametrize("kind", ["actor", "function"])
async def test_a_crash_by_one_object_does_not_grow(autojump_clock: MockClock, kind: str) -> None:
    async def fail() -> None:
        await trio.sleep(1)
        raise CONSTANT

    what = ta.child(Constant, name="constant") if kind == "actor" else ta.child(fail, name="constant")
    async with isolated_system(ta.Supervisor(what, name="top", intensity=ta.Intensity(1_000))) as system:
        sizes = []
        for _ in range(40):
            if kind == "actor":
                actor = system.get(Constant, "constant")
                with pytest.raises(ta.ActorCrashed):
                    await actor.fail()
                await restarted(actor)
            else:
                await trio.sleep(1)
            sizes.append(frames())

    assert sizes[25] == sizes[-1] < 150


# --- shown in reports ---


class Huge(ta.Actor[None]):
    @ta.handler
    async def fail(self, error: Exception) -> None:
        raise error


def noted() -> ValueError:
    error = ValueError("short")
    error.add_note("x" * 1_000_000)
    return error


def caused() -> ValueError:
    error = ValueError("short")
    error.__cause__ = KeyError("x" * 1_000_000)
    return error


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x" * 1_000_000),
        ExceptionGroup("y" * 1_000_000, [ValueError("x" * 1_000_000), KeyError("x" * 1_000_000)]),
        noted(),
        caused(),
    ],
    ids=["text", "group", "note", "cause"],
)
async def test_the_text_of_an_error_in_a_crash_report_is_bounded(
    system: ta.System, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    huge = await system.start(Huge, name="huge")

    with pytest.raises(ta.ActorCrashed):
        await huge.fail(error)

    reports = [logging.Formatter().format(record) for record in caplog.records if record.name == "trioactors"]
    assert len(reports) == 1
    assert 500 < len(reports[0]) < 20_000
    assert type(error).__name__ in reports[0]
    assert "Traceback (most recent call last)" in reports[0]


async def test_the_error_of_a_failed_start_is_bounded(system: ta.System) -> None:
    class Stillborn(ta.Actor[None]):
        async def on_start(self) -> None:
            raise ValueError("x" * 1_000_000)

    with pytest.raises(ta.StartFailed, match="characters more") as caught:
        await system.start(Stillborn, name="stillborn")

    assert len(str(caught.value)) < 5_000
