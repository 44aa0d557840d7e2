"""A view that is taken along: as a link, and as a file where that would be too long."""

import base64
import json
import random
import zlib
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from model_runtime import Decoding, Library, Moment
from model_runtime.head_measures import LABELS
from model_runtime.interventions import Steer
from tests.browser.actions import bars, cursor, open_tab, start, step, text, tokens, wait_for
from viz.panels.direction import Direction
from viz.panels.link import MOST_LINK, from_text
from viz.panels.pins import Pin
from viz.panels.playground import Playground
from viz.panels.view import View

ANYTHING = "#token-strip [data-position]"
INDUCTION = str([label.name for label in LABELS].index("induction"))  # as the filter of the table has it


def link_of(page: Page) -> str:
    page.click(".ts-share-open")
    page.wait_for_function("() => document.querySelector('#share-link').value")
    link = page.input_value("#share-link")
    page.keyboard.press("Escape")
    expect(page.locator("#share-panel")).to_be_hidden()
    return link


def shown(page: Page) -> dict[str, Any]:
    """All that one sees of a view, read from what is drawn."""
    return {
        "text": text(page),
        "cursor": cursor(page),
        "bars": bars(page).all_text_contents(),
        "decoding": page.text_content("#decoding .ts-summary"),
        "off": page.text_content("#heads-off"),
        "prompt": page.input_value("#prompt textarea"),
        "tab": page.get_attribute("body", "data-tab"),
        "model": page.input_value("#model-picker input"),
    }


def test_a_link_opens_what_it_was_made_of(page: Page, open_page: Callable[..., Page]) -> None:
    start(page, "Once upon a time there was")
    page.click("#decoding summary")
    page.fill("#decoding [name=temperature]", "0.8")
    page.keyboard.press("Tab")
    expect(page.locator("#decoding .ts-summary")).to_contain_text("T 0.8")
    page.keyboard.press("Escape")
    step(page)
    step(page)
    page.locator("#head-mosaic").wait_for()
    page.evaluate("() => window.tokenscope.act('head', { layer: 2, head: 3 })")
    page.evaluate("() => window.tokenscope.act('pin')")
    page.evaluate("() => window.tokenscope.act('switch', { layer: 1, head: 4, by: 'mean' })")
    expect(page.locator("#heads-off")).to_contain_text("L1 H4")
    tokens(page).nth(3).click()
    open_tab(page, "Logit lens")
    page.wait_for_function("() => window.tokenscope.view().tab === 'lens'")
    link = link_of(page)
    assert len(link) <= MOST_LINK
    other = open_page(link.removeprefix(page.url.split("?")[0].rstrip("/")), ready="#lens .ts-token-grid, #lens canvas")
    assert shown(other) == shown(page)
    view, same = (one.evaluate("() => window.tokenscope.view()") for one in (other, page))
    assert view == same
    assert len(view["pins"]) == 1
    assert "view=" not in other.url
    step(other)  # what comes later is kept, not the link
    before = text(other)
    other.reload()
    expect(tokens(other).last).to_be_visible()
    assert text(other) == before


def changed_view(page: Page) -> View:
    """A view in which every field stands otherwise than in a fresh one."""
    fresh = View.from_json(page.evaluate("() => window.tokenscope.view()"))
    moment = Moment.from_text(fresh.branches[0]).grown(2991, 18)
    decoding = Decoding(temperature=0.8, top_k=40, top_p=0.9, min_p=0.01, repetition_penalty=1.1, seed=7, stop=("\n",))
    steer = Steer(2, 0.5, 1, ((382, 384), 1), ((382, 302), 1))
    branch = replace(moment.without([(1, 4)], by="mean").steered(steer), decoding=decoding)
    changes: dict[str, Any] = {
        "branches": (moment.to_text(), branch.to_text()),
        "branch": 1,
        "cursor": 3,
        "layer": 2,
        "head": 5,
        "shade": "entropy",
        "window": 64,
        "tab": "heads",
        "hide": "first",
        "keys": (1, 2),
        "colour": "log",
        "words": True,
        "pins": (Pin("head", "head", ((3, 1),), moment.to_text(), 2), Pin("rollout", "all", ())),
        "target": 18,
        "against": 302,
        "reading": 5,
        "lens_colour": "rank",
        "middle": False,
        "follow": (18, 2991),
        "changed": "The capital of France is",
        "direction": Direction("one text", "another", 0, 1),
        "parts": ("a", "b", "", "", "", "", "c"),
        "playground": Playground(Decoding(temperature=0.3), 100),
        "entry": 77,
        "precision": "float32",
        "choices": (("heads.label", INDUCTION), ("heads.sort", "previous descending")),
    }
    changed = View(**changes)
    names = {field.name for field in fields(View)}
    assert set(changes) == names  # a new field of the view needs a value here
    assert {name for name in names if getattr(changed, name) != getattr(fresh, name)} == names
    return changed


