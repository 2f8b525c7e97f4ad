"""An actor that collapses under overload is found, and ours do not."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
from attrs import evolve

from soak.overload import QUICK, SERVERS, Ask, Verdict, actor, under_virtual_overload, under_working_overload, unshedding
from soak.overload import Server as Waiting

SOUND = Verdict("server", 100.0, (0.94, 0.95, 1.0), (100, 110), (200_000, 220_000))


def test_a_server_that_sheds_nothing_collapses() -> None:
    verdict = under_virtual_overload("control", unshedding, QUICK)

    assert verdict.share < 0.1
    assert "it answers" in verdict.complaints()[0]


@pytest.mark.lab
def test_so_would_an_actor_that_sheds_only_what_is_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trioactors.actors.loop.cannot_finish", lambda *_: False)

    verdict = under_virtual_overload("control", lambda service: actor(Waiting, service), QUICK)

    assert verdict.share < 0.1


@pytest.mark.lab
def test_callers_that_are_never_told_are_found() -> None:
    @asynccontextmanager
    async def silent(_: float) -> AsyncGenerator[Ask, None]:
        kept: list[trio.Event] = []

        async def ask(within: float) -> bool:
            if within < 10:
                kept.append(trio.Event())
                with trio.move_on_after(10 * within):
                    await kept[-1].wait()
            else:
                await trio.sleep(0.01)
            return True

        yield ask

    complaints = under_virtual_overload("silent", silent, QUICK).complaints()

    assert any("callers that wait grow" in complaint for complaint in complaints)


@pytest.mark.parametrize("name", SERVERS)
def test_an_actor_answers_what_it_can(name: str) -> None:
    assert under_virtual_overload(name, SERVERS[name], QUICK).complaints() == []


def test_the_clock_that_works_shows_the_same() -> None:
    assert under_working_overload("refusing", SERVERS["refusing"], evolve(QUICK, service=0.02)).share > 0.8


def test_what_is_within_the_bounds_is_no_complaint() -> None:
    assert SOUND.complaints() == []


@pytest.mark.parametrize(
    ("verdict", "complaint"),
    [
        (
            evolve(SOUND, shares=(0.9, 0.94, 1.0)),
            "under 10 times its capacity it answers 94% of it in time; 95% must be",
        ),
        (evolve(SOUND, waiting=(100, 111)), "callers that wait grow from 100 to 111 while the overload lasts"),
        (evolve(SOUND, allocated=(100, 111)), "blocks of memory grow from 100 to 111 while the overload lasts"),
    ],
)
def test_each_broken_bound_is_a_complaint(verdict: Verdict, complaint: str) -> None:
    assert verdict.complaints() == [complaint]
