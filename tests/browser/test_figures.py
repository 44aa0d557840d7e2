"""Pictures as files: every figure of every tab, read as an outside program reads it."""

import re
import struct
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.browser.actions import HOSTILE, count, start
from viz.panels.tabs import ALL

SVG = "{http://www.w3.org/2000/svg}"
# What a tab shows only after it was asked for, and how one asks.
ASKED = {
    "ablation": "#ablation .ts-start",
    "cache": "#cache .ts-start",
    "masks": "#masks .ts-start",
    "positions": "#positions .ts-pack",
}
# Figures that are drawn when the tab is: one missing here would be a picture without a file.
EVERYWHERE = {"The text", "Next token"}


def open_tab(page: Page, tab: str) -> None:
    """Opens a tab by its name and waits until it is drawn."""
    page.evaluate("tab => window.tokenscope.act('tab', { tab })", tab)
    page.wait_for_function("tab => window.tokenscope.view().tab === tab && !window.tokenscope.busyFor()", arg=tab)
    page.wait_for_function("() => new Promise(done => requestAnimationFrame(() => setTimeout(() => done(true), 200)))")


def list_of(page: Page, tab: str) -> list[str]:
    """Opens the list of a tab's figures by the keyboard and returns their titles."""
    page.locator(f"#panel-{tab} .ts-save-pictures summary").focus()
    page.keyboard.press("Enter")
    rows = page.locator(f"#panel-{tab} .ts-save-row")
    rows.first.wait_for()
    return rows.locator("span").all_text_contents()


def saved(page: Page, tab: str, figure: str, kind: str = "SVG") -> bytes:
    """Saves a figure by the keyboard."""
    button = page.locator(f"#panel-{tab}").get_by_role("button", name=f"save {figure} as {kind}", exact=True)
    button.focus()
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert re.fullmatch(r"[A-Za-z0-9-]+\.(svg|png)", download.value.suggested_filename)
    return Path(download.value.path()).read_bytes()


def words(drawing: ElementTree.Element) -> str:
    return " ".join(text.text or "" for text in drawing.iter(f"{SVG}text"))


def test_every_picture_of_every_tab_can_be_saved(page: Page) -> None:
    for tab in ALL:
        check_tab(page, tab.name)


def check_tab(page: Page, tab: str) -> None:
    """Every picture that a tab draws is listed, and a file of each says what it is about."""
    open_tab(page, tab)
    if tab in ASKED:
        before = page.get_attribute("body", "data-turn")
        page.click(ASKED[tab])
        page.wait_for_function(
            "before => document.body.dataset.turn !== before && !window.tokenscope.isPlaying()", arg=before
        )
    titles = list_of(page, tab)
    assert len(set(titles)) == len(titles), tab
    assert set(titles) >= EVERYWHERE, tab
    # Whatever is drawn in sight stands in a figure of the list.
    left = page.evaluate(
        """tab => {
            const parts = window.tokenscope.figuresOf(tab).flatMap(({ parts }) => parts);
            return [...document.querySelectorAll(`#panel-${tab} :is(svg, canvas, .js-plotly-plot)`)]
                .filter(node => node.getBoundingClientRect().width >= 60 && node.getBoundingClientRect().height >= 40)
                .filter(node => !parts.some(part => part.contains(node)))
                .map(node => node.outerHTML.slice(0, 200));
        }""",
        tab,
    )
    assert left == [], tab
    for figure in [title for title in titles if title not in EVERYWHERE]:
        drawing = ElementTree.fromstring(saved(page, tab, figure))
        told = words(drawing)
        assert figure in told, tab  # titles are short enough for a line
        assert "own small model" in told
        assert "position 4 of a text of 5 tokens" in told
        assert "The·capital·of·Japan·is" in told
        assert len(list(drawing.iter())) > 8
        expect(page.locator(f"#panel-{tab} .ts-save-pictures [role=status]")).to_contain_text("Saved as")


