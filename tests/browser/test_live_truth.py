"""Each page shows the truth, and follows its changes."""

from __future__ import annotations

from typing import Any

from browsing import expect, show
from running import Application


def row(section: Any, name: str) -> Any:
    """The row of an actor."""
    return section.locator(f'[data-name="{name}"]').first


def test_the_overview_counts_what_is_handled(page: Any, application: Application) -> None:
    overview = show(page, "overview")
    before = application.look("figures")
    expect(overview.locator("[data-figure=actors]")).to_have_text(str(before["actors"]))

    for number in range(7):
        application.do("note", name="anna", text=f"note {number}")

    after = application.look("figures")
    assert after["ledger"]["handled"] == before["ledger"]["handled"] + 7
    expect(overview.locator("[data-figure=handled]")).to_have_text(str(after["ledger"]["handled"]))


def test_the_overview_counts_what_waits_and_names_who_has_most_to_do(page: Any, application: Application) -> None:
    overview = show(page, "overview")
    expect(overview.locator("[data-figure=backlog]")).to_have_text("0")

    application.do("pile", name="bert", messages=6)

    assert application.look("figures")["backlog"] == 5
    expect(overview.locator("[data-figure=backlog]")).to_have_text("5")
    expect(overview.locator("tbody tr[data-name]").first).to_have_attribute("data-name", "bert")


def test_the_tree_is_that_of_the_system_and_counts_restarts(page: Any, application: Application) -> None:
    tree = show(page, "tree")
    expect(row(tree, "till-2")).to_be_visible()
    shown = tree.locator("[role=treeitem]").evaluate_all("items => items.map(item => item.dataset.name)")
    assert sorted(shown) == sorted(names(application.look("tree")))

    application.do("fail", name="till-2", why="of the test")

    tills = next(branch for branch in flat(application.look("tree")) if branch["name"] == "tills")
    assert tills["budget"]["used"] == 1
    expect(row(tree, "tills")).to_contain_text("1 / 100")


def flat(branch: dict[str, Any]) -> list[dict[str, Any]]:
    """A branch and its descendants."""
    return [branch, *(each for child in branch["children"] for each in flat(child))]


def names(branch: dict[str, Any]) -> list[str]:
    return [each["name"] for each in flat(branch)]


def test_the_actors_are_searched_by_the_server_and_their_figures_follow(page: Any, application: Application) -> None:
    actors = show(page, "actors")
    page.keyboard.press("/")
    page.keyboard.type("ANN")
    expect(actors.locator("tbody tr[data-name]")).to_have_count(1)

    for number in range(3):
        application.do("note", name="anna", text=f"{number}")

    (anna,) = application.look("actors", search="ANN")["rows"]
    assert anna["handled"] == 3
    expect(row(actors, "anna").get_by_role("cell", name="3", exact=True)).to_be_visible()


def test_an_actor_shows_its_state_and_what_changed_in_it(page: Any, application: Application) -> None:
    anna = show(page, "actor")
    expect(anna.locator("[data-figure=incarnation]")).to_have_text("1")

    application.do("note", name="anna", text="seen at once")

    assert application.actor("anna")["state"]["value"]["texts"] == ["seen at once"]
    expect(anna.locator("[data-state]")).to_contain_text("seen at once")
    expect(anna.locator("[data-changes] > li")).to_have_count(1)


def test_an_actor_shows_its_crash_and_that_its_state_is_that_of_the_last_commit(page: Any, application: Application) -> None:
    application.do("note", name="anna", text="before the crash")
    anna = show(page, "actor")

    application.do("fail", name="anna", why="because of the test")

    truth = application.actor("anna")
    assert (truth["incarnation"], truth["state"]["value"]["texts"]) == (2, ["before the crash"])
    expect(anna.locator("[data-figure=incarnation]")).to_have_text("2")
    expect(anna).to_contain_text("Planned: because of the test")
    expect(anna.locator("[data-state]")).to_contain_text("before the crash")


