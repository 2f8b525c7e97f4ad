"""Modules and functions that the runtime may not use, and the few exceptions.

Clocks, random numbers, ids, threads and files reach the runtime through one port, `Environment`; this file keeps it the only one.
Each exception names a module and gives a reason. Imports under TYPE_CHECKING never run and are free.
"""

from __future__ import annotations

import ast
import functools
import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

parsed = functools.cache(ast.parse)
"""The tree of a source: several rules look at each."""

Allowed = Mapping[str, str]

PORT: Allowed = {"trioactors.environment.environment": "it is the port"}
THREADS: Allowed = {
    **PORT,
    "trioactors.system.portal": "plain threads call the system through it",
    "trioactors.serializer.records": "encoding may happen in a store's own thread",
    "trioactors.serializer.unions": "reading may happen there, too",
    "trioactors.environment.workers": "the thread of a store; only `Environment` makes one",
    "trioactors.environment.posting": "the library's HTTP client blocks; it is reached through `Environment` only",
    "trioactors.testing.leaks": "it looks for threads that were left behind",
    "trioactors.testing.playing": "it asks whether a thread could still wake a task",
    "trioactors.testing.scheduling": "it tells its own run from runs in other threads",
    "trioactors.testing.simulation.escapes": "it makes starting one in a simulation an error",
}
FILES: Allowed = {
    "trioactors.cli.*": "it names copies of stores, and replaces stores by them",
    "trioactors.environment.disk": "the port to the disk",
    "trioactors.persistence.store": "a backup goes to a path",
    "trioactors.serializer.library": "it carries paths and ids",
    "trioactors.persistence.urls": "a URL names a path",
    "trioactors.testing.contract_faults": "it gives each store under test a place",
    "trioactors.testing.contract_files": "it breaks the files of a store",
    "trioactors.testing.contract_life": "it gives copies of a store their places",
    "trioactors.testing.contract_records": "it gives each store under test a place",
    "trioactors.testing.disk": "a disk that exists in memory only",
    "trioactors.testing.faults": "it gives each store under test a place",
    "trioactors.testing.simulation.cases": "it keeps cases that failed",
    "trioactors.testing.simulation.hardware": "a disk that exists in memory only",
    "trioactors.testing.simulation.sim_tests": "it finds the cases of a test",
    "trioactors.testing.simulation.simulating": "a case may be named by its file",
    "trioactors.testing.sqlite_*": "SQLite on a disk that exists in memory only",
    "trioactors.testing.stores": "the contract of stores",
    "trioactors_backends.*": "keeping files is what a store is for",
    "trioactors.conformance": "it reads the scenario files named on its command line",
}