def heads_listed(page: Page) -> tuple[str, list[str]]:
    """The filter of the table of heads, and its rows in their order."""
    expect(page.locator("#head-table .ts-filter")).to_have_value(INDUCTION)
    page.wait_for_function("() => document.querySelector('#head-table th[aria-sort=descending]')")
    return page.input_value("#head-table .ts-filter"), page.locator("#head-table tbody tr").all_text_contents()


@pytest.mark.parametrize("way", ["link", "file", "reload", "back"])
def test_every_field_of_a_view_comes_back(
    page: Page, open_page: Callable[..., Page], library: Library, tmp_path: Path, way: str
) -> None:
    library.get("builtin", dtype="float32")  # before the test's clock runs
    changed = changed_view(page)
    page.evaluate("view => window.tokenscope.act('revisit', { view })", changed.to_json())
    wait_for(page, 7)
    kept = page.evaluate("() => window.tokenscope.view()")
    assert View.from_json(kept) == changed
    listed = heads_listed(page)
    assert listed[1]
    assert all("induction" in row for row in listed[1])
    other = page
    if way == "link":
        other = open_page("/?" + link_of(page).split("?")[1], ready="#head-table tbody tr")
    elif way == "file":
        page.click(".ts-share-open")
        with page.expect_download() as download:
            page.click(".ts-share-save")
        download.value.save_as(tmp_path / "my.tokenscope")
        other = open_page()
        other.click(".ts-share-open")
        other.set_input_files(".ts-share-file", tmp_path / "my.tokenscope")
    elif way == "reload":
        page.evaluate("() => window.tokenscope.act('cursor', { position: 3 })")  # what a reload keeps came by an answer
        page.reload()
    else:
        step(page)
        page.locator("#head-table .ts-filter").select_option("")
        page.go_back()
    wait_for(other, 7)
    assert heads_listed(other) == listed
    found = other.evaluate("() => window.tokenscope.view()")
    assert {name for name in kept if found[name] != kept[name]} == set()
    assert shown(other) == shown(page)


def test_every_control_of_the_tabs_is_kept(page: Page) -> None:
    """What a control of a tab says is a field of the view, or one of its choices, or words that were not sent yet."""
    known = page.evaluate(
        """() => [...document.querySelectorAll('.ts-tab-panel :is(select, input, textarea)')].map(control => {
            const names = [control.closest('.ts-tab-panel').id, control.className, control.name, control.dataset.name,
                control.getAttribute('aria-label'), control.parentElement.className].join(' | ');
            return [names, window.tokenscope.isChoice(control)];
        })"""
    )
    left = [names for names, is_choice in known if not is_choice and not any(part in names for part in OF_THE_VIEW)]
    assert left == []
    assert sum(is_choice for _, is_choice in known) >= 30


# Controls whose value is a field of the view, and boxes whose words become one when they are sent.
OF_THE_VIEW = (
    *("ts-window", "ts-words", "panel-attention | ts-colour", "panel-lens | ts-colour", "ts-midpoints", "ts-reading"),
    *("ts-stepper", "panel-attention | ts-by", "ts-question", "ts-follow-form", "panel-residual | ts-slider"),
    *("ts-patch-layer", "ts-patch-text", "panel-choosing", "panel-parts |  |  |", "ts-entry-form", "ts-key-choice"),
    *("the text to steer", "ts-steer-slide"),
)


def test_what_is_typed_but_not_begun_with_stays_private(page: Page, open_page: Callable[..., Page]) -> None:
    page.fill("#prompt textarea", "A secret draft")
    shared = from_text(link_of(page).split("view=")[1])
    assert shared.prompt == ""
    page.fill("#prompt textarea", "The capital of Japan is")
    assert from_text(link_of(page).split("view=")[1]).prompt == "The capital of Japan is"


