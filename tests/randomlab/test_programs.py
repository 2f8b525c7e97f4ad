"""Random applications as programs: what is written can be read, run, and made smaller."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from randomlab.acts import HANDLERS, USERS
from randomlab.contract import Story
from randomlab.drawing import drawn
from randomlab.jobs import CORPUS
from randomlab.notes import Ended
from randomlab.reading import Unreadable, read
from randomlab.running import PROGRAMS, loaded, play
from randomlab.shrinking import Finding, failure_of, shrunk, smaller
from randomlab.source import source

SOUND = range(24)


@pytest.mark.parametrize("seed", range(200))
def test_a_program_says_all_of_its_application(seed: int) -> None:
    application = drawn(seed)

    assert read(source(application, seed=seed)) == application


def test_every_act_is_drawn_and_does_something() -> None:
    lines = " ".join(source(drawn(seed), seed=seed) for seed in range(400))
    unused = [act.name for act in (*HANDLERS, *USERS) if act.name not in _drawn(lines)]

    assert unused == []


def _drawn(lines: str) -> set[str]:
    """The acts whose code, up to its first argument, is in the lines."""
    import random  # noqa: PLC0415 - of this test alone

    from randomlab.acts import Places  # noqa: PLC0415

    places = Places({"a0": ["h0"]}, {"K0": ["h0"]})
    found: set[str] = set()
    for act in (*HANDLERS, *USERS):
        code = act.line(random.Random(0), places)
        if code.partition("(")[0] in lines and ("ask(" not in code or code.partition(",")[0] in lines):
            found.add(act.name)
    return found


@pytest.mark.parametrize("text", ["", "TREE = 3", "TREE = STORE = SETTINGS = FAULTS = USERS = None"])
def test_another_program_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        read(text)


@pytest.mark.parametrize("seed", SOUND)
def test_a_random_application_keeps_every_promise(seed: int) -> None:
    error = play(drawn(seed), seed).error
    if error is not None:
        raise error


def test_nothing_of_an_application_stays_in_memory() -> None:
    before = _classes()
    for seed in range(30):
        play(drawn(seed), seed)
    after = _classes()
    program = loaded(source(drawn(0), seed=0))

    assert after == before
    assert _classes() > before, f"{program} has classes"


def _classes() -> int:
    """The number of classes of programs that are still there."""
    gc.collect()
    return sum(1 for each in gc.get_objects() if isinstance(each, type) and each.__module__ == PROGRAMS)


def test_a_seed_gives_the_same_run_every_time() -> None:
    assert len({"\n".join(play(drawn(5), 5).world.lines()) for _ in range(2)}) == 1


@pytest.mark.parametrize("kept", sorted(CORPUS.glob("*.py")), ids=lambda path: path.stem)
def test_what_was_found_once_is_mended(kept: Path) -> None:
    text = kept.read_text(encoding="utf-8")
    seed = int(text.rpartition("seed=")[2].partition(")")[0])
    error = play(read(text), seed, text).error
    if error is not None:
        raise error


def never_write(story: Story) -> Iterator[str]:
    """A rule that no application keeps for long."""
    for note in story.all(Ended):
        if note.state:
            yield f"{note.actor} wrote"


def test_a_finding_is_shrunk_to_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("randomlab.contract.RULES", (never_write,))
    seed = next(seed for seed in range(50) if play(drawn(seed), seed).error is not None)
    error = play(drawn(seed), seed).error
    assert error is not None
    small = shrunk(Finding(drawn(seed), seed, failure_of(error)), seconds=20.0)

    assert small.failure == "never_write"
    assert len(list(small.application.tree.leaves())) <= 2
    assert sum(len(turns) for turns in small.application.users) <= 2
    assert len(source(small.application, seed=small.seed).splitlines()) < 45


@pytest.mark.parametrize("seed", range(20))
def test_smaller_applications_are_applications(seed: int) -> None:
    for application in smaller(drawn(seed)):
        assert read(source(application, seed=seed)) == application
