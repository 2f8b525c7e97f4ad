"""Catch-alls stand at named walls only, and a silenced type checker says why.

A bug must reach the supervisor. So `except Exception`, `except BaseException`, a bare `except` and `suppress(Exception)` are
allowed in the functions listed here and nowhere else; each entry says what stands behind the wall.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping

import pytest

WALLS: Mapping[str, str] = {
    # "module.Class.function": "why a catch-all is right there",
    "trioactors.persistence.committer.Committer._commit_group": "a store may fail in any way: its group gets the error",
    "trioactors.console.access.Access._by_authorize": "a function of the user's that fails lets nobody in, and is reported",
    "trioactors.console.connections.Connections.serve": "whatever fails in a connection ends it, is logged, and the application lives",
    "trioactors.trace.formatting.described": "a user's error may have a broken repr",
    "trioactors.durability.output_gate.OutputGate._commit_failed": "a user's on_load failed in a callback: it is its actor's crash",
    "trioactors.supervision.lifecycle._live": "the wall between a child and its supervisor: every end becomes an exit",
    "trioactors.trace.crash_reports.shown": "a user's broken __repr__ must not turn a report into a second crash",
    "trioactors.actors.loop._stop_after_failure": "a second failure must not hide the first, and is reported",
    "trioactors.actors.loop._failed": "a user's on_load failed after the handler did: settle the message, then let it through",
    "trioactors.actors.loop._settle": "a state that cannot be kept: settle the message, then let the error through",
    "trioactors.actors.loop._serve": "the actor loop: settle the message, then let the error through",
    "trioactors.actors.loop._live": "on_stop after a crash, then the error goes on",
    "trioactors.persistence.urls._load": "a plug-in may fail in any way while it is loaded: the error names it and its URL",
    "trioactors.running._opened": "the body's error leaves outside the nursery, which would put it into a group",
    "trioactors.actors.tasks.ChildTasks._hold": "a failing task is its actor's crash, not its supervisor's",
    "trioactors.testing.exploring._told": "a note about what was being tried, then the error goes on",
    "trioactors.testing.simulation.node.Node._live": "a life of a node: what no fault explains goes through",
    "trioactors.testing.simulation.node.NodeLife.asked": "what a dead node raised is nobody's answer",
    "trioactors.testing.simulation.sim_tests._replay": "a note about where the case is kept, then the error goes on",
    "trioactors.testing.simulation.clients._asked": "what a client is told, whatever it is, is history",
    "trioactors.trace.observers.Observers.emit": "an observer must never stop what it watches",
    "trioactors.durability.write_behind.WriteBehind._fire": "a state that cannot be kept, met in a callback: it is its actor's crash",
}
IGNORES = 10

EVERYTHING = frozenset({"BaseException", "BaseExceptionGroup", "Exception", "ExceptionGroup"})
IGNORE = re.compile(r"#\s*(type|pyright)\s*:\s*ignore")
EXPLAINED = re.compile(r"# (type|pyright): ignore\[[\w, -]+\](  #| -) \w.*")


def caught(node: ast.AST) -> ast.expr | None:
    """What a handler or a `suppress` lets in; None when *node* is neither."""
    match node:
        case ast.ExceptHandler(type=None):
            return ast.Name("BaseException")
        case ast.ExceptHandler(type=expression):
            return expression
        case ast.Call(func=ast.Name(id="suppress") | ast.Attribute(attr="suppress"), args=arguments):
            return ast.Tuple(arguments)
        case _:
            return None


def catches_all(node: ast.AST) -> bool:
    """Whether *node* lets every error in, alone or among others."""
    expression = caught(node)
    return expression is not None and any(isinstance(part, ast.Name) and part.id in EVERYTHING for part in ast.walk(expression))


def walls(node: ast.AST, where: str) -> Iterator[tuple[str, int]]:
    """Full name of the function around each catch-all, and its line."""
    for child in ast.iter_child_nodes(node):
        inside = f"{where}.{child.name}" if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) else where
        if catches_all(child):
            yield inside, getattr(child, "lineno", 0)
        yield from walls(child, inside)


def unlisted(name: str, source: str) -> list[str]:
    """Catch-alls outside the named walls."""
    return [
        f"{where}:{line}: a catch-all outside the named walls"
        for where, line in walls(ast.parse(source), name)
        if where not in WALLS
    ]


def ignores(name: str, source: str) -> list[tuple[str, bool]]:
    """Every comment that silences a type checker, and whether it gives its code and its reason."""
    return [
        (f"{name}:{token.start[0]}: {token.string}", EXPLAINED.fullmatch(token.string) is not None)
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT and IGNORE.match(token.string)
    ]


def test_catch_alls_stand_at_the_named_walls(sources: dict[str, str]) -> None:
    findings = [finding for name, source in sources.items() for finding in unlisted(name, source)]

    assert not findings, "\n".join(findings)


def test_every_named_wall_stands(sources: dict[str, str]) -> None:
    standing = {where for name, source in sources.items() for where, _ in walls(ast.parse(source), name)}

    assert set(WALLS) - standing == set()


def test_a_silenced_checker_says_why(sources: dict[str, str]) -> None:
    findings = [text for name, source in sources.items() for text, explained in ignores(name, source) if not explained]

    assert not findings, "\n".join(findings)


def test_few_checkers_are_silenced(sources: dict[str, str]) -> None:
    assert len([text for name, source in sources.items() for text, _ in ignores(name, source)]) <= IGNORES


@pytest.mark.parametrize(
    "planted",
    [
        "except Exception:",
        "except BaseException as error:",
        "except (ValueError, Exception):",
        "except:",
        "except* Exception:",
    ],
)
def test_a_catch_all_is_told(planted: str) -> None:
    source = f"class C:\n    def f(self):\n        try:\n            pass\n        {planted}\n            pass\n"

    assert unlisted("planted", source) == ["planted.C.f:5: a catch-all outside the named walls"]


def test_a_suppressed_everything_is_told() -> None:
    assert unlisted("planted", "with contextlib.suppress(ValueError, Exception):\n    pass\n") != []


def test_a_narrow_handler_is_fine() -> None:
    source = "try:\n    pass\nexcept (KeyError, trio.Cancelled):\n    pass\nwith suppress(OSError):\n    pass\n"

    assert unlisted("planted", source) == []


def test_an_unexplained_ignore_is_told() -> None:
    planted = "\n".join(
        [
            "a = 1  # type: " + "ignore",
            "a = 1  # type: " + "ignore[arg-type]",
            "a = 1  # type: " + "ignore[arg-type]  # the driver's hints are wrong",
            "a = 1  # pyright: " + "ignore[reportPrivateUsage] - attrs makes it",
        ]
    )

    assert [explained for _, explained in ignores("planted", planted)] == [False, False, True, True]
