"""The page by the keyboard alone: every test begins at the top and presses keys, never a mouse."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.actions import bars, count, cursor, text, tokens, wait_for

FAR = 80  # Tab presses after which something counts as not reached


def focused(page: Page) -> Locator:
    return page.locator(":focus")


def tab_to(page: Page, selector: str, *, back: bool = False) -> Locator:
    """Presses Tab until an element that fits has the focus."""
    for _ in range(FAR):
        page.keyboard.press("Shift+Tab" if back else "Tab")
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return focused(page)
    raise AssertionError(f"{FAR} presses of Tab do not lead to {selector}")


def open_by_keys(page: Page, group: str, tab: str) -> None:
    """Opens a tab from the top of the page."""
    page.evaluate("() => document.activeElement.blur()")
    for kind, name in (("group", group), ("tab", tab)):
        tab_to(page, f".ts-{kind}")
        for _ in range(10):
            if focused(page).inner_text() == name:
                break
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
    expect(page.get_by_role("tab", name=tab, exact=True)).to_have_attribute("aria-selected", "true")


def test_a_text_is_written_and_a_branch_taken(page: Page) -> None:
    tab_to(page, "#prompt textarea")
    page.keyboard.press("Control+A")
    page.keyboard.type("The capital of Japan is")
    page.keyboard.press("Control+Enter")
    wait_for(page, 5)
    page.keyboard.press("ArrowRight")
    wait_for(page, 6)
    tab_to(page, "#token-strip [data-position]")
    page.keyboard.press("ArrowUp")
    expect(page.locator("#token-strip .ts-cursor")).to_have_attribute("data-position", "4")
    tab_to(page, "#next-token button[data-token-id]")
    page.keyboard.press("Tab")
    second = focused(page).get_attribute("data-token-id")
    page.keyboard.press("Enter")
    expect(page.locator("#branches button")).to_have_count(2)
    wait_for(page, 6)
    assert bars(page).first.is_visible()
    assert second


def test_a_step_right_behind_a_start_waits_for_it(page: Page) -> None:
    page.fill("#prompt textarea", "The capital of France is")
    page.evaluate("""() => {
      const press = (target, key, ctrlKey) =>
        target.dispatchEvent(new KeyboardEvent('keydown', { key, ctrlKey, bubbles: true }));
      press(document.querySelector('#prompt textarea'), 'Enter', true);
      press(document.body, 'ArrowRight', false);
    }""")
    page.wait_for_function("() => tokenscope.busyFor() === 0")
    wait_for(page, 6)
    assert "France" in text(page)


def test_popovers_open_and_give_the_focus_back(page: Page) -> None:
    for opener, key, inside in (
        (".ts-picker-name", "Enter", "#model-picker .ts-picker-panel"),
        (".ts-share-open", "Enter", "#share-panel"),
        (".ts-decoding summary", "Space", ".ts-decoding form"),
    ):
        tab_to(page, opener)
        page.keyboard.press(key)
        expect(page.locator(inside)).to_be_visible()
        page.keyboard.press("Tab")
        assert page.evaluate("(inside) => document.querySelector(inside).contains(document.activeElement)", inside)
        page.keyboard.press("Escape")
        expect(page.locator(inside)).to_be_hidden()
        expect(page.locator(opener)).to_be_focused()


def test_a_head_is_chosen_switched_off_pinned_and_read(page: Page) -> None:
    tab_to(page, "#head-mosaic .ts-head-canvas")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    figure = page.locator("#attention-map .ts-figure")
    expect(figure).to_have_attribute("aria-label", re.compile("L1 H1"))
    page.keyboard.press("x")
    expect(page.locator(".ts-off-list button").first).to_be_visible()
    tab_to(page, "#attention-map .ts-figure", back=True)
    read = figure.get_attribute("aria-valuetext") or ""
    page.keyboard.press("ArrowUp")
    expect(page.locator(".ts-tip")).to_be_visible()
    expect(figure).not_to_have_attribute("aria-valuetext", read)
    weight = re.search(r"weight (\d\.\d{6})", figure.get_attribute("aria-valuetext") or "")
    assert weight
    expect(page.locator(".ts-tip")).to_contain_text(weight[1])
    row = cursor(page) - 1
    page.keyboard.press("Enter")
    expect(page.locator("#token-strip .ts-cursor")).to_have_attribute("data-position", str(row))
    tab_to(page, "#head-side .ts-pin")
    page.keyboard.press("Enter")
    open_by_keys(page, "Attention heads", "Compare")
    expect(page.locator("#compare .ts-cards .ts-card")).to_have_count(1)


def test_tables_sort_and_open_heads(page: Page) -> None:
    open_by_keys(page, "Attention heads", "Heads")
    tab_to(page, "#panel-heads thead button")
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(focused(page)).to_contain_text(re.compile("[▲▼]"))
    opener = tab_to(page, "#panel-heads tbody .ts-row-open")
    name = (opener.inner_text().split() or [""])[:2]
    page.keyboard.press("Enter")
    expect(page.locator("#attention-map .ts-figure")).to_have_attribute("aria-label", re.compile(" ".join(name)))


def test_a_cell_of_the_lens_is_read_and_a_token_followed(page: Page) -> None:
    open_by_keys(page, "Layers and parts", "Logit lens")
    grid = tab_to(page, ".ts-lens-grid")
    before = grid.get_attribute("aria-valuetext")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".ts-lens-grid")).not_to_have_attribute("aria-valuetext", before or "")
    row = tab_to(page, ".ts-lens-rows button")
    page.keyboard.press("Space")
    expect(row).to_have_attribute("aria-pressed", "true")


def test_the_model_is_steered(page: Page) -> None:
    open_by_keys(page, "Cause and effect", "Steering")
    tab_to(page, "#panel-steering .ts-steer-example-list button")
    page.keyboard.press("Enter")
    tab_to(page, "#panel-steering .ts-steer-add")
    page.keyboard.press("Enter")
    expect(page.locator(".ts-steered-list button").first).to_be_visible()


def test_a_patch_is_run_and_its_cells_are_read(page: Page) -> None:
    open_by_keys(page, "Cause and effect", "Patching")
    expect(page.locator(".ts-patch-text")).to_have_value("The capital of Japan is")
    tab_to(page, ".ts-patch-text")
    page.keyboard.press("Control+A")
    page.keyboard.type("The capital of France is")
    expect(page.locator("#patching .ts-differs").first).to_be_visible()
    expect(page.locator("#patching .ts-start")).to_be_enabled()
    tab_to(page, "#patching .ts-start")
    page.keyboard.press("Enter")
    expect(page.locator("#message")).to_contain_text("patches are done")
    tab_to(page, "#patching .ts-patch-grid")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#patching .ts-patch-said")).to_contain_text("recovers")


def test_pictures_and_data_are_saved(page: Page) -> None:
    tab_to(page, "#panel-attention .ts-save-pictures summary", back=True)
    page.keyboard.press("Enter")
    tab_to(page, "#panel-attention .ts-save-row button")
    with page.expect_download() as saved:
        page.keyboard.press("Enter")
    assert saved.value.suggested_filename.endswith(".svg")
    tab_to(page, ".ts-share-open", back=True)
    page.keyboard.press("Enter")
    tab_to(page, ".ts-share-downloads button")
    with page.expect_download():
        page.keyboard.press("Enter")


def test_a_press_of_the_mouse_on_a_map_leaves_the_arrow_keys_to_the_page(page: Page) -> None:
    before = count(page)
    box = page.locator("#attention-map .ts-figure .nsewdrag").bounding_box()
    assert box
    page.mouse.click(box["x"] + 5, box["y"] + box["height"] - 5)
    expect(page.locator("#token-strip .ts-cursor")).to_have_attribute("data-position", str(before - 1))
    page.keyboard.press("ArrowRight")
    expect(tokens(page)).to_have_count(before + 1)


def test_a_step_is_read_aloud_and_its_time_is_not(page: Page) -> None:
    heard, line = page.locator("#token-strip [role=status]"), page.locator("#message .ts-message")
    page.keyboard.press("ArrowRight")
    wait_for(page, 6)
    expect(heard).to_contain_text("position 5")
    expect(heard).to_contain_text("Tokyo")
    expect(line).to_contain_text("answered in")
    expect(line).to_have_attribute("aria-live", "off")
    page.fill("#prompt textarea", "x " * 1100)  # more than the model reads
    page.keyboard.press("Control+Enter")
    expect(line).to_have_class(re.compile("ts-error"))
    expect(line).to_have_attribute("aria-live", "polite")
