"""Catch-alls are allowed in named functions only, and a silenced type checker needs a reason.

A bug must reach the supervisor. So `except Exception`, `except BaseException`, a bare `except` and `suppress(Exception)` are
allowed in the functions listed here and nowhere else; each entry gives the reason.
"""

from __future__ import annotations

import ast
import functools
import io
import re
import tokenize
from collections.abc import Iterator, Mapping

import pytest

parsed = functools.cache(ast.parse)
"""The tree of a source: several rules look at each."""

WALLS: Mapping[str, str] = {
    # "module.Class.function": "why a catch-all is right there",
    "trioactors.persistence.committer.Committer._commit_group": "a store may fail in any way: its group gets the error",
    "trioactors.console.access.Access._by_authorize": "if a function of the user's fails, access is refused and the error reported",
    "trioactors.console.connections.Connections.serve": "an error in a connection ends it and is logged; the application goes on",
    "trioactors.console.topics.shown": "looking at a state may raise anything: its topic fails, and it is logged",
    "trioactors.alerts.telling._notified": "a function of the user's may fail in any way: that is logged, and the next alert is told",
    "trioactors.inspect.commits._compared": "a rule of the user's may fail in any way: the commit is shown without its changes",
    "trioactors.inspect.ring._value": "a record may hold an error of the user's, whose methods may raise anything",
    "trioactors.trace.formatting.described": "a user's error may have a broken repr",
    "trioactors.durability.output_gate.OutputGate._commit_failed": "a user's on_load failed in a callback: the actor crashes",
    "trioactors.supervision.handle._carried_out": "what fails between a stop and a start is for the asker, not the supervisor",
    "trioactors.supervision.lifecycle._live": "the boundary between a child and its supervisor: every error becomes an exit",
    "trioactors.trace.crash_reports.shown": "a broken __repr__ of a user's must not turn a report into a second crash",
    "trioactors.actors.execution.Execution.run": "after its limit, whatever a handler raises is the cause of `HandlerTimeout`",
    "trioactors.actors.loop._stop_after_failure": "a second error must not hide the first, and is reported",
    "trioactors.actors.loop._failed": "a user's on_load failed after the handler did: settle the message, then raise it again",
    "trioactors.actors.loop._settle": "a user's on_save or on_load failed: settle the message, then raise the error again",
    "trioactors.actors.loop._serve": "the actor loop: settle the message, then raise the error again",
    "trioactors.actors.loop.live": "on_stop after a crash, then the error is raised again",
    "trioactors.history.history.History.crashed": "the supervisor that reports a crash must not get another one",
    "trioactors.history.history.History.sample": "the task that records may be one of the program's own: the sample is missing",
    "trioactors.history.history.History._write": "raised in the task of all deadlines, it would end the program: nothing more is written",
    "trioactors.history.history.History._read": "a store may fail in any way: the program does without its history",
    "trioactors.persistence.urls._load": "a plug-in may fail in any way while it is loaded: our error names it and its URL",
    "trioactors.running._opened": "the body's error is raised outside the nursery, which would put it into a group",
    "trioactors.actors.tasks.ChildTasks._hold": "a failing task crashes its actor, not its supervisor",
    "trioactors.actors.gathering.gather_calls": "what the block raised is raised again, and calls that wait are left",
    "trioactors.testing.exploring._told": "adds a note about the seed, then the error is raised again",
    "trioactors.testing.simulation.node.Node._live": "a run of a node: errors that no fault explains are raised again",
    "trioactors.testing.simulation.node.NodeLife.asked": "an error of a dead node is not a reply to any caller",
    "trioactors.testing.simulation.sim_tests._replay": "adds a note about the file of the case, then the error is raised again",
    "trioactors.testing.simulation.clients._asked": "every outcome of a client's call is part of the history",
    "trioactors.trace.observers.Observers.emit": "an observer must never stop the system that it observes",
    "trioactors.durability.write_behind.WriteBehind._try_to_encode": "a state that cannot be saved, found in a callback: the actor crashes",
}
IGNORES = 13

EVERYTHING = frozenset({"BaseException", "BaseExceptionGroup", "Exception", "ExceptionGroup"})
IGNORE = re.compile(r"#\s*(type|pyright)\s*:\s*ignore")
EXPLAINED = re.compile(r"# (type|pyright): ignore\[[\w, -]+\](  #| -) \w.*")


def caught(node: ast.AST) -> ast.expr | None:
    """What an `except` or a `suppress` catches; None if *node* is neither."""
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
    """Whether *node* catches every error, alone or among others."""
    expression = caught(node)
    return expression is not None and any(isinstance(part, ast.Name) and part.id in EVERYTHING for part in ast.walk(expression))


def walls(node: ast.AST, where: str) -> Iterator[tuple[str, int]]:
    """The full name of the function around each catch-all, and its line."""
    for child in ast.iter_child_nodes(node):
        inside = f"{where}.{child.name}" if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) else where
        if catches_all(child):
            yield inside, getattr(child, "lineno", 0)
        yield from walls(child, inside)


def unlisted(name: str, source: str) -> list[str]:
    """Catch-alls outside the named functions."""
    return [
        f"{where}:{line}: a catch-all outside the named functions"
        for where, line in walls(parsed(source), name)
        if where not in WALLS
    ]


def ignores(name: str, source: str) -> list[tuple[str, bool]]:
    """The comments that silence a type checker, and whether each gives its code and its reason."""
    return [
        (f"{name}:{token.start[0]}: {token.string}", EXPLAINED.fullmatch(token.string) is not None)
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT and IGNORE.match(token.string)
    ]


def test_catch_alls_stand_at_the_named_walls(sources: dict[str, str]) -> None:
    findings = [finding for name, source in sources.items() for finding in unlisted(name, source)]

    assert not findings, "\n".join(findings)


def test_every_named_wall_stands(sources: dict[str, str]) -> None:
    standing = {where for name, source in sources.items() for where, _ in walls(parsed(source), name)}

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

    assert unlisted("planted", source) == ["planted.C.f:5: a catch-all outside the named functions"]


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
