"""Tracebacks as data: whose code each frame is, in which order errors come, and that all of it is bounded and without secrets."""

from __future__ import annotations

import gc
import importlib
import json
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field
from trio.testing import MockClock

import trioactors as ta
from trioactors import inspect
from trioactors.system.system import registry_of
from trioactors.testing import isolated_system
from trioactors.trace.frames import ErrorLink, RaisedError, package_of, raised_errors

LIBRARIES = (
    ("/venv/lib/python3.12/site-packages/trio", "trio"),
    ("/src/trioactors", "trioactors"),
    ("/usr/lib/python3.12", "python"),
)


@pytest.mark.parametrize(
    ("file", "package"),
    [
        ("/home/me/shop/tills.py", ""),
        ("/home/me/trioactors-shop/tills.py", ""),
        ("tills.py", ""),
        ("<stdin>", ""),
        ("/src/trioactors/actors/loop.py", "trioactors"),
        ("/venv/lib/python3.12/site-packages/trio/_core/_run.py", "trio"),
        ("/venv/lib/python3.12/site-packages/httpx/_client.py", "httpx"),
        ("/venv/lib/python3.12/site-packages/six.py", "six"),
        ("/usr/lib/python3.12/json/decoder.py", "python"),
        ("/usr/lib/python3.12/site-packages/attr/_make.py", "attr"),
        ("/usr/lib/python3/dist-packages/yaml/reader.py", "yaml"),
        ("C:\\venv\\Lib\\site-packages\\httpx\\_client.py", "httpx"),
        ("<frozen importlib._bootstrap>", "python"),
        ("<attrs generated init shop.Till>", "python"),
    ],
)
def test_a_file_belongs_to_a_package_or_is_the_programs_own(file: str, package: str) -> None:
    assert package_of(file, LIBRARIES) == package


def raised(act: Callable[[], object]) -> tuple[RaisedError, ...]:
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - whatever it is
        act()
    return raised_errors(caught.value)


def dividing() -> float:
    return 1 / 0


def test_a_frame_tells_file_line_function_and_code() -> None:
    (error,) = raised(dividing)

    frame = error.frames[-1]
    assert (error.type, error.text, error.link) == ("ZeroDivisionError", "division by zero", ErrorLink.RAISED)
    assert (frame.file, frame.function, frame.code, frame.own) == (__file__, "dividing", "return 1 / 0", True)
    assert frame.line == dividing.__code__.co_firstlineno + 1


def test_frames_of_libraries_are_not_own() -> None:
    (error,) = raised(lambda: json.loads("{"))

    assert [frame.own for frame in error.frames] == [True, True, False, False, False]
    assert {frame.package for frame in error.frames} == {"", "python"}


def missing() -> None:
    raise KeyError("first")


def with_context() -> None:
    try:
        missing()
    except KeyError:
        raise OSError("second")  # noqa: B904 - its context is the subject


def with_causes() -> None:
    try:
        with_context()
    except OSError as error:
        raise ValueError("third") from error


def test_an_error_comes_before_its_cause_and_that_before_its_context() -> None:
    errors = raised(with_causes)

    assert [(each.type, each.link) for each in errors] == [
        ("ValueError", ErrorLink.RAISED),
        ("OSError", ErrorLink.CAUSE),
        ("KeyError", ErrorLink.CONTEXT),
    ]


def test_a_context_that_was_suppressed_is_not_shown() -> None:
    def quiet() -> None:
        try:
            missing()
        except KeyError:
            raise ValueError("second") from None

    assert [each.type for each in raised(quiet)] == ["ValueError"]


def test_the_parts_of_a_group_come_after_it_and_are_deeper() -> None:
    inner = ExceptionGroup("inner", [KeyError("a")])

    errors = raised_errors(ExceptionGroup("outer", [inner, OSError("b")]))

    assert [(each.type, each.depth, each.parts) for each in errors] == [
        ("ExceptionGroup", 0, 2),
        ("ExceptionGroup", 1, 1),
        ("KeyError", 2, 0),
        ("OSError", 1, 0),
    ]
    assert {each.link for each in errors[1:]} == {ErrorLink.PART}


