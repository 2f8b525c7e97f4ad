"""Messaging: what is sent to an actor, and where it waits.

Here belong handlers as declared, messages and calls, the mailbox with its overflow rules, and the ledger that accounts for each message.
This room does not know actors or supervisors: a receiver is a Protocol.
"""
