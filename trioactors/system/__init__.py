"""The system: one running tree, and what users do with it.

Here belong `System`, the root of its tree (`root`), the portal for other threads (`portal`), and `System.explain` (`explain`).

Opening a system is not here but in `trioactors.running`, the only place that knows actors, stores and systems. What a supervisor does
belongs in `supervision`; reading a running system as plain data belongs in `inspect`.
"""
