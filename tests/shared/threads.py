"""The threads of the library. Others belong to the process, and may begin and end at any time."""

from __future__ import annotations

import threading  # noqa: TID251 - what is left is looked at


def our_threads() -> set[threading.Thread]:
    """The threads that run for a store."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("trioactors")}
