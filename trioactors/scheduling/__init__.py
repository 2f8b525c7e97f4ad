"""Scheduling: when things are due, and whether anything is left to do.

Here belong deadlines, the count of what is active, and the parking of a task. What becomes due (a timer, a call, a restart) is decided by
those who set a deadline; this room knows none of them.
"""
