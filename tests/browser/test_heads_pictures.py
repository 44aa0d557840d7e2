import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.browser.actions import HOSTILE, bars, count, cursor, open_tab, start, step, tokens, wait_for

FIGURE = "#attention-map .ts-figure"
MOSAIC = "#head-mosaic .ts-head-canvas"


def head_at(page: Page, grid: str, layer: int, head: int) -> tuple[float, float]:
    """Where the middle of a head's tile is inside a grid's canvas: tiles are equal, groups of heads 4 px apart."""
    box = page.locator(f"{grid} canvas").bounding_box()
    assert box
    layers = int(page.locator("#attention-layer").get_attribute("max") or 0) + 1
    heads = int(page.locator("#attention-head").get_attribute("max") or 0) + 1
    tile = (box["height"] - 20) / layers
    gaps = round((box["width"] - 32 - heads * tile) / 4)
    gap = 4 * (head * (gaps + 1) // heads)
    return 30 + (head + 0.5) * tile + gap, 18 + (layer + 0.5) * tile


def selected(page: Page) -> tuple[str | None, str | None]:
    return page.get_attribute(FIGURE, "data-layer"), page.get_attribute(FIGURE, "data-head")


def expect_head(page: Page, layer: int, head: int) -> None:
    expect(page.locator(FIGURE)).to_have_attribute("data-layer", str(layer))
    expect(page.locator(FIGURE)).to_have_attribute("data-head", str(head))


def rows(page: Page, tab: str) -> Locator:
    return page.locator(f"#{tab} .ts-head-row")


def test_the_mosaic_names_and_opens_heads(page: Page) -> None:
    page.wait_for_selector(f"{MOSAIC}[data-drawn]")
    x, y = head_at(page, MOSAIC, 2, 3)
    page.locator(f"{MOSAIC} canvas").hover(position={"x": x, "y": y})
    expect(page.locator(".ts-tip")).to_contain_text("L2 H3")
    expect(page.locator(".ts-tip")).to_contain_text("key")
    page.locator(f"{MOSAIC} canvas").click(position={"x": x, "y": y})
    expect_head(page, 2, 3)
    page.locator(MOSAIC).focus()
    page.keyboard.press("ArrowUp")
    expect_head(page, 1, 3)
    page.keyboard.press("ArrowLeft")
    expect_head(page, 1, 2)
    expect(page.locator("#attention-layer")).to_have_value("1")
    expect(page.locator("#attention-head")).to_have_value("2")
    assert "L1 H2" in (page.get_attribute(MOSAIC, "aria-valuetext") or "")


def test_arrow_keys_in_the_mosaic_do_not_step(page: Page) -> None:
    before = count(page)
    page.locator(MOSAIC).focus()
    page.keyboard.press("ArrowRight")
    expect_head(page, 0, 1)
    assert count(page) == before


def test_hiding_the_first_token_is_said_everywhere(page: Page) -> None:
    step(page)
    page.select_option("#token-strip select", "attention")
    page.select_option("#sink-switch select", "first")
    expect(page.locator("#sink-switch")).to_contain_text("(0)")
    for place in ("#attention-map", "#head-side", "#head-mosaic"):
        expect(page.locator(f"{place} .ts-hidden-note")).to_contain_text("%")
    expect(page.locator("#token-strip .ts-legend")).to_have_attribute("title", re.compile("hidden"))
    page.wait_for_function(
        """() => { const rows = document.querySelector('#attention-map .ts-figure').calcdata[0][0].z;
        return rows.slice(1).every(row => {
          const seen = Array.from(row).filter(Number.isFinite);
          return !Number.isFinite(row[0]) && Math.abs(seen.reduce((a, b) => a + b, 0) - 1) < 1e-4; }); }"""
    )
    page.select_option("#sink-switch select", "none")
    expect(page.locator("#attention-map .ts-hidden-note")).to_be_hidden()


def test_colour_scales_keep_the_weights(page: Page) -> None:
    weights = "() => Array.from(document.querySelector('#attention-map .ts-figure').calcdata[0][0].z.at(-1))"
    before = page.evaluate(weights)
    for scale, legend in (("sqrt", "0.25"), ("log", "0.0001"), ("linear", "0.5")):
        drawn = page.get_attribute(FIGURE, "data-drawn")
        page.select_option("#attention-map .ts-colour", scale)
        expect(page.locator("#attention-map .ts-scale")).to_contain_text(legend)
        page.wait_for_function(f"before => document.querySelector('{FIGURE}').dataset.drawn !== before", arg=drawn)
        assert page.evaluate(weights) == before


def test_a_drag_zooms_and_a_double_click_shows_all(page: Page) -> None:
    for _ in range(4):
        step(page)
    plot = page.locator(f"{FIGURE} .nsewdrag").bounding_box()
    assert plot
    middle = (plot["x"] + plot["width"] / 2, plot["y"] + plot["height"] / 2)
    page.mouse.move(plot["x"] + 20, plot["y"] + 20)
    page.mouse.down()
    page.mouse.move(*middle, steps=4)
    page.mouse.up()
    reset = page.locator("#attention-map .ts-reset")
    expect(reset).to_be_visible()
    shown = (
        "() => { const [a, b] = document.querySelector('#attention-map .ts-figure').layout.xaxis.range; return b - a; }"
    )
    zoomed = page.evaluate(shown)
    assert zoomed < count(page) - 1
    page.click("#head-side [data-name=head] [data-by='1']")
    expect_head(page, 0, 1)
    page.wait_for_function(f"document.querySelectorAll('{FIGURE} .xtick text').length < {count(page)}")
    assert page.evaluate(shown) == zoomed  # another head, the same stretch
    page.mouse.dblclick(*middle)
    expect(reset).to_be_hidden()
    page.wait_for_function(f"document.querySelectorAll('{FIGURE} .xtick text').length === {count(page)}")


def test_words(page: Page) -> None:
    start(page, "Anna apologised wholeheartedly to Sarah")
    page.check("#attention-map .ts-words")
    expect(page.locator("#attention-map .ts-shown")).to_contain_text("words")
    size = page.evaluate("() => document.querySelector('#attention-map .ts-figure').data[0].z.shape.split(',').length")
    assert size == 2
    page.wait_for_function(f"document.querySelectorAll('{FIGURE} .xtick text').length < {count(page)}")
    page.uncheck("#attention-map .ts-words")
    page.wait_for_function(f"document.querySelectorAll('{FIGURE} .xtick text').length === {count(page)}")


def test_a_long_window_is_drawn_as_an_image(page: Page) -> None:
    start(page, "the fox went to the sea and " * 45)
    page.select_option("#attention-map .ts-window", "512")
    page.wait_for_selector(f"{FIGURE} .imagelayer image")
    size = page.evaluate("() => document.querySelector('#attention-map .ts-figure').layout.xaxis.range[1] + 0.5")
    assert size == count(page) > 256
    plot = page.locator(f"{FIGURE} .nsewdrag")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box
    plot.hover(position={"x": box["width"] * 0.2, "y": box["height"] * 0.6})
    expect(page.locator(".ts-tip")).to_contain_text(re.compile(r"weight 0\.\d{6}"))


def test_which_head_looks_at_this(page: Page) -> None:
    step(page)
    japan = tokens(page).filter(has_text="Japan")
    position = int(japan.get_attribute("data-position") or -1)
    japan.click(modifiers=["Shift"])
    expect(japan).to_have_class(re.compile("ts-asked"))
    assert cursor(page) == count(page) - 1
    open_tab(page, "Which head?")
    expect(page.locator("#which-head .ts-chosen-list")).to_contain_text(f"Japan ({position})")
    first = rows(page, "which-head").first
    shares = [
        float(text.split()[0].lstrip("<")) for text in page.locator("#which-head .ts-number").all_text_contents()[:16]
    ]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 20  # some head of a model that knows the capital looks at the country
    layer, head = int(first.get_attribute("data-layer") or -1), int(first.get_attribute("data-head") or -1)
    first.click()
    expect_head(page, layer, head)
    expect(page.get_by_role("tab", name="Attention")).to_have_attribute("aria-selected", "true")
    listed = page.locator(f"#head-side .ts-key-row[data-key='{position}'] .ts-number")
    assert abs(float(str(listed.text_content()).split()[0]) - shares[0]) < 0.11


def test_the_keys_follow_the_keyboard_and_can_be_taken_back(page: Page) -> None:
    open_tab(page, "Which head?")
    expect(page.locator("#which-head .ts-question")).to_contain_text("Shift-click")
    page.locator("#token-strip .ts-cursor").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("k")
    expect(page.locator("#which-head .ts-chosen-list button")).to_have_count(1)
    page.click("#which-head .ts-clear")
    expect(page.locator("#which-head .ts-chosen-list button")).to_have_count(0)
    expect(page.locator("#token-strip .ts-asked")).to_have_count(0)


def test_a_pair_moves_the_cursor(page: Page) -> None:
    open_tab(page, "Which head?")
    pair = page.locator("#which-head .ts-pair").nth(2)
    query = pair.get_attribute("data-query")
    pair.click()
    expect(page.locator("#token-strip .ts-cursor")).to_have_attribute("data-position", str(query))


def test_a_head_is_switched_off_and_restored(page: Page) -> None:
    before = bars(page).first.locator(".ts-number").text_content()
    page.click("#head-side .ts-switch")
    expect(page.locator("#heads-off")).to_contain_text("1 head off:")
    expect(page.locator("#heads-off .ts-open")).to_have_text("L0 H0 zero")
    expect(bars(page).first.locator(".ts-number")).to_contain_text("→")
    page.locator(MOSAIC).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("x")
    expect(page.locator("#heads-off")).to_contain_text("2 heads off:")
    step(page)  # the text goes on without them
    page.reload()
    page.wait_for_selector("#attention-map .ts-figure[data-drawn]")
    expect(page.locator("#heads-off")).to_contain_text("2 heads off:")
    page.click("#heads-off .ts-restore")
    expect(page.locator("#heads-off .ts-off")).to_be_hidden()
    page.click("#back")
    expect(bars(page).first.locator(".ts-number")).to_have_text(str(before))


def test_mean_instead_of_zero(page: Page) -> None:
    page.select_option("#head-side .ts-by", "mean")
    page.click("#head-side .ts-switch")
    expect(page.locator("#heads-off .ts-open")).to_have_text("L0 H0 mean")
    page.select_option("#head-side .ts-by", "zero")
    expect(page.locator("#heads-off .ts-open")).to_have_text("L0 H0 zero")


def test_a_scan_ranks_every_head(page: Page) -> None:
    open_tab(page, "Switch off")
    page.click("#ablation .ts-start")
    expect(page.locator("#message")).to_contain_text("were switched off, one by one", timeout=30_000)
    total, done = page.locator("#ablation .ts-done").inner_text().split(" of ")
    assert total == done
    changes = [
        float(text.replace("\u2212", "-")) for text in rows(page, "ablation").locator(".ts-number").all_text_contents()
    ]
    assert [abs(change) for change in changes] == sorted(map(abs, changes), reverse=True)
    first = rows(page, "ablation").first
    layer, head = int(first.get_attribute("data-layer") or -1), int(first.get_attribute("data-head") or -1)
    target = page.locator("#ablation .ts-target option").first.inner_text()
    first.click()
    expect_head(page, layer, head)
    page.click("#head-side .ts-switch")
    bar = bars(page).filter(has_text=target.split()[0]).first
    expect(bar.locator(".ts-number")).to_contain_text("→")
    was, now = (
        float(part.strip("<% ").split()[0]) for part in str(bar.locator(".ts-number").text_content()).split("→")
    )
    assert abs(now - was - changes[0]) < 0.11
    open_tab(page, "Switch off")
    expect(page.locator("#ablation .ts-told")).to_contain_text("scan again")


def test_a_scan_can_be_cancelled(page: Page) -> None:
    start(page, "the fox went to the sea and " * 30)
    open_tab(page, "Switch off")
    page.click("#ablation .ts-start")
    page.click("#ablation .ts-cancel")
    expect(page.locator("#ablation .ts-start")).to_be_enabled()
    before = count(page)
    page.click("#step")
    wait_for(page, before + 1)


def test_hostile_tokens_in_the_heads_tabs(page: Page) -> None:
    alerts: list[str] = []
    page.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))
    start(page, HOSTILE)
    page.check("#attention-map .ts-words")
    tokens(page).nth(2).click(modifiers=["Shift"])
    open_tab(page, "Which head?")
    expect(rows(page, "which-head").first).to_be_visible()
    open_tab(page, "Switch off")
    expect(page.locator("#ablation .ts-target option")).to_have_count(20)
    assert page.locator(".gradio-container img[src='x']").count() == 0
    assert alerts == []


def test_the_heads_tabs_fit_a_narrow_window(open_page: Callable[..., Page]) -> None:
    page = open_page("/?__theme=dark", width=390, height=844)
    page.click("#head-side .ts-ask >> nth=0")
    page.click("#head-side .ts-switch")
    expect(page.locator("#heads-off")).to_contain_text("1 head off:")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
