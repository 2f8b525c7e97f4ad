"""The crash lab: what was answered is never forgotten, tried out by killing.

    nox -s crashlab                          200 kills of each store, then the controls
    nox -s crashlab -- 2000                  more of them
    nox -s crashlab -- 500 --store sqlite    one store; --seed N chooses the same moments, --folder DIR another disk

The claim: under `EVERY_MESSAGE` a call that returned is committed. So when the process is killed at any moment and started again, every
call that was answered is there, at the place that its answer named, and besides these at most one more call of each client: the one that
was on its way. Nobody was shown a state that is gone, and no cast left an actor before the state it follows from was safe.

    killer ──fork──> child: a system with durable actors, and clients that call them without a pause
       │ <── pipe ──  "ack", "seen", "begin", "end"; after a start "recovered"
       └── SIGKILL ─> at a moment that the killer drew; then the next child, on the same store

Three parts do not know each other's trade. The child (`child`, `workload`) acknowledges: it writes a line when an answer has come, in
one system call, and whatever stands in the pipe when it dies has been said. The killer (`killer`) knows lines and moments, and not what
the lines are about. The checker (`checker`) compares what was said with what came back, and knows nothing of trioactors.

A lab that finds nothing proves something only if it would find something. Hence the two controls, which must lose: actors that answer
before the commit (`Within`), killed in the same way; and a disk that ignores syncs, under a simulated power cut (`blackout`), because a
kill leaves to the system what was written and not synced. And the kills must hit: the child says when a commit begins and ends, so the
lab counts how many found one in flight; fewer than 30 % is a failure.
"""
