"""The environment: the one port to everything that is not deterministic.

Here belong clocks, random streams, ids, the disk, the network, worker threads, the loading of optional packages, and what a forked process
leaves to its parent. Nothing else in the runtime reads a clock other than Trio's, draws a random number, starts a thread, or opens a file
or a socket. Simulations replace it all by handing another `Environment` to the system.

What a store writes to the disk, and what a console sends over the network, does not belong here.
"""

from trioactors.environment.disk import Disk, DiskFile, RealDisk, is_full, refusal
from trioactors.environment.environment import Environment
from trioactors.environment.forks import forked, in_forked_children
from trioactors.environment.network import Listen, Opened
from trioactors.environment.posting import Post
from trioactors.environment.workers import Worker

__all__ = [
    "Disk",
    "DiskFile",
    "Environment",
    "Listen",
    "Opened",
    "Post",
    "RealDisk",
    "Worker",
    "forked",
    "in_forked_children",
    "is_full",
    "refusal",
]
