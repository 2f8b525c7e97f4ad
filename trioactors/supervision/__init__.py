"""Supervision: the tree of supervisors and children, and the rules of restarts.

Start with these, in this order:

    specs.py        what a user declares: `child`, `resource`, `Supervisor` and their options
    restarts.py     the rules: pure functions that decide who restarts, who stops, when to give up
    child.py        `Child`, which survives restarts, and `Incarnation`, which does not
    lifecycle.py    one incarnation from its start to its exit
    tree.py         `SupervisorChild`: a supervisor as a child of the one above it
    launcher.py     starting and stopping the children of a supervisor
    supervisor.py   the loop that handles exits, restarts and requests

The rest serves these: what the loop is asked (`requests`, `handle`, `dynamic`), names (`registry`), children that are functions and
resources (`functions`), detection of deadlocks (`wait_graph`), what all parts of a system share (`runtime`), and the simulation of an
exit (`dry_run`).

What only actors have (mailboxes, handlers, timers, state) belongs in `actors`, which stands above this room. The root of a tree and
the `System` belong in `system`.
"""
