"""Watches: one report for each exit, in order, with its reason."""

from __future__ import annotations

from collections.abc import Iterator

from randomlab.contract.slowness import TASKS, begun
from randomlab.contract.story import Story
from randomlab.notes import Op, Saw
from trioactors.trace.records import ChildExited

__all__ = ["WATCHES"]


def watches_report_each_exit(story: Story) -> Iterator[str]:
    """What a watch reports is what exited while it was open. The last moment is free: an exit may come before or after it."""
    lengths = {note.id: note.seconds for note in story.all(Op) if note.what == "watch" and note.phase == "begins"}
    opened = {note.id: note for note in story.all(Op) if note.what == "watch" and note.phase == "open"}
    for known, note in opened.items():
        seen = [one for one in story.all(Saw) if one.watch == known and one.reason is not None]
        over = next((one for one in story.all(Op) if one.id == known and one.phase == "done"), None)
        if over is None:
            continue
        exits = [
            record
            for life, record in story.trace[note.seen : over.seen]
            if life == note.life and isinstance(record, ChildExited) and record.child == note.target
        ]
        found = [(one.incarnation, one.reason) for one in seen]
        happened = [(record.incarnation, record.reason.kind.value) for record in exits]
        last = begun(story, TASKS, min(over.at, note.at + lengths[known])) - note.seconds * len(exits)  # it ends late after a stall
        sure = [each for each, record in zip(happened, exits, strict=True) if record.time < last]
        if found != happened[: len(found)] or len(found) < len(sure):
            yield f"the watch {known} of {note.target} reported {found}; it exited {happened}"


WATCHES = (watches_report_each_exit,)
