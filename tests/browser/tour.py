"""A tour of the page: the frame with all that pops up from it, then every tab with its long questions answered."""

from collections.abc import Iterator

from playwright.sync_api import Page

from tests.browser.actions import open_tab, play, start

PROMPT = "The capital of Japan is"
SETTLED = "() => window.tokenscope.busyFor() === 0 && !window.tokenscope.isPlaying()"
# What pops up from the frame: what opens it, and what then is there.
POPOVERS = {
    "models on offer": ("#model-picker .ts-picker-name", "#model-picker .ts-picker-panel"),
    "share": (".ts-share-open", "#share-panel"),
    "decoding": (".ts-decoding summary", ".ts-decoding form"),
}


def settle(page: Page) -> None:
    """Waits until nothing is asked any more and what was answered is drawn."""
    page.wait_for_function(SETTLED, timeout=120_000)
    page.evaluate("() => new Promise((drawn) => setTimeout(() => requestAnimationFrame(drawn), 100))")


def prepare(page: Page) -> None:
    """Lets the model write some tokens, switches a head off, pins two heads and opens the walk."""
    start(page, PROMPT)
    play(page, 4)
    page.locator("#head-mosaic .ts-head-canvas").press("x")
    settle(page)
    open_tab(page, "Compare")
    page.click("#compare [data-does=pin]")
    settle(page)
    page.click("#compare [data-does=combine]")
    settle(page)
    page.click(".ts-walk-open")
    settle(page)


def popovers(page: Page) -> Iterator[tuple[str, str]]:
    """Opens one after the other what pops up, and yields its name and its selector."""
    for name, (opener, panel) in POPOVERS.items():
        page.click(opener)
        page.wait_for_selector(panel, state="visible")
        settle(page)
        yield name, panel
        page.keyboard.press("Escape")
        page.wait_for_selector(panel, state="hidden")


def tabs(page: Page) -> Iterator[tuple[str, str]]:
    """Opens every tab, answers its long questions, unfolds what is folded, and yields its name and its selector."""
    for group in range(page.locator("#tabs .ts-group").count()):
        page.locator("#tabs .ts-group").nth(group).click()
        for name in page.locator("#tabs .ts-tab").all_inner_texts():
            open_tab(page, name)
            settle(page)
            panel = f"#panel-{page.get_attribute('body', 'data-tab')}"
            fill(page, panel)
            yield name, panel


def fill(page: Page, panel: str) -> None:
    """Gives a tab's questions what they need, and asks them."""
    if panel == "#panel-patching":
        page.fill("#patching .ts-patch-text", PROMPT.replace("Japan", "France"))
        settle(page)
    for button in page.locator(f"{panel} .ts-start:visible:enabled").all():
        button.click()
        settle(page)
    page.eval_on_selector_all(f"{panel} details", "(all) => { for (const one of all) one.open = true; }")
    settle(page)
