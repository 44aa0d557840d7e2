"""One layer run again over its kept input, for what a reduced recording does not keep: queries, what attention added.

The model itself runs, with the layers before this one passing the stream through and its input replaced by the kept
stream; the pass ends as soon as the layer's attention is done. Whatever the family hands to its layers (positions,
masks, tables) is made by its own code, and the keys and values of earlier tokens come from the recording's cache, so
only the tokens that are asked for cost anything.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import torch
from torch import nn
from transformers import DynamicCache

from model_runtime.caches import branch, new_cache
from model_runtime.chunks import LayerParts
from model_runtime.engine import Engine
from model_runtime.recording import Recording
from model_runtime.tape import Switches

# What each layer returns: the length of the tuple whose first element is the stream, None for the stream alone.
Forms = tuple[int | None, ...]


class LayerReplay:
    """Runs single layers of a recorded text again. May be called from any thread."""

    def __init__(self, engine: Engine, forms: Forms, switches: Switches) -> None:
        """Remembers what to run.

        Args:
            engine: The model.
            forms: What its layers return.
            switches: The heads that are off in the recording; steering is in the kept streams already.
        """
        self._engine, self._forms, self._switches = engine, forms, switches
        self.lock = engine.lock

    def __call__(self, recording: Recording, layer: int, begin: int, end: int) -> LayerParts:
        """What a layer computed at positions begin to end - 1."""
        engine = self._engine
        with self.lock, engine.running():
            if not self._resumable(recording):
                return self._run(recording, layer, 0, end, None).part(begin, end)
            rows = engine.unembedding.rows
            found: LayerParts | None = None
            for low in range(begin, end, rows):
                part = self._run(recording, layer, low, min(low + rows, end), self._cache(recording, low))
                found = part if found is None else found.joined(part)
        assert found is not None  # at least one position is asked for
        return found

    def _resumable(self, recording: Recording) -> bool:
        """Whether a pass can begin in the middle of the text."""
        return self._engine.cached and recording.cuttable

    def _cache(self, recording: Recording, tokens: int) -> DynamicCache:
        """The cache of the first tokens, to write to."""
        if tokens == 0 or recording.cache is None:
            return new_cache(self._engine.anatomy.config)
        cache = branch(recording.cache)
        cache.crop(min(0, tokens - len(recording.ids)))
        return cache

    def _run(self, recording: Recording, layer: int, begin: int, end: int, cache: DynamicCache | None) -> LayerParts:
        engine = self._engine
        ids = torch.tensor([recording.ids[begin:end]], device=engine.model.device)
        stream = recording.streams(layer, begin, end)[None]
        taped = engine.recorder.recording(switches=self._switches)
        formula = engine.recorder.formulas[layer]
        with taped as tape, self._only(layer, stream), suppress(_LayerDoneError):
            engine.model(ids, past_key_values=cache, use_cache=cache is not None)
        engine.recorder.formulas[layer] = formula  # what holds of fewer tokens does not take the place of it
        return LayerParts(layer, begin, end, tape.queries[layer], tape.attended.get(layer))

    @contextmanager
    def _only(self, layer: int, stream: torch.Tensor) -> Iterator[None]:
        """Inside, a pass does nothing before a layer, gives it this stream, and ends with its attention."""
        engine = self._engine
        layers, writers = engine.anatomy.layers, engine.writers[layer]
        last = layers[layer] if writers is None or writers.attention is None else writers.attention.module
        with ExitStack() as stack:
            for before in range(layer):
                stack.enter_context(_forward(layers[before], _passing(self._forms[before])))
            put = layers[layer].register_forward_pre_hook(_putting(stream), with_kwargs=True, prepend=True)
            stack.callback(put.remove)
            stack.callback(last.register_forward_hook(_finish).remove)
            yield


class _LayerDoneError(Exception):
    """Ends a pass whose layer has been run."""


def _finish(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
    raise _LayerDoneError


def _putting(stream: torch.Tensor) -> Callable[..., Any]:
    def put(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return ((stream, *args[1:]), kwargs) if args else (args, {**kwargs, "hidden_states": stream})

    return put


def _passing(form: int | None) -> Callable[..., Any]:
    """A layer's forward that returns the stream as it came."""

    def passed(*args: Any, **kwargs: Any) -> Any:
        stream = args[0] if args else kwargs["hidden_states"]
        return stream if form is None else (stream, *[None] * (form - 1))

    return passed


@contextmanager
def _forward(module: nn.Module, forward: Callable[..., Any]) -> Iterator[None]:
    """Inside, a module runs another forward; its attributes, which its model may ask for, stay."""
    own = vars(module).get("forward")  # where something, such as a dispatch over devices, put its own there
    vars(module)["forward"] = forward
    try:
        yield
    finally:
        if own is None:
            del vars(module)["forward"]
        else:
            vars(module)["forward"] = own
