"""Every tab of the page: its name, what builds and draws it. A new one is an entry here, and its name in `view`."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from viz.calls import Call
from viz.panels import (
    ablation,
    attention,
    beams,
    bertviz,
    block,
    cache,
    choosing,
    compare,
    contributions,
    embeddings,
    head_table,
    inputs,
    inside,
    lens,
    looking,
    loop,
    masks,
    model_map,
    neurons,
    patching,
    positions,
    prompt_parts,
    residual,
    steering,
    streams,
    tokenizer,
)
from viz.panels.progress import Progress
from viz.panels.scene import Scene
from viz.panels.view import View
from viz.sentences import later

if TYPE_CHECKING:
    from model_runtime.model import Model

Draw = Callable[[Scene], Any]
Scan = Callable[["Model", View, Mapping[str, Any]], Iterator[Progress]]
Asking = Callable[["Model", View, Mapping[str, Any]], Call]


@dataclass(frozen=True)
class Tab:
    """One tab.

    Attributes:
        name: Its id.
        title: What it is called.
        build: Lays it out and returns its components, by the names of the outputs that they show.
        draw: What draws each output; only called while the tab is open.
        scan: What answers the tab's long question step by step, if it has one; it belongs to the output of its name.
        asking: The same question as data, for exports of its answer.
    """

    name: str
    title: str
    build: Callable[[], dict[str, Any]]
    draw: Mapping[str, Draw] = field(default_factory=dict)
    scan: Scan | None = None
    asking: Asking | None = None


def _single(
    name: str,
    title: str,
    build: Callable[[], Any],
    draw: Draw,
    scan: Scan | None = None,
    asking: Asking | None = None,
) -> Tab:
    """A tab with one component."""
    return Tab(name, title, lambda: {name: build()}, {name: draw}, scan, asking)


def _build_attention() -> dict[str, Any]:
    built = attention.build()
    return {"attention": built.picture, "head_side": built.side, "mosaic": built.mosaic}


_ATTENTION: Final = Tab(
    "attention",
    later("Attention"),
    _build_attention,
    {"attention": attention.draw, "head_side": attention.draw_side, "mosaic": attention.draw_mosaic},
)

_PARTS: Final = _single(
    "parts",
    later("Prompt parts"),
    prompt_parts.build,
    prompt_parts.draw,
    prompt_parts.scanned,
    prompt_parts.asking,
)

# The groups of tabs, in the order of the page.
GROUPS: Final[tuple[tuple[str, tuple[Tab, ...]], ...]] = (
    (
        later("Attention heads"),
        (
            _ATTENTION,
            _single("looking", later("Which head?"), looking.build, looking.draw),
            _single("compare", later("Compare"), compare.build, compare.draw),
            _single("heads", later("Heads"), head_table.build, head_table.draw),
            _single("inside", later("Inside a head"), inside.build, inside.draw),
            _single("ablation", later("Switch off"), ablation.build, ablation.draw, ablation.scanned, ablation.asking),
            _single("bertviz", later("bertviz"), bertviz.build, bertviz.draw),
        ),
    ),
    (
        later("Layers and parts"),
        (
            _single("lens", later("Logit lens"), lens.build, lens.draw),
            _single("contributions", later("Who wrote this?"), contributions.build, contributions.draw),
            _single("neurons", later("Neurons"), neurons.build, neurons.draw),
            _single("residual", later("Residual stream"), residual.build, residual.draw),
        ),
    ),
    (
        later("Cause and effect"),
        (
            _single("inputs", later("Inputs"), inputs.build, inputs.draw, inputs.scanned, inputs.asking),
            _single("patching", later("Patching"), patching.build, patching.draw, patching.scanned, patching.asking),
            _single("steering", later("Steering"), steering.build, steering.draw),
        ),
    ),
    (
        later("Writing"),
        (
            _single("loop", later("The loop"), loop.build, loop.draw),
            _single("streams", later("Streams"), streams.build, streams.draw),
            _single("choosing", later("Choosing"), choosing.build, choosing.draw),
            _single("beams", later("Beams"), beams.build, beams.draw, beams.scanned, beams.asking),
            _PARTS,
        ),
    ),
    (
        later("The model"),
        (
            _single("map", later("Map"), model_map.build, model_map.draw),
            _single(
                "tokenizer", later("Tokenizer"), tokenizer.build, tokenizer.draw, tokenizer.scanned, tokenizer.asking
            ),
            _single("embeddings", later("Embeddings"), embeddings.build, embeddings.draw),
            _single("block", later("Block"), block.build, block.draw),
            _single("cache", later("KV cache"), cache.build, cache.draw, cache.scanned, cache.asking),
            _single("masks", later("Cheaper attention"), masks.build, masks.draw, masks.scanned, masks.asking),
            _single(
                "positions", later("Positions"), positions.build, positions.draw, positions.scanned, positions.asking
            ),
        ),
    ),
)
ALL: Final = tuple(tab for _, tabs in GROUPS for tab in tabs)
# Which tab an output is part of.
TAB_OF: Final = {output: tab.name for tab in ALL for output in tab.draw}
