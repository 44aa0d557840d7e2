"""Heads compared, listed, opened up, and drawn by bertviz."""

from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.browser.actions import HOSTILE, count, open_tab, start, step, tokens


def cards(page: Page) -> Locator:
    return page.locator("#compare .ts-cards .ts-card")


def numbers(page: Page, selector: str) -> list[float]:
    return [float(text.replace("\u2212", "-")) for text in page.locator(selector).all_text_contents()]


def test_two_pinned_heads_show_their_difference_and_distance(page: Page) -> None:
    page.locator("#head-side .ts-pin, .ts-side .ts-pin").first.click()
    expect(page.locator("#message")).to_contain_text("Pinned L0 H0")
    open_tab(page, "Compare")
    expect(cards(page)).to_have_count(1)
    near = page.locator("#compare .ts-near-row").first
    name = near.locator(".ts-near-name").text_content()
    near.click()
    expect(page.locator("#compare [data-does=pin]")).to_have_text(f"Pin {name}")
    page.click("#compare [data-does=pin]")
    expect(cards(page)).to_have_count(2)
    expect(page.locator("#compare .ts-versus-title")).to_have_text(f"Difference: L0 H0 \u2212 {name}")
    expect(page.locator("#compare .ts-mean")).to_contain_text("Mean distance")
    bars = page.locator("#compare .ts-distances button")
    expect(bars).to_have_count(count(page))
    bars.nth(1).click()
    expect(page.locator("#token-strip .ts-cursor")).to_have_attribute("data-position", "1")
    cards(page).first.get_by_role("button", name="unpin L0 H0").click()
    expect(cards(page)).to_have_count(1)
    expect(page.locator("#compare .ts-versus-why")).to_contain_text("Pin a second map")


def test_one_head_at_two_moments(page: Page) -> None:
    open_tab(page, "Compare")
    page.click("#compare [data-does=keep]")
    expect(cards(page)).to_have_count(1)
    step(page)
    page.click("#compare [data-does=pin]")
    expect(cards(page)).to_have_count(2)
    expect(page.locator("#compare .ts-versus-why")).to_contain_text("equal length")
    page.click("#back")
    expect(page.locator("#compare .ts-mean")).to_have_text("Mean distance 0.000")
    start(page, "The capital of France is")
    expect(page.locator("#compare .ts-mean")).to_contain_text("Mean distance 0")
    expect(cards(page).first).to_contain_text("Japan")


def test_several_heads_as_one_map(page: Page) -> None:
    open_tab(page, "Compare")
    page.select_option("#compare [aria-label='how to combine']", "rollout")
    page.select_option("#compare [aria-label='which heads to combine']", "all")
    page.click("#compare [data-does=combine]")
    expect(cards(page).first).to_contain_text("rollout of all heads")
    page.select_option("#compare [aria-label='how to combine']", "mean")
    page.select_option("#compare [aria-label='which heads to combine']", "layer")
    page.click("#compare [data-does=combine]")
    expect(cards(page)).to_have_count(2)
    page.click("#compare [data-does=clear]")
    expect(page.locator("#compare .ts-empty")).to_be_visible()


def test_the_map_of_heads_is_open_to_the_keyboard(page: Page) -> None:
    open_tab(page, "Compare")
    marks = page.locator("#compare .ts-map path")
    heads = page.locator("#compare .ts-map path.ts-here")
    expect(heads).to_have_attribute("data-head", "0")
    heads.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(heads).to_have_attribute("data-head", "2")
    expect(heads).to_be_focused()
    layers, rows = page.evaluate(
        "() => { const at = (name) => Math.max(...[...document.querySelectorAll('#compare .ts-map path')]"
        ".map((mark) => Number(mark.dataset[name]))) + 1; return [at('layer'), at('head')]; }"
    )
    assert marks.count() == layers * rows
    page.select_option("#compare .ts-colour-by", "layer")
    expect(page.locator("#compare .ts-map-key")).to_contain_text("layer 0")


