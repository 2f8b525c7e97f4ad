"""What a filesystem store knows while it is open, and the end of its log."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs

from trioactors.environment import Disk, DiskFile, Environment, is_full, refusal
from trioactors.errors import StorePoisoned
from trioactors_backends.ballast import Ballast, room_for
from trioactors_backends.frames import HEADER_BYTES, Header, pack_frame
from trioactors_backends.generations import snapshot_bytes
from trioactors_backends.keyspace import Entry, Keyspace
from trioactors_backends.ownership import Ownership
from trioactors_backends.refusals import sure
from trioactors_backends.room import Sizes

__all__ = ["Opened"]


@attrs.define
class Opened:
    """The state of an open store."""

    environment: Environment
    folder: Path
    ownership: Ownership
    header: Header
    keyspace: Keyspace
    log: DiskFile
    last: int
    """The number of the last frame."""

    end: int
    """The offset of the next frame."""

    due: int
    """The length from which the log is too long, in bytes."""

    ballast: Ballast
    littered: bool = False
    """Whether files of other generations could not be removed."""

    stale: bool = False
    """Whether the disk may hold less than was read, so that everything must be written again before a commit."""

    poison: StorePoisoned | None = None

    @property
    def disk(self) -> Disk:
        """The disk of the environment."""
        return self.environment.disk

    def hold_ballast(self) -> None:
        """Hold the room for a clean-up, if there is that much."""
        self.ballast.hold(room_for(snapshot_bytes(self.keyspace)), self.end)

    def frame(self, entries: Sequence[Entry]) -> bytes:
        """Return the next frame as bytes."""
        return pack_frame(self.last + 1, entries, self.header.identity)

    def sizes(self, entries: Sequence[Entry], frame: bytes) -> Sizes:
        """Return what the rules of `room` need to know."""
        return Sizes(
            log=self.end - HEADER_BYTES,
            alive=snapshot_bytes(self.keyspace),
            after=snapshot_bytes(self.keyspace, entries),
            frame=len(frame),
            held=self.ballast.held,
        )

    def write(self, frame: bytes) -> OSError | None:
        """Write the frame at the end of the log. Returns the error if there was no room."""
        try:
            self.log.write(self.end, frame)
        except OSError as error:
            self.ballast.due = 0
            self._take_back()
            if is_full(error):
                return error
            raise refusal(error, f"{self.folder}: the commit was not written") from error
        return None

    def sync(self) -> None:
        """Sync the log."""
        try:
            with sure(self.folder):
                self.log.sync()
        except StorePoisoned as poison:
            self.poison = poison
            raise

    def _take_back(self) -> None:
        """Cut off a frame that was only partly written."""
        try:
            self.log.truncate(self.end)
        except OSError as error:
            self.poison = StorePoisoned(
                f"{self.folder}: a partly written frame cannot be cut off ({error.strerror}). Close the store and open it again."
            )
            raise self.poison from error
