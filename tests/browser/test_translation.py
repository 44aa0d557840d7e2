"""The page in a made-up language that puts every sentence in ⟦ ⟧: no word of the interface stands outside of them."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import torch
from playwright.sync_api import BrowserContext, Page, expect
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import MistralConfig, MistralForCausalLM, PreTrainedTokenizerFast

from model_runtime.catalogue import CATALOGUE
from model_runtime.model import Model
from tests.browser.actions import open_tab, start, step
from tests.serving import Kept, address_of
from viz import sentences
from viz.panels.models import PRECISIONS, Models
from viz.panels.opening import FORMS
from viz.panels.tabs import ALL
from viz.sentences import gather

# No sentences: names, units, numbers.
NAMES: Final = frozenset(
    "Tokenscope MLP mlp kv ms MHA GQA MQA KiB SVG PNG LayerNorm RMSNorm ReLU SiLU eager SDPA FlashAttention".split()
)
# What is pressed in each panel, once.
PRESSED: Final = (
    ".ts-start, .ts-build, .ts-leave-out, .ts-pack, .ts-steer-add, .ts-pin, .ts-switch, [data-grid], [data-pairs],"
    " [data-order], [data-only], [data-rows]"
)

#: What is said on canvases and in the tooltip, as well as in the document.
LISTEN = """
  window.painted = new Set();
  const fillText = CanvasRenderingContext2D.prototype.fillText;
  CanvasRenderingContext2D.prototype.fillText = function paint(text, ...place) {
    window.painted.add(String(text));
    return fillText.call(this, text, ...place);
  };
"""
PATIENCE: Final = 120_000  # milliseconds: long questions are asked, too
TIP = "() => document.querySelectorAll('.ts-tip div').forEach((row) => window.painted.add(row.textContent))"
#: Every text of the page that stands outside of ⟦ ⟧, with where it stands; sentences may hold elements.
OUTSIDE = """() => {
  const strip = (text) => {
    let [depth, kept] = [0, ''];
    for (const letter of text) {
      if (letter === '⟧') depth -= 1;
      else if (letter === '⟦') depth += 1;
      else if (!depth) kept += letter;
    }
    return kept;
  };
  const skipped = 'script, style, template, textarea, iframe, code, kbd';
  const nameOf = (node) => `${node.tagName.toLowerCase()}.${node.getAttribute('class') ?? ''}`;
  const where = (node) => `${node.closest('[id]')?.id ?? ''} ${nameOf(node)}`;
  const found = [];
  const told = (text, node, kind) => {
    const kept = strip(text).trim();
    if (kept) found.push([kept, `${kind} of ${where(node)}`]);
  };
  // A sentence may hold elements, whose texts are then inside of it.
  const walk = (node) => {
    let [depth, kept] = [0, ''];
    for (const child of node.childNodes) {
      if (child.nodeType === Node.ELEMENT_NODE && !child.matches(skipped)) {
        if (depth) for (const inside of [child, ...child.querySelectorAll('*')]) attributes(inside);
        else visit(child);
      } else if (child.nodeType === Node.TEXT_NODE) {
        for (const letter of child.data) {
          if (letter === '⟧') depth -= 1;
          else if (letter === '⟦') depth += 1;
          else if (!depth) kept += letter;
        }
        kept += ' ';
      }
    }
    if (depth) found.push([node.textContent, `unbalanced text of ${where(node)}`]);
    else told(kept, node, 'text');
  };
  const said = ['aria-label', 'aria-description', 'aria-roledescription', 'aria-valuetext', 'title', 'placeholder'];
  const attributes = (node) => {
    for (const name of [...said, 'alt', 'label', 'data-error', 'data-missing']) {
      if (node.hasAttribute(name)) told(node.getAttribute(name), node, name);
    }
  };
  const visit = (node) => {
    attributes(node);
    walk(node);
  };
  visit(document.body);
  for (const text of window.painted) {
    const kept = strip(text).trim();
    if (kept) found.push([kept, 'painted']);
  }
  return found;
}"""


def georgian_model() -> Model:
    """A small random model whose every token is a Georgian letter or a sign, so that no token looks like a sentence."""
    torch.manual_seed(0)
    words = ["⟨?⟩", "⟨ა⟩", "⟨ჰ⟩", *(chr(code) for code in range(ord("ა"), ord("ჰ") + 1))]
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="⟨?⟩"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.decoder = decoders.Fuse()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="⟨?⟩", bos_token="⟨ა⟩", eos_token="⟨ჰ⟩")
    fast.chat_template = "{% for message in messages %}⟨ა⟩{{ message['content'] }}ჰ{% endfor %}"
    settings: dict[str, Any] = {
        "vocab_size": len(words),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "intermediate_size": 48,
        "max_position_embeddings": 128,
        "sliding_window": 8,
    }
    model = MistralForCausalLM(MistralConfig(**settings, bos_token_id=1, eos_token_id=2)).eval()
    return Model(model, fast, name="აბგ")


def made_up(path: Path) -> None:
    """Writes the made-up language."""
    catalog = gather.gathered()
    for message in catalog:
        if message.id:
            message.string = (
                f"⟦{message.id}⟧" if isinstance(message.id, str) else tuple(f"⟦{one}⟧" for one in message.id)
            )
    path.write_text(json.dumps(gather.spoken(catalog)), encoding="utf-8")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the page is served in the made-up language."""
    folder = tmp_path_factory.mktemp("sentences")
    made_up(folder / "qaa.json")
    sentences.use("qaa", folder)
    with address_of(Models(Kept({"აბგ": georgian_model()}), "აბგ")) as where:
        yield where
    sentences.use("en")


