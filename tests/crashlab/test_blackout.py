"""Durable actors on a disk that loses its power; and the control, which must lose."""

from __future__ import annotations

from crashlab.blackout import ForgetfulDisk, cut_often


def test_a_power_cut_takes_nothing_that_was_answered() -> None:
    found = cut_often(30, seed=1)

    assert (found.lost, found.wrong, found.refused) == (0, 0, 0)


def test_control_without_syncs_a_power_cut_takes_what_was_answered() -> None:
    found = cut_often(60, seed=1, make=ForgetfulDisk)

    assert found.lost > 0


def test_an_actor_that_is_down_because_its_record_is_torn_has_lost_what_was_answered() -> None:
    found = cut_often(60, seed=23, make=ForgetfulDisk)

    assert found.lost > 0


def test_a_finding_can_be_repeated() -> None:
    assert cut_often(10, seed=2, make=ForgetfulDisk) == cut_often(10, seed=2, make=ForgetfulDisk)