def test_a_map_is_saved_cell_by_cell(page: Page) -> None:
    list_of(page, "attention")
    tokens = count(page)
    drawing = ElementTree.fromstring(saved(page, "attention", "Attention weights"))
    assert not list(drawing.iter(f"{SVG}image"))
    (cells,) = [group for group in drawing.iter(f"{SVG}g") if group.get("shape-rendering") == "crispEdges"]
    colours = [rect.get("fill") for rect in cells.iter(f"{SVG}rect")]
    assert len(colours) == tokens * (tokens + 1) // 2  # what is masked is left out
    assert len(set(colours)) > 2
    assert {"weight 0", "0.5", "1", "masked"} <= {text.text for text in drawing.iter(f"{SVG}text")}  # the legend
    assert all(label in words(drawing) for label in ("The", "·capital", "·Japan"))  # the axes
    image = saved(page, "attention", "Attention weights", "PNG")
    assert image.startswith(b"\x89PNG")
    size = tuple(2 * int(str(drawing.get(name))) for name in ("width", "height"))
    assert struct.unpack(">II", image[16:24]) == size


def test_the_cells_of_a_canvas_have_the_colours_of_their_numbers(page: Page) -> None:
    open_tab(page, "lens")
    list_of(page, "lens")
    drawing = ElementTree.fromstring(saved(page, "lens", "The token each layer would predict"))
    assert not list(drawing.iter(f"{SVG}image"))
    fills = [str(rect.get("fill")) for rect in drawing.iter(f"{SVG}rect")]
    scale = page.evaluate(
        """() => {
            const { mix, colours } = window.tokenscope;
            return Array.from({ length: 65 }, (_, index) => mix(colours.sequential.light, index / 64));
        }"""
    )
    cells = [fill for fill in fills if fill in scale]
    assert len(cells) == 13 * count(page)  # 7 streams and 6 midpoints
    assert len(set(cells)) > 5
    assert "6 output" in words(drawing)


def test_too_many_cells_are_embedded_and_the_file_says_so(page: Page) -> None:
    start(page, "word " * 150)
    page.evaluate("() => window.tokenscope.act('window', { window: 256 })")
    page.wait_for_function("() => window.tokenscope.view().window === 256 && !window.tokenscope.busyFor()")
    page.wait_for_function("() => new Promise(done => setTimeout(() => done(true), 500))")
    list_of(page, "attention")
    drawing = ElementTree.fromstring(saved(page, "attention", "Attention weights"))
    images = [
        str(image.get("href") or image.get("{http://www.w3.org/1999/xlink}href"))
        for image in drawing.iter(f"{SVG}image")
    ]
    assert images
    assert all(image.startswith("data:image/png;base64,") for image in images)
    assert "embedded as an image" in words(drawing)
    assert "·word" in words(drawing)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_file_is_read_without_a_network_on_a_ground_of_its_own(
    open_page: Callable[..., Page], browser: BrowserContext, tmp_path: Path, theme: str
) -> None:
    page = open_page(f"/?__theme={theme}")
    start(page, HOSTILE)
    list_of(page, "attention")
    viewer = browser.new_page()
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        route.continue_() if route.request.url.startswith("file:") else route.abort()

    viewer.route("**/*", refuse)
    viewer.on("dialog", lambda dialog: asked.append(dialog.message))
    for figure in ("Attention weights", "All heads", "The text"):
        content = saved(page, "attention", figure)
        file = tmp_path / "figure.svg"
        file.write_bytes(content)
        viewer.goto(file.as_uri())
        assert not list(ElementTree.fromstring(content).iter(f"{SVG}script"))
        ground, ink = viewer.evaluate(
            "() => ['rect', 'text'].map(name => document.querySelector(name).getAttribute('fill'))"
        )
        assert contrast(ground, ink) > 7
    assert all(url.startswith("file:") for url in asked)
    viewer.close()


def contrast(one: str, other: str) -> float:
    """The contrast of two colours by WCAG 2."""

    def light(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)