def test_the_table_sorts_filters_and_opens(page: Page) -> None:
    open_tab(page, "Heads")
    rows = page.locator("#head-table tbody tr")
    expect(rows).not_to_have_count(0)
    all_rows = rows.count()
    page.click("#head-table thead [data-column=previous]")
    expect(page.locator("#head-table thead th", has_text="previous")).to_have_attribute("aria-sort", "descending")
    column = page.locator("#head-table thead button").evaluate_all(
        "(buttons) => buttons.findIndex((button) => button.dataset.column === 'previous') + 1"
    )
    shown = numbers(page, f"#head-table tbody td:nth-child({column}) .ts-measure-number")
    assert shown == sorted(shown, reverse=True)
    label = rows.first.locator(".ts-link")
    meant = label.text_content()
    label.click()
    expect(page.locator("#head-table dt:focus")).to_have_text(str(meant))
    option = page.locator("#head-table .ts-filter option", has_text=str(meant)).first.get_attribute("value")
    page.select_option("#head-table .ts-filter", option)
    expect(page.locator("#head-table .ts-shown")).to_contain_text(f"of {all_rows} heads")
    assert 0 < rows.count() <= all_rows
    layer, head = rows.first.get_attribute("data-layer"), rows.first.get_attribute("data-head")
    rows.first.locator(".ts-row-open").focus()
    page.keyboard.press("Enter")
    figure = page.locator("#attention-map .ts-figure")
    expect(figure).to_have_attribute("data-layer", str(layer))
    expect(figure).to_have_attribute("data-head", str(head))
    expect(page.get_by_role("tab", name="Attention", exact=True)).to_have_attribute("aria-selected", "true")


def test_inside_a_head_every_row_adds_up(page: Page) -> None:
    open_tab(page, "Inside a head")
    expect(page.locator("#inside")).to_contain_text("1. Relevance scoring")
    expect(page.locator("#inside")).to_contain_text("2. Combining information")
    expect(page.locator("#inside .ts-scores tbody .ts-number")).to_have_count(count(page))
    weights = numbers(page, "#inside .ts-scores tbody .ts-number")
    assert abs(sum(weights) - 1) < 1e-3
    expect(page.locator("#inside .ts-scores .ts-sum .ts-number")).to_have_text("1.0000")
    raw = numbers(page, "#inside .ts-scores tbody td:nth-child(3)")
    scaled = numbers(page, "#inside .ts-scores tbody td:nth-child(4)")
    scale = scaled[0] / raw[0]
    assert all(abs(low - high * scale) < 0.02 * (1 + abs(low)) for low, high in zip(scaled, raw, strict=True))
    page.click("#inside [data-name=layer] [data-by='1']")
    expect(page.locator("#inside .ts-inside-title")).to_contain_text("L1 H0")
    page.locator("#inside .ts-sharing-heads button").last.click()
    expect(page.locator("#inside .ts-sharing-heads [aria-pressed=true]")).to_have_count(1)
    tokens(page).nth(2).click()
    expect(page.locator("#inside .ts-scores tbody tr")).to_have_count(3)


def test_bertviz_is_built_when_asked_in_a_closed_frame(page: Page) -> None:
    start(page, HOSTILE)
    open_tab(page, "bertviz")
    expect(page.locator("#bertviz .ts-size")).to_contain_text("MB")
    expect(page.locator("#bertviz iframe")).to_have_count(0)
    page.click("#bertviz .ts-build")
    frame = page.locator("#bertviz iframe")
    expect(frame).to_have_attribute("sandbox", "allow-scripts")
    inside = page.frame_locator("#bertviz iframe")
    expect(inside.locator("#left text").first).to_be_visible()
    expect(inside.locator("img")).to_have_count(0)
    drawn = inside.locator("#left text").all_text_contents()
    assert any("script" in label or "/" in label for label in drawn)
    page.select_option("#bertviz .ts-kind", "model view")
    page.click("#bertviz [data-does=all]")
    page.click("#bertviz .ts-build")
    expect(page.locator("#bertviz .ts-bertviz-says")).to_contain_text("model view")
    expect(inside.locator("svg .attn_background").first).to_be_attached()
    step(page)
    expect(page.locator("#bertviz .ts-bertviz-says")).to_contain_text("build it again")


def test_the_studies_fit_a_narrow_dark_window(open_page: Callable[..., Page]) -> None:
    page = open_page("/?__theme=dark", width=390, height=844)
    places = {"Compare": "#compare", "Heads": "#head-table", "Inside a head": "#inside", "bertviz": "#bertviz"}
    for name, place in places.items():
        open_tab(page, name)
        expect(page.locator(f"{place} section")).to_be_visible()
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
