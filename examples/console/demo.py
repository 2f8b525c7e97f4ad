"""A living system under the console: look at it, break it, and watch it come back.

    python3 examples/console/demo.py               in a folder of its own, which it names
    python3 examples/console/demo.py FOLDER        in a folder of your choice; started again there, it goes on where it was

It prints a link for a browser, and a command for another terminal. README.md beside this file says what to click and what to see.

    demo
    |-- inventory     stocktaking.py    examples/inventory as it is, over the folder, again and again
    |-- shop          shop.py           tills that sell, one of them clumsy; a ledger and a stock that remember
    |-- trouble       trouble.py        each does what its name says, once you ask for it
    |-- terminal      asking.py         where you ask: type a word and Enter
    `-- console
"""

from __future__ import annotations

import argparse
import logging
import secrets
import signal
import sys
import tempfile
from functools import partial
from pathlib import Path

import trioactors as ta
from asking import WORDS, listen
from shop import shop
from stocktaking import stocktaking
from trioactors.console import serve_console
from trouble import trouble

HOME = "trioactors-demo"
"""What the demo writes is in this folder within the given one: remove it, and everything is forgotten."""


async def main(folder: Path, console: ta.ChildSpec) -> None:
    """Twenty lines: a tree, and somewhere to keep what its actors remember."""
    home = folder / HOME
    tree = ta.Supervisor(
        stocktaking(folder, leave_out=home / "demo.db"),
        shop(),
        trouble(),
        ta.child(listen, name="terminal"),
        console,
        name="demo",
        intensity=ta.Intensity(limit=20, period=60.0),
    )
    async with ta.open_system(f"sqlite:///{home}/demo.db", tree) as system:
        await system.wait_stopped()


def announced(token: str, line: str) -> None:
    """Told for each link that is good: print it, and what a terminal can do."""
    print(line, flush=True)
    if "signed in" not in line:
        print(f"terminal: trioactors top {line.split()[1].partition('/open/')[0]} --token {token}", flush=True)


def options() -> argparse.Namespace:
    """What the user wants."""
    parser = argparse.ArgumentParser(
        prog="demo", description="A living system under the console. Stop it and start it as you like."
    )
    parser.add_argument("folder", type=Path, nargs="?", help="where it lives (default: a new temporary folder)")
    parser.add_argument("--port", type=int, default=0, help="where the console listens (default: any free port)")
    return parser.parse_args()


def run(chosen: argparse.Namespace) -> None:
    """Do what the user wants."""
    folder = Path(tempfile.mkdtemp(prefix="demo-") if chosen.folder is None else chosen.folder).resolve()
    home, token = folder / HOME, secrets.token_urlsafe()
    home.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(filename=home / "demo.log", level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    print(f"It lives in {home}: state in demo.db, crash reports and the console's audit log in demo.log", flush=True)
    print(f"type here: {', '.join(WORDS)} (and Enter); Ctrl-C ends it in order", flush=True)
    serving = partial(serve_console, port=chosen.port, admin_token=token, link_role="admin", announce=partial(announced, token))
    try:
        ta.run(partial(main, folder, ta.child(serving, name="console")))
    finally:
        print(f"\nended; everything comes back when it is started with {folder}", flush=True)


if __name__ == "__main__":
    try:
        run(options())
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except (ta.TrioactorsError, OSError) as error:
        sys.exit(f"demo: {error}" + (f"\nbecause: {error.__cause__}" if error.__cause__ else ""))
