"""Run the code in README.md and docs/, page by page, from the top of each page.

A block may `await`: it then runs in virtual time. A block of `text` right below shows what the code above printed; `...` matches anything.
A comment `<!-- examples/x.py -->` before a block says that the block is that whole file. Each page runs in a temporary folder of its own.
The blocks of a page keep their order and come after all other tests, even if tests are shuffled (pytest-randomly).
"""

from __future__ import annotations

import ast
import contextlib
import doctest
import inspect
import io
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sybil import Document, Example, Region, Sybil
from sybil.evaluators.python import pad
from sybil.integration.pytest import SybilItem
from sybil.parsers.markdown import CodeBlockParser, SkipParser

from trioactors.testing import run

ROOT = Path(__file__).parent
INCLUDED = re.compile(r"<!-- (?P<file>examples/\S+) -->\n+```python\n(?P<code>.*?)```", re.DOTALL)


def evaluate(example: Example) -> None:
    """Run a block, in virtual time if it awaits anything, and keep what it printed."""
    source = pad(example.parsed, example.line + example.parsed.line_offset)
    code = compile(source, example.path, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    example.namespace.setdefault("__name__", Path(example.path).stem)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        if code.co_flags & inspect.CO_COROUTINE:
            run(lambda: eval(code, example.namespace))  # noqa: S307 - our own pages
        else:
            exec(code, example.namespace)  # noqa: S102 - our own pages
    example.namespace["__printed__"] = printed.getvalue()


def compare(example: Example) -> str | None:
    """Compare this block with what the block above printed."""
    checker, shown, printed = doctest.OutputChecker(), str(example.parsed), example.namespace.get("__printed__", "")
    if checker.check_output(shown, printed, doctest.ELLIPSIS):
        return None
    return checker.output_difference(doctest.Example("", shown), printed, doctest.ELLIPSIS)


def included(document: Document) -> Iterator[Region]:
    """Find the blocks that must equal a file of examples/."""
    for match in INCLUDED.finditer(document.text):
        yield Region(match.start(), match.start("code") - len("```python\n"), (match["file"], match["code"]), same_as_file)


def same_as_file(example: Example) -> str | None:
    """Check that the block equals the file."""
    file, code = example.parsed
    return None if (ROOT / file).read_text(encoding="utf-8") == code else f"the block below is not {file}"


def enter_folder(namespace: dict[str, Any]) -> None:
    """Enter a temporary folder for the files that a page writes."""
    folder = namespace["__folder__"] = contextlib.ExitStack()
    folder.enter_context(contextlib.chdir(folder.enter_context(tempfile.TemporaryDirectory())))


def leave_folder(namespace: dict[str, Any]) -> None:
    """Leave and delete the temporary folder."""
    namespace["__folder__"].close()


pytest_collect_file = Sybil(
    setup=enter_folder,
    teardown=leave_folder,
    parsers=[CodeBlockParser("python", evaluate), CodeBlockParser("text", compare), SkipParser(), included],
    patterns=["README.md", "docs/*.md"],
).pytest()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move the blocks of pages to the end, in page order."""
    blocks = [item for item in items if isinstance(item, SybilItem)]
    blocks.sort(key=lambda block: (str(block.path), block.example.start))
    items[:] = [*(item for item in items if not isinstance(item, SybilItem)), *blocks]
