"""Sentences with elements in them: each language has its own order, and no text becomes markup or a place in braces."""

from playwright.sync_api import Page


def test_elements_stand_where_the_sentence_has_them(page: Page) -> None:
    woven = page.evaluate(
        """() => {
            const { make, weave } = tokenscope;
            const host = make('p', '', null, 'what stood there before');
            const parts = {
              token: make('code', '', null, 'Tokyo'),
              other: [make('select'), make('input')],
              text: '{token} <b>',
            };
            weave(host, 'Against {other}, {text}: {token} <i>', parts);
            return host.innerHTML;
        }"""
    )
    assert woven == "Against <select></select><input>, {token} &lt;b&gt;: <code>Tokyo</code> &lt;i&gt;"


def test_the_question_form_keeps_its_elements_in_order(page: Page) -> None:
    page.evaluate("() => tokenscope.act('open_tab', { tab: 'neurons' })")
    line = page.locator("#neurons .ts-question-line")
    line.locator("option").first.wait_for(state="attached")
    children = line.evaluate("(line) => [...line.childNodes].map((node) => node.ariaLabel ?? node.textContent)")
    assert children == [
        "Explain ",
        "the token that is explained",
        "the token that is explained, typed",
        " against ",
        "what it is compared with",
        "what it is compared with, typed",
        "",
    ]
