"""An application as a Python program. What the lab runs is this text, so a finding needs no translation to be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from randomlab.data import Application, Child, Handler, Kind, Line, Tree

__all__ = ["source"]


def source(application: Application, *, seed: int, note: str = "") -> str:
    """The program. Run as a file, it simulates itself under *seed*."""
    parts = [f'"""{note or f"Random application {seed}."}"""', "", *_IMPORTS, ""]
    for kind in application.kinds:
        parts += ["", *_kind(kind)]
    parts += [
        "",
        f"TREE = {_tree(application.tree, 0)}",
        f"STORE = {application.store!r}",
        f"SETTINGS = ta.Settings({_options(application.settings)})",
    ]
    parts += [f"FAULTS = Faults({_options(application.faults)})"]
    parts += [f"LATENCY = {application.latency}"] if application.latency else []
    for number, turns in enumerate(application.users):
        parts += ["", "", *_user(number, turns)]
    users = ", ".join(f"user_{number}" for number in range(len(application.users)))
    parts += ["", "", f"USERS = ({users}{',' if len(application.users) == 1 else ''})", "", 'if __name__ == "__main__":']
    parts += [f"    run(__file__, seed={seed})"]
    return "\n".join(parts) + "\n"


_IMPORTS = (
    "import trioactors as ta",
    "from randomlab.running import run",
    "from randomlab.stage import Desk, Page, Refused, User, idle, room",
    "from trioactors.testing.simulation import Faults",
)


def _kind(kind: Kind) -> Iterator[str]:
    options = f", {_options(kind.options)}" if kind.options else ""
    yield ""
    yield f"class {kind.name}(Desk{options}):"
    for handler in kind.handlers:
        yield from _handler(handler)
        yield ""
    for hook, lines in kind.hooks.items():
        given = ", reason: ta.Exit" if hook == "on_stop" else ""
        yield f"    async def {hook}(self{given}) -> None:"
        yield f'        with self.hook("{hook}"{", reason" if given else ""}) as act:'
        yield from _body(lines)
        yield ""


def _handler(handler: Handler) -> Iterator[str]:
    yield f"    @ta.handler({_options(handler.options)})" if handler.options else "    @ta.handler"
    yield f"    {'async ' if handler.waits else ''}def {handler.name}(self, page: Page) -> list[str]:"
    yield f'        with self.page(page, "{handler.name}") as act:'
    yield from (f"            {line.text}" for line in handler.lines)
    yield f"            return act.{handler.defers or 'answer()'}"


def _body(lines: Sequence[Line]) -> Iterator[str]:
    """The acts of a hook."""
    yield from (f"            {line.text}" for line in lines or (Line("pass"),))


def _tree(tree: Tree, depth: int) -> str:
    inner = "    " * (depth + 1)
    lines = [f"{inner}{_node(child, depth + 1)}," for child in tree.children]
    lines += [f"{inner}{_options({'name': tree.name, **tree.options})},"]
    return "\n".join(["ta.Supervisor(", *lines, f"{'    ' * depth})"])


def _node(child: Child | Tree, depth: int) -> str:
    if isinstance(child, Tree):
        return _tree(child, depth)
    return f"ta.child({child.make}, {_options({'name': child.name, **child.options})})"


def _user(number: int, turns: Sequence[Line]) -> Iterator[str]:
    yield f"async def user_{number}(me: User) -> None:"
    yield f"    async for turn in me.turns({len(turns)}):"
    yield from () if turns else ("        pass",)
    for place, line in enumerate(turns):
        yield f"        {'if' if not place else 'elif'} turn == {place}:"
        yield f"            {line.text}"


def _options(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_value(value)}" for name, value in options.items())


def _value(value: object) -> str:
    return value if isinstance(value, str) and value.startswith(("ta.", "(Refused")) else repr(value)
