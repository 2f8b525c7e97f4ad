"""States: what a message leaves, what a restart begins with, and what was shown of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import attrs

from randomlab.contract.story import Story
from randomlab.notes import Began, Ended, Got, Hook, Op, Present, State
from trioactors.trace.records import ChildExited, ChildStarted

__all__ = ["STATE"]


@attrs.define
class _Book:
    """What is known of the state of one actor."""

    versions: list[State]
    """The states that the next start may begin with; the last one is the present."""
    instance: int = 0
    life: int = 0
    forgets: dict[str, int] = attrs.field(factory=dict[str, int])
    """Who is about to delete the record, each with the instance of that moment: a start may find none."""
    forgotten: bool = False
    """Whether the record was deleted before or after the last start: the next one may find none."""
    fallen: bool = False
    """Whether its incarnation has failed: `on_stop` then sees what the failed handler left, and its changes are dropped."""
    unsure: bool = False
    """Whether the last handler ended when its execution limit passed: the next start shows whether that undid it."""


def states_follow(story: Story) -> Iterator[str]:
    """A message begins with the state that the one before it left: undone if that raised, as it was at its last commit after a restart.

    If commits can have failed or the node can have been killed, each state from the last one that was shown on is possible.
    """
    books: dict[str, _Book] = {}
    for note in story.notes:
        if isinstance(note, Hook | Began | Present) and not (isinstance(note, Hook) and note.phase != "begins"):
            yield from _begins(story, books.setdefault(note.actor, _Book([()])), note)
        elif isinstance(note, Ended) or (isinstance(note, Hook) and note.phase != "begins"):
            _ends(story, books[note.actor], note)
        elif isinstance(note, Got) and note.error is None:
            _shown(story, books, note)
        elif isinstance(note, Op) and note.what == "forget":
            _forgets(books.setdefault(note.target, _Book([()])), note)


def _begins(story: Story, book: _Book, note: Began | Hook | Present) -> Iterator[str]:
    policy, anew = story.policy(note.actor), note.instance != book.instance
    possible = book.versions
    if isinstance(note, Hook) and (note.why in {"crash", "killed"} or (note.why and _without_store(story, note))):
        book.fallen = True
        return
    if anew:
        book.fallen = False
        book.instance = note.instance
        if policy == "no" or (story.application.store == "memory:" and note.incarnation == 1 and note.life > book.life):
            possible = [()]
        elif policy == "every" and not story.store_disturbed:
            possible = book.versions[-2 if book.unsure else -1 :]
        book.life = note.life
    elif not (policy == "every" and story.store_disturbed):
        possible = book.versions[-1:]
    if anew and (book.forgets or book.forgotten) and note.state == ():
        book.versions, possible = [()], [()]
    book.forgotten = book.forgotten and not anew
    if note.state not in possible:
        what = note.page if isinstance(note, Began) else note.hook if isinstance(note, Hook) else "the roll call"
        yield f"{note.actor}#{note.incarnation} begins {what} with {note.state}; possible: {possible}"
    book.versions = [*book.versions[: _last(book.versions, note.state) + 1]] if note.state in book.versions else [note.state]


def _without_store(story: Story, note: Hook) -> bool:
    """Whether the store fell while the actor ran: it is stopped then with whatever state it has, and that is not kept."""
    for life, record in reversed(story.trace[: note.seen]):
        if life != note.life or (isinstance(record, ChildStarted) and record.child == note.actor):
            return False
        if isinstance(record, ChildExited) and record.child == ":store":
            return True
    return False


def _forgets(book: _Book, note: Op) -> None:
    """Somebody begins to delete the record, or has done it. If that failed or was cut off, it may be done later."""
    if note.phase == "begins":
        book.forgets[note.id] = book.instance
    elif note.phase == "done" and book.forgets.pop(note.id) == book.instance:
        book.versions = [()]
    elif note.phase == "done":
        book.forgotten = True  # it started meanwhile: with what was deleted before or after


def _last(versions: list[State], state: State) -> int:
    return max(place for place, one in enumerate(versions) if one == state)


def _ends(story: Story, book: _Book, note: Ended | Hook) -> None:
    how = note.how if isinstance(note, Ended) else ("returned" if note.phase == "returned" else "crashed")
    policy = story.policy(note.actor)
    if book.fallen:
        return
    book.unsure = isinstance(note, Ended) and how == "returned" and story.at_its_limit(note)
    if how == "returned" or policy == "within" or (policy == "no" and how in {"declared", "left", "expired"}):
        book.versions.append(note.state)


def _shown(story: Story, books: dict[str, _Book], note: Got) -> None:
    """Whoever got an answer relies on what was committed until then."""
    ended = story.ended.get(note.page)
    sent = story.sent.get(note.page)
    if ended is None or sent is None or sent.way != "call" or story.policy(ended.actor) != "every":
        return
    book = books[ended.actor]
    if ended.state in book.versions:
        book.versions = book.versions[book.versions.index(ended.state) :]


def what_was_answered_is_kept(story: Story) -> Iterator[str]:
    """In the end an actor that keeps every message still has all that was in its state when a caller got an answer."""
    forgotten = {note.target for note in story.all(Op) if note.what == "forget"}
    answered: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for page, got in story.got.items():
        ended, sent = story.ended.get(page), story.sent[page]
        if sent.way == "call" and got.error is None and ended is not None and ended.how == "returned":
            answered[ended.actor] |= dict.fromkeys(ended.state, page)
    for note in story.all(Present):
        if story.policy(note.actor) == "every" and story.application.lasting and note.actor not in forgotten:
            for lost in answered[note.actor].keys() - set(note.state):
                yield f"{lost} was in the state of {note.actor} when {answered[note.actor][lost]} was answered; it has {note.state} now"


STATE = (states_follow, what_was_answered_is_kept)
