"""`python -m benchmarks.viewing`: what ten viewers of the console cost a system of 10,000 actors in which 200 crash every second.

The system runs in a process of its own, so that its processor time is that of the system and its console, and not of the viewers. Half of
the viewers look at the overview, half at the failures: they watch what these views of the page watch. Spells with and without viewers
alternate; the printed figures are the shares of one core.
"""

from __future__ import annotations

import itertools
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import trio
from trio_websocket import open_websocket_url

import trioactors as ta
from trioactors.console import serve_console

__all__: list[str] = []

ACTORS = 10_000
CRASHES = 200
"""Crashes per second."""
VIEWERS = 10
SPELL = 6.0
ROUNDS = 3
GOAL = 0.15
"""The largest share of a core that the viewers may cost."""
TOKEN: Final = "only-for-this-benchmark"  # noqa: S105 - it opens nothing else

OVERVIEW: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("figures", {}),
    ("alerts", {}),
    ("actors", {"sort": "waiting", "reverse": True, "limit": 5}),
    ("trace", {"kind": "ChildExited", "limit": 50, "newest": True}),
    ("trace", {"limit": 50, "newest": True}),
)
FAILURES: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("figures", {}),
    ("alerts", {}),
    ("failures", {"limit": 20}),
    ("failure_groups", {"limit": 50}),
    ("counted_restarts", {"limit": 20}),
    ("dead_letter_groups", {"limit": 50}),
    ("dead_letters", {"limit": 20}),
)


class Idle(ta.Actor[None]):
    """One of many actors with nothing to do."""

    @ta.handler
    def pass_by(self) -> None:
        """Return at once."""


class Fragile(ta.Actor[None]):
    """Crashes with every message."""

    @ta.handler
    def fall(self) -> None:
        """Crash."""
        raise LookupError("it always does")


async def crash_again_and_again(system: ta.System) -> None:
    """Let each of the fragile actors crash once a second."""
    fragile = [system.get(Fragile, f"fragile-{number}") for number in range(CRASHES)]
    began = trio.current_time()
    for turn in itertools.count():
        await trio.sleep_until(began + turn / CRASHES)
        fragile[turn % CRASHES].fall.cast_nowait()


async def serve() -> None:
    """Run the system. Print the line that names its console, then for each line that is read the processor time."""
    console = partial(serve_console, token=TOKEN, announce=say)
    many = ta.Intensity(limit=1_000_000, period=1.0)
    idle = (ta.child(Idle, name=f"idle-{number}") for number in range(ACTORS - CRASHES))
    fragile = (ta.child(Fragile, name=f"fragile-{number}") for number in range(CRASHES))
    tree = ta.Supervisor(
        ta.Supervisor(*idle, name="idle"),
        ta.Supervisor(*fragile, name="fragile", intensity=many),
        ta.child(console, name="console"),
        name="top",
    )
    async with ta.open_system(tree, settings=ta.Settings(crash_logs=1)) as system, trio.open_nursery() as nursery:
        nursery.start_soon(crash_again_and_again, system)
        while await trio.to_thread.run_sync(sys.stdin.readline):
            say(str(time.process_time()))
        nursery.cancel_scope.cancel()


def say(line: str) -> None:
    """Print a line, now."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def view(url: str, topics: Sequence[tuple[str, dict[str, Any]]]) -> None:
    """Watch these topics until cancelled, and read everything."""
    async with open_websocket_url(url, extra_headers=[("Authorization", f"Bearer {TOKEN}")]) as socket:
        for number, (topic, options) in enumerate(topics):
            await socket.send_message(json.dumps({"type": "watch", "id": f"{number}", "topic": topic, "options": options}))
        while True:
            message = json.loads(await socket.get_message())
            if message["type"] in {"error", "failed"}:
                raise RuntimeError(f"{topics[int(message['id'])][0]}: {message['error']['text']}")


async def share(system: subprocess.Popen[str], url: str, viewers: int) -> float:
    """The share of a core that the system uses with so many viewers."""
    async with trio.open_nursery() as nursery:
        for number in range(viewers):
            nursery.start_soon(view, url, FAILURES if number % 2 else OVERVIEW)
        await trio.sleep(1.0)  # the first snapshots are sent
        before, began = await cpu(system), trio.current_time()
        await trio.sleep(SPELL)
        used = (await cpu(system) - before) / (trio.current_time() - began)
        nursery.cancel_scope.cancel()
    return used


async def cpu(system: subprocess.Popen[str]) -> float:
    """The processor time of the system so far, in seconds."""
    assert system.stdin is not None
    assert system.stdout is not None
    system.stdin.write("?\n")
    system.stdin.flush()
    return float(await trio.to_thread.run_sync(system.stdout.readline))


async def measure(system: subprocess.Popen[str]) -> None:
    """Print the shares."""
    assert system.stdin is not None
    assert system.stdout is not None
    address = re.search(r"http://([^/]+)/", await trio.to_thread.run_sync(system.stdout.readline))
    assert address is not None, "the console says where it is"
    url = f"ws://{address.group(1)}/live"
    await trio.sleep(2.0)  # the start is over
    alone: list[float] = []
    viewed: list[float] = []
    for _ in range(ROUNDS):
        alone.append(await share(system, url, 0))
        viewed.append(await share(system, url, VIEWERS))
    system.stdin.close()
    more = statistics.median(viewed) - statistics.median(alone)
    say(f"{ACTORS:,} actors, {CRASHES} crashes a second: {statistics.median(alone):.1%} of a core without viewers,")
    say(
        f"{statistics.median(viewed):.1%} with {VIEWERS}: {more:+.1%}; the goal is {GOAL:.0%} at most{'' if more <= GOAL else ': missed'}"
    )


def main() -> None:
    """Start the system, and measure it."""
    command = [sys.executable, "-m", "benchmarks.viewing", "--serve"]
    with subprocess.Popen(  # noqa: S603 - this program
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as system:
        trio.run(measure, system)


if __name__ == "__main__":
    if "--serve" in sys.argv:
        trio.run(serve)
    else:
        main()
