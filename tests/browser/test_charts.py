"""Charts: no label is cut; mouse, finger and keys show the values of a moment in all of them; a text says the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from browsing import expect, show, signed_in
from running import Application

CLOCK = re.compile(r"^\d\d:\d\d:\d\d$")


def filled(page: Any) -> Any:
    """The overview with a few samples."""
    overview = show(page, "overview")
    page.wait_for_function("() => document.querySelector('[data-chart=messages] [role=slider]').ariaValueMax >= 3")
    return overview


def test_the_mouse_points_at_a_moment_in_all_charts(page: Any, application: Application) -> None:
    application.do("notes", name="anna", count=3)
    overview = filled(page)

    overview.locator("[data-chart=wait] [role=slider]").hover()

    expect(overview.locator("[data-at]")).to_have_count(6)
    assert len(set(overview.locator("[data-at]").all_inner_texts())) == 1
    expect(overview.locator("[data-at]").first).to_have_text(CLOCK)
    expect(overview.locator(".chart .at")).to_have_count(6)
    overview.locator("h1").hover()
    expect(overview.locator("[data-at]")).to_have_count(0)


def test_keys_point_at_a_moment_and_it_is_told(page: Any) -> None:
    overview = filled(page)
    chart = overview.locator("[data-chart=messages] [role=slider]")
    chart.focus()

    page.keyboard.press("Home")
    expect(chart).to_have_attribute("aria-valuenow", "0")
    page.keyboard.press("ArrowRight")

    expect(chart).to_have_attribute("aria-valuetext", re.compile(r"^\d\d:\d\d:\d\d: accepted \S+, handled \S+$"))
    expect(overview.locator("[data-at]").first).to_have_text(CLOCK)
    page.keyboard.press("Escape")
    expect(overview.locator("[data-at]")).to_have_count(0)


def test_a_finger_points_at_a_moment(new_context: Callable[..., Any], application: Application) -> None:
    page = signed_in(new_context(has_touch=True, viewport={"width": 360, "height": 740}), application.link)
    overview = filled(page)

    overview.locator("[data-chart=messages] [role=slider]").tap()

    expect(overview.locator("[data-at]")).to_have_count(6)


def test_a_text_sums_a_chart_up(page: Any) -> None:
    overview = filled(page)

    expect(overview.locator("[data-chart=messages] [data-summary]")).to_have_text(
        re.compile(r"^The last \d+ s\. accepted: now [\d.]+, at most [\d.]+ at \d\d:\d\d:\d\d; handled: .*\.$")
    )


DRAWN = """async ([width, step]) => {
  const {Chart} = await import("/static/parts/chart.js");
  const {html, render} = await import("/static/parts/dom.js");
  const place = document.body.appendChild(Object.assign(document.createElement("div"), {style: `width: ${width}px`}));
  const times = Array.from({length: 400}, (_, n) => 1_800_000_000 + n * step);
  const lines = [{label: "x", color: "accent", values: times.map((_, n) => n * 1e9)}];
  const format = (value) => `${value.toLocaleString("en")} messages`;
  render(html`<${Chart} name="test" title="Test" times=${times} format=${format} lines=${lines} />`, place);
  const frame = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  for (let frames = 0; frames < 9; frames++) await frame();
  const canvas = place.querySelector("canvas"), pen = canvas.getContext("2d");
  const {data, width: all, height} = pen.getImageData(0, 0, canvas.width, canvas.height);
  const empty = (column) => Array.from({length: height}, (_, line) => data[4 * (line * all + column) + 3]).every((each) => each === 0);
  const inner = canvas.getBoundingClientRect(), outer = place.querySelector(".canvas").getBoundingClientRect();
  const fits = inner.left >= outer.left && inner.right <= outer.right + 0.5 && inner.bottom <= outer.bottom + 0.5;
  return [empty(0), empty(all - 1), fits, data.every((each) => each === 0)];
}"""


@pytest.mark.parametrize("step", [1, 60, 3_600])
@pytest.mark.parametrize("width", [320, 700])
def test_no_label_is_cut(page: Any, width: int, step: int) -> None:
    show(page, "overview")

    assert page.evaluate(DRAWN, [width, step]) == [True, True, True, False]


PREFILLED = """async () => {
  const {prefill} = await import("/static/figures.js");
  const now = Date.now() / 1000, empty = {handled: 0, wait: 0, restarts: 0, failed: 0, buried: 0, lag: null};
  const older = Array.from({length: 500}, (_, n) => ({at: now - 580 + n, accepted: n === 7 ? 12_345 : 0, ...empty}));
  prefill(older);
  prefill(older);
}"""


def test_samples_from_before_the_page_was_opened_can_be_put_in_front(page: Any) -> None:
    overview = filled(page)

    page.evaluate(PREFILLED)

    chart = overview.locator("[data-chart=messages]")
    expect(chart.locator("[data-summary]")).to_contain_text("accepted: now")
    expect(chart.locator("[data-summary]")).to_contain_text("at most 12.3K")
    assert 503 <= int(chart.locator("[role=slider]").get_attribute("aria-valuemax")) < 600
