"""Simulation of a whole system under a seed: clients, schedule, crashes, kills, power cuts. Start at `simulate` in `simulating.py`."""

from trioactors.testing.simulation.cases import Case
from trioactors.testing.simulation.checks import Check, appended, crashes_are_planned
from trioactors.testing.simulation.clients import Client, Turn
from trioactors.testing.simulation.escapes import Escape
from trioactors.testing.simulation.history import NodeDown, Operation, Told
from trioactors.testing.simulation.plans import Faults, Injection, Plan
from trioactors.testing.simulation.random_clients import RandomClients, Use
from trioactors.testing.simulation.random_turns import Action, ActionWord, Way, WayWord
from trioactors.testing.simulation.scenarios import Simulated
from trioactors.testing.simulation.sim_tests import sim_test
from trioactors.testing.simulation.simulating import simulate
from trioactors.testing.simulation.world import Simulation, effect, sometimes

__all__ = [
    "Action",
    "ActionWord",
    "Case",
    "Check",
    "Client",
    "Escape",
    "Faults",
    "Injection",
    "NodeDown",
    "Operation",
    "Plan",
    "RandomClients",
    "Simulated",
    "Simulation",
    "Told",
    "Turn",
    "Use",
    "Way",
    "WayWord",
    "appended",
    "crashes_are_planned",
    "effect",
    "sim_test",
    "simulate",
    "sometimes",
]
