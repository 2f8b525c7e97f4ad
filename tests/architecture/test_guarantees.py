"""Each test that the documentation names for a promise exists."""

from __future__ import annotations

import re
from pathlib import Path

LINK = re.compile(r'\]\((?P<file>\.\./tests/[^) ]+)(?: "(?P<test>test_\w+)")?\)')


def test_every_named_test_is_there(root: Path) -> None:
    page = root / "docs" / "promises.md"
    links = list(LINK.finditer(page.read_text(encoding="utf-8")))
    missing = [
        match[0]
        for match in links
        if f"def {match['test'] or ''}(" not in (page.parent / match["file"]).resolve().read_text(encoding="utf-8")
    ]

    assert len(links) > 30
    assert missing == []
