"""The most tokens that a model takes, from published settings and from its own tables; nothing runs beyond it."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

from model_runtime import ContextFull, Moment, Steer
from model_runtime.anatomy import context_limit
from model_runtime.model import Model
from model_runtime.position_tables import table_limit
from tests.runtime.comparison import moment_of, some_ids
from tests.runtime.conftest import pair_of
from tests.runtime.families import COMMON, CONTEXT, FAMILIES, OUTSIDE, VOCABULARY, build
from tests.runtime.tokenizers_for_tests import byte_level

LONG = {"rope_type": "longrope", "short_factor": [1.0] * 48, "long_factor": [2.0] * 48}
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
# What the models' published config.json files say of lengths, and how many tokens may run.
PUBLISHED: dict[str, tuple[str, dict[str, Any], int]] = {
    "gpt2": ("gpt2", {"n_positions": 1024, "n_ctx": 1024}, 1024),
    "facebook/opt-125m": ("opt", {"max_position_embeddings": 2048}, 2048),
    "microsoft/Phi-3-mini-4k-instruct": ("phi3", {"max_position_embeddings": 4096, "sliding_window": 2047}, 4096),
    "microsoft/Phi-3-mini-128k-instruct": (
        "phi3",
        {"max_position_embeddings": 131072, "original_max_position_embeddings": 4096, "rope_scaling": LONG},
        4096,
    ),
    "bigscience/bloom-560m": ("bloom", {}, 2048),
    "mosaicml/mpt-7b": ("mpt", {"max_seq_len": 2048}, 2048),
    "tiiuae/falcon-7b": ("falcon", {}, 2048),
    "google/gemma-3-1b-it": ("gemma3_text", {"max_position_embeddings": 32768, "sliding_window": 512}, 32768),
    "google/gemma-3-4b-it": ("gemma3_text", {"max_position_embeddings": 131072, "sliding_window": 1024}, 131072),
    "meta-llama/Llama-3.1-8B": (
        "llama",
        {
            "max_position_embeddings": 131072,
            "rope_scaling": {**LLAMA3, "original_max_position_embeddings": 8192},
        },
        131072,
    ),
    "Qwen/Qwen2.5-7B-Instruct": ("qwen2", {"max_position_embeddings": 32768}, 32768),
    "Qwen/Qwen2.5-7B-Instruct, yarn": (
        "qwen2",
        {
            "max_position_embeddings": 131072,
            "rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768},
        },
        131072,
    ),
    "facebook/xglm-564M": ("xglm", {"max_position_embeddings": 2048}, 2048),
    "EleutherAI/gpt-j-6b": ("gptj", {"n_positions": 2048}, 2048),
    "EleutherAI/gpt-neo-125m": ("gpt_neo", {"max_position_embeddings": 2048}, 2048),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_lengths(name: str) -> None:
    kind, settings, tokens = PUBLISHED[name]
    assert context_limit(AutoConfig.for_model(kind, **settings)) == tokens


def test_lengths_of_single_kinds_of_layers_count() -> None:
    config = AutoConfig.for_model("gemma3_text", max_position_embeddings=4096)
    config.rope_parameters = {
        "full_attention": {"rope_type": "dynamic", "original_max_position_embeddings": 512},
        "sliding_attention": {"rope_type": "default"},
    }
    assert context_limit(config) == 512


TABLES = {
    "gpt2": CONTEXT,
    "opt": CONTEXT,  # of CONTEXT + 2 rows
    "gpt_bigcode": CONTEXT,
    "llama": None,
    "bloom": None,
    "gptj": None,
}


@pytest.mark.parametrize("family", TABLES)
def test_tables_of_positions_are_found(family: str) -> None:
    pair = build(family, {**FAMILIES, **OUTSIDE}[family])
    assert table_limit(pair.stock) == TABLES[family]


def test_a_table_that_sets_rows_aside() -> None:
    settings = {**COMMON, "max_position_embeddings": 34, "pad_token_id": 1, "is_decoder": True}
    config = AutoConfig.for_model("roberta", **settings)
    model = AutoModelForCausalLM.from_config(deepcopy(config)).eval()
    assert table_limit(model) == 32
    ids = torch.tensor([some_ids(33, VOCABULARY, seed=2)])
    model(ids[:, :32])
    with pytest.raises((IndexError, RuntimeError), match=r"out of (bounds|range)"):
        model(ids)


def test_a_table_that_is_shorter_than_the_config_says() -> None:
    pair = build("gpt2", FAMILIES["gpt2"])
    pair.model.transformer.wpe = nn.Embedding.from_pretrained(pair.model.transformer.wpe.weight[:20].detach())
    model = Model(pair.model, byte_level())
    assert model.card().context == 20
    assert len(model.tokens(moment_of(model, some_ids(20, VOCABULARY))).ids) == 20
    with pytest.raises(ContextFull, match="has 21 tokens and this model takes 20"):
        model.tokens(moment_of(model, some_ids(21, VOCABULARY)))


class TestNothingRunsBeyond:
    """Every way to give a model a text that is too long; the message has both numbers, and nothing ran."""

    @pytest.fixture
    def model(self, monkeypatch: pytest.MonkeyPatch) -> Model:
        model = pair_of("llama")[1]

        def ran(*args: Any, **options: Any) -> None:
            pytest.fail("the model ran")

        monkeypatch.setattr(model._engine.model, "forward", ran)
        return model

    @pytest.fixture
    def full(self, model: Model) -> Moment:
        return moment_of(model, some_ids(CONTEXT, VOCABULARY))

    @pytest.fixture
    def over(self, full: Moment) -> Moment:
        return full.grown(7)

    def test_beginning(self, model: Model) -> None:
        count = len(byte_level()("x" * 100).input_ids)
        with pytest.raises(ContextFull, match=f"has {count} tokens and this model takes {CONTEXT}"):
            model.begin("x" * 100)
        with pytest.raises(ContextFull, match=f"takes {CONTEXT}"):
            model.begin("x" * 100, chat=True)

    def test_going_on(self, model: Model, full: Moment) -> None:
        for go in (model.step, lambda moment: model.step(moment, take=3), lambda moment: model.append(moment, "x")):
            with pytest.raises(ContextFull, match=f"context of {CONTEXT} tokens"):
                go(full)
        assert list(model.play(full, 5)) == []
        with pytest.raises(ContextFull, match=f"has {CONTEXT + 1} tokens and this model takes {CONTEXT}"):
            model.append(full.cut(CONTEXT - 1), "xy")

    @pytest.mark.parametrize(
        "ask",
        ["tokens", "distribution", "heads", "lens", "contributions", "step", "predictions", "anatomy_map", "cache"],
    )
    def test_saved_moments(self, model: Model, over: Moment, ask: str) -> None:
        read = Moment.from_text(over.to_text())
        with pytest.raises(ContextFull, match=f"has {CONTEXT + 1} tokens and this model takes {CONTEXT}"):
            getattr(model, ask)(read)

    def test_steering_texts(self, model: Model, full: Moment) -> None:
        ids = some_ids(CONTEXT + 3, VOCABULARY)
        steered = full.cut(3).steered(Steer(1, 1.0, 0, plus=(ids, 0), minus=((1,), 0)))
        with pytest.raises(ContextFull, match=f"has {CONTEXT + 3} tokens and this model takes {CONTEXT}"):
            model.tokens(steered)

    def test_long_questions(self, model: Model, over: Moment) -> None:
        changed = replace(over, ids=(5, *over.ids[1:]))
        questions = (
            lambda: list(model.scan(over)),
            lambda: list(model.patch(over, changed)),
            lambda: list(model.beams(over)),
            lambda: model.draws(over),
            lambda: list(model.attribution(over)),
            lambda: list(model.play(over, 2)),
        )
        for question in questions:
            with pytest.raises(ContextFull, match=f"{CONTEXT}"):
                question()