def test_an_actor_shows_what_it_handles_and_what_waits(page: Any, application: Application) -> None:
    bert = show(page, "actor", "#/actor/bert")

    application.do("pile", name="bert", messages=4)

    truth = application.actor("bert")
    assert (truth["handling"]["handler"], truth["backlog"]) == ("wait", 3)
    expect(bert.locator("[data-handling=wait]")).to_be_visible()
    waiting = bert.get_by_role("region", name="Waiting messages, oldest first")
    expect(waiting.locator("tbody tr[data-name=wait]")).to_have_count(3)


def test_messages_are_traced_from_request_to_effect(page: Any, application: Application) -> None:
    messages = show(page, "messages")

    application.do("ask", name="anna", other="bert", text="pass it on")

    assert application.actor("bert")["state"]["value"]["texts"] == ["pass it on"]
    rows = messages.get_by_role("region", name="Trace records, newest first").locator("tbody tr[data-name]")
    noted = rows.filter(has_text="accepted note from anna")
    asked = rows.filter(has_text="accepted ask")
    expect(noted).to_have_attribute("data-name", "bert")
    chain = asked.locator("[data-correlation]").get_attribute("data-correlation")
    expect(noted.locator("[data-correlation]")).to_have_attribute("data-correlation", chain)


def test_a_chain_is_shown_whole_although_one_actor_was_looked_at(page: Any, application: Application) -> None:
    messages = show(page, "messages", "#/messages?child=bert")
    application.do("ask", name="anna", other="bert", text="pass it on")

    messages.locator("[data-correlation]").first.click()

    rows = messages.get_by_role("region", name="Trace records, newest first").locator("tbody tr[data-name=anna]")
    expect(rows.first).to_be_visible()
    expect(messages.locator("[data-chain]")).to_contain_text("everything that followed from it")


def test_failures_are_grouped_by_cause_and_new_ones_come(page: Any, application: Application) -> None:
    failures = show(page, "failures")

    application.do("letters", count=4)

    expect(failures.locator("[data-letter]")).to_have_count(3)
    (group,) = application.look("dead_letter_groups")
    assert (group["count"], group["targets"]) == (3, ["letterbox"])
    groups = failures.get_by_role("region", name="Dead letters by cause")
    expect(groups.locator(f'tr[data-name="{group["cause"]}"]')).to_contain_text("letterbox")


def test_a_function_that_fails_is_among_the_failures_with_its_report(page: Any, application: Application) -> None:
    failures = show(page, "failures")
    expect(failures.locator("[data-failed]")).to_contain_text("No failures.")

    application.do("hang_up")

    (failed,) = application.look("failures")["rows"]
    assert (failed["name"], failed["kind"], failed["restarts"]) == ("line", "function", 1)
    line = row(failures.locator("[data-failed]"), "function line OSError")
    expect(line).to_contain_text("1 restart")
    expect(line).to_contain_text("OSError: the line is dead")
    expect(line.locator("[data-report]")).to_be_hidden()
    line.get_by_text("Whole report").click()
    expect(line.locator("[data-report]")).to_have_text(failed["report"])


def test_the_tree_shows_why_a_child_that_is_no_actor_failed_last(page: Any, application: Application) -> None:
    tree = show(page, "tree", "#/tree/line")
    chosen = tree.locator("[data-chosen=line]")
    expect(chosen).to_contain_text("running")
    expect(chosen.locator("[data-failure]")).to_have_count(0)

    application.do("hang_up")

    expect(chosen.locator("[data-failure]")).to_contain_text("crash: OSError incarnation 1")
    expect(chosen.locator("[data-crash] .raised")).to_have_text("OSError: the line is dead")
    expect(chosen.locator("[data-frame=own]")).to_contain_text("application.py")


def test_durable_actors_show_their_revisions(page: Any, application: Application) -> None:
    durable = show(page, "durable", "#/durable/anna")
    before = application.actor("anna")["durable"]["revision"]

    application.do("note", name="anna", text="one revision more")

    truth = application.actor("anna")["durable"]["revision"]
    assert truth > before
    expect(durable.locator("[data-figure=revision]")).to_have_text(str(truth))
    expect(durable.locator(f"[data-commits] li[data-revision='{truth}']")).to_contain_text("one revision more")
    everybody = show(page, "durable")
    expect(row(everybody, "anna")).to_contain_text(str(truth))
