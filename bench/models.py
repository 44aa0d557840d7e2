"""The models that the benchmarks run: random Llamas and those that load by name, bare and with Tokenscope in them."""

from copy import deepcopy
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from tokenizers import Tokenizer, models
from transformers import AutoConfig, AutoModelForCausalLM, DynamicCache, PreTrainedModel, PreTrainedTokenizerFast

from model_runtime.loading import load
from model_runtime.model import Model
from model_runtime.model_names import BUILTIN
from model_runtime.moment import Moment


@dataclass(frozen=True)
class Shape:
    """The shape of a random model.

    Attributes:
        layers: Blocks.
        width: Of the residual stream.
        heads: Query heads.
        key_value_heads: Key/value heads.
        inner: Width of the feed-forward network.
        vocabulary: Tokens.
        family: transformers' model type.
    """

    layers: int
    width: int
    heads: int
    key_value_heads: int
    inner: int
    vocabulary: int
    family: str = "llama"


SHAPES = {
    "tiny": Shape(2, 64, 4, 2, 128, 256),
    "llama-20m": Shape(8, 384, 6, 2, 1152, 8192),
    "llama-134m": Shape(12, 768, 12, 12, 2048, 32_000),
    "phi-3-mini": Shape(32, 3072, 32, 32, 8192, 32_064, "phi3"),
}
CONTEXT = 8192


def random_model(shape: Shape, device: str = "cpu", dtype: torch.dtype = torch.float32) -> Any:
    """A model with random weights, always the same ones on one kind of device."""
    config = AutoConfig.for_model(
        shape.family,
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads,
        intermediate_size=shape.inner,
        max_position_embeddings=CONTEXT,
        pad_token_id=0,
    )
    torch.manual_seed(0)
    with torch.device(device):
        return AutoModelForCausalLM.from_config(config, dtype=dtype).eval()


def plain_tokenizer(size: int) -> Any:
    """A tokenizer that only has to exist."""
    vocabulary = {f"t{index}": index for index in range(size)}
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel(vocabulary, unk_token="t0")))


def sharing(model: PreTrainedModel, attention: str = "sdpa") -> PreTrainedModel:
    """A second model over the very same weights, with attention of its own."""
    weights = {id(tensor): tensor for tensor in chain(model.parameters(), model.buffers())}
    second: PreTrainedModel = deepcopy(model, weights)
    second.set_attn_implementation(attention)
    return second


def opened(name: str) -> tuple[PreTrainedModel, Model]:
    """A bare model and Tokenscope's, by the name of a shape or what `load_model` takes."""
    if name in SHAPES:
        bare = random_model(SHAPES[name])
        return bare, Model(sharing(bare), plain_tokenizer(SHAPES[name].vocabulary), name=name)
    model = load(name, device="cpu", dtype="float32", progress=None)
    folder = BUILTIN.get(name, name)
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval(), model


def random_ids(vocabulary: int, tokens: int, seed: int = 0) -> tuple[int, ...]:
    """A random text."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randint(3, vocabulary, (tokens,), generator=generator).tolist())


def moment_of(model: Model, ids: tuple[int, ...]) -> Moment:
    """The moment at the end of a text."""
    card = model.card()
    return Moment(card.name, card.revision, card.fingerprint, ids, len(ids))


class Bare:
    """A transformers loop that does nothing but step greedily."""

    def __init__(self, model: PreTrainedModel, ids: tuple[int, ...]) -> None:
        self.model: Any = model
        self.cache = DynamicCache(config=model.config)
        self.next = torch.tensor([ids], device=model.device)

    def step(self) -> None:
        """Runs what is new and takes the most probable token."""
        with torch.inference_mode():
            logits = self.model(self.next, past_key_values=self.cache, use_cache=True, logits_to_keep=1).logits
        self.next = logits[:, -1:].argmax(-1)


class Recorded:
    """Tokenscope stepping: each token is taken and its recording kept.

    Attributes:
        moment: Where it stands.
    """

    def __init__(self, model: Model, ids: tuple[int, ...]) -> None:
        self.model, self.moment = model, moment_of(model, ids)

    def step(self) -> None:
        """One token."""
        self.moment = self.model.step(self.moment)


class Watched(Recorded):
    """Tokenscope stepping while a page asks what it always shows: every token, and the next one's distribution."""

    def step(self) -> None:
        """One token and the two answers."""
        super().step()
        self.model.tokens(self.moment)
        self.model.distribution(self.moment)
