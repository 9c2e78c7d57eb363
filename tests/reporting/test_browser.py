"""The pages as a browser shows them: at phone and desk width, in light and dark, with scripts off.

``REPORT_PICTURES=FOLDER`` keeps what was seen, to be looked at.
"""

import os
import shutil
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gnssice_batch.reporting.gathering import store_facts
from gnssice_batch.reporting.run_page import run_page
from gnssice_batch.reporting.store_page import store_page
from tests.support.reported import reported

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PICTURES = os.environ.get("REPORT_PICTURES")
WIDTHS = {"phone": 390, "desk": 1280}
PAPER = {"light": (0xF6, 0xF7, 0xF5), "dark": (0x11, 0x16, 0x18)}
WHOLE = (0x2B, 0x8C, 0x9E)
"""Colour of an hour that is whole."""

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.processes,
    pytest.mark.skipif(BROWSER is None, reason="there is no chromium and no google-chrome"),
]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Files of the pages by kind."""
    folder = tmp_path_factory.mktemp("pages")
    chosen, report = reported(folder)
    found = {"store": store_page(store_facts(chosen)), "run": run_page(report)}
    for kind, text in found.items():
        (folder / f"{kind}.html").write_text(text, encoding="utf-8")
    return {kind: folder / f"{kind}.html" for kind in found}


@pytest.fixture(scope="module")
def browser():
    sync_playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture
def shown(browser):
    """Open a page; what the console says, what fails, what is asked of the network are errors."""
    contexts, complaints = [], []

    def show(path, width="desk", scheme="light", *, scripts=False):
        context = browser.new_context(
            viewport={"width": WIDTHS[width], "height": 844}, color_scheme=scheme, java_script_enabled=scripts
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(f"failed: {request.url}"))
        page.on("request", lambda request: _refuse(request.url, path, complaints))
        page.goto(path.as_uri())
        return page

    yield show
    for context in contexts:
        context.close()
    assert complaints == []


def _refuse(url, path, complaints):
    if url.partition("#")[0] != path.as_uri() and not url.startswith("data:"):
        complaints.append(f"asked for {url}")


def pixels(page):
    return np.asarray(Image.open(BytesIO(page.screenshot(full_page=True))).convert("RGB")).astype(int)


def has(seen, colour):
    """How many pixels have a colour, nearly."""
    return int((np.abs(seen - np.array(colour)).max(axis=-1) <= 2).sum())


def keep(page, name):
    if PICTURES:
        page.screenshot(full_page=True, path=Path(PICTURES, f"{name}.png"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", ["phone", "desk"])
@pytest.mark.parametrize("kind", ["store", "run"])
def test_it_is_seen_without_scripts(shown, pages, kind, width, scheme):
    page = shown(pages[kind], width, scheme)
    keep(page, f"{kind}-{width}-{scheme}")
    seen = pixels(page)
    assert seen.shape[1] == WIDTHS[width]
    assert tuple(seen[2, 2]) == PAPER[scheme]
    assert has(seen, WHOLE) > 300


@pytest.mark.parametrize("width", ["phone", "desk"])
@pytest.mark.parametrize("kind", ["store", "run"])
def test_nothing_reaches_over_the_edge(shown, pages, kind, width):
    page = shown(pages[kind], width, scripts=True)
    assert page.evaluate("document.documentElement.scrollWidth") == WIDTHS[width]
    for summary in page.query_selector_all("details:not([open]) > summary"):
        summary.click()
    assert page.query_selector_all("details:not([open])") == []
    assert page.evaluate("document.documentElement.scrollWidth") == WIDTHS[width]
    wide = """[...document.querySelectorAll('svg.chart')].filter(one => {
        const [box, room] = [one.getBoundingClientRect(), one.closest('figure').getBoundingClientRect()];
        return box.width > room.width + 1 || box.width < 250;
    }).length"""
    assert page.evaluate(wide) == 0
    keep(page, f"{kind}-{width}-open")


def test_drawings_are_in_the_colours_of_the_page(shown, pages):
    """The colour of the median line, by its name in the style sheet, in light and in dark."""
    accents = {"light": (0x1F, 0x7A, 0x8C), "dark": (0x5C, 0xC0, 0xD2)}
    seen = {scheme: pixels(shown(pages["store"], "desk", scheme)) for scheme in accents}
    for scheme, other in (("light", "dark"), ("dark", "light")):
        assert has(seen[scheme], accents[scheme]) > 100 > has(seen[scheme], accents[other])


def test_text_of_drawings_can_be_read(shown, pages):
    """At least 8 pixels high on a phone; none of it stands on other text."""
    page = shown(pages["store"], "phone", scripts=True)
    sizes = page.evaluate(
        "[...document.querySelectorAll('svg.chart text')].map(one => one.getBoundingClientRect().height)"
    )
    assert len(sizes) > 20
    assert min(sizes) >= 8
    overlaps = """[...document.querySelectorAll('svg.chart')].flatMap(chart => {
        const boxes = [...chart.querySelectorAll('text')].map(one => one.getBoundingClientRect());
        return boxes.flatMap((a, i) => boxes.slice(i + 1).filter(b =>
            a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 3 && b.top < a.bottom - 3));
    }).length"""
    assert page.evaluate(overlaps) == 0


def test_the_link_to_the_quarantine_leads_there(shown, pages):
    """Which opens what is closed."""
    page = shown(pages["store"])
    its = page.locator("#r2-quarantine")
    assert not its.is_visible()
    page.locator("a[href='#r2-quarantine']").first.click()
    its.wait_for(state="visible")


def test_the_console_is_listened_to(browser, tmp_path):
    """What this file asserts of pages would fail on one that complains."""
    bad = tmp_path / "bad.html"
    bad.write_text("<title>x</title><script>console.error('heard'); nowhere()</script>", encoding="utf-8")
    context = browser.new_context()
    heard = []
    page = context.new_page()
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.goto(bad.as_uri())
    context.close()
    assert "heard" in heard
    assert len(heard) >= 2
