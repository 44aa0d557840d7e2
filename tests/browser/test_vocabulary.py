"""The tokenizer, its vocabulary, prompts raw and in the template, and embeddings."""

from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.browser.actions import HOSTILE, count, cursor, open_tab, play, start, step, text, tokens, wait_for

ROWS = "#tokenizer .ts-text-table tbody tr"


def open_tokenizer(page: Page) -> None:
    open_tab(page, "Tokenizer")
    expect(page.locator(ROWS)).to_have_count(min(32, count(page)))  # longer texts are shown around the cursor


def cuts(page: Page) -> dict[str, int]:
    """How many pieces each way of cutting makes."""
    rows = page.locator("#tokenizer .ts-cut").all()
    return {
        str(row.locator(".ts-cut-name-shown").text_content()): int(str(row.locator(".ts-number").text_content()))
        for row in rows
    }


def pieces(host: Locator) -> list[str]:
    return [label.replace("·", " ").replace("↵", "\n") for label in host.locator(".ts-piece").all_text_contents()]


def test_the_table_is_the_text_and_moves_the_cursor(page: Page) -> None:
    open_tokenizer(page)
    labels = page.locator(f"{ROWS} .ts-entry").all_text_contents()
    assert "".join(labels) == text(page)
    page.click(f"{ROWS}:nth-child(2) .ts-hex")
    expect(page.locator("#token-strip .ts-cursor")).to_have_attribute("data-position", "1")
    expect(page.locator(f"{ROWS}.ts-here td").first).to_have_text("1")


def test_a_typed_text_is_cut_five_ways(page: Page) -> None:
    open_tokenizer(page)
    assert set(cuts(page)) == {"words", "tokens of builtin", "tokens of builtin-gpt2", "characters", "bytes"}
    typed = "naïve cats run"
    page.fill("#tokenizer .ts-cut-text", typed)
    page.press("#tokenizer .ts-cut-text", "Enter")
    expect(page.locator("#tokenizer .ts-cut-of")).to_have_text("the text that was typed")
    found = cuts(page)
    assert (found["words"], found["characters"], found["bytes"]) == (3, len(typed), len(typed.encode()))
    for row in page.locator("#tokenizer .ts-cut[data-unit=token]").all():
        assert row.locator(".ts-piece").count() == int(str(row.locator(".ts-number").text_content()))
    page.fill("#tokenizer .ts-cut-name", "/no/such/folder")
    page.press("#tokenizer .ts-cut-name", "Enter")
    expect(page.locator("#tokenizer [data-ask=cut]")).to_contain_text("no folder")
    page.fill("#tokenizer .ts-cut-text", "")
    page.fill("#tokenizer .ts-cut-name", "builtin")
    page.press("#tokenizer .ts-cut-name", "Enter")
    expect(page.locator("#tokenizer .ts-cut-of")).to_contain_text("the present text")
    step(page)
    expect(page.locator("#tokenizer .ts-cut-of")).to_contain_text("an earlier text")
    page.click("#tokenizer .ts-cut-present")
    expect(page.locator("#tokenizer [data-ask=cut]")).to_be_hidden()
    assert cuts(page)["words"] == 6


def test_the_same_question_raw_and_in_the_template(page: Page) -> None:
    open_tokenizer(page)
    raw, chat = (page.locator(f"#tokenizer [data-form={name}]") for name in ("raw", "chat"))
    words = "".join(pieces(raw))
    assert words == "The capital of Japan is"
    assert words in "".join(pieces(chat))
    expect(chat.locator(".ts-piece.ts-special").first).to_have_text("<|user|>")
    expect(chat.locator(".ts-written")).to_contain_text(words)
    expect(page.locator("#tokenizer .ts-sent")).to_contain_text("raw")
    sent = chat.locator(".ts-piece").count()
    page.click("#tokenizer [data-start=chat]")
    wait_for(page, sent)
    expect(page.locator("#mode input[value=chat]")).to_be_checked()
    expect(page.locator("#tokenizer .ts-sent")).to_contain_text("in the template")
    page.click("#tokenizer [data-start=raw]")
    wait_for(page, raw.locator(".ts-piece").count())
    page.fill("#prompt textarea", "a question")
    page.click("#tokenizer .ts-from-box")
    expect(page.locator("#tokenizer .ts-form-of")).to_contain_text("a question")
    expect(page.locator("#tokenizer .ts-sent")).to_contain_text("not been sent")


