"""What each token contributed to the choice, in its tab and on the token strip."""

from playwright.sync_api import Page, expect

from tests.browser.actions import HOSTILE, count, play, start, step, tokens

ROWS = "#inputs .ts-input-row"
NOTE = "#token-strip .ts-strip-note"


def open_inputs(page: Page) -> None:
    page.evaluate("() => tokenscope.act('open_tab', { tab: 'inputs' })")
    expect(page.locator("#inputs .ts-told")).not_to_be_empty()


def scores(page: Page) -> list[float]:
    return [float(text.replace("\u2212", "-")) for text in page.locator(f"{ROWS} .ts-number").all_text_contents()]


def run(page: Page, method: str) -> None:
    page.select_option("#inputs .ts-method", method)
    page.click("#inputs .ts-start")
    expect(page.locator("#message")).to_contain_text("is known")


def test_a_short_text_has_its_gradient_at_once(page: Page) -> None:
    open_inputs(page)
    expect(page.locator("#inputs .ts-start")).to_be_hidden()
    expect(page.locator(ROWS)).to_have_count(count(page))
    sizes = [abs(score) for score in scores(page)]
    assert sizes == sorted(sizes, reverse=True)
    expect(page.locator("#inputs .ts-inputs-sum")).to_contain_text("they miss")


def test_integrated_gradients_add_up(page: Page) -> None:
    open_inputs(page)
    page.select_option("#inputs .ts-method", "integrated")
    page.select_option("#inputs .ts-input-steps select", "64")
    run(page, "integrated")
    expect(page.locator("#inputs .ts-told")).to_contain_text("integrated gradients, 64 steps")
    said = str(page.locator("#inputs .ts-inputs-sum").text_content()).replace("\u2212", "-")
    total = float(said.split("sum to ")[1].split(";")[0])
    change = float(said.split("by ")[1].split(":")[0])
    assert abs(sum(scores(page)) - total) < 0.01
    assert abs(total - change) < 0.05 * abs(change)
    page.locator(ROWS).first.click()
    expect(page.locator("#inputs .ts-inputs-picked")).to_contain_text("logits for")
    expect(page.locator("#inputs .ts-inputs-text [aria-pressed=true]")).to_have_count(1)


def test_an_error_is_told_beside_the_method(page: Page) -> None:
    open_inputs(page)
    page.select_option("#inputs .ts-method", "integrated")
    page.locator("#inputs .ts-input-steps option").first.evaluate("(option) => { option.value = option.text = '7'; }")
    page.select_option("#inputs .ts-input-steps select", "7")
    page.click("#inputs .ts-start")
    expect(page.locator("#inputs .ts-inputs-wrong")).to_contain_text("number of steps is 7")


def test_a_choice_of_twenty_steps_ago_on_the_token_strip(page: Page) -> None:
    prompt = count(page)
    page.select_option("#token-strip select", "contribution")
    expect(page.locator(NOTE)).to_contain_text("No contributions yet")
    play(page, 20)
    page.locator(NOTE).get_by_role("button", name="Inputs").click()
    expect(page.locator("#inputs .ts-told")).to_be_visible()
    tokens(page).nth(prompt - 1).click()
    run(page, "leave-one-out")
    chosen = page.locator("#next-token .ts-taken .ts-label").text_content()
    expect(page.locator(NOTE)).to_contain_text(f"to \u201c{chosen}\u201d after")
    expect(page.locator(NOTE)).to_contain_text("leave one out")
    expect(page.locator("#token-strip .ts-legend .ts-high")).to_contain_text("logits")
    strongest = page.locator(ROWS).first.get_attribute("data-position")
    shaded = tokens(page).nth(int(str(strongest)))
    assert shaded.evaluate("(token) => token.style.backgroundColor") != ""
    shaded.hover()
    expect(page.locator(".ts-tip")).to_contain_text("contributed")
    step(page)  # the text goes on: the choice and what it rests on stay the same
    expect(page.locator(NOTE)).to_contain_text("leave one out")
    expect(page.locator("#inputs .ts-told")).to_contain_text("run it again")


def test_the_question_is_the_views(page: Page) -> None:
    open_inputs(page)
    second = page.locator("#next-token .ts-label").nth(1).text_content()
    option = page.locator("#inputs select[aria-label='what it is compared with'] option", has_text=str(second)).first
    page.select_option("#inputs select[aria-label='what it is compared with']", option.get_attribute("value"))
    expect(page.locator("#inputs .ts-told")).to_contain_text(f"against \u201c{second}\u201d")
    expect(page.locator("#inputs .ts-told")).to_contain_text("difference of logits")


def test_another_text_takes_the_contributions_off_the_strip(page: Page) -> None:
    open_inputs(page)
    expect(page.locator(ROWS).first).to_be_visible()
    page.select_option("#token-strip select", "contribution")
    expect(page.locator(NOTE)).to_contain_text("gradient")
    page.evaluate("() => tokenscope.act('open_tab', { tab: 'lens' })")
    start(page, HOSTILE)
    expect(page.locator(NOTE)).to_contain_text("another text")
    expect(page.locator("#token-strip .ts-legend")).to_be_hidden()