def settled(page: Page) -> None:
    """Waits until every answer has come and been drawn."""
    page.wait_for_function("() => tokenscope.busyFor() === 0")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def known_texts(model: Model) -> list[str]:
    """What is no sentence of the page: names of models and of their parts, and what the runtime says."""
    card = model.card()
    told = [card.architecture, card.model_type, card.device, card.dtype, *card.notes, model.position_scheme().told]
    for proof in card.proofs:
        told += [proof.name, proof.detail]
    told += [type(module).__name__ for module in model._engine.model.modules()]
    for path, _ in model._engine.model.named_modules():
        told += [part for part in (path, path.rpartition(".")[2]) if "." in part or "_" in part]
    for offer in CATALOGUE:
        told += [offer.name, offer.title]
    told += [form for form, _ in FORMS] + list(PRECISIONS)
    return sorted(told, key=len, reverse=True)


def outside(page: Page, known: list[str]) -> list[str]:
    """What is said outside of the brackets, with where it stands."""
    found = []
    for text, where in page.evaluate(OUTSIDE):
        left = text
        for name in known:
            left = re.sub(rf"(?<![A-Za-z]){re.escape(name)}(?![A-Za-z])", "", left)
        if set(re.findall(r"[A-Za-z]{2,}", re.sub(r"\\x[0-9A-F]{2}", "", left))) - NAMES:
            found.append(f"{text!r}, {where}")
    return found


def hover(page: Page, panel: str) -> None:
    """Moves over every picture of a panel, for what its tooltip says."""
    for picture in page.locator(f"{panel} canvas:visible, {panel} svg:visible, {panel} .ts-figure:visible").all():
        box = picture.bounding_box()
        if box is None:
            continue
        for across, down in ((0.3, 0.6), (0.15, 0.9), (0.6, 0.4)):
            page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])
            page.evaluate(
                "() => document.querySelectorAll('.ts-tip div').forEach((row) => painted.add(row.textContent))"
            )


def test_every_word_of_the_page_can_be_translated(browser: BrowserContext, open_page: Callable[..., Page]) -> None:
    browser.add_init_script(LISTEN)
    page = open_page()
    page.set_default_timeout(PATIENCE)
    known = known_texts(georgian_model())
    assert page.get_attribute("html", "lang") == "qaa"
    start(page, "აბგდაბგდ")
    step(page)
    wrong = outside(page, known)
    for tab in ALL:
        open_tab(page, f"⟦{tab.title}⟧")
        settled(page)
        panel = f"#panel-{tab.name}"
        page.evaluate("() => document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        for button in page.locator(f"{panel} button:is({PRESSED}):visible").all():
            if button.is_enabled():
                button.click()
                settled(page)
                expect(page.locator("body")).not_to_have_class(re.compile("ts-(scanning|answering)"))
        hover(page, panel)
        wrong += outside(page, known)
    for opener in ("#model-picker input", "#sharing .ts-share-open", ".ts-walk-open"):
        page.click(opener)
        settled(page)
        wrong += outside(page, known)
        page.keyboard.press("Escape")
    assert list(dict.fromkeys(wrong)) == []
