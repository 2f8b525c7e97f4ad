"""The checker finds each kind of violation where one was planted, and nothing where there is none."""

from __future__ import annotations

import pytest

from crashlab.checker import Checker, Kind, Violation
from crashlab.protocol import Acknowledged, Call, Recovered, Report, Seen

A1, A2, A3, B1, B2, B3 = (Call(1, client, number) for client in "ab" for number in (1, 2, 3))
NEW = Recovered("hot", 0, ())


def acknowledged(*calls: Call) -> list[Report]:
    return [Acknowledged("hot", call, place) for place, call in enumerate(calls)]


def recovered(*calls: Call, first: int = 0) -> Recovered:
    return Recovered("hot", first, calls)


def violations(*lives: list[Report]) -> list[Violation]:
    """What is found when these lives follow each other."""
    checker = Checker()
    return [violation for number, life in enumerate(lives, 1) for violation in checker.read(life, number)]


def kinds(*lives: list[Report]) -> set[Kind]:
    return {violation.kind for violation in violations(*lives)}


def test_everything_acknowledged_is_there() -> None:
    assert violations([NEW, *acknowledged(A1, B1, A2)], [recovered(A1, B1, A2)]) == []


def test_one_call_of_each_client_may_be_there_without_an_answer() -> None:
    assert violations([NEW, *acknowledged(A1)], [recovered(A1, A2, B1)]) == []


def test_a_call_that_was_not_acknowledged_may_be_missing() -> None:
    assert violations([NEW], [NEW]) == []


def test_a_lost_call_is_found() -> None:
    assert violations([NEW, *acknowledged(A1, A2)], [recovered(A1)]) == [
        Violation(Kind.SHOWN, "hot", "told of 2, has 1"),
        Violation(Kind.LOST, "hot", "1.a.2 at 1"),
    ]


def test_a_call_lost_behind_one_that_had_no_answer_is_found() -> None:
    assert kinds([NEW, *acknowledged(A1, A2)], [recovered(A1, B1)]) == {Kind.LOST}


def test_a_lost_record_is_found() -> None:
    assert Kind.LOST in kinds([NEW, *acknowledged(A1)], [NEW])


def test_what_a_start_found_may_not_go_away_later() -> None:
    assert kinds([NEW], [recovered(A1)], [NEW]) == {Kind.LOST}


def test_a_call_lost_by_a_life_that_said_nothing_is_found() -> None:
    assert Kind.LOST in kinds([NEW, *acknowledged(A1)], [], [NEW])


def test_calls_that_changed_places_are_found() -> None:
    assert kinds([NEW, *acknowledged(A1, B1)], [recovered(B1, A1)]) == {Kind.MISPLACED}


def test_two_answers_with_one_place_are_found() -> None:
    answers: list[Report] = [Acknowledged("hot", A1, 0), Acknowledged("hot", B1, 0)]

    assert kinds([NEW, *answers], [recovered(A1, B1)]) == {Kind.MISPLACED}


def test_a_call_done_twice_is_found() -> None:
    assert Kind.TWICE in kinds([NEW, *acknowledged(A1, A2)], [recovered(A1, A2, A2)])


def test_a_call_done_again_after_a_start_is_found() -> None:
    later = Call(2, "a", 1)

    assert kinds([NEW], [recovered(A1), Acknowledged("hot", later, 1)], [recovered(A1, later, A2)]) == {Kind.SURPLUS}


def test_calls_of_one_client_in_the_wrong_order_are_found() -> None:
    answers: list[Report] = [Acknowledged("hot", A2, 0), Acknowledged("hot", A1, 1)]

    assert kinds([NEW, *answers], [recovered(A2, A1)]) == {Kind.DISORDERED}


@pytest.mark.parametrize("there", [(A1, A2, A3), (A1, A3), (A1, B1, B2), (A1, B2)])
def test_more_than_the_next_call_of_a_client_is_found(there: tuple[Call, ...]) -> None:
    assert Kind.SURPLUS in kinds([NEW, *acknowledged(A1)], [recovered(*there)])


def test_a_call_of_a_life_that_is_settled_is_found() -> None:
    assert kinds([NEW], [NEW], [NEW], [recovered(A1)]) == {Kind.SURPLUS}


def test_an_actor_that_has_less_than_somebody_was_shown_is_found() -> None:
    assert violations([NEW, Seen("hot", 2)], [recovered(A1)]) == [Violation(Kind.SHOWN, "hot", "told of 2, has 1")]


def test_an_actor_that_has_what_was_shown_is_well() -> None:
    assert violations([NEW, Seen("hot", 2), Seen("hot", 1)], [recovered(A1, B1)]) == []


def test_a_list_that_was_shortened_after_it_was_checked_is_well() -> None:
    begin = [NEW, *acknowledged(A1, A2)]
    later = Call(2, "a", 1)

    assert violations(begin, [recovered(A1, A2), Acknowledged("hot", later, 2)], [recovered(A2, later, first=1)]) == []


def test_a_list_that_was_shortened_before_it_was_checked_is_found() -> None:
    assert kinds([NEW, *acknowledged(A1, A2)], [recovered(A2, first=1)]) == {Kind.UNCHECKED}


def test_actors_are_checked_apart() -> None:
    cold: list[Report] = [Recovered("cold", 0, ()), Acknowledged("cold", A1, 0)]

    assert violations([NEW, *cold], [NEW, Recovered("cold", 0, (A1,))]) == []
    assert {found.actor for found in violations([NEW, *cold], [NEW, Recovered("cold", 0, ())])} == {"cold"}


def test_a_violation_is_told_once() -> None:
    assert violations([NEW, *acknowledged(A1, B1)], [recovered(A1)], [recovered(A1)])[2:] == []


def test_it_counts() -> None:
    checker = Checker()

    checker.read([NEW, *acknowledged(A1, A2)], 1)
    checker.read([recovered(A1, A2, A3, B1)], 2)

    assert (checker.acknowledged, checker.unanswered) == (2, 2)
