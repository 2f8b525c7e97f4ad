"""Workers: run the blocking calls of a store, one after another, never two at once.

A worker runs functions in the order in which they are submitted. `ThreadWorker` has one thread of its own: half the cost of Trio's thread
pool, and other tasks run while it waits for a disk. `InPlaceWorker` runs each function inside `submit`: right for stores that never wait,
and for virtual time, where a mock clock would jump ahead while a thread is busy.

`done` is called in Trio's thread, in the order of the calls; with `InPlaceWorker`, before `submit` returns. It must not raise.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Protocol, TypeAlias, TypeVar

import outcome
import trio

__all__ = ["InPlaceWorker", "ThreadWorker", "Worker", "called_back", "run_on", "worker_for_this_run"]

T = TypeVar("T")

_Job: TypeAlias = tuple[Callable[[], Any], Callable[[Any], None]]


class Worker(Protocol):
    """Runs blocking functions, one at a time and in order."""

    def submit(self, call: Callable[[], T], done: Callable[[outcome.Outcome[T]], None], /) -> None:
        """Run *call* when its turn comes, then call *done* with the outcome."""
        ...

    def close(self) -> None:
        """End the worker, after the calls that were submitted. Nothing may be submitted afterwards."""
        ...


class InPlaceWorker:
    """Runs every call inside `submit`."""

    def submit(self, call: Callable[[], T], done: Callable[[outcome.Outcome[T]], None], /) -> None:
        """Run *call* now."""
        done(outcome.capture(call))

    def close(self) -> None:
        """Do nothing: there is no thread to end."""


class ThreadWorker:
    """Runs calls in one thread, started by the first call. A daemon thread: a disk that never answers must not keep the program alive."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._token = trio.lowlevel.current_trio_token()
        self._thread: threading.Thread | None = None
        self._owed = 0

    def __repr__(self) -> str:
        """The number of calls that are not done."""
        return f"<thread worker, {self._owed} calls to do>"

    def submit(self, call: Callable[[], T], done: Callable[[outcome.Outcome[T]], None], /) -> None:
        """Queue *call* for the thread."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="trioactors store", daemon=True)
            self._thread.start()
        self._owed += 1
        self._jobs.put((call, done))

    def close(self) -> None:
        """Let the thread end after its last call. Waits for the thread if it has nothing left to do."""
        if self._thread is None:
            return
        thread, self._thread = self._thread, None
        self._jobs.put(None)
        if self._owed == 0:
            thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            call, done = job
            try:
                self._token.run_sync_soon(self._done, done, outcome.capture(call))
            except trio.RunFinishedError:  # nothing waits for outcomes any more, but a store that was left behind is still closed
                self._do_the_rest()
                return

    def _do_the_rest(self) -> None:
        """Run what was submitted, in a thread whose run is over, and report to nobody."""
        with suppress(Empty):
            while (job := self._jobs.get_nowait()) is not None:
                outcome.capture(job[0])

    def _done(self, done: Callable[[Any], None], result: Any) -> None:
        self._owed -= 1
        done(result)


def worker_for_this_run() -> Worker:
    """A thread worker; under a clock that jumps (Trio's `MockClock`), which would not wait for a thread, an in-place worker."""
    return InPlaceWorker() if hasattr(trio.lowlevel.current_clock(), "autojump_threshold") else ThreadWorker()


async def run_on(worker: Worker, call: Callable[[], T]) -> T:
    """Run *call* on *worker*, and return or raise what it does. If the caller is cancelled, the call still runs; its outcome is lost."""
    answer: outcome.Outcome[T] = await called_back(lambda done: worker.submit(call, done))
    return answer.unwrap()


async def called_back(begin: Callable[[Callable[[T], None]], None]) -> T:
    """Call *begin* with a callback, wait until the callback is called (perhaps at once), and return its argument. A checkpoint."""
    answers: list[T] = []
    task = trio.lowlevel.current_task()
    parked = False

    def done(answer: T) -> None:
        answers.append(answer)
        if parked:
            trio.lowlevel.reschedule(task)

    def abort(_: object) -> trio.lowlevel.Abort:
        nonlocal parked
        parked = False
        return trio.lowlevel.Abort.SUCCEEDED

    await trio.lowlevel.checkpoint_if_cancelled()
    begin(done)
    if answers:
        await trio.lowlevel.cancel_shielded_checkpoint()
    else:
        parked = True
        await trio.lowlevel.wait_task_rescheduled(abort)
    return answers[0]
