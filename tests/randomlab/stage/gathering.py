"""Several calls at once, and the notes of what becomes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import trioactors as ta
from randomlab.notes import Got
from randomlab.stage.notebook import note
from randomlab.stage.sending import ANSWERS, Sending

__all__ = ["gathered", "gathered_blindly"]


async def gathered(sendings: Sequence[Sending], system: ta.System) -> None:
    """Take all answers as they come."""
    async with ta.gather_calls() as calls:
        waiting = _start(calls, sendings, system)
        async for answer in calls:
            error = answer.error  # so it is looked at
            if error is None:
                waiting[answer].got(answer.value)
            else:
                waiting[answer].failed(error)


async def gathered_blindly(sendings: Sequence[Sending], system: ta.System) -> None:
    """Look at none of the answers: the errors are raised together, each of them."""
    waiting: dict[ta.PendingCall[Any], Sending] = {}
    raised: Sequence[Exception] = ()
    try:
        async with ta.gather_calls() as calls:
            waiting = _start(calls, sendings, system)
            async for answer in calls:
                note(Got, page=waiting[answer].page.id, error="not looked at")
    except* ANSWERS as group:
        raised = group.exceptions
    errors = [answer.error for answer in waiting if answer.error is not None]
    assert len(raised) == len(errors), f"of the errors of gathered calls, {errors}, only {raised} were raised"


def _start(calls: ta.GatheredCalls, sendings: Sequence[Sending], system: ta.System) -> dict[ta.PendingCall[Any], Sending]:
    """Start the calls; those that began."""
    waiting: dict[ta.PendingCall[Any], Sending] = {}
    for sending in sendings:
        sending.begins()
        try:
            waiting[calls.start(sending.bound(system), sending.page)] = sending
        except ANSWERS as error:
            sending.failed(error)
    return waiting
