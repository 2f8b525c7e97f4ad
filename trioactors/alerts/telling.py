"""Sends the notices of alerts: to a webhook, as JSON, and to a function of the user's. One after another, and never in anybody's way.

Each try has a deadline, tries are few, and a failure is logged. What waits is bounded: a notice that finds no place is dropped and logged.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable
from typing import Any, Final, cast
from urllib.parse import urlsplit

import trio

from trioactors.environment.posting import Post
from trioactors.supervision.alert_rules import Alert, AlertNotice

__all__ = ["WAITING", "tell_all"]

WAITING: Final = 100
"""Notices that may wait to be sent."""
_TIME: Final = 10.0
"""Seconds for each try, and for a function."""
_PAUSES: Final = (1.0, 5.0)
"""Seconds before each further try of a webhook."""
_LIMITED: Final = (408, 429)
"""Refusals that may be over soon; another refusal (400 to 499) is final."""

_log = logging.getLogger("trioactors.alerts")


async def tell_all(notices: trio.MemoryReceiveChannel[tuple[Alert, AlertNotice]], post: Post) -> None:
    """Send the notices until cancelled."""
    async for rule, notice in notices:
        if rule.notify is not None:
            await _notified(rule, notice)
        if rule.webhook is not None:
            await _posted(rule.webhook, notice, post)


async def _notified(rule: Alert, notice: AlertNotice) -> None:
    """Call the function of *rule*. It may fail in any way, which is logged."""
    await trio.lowlevel.checkpoint()
    notify = cast("Any", rule.notify)
    try:
        with trio.move_on_after(_TIME) as scope:
            answer = notify(notice)
            if not isinstance(answer, Awaitable):
                _log.error("alert %r: notify must be an async function; %r is not", rule.name, notify)
                return
            await answer
    except Exception:  # it must not stop the other alerts
        _log.exception("alert %r: its notify failed", rule.name)
    else:
        if scope.cancelled_caught:
            _log.error("alert %r: its notify took longer than %g s and was cancelled", rule.name, _TIME)


async def _posted(url: str, notice: AlertNotice, post: Post) -> None:
    """Send *notice* to *url*. The URL may hold a secret, so the log has only its host."""
    body = json.dumps(_document(notice)).encode()
    problem = ""
    for pause in (0.0, *_PAUSES):
        await trio.sleep(pause)
        try:
            status = await post(url, body, _TIME)
        except OSError as error:
            problem = str(error) or type(error).__name__
            continue
        if status // 100 == 2:  # noqa: PLR2004 - success
            return
        problem = f"status {status}"
        if status // 100 == 4 and status not in _LIMITED:  # noqa: PLR2004 - refused
            break
    _log.error(
        "alert %r: its webhook at %s was not told: %s", notice.alert, urlsplit(url).hostname, problem.replace(url, "its URL")
    )


def _document(notice: AlertNotice) -> dict[str, object]:
    return {
        "text": str(notice),
        "status": notice.status.value,
        "alert": notice.alert,
        "measure": notice.measure,
        "target": notice.target,
        "value": notice.value,
        "limit": notice.limit,
        "above": notice.above,
        "since": notice.since,
        "time": notice.time,
    }
