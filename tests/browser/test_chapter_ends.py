"""The last two stops of the chapter: positions that turn, and a prompt put together from parts."""

import re

from playwright.sync_api import Page, expect

from tests.browser.actions import open_tab, play, start


def test_dials_turn_and_the_score_follows_the_distance(page: Page) -> None:
    open_tab(page, "Positions")
    expect(page.locator("#positions .ts-positions-told")).to_contain_text("turns its queries and keys")
    expect(page.locator("#positions .ts-dial")).to_have_count(16)  # a head of 32 dimensions
    told = page.locator("#positions .ts-curve-told")
    expect(told).to_contain_text("as in the text")
    arrow = page.locator("#positions .ts-arrow.ts-of-key").first
    before = arrow.get_attribute("x2")
    page.locator("#positions .ts-distance").focus()
    for _ in range(3):
        page.keyboard.press("ArrowUp")
    expect(told).not_to_contain_text("as in the text")
    assert arrow.get_attribute("x2") != before
    differences = page.locator("#positions .ts-moves td:last-child").all_inner_texts()
    assert all(re.search(r"⁻[⁶-⁹]|^0$|⁻¹", text) for text in differences[1:])  # a millionth or less
    page.locator("#positions .ts-key-choice").select_option("1")
    expect(page.locator("#token-strip .ts-asked")).to_have_attribute("data-position", "1")
    expect(page.locator("#positions .ts-key-choice")).to_have_value("1")
    page.click("#positions [data-name=head] [data-by='1']")
    expect(page.locator("#positions [data-name=head] output")).to_have_text("1")


def test_packing_two_texts(page: Page) -> None:
    open_tab(page, "Positions")
    expect(page.locator("#positions .ts-second-text")).not_to_have_value("")
    page.click("#positions .ts-pack")
    rows = page.locator("#positions .ts-packed tbody tr")
    expect(rows).to_have_count(4)
    expect(page.locator("#positions .ts-packed .ts-same")).to_have_count(2)  # both with the first text hidden
    expect(rows.nth(0)).not_to_contain_text("as alone")
    page.fill("#positions .ts-second-text", "  ")
    page.click("#positions .ts-pack")
    expect(page.locator("#positions .ts-packing-wrong")).to_contain_text("second text is empty")
    expect(rows).to_have_count(4)


def test_a_prompt_of_parts(page: Page) -> None:
    open_tab(page, "Prompt parts")
    expect(page.locator("#prompt-parts .ts-part-field")).to_have_count(7)
    boxes = page.locator("#prompt-parts textarea")
    for index in (2, 3, 4, 5):
        boxes.nth(index).fill("")
    boxes.nth(6).fill("It <b>happened</b> here.")
    page.click("#prompt-parts [data-chat=chat]")
    expect(page.locator("#prompt textarea")).to_have_value(re.compile(r"^You are .*<b>happened</b> here\.$"))
    expect(page.locator("#prompt-parts .ts-parts-way")).to_have_text("in the chat template")
    expect(page.locator("#prompt-parts .ts-share-row")).to_have_count(7)  # six layers and the even spread
    coloured = page.locator("#token-strip [style*='--ts-part-6']")
    assert "".join(coloured.all_inner_texts()).startswith("·It")
    play(page, 3)
    expect(page.locator("#prompt-parts .ts-attention-of")).to_contain_text("of the 4 tokens")
    page.click("#prompt-parts [data-rows=here]")
    expect(page.locator("#prompt-parts .ts-attention-of")).to_contain_text("mean over heads")
    page.locator("#prompt-parts .ts-following").select_option("0")
    page.click("#prompt-parts .ts-leave-out")
    expect(page.locator("#prompt-parts .ts-effects-told")).to_have_text("4 of 4 known.")
    expect(page.locator("#prompt-parts .ts-effect")).to_have_count(4)  # the whole, and three parts
    page.click("#token-strip [data-position='5']")
    expect(page.locator("#prompt-parts .ts-asked-after")).to_contain_text("after the prompt")
    expect(page.locator("#prompt-parts .ts-effects-told")).to_contain_text("earlier text or cursor")


def test_another_prompt_says_what_to_do(page: Page) -> None:
    open_tab(page, "Prompt parts")
    expect(page.locator("#prompt-parts .ts-part-field")).to_have_count(7)
    for box in page.locator("#prompt-parts textarea").all():
        box.fill("")
    page.click("#prompt-parts [data-chat=raw]")
    expect(page.locator("#prompt-parts .ts-compose-wrong")).to_contain_text("All parts are empty")
    page.click("#prompt-parts .ts-example")
    page.click("#prompt-parts [data-chat=raw]")
    expect(page.locator("#prompt-parts .ts-parts-known")).to_be_visible()
    start(page, "The capital of France is")
    expect(page.locator("#prompt-parts .ts-parts-hint")).to_contain_text("does not begin with these parts")
    expect(page.locator("#prompt-parts .ts-parts-known")).to_be_hidden()
    expect(page.locator("#token-strip [style*='--ts-part']")).to_have_count(0)
