"""The topics of long lists, as a viewer reads them."""

from __future__ import annotations

from typing import Any

import pytest


async def test_a_viewer_unfolds_the_tree_to_a_child(console: Any) -> None:
    async with console.viewer() as viewer:
        folded = (await viewer.ask("look", topic="outline", folds={"shop": None}))["value"]
        found = (await viewer.ask("look", topic="outline", chosen="bert", children=1))["value"]

    shop = next(child for child in folded["top"]["children"] if child["name"] == "shop")
    assert (shop["children"], shop["more"]) == ([], 3)
    (shop,) = found["top"]["children"]
    assert [(child["name"], shop["before"]) for child in shop["children"]] == [("bert", 1)]
    assert found["chosen"]["name"] == "bert"
    assert found["path"][-1] == "shop"


async def test_a_viewer_finds_children(console: Any) -> None:
    async with console.viewer() as viewer:
        page = (await viewer.ask("look", topic="found", search="CLERK", limit=1))["value"]

    assert (page["matched"], [row["path"] for row in page["rows"]]) == (2, ["shop/anna"])


async def test_a_viewer_reads_and_searches_a_part_of_a_state(console: Any) -> None:
    anna = console.system.get(console.actor, "anna")
    for number in range(200):
        await anna.note(f"note {number}")
    async with console.viewer() as viewer:
        page = (await viewer.ask("look", topic="state", name="anna", path=["notes"], offset=199))["value"]
        found = (await viewer.ask("look", topic="state", name="anna", path=["notes"], search="note 19", limit=1))["value"]
        secret = await viewer.ask("look", topic="state", name="anna", path=["password"])

    assert (page["total"], [row["value"] for row in page["rows"]]) == (200, ["note 199"])
    assert (found["matched"], found["end"], found["next"]) == (11, 200, 190)
    assert secret["error"]["kind"] == "SpecError"
    assert "hunter2" not in str(secret)


async def test_a_viewer_reads_waiting_messages_to_their_end(console: Any) -> None:
    anna = console.system.get(console.actor, "anna")
    for _ in range(9):
        anna.wait.cast_nowait()
    async with console.viewer() as viewer:
        page = (await viewer.ask("look", topic="waiting", name="anna", offset=7))["value"]

    assert (page["total"], [row["handler"] for row in page["rows"]]) == (8, ["wait"])


@pytest.mark.parametrize(
    ("topic", "options"),
    [
        ("outline", {"folds": []}),
        ("outline", {"folds": {"shop": "x"}}),
        ("outline", {"folds": {str(number): 0 for number in range(201)}}),
        ("outline", {"children": 0}),
        ("found", {}),
        ("state", {"name": "anna", "path": "notes"}),
        ("state", {"name": "anna", "path": [1.5]}),
        ("state", {"name": "anna", "path": [True]}),
        ("state", {"name": "anna", "path": ["x" * 1_001]}),
        ("state", {"name": "anna", "path": [0] * 101}),
        ("state", {"name": "anna", "limit": 1_001}),
        ("timers", {"limit": -1}),
    ],
)
async def test_a_wrong_option_of_a_list_is_refused_in_words(console: Any, topic: str, options: dict[str, Any]) -> None:
    async with console.viewer() as viewer:
        answer = await viewer.ask("look", topic=topic, **options)

    assert answer["error"]["kind"] == "SpecError"
    assert [*options, "search"][-1 if topic == "found" else len(options) - 1] in answer["error"]["text"]
