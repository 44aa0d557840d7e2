# ruff: noqa: T201 - a benchmark prints
"""Measures how long a head takes from the click to the screen: on our page, in stock gr.Plot, and in bertviz.

    python -m bench.painting                 # the built-in model, 512 tokens, all of them shown
    python -m bench.painting --tokens 256 --rounds 20 --model openai-community/gpt2

All three show the same weights, in one browser, and take turns, so that whatever else the machine does falls on all.
bertviz draws every head of one layer for the 64 newest tokens, the most that our tab offers, since it draws a line for
each weight. Its time leaves the transfer of the document out. The last line is JSON.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from playwright.sync_api import BrowserContext, Page, sync_playwright

from app import serve
from bench.pictures import OURS, STOCK, Look, Watch, framed, look, open_browser, stock_page, typical
from model_runtime import Library
from model_runtime.model import Model
from model_runtime.moment import Moment
from viz.bertviz_view import estimated_bytes
from viz.panels import bertviz
from viz.panels.models import Models
from viz.panels.view import WINDOWS, View

STORY: Final = "Once upon a time there was a little fox who wanted to see the sea."
WARM: Final = 2  # rounds before those that count
OPENED: Final = 60_000  # milliseconds
PAGE, PLOT, BERTVIZ = "our page", "stock gr.Plot", "bertviz model view"
_BUTTON: Final = "#head-side [data-name=head] [data-by='{}']"


def told(model: Model, tokens: int) -> Moment:
    """A text of so many tokens: what the model makes of the story's beginning, as often as it takes."""
    moment = model.begin(STORY)
    *_, moment = moment, *model.play(moment, max(0, tokens - len(moment.ids)))
    ids = (moment.ids * tokens)[:tokens]
    return Moment(moment.model, moment.revision, moment.fingerprint, ids, tokens)


def heads_in_turn(heads: int) -> Iterator[tuple[int, int]]:
    """Up and down over the heads without end, from head 0: (the step, the head that it leads to)."""
    while True:
        yield from ((1, head) for head in range(1, heads))
        yield from ((-1, head) for head in range(heads - 2, -1, -1))


def bertviz_look(page: Page, model: Model, view: View) -> Look:
    """Builds the model view of one layer as our tab does, and waits for it in a blank page."""
    begin = time.perf_counter()
    wanted = {"kind": "model view", "tokens": bertviz.SIZES[-1], "layers": [view.layer]}
    document = bertviz.make(model, view, wanted)["document"]
    handler = (time.perf_counter() - begin) * 1000
    return Look(handler, handler, handler + framed(page, document), len(document.encode()))


@contextmanager
def looks(library: Library, model: Model, view: View) -> Iterator[dict[str, Callable[[int, int], Look]]]:
    """Serves and opens all pages; gives what steps each of them to a head."""
    ours = serve(Models(library, view.moment.model), "127.0.0.1", None, wait=False)
    stock = stock_page(model, view.moment, view.layer)
    try:
        with sync_playwright() as playwright:
            browser = open_browser(playwright)
            context = browser.new_context(viewport={"width": 1440, "height": 1000}, reduced_motion="reduce")
            yield _opened(context, ours, stock, model, view)
            browser.close()
    finally:
        ours.close()
        stock.close()


def _opened(
    context: BrowserContext, ours: Any, stock: Any, model: Model, view: View
) -> dict[str, Callable[[int, int], Look]]:
    watches = Watch(ours), Watch(stock)
    page, plot, blank = context.new_page(), context.new_page(), context.new_page()
    # Our page opens with what its tab showed before a reload.
    saved = json.dumps(json.dumps({"view": view.to_json()}))
    page.add_init_script(f"if (window === top) sessionStorage.setItem('tokenscope-view', {saved})")
    page.goto(ours.local_url)
    page.wait_for_selector("#attention-map .ts-figure[data-drawn]", timeout=OPENED)
    plot.goto(stock.local_url)
    plot.wait_for_selector("#head-0", timeout=OPENED)
    return {
        PAGE: lambda step, head: look(page, watches[0], OURS, _BUTTON.format(step), str(head)),
        PLOT: lambda _, head: look(plot, watches[1], STOCK, f"#head-{head}", str(head)),
        BERTVIZ: lambda _, __: bertviz_look(blank, model, view),
    }