BANNED: Mapping[str, Allowed] = {
    # another event loop, and threads
    "asyncio": {},
    "anyio": {},
    "_thread": {"trioactors.testing.simulation.escapes": "it makes starting one in a simulation an error"},
    "concurrent.futures": {},
    "multiprocessing": {},
    "threading": THREADS,
    "trio.from_thread": THREADS,
    "trio.to_thread": {
        **THREADS,
        "trioactors.cli.acting": "it waits for the answer of a person, while the connection to the console is kept alive",
    },
    "trio.lowlevel.start_thread_soon": THREADS,
    # clocks other than Trio's
    "time": {
        **PORT,
        "trioactors.testing.simulation.escapes": "it makes sleeping on it in a simulation an error",
        "trioactors.testing.simulation.shrinking": "it runs outside any simulation, with a time limit for people",
    },
    "datetime.date.today": PORT,
    "datetime.datetime.now": PORT,
    "datetime.datetime.today": PORT,
    "datetime.datetime.utcnow": PORT,
    # random numbers and ids
    "random": {
        **PORT,
        "trioactors.testing.clocks": "it seeds an environment's streams",
        "trioactors.testing.contract_commits": "it seeds a play of commits",
        "trioactors.testing.disk": "it seeds what a power cut keeps",
        "trioactors.testing.faults": "it seeds what a power cut keeps",
        "trioactors.testing.schedules": "it draws schedules from a seed",
        "trioactors.testing.sqlite_*": "it seeds SQLite's chance",
        "trioactors.testing.scheduling": "it replaces Trio's own random numbers",
        "trioactors.testing.simulation.escapes": "it makes a draw without a seed in a simulation an error",
        "trioactors.testing.simulation.plans": "it draws faults from a seed",
    },
    "secrets": PORT,
    "uuid": {
        **PORT,
        "trioactors.serializer.library": "it carries ids, it makes none",
        "trioactors.testing.simulation.escapes": "it makes a draw without a seed in a simulation an error",
        "trioactors.testing.simulation.random_values": "it draws ids from a seed",
    },
    "os.urandom": {**PORT, "trioactors.testing.simulation.escapes": "it makes a draw without a seed in a simulation an error"},
    # files and settings
    "open": FILES,
    "io.open": FILES,
    "os.open": FILES,
    "pathlib": FILES,
    "shutil": FILES,
    "sqlite3": FILES,
    "tempfile": FILES,
    "trio.Path": FILES,
    "trio.open_file": FILES,
    "os.environ": {
        "trioactors.cli.terminal": "a terminal says there what it is, and whether its user wants colours",
        "trioactors.cli.tokens": "a command gets its token there",
    },
    "os.getenv": {},
    # formats that may never be written or read
    "marshal": {},
    "pickle": {},
    # a second copy of the stores
    "backends": {},
}

EMPTY_WORDS = frozenset({"common", "helper", "helpers", "manager", "managers", "util", "utils"})
MARKS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


def for_hints_only(node: ast.AST) -> bool:
    """Whether *node* is a block that never runs."""
    return isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def running(node: ast.AST) -> Iterator[ast.AST]:
    """Every node that may run."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not for_hints_only(child):
            yield from running(child)


def aliases(nodes: list[ast.AST]) -> dict[str, str]:
    """The full names of imported names."""
    known: dict[str, str] = {}
    for node in nodes:
        match node:
            case ast.Import(names=names):
                known |= {
                    alias.asname or alias.name.split(".")[0]: alias.name if alias.asname else alias.name.split(".")[0]
                    for alias in names
                }
            case ast.ImportFrom(module=str() as module, names=names):
                known |= {alias.asname or alias.name: f"{module}.{alias.name}" for alias in names}
            case _:
                pass
    return known


def used(source: str) -> Iterator[tuple[int, str]]:
    """Line and full name of everything that *source* imports or names."""
    nodes = list(running(parsed(source)))
    known = aliases(nodes)
    for node in nodes:
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module=str() as module, names=names):
                yield from ((node.lineno, f"{module}.{alias.name}") for alias in names)
            case ast.Name(id=name) if name in known or name == "open":
                yield node.lineno, known.get(name, name)
            case ast.Attribute():
                first, _, rest = ast.unparse(node).partition(".")
                if first in known:
                    yield node.lineno, f"{known[first]}.{rest}"
            case _:
                pass


def may(name: str, allowed: Allowed) -> bool:
    """Whether the module *name* is *allowed*."""
    return any(fnmatch(name, pattern) for pattern in allowed)


def trespasses(name: str, source: str) -> list[str]:
    """Uses of banned names, once for each line."""
    found = {
        (line, ban)
        for line, what in used(source)
        for ban, allowed in BANNED.items()
        if (what == ban or what.startswith(f"{ban}.")) and not may(name, allowed)
    }
    return [f"{name}:{line}: {ban} is banned here" for line, ban in sorted(found)]


def words(name: str) -> set[str]:
    """The words of a name."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def empty_names(name: str, source: str) -> list[str]:
    """Modules, classes and functions whose name says nothing."""
    made = (node for node in ast.walk(parsed(source)) if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef))
    names = [(1, name.rpartition(".")[2]), *((node.lineno, node.name) for node in made)]
    return [f"{name}:{line}: {said} says nothing: name what it does" for line, said in names if words(said) & EMPTY_WORDS]


