"""The soak: what runs for weeks must not grow, and what is asked for ten times too much must not collapse.

    nox -s soak                          every scenario with 100,000 calls and 2,000 crashes or more, then overload
    nox -s soak -- --quick               5,000 calls, and a short overload: half a minute
    nox -s soak -- --calls 1000000       longer
    nox -s soak -- --only durable-sqlite one scenario; may be repeated

**Leaks.** A scenario is a round of work (calls, casts, crashes, timers, children ...) that is done again and again in one system. Between
rounds the system is brought to rest: nothing waits, nothing is due, garbage is collected. So the same things should be there each time,
and what is there is counted, in five ways. Memory is not timed and not sampled, it is counted: the bytes in use by CPython's allocator and
by malloc beneath it, to the byte (tracemalloc would cost more than the work, and would weigh itself). The first part of a run fills
caches, histories and free lists, which are bounded; it is left out. Through the rest goes a line, by least squares: its slope, in bytes
for each 100,000 calls, is the leak. It may be 10 KiB. One step larger than 128 KiB is left out and told: a table of the process that was
made anew (`measures.STEP`). The resident memory of the process is given beside it; it comes in pages and arenas and is held to a coarser
bound. Tasks, threads and descriptors must be the same at each rest.

What makes the figures good on a busy machine is that no time is in them. The clock stands still (`clocks.StillClock`) and is moved by
hand: deadlines and timers become due when the round says so, and no call times out because somebody else had the processor. The writer
threads of the stores are real all the same.

    scenarios ──rounds──> leaks ──readings──> slopes, verdict ──broken──> culprits: the round again, and what there is more of afterwards
                            └── measures

**Overload.** Ten times as many calls arrive as an actor can handle, each with a deadline, from callers who do not wait for each other.
Capacity is what the same actor answers, in the same run, to callers who do. Of that, 95 % must be answered in time, and what waits must
not grow. It is tried under a virtual clock, where only decisions count, and on one that goes on as far as the process works, where callers
and shedding have their price.

A soak that finds nothing proves something only if it would find something. `tests/soak/test_*.py` plants leaks of every kind and an actor
that sheds nothing, and the program itself begins with two such controls.
"""
