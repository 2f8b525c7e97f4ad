"""Supervisors, and what the runtime knows of their children."""

from __future__ import annotations

from typing import Any

import trioactors as ta
from trioactors.system.system import registry_of


def top(*children: Any, **options: Any) -> ta.Supervisor:
    """A supervisor named `top`."""
    return ta.Supervisor(*children, name="top", **options)


def lasting(system: ta.System, name: str) -> Any:
    """The runtime's own object for a child: it outlasts the child's incarnations."""
    return registry_of(system).find(name)