def test_the_vocabulary_is_searched_and_leads_to_an_embedding(page: Page) -> None:
    open_tokenizer(page)
    table = page.locator("#tokenizer .ts-vocabulary-table tbody tr")
    page.click("#tokenizer [data-page='1']")
    expect(table.first.locator("td").first).to_have_text("20")
    page.fill("#tokenizer .ts-search-text", "tokyo")
    page.press("#tokenizer .ts-search-text", "Enter")
    expect(table).to_have_count(1)
    expect(table.locator(".ts-entry")).to_have_text("·Tokyo")
    page.fill("#tokenizer .ts-search-text", "zzzz")
    page.press("#tokenizer .ts-search-text", "Enter")
    expect(page.locator("#tokenizer .ts-found")).to_contain_text("No token fits")
    page.fill("#tokenizer .ts-search-id", "300")
    page.press("#tokenizer .ts-search-id", "Enter")
    expect(table.first.locator("td").first).to_have_text("300")
    page.fill("#tokenizer .ts-search-id", "999999")
    page.press("#tokenizer .ts-search-id", "Enter")
    expect(page.locator("#tokenizer [data-ask=search]")).to_contain_text("token id")
    name = table.first.locator(".ts-entry").text_content()
    table.first.click()
    expect(page.locator("#embeddings .ts-embeddings-title")).to_have_text(f"“{name}”, id 300")


def test_embeddings_of_the_cursor_of_a_typed_token_and_of_a_neighbour(page: Page) -> None:
    open_tab(page, "Embeddings")
    title = page.locator("#embeddings .ts-embeddings-title")
    expect(title).to_contain_text("“·is”")
    page.fill("#embeddings form input", "Tokyo")
    page.press("#embeddings form input", "Enter")
    expect(title).to_contain_text("“·Tokyo”")
    near = page.locator("#embeddings .ts-near").nth(1).locator("button")
    expect(near.first.locator(".ts-label")).to_have_text("·Japan")
    shown = [float(value.replace("\u2212", "-")) for value in near.locator(".ts-number").all_text_contents()]
    assert shown == sorted(shown, reverse=True)
    page.evaluate("() => tokenscope.act('step')")
    expect(page.locator("#embeddings .ts-at-cursor")).to_contain_text("“·Tokyo” (5)")
    near.first.click()
    expect(title).to_contain_text("“·Japan”")
    page.locator("#embeddings .ts-map-box .ts-here").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(title).not_to_contain_text("“·Japan”")
    page.fill("#embeddings form input", "  ")
    page.press("#embeddings form input", "Enter")
    expect(page.locator("#embeddings-search")).to_have_attribute("data-error", "Type the token to ask about.")
    page.click("#embeddings .ts-at-cursor")
    expect(title).to_contain_text("“·Tokyo”")


def test_a_token_of_twenty_steps_ago(page: Page) -> None:
    open_tokenizer(page)
    first = cursor(page)
    play(page, 20)
    expect(page.locator(ROWS)).to_have_count(first + 21)
    tokens(page).nth(first + 1).click()
    expect(page.locator(f"{ROWS}.ts-here td").first).to_have_text(str(first + 1))
    open_tab(page, "Embeddings")
    expect(page.locator("#embeddings .ts-at-cursor")).to_contain_text(f"({first + 1})")


def test_hostile_tokens_in_a_narrow_dark_window(open_page: Callable[..., Page]) -> None:
    page = open_page("/?__theme=dark", width=390, height=844)
    start(page, HOSTILE)
    open_tokenizer(page)
    page.fill("#tokenizer .ts-cut-text", HOSTILE)
    page.press("#tokenizer .ts-cut-text", "Enter")
    expect(page.locator("#tokenizer .ts-cut-of")).to_have_text("the text that was typed")
    assert page.locator("#tokenizer img, #tokenizer script").count() == 0
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    open_tab(page, "Embeddings")
    expect(page.locator("#embeddings .ts-near-row").first).to_be_visible()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
