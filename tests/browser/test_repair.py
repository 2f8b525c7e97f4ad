"""Held and damaged actors, saved views, and files of whole tables."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from application import MARKUP
from browsing import expect, show, signed_in
from running import Application


def confirmed(page: Any, button: str, verb: str) -> str:
    """Press a button, and confirm. Returns what was asked."""
    page.get_by_role("button", name=button, exact=True).click()
    dialog = page.get_by_role("dialog")
    asked: str = dialog.locator("p").first.inner_text()
    dialog.get_by_role("button", name=verb, exact=True).click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    return asked


def saved(page: Any, button: str, folder: Path) -> Path:
    """Press a button that saves a file."""
    with page.expect_download() as download:
        page.get_by_role("button", name=button, exact=True).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


# --- pause and resume ---


def test_a_paused_actor_is_seen_everywhere_and_resumed(page: Any, application: Application) -> None:
    anna = show(page, "actor")
    asked = confirmed(page, "Pause anna", "Pause")
    assert "The pause outlasts restarts" in asked

    expect(anna.locator("[data-paused]")).to_contain_text("paused for")
    assert application.actor("anna")["paused_since"] is not None
    expect(show(page, "actors").locator("tr[data-name=anna] [data-paused]")).to_be_visible()
    expect(show(page, "tree").locator("[role=treeitem][data-name=anna] [data-paused]")).to_be_visible()
    show(page, "actor")
    confirmed(page, "Resume anna", "Resume")
    expect(page.locator("[data-answer=done]")).to_contain_text("anna takes messages again")
    expect(page.locator("[data-paused]")).to_have_count(0)
    assert application.actor("anna")["paused_since"] is None


def test_a_viewer_cannot_repair(viewer: Any, application: Application) -> None:
    application.do("damage", name="anna")
    show(viewer, "actor")
    expect(viewer.get_by_role("button", name="Pause anna")).to_be_disabled()
    expect(viewer.get_by_role("button", name="Reset anna")).to_be_disabled()


# --- damaged records ---


def test_a_damaged_actor_is_shown_with_its_cause_and_reset(page: Any, application: Application) -> None:
    application.do("note", name="anna", text="kept")
    application.do("damage", name="anna")
    expect(show(page, "actors").locator("tr[data-name=anna]")).to_contain_text("its stored state cannot be read")
    expect(show(page, "tree").locator("[role=treeitem][data-name=anna]")).to_contain_text("its stored state cannot be read")
    failed = show(page, "failures").locator("[data-failed] li", has=page.locator("[data-child=anna]"))
    expect(failed.first).to_contain_text("cannot be read")
    expect(show(page, "durable").locator("tr[data-name=anna] [data-problem]")).to_contain_text("cannot be read")
    show(page, "actor")
    expect(page.locator("[data-problem=Unreadable]")).to_contain_text("This actor is down")

    asked = confirmed(page, "Reset anna", "Reset")

    assert "it loses what it knows" in asked
    expect(page.locator("[data-answer=done]")).to_contain_text(
        "anna was reset: incarnation 3. Its record is in quarantine as state/anna@2."
    )
    expect(page.locator("[data-problem=Unreadable]")).to_have_count(0)
    assert application.do("note", name="anna", text="new") == 1


def test_a_quarantined_record_is_restored_from_the_page(page: Any, application: Application) -> None:
    application.do("note", name="anna", text="kept")
    show(page, "durable", "#/durable/anna")
    asked = confirmed(page, "Reset anna", "Reset")
    assert "(revision 1, " in asked
    application.do("note", name="anna", text="new")
    show(page, "durable")

    confirmed(page, "Restore state/anna@1", "Restore")

    expect(page.locator("[data-answer=done]")).to_contain_text(
        "anna was started with state/anna@1; the record that it replaced is in quarantine"
    )
    assert application.actor("anna")["state"]["value"]["texts"] == ["kept"]
    rows = application.ask("quarantine")["rows"]
    assert len(rows) == 1
    assert rows[0]["name"] != "state/anna@1"


# --- saved views ---


def test_a_view_is_saved_opened_renamed_copied_and_deleted(new_context: Callable[..., Any], application: Application) -> None:
    context = new_context(permissions=["clipboard-read", "clipboard-write"])
    page = signed_in(context, application.link)
    show(page, "actors", "#/actors?search=till&sort=waiting")
    views = page.get_by_role("button", name="Views", exact=True)
    views.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Save this view as").fill("busy tills")
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(dialog.locator("[data-views-note]")).to_have_text("Saved as busy tills.")
    dialog.get_by_role("button", name="Copy the link of busy tills").click()
    expect(dialog.locator("[data-views-note]")).to_have_text("The link was copied.")
    assert page.evaluate("navigator.clipboard.readText()") == f"{application.url}/#/actors?search=till&sort=waiting"
    dialog.get_by_role("button", name="Rename busy tills").click()
    dialog.get_by_label("New name of busy tills").fill(MARKUP)
    dialog.get_by_role("button", name="Rename", exact=True).click()
    expect(dialog.locator("[data-name]")).to_have_count(1)
    dialog.get_by_role("button", name="Close").click()

    show(page, "overview")
    page.reload()
    views.click()
    dialog.get_by_role("link", name=MARKUP).click()
    expect(page.locator("section[data-view=actors] tbody tr[data-name]")).to_have_count(3)
    stored = page.evaluate("JSON.parse(localStorage.getItem('trioactors.views'))")
    assert stored == [{"name": MARKUP, "address": "#/actors?search=till&sort=waiting"}]

    views.click()
    dialog.get_by_role("button", name=f"Delete {MARKUP}").click()
    expect(dialog.locator("[data-name]")).to_have_count(0)
    assert page.evaluate("localStorage.getItem('trioactors.views')") == "[]"


def test_saved_views_are_bounded_and_survive_what_others_stored(page: Any) -> None:
    many = json.dumps([{"name": f"view {number}", "address": "#/actors"} for number in range(80)])
    page.evaluate("(many) => localStorage.setItem('trioactors.views', many)", many)
    page.get_by_role("button", name="Views", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("[data-name]")).to_have_count(50)
    dialog.get_by_label("Save this view as").fill("one more")
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(dialog.locator("[data-views-note]")).to_contain_text("50 views are kept at most")
    dialog.get_by_role("button", name="Close").click()

    page.evaluate("localStorage.setItem('trioactors.views', 'junk')")
    page.get_by_role("button", name="Views", exact=True).click()
    expect(dialog.locator("[data-name]")).to_have_count(0)
    page.evaluate("""localStorage.setItem('trioactors.views', '[{"name": "evil", "address": "javascript:alert(1)"}, null, 5]')""")
    dialog.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Views", exact=True).click()
    expect(dialog.locator("[data-name]")).to_have_count(0)


# --- files ---


def test_a_whole_table_is_saved_with_all_its_pages(page: Any, application: Application, tmp_path: Path) -> None:
    for number in range(60):
        application.do("hire", name=f'=extra {number:02},"x"')
    actors = show(page, "actors")
    expect(actors.locator("[data-pager]")).to_contain_text("50 of ")
    total = application.look("actors")["total"]

    table = saved(page, "Export Actors as CSV", tmp_path)
    plain = saved(page, "Export Actors as JSON", tmp_path)

    text = table.read_bytes().decode("utf-8")
    assert text.count("\r\n") == total + 1
    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) == total
    names = {row["name"] for row in rows}
    assert {"anna", MARKUP, '\'=extra 07,"x"'} <= names
    assert not [name for name in names if name[0] in "=+-@"]
    found = json.loads(plain.read_text())
    assert len(found) == total
    assert '=extra 07,"x"' in {row["name"] for row in found}
    assert next(row for row in found if row["name"] == "anna")["since"].endswith("Z")
    assert table.name.startswith("trioactors-actors-20")
    assert table.suffix == ".csv"
    expect(page.locator("[data-answer=done]")).to_contain_text(f"all {total} rows")


def test_a_file_holds_what_the_filter_selects(page: Any, application: Application, tmp_path: Path) -> None:
    show(page, "actors", "#/actors?search=till")
    expect(page.locator("tbody tr[data-name]")).to_have_count(3)

    found = json.loads(saved(page, "Export Actors as JSON", tmp_path).read_text())

    assert sorted(row["name"] for row in found) == ["till-1", "till-2", "till-3"]


@pytest.mark.parametrize(
    ("view", "label", "least"),
    [
        ("overview", "The five actors with the most waiting messages", 8),
        ("failures", "Failed children by cause", 3),
        ("failures", "Supervisors with recent restarts", 1),
        ("failures", "Dead letters by cause", 1),
        ("failures", "Dead letters", 2),
        ("durable", "Durable actors", 7),
        ("durable", "Records in quarantine", 1),
    ],
)
def test_every_table_can_be_saved(page: Any, application: Application, tmp_path: Path, view: str, label: str, least: int) -> None:  # noqa: PLR0917
    for number in (1, 2, 3):
        application.do("fail", name=f"till-{number}", why=f"=crash {number}")
    application.do("letters", count=4)
    application.do("damage", name="anna")
    if label == "Records in quarantine":
        show(page, "actor")
        confirmed(page, "Reset anna", "Reset")
    show(page, view)

    found = json.loads(saved(page, f"Export {label} as JSON", tmp_path).read_text())
    rows = list(csv.reader(saved(page, f"Export {label} as CSV", tmp_path).read_bytes().decode().splitlines()))

    assert len(found) >= least
    assert rows[0] == list(found[0])


def test_waiting_messages_are_saved_beyond_those_shown(page: Any, application: Application, tmp_path: Path) -> None:
    application.do("pile", name="bert", messages=15)
    show(page, "actor", "#/actor/bert")
    expect(page.locator("[data-view=actor] tbody tr").first).to_be_visible()

    found = json.loads(saved(page, "Export Waiting messages, oldest first as JSON", tmp_path).read_text())

    assert len(found) == 14


def test_new_parts_fit_a_narrow_screen(new_context: Callable[..., Any], application: Application) -> None:
    application.do("damage", name="anna")
    page = signed_in(new_context(viewport={"width": 360, "height": 740}), application.link)
    for view in ("actor", "durable", "actors", "tree"):
        show(page, view)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, view
    page.get_by_role("button", name="Views", exact=True).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
