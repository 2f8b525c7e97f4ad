"""The demo of the console as its users see it: started by its command, watched from a second terminal, crashed, killed, restarted.

Nothing here sleeps: each test reads from a trace what has to happen first, and opens the trace before it causes that. A test that hangs
is ended by an alarm.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NoReturn

import pytest

pytest.importorskip("trio_websocket")

PROGRAM = Path(__file__).parents[2] / "examples" / "console" / "demo.py"
DEADLINE = 180
BEATING = "crashes-on-request"


@pytest.fixture(autouse=True)
def deadline() -> Iterator[None]:
    """Ends a test by an alarm after a real deadline."""

    def late(*_: object) -> NoReturn:
        raise TimeoutError(f"it took more than {DEADLINE} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(DEADLINE)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


class Started(subprocess.Popen[str]):
    """A running program; leaving the block kills it."""

    stdin: IO[str]
    stdout: IO[str]

    def __init__(self, *command: str, env: Mapping[str, str] | None = None) -> None:
        super().__init__(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)

    def __exit__(self, *error: object) -> None:
        self.kill()
        super().__exit__(*error)

    def line(self, start: str = "") -> str:
        """The next line with that *start*."""
        return next(line for line in self.stdout if line.startswith(start)).rstrip("\n")

    def record(self, *kinds: str) -> dict[str, Any]:
        """The next trace record of one of these *kinds*."""
        return next(found for found in map(json.loads, self.stdout) if found["kind"] in kinds)


class Demo(Started):
    """The demo in *folder*. It is ready when it has printed its addresses."""

    def __init__(self, folder: Path) -> None:
        super().__init__(sys.executable, "-W", "error", str(PROGRAM), str(folder))
        try:
            self.link = self.line("console: ")
            _, token, _, _, self.url = self.line("terminal: ").split()
            self.world = {**os.environ, **dict([token.split("=")])}
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "trioactors", words[0], self.url, *words[1:], "--json"]

    def look(self, *words: str) -> Any:
        """The output of a terminal command."""
        return json.loads(
            subprocess.run(self.command(*words), check=True, capture_output=True, timeout=DEADLINE, env=self.world).stdout
        )

    def state(self, name: str) -> dict[str, Any]:
        return self.look("inspect", name)["state"]["value"]

    def trace(self, *options: str) -> Started:
        """A trace of everything that happens. It is open once its first record has been read."""
        tracing = Started(*self.command("trace", *options), env=self.world)
        assert tracing.line()
        return tracing

    def type(self, word: str) -> None:
        self.stdin.write(f"{word}\n")
        self.stdin.flush()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo that all tests share which do not stop it."""
    with Demo(tmp_path_factory.mktemp("demo")) as running:
        yield running


def test_what_crashes_or_is_killed_comes_back_with_its_state(tmp_path: Path) -> None:
    with Demo(tmp_path) as first:
        with first.trace("--child", BEATING) as trace:
            trace.record("StateCommitted")
            before = first.state(BEATING)
            first.type("crash")
            trace.record("ChildStarted")
        crashed = first.look("inspect", BEATING)
        sales = first.state("ledger")["sales"]
        first.kill()
        assert first.wait() == -signal.SIGKILL
    with Demo(tmp_path) as second:
        again = second.look("inspect", BEATING)
        ledger = second.state("ledger")

    assert (crashed["incarnation"], crashed["failure"]["reason"]) == (2, "crash: AskedFor")
    assert crashed["state"]["value"]["seconds"] >= before["seconds"] > 0
    assert again["incarnation"] == 1
    assert again["state"]["value"]["seconds"] >= crashed["state"]["value"]["seconds"]
    assert ledger["sales"] >= sales > 0


def test_the_tree_holds_the_inventory_the_shop_and_all_the_trouble_there_is(demo: Demo) -> None:
    tree = names(demo.look("tree"))
    actors = [row["name"] for row in demo.look("ps", "--search", "hasher")["rows"]]

    assert demo.link.endswith("(good for one sign-in, admin)")
    assert {"inventory", "hashers", "records", "shop", "till-1", "till-3-is-clumsy", "trouble", BEATING, "console"} <= tree
    assert {"slow-so-its-mailbox-grows", "holds-the-loop", "makes-dead-letters", "keeps-a-secret", "crashes-in-a-row"} <= tree
    assert actors == ["hasher-1", "hasher-2"]


def names(branch: dict[str, Any]) -> set[str]:
    """The names in a branch, itself included."""
    return {branch["name"]}.union(*(names(child) for child in branch["children"]))


def test_a_supervisor_gives_up_the_one_above_starts_it_afresh_and_the_shop_goes_on(demo: Demo) -> None:
    with demo.trace() as trace:
        demo.type("row")
        gave_up = trace.record("GaveUp")
        back = next(record for record in iter(lambda: trace.record("ChildStarted"), None) if record["child"] == gave_up["child"])
        sold = trace.record("StateCommitted")
        ledger = demo.look("inspect", "ledger")

    assert gave_up["child"] == "gives-up-after-3-restarts"
    assert back["fields"]["incarnation"] == 2
    assert sold["child"]
    assert ledger["incarnation"] == 1


def test_three_letters_to_one_who_can_take_one_leave_dead_letters(demo: Demo) -> None:
    with demo.trace() as trace:
        demo.type("letters")
        buried = trace.record("MessageDeadLettered")

    assert buried["child"] == "takes-one-letter"


def test_a_flood_waits_in_the_mailbox_of_the_slow_one(demo: Demo) -> None:
    with demo.trace() as trace:
        demo.type("flood")
        next(record for record in iter(lambda: trace.record("MessageAccepted"), None) if record["child"].startswith("slow"))
        slow = demo.look("inspect", "slow-so-its-mailbox-grows")

    assert slow["mailbox_peak"] > 30  # what waits now depends on how long the command took to start


def test_no_secret_is_told_to_anybody(demo: Demo) -> None:
    with demo.trace("--child", "keeps-a-secret") as trace:
        handled = trace.record("MessageHandled")
        keeper = demo.look("inspect", "keeps-a-secret")
        ledger = demo.look("inspect", "ledger")

    assert keeper["state"]["value"].keys() == {"opened"}
    assert "bank_key" not in ledger["state"]["value"]
    assert "4711" not in json.dumps([handled, keeper])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_it_ends_in_order_when_it_is_told_to(tmp_path: Path, number: int, code: int) -> None:
    with Demo(tmp_path) as demo:
        os.kill(demo.pid, number)
        last = demo.line("Stopped. ")

        assert demo.wait() == code
    assert last == f"Stopped. To continue with the same state, start it with {tmp_path}"


def test_a_word_that_means_nothing_is_answered_with_those_that_do(demo: Demo) -> None:
    demo.type("<b>explode</b>")

    assert demo.line("type ") == "type crash, row, flood, hold, letters"
