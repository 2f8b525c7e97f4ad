"""Whether a commit may be written on a disk that can be full: sizes in, the next step out.

A clean-up writes everything that is alive once more before it removes what was there. So a store that lets live data grow until no copy
of them finds room can never clean up again: its log keeps what was overwritten and removed for ever, and no opening gets further.
Therefore a commit is written only if a clean-up fits after it. The ballast proves that, as it is room that nothing else can take:

- A commit after which more is alive must leave ballast for a snapshot and `RESERVE`. With that, the disk holds all of it twice.
- Any other commit must leave ballast for a snapshot. It may use what the first rule kept back.
- A commit that only removes is written wherever it finds room, as it makes a snapshot smaller by more than it takes, or by nearly as
  much: its frame repeats the names, not the data. If another program has taken room that the store gave up for a moment, so that a
  clean-up does not fit, it may use the ballast but for `_LAST`, which is enough to clean up when nothing is alive any more.

By induction a removal succeeds: after a clean-up the disk holds the live data once and, by the first rule, has room to hold them again and
`RESERVE`; the frame of the removal takes no more than it frees and what a frame has of its own.
"""

from __future__ import annotations

import enum
from collections.abc import Collection

import attrs

from trioactors_backends.frames import FRAME_BYTES

__all__ = ["BLOCK", "RESERVE", "ROUNDING", "Sizes", "Step", "enough", "in_blocks", "left_by", "next_step", "wanted"]

BLOCK = 4 * 1024
"""The bytes in a block of most file systems. Room is given in blocks."""

ROUNDING = 16 * 1024
"""What a new generation takes besides the bytes in its files: the rest of their last blocks, and their names."""

RESERVE = 16 * 1024
"""What commits that let the live data grow leave to those that do not."""

_LAST = 2 * BLOCK
"""What a new generation takes if nothing is alive: a block for its log, and one for its snapshot."""


class Step(enum.Enum):
    """What to do next for a commit."""

    WRITE = "write the frame"
    CUT = "cut the ballast to what must be left, then write the frame"
    CLEAN_UP = "begin a new generation"
    SPEND = "cut as much off the ballast as the frame takes, then write the frame"
    REFUSE = "refuse the commit"


@attrs.frozen(kw_only=True)
class Sizes:
    """What a commit meets and what it brings, in bytes."""

    log: int
    """The frames in the log."""

    alive: int
    """The length of a snapshot before the commit."""

    after: int
    """The length of a snapshot after the commit."""

    frame: int
    """The length of the commit's frame."""

    held: int | None
    """The length of the ballast. None if it cannot be made for another reason than lack of room: then nothing is known."""

    @property
    def removes(self) -> bool:
        """Whether the commit does little else than to remove records."""
        return self.after < self.alive and self.frame <= self.alive - self.after + FRAME_BYTES


def wanted(sizes: Sizes) -> int:
    """The ballast that must be left after the commit, so that a clean-up fits."""
    return in_blocks(sizes.after + ROUNDING + (RESERVE if sizes.after > sizes.alive else 0))


def enough(sizes: Sizes) -> int:
    """The ballast that a clean-up before the commit takes at least: without it, none is tried."""
    return in_blocks(sizes.alive) + BLOCK


def next_step(sizes: Sizes, tried: Collection[Step]) -> Step:
    """Return what to do next, after the steps that were *tried* for this commit and did not get it written."""
    held, left = sizes.held, wanted(sizes)
    if Step.WRITE not in tried and (held is None or sizes.removes or held >= left):
        return Step.WRITE
    if Step.CUT not in tried and held is not None and held > left:
        return Step.CUT
    if Step.CLEAN_UP not in tried and sizes.log and (held is None or held >= enough(sizes)):
        return Step.CLEAN_UP
    if Step.SPEND not in tried and sizes.removes and held is not None and held >= in_blocks(sizes.frame) + _LAST:
        return Step.SPEND
    return Step.REFUSE


def left_by(step: Step, sizes: Sizes) -> int:
    """The length to which *step* cuts the ballast."""
    return (sizes.held or 0) - in_blocks(sizes.frame) if step is Step.SPEND else wanted(sizes)


def in_blocks(size: int) -> int:
    """*size* rounded up to whole blocks."""
    return -(-size // BLOCK) * BLOCK
