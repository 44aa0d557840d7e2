"""What holds in every view of the page, for everyone: axe-core's rules, names of pictures, narrow windows."""

from collections import defaultdict
from itertools import chain
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import BrowserContext, Page

from tests.browser.conftest import ATTENTION, READY
from tests.browser.tour import popovers, prepare, tabs

# A wide window and a telephone's; between them a tablet's, and 1,440 pixels at 200 %.
WIDE, NARROW = 1440, 390
BETWEEN = (768, 720)
INSPECT, AXE = ((Path(__file__).parent / name).read_text(encoding="utf-8") for name in ("inspect.js", "axe.js"))
# WCAG 2, levels A and AA. What the theme changes is contrast alone, and what the width changes are sizes and names.
WCAG = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
CONTRAST = "color-contrast"
RULES: dict[int, dict[str, object]] = {
    WIDE: {"light": {"runOnly": WCAG}, "dark": {"runOnly": {"type": "rule", "values": [CONTRAST]}}},
    NARROW: {"light": {"runOnly": WCAG, "rules": {CONTRAST: {"enabled": False}}}},
}
# Scrolls sideways inside a slider, whose arrow keys walk through it and keep the selected cell in sight.
SCROLLED_BY_ARROWS = ".ts-lens-scroll, .ts-grid-scroll"
# Tokens of a running text, as wide as their letters; the list below has a row for each (WCAG 2.5.8: equivalent).
TOKENS_IN_TEXT = ".ts-inputs-text button"
# What a mouse can press, and where the keyboard does the same.
INSTEAD = {
    ".ts-offer": "the arrow keys in the field",
    ".ts-figure": "the strip puts the cursor on a row; the list of parts opens what the map of parameters does",
    ".ts-grid canvas": "the strip puts the cursor on a row",
    ".ts-curves": "the choice of the row above",
    ".ts-waterfall .ts-step": "the list of every part",
    "tbody tr": "the buttons in the row",
    ".ts-node-opens": "the buttons in the list of the block's steps",
}
TALL = 4000  # so that nothing lies under the bars that stay in sight, which axe-core would take for covered
# What is asked at each width besides axe-core's rules; the last one is the page's while it is walked through.
ASKED = {
    **{width: ["sideways"] for width in BETWEEN},
    NARROW: ["sideways", "covered"],
    WIDE: ["sideways", "covered", "untold", "unreached", "unseen"],
}
Found = dict[str, list[str]]


def axe(page: Page, panel: str, width: int) -> list[str]:
    """Returns what axe-core finds in a part of the page in a window of this width, in both themes."""
    told = []
    for theme, rules in RULES[width].items():
        page.evaluate("(dark) => { document.body.classList.toggle('dark', dark); }", theme == "dark")
        page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        told += [f"{theme}: {note}" for note in page.evaluate(AXE, [panel, rules, SCROLLED_BY_ARROWS, TOKENS_IN_TEXT])]
    page.evaluate("() => { document.body.classList.remove('dark'); }")
    return told


def resize(page: Page, width: int, height: int = 900) -> None:
    """Gives the window another size, and waits until it is drawn."""
    page.set_viewport_size({"width": width, "height": height})
    page.evaluate("() => new Promise((drawn) => setTimeout(() => requestAnimationFrame(drawn), 50))")


def look(page: Page, view: str, panel: str, found: Found) -> None:
    """Notes what is wrong in a part of the page, in windows of every width."""
    page.keyboard.press("Shift")  # a browser shows the focus where a key was pressed last
    for width, kinds in ASKED.items():
        resize(page, width)
        wrong: Found = page.evaluate(INSPECT, [panel, ", ".join(INSTEAD), kinds])
        if width not in BETWEEN:
            resize(page, width, TALL)
            wrong["axe"] = axe(page, panel, width)
        for kind, notes in wrong.items():
            found[kind] += [f"{view}, {width}: {note}" for note in notes]


@pytest.fixture(scope="module")
def found(browser: BrowserContext, address: str) -> Found:
    """Everything that is wrong in any view, by kind."""
    found: Found = defaultdict(list)
    page = browser.new_page()
    page.set_viewport_size({"width": WIDE, "height": 900})
    page.add_init_script("if (window === top) localStorage.clear()")
    page.goto(address + "?__theme=light")
    page.wait_for_selector(ATTENTION, timeout=READY)
    prepare(page)
    page.evaluate(AXE_SCRIPT)
    look(page, "the page", ".gradio-container", found)
    for view, panel in chain(popovers(page), tabs(page)):
        look(page, view, panel, found)
    page.close()
    return found


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("axe", id="axe-core finds nothing serious"),
        pytest.param("untold", id="every picture says what it shows with its numbers"),
        pytest.param("sideways", id="the page never scrolls sideways"),
        pytest.param("covered", id="no control lies under another"),
        pytest.param("unreached", id="the keyboard reaches all that a mouse can press"),
        pytest.param("unseen", id="the focus shows wherever it is"),
    ],
)
def test_every_view(found: Found, kind: str) -> None:
    assert not found[kind], "\n".join(["", *found[kind]])
