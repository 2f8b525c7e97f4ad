# The contract as a slow, obvious model: docs/promises.md made executable. A rule is a function from the story of a run to what is wrong
# with it. Rules know nothing of the library but its words: they read the application as data, the notes of its actors and users, and the
# trace of starts and exits. Where time or choice is free, they accept each outcome that the contract allows, and no other.
"""The rules, and the story that they judge."""

from randomlab.contract.answers import ANSWERS
from randomlab.contract.deadlines import DEADLINES
from randomlab.contract.drains import DRAINS
from randomlab.contract.ends import ENDS
from randomlab.contract.gate import GATE
from randomlab.contract.idleness import IDLENESS
from randomlab.contract.letters import LETTERS
from randomlab.contract.limits import LIMITS
from randomlab.contract.order import ORDER
from randomlab.contract.partings import PARTINGS
from randomlab.contract.restarts import RESTARTS
from randomlab.contract.state import STATE
from randomlab.contract.stops import STOPS
from randomlab.contract.story import Story
from randomlab.contract.supervision import SUPERVISION
from randomlab.contract.timers import TIMERS
from randomlab.contract.waits import WAITS
from randomlab.contract.watches import WATCHES
from randomlab.contract.windows import WINDOWS

__all__ = ["RULES", "Story", "broken"]

RULES = (
    *(*ORDER, *STATE, *DEADLINES, *ANSWERS, *TIMERS, *WATCHES, *WAITS, *GATE, *WINDOWS, *IDLENESS, *PARTINGS),
    *(*SUPERVISION, *RESTARTS, *STOPS, *ENDS, *DRAINS, *LIMITS, *LETTERS),
)


def broken(story: Story) -> list[str]:
    """What is wrong with a run; empty if every promise was kept."""
    return [f"{rule.__name__}: {problem}" for rule in RULES for problem in rule(story)]