def measure(library: Library, model: Model, tokens: int, rounds: int) -> dict[str, Any]:
    """Prints what each picture costs, and gives the figures."""
    card = model.card()
    layer = card.layers // 2
    window = next(size for size in WINDOWS if size >= tokens)
    view = View((told(model, tokens).to_text(),), cursor=tokens - 1, layer=layer, window=window)
    found: dict[str, list[Look]] = {PAGE: [], PLOT: [], BERTVIZ: []}
    turns = heads_in_turn(card.heads)
    with looks(library, model, view) as questions:
        for number in range(WARM + rounds):
            step, head = next(turns)
            for name, question in questions.items():
                seen = question(step, head)
                if number >= WARM:
                    found[name].append(seen)
    print(
        f"{card.name}, {card.layers} x {card.heads} heads, layer {layer}; {tokens} tokens, medians of {rounds} rounds"
    )
    results = {name: typical(values) for name, values in found.items()}
    large = [estimated_bytes(layers, card.heads, tokens) for layers in (1, card.layers)]
    report(results, found, min(tokens, bertviz.SIZES[-1]), large, tokens)
    return {
        "model": card.name,
        "tokens": tokens,
        "bertviz_tokens": min(tokens, bertviz.SIZES[-1]),
        "medians": {name: {key: round(value, 1) for key, value in vars(one).items()} for name, one in results.items()},
        "ours_by_plot": ratios(results[PAGE], results[PLOT]),
        "ours_by_bertviz": ratios(results[PAGE], results[BERTVIZ]),
        "bytes_ours_by_bertviz_at_as_many_tokens": round(results[PAGE].size / large[0], 3),
    }


def ratios(ours: Look, other: Look) -> dict[str, float]:
    """Our time to paint and our bytes, as shares of another's."""
    return {"paint": round(ours.painted / other.painted, 3), "bytes": round(ours.size / other.size, 3)}


def report(results: dict[str, Look], found: dict[str, list[Look]], cut: int, large: list[int], tokens: int) -> None:
    """Prints a line for each picture, and how large bertviz's would be for all tokens."""
    shown = {PAGE: f"one head, {tokens} tokens", PLOT: f"one head, {tokens} tokens"}
    print(f"  {'':<20}{'':<26}{'handler':>11}{'answer':>11}{'painted':>11}   {'least to most':<16}{'bytes':>10}")
    for name, one in results.items():
        times = [single.painted for single in found[name]]
        span = f"{min(times):.0f} to {max(times):.0f} ms"
        print(
            f"  {name:<20}{shown.get(name, f'a layer, {cut} tokens'):<26}{one.handler:8.1f} ms{one.answer:8.1f} ms"
            f"{one.painted:8.1f} ms   {span:<16}{one.size / 1000:7.0f} KB"
        )
    layer, every = (size / 1e6 for size in large)
    print(f"  bertviz for {tokens} tokens, by arithmetic: {layer:.0f} MB for one layer, {every:.0f} MB for all")


def main() -> None:
    """Reads the command line and measures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="builtin", help="a name for the model picker")
    parser.add_argument("--tokens", type=int, default=512, help=f"tokens of the text, up to {WINDOWS[-1]}")
    parser.add_argument("--rounds", type=int, default=10, help="looks at each picture")
    arguments = parser.parse_args()
    if not 1 <= arguments.tokens <= WINDOWS[-1]:
        parser.error(f"--tokens: the page shows 1 to {WINDOWS[-1]}")
    library = Library()
    model = library.get(arguments.model)
    if model.card().heads < 2:
        parser.error("--model: it has a single head, so no other one can be opened")
    print(json.dumps(measure(library, model, arguments.tokens, arguments.rounds)))


if __name__ == "__main__":
    main()
