"""What opens a Llama, each in its own way: transformers, TransformerLens, nnsight and Tokenscope, on the same weights.

The two peers are imported when they are asked for; neither is required.
"""

import importlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from transformers import DynamicCache, PreTrainedModel

from bench.models import moment_of, plain_tokenizer, sharing
from model_runtime.chunks import storages_of
from model_runtime.model import Model


@dataclass(frozen=True)
class Kept:
    """What a tool has of a text.

    Attributes:
        logits: [token, vocabulary] after the last tokens, or after all.
        patterns: Per layer, per head [query, key]; empty where they are computed when they are opened.
        streams: Per stream [token, width], the last one before the final norm.
        held: Bytes kept of patterns and streams, or of what they are computed from; the KV cache is not counted.
    """

    logits: torch.Tensor
    patterns: Sequence[Sequence[Any]]
    streams: Sequence[torch.Tensor]
    held: int


class Tool(Protocol):
    """What can open a model."""

    def text(self, ids: tuple[int, ...]) -> Kept:
        """All patterns and streams of a text."""

    def continued(self, ids: tuple[int, ...], steps: int) -> tuple[int, ...]:
        """The tokens chosen greedily after a text, with the attention and the streams of each step at hand."""


def kept(logits: torch.Tensor, patterns: Sequence[torch.Tensor], streams: Sequence[torch.Tensor]) -> Kept:
    """What a tool kept of a batch of one text."""
    held = sum(storages_of([*patterns, *streams]).values())
    heads: list[Sequence[Any]] = [list(pattern[0]) for pattern in patterns]
    return Kept(logits[0], heads, [stream[0] for stream in streams], held)


class Stock:
    """transformers itself, with eager attention."""

    def __init__(self, bare: PreTrainedModel) -> None:
        self.model: Any = sharing(bare, "eager")
        self.model.generation_config.eos_token_id = None  # a random text may end at any token

    def text(self, ids: tuple[int, ...]) -> Kept:
        """One pass. It gives the last stream after the final norm only, so the one before is caught."""
        last: list[torch.Tensor] = []
        catch = self.model.model.norm.register_forward_pre_hook(lambda _, inputs: last.append(inputs[0]))
        asked = {"use_cache": False, "output_attentions": True, "output_hidden_states": True}
        with torch.inference_mode():
            output = self.model(torch.tensor([ids]), **asked)
        catch.remove()
        return kept(output.logits, output.attentions, [*output.hidden_states[:-1], *last])

    def continued(self, ids: tuple[int, ...], steps: int) -> tuple[int, ...]:
        """`generate`, keeping both."""
        asked = {"output_attentions": True, "output_hidden_states": True, "return_dict_in_generate": True}
        with torch.inference_mode():
            found = self.model.generate(torch.tensor([ids]), max_new_tokens=steps, do_sample=False, **asked)
        return tuple(found.sequences[0, len(ids) :].tolist())


class TransformerLens:
    """Its bridge around a transformers model, with a cache of the patterns and streams alone."""

    def __init__(self, bare: PreTrainedModel) -> None:
        bridges: Any = importlib.import_module("transformer_lens.model_bridge")
        model: Any = sharing(bare, "eager")
        with tempfile.TemporaryDirectory() as folder:  # a bridge wants to read the config from somewhere
            model.config.save_pretrained(folder)
            self.bridge: Any = bridges.TransformerBridge.boot_transformers(
                folder, hf_model=model, tokenizer=plain_tokenizer(model.config.vocab_size), device="cpu"
            )
        layers = range(model.config.num_hidden_layers)
        self.patterns = [f"blocks.{layer}.attn.hook_pattern" for layer in layers]
        self.streams = ["blocks.0.hook_resid_pre", *(f"blocks.{layer}.hook_resid_post" for layer in layers)]
        self.kept = frozenset([*self.patterns, *self.streams])

    def _run(self, ids: torch.Tensor, **asked: Any) -> tuple[Any, Any]:
        with torch.inference_mode():
            logits, cache = self.bridge.run_with_cache(ids, names_filter=self.kept.__contains__, **asked)
        return logits, cache

    def text(self, ids: tuple[int, ...]) -> Kept:
        """One pass."""
        logits, cache = self._run(torch.tensor([ids]), use_cache=False)
        return kept(logits, [cache[name] for name in self.patterns], [cache[name] for name in self.streams])

    def continued(self, ids: tuple[int, ...], steps: int) -> tuple[int, ...]:
        """A pass a token over a KV cache; the bridge's own `generate` gives no patterns."""
        past = DynamicCache(config=self.bridge.original_model.config)
        newest, found, caches = torch.tensor([ids]), [], []
        for _ in range(steps):
            logits, cache = self._run(newest, past_key_values=past, use_cache=True)
            caches.append(cache)
            newest = logits[:, -1:].argmax(-1)
            found.append(int(newest))
        return tuple(found)


