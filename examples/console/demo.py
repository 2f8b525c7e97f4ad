"""A running system with a console: inspect it, break it, and watch it recover.

    python3 examples/console/demo.py               in a temporary folder, whose name it prints
    python3 examples/console/demo.py FOLDER        in a folder of your choice; if started there again, it continues where it was

It prints a link for a browser, and a command for a second terminal. README.md in this folder explains what to try.

    demo
    |-- inventory     stocktaking.py    examples/inventory, unchanged, repeatedly over the folder
    |-- shop          shop.py           tills that sell, one of them clumsy; a durable ledger and a durable stock
    |-- trouble       trouble.py        actors that misbehave on request, as their names say
    |-- terminal      asking.py         where you make these requests: type a word and Enter
    `-- console
"""

from __future__ import annotations

import argparse
import logging
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
"""The folder, within the given one, in which the demo stores everything. Remove it to start from the beginning."""


async def main(folder: Path, console: ta.ChildSpec) -> None:
    """Run the tree, with a store for the state of its actors."""
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
    """Print a new link, and the command for a second terminal."""
    print(line, flush=True)
    if "signed in" not in line:
        print(f"terminal: TRIOACTORS_CONSOLE_TOKEN={token} trioactors top {line.split()[1].partition('/open/')[0]}", flush=True)


def options() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="demo", description="A running system with a console. Stop and start it as you like.")
    parser.add_argument("folder", type=Path, nargs="?", help="folder to use (default: a new temporary folder)")
    parser.add_argument("--port", type=int, default=0, help="port of the console (default: any free port)")
    return parser.parse_args()


def run(chosen: argparse.Namespace) -> None:
    """Run the demo."""
    folder = Path(tempfile.mkdtemp(prefix="demo-") if chosen.folder is None else chosen.folder).resolve()
    home, token = folder / HOME, ta.Environment().new_secret()
    home.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(filename=home / "demo.log", level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    print(f"Files are in {home}: state in demo.db, crash reports and the console's audit log in demo.log", flush=True)
    print(f"Type {', '.join(WORDS)} and Enter; Ctrl-C stops the demo", flush=True)
    serving = partial(serve_console, port=chosen.port, admin_token=token, link_role="admin", announce=partial(announced, token))
    try:
        ta.run(partial(main, folder, ta.child(serving, name="console")))
    finally:
        print(f"\nStopped. To continue with the same state, start it with {folder}", flush=True)


if __name__ == "__main__":
    try:
        run(options())
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except (ta.TrioactorsError, OSError) as error:
        sys.exit(f"demo: {error}" + (f"\nbecause: {error.__cause__}" if error.__cause__ else ""))
