"""The log records of the library. Others belong to the process."""

from __future__ import annotations

import logging

import pytest


def our_records(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What the loggers of the library have logged in this test, and what those of its servers have."""
    return [record for record in caplog.records if record.name.partition(".")[0] in {"trioactors", "trio_websocket"}]