def test_errors_that_cause_each_other_are_shown_once() -> None:
    one, other = KeyError("one"), OSError("other")
    one.__cause__, other.__cause__ = other, one

    assert [each.type for each in raised_errors(one)] == ["KeyError", "OSError"]


def deep(left: int) -> None:
    if left == 0:
        raise ValueError("x" * 100_000)
    deep(left - 1)


def test_everything_is_bounded() -> None:
    (error,) = raised(lambda: deep(200))
    many = raised_errors(ExceptionGroup("many", [KeyError(number) for number in range(50)]))

    assert (len(error.frames), len(error.text)) == (40, 2_000)
    assert error.left_out == 200 + 3 - 40
    assert (len(many), many[0].parts) == (10, 50)


@define
class Refused(Exception):
    user: str
    pin: str = field(repr=False)


def test_secrets_stay_out_of_the_text() -> None:
    (error,) = raised_errors(Refused("me", "0000"))

    assert "me" in error.text
    assert "0000" not in repr(error)


def test_an_error_that_cannot_be_shown_is_named() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise OSError("no text")

    (error,) = raised_errors(Broken())

    assert error.text == "<Broken, which cannot be shown>"


def test_notes_are_shown() -> None:
    error = KeyError("a")
    error.add_note("while the till was opened")

    assert raised_errors(error)[0].notes == ("while the till was opened",)


def test_no_error_has_no_frames() -> None:
    assert raised_errors(None) == ()


def test_a_program_that_is_installed_as_a_package_is_own_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site-packages"
    programs = {"shop": "from wire import send\ndef sell():\n    send()\n", "wire": "def send():\n    raise OSError('cut')\n"}
    for name, text in programs.items():
        (site / name).mkdir(parents=True)
        (site / name / "__init__.py").write_text(text)
    monkeypatch.syspath_prepend(str(site))
    shop = importlib.import_module("shop")

    with pytest.raises(OSError, match="cut") as caught:
        shop.sell()
    for name in programs:
        del sys.modules[name]  # `monkeypatch` would put it back
    (told,) = raised_errors(caught.value.with_traceback(caught.tb.tb_next))  # without the frame of this test

    assert [(frame.package, frame.own) for frame in told.frames] == [("shop", True), ("wire", False)]


class Till(ta.Actor[None]):
    @ta.handler
    def sell(self) -> None:
        dividing()


async def test_a_failure_of_an_actor_begins_in_the_runtime_and_ends_in_own_code(autojump_clock: MockClock) -> None:
    tree = ta.Supervisor(ta.child(Till, name="till"), name="top", intensity=ta.Intensity(100))
    async with isolated_system(tree) as system:
        with pytest.raises(ta.ActorCrashed):
            await system.get(Till, "till").sell()
        (row,) = inspect.failures(system).rows
        view = inspect.actor(system, "till").failure

    (error,) = row.errors
    assert view is not None
    assert view.errors == row.errors
    assert error.frames[0].package == "trioactors"
    assert [frame.function for frame in error.frames if frame.own] == ["Till.sell", "dividing"]


async def test_frames_are_plain_data(autojump_clock: MockClock) -> None:
    data: Any = inspect.plain(raised(dividing))

    assert data[0]["frames"][-1]["own"] is True
    assert data[0]["link"] == "raised"


async def test_a_failure_is_told_once_and_not_kept_alive(autojump_clock: MockClock) -> None:
    tree = ta.Supervisor(ta.child(Till, name="till"), name="top", intensity=ta.Intensity(100))
    async with isolated_system(tree) as system:
        with pytest.raises(ta.ActorCrashed):
            await system.get(Till, "till").sell()
        first, again = (inspect.failures(system).rows[0] for _ in range(2))
        failure = weakref.ref(registry_of(system).find("till").failure)
        with pytest.raises(ta.ActorCrashed):
            await system.get(Till, "till").sell()
        gc.collect()
        newer = inspect.failures(system).rows[0]

    assert first.report is again.report
    assert first.errors is again.errors
    assert newer.incarnation == 2
    assert newer.errors is not first.errors
    assert failure() is None
