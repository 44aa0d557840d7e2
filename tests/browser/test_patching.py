"""Patching: a changed prompt, what comes back in which part, and results that know what they are about."""

from playwright.sync_api import Locator, Page, expect

from tests.browser.actions import HOSTILE, open_tab, play, start, step, tokens

TAB = "#patching"
JAPAN, FRANCE = "The capital of Japan is", "The capital of France is"


def change(page: Page, text: str) -> None:
    page.fill(f"{TAB} .ts-patch-text", text)


def differing(page: Page) -> Locator:
    return page.locator(f"{TAB} .ts-differs")


def run(page: Page, part: str = "stream") -> None:
    page.select_option(f"{TAB} .ts-patch-part", part)
    page.click(f"{TAB} .ts-start")
    expect(page.locator("#message")).to_contain_text("patches are done")


def test_the_country_is_found_at_its_token(page: Page) -> None:
    start(page, JAPAN)
    open_tab(page, "Patching")
    expect(page.locator(f"{TAB} .ts-patch-text")).to_have_value(JAPAN)
    expect(page.locator(f"{TAB} .ts-patch-hint")).to_contain_text("Change a word")
    expect(page.locator(f"{TAB} .ts-start")).to_be_disabled()
    change(page, FRANCE)
    expect(differing(page)).to_have_text("·Japan·France")
    expect(page.locator(f"{TAB} [data-run=clean] .ts-label").first).to_have_text("·Tokyo")
    expect(page.locator(f"{TAB} [data-run=changed] .ts-label").first).to_have_text("·Paris")
    run(page)
    expect(page.locator(f"{TAB} .ts-done")).to_have_text("35 of 35")
    first = page.locator(f"{TAB} .ts-patch-row", has_text="·Japan→·France").first
    expect(first.locator(".ts-number")).to_have_text("1.00")
    first.click()
    expect(page.locator(f"{TAB} .ts-patch-said")).to_contain_text("recovers 1.00")
    page.locator(f"{TAB} .ts-patch-grid").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(f"{TAB} .ts-patch-said")).to_contain_text("at “·of” (2) · recovers 0.00")
    page.click(f"{TAB} .ts-patch-open")
    expect(page.get_by_role("tab", name="Logit lens", exact=True)).to_have_attribute("aria-selected", "true")


def test_a_text_that_does_not_fit_is_said_at_its_box(page: Page) -> None:
    start(page, JAPAN)
    open_tab(page, "Patching")
    change(page, FRANCE)
    expect(differing(page)).to_have_count(1)
    run(page, "attention")
    change(page, f"{FRANCE} not")
    expect(page.locator("#patch-problem")).to_contain_text("5 tokens")
    expect(page.locator(f"{TAB} .ts-start")).to_be_disabled()
    expect(page.locator(f"{TAB} .ts-told")).to_contain_text("patch again")
    expect(page.locator(f"{TAB} .ts-patch-text")).to_have_value(f"{FRANCE} not")
    change(page, FRANCE)
    expect(page.locator("#patch-problem")).to_be_hidden()
    expect(page.locator(f"{TAB} .ts-told")).not_to_contain_text("patch again")
    start(page, HOSTILE)
    expect(page.locator(f"{TAB} .ts-patch-text")).to_have_value(HOSTILE)
    expect(page.locator(f"{TAB} .ts-told")).to_contain_text("patch again")


def test_heads_at_a_token_written_long_ago(page: Page) -> None:
    start(page, JAPAN)
    play(page, 21)
    tokens(page).nth(4).click()
    open_tab(page, "Patching")
    change(page, FRANCE)
    expect(page.locator(f"{TAB} .ts-patch-token")).to_have_count(5)
    run(page, "heads")
    row = page.locator(f"{TAB} .ts-head-row").first
    layer, head = row.get_attribute("data-layer"), row.get_attribute("data-head")
    tokens(page).nth(24).click()
    expect(page.locator(f"{TAB} .ts-patch-token")).to_have_count(25)
    expect(page.locator(f"{TAB} .ts-told")).to_contain_text("patch again")
    run(page, "layer heads")
    expect(page.locator(f"{TAB} .ts-told")).not_to_contain_text("patch again")
    tokens(page).nth(4).click()
    run(page, "heads")
    row.click()
    figure = page.locator("#attention-map .ts-figure")
    expect(figure).to_have_attribute("data-layer", str(layer))
    expect(figure).to_have_attribute("data-head", str(head))


def test_steps_go_on_while_the_tab_is_open(page: Page) -> None:
    start(page, JAPAN)
    open_tab(page, "Patching")
    change(page, FRANCE)
    expect(differing(page)).to_have_count(1)
    step(page)
    expect(page.locator(f"{TAB} .ts-patch-token")).to_have_count(6)
    expect(differing(page)).to_have_count(1)


def test_what_was_cancelled_is_no_failure(page: Page) -> None:
    page.evaluate(
        "() => { window.told = [];"
        " window.addEventListener('tokenscope-error', ({ detail }) => window.told.push(detail.words)); }"
    )
    text = " ".join([*["The capital of Japan is big."] * 11, JAPAN])
    start(page, text)
    open_tab(page, "Patching")
    change(page, text.replace("Japan", "France"))
    expect(differing(page)).to_have_count(12)
    page.click(f"{TAB} .ts-start")
    expect(page.locator(f"{TAB} .ts-done")).not_to_be_empty()
    page.click(f"{TAB} .ts-cancel")
    expect(page.locator(f"{TAB} .ts-start")).to_be_enabled()
    for _ in range(3):
        step(page)
    told = page.evaluate("() => window.told")
    assert "Stopped." in told
    assert not [words for words in told if "did not answer" in words]
