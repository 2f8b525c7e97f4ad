"""Supervision: the tree of supervisors and children, and the rules of restarts.

Start with these, in this order:

    specs.py        declarations: `child`, `resource`, `Supervisor` and their options
    restarts.py     the rules: pure functions that decide what restarts, what stops, and when to give up
    child.py        `Child`, which survives restarts, and `Incarnation`, which does not
    lifecycle.py    one incarnation from its start to its exit
    tree.py         `SupervisorChild`: a supervisor as a child of the one above it
    launcher.py     starting and stopping the children of a supervisor
    supervisor.py   the loop that handles exits, restarts and requests

The rest serves these:

    arguments.py    checking the arguments that are bound to a child
    resources.py    the declaration of children that are async context managers
    functions.py    children that are async functions or resources
    requests.py     the queue of a supervisor's loop
    handle.py       administration of a running supervisor; `dynamic.py` does some of it outside the loop
    registry.py     the names of children
    wait_graph.py   detection of deadlocks
    runtime.py      settings, observers, deadlines and other things that all parts of one system share
    dry_run.py      the consequences if a child exited, without touching it

What only actors have (mailboxes, handlers, timers, state) belongs in `actors`, which stands above this room. The root of a tree and
the `System` belong in `system`.
"""
