"""Who wrote this token, and which neurons: from the question to the parts, the heads and one MLP."""

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.browser.actions import HOSTILE, bars, count, cursor, open_tab, play, start, tokens

ROUNDING = 0.005  # of each number that is shown with two decimals


def number(text: str | None) -> float:
    return float(re.findall(r"[+-]?\d+\.\d+", str(text).replace("\u2212", "-"))[0])


def numbers(found: Locator) -> list[float]:
    return [number(text) for text in found.all_text_contents()]


def told(page: Page) -> Locator:
    return page.locator("#contributions .ts-told-parts")


def first_choice(page: Page) -> str:
    return str(bars(page).first.locator(".ts-label").text_content())


def test_the_parts_add_up_and_lead_on(page: Page) -> None:
    start(page, "The Shawshank")
    open_tab(page, "Who wrote this?")
    expect(told(page)).to_contain_text(f"The logit of “{first_choice(page)}” is")
    expect(page.locator("#contributions .ts-sum-check")).to_contain_text(" = the model's own logit")
    parts = page.locator("#contributions .ts-part")
    values = numbers(parts.locator(".ts-number"))
    total = number(told(page).text_content())
    assert abs(abs(sum(values)) - total) < ROUNDING * (len(values) + 1)
    expect(page.locator("#contributions .ts-waterfall .ts-step")).to_have_count(len(values) + 1)
    page.click("#contributions [data-order=size]")
    sizes = [abs(value) for value in numbers(parts.locator(".ts-number"))]
    assert sizes == sorted(sizes, reverse=True)

    parts.filter(has_text="attention 3").click()
    heads = page.locator("#contributions .ts-head-row")
    expect(page.locator("#contributions [data-only=layer]")).to_have_text("only L3")
    expect(heads.locator(".ts-head-name").first).to_contain_text("L3 H")
    assert {name.split()[0] for name in heads.locator(".ts-head-name").all_text_contents()} == {"L3"}

    mlp = parts.filter(has_text="MLP").first  # the largest
    name = str(mlp.locator(".ts-part-name").text_content())
    value = number(mlp.locator(".ts-number").text_content())
    mlp.click()
    chosen = page.locator("#neurons .ts-mlp[aria-pressed=true]")
    expect(chosen.locator(".ts-mlp-name")).to_have_text(name)
    assert number(chosen.locator(".ts-number").text_content()) == value
    expect(page.locator("#neurons tfoot .ts-sum th")).to_have_text(f"{name} in all")
    rows = page.locator("#neurons tbody .ts-number, #neurons tfoot tr:not(.ts-sum) .ts-number")
    assert abs(sum(numbers(rows)) - value) < ROUNDING * (rows.count() + 1)
    expect(page.locator("#neurons tbody .ts-raises").first).to_contain_text("logits")
    other = page.locator("#neurons .ts-mlp[aria-pressed=false]").first
    name = str(other.locator(".ts-mlp-name").text_content())
    other.click()
    expect(page.locator("#neurons tfoot .ts-sum th")).to_have_text(f"{name} in all")


def test_any_token_is_explained_against_any_other(page: Page) -> None:
    open_tab(page, "Who wrote this?")
    labels = bars(page).locator(".ts-label").all_text_contents()
    ids = [str(bar.get_attribute("data-token-id")) for bar in bars(page).all()[:3]]
    pick = page.locator("#contributions select")
    pick.first.select_option(ids[1])
    expect(told(page)).to_contain_text(f"The logit of “{labels[1]}” is")
    pick.last.select_option(ids[0])
    expect(told(page)).to_contain_text(f"below that of “{labels[0]}”")
    expect(page.locator("#contributions .ts-sum-check")).to_contain_text(
        "= the model's own difference of logits \u2212"
    )
    pick.last.select_option("-2")
    expect(told(page)).not_to_contain_text("that of")
    expect(page.locator("#contributions .ts-question-about")).to_contain_text("the raw logit")

    box = page.locator("#contributions .ts-question-box").first
    pick.first.select_option("typed")
    box.fill("  ")
    box.press("Enter")
    expect(page.locator("#contributions .ts-form-error")).to_contain_text("Type the token")
    box.fill(labels[2])
    box.press("Enter")
    expect(told(page)).to_contain_text(f"The logit of “{labels[2]}” is")
    expect(page.locator("#contributions .ts-form-error")).to_be_hidden()
    open_tab(page, "Neurons")
    expect(page.locator("#neurons select").first).to_have_value(ids[2])
    page.locator("#neurons select").first.select_option("")
    open_tab(page, "Who wrote this?")
    expect(told(page)).to_contain_text(f"The logit of “{labels[0]}” is")
    pick.first.select_option("typed")
    box.fill(HOSTILE)
    box.press("Enter")
    expect(page.locator("#message")).to_contain_text("this is about the first")
    assert page.locator("#contributions img, #contributions b").count() == 0


def test_a_token_written_twenty_steps_ago(open_page: Callable[..., Page]) -> None:
    page = open_page(width=390)
    open_tab(page, "Who wrote this?")
    before = count(page)
    play(page, 20)
    tokens(page).nth(before).click()
    expect(page.locator("#token-strip .ts-cursor")).to_have_attribute("data-position", str(before))
    assert cursor(page) == before
    expect(told(page)).to_contain_text(f"The logit of “{first_choice(page)}” is")
    expect(page.locator("#contributions .ts-question-token").first).to_contain_text("✓ taken")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    grid = page.locator("#contributions .ts-head-canvas")
    grid.focus()
    page.keyboard.press("ArrowDown")
    expect(grid).to_have_attribute("data-layer", "1")
    expect(page.locator("#contributions [data-only=layer]")).to_have_text("only L1")
    grid.press("Enter")
    expect(page.locator("#attention-map .ts-figure")).to_have_attribute("data-layer", "1")
    assert count(page) == before + 20
