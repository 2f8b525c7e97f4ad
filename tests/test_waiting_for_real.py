"""The guard of the suite: no test can wait on a real clock."""

from __future__ import annotations

import threading  # noqa: TID251 - what it waits with is patched, and must be
import time

import pytest
import trio


def test_time_sleep_raises() -> None:
    with pytest.raises(AssertionError, match=r"time\.sleep"):
        time.sleep(0)  # noqa: TID251


def test_waiting_for_a_thread_event_raises() -> None:
    with pytest.raises(AssertionError, match=r"Event\.wait"):
        threading.Event().wait(0)


def test_a_deadline_on_the_system_clock_raises() -> None:
    clock = trio._core._run.SystemClock()

    with pytest.raises(AssertionError, match="SystemClock"):
        clock.deadline_to_sleep_time(clock.current_time() + 1)


def test_a_run_that_waits_for_no_time_is_free_to_use_it() -> None:
    trio.run(trio.lowlevel.checkpoint)


def test_threads_can_still_be_started() -> None:
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()

    assert not thread.is_alive()
