"""Wrong arguments are refused before anything runs, with an error that names them and says what to write."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
import trio

import trioactors as ta
from trioactors.testing import explore, isolated_system, sweep_cancellation
from trioactors.testing.given import require_function


class Plain(ta.Actor[None]):
    """Does nothing."""


async def main() -> None:
    await trio.lowlevel.checkpoint()


async def of_system(system: ta.System) -> None:
    await system.start(Plain, name="plain")


def plain() -> None: ...


def plainly_of_system(_: ta.System) -> None: ...


async def with_a_yield() -> Any:
    yield await trio.lowlevel.checkpoint()


class Scenes:
    async def scene(self, system: ta.System) -> None:
        await of_system(system)

    async def __call__(self, system: ta.System) -> None:
        await of_system(system)


def gives_something_to_wait_for(system: ta.System) -> Awaitable[None]:
    return of_system(system)


async def and_more(_number: int, system: ta.System) -> None:
    await of_system(system)


LAMBDA: Callable[[ta.System], Awaitable[None]] = lambda system: of_system(system)  # noqa: E731, PLW0108 - a lambda is wanted


@pytest.mark.parametrize(
    "given",
    [of_system, Scenes().scene, Scenes(), gives_something_to_wait_for, partial(and_more, 1), LAMBDA],
)
def test_whatever_can_be_called_so_and_waited_for_is_taken(given: Any) -> None:
    require_function("sweep_cancellation(...)", given, "the system")

    assert sweep_cancellation(given).moments


explored: Any = explore
swept: Any = sweep_cancellation

Use = Callable[[], object]
STRANGE: dict[str, tuple[Use, str]] = {
    "explore a plain function": (
        lambda: explored(plain),
        "explore(plain): this is not an async function; expected an async function that takes no arguments, or @explore() above a test",
    ),
    "explore what was called": (
        lambda: explored(main()),
        "): pass the function itself, not what it returns; expected an async function",
    ),
    "explore nothing of the kind": (
        lambda: explored(3),
        "explore(3): expected an async function that takes no arguments, or @explore() above a test",
    ),
    "explore a class": (lambda: explored(Plain), "explore(Plain): expected an async function that takes no arguments"),
    "explore a generator": (lambda: explored(with_a_yield), "explore(with_a_yield): this is not an async function"),
    "explore a test with a fixture": (
        lambda: explored(of_system),
        "explore(of_system): it is called with no arguments, but takes (system: 'ta.System') -> 'None' (missing",
    ),
    "explore half a seed": (lambda: explored(seeds=2.5), "explore(seeds=2.5): expected a number of seeds, or a list of seeds"),
    "explore seeds of text": (lambda: explored(seeds=["a"]), "explore(seeds=['a']): expected an integer"),
    "explore no step": (
        lambda: explored(main, steps=0),
        "explore(steps=0): expected the number of steps a run may take, at least 1",
    ),
    "sweep a plain function": (
        lambda: swept(plainly_of_system),
        "sweep_cancellation(plainly_of_system): this is not an async function; expected an async function that takes the system",
    ),
    "sweep without the system": (
        lambda: swept(main),
        "sweep_cancellation(main): it is called with the system, but takes () -> 'None' (too many positional arguments)",
    ),
    "sweep with a plain check": (
        lambda: swept(of_system, check=plainly_of_system),
        "sweep_cancellation(check=plainly_of_system): this is not an async function",
    ),
    "sweep in a system that is open": (
        lambda: swept(of_system, opening=isolated_system()),
        "): expected a function that opens a system, such as isolated_system",
    ),
    "sweep one letter after another": (
        lambda: swept(of_system, actors="plain"),
        "sweep_cancellation(actors='plain'): expected a list of the names of actors",
    ),
    "sweep an actor that never lives": (
        lambda: swept(of_system, actors=["plane"]),
        "sweep_cancellation(actors=['plane']): 'plane' never runs in the scenario; actors that do: ['plain']",
    ),
    "sweep only a number": (
        lambda: swept(of_system, only=17),
        'sweep_cancellation(only=17): expected "cancel 17" or "crash',
    ),
}


@pytest.mark.parametrize("name", STRANGE)
def test_it_is_refused_by_name(name: str) -> None:
    use, text = STRANGE[name]

    with pytest.raises(ta.UsageError, match=re.escape(text)):
        use()
