"""Forked processes that say on a pipe what happened to them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import Any


def told(task: Callable[[], object]) -> str:
    """What *task* returns or raises, as text."""
    try:
        result = task()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return repr(result)


def begun(coroutine: Coroutine[Any, Any, object]) -> object:
    """Run *coroutine* up to its first wait, without a loop. What it raises until then is raised."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    coroutine.close()
    return "it waits"


@contextmanager
def forked_process(task: Callable[[], object]) -> Generator[Callable[[], str]]:
    """A process that waits for a byte, and then runs *task*. Yields a function that sends the byte and returns what *task* did."""
    reading, writing = os.pipe()
    held, holding = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(holding)
            os.write(writing, b"!")
            if os.read(held, 1):
                os.write(writing, told(task).encode())
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.close(writing)
    os.close(held)
    said = os.read(reading, 1)  # then it has run the hooks of a fork
    assert said == b"!"

    def answer() -> str:
        os.write(holding, b"x")
        with os.fdopen(os.dup(reading)) as pipe:
            return pipe.read()

    try:
        yield answer
    finally:
        os.close(holding)
        os.close(reading)
        os.waitpid(child, 0)


def in_a_fork(task: Callable[[], object]) -> str:
    """What *task* returns or raises in a forked process."""
    with forked_process(task) as answer:
        return answer()
