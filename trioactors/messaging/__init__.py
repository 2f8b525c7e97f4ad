"""Messaging: what is sent to an actor, and where it waits.

This room holds handlers as they are declared, messages and calls, the mailbox and its overflow rules, and the ledger that
accounts for every message.

It does not hold the sending of a message (`actors/calls.py`) or its handling (`actors/loop.py`), and it does not import actors
or supervisors: to a message, its receiver is a Protocol.
"""
