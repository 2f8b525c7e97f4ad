"""The promises of every store about commits: revisions, atomic batches, answers. Part of `StoreContract`."""

from __future__ import annotations

import random

from trioactors.environment.environment import Environment
from trioactors.persistence.options import Limits
from trioactors.persistence.store import ABSENT, Batch, Check, Committed, Conflict, Key, Record, Space, Store, TooLarge, Write
from trioactors.testing.contract_records import ContractBase, names_of, put, remove, state

__all__ = ["CommitContract"]


class CommitContract(ContractBase):
    """Revisions, batches, answers."""

    def test_no_batches_give_no_answers(self, store: Store) -> None:
        assert list(store.commit([])) == []

    def test_an_empty_batch_is_committed(self, store: Store) -> None:
        assert list(store.commit([Batch(())])) == [Committed(())]

    def test_a_revision_grows_by_one_at_each_write(self, store: Store) -> None:
        [first] = store.commit([put("a", b"1")])
        [second] = store.commit([put("a", b"2", expected=1)])

        assert (first, second) == (Committed((1,)), Committed((2,)))
        assert store.read([state("a")]) == [Record(b"2", 2)]

    def test_equal_data_is_a_write_too(self, store: Store) -> None:
        store.commit([put("a", b"same")])

        assert list(store.commit([put("a", b"same", expected=1)])) == [Committed((2,))]

    def test_what_is_there_is_not_absent(self, store: Store) -> None:
        store.commit([put("a", b"mine")])

        [answer] = store.commit([put("a", b"theirs", expected=ABSENT)])

        assert answer == Conflict(state("a"), expected=ABSENT, actual=1)
        assert store.read([state("a")]) == [Record(b"mine", 1)]

    def test_what_is_absent_has_no_revision(self, store: Store) -> None:
        assert list(store.commit([put("a", b"", expected=7)])) == [Conflict(state("a"), expected=7, actual=ABSENT)]
        assert store.read([state("a")]) == [None]

    def test_a_second_owner_is_told(self, store: Store) -> None:
        store.commit([put("a", b"both read this")])
        [first] = store.commit([put("a", b"one", expected=1)])
        [second] = store.commit([put("a", b"two", expected=1)])

        assert first == Committed((2,))
        assert second == Conflict(state("a"), expected=1, actual=2)

    def test_a_batch_is_kept_as_a_whole(self, store: Store) -> None:
        batch = Batch((Write(state("a"), b"A", expected=ABSENT), Write(Key(Space.OUTBOX, "1"), b"B", expected=ABSENT)))

        [answer] = store.commit([batch])

        assert isinstance(answer, Committed)
        assert len(answer.revisions) == len(batch.writes)
        assert [record and record for record in store.read([state("a"), Key(Space.OUTBOX, "1")])] == [
            Record(b"A", answer.revisions[0]),
            Record(b"B", answer.revisions[1]),
        ]

    def test_a_conflict_keeps_nothing_of_its_batch(self, store: Store) -> None:
        store.commit([put("taken", b"")])
        batch = Batch((Write(state("free"), b"", expected=ABSENT), Write(state("taken"), b"new", expected=ABSENT)))

        [answer] = store.commit([batch])

        assert isinstance(answer, Conflict)
        assert store.read([state("free"), state("taken")]) == [None, Record(b"", 1)]

    def test_a_conflict_fails_nobody_else(self, store: Store) -> None:
        store.commit([put("b", b"old")])

        answers = store.commit([put("a", b"1"), put("b", b"2"), put("c", b"3")])

        assert [type(answer) for answer in answers] == [Committed, Conflict, Committed]
        assert names_of(store) == ["a", "b", "c"]
        assert store.read([state("b")]) == [Record(b"old", 1)]

    def test_a_later_batch_sees_an_earlier_one(self, store: Store) -> None:
        answers = store.commit([put("a", b"1"), put("a", b"2")])

        assert list(answers) == [Committed((1,)), Conflict(state("a"), expected=ABSENT, actual=1)]

    def test_revisions_can_be_foretold(self, store: Store) -> None:
        store.commit([put("a", b"1")])

        answers = store.commit([put("a", b"2", expected=1), put("a", b"3", expected=2), put("a", b"4", expected=3)])

        assert list(answers) == [Committed((2,)), Committed((3,)), Committed((4,))]
        assert store.read([state("a")]) == [Record(b"4", 4)]

    def test_a_failed_batch_fails_those_that_built_on_it(self, store: Store) -> None:
        store.commit([put("a", b"1")])

        answers = store.commit([put("a", b"x", expected=9), put("a", b"y", expected=10)])

        assert [type(answer) for answer in answers] == [Conflict, Conflict]
        assert store.read([state("a")]) == [Record(b"1", 1)]

    def test_a_write_can_expect_nothing(self, store: Store) -> None:
        store.commit([put("a", b"1")])

        answers = store.commit([put("a", b"2", expected=None), put("b", b"3", expected=None)])

        assert [type(answer) for answer in answers] == [Committed, Committed]
        assert answers[0] == Committed((2,))

    def test_a_removal_leaves_nothing(self, store: Store) -> None:
        store.commit([put("a", b"1"), put("b", b"2")])

        [answer] = store.commit([remove("a", expected=1)])

        assert answer == Committed((ABSENT,))
        assert store.read([state("a")]) == [None]
        assert names_of(store) == ["b"]

    def test_a_removal_meets_its_expectation_or_does_nothing(self, store: Store) -> None:
        store.commit([put("a", b"1")])

        assert list(store.commit([remove("a", expected=5)])) == [Conflict(state("a"), expected=5, actual=1)]
        assert names_of(store) == ["a"]

    def test_what_is_not_there_can_be_removed(self, store: Store) -> None:
        assert list(store.commit([remove("a", expected=ABSENT), remove("b")])) == [Committed((ABSENT,))] * 2

    def test_a_revision_never_comes_back(self, store: Store, environment: Environment) -> None:
        store.commit([put("a", b"")])
        store.commit([put("a", b"", expected=1)])
        store.commit([remove("a", expected=2)])
        store.close()
        store.open(environment)

        [answer] = store.commit([put("a", b"new life")])

        assert isinstance(answer, Committed)
        assert answer.revisions[0] > 2  # noqa: PLR2004 - the last revision of the first life

    def test_removed_and_written_in_one_commit_it_is_a_new_life(self, store: Store) -> None:
        store.commit([put("a", b"old")])

        answers = store.commit([remove("a", expected=1), put("a", b"new")])

        assert isinstance(answers[1], Committed)
        assert answers[1].revisions[0] > 1
        assert store.read([state("a")]) == [Record(b"new", answers[1].revisions[0])]

    def test_written_and_removed_in_one_commit_it_is_gone(self, store: Store) -> None:
        store.commit([put("a", b"1"), remove("a", expected=1)])

        assert store.read([state("a")]) == [None]
        assert names_of(store) == []

    def test_a_check_that_holds_lets_the_batch_pass(self, store: Store) -> None:
        store.commit([put("fence", b"")])

        [answer] = store.commit([Batch((Write(state("a"), b"", expected=ABSENT),), (Check(state("fence"), 1),))])

        assert isinstance(answer, Committed)

    def test_a_check_that_fails_keeps_nothing(self, store: Store) -> None:
        store.commit([put("fence", b"")])

        [answer] = store.commit([Batch((Write(state("a"), b"", expected=ABSENT),), (Check(state("fence"), 4),))])

        assert answer == Conflict(state("fence"), expected=4, actual=1)
        assert store.read([state("a")]) == [None]

    def test_absence_can_be_checked(self, store: Store) -> None:
        check = (Check(state("nobody"), ABSENT),)

        assert list(store.commit([Batch((), check)])) == [Committed(())]

    def test_a_name_beyond_the_limit_is_answered(self, store: Store) -> None:
        name = "n" * (Limits().key_bytes + 1)

        answers = store.commit([put(name, b""), put("a", b"")])

        assert list(answers) == [TooLarge(state(name), Limits().key_bytes + 1, Limits().key_bytes), Committed((1,))]

    def test_a_name_at_the_limit_is_kept(self, store: Store) -> None:
        name = "\u00e9" * (Limits().key_bytes // 2)

        assert list(store.commit([put(name, b"long")])) == [Committed((1,))]
        assert store.read([state(name)]) == [Record(b"long", 1)]

    def test_a_thousand_batches_are_one_commit(self, store: Store) -> None:
        answers = store.commit([put(f"{number:04}", b"%d" % number) for number in range(1_000)])

        assert all(isinstance(answer, Committed) for answer in answers)
        assert len(names_of(store)) == len(answers)

    def test_it_does_what_a_dictionary_would_do(self, store: Store, environment: Environment) -> None:
        chance = random.Random(8)  # noqa: S311 - to replay, not to guard
        model: dict[str, Record] = {}
        for step in range(200):
            name = chance.choice("abcdef")
            data = chance.choice([None, b"", b"%d" % step])
            known = model.get(name, Record(b"", ABSENT)).revision
            [answer] = store.commit([Batch((Write(state(name), data, expected=known),))])
            assert isinstance(answer, Committed)
            if data is None:
                model.pop(name, None)
            else:
                model[name] = Record(data, answer.revisions[0])
            if chance.random() < 0.05:  # noqa: PLR2004 - now and then
                store.close()
                store.open(environment)
            assert store.scan(Space.STATE) == [(state(key), model[key]) for key in sorted(model)]
