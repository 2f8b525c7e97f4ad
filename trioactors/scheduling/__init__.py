"""Scheduling: when something is due, whether anything is left to do, and where tasks wait.

Here belong `Deadlines` (everything in a system that becomes due), `Activity` (how much of a system is busy) and `Parking` (tasks that wait
to be woken). What happens at a deadline does not belong here: timers, calls and restarts hand in what is to be done.
"""
