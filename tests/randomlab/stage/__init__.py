# What a random application stands on. A program of the lab is ordinary trioactors code: its actors inherit from `Desk`; each handler runs
# in `with self.page(...) as act`, and `act` has one method for each thing that a handler can do. All of them use the public interface
# only, note what they do *before* the library can have done anything with it, and what came of it afterwards.
#
#     pages.py        what is sent, kept and raised
#     notebook.py     how notes are made
#     sending.py      a message on its way
#     gathering.py    several at once
#     desk.py         the base class of the actors
#     messages.py     what a handler can do with messages
#     hand.py         what else it can do
#     operations.py   what an operator does
#     users.py        the clients
#     others.py       children that are no actors
#     stores.py       stores that fail
from randomlab.stage.desk import Desk
from randomlab.stage.notebook import begin, notes_of_this_run, recorded
from randomlab.stage.operations import resume_all, roll_call
from randomlab.stage.others import idle, room
from randomlab.stage.pages import Fallen, Page, Refused
from randomlab.stage.stores import failing_often, made
from randomlab.stage.users import User

__all__ = [
    "Desk",
    "Fallen",
    "Page",
    "Refused",
    "User",
    "begin",
    "failing_often",
    "idle",
    "made",
    "notes_of_this_run",
    "recorded",
    "resume_all",
    "roll_call",
    "room",
]
