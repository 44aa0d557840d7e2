"""What a user does on the page, and how a test reads it. Everything waits for the page; nothing sleeps."""

from playwright.sync_api import Locator, Page, expect

HOSTILE = "</script><img src=x onerror=alert(1)> ${7*6} {{value}} <b>bold</b> $x$ &lt;"


def tokens(page: Page) -> Locator:
    return page.locator("#token-strip [data-position]")


def bars(page: Page) -> Locator:
    return page.locator("#next-token button[data-token-id]")


def count(page: Page) -> int:
    return tokens(page).count()


def wait_for(page: Page, number: int) -> None:
    expect(tokens(page)).to_have_count(number)


def step(page: Page) -> None:
    before = count(page)
    page.click("#step")
    wait_for(page, before + 1)


def play(page: Page, number: int) -> None:
    """Lets the model write so many tokens, however busy the machine is."""
    before = count(page)
    page.fill("#steps input", str(number))
    page.click("#play")
    expect(tokens(page)).to_have_count(before + number, timeout=60_000)
    expect(page.locator("#message")).to_contain_text(f"Played {number}")


def start(page: Page, text: str) -> None:
    """Starts from a prompt and waits for the answer, whatever it is."""
    turn = page.get_attribute("body", "data-turn")
    page.fill("#prompt textarea", text)
    page.click("#start")
    page.wait_for_function("before => document.body.dataset.turn !== before", arg=turn)


def cursor(page: Page) -> int:
    return int(page.get_attribute("#token-strip .ts-cursor", "data-position") or -1)


def text(page: Page) -> str:
    return "".join(tokens(page).all_text_contents())


def open_tab(page: Page, name: str) -> None:
    """Opens a tab, and first the group it is in."""
    tab = page.get_by_role("tab", name=name, exact=True)
    for group in page.locator("#tabs .ts-group").all():
        if tab.count():
            break
        group.click()
    tab.click()
    expect(tab).to_have_attribute("aria-selected", "true")