class Nnsight:
    """Its wrapper around a transformers model, with the patterns and streams saved."""

    def __init__(self, bare: PreTrainedModel) -> None:
        self.library: Any = importlib.import_module("nnsight")
        model: Any = sharing(bare, "eager")
        model.generation_config.eos_token_id = None
        tokenizer = plain_tokenizer(model.config.vocab_size)
        self.model: Any = self.library.TransformersModel(model, tokenizer=tokenizer, task="text-generation")

    def text(self, ids: tuple[int, ...]) -> Kept:
        """One trace."""
        save, model, tokens = self.library.save, self.model, torch.tensor([ids])
        with torch.inference_mode(), model.trace(tokens, use_cache=False):
            patterns, streams = save([]), save([])
            streams.append(model.model.embed_tokens.output)
            for layer in model.model.layers:
                patterns.append(layer.self_attn.output[1])
                streams.append(layer.output)
            logits = save(model.lm_head.output)
        return kept(logits, patterns, streams)

    def continued(self, ids: tuple[int, ...], steps: int) -> tuple[int, ...]:
        """One trace of `generate`, which costs less than a trace a token."""
        save, model, tokens = self.library.save, self.model, torch.tensor([ids])
        asked = {"max_new_tokens": steps, "min_new_tokens": steps, "do_sample": False}
        with torch.inference_mode(), model.generate(tokens, **asked) as tracer:
            seen = save([])
            for _ in tracer.iter[:steps]:
                seen.append(model.model.embed_tokens.output)
                for layer in model.model.layers:
                    seen.append(layer.self_attn.output[1])
                    seen.append(layer.output)
            sequence = save(tracer.result)
        return tuple(sequence[0, len(ids) :].tolist())


class Tokenscope:
    """A recording, from which patterns are computed when they are opened.

    Args:
        model: The model.
        every: Whether to open all of them: of a text every pattern, of a step the newest row of every head.
    """

    def __init__(self, model: Model, every: bool) -> None:
        self.model, self.every = model, every

    def text(self, ids: tuple[int, ...]) -> Kept:
        """A recording from nothing."""
        self.model._clear()
        moment, card = moment_of(self.model, ids), self.model.card()
        recording = self.model._recording(moment)
        cached = storages_of([*recording.keys, *recording.values])
        held = sum(size for address, size in recording.storages().items() if address not in cached)
        layers = range(card.layers) if self.every else ()
        patterns = [[self.model.attention(moment, at, head).weights for head in range(card.heads)] for at in layers]
        held += sum(pattern.nbytes for heads in patterns for pattern in heads)
        streams = [recording.streams(stream, 0, len(ids)) for stream in range(card.layers + 1)]
        newest = self.model._engine.logits(recording, len(ids) - 1)
        return Kept(newest[None], patterns, streams, held)

    def continued(self, ids: tuple[int, ...], steps: int) -> tuple[int, ...]:
        """A recorded step a token."""
        self.model._clear()
        moment = moment_of(self.model, ids)
        for _ in range(steps):
            moment = self.model.step(moment)
            if self.every:
                self.model.looking(moment, -1, [0])
        return moment.ids[len(ids) :]
