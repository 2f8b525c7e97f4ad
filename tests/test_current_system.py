"""Children without a context find their system."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

import trioactors as ta


class Greeter(ta.Actor[None]):
    @ta.handler
    async def greet(self, name: str) -> str:
        return f"hello {name}"


async def test_a_function_finds_its_system(system: ta.System) -> None:
    await system.start(Greeter, name="greeter")
    heard: list[str] = []

    async def visitor() -> None:
        heard.append(await ta.current_system().get(Greeter, "greeter").greet("function"))

    await system.supervisor().start_child(ta.child(visitor, name="visitor"))
    await ta.flush(system.get(Greeter, "greeter"))
    await system.quiesce()

    assert heard == ["hello function"]


async def test_a_resource_finds_its_system(system: ta.System) -> None:
    found: list[ta.System] = []

    @asynccontextmanager
    async def pool() -> AsyncGenerator[str, None]:
        found.append(ta.current_system())
        yield "open"

    await system.supervisor().start_child(ta.child(ta.resource(pool), name="pool"))

    assert found == [system]


async def test_outside_a_child_there_is_none() -> None:
    with pytest.raises(ta.UsageError, match="runs in a child"):
        ta.current_system()
