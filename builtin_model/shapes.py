"""The shapes of the models that ship: what each is made of, and which tokenizer reads for it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from transformers import GPT2Config, GPT2LMHeadModel, Phi3Config, Phi3ForCausalLM, PreTrainedModel

from builtin_model.corpus.mixture import FIRST_STAGE, PLAIN_STAGE, SECOND_STAGE, THIRD_STAGE, Weights
from builtin_model.tokenizer import Style


@dataclass(frozen=True)
class Stage:
    """A stretch of training.

    Attributes:
        steps: Training steps.
        peak: The largest learning rate, of matrices (Muon) and of everything else (AdamW).
        decay: The last part of the steps, as a fraction, over which the rate falls to a twentieth.
        weights: How often each kind of document is written.
    """

    steps: int
    peak: float
    decay: float
    weights: Weights


@dataclass(frozen=True)
class Shape:
    """One model to train.

    Attributes:
        name: What `--shape` calls it.
        model: The class of transformers that computes it.
        config: Its config for a context of so many tokens.
        style: What its tokenizer is like.
        stages: How it is trained.
        weights: The folder that it ships in, inside this package.
    """

    name: str
    model: type[PreTrainedModel]
    config: Callable[[int], Any]
    style: Style
    stages: tuple[Stage, ...]
    weights: str

    @property
    def steps(self) -> int:
        """Training steps in all."""
        return sum(stage.steps for stage in self.stages)


def _phi3(context: int) -> Phi3Config:
    """Phi-3's blocks, made small."""
    return Phi3Config(
        vocab_size=MODERN.vocabulary,
        hidden_size=256,
        intermediate_size=480,
        num_hidden_layers=6,
        num_attention_heads=8,
        num_key_value_heads=4,
        max_position_embeddings=context,
        original_max_position_embeddings=context,
        tie_word_embeddings=True,
        attention_dropout=0.0,
        embd_pdrop=0.0,
        resid_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
    )


def _gpt2(context: int) -> GPT2Config:
    """GPT-2's blocks, made small: LayerNorm, learned positions, GELU, every head with keys and values of its own."""
    return GPT2Config(
        vocab_size=OLD.vocabulary,
        n_embd=256,
        n_inner=768,
        n_layer=6,
        n_head=8,
        n_positions=context,
        attn_pdrop=0.0,
        embd_pdrop=0.0,
        resid_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
    )


MODERN = Style(vocabulary=4096, chat=True, digits_alone=True)
OLD = Style(vocabulary=2048, chat=False, digits_alone=False)
PHI3 = Shape(
    "phi3",
    Phi3ForCausalLM,
    _phi3,
    MODERN,
    (
        Stage(4000, 3e-3, 0.6, FIRST_STAGE),
        Stage(1200, 1.5e-3, 1 - 100 / 1200, SECOND_STAGE),
        Stage(500, 1.5e-3, 0.8, THIRD_STAGE),
    ),
    "weights",
)
# Shorter: it is there to be compared with, and its smaller vocabulary makes it quicker to teach.
GPT2 = Shape(
    "gpt2",
    GPT2LMHeadModel,
    _gpt2,
    OLD,
    (
        Stage(2000, 3e-3, 0.6, FIRST_STAGE),
        Stage(500, 1.5e-3, 0.8, SECOND_STAGE),
        Stage(200, 1.5e-3, 0.5, THIRD_STAGE),
        Stage(500, 1.5e-3, 0.8, PLAIN_STAGE),
    ),
    "weights_gpt2",
)
SHAPES = {shape.name: shape for shape in (PHI3, GPT2)}