def test_copying_says_so(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click(".ts-share-open")
    page.wait_for_function("() => document.querySelector('#share-link').value")
    page.click(".ts-share-copy")
    expect(page.locator(".ts-share-copy")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == page.input_value("#share-link")


def test_a_link_of_another_model_loads_it_first(page: Page, open_page: Callable[..., Page]) -> None:
    page.fill("#model-picker input", "builtin-gpt2")
    page.keyboard.press("Enter")
    expect(page.locator(".ts-facts")).to_contain_text("GPT2LMHeadModel", timeout=60_000)
    step(page)
    other = open_page("/?" + link_of(page).split("?")[1], ready=ANYTHING)
    expect(other.locator(".ts-facts")).to_contain_text("GPT2LMHeadModel")
    expect(other.locator("#message")).to_contain_text("shared view")
    assert shown(other) == shown(page)


def with_view(page: Page, **changes: Any) -> str:
    """A link's text of the page's view with changes, which may be such as no page makes."""
    view = {**page.evaluate("() => window.tokenscope.view()"), **changes}
    packed = zlib.compress(json.dumps({"tokenscope": 1, "view": view}).encode())
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


@pytest.mark.parametrize("kind", ["cut", "version", "model", "changed", "tab", "markup"])
def test_a_link_that_cannot_be_opened_says_why(page: Page, open_page: Callable[..., Page], kind: str) -> None:
    moment = Moment.from_text(page.evaluate("() => window.tokenscope.view().branches[0]"))
    whole = with_view(page)
    another = base64.urlsafe_b64encode(zlib.compress(b'{"tokenscope":7,"view":{}}')).decode().rstrip("=")
    link, words = {
        "cut": (whole[:-9], "cut off or altered"),
        "version": (another, "of version 7"),
        "model": (with_view(page, branches=[replace(moment, model="/no/such/folder").to_text()]), "/no/such/folder"),
        "changed": (with_view(page, branches=[replace(moment, fingerprint="0").to_text()]), "another one now"),
        "tab": (with_view(page, tab="<img src=x onerror=alert(1)>"), "<img src=x"),
        "markup": ("%3Cscript%3Ealert(1)%3C%2Fscript%3E", "cut off or altered"),
    }[kind]
    other = open_page(f"/?view={link}", ready=ANYTHING)
    expect(other.locator("#message")).to_contain_text(words)
    expect(other.locator("#message .ts-error")).to_be_visible()
    assert text(other).startswith("The")
    step(other)
    assert "view=" not in other.url


def long_view(page: Page) -> View:
    """A view whose texts have more than 1,500 random tokens, which no compression makes short."""
    view = View.from_json(page.evaluate("() => window.tokenscope.view()"))
    draw = random.Random(0)
    for length in (900, 900, 900):
        view = view.branched(
            Moment.from_text(view.branches[0]).grown(*(draw.randrange(300, 4000) for _ in range(length)))
        )
    return view


def test_a_long_text_becomes_a_file_that_opens_again(
    open_page: Callable[..., Page], page: Page, tmp_path: Path
) -> None:
    view = long_view(page)
    page.evaluate("view => window.tokenscope.act('revisit', { view })", view.to_json())
    wait_for(page, 905)
    page.click(".ts-share-open")
    expect(page.locator(".ts-share-why")).to_contain_text("cut links off after 6,000")
    assert page.input_value("#share-link") == ""
    with page.expect_download() as download:
        page.click(".ts-share-save")
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    assert path.name == "builtin-905-tokens.tokenscope"
    assert from_text(path.read_text()).view.branches == view.branches

    other = open_page()
    other.click(".ts-share-open")
    other.set_input_files(".ts-share-file", path)
    wait_for(other, 905)
    expect(other.locator("#message")).to_have_text("This is the shared view.")
    assert shown(other) == shown(page)


def test_a_dropped_file_opens_and_a_wrong_one_says_why(page: Page) -> None:
    step(page)
    good = with_view(page)
    page.click("#back")
    wait_for(page, 5)
    drop = """content => {
        const data = new DataTransfer();
        data.items.add(new File([content], 'my.tokenscope'));
        document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
    }"""
    page.evaluate(drop, good)
    wait_for(page, 6)
    page.evaluate(drop, "<script>alert(1)</script>")
    expect(page.locator(".ts-share-told")).to_contain_text("cut off or altered")
    assert len(text(page)) > 0