def unfinished(name: str, source: str) -> list[str]:
    """Marks of unfinished work."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return [
        f"{name}:{token.start[0]}: {mark.group()}"
        for token in tokens
        if (token.type == tokenize.COMMENT and (mark := MARKS.search(token.string)))
        or (token.type == tokenize.NAME and (mark := re.fullmatch("NotImplementedError", token.string)))
    ]


def test_nothing_banned_is_used(sources: dict[str, str]) -> None:
    findings = [finding for name, source in sources.items() for finding in trespasses(name, source)]

    assert not findings, "\n".join(findings)


def test_every_permission_is_used(sources: dict[str, str]) -> None:
    granted = {pattern for allowed in BANNED.values() for pattern in allowed if "*" not in pattern}
    idle = {
        name for name in granted & set(sources) if not any(may(name, BANNED[ban]) for ban in BANNED if _touches(sources[name], ban))
    }

    assert idle == set()


def _touches(source: str, ban: str) -> bool:
    return any(what == ban or what.startswith(f"{ban}.") for _, what in used(source))


def test_every_name_says_something(sources: dict[str, str]) -> None:
    findings = [finding for name, source in sources.items() for finding in empty_names(name, source)]

    assert not findings, "\n".join(findings)


def test_nothing_is_left_for_later(sources: dict[str, str], root: Path) -> None:
    rooms = ("benchmarks", "examples", "tests")
    others = {
        str(path.relative_to(root)): path.read_text(encoding="utf-8") for room in rooms for path in (root / room).rglob("*.py")
    }
    findings = [finding for name, source in (sources | others).items() for finding in unfinished(name, source)]

    assert not findings, "\n".join(findings)


@pytest.mark.parametrize(
    "planted",
    [
        "import asyncio",
        "from asyncio import Queue",
        "import threading as t",
        "from time import monotonic",
        "def f():\n    import random",
        "import datetime\ndatetime.datetime.now()",
        "from datetime import datetime as moment\nmoment.now()",
        "import trio as t\nt.to_thread.run_sync(f)",
        "from trio import to_thread",
        "open('x')",
        "import os\nos.environ['x']",
        "from backends.trioactors_backends import sqlite",
    ],
)
def test_a_trespass_is_told(planted: str) -> None:
    assert trespasses("trioactors.actor", planted) != []


@pytest.mark.parametrize(
    "planted",
    [
        "import trio\ntrio.current_time()",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import random",
        "from datetime import datetime\ndatetime.fromtimestamp(0)",
        "self.open()",
        "timeout = time_left = 3",
        "import trioactors_backends",
    ],
)
def test_what_only_looks_like_one_is_not(planted: str) -> None:
    assert trespasses("trioactors.actor", planted) == []


def test_a_permission_is_for_its_module_only() -> None:
    assert trespasses("trioactors.environment.environment", "import random, time, uuid") == []
    assert trespasses("trioactors_backends.sqlite", "import sqlite3") == []
    assert trespasses("trioactors.environment.environment", "import asyncio") == [
        "trioactors.environment.environment:1: asyncio is banned here"
    ]
    assert trespasses("trioactors_backends.sqlite", "import time") == ["trioactors_backends.sqlite:1: time is banned here"]


def test_an_empty_name_is_told() -> None:
    planted = "class ActorManager: ...\ndef parse_helper(): ...\ndef manages(): ...\nclass Commonplace: ...\n"

    assert empty_names("trioactors.utils", planted) == [
        "trioactors.utils:1: utils says nothing: name what it does",
        "trioactors.utils:1: ActorManager says nothing: name what it does",
        "trioactors.utils:2: parse_helper says nothing: name what it does",
    ]


def test_a_mark_is_told() -> None:
    planted = "x = 1  # " + "TO" + "DO: later\ny = 'FIXME'\nraise NotImplementedError\n"

    assert unfinished("planted", planted) == ["planted:1: TODO", "planted:3: NotImplementedError"]


def test_no_property_is_judged_by_the_time_that_an_example_takes() -> None:
    assert settings().deadline is None
    assert HealthCheck.too_slow in settings().suppress_health_check
