"""Opening a model: what is offered, how a load is told and stopped, why one cannot be opened. No network here."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from transformers import DistilBertConfig, T5Config

from model_runtime import Library
from model_runtime.errors import LoadingStopped, ModelNotFound, ModelTooLarge
from tests.browser.actions import count, open_tab, start, step, text
from tests.serving import address_of
from viz.panels.models import Models

SLOW = "slow/model"
PROBLEMS = {
    "org/gated": ModelNotFound("org/gated asks its users to accept terms first. Log in with `hf auth login`."),
    "org/large": ModelTooLarge("The weights of org/large take 15.3 GB and cpu has 2.0 GB free. Use a smaller model."),
}


class SlowKeeper:
    """A library in which some names report bytes until they are let go; they come to the second built-in model."""

    def __init__(self) -> None:
        self.library = Library()
        self.begin()

    def begin(self) -> None:
        """Forgets what earlier tests did."""
        self.let_go = threading.Event()
        self.begun: list[str] = []
        self.ends: list[str] = []

    def get(self, name: str, progress: Any = None, *, dtype: str = "") -> Any:
        if name in PROBLEMS:
            raise PROBLEMS[name]
        if not name.startswith("slow/"):
            return self.library.get(name, progress, dtype=dtype)
        if progress is not None:  # the question that follows a load finds the model there
            self._fetch(name, progress)
        return self.library.get("builtin-gpt2", dtype=dtype)

    def _fetch(self, name: str, progress: Any) -> None:
        self.begun.append(name)
        done = 0
        try:
            while not self.let_go.wait(0.02):
                done = min(done + 1, 90)
                progress(f"Fetching {name}: {done / 100:.1f} of 1.5 GB, 31 MB/s", done / 150)
            self.ends.append(f"{name} is there")
        except LoadingStopped:
            self.ends.append(f"{name} stopped")
            raise

    def wait_for_ends(self, *ends: str) -> None:
        late = time.monotonic() + 20
        while self.ends != list(ends) and time.monotonic() < late:
            time.sleep(0.02)
        assert self.ends == list(ends)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[SlowKeeper, str]]:
    keeper = SlowKeeper()
    keeper.get("builtin")
    with address_of(Models(keeper, "builtin", room=lambda: ("cpu", 4_200_000_000))) as where:
        yield keeper, where


@pytest.fixture
def keeper(served: tuple[SlowKeeper, str]) -> Iterator[SlowKeeper]:
    served[0].begin()
    yield served[0]
    served[0].let_go.set()


@pytest.fixture
def address(served: tuple[SlowKeeper, str], keeper: SlowKeeper) -> str:
    """The page over the slow keeper, which the pages of this file are opened on."""
    return served[1]


def ask_for(page: Page, name: str) -> None:
    page.fill("#model-picker input", name)
    page.keyboard.press("Enter")


def loading(page: Page) -> Any:
    return page.locator("#loading .ts-loading")


def shown(page: Page) -> str:
    return page.input_value("#model-picker input")


def test_offers_say_what_they_need_before_one_is_chosen(page: Page) -> None:
    page.click("#model-picker input")
    offers = page.locator("#model-offers [role=option]")
    assert offers.count() >= 4
    for offer in offers.all():
        assert (offer.locator(".ts-offer-needs").text_content() or "").endswith(".")
    expect(page.locator("#model-picker")).to_contain_text("Models run on cpu, which has 4.2 GB free.")
    expect(page.locator(".ts-name-forms")).to_contain_text(".gguf")
    page.select_option(".ts-precision", "bfloat16")
    expect(page.locator(".ts-precision-meaning")).to_contain_text("recomputed in float32")
    page.keyboard.press("Escape")
    expect(offers.first).to_be_hidden()
    assert shown(page) == "Tokenscope's own small model"


def test_an_offer_opens_by_the_keyboard_and_by_a_click(page: Page) -> None:
    page.locator("#model-picker input").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("#message")).to_contain_text("builtin-gpt2 is ready")
    expect(page.locator(".ts-facts")).to_contain_text("GPT2LMHeadModel")
    step(page)  # the arrow keys belong to the text again
    before = count(page)
    page.keyboard.press("ArrowRight")
    page.wait_for_function("number => document.querySelectorAll('[data-position]').length > number", arg=before)
    page.click("#model-picker input")
    page.locator("#model-offers [role=option]").first.click()
    expect(page.locator(".ts-facts")).to_contain_text("Phi3ForCausalLM")
    assert shown(page) == "Tokenscope's own small model"


def test_another_precision_is_another_model_and_survives_a_reload(page: Page) -> None:
    page.click("#model-picker input")
    page.select_option(".ts-precision", "bfloat16")
    page.click(".ts-open-model")
    expect(page.locator(".ts-facts")).to_contain_text("cpu bfloat16")
    step(page)
    expect(page.locator(".ts-facts")).to_contain_text("cpu bfloat16")
    before = text(page)
    page.reload()
    expect(page.locator(".ts-facts")).to_contain_text("cpu bfloat16")
    assert text(page) == before


def test_a_load_is_told_and_the_old_model_goes_on_meanwhile(page: Page, keeper: SlowKeeper) -> None:
    ask_for(page, SLOW)
    expect(loading(page)).to_contain_text("of 1.5 GB, 31 MB/s · ")
    bar = page.locator(".ts-loading-bar")
    page.wait_for_function("() => document.querySelector('.ts-loading-bar').value > 0.01")
    expect(loading(page)).to_contain_text(" · 1 s")
    assert shown(page) == "Tokenscope's own small model"
    step(page)
    step(page)
    open_tab(page, "Logit lens")
    expect(page.locator(".ts-facts")).to_contain_text("Phi3ForCausalLM")
    keeper.let_go.set()
    expect(page.locator(".ts-facts")).to_contain_text("GPT2LMHeadModel")
    expect(page.locator("#message")).to_contain_text("builtin-gpt2 is ready")
    expect(bar).to_be_hidden()
    expect(page.get_by_role("tab", name="Logit lens")).to_have_attribute("aria-selected", "true")
    assert "Japan" in text(page)
    step(page)


def test_a_model_that_is_ready_lets_a_play_end_first(page: Page, keeper: SlowKeeper) -> None:
    start(page, "Once upon a time")
    before = count(page)
    ask_for(page, SLOW)
    expect(loading(page)).to_contain_text("1.5 GB")
    page.fill("#steps input", "12")
    page.click("#play")
    expect(page.locator("#token-strip [data-position]")).not_to_have_count(before)
    keeper.let_go.set()
    page.wait_for_function(
        "number => document.querySelectorAll('#token-strip [data-position]').length === number", arg=before + 12
    )
    expect(page.locator(".ts-facts")).to_contain_text("GPT2LMHeadModel")


@pytest.mark.parametrize("way", ["button", "Escape"])
def test_a_load_is_cancelled_soon_and_nothing_is_lost(page: Page, keeper: SlowKeeper, way: str) -> None:
    step(page)
    before = text(page)
    ask_for(page, SLOW)
    expect(loading(page)).to_contain_text("1.5 GB")
    if way == "button":
        page.get_by_role("button", name="Cancel", exact=True).focus()
        page.keyboard.press("Enter")
    else:
        page.keyboard.press("Escape")
    expect(page.locator("#message")).to_contain_text(
        "Stopped loading slow/model; what was fetched is kept for next time."
    )
    keeper.wait_for_ends("slow/model stopped")
    expect(loading(page)).to_be_hidden()
    assert (shown(page), text(page)) == ("Tokenscope's own small model", before)
    page.keyboard.press("ArrowRight")
    page.wait_for_function("before => document.querySelector('#token-strip').textContent !== before", arg=before)


def test_another_choice_ends_the_first_load(page: Page, keeper: SlowKeeper) -> None:
    ask_for(page, "slow/first")
    expect(loading(page)).to_contain_text("Fetching slow/first")
    ask_for(page, "slow/second")
    expect(loading(page)).to_contain_text("Fetching slow/second")
    keeper.wait_for_ends("slow/first stopped")
    expect(page.locator("#message")).not_to_contain_text("Stopped loading")
    keeper.let_go.set()
    expect(page.locator(".ts-facts")).to_contain_text("GPT2LMHeadModel")
    assert keeper.ends == ["slow/first stopped", "slow/second is there"]


def test_a_closed_page_ends_its_load(open_page: Callable[..., Page], keeper: SlowKeeper) -> None:
    page = open_page()
    ask_for(page, SLOW)
    expect(loading(page)).to_contain_text("1.5 GB")
    page.close()
    keeper.wait_for_ends("slow/model stopped")


def test_two_pages_wait_for_one_load(open_page: Callable[..., Page], keeper: SlowKeeper) -> None:
    first, second = open_page(), open_page()
    for page in (first, second):
        ask_for(page, SLOW)
        expect(loading(page)).to_contain_text("1.5 GB")
    first.click(".ts-loading-cancel")
    expect(first.locator("#message")).to_contain_text("Stopped loading")
    expect(loading(second)).to_contain_text("1.5 GB")
    assert keeper.ends == []
    keeper.let_go.set()
    expect(second.locator(".ts-facts")).to_contain_text("GPT2LMHeadModel")
    expect(first.locator(".ts-facts")).to_contain_text("Phi3ForCausalLM")
    assert (keeper.begun, keeper.ends) == ([SLOW], ["slow/model is there"])


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, str]:
    """Folders that hold no causal model, each under what it holds."""
    (tmp_path / "empty").mkdir()
    DistilBertConfig(dim=8, hidden_dim=8, n_layers=1, n_heads=1).save_pretrained(tmp_path / "encoder")
    T5Config(d_model=8, num_layers=1).save_pretrained(tmp_path / "both")
    own = tmp_path / "own"
    own.mkdir()
    (own / "config.json").write_text('{"model_type": "mine", "auto_map": {"AutoModelForCausalLM": "mine.Mine"}}')
    return {name: str(tmp_path / name) for name in ("empty", "encoder", "both", "own")}


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("empty", "config.json"),
        ("encoder", "distilbert"),
        ("both", "t5"),
        ("own", "own code"),
        ("/no/such/folder", "/no/such/folder"),
        ("org/gated", "accept terms"),
        ("org/large", "15.3 GB and cpu has 2.0 GB free"),
    ],
)
def test_what_cannot_be_opened_is_said_at_the_picker(
    page: Page, folders: dict[str, str], asked: str, words: str
) -> None:
    step(page)
    before = text(page)
    name = folders.get(asked, asked)
    ask_for(page, name)
    wrong = page.locator(".ts-not-loaded")
    expect(wrong).to_contain_text(words)
    expect(page.locator("#message")).to_contain_text(words)
    picker, said = page.locator("#model-picker").bounding_box(), wrong.bounding_box()
    assert picker
    assert said
    bottom = picker["y"] + picker["height"]
    beside = 0 <= said["x"] - (picker["x"] + picker["width"]) < 20 and said["y"] < bottom
    assert beside or 0 <= said["y"] - bottom < 20  # long reasons have a line of their own right below
    assert (shown(page), text(page)) == ("Tokenscope's own small model", before)
    assert page.input_value("#prompt textarea") == "The capital of Japan is"
    wrong.get_by_role("button", name="Change the name").click()
    assert shown(page) == name
    page.keyboard.press("Escape")
    step(page)
    expect(wrong).to_be_hidden()


def test_a_narrow_page_fits_while_a_model_loads(open_page: Callable[..., Page], keeper: SlowKeeper) -> None:
    page = open_page("/?__theme=dark", width=390, height=844)
    page.click("#model-picker input")
    expect(page.locator("#model-offers [role=option]").first).to_be_in_viewport()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    page.keyboard.press("Escape")
    ask_for(page, SLOW)
    expect(page.locator(".ts-loading-cancel")).to_be_in_viewport()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
