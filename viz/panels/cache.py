"""The tab of the KV cache: what each pass computes, the bytes it holds, and the generation timed with and without."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from viz.cache import bytes_payload, passes_payload, timing_payload
from viz.calls import Call, of_model
from viz.components.costs import CacheView
from viz.panels.long_answers import asked_in_parts
from viz.panels.progress import Progress, paced
from viz.panels.scene import Scene
from viz.panels.view import View, one_of
from viz.sentences import later, say
from viz.window import window_to

if TYPE_CHECKING:
    from model_runtime.model import Model

WINDOWS: Final = (16, 64, 256, 1024)
TOKENS: Final = (100, 20, 50, 200, 400)
MOST_ROWS: Final = 64  # positions: more could not be told apart


def build() -> CacheView:
    """Lays the tab out."""
    return CacheView(elem_id="cache")


def draw(scene: Scene) -> dict[str, Any]:
    """Returns the tab's payload without the experiment, which the page keeps."""
    cursor, labels = scene.view.cursor, scene.labels
    table = scene.model.cache(scene.moment, WINDOWS)
    window = window_to(cursor, len(labels), min(scene.view.window, MOST_ROWS))
    return {
        **passes_payload(table, labels, cursor, window),
        **bytes_payload(table, len(labels)),
        "labels": labels[window.start : window.stop],
        "start": window.start,
        "cursor": cursor,
        "shown": window.describe(),
        "moment": scene.moment.to_text(),
        "changed": bool(scene.moment.interventions),
    }


def asking(model: "Model", view: View, detail: Mapping[str, Any]) -> Call:
    """Returns the experiment that a page asks for.

    Raises:
        InputError: So many tokens cannot be written.
    """
    return of_model(
        "time_cache", one_of(detail.get("tokens", TOKENS[0]), TOKENS, later("number of new tokens")), only_last=True
    )


def scanned(model: "Model", view: View, detail: Mapping[str, Any]) -> Iterator[Progress]:
    """Runs the experiment; gives what is known so far again and again, all of it at last.

    Raises:
        TokenscopeError: So many tokens cannot be written, or the model works without a cache.
    """
    moment, call = view.moment, asking(model, view, detail)
    (_, tokens) = call.arguments
    for timing in paced(asked_in_parts(model, moment, call), lambda part: part.seconds.shape[1] == part.total):
        payload = {**timing_payload(timing), "moment": moment.to_text()}
        told = say(
            "Writing with the cache and without: {done} of {tokens} tokens each", done=payload["done"], tokens=tokens
        )
        if payload["done"] == tokens:
            told = say(
                "Both runs wrote {tokens} tokens; without the cache it took {ratio} times as long.",
                tokens=tokens,
                ratio=payload["ratio"],
            )
        yield Progress(payload, payload["done"], tokens, told)
