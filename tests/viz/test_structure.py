"""The map of a model and the drawing of a block, from records by hand."""

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from model_runtime.structure_records import (
    ENTERS,
    AnatomyMap,
    BlockDrawing,
    BlockStep,
    Feedforward,
    ParameterPart,
    Positions,
    Stage,
    TreeLine,
)
from viz.block import ORIGINAL, block_payload, placed, told
from viz.model_map import map_payload, shape_text, treemap
from viz.panels import model_map as panel
from viz.panels.view import TABS


def stage(kind: Any, path: str, returned: tuple[int, ...], parameters: int, count: int = 1) -> Stage:
    return Stage(kind, path, path.title(), count, (1, 5), returned, (1, 1), (1, 1, *returned[2:]), parameters)


MAP = AnatomyMap(
    tokens=5,
    prompt=5,
    stages=(
        stage("embedding", "embed", (1, 5, 16), 320),
        stage("positions", "rotary", (1, 5, 4), 0),
        stage("blocks", "layers.0", (1, 5, 16), 100, count=2),
        stage("norm", "norm", (1, 5, 16), 16),
        stage("head", "head", (1, 5, 20), 0),
    ),
    logits=(1, 5, 20),
    step_logits=(1, 1, 20),
    tree=(
        TreeLine(0, "Model(", "", "other", None, None, 436),
        TreeLine(1, "(embed): </script><img>", "embed", "embedding", (1, 5), (1, 5, 16), 320),
        TreeLine(0, ")", "", "other", None, None, 0),
    ),
    parts=(
        ParameterPart("embedding", "embed", None, 320),
        ParameterPart("attention", "layers.0.attention", 0, 20),
        ParameterPart("MLP", "layers.0.mlp", 0, 28),
        ParameterPart("norm", "layers.0", 0, 2),
        ParameterPart("attention", "layers.1.attention", 1, 20),
        ParameterPart("MLP", "layers.1.mlp", 1, 28),
        ParameterPart("other", "layers.1.scale", 1, 2),
        ParameterPart("norm", "norm", None, 16),
    ),
    parameters=436,
    tied=(("embed.weight", "head.weight"),),
)


class TestMap:
    def test_every_shape_is_the_records(self) -> None:
        stages = map_payload(MAP)["stages"]
        assert [one["returned"] for one in stages] == [
            "[1, 5, 16]",
            "[1, 5, 4]",
            "[1, 5, 16]",
            "[1, 5, 16]",
            "[1, 5, 20]",
        ]
        assert [one["step"] for one in stages] == ["[1, 1, 16]", "[1, 1, 4]", "[1, 1, 16]", "[1, 1, 16]", "[1, 1, 20]"]
        assert [one["title"] for one in stages] == [
            "Token embeddings",
            "Positions",
            "2 blocks",
            "Final norm",
            "LM head",
        ]
        assert [one["beside"] for one in stages] == [False, True, False, False, False]
        assert [one["tied"] for one in stages] == [False, False, False, False, True]

    def test_vectors_of_positions_stand_in_the_line(self) -> None:
        learned = replace(MAP, stages=(MAP.stages[0], stage("positions", "table", (1, 5, 16), 80), *MAP.stages[2:]))
        assert map_payload(learned)["stages"][1]["beside"] is False

    def test_areas_that_hold_others_are_their_sums(self) -> None:
        areas = treemap(MAP)
        values = dict(zip(areas["ids"], areas["values"], strict=True))
        for index, name in enumerate(areas["ids"]):
            inside = [values[one] for one, parent in zip(areas["ids"], areas["parents"], strict=True) if parent == name]
            assert not inside or sum(inside) == values[name], name
            assert areas["parents"][index] in (*values, "")
        assert values["model"] == 436
        assert sum(one for name, one in values.items() if name.startswith("part")) == 436

    def test_the_list_holds_every_parameter(self) -> None:
        rows = map_payload(MAP)["parts"]
        assert sum(row[3] for row in rows) == 436
        assert [row[3] for row in rows] == sorted((row[3] for row in rows), reverse=True)
        assert rows[0][:2] == ("Token embeddings", "embedding")
        assert sum(row[4] for row in rows) == pytest.approx(1)

    def test_what_is_said(self) -> None:
        payload = map_payload(MAP)
        assert payload["total"] == "436 parameters in all."
        assert payload["tied"] == "Tied, and counted once: embed.weight and head.weight are the same numbers."
        assert "No weights are tied" in map_payload(replace(MAP, tied=()))["tied"]
        assert "first 3 tokens of 5" in map_payload(replace(MAP, tokens=3))["note"]
        assert shape_text(None) == ""

    def test_parts_open_tabs_that_there_are(self) -> None:
        assert set(map_payload(MAP)["opens"].values()) <= set(TABS)

    def test_it_is_json(self) -> None:
        assert "<img>" in json.loads(json.dumps(map_payload(MAP)))["tree"][1][1]  # the page writes it as text


def test_the_first_choice_is_the_prompts() -> None:
    asked: list[int] = []

    def distribution(moment: Any, position: int, top: int) -> Any:
        asked.append(position)
        return SimpleNamespace(ids=[9], text=[" Tokyo"], raw=[0.5])

    model = SimpleNamespace(anatomy_map=lambda moment: MAP, distribution=distribution)
    moment = SimpleNamespace(ids=(4, 5, 6, 7), prompt_length=3)
    card = SimpleNamespace(vocabulary_size=20, fingerprint="f")
    scene: Any = SimpleNamespace(model=model, moment=moment, labels=["a", "·b", "c", "d"], card=card)
    payload = panel.draw(scene)
    assert asked == [2]
    assert payload["first"] == [9, "·Tokyo", 0.5]
    assert payload["tokens"] == [[4, "a"], [5, "·b"], [6, "c"]]


LLAMA = BlockDrawing(
    layer=1,
    module="LlamaDecoderLayer",
    width=100,
    steps=(
        BlockStep("norm", ("input_layernorm",), "N", (ENTERS,), "RMSNorm"),
        BlockStep("attention", ("self_attn",), "A", (0,)),
        BlockStep("addition", (), "", (ENTERS, 1)),
        BlockStep("norm", ("post_attention_layernorm",), "N", (2,), "RMSNorm"),
        BlockStep("MLP", ("mlp",), "M", (3,)),
        BlockStep("addition", (), "", (2, 4)),
    ),
    result=5,
    reason="",
    scale=1.0,
    placement=("before",),
    parallel=False,
    heads=8,
    key_value_heads=2,
    head_width=16,
    window=64,
    query_key_norm=True,
    maps=("self_attn.q_proj", "self_attn.o_proj", "mlp.up_proj"),
    biased=("self_attn.q_proj", "self_attn.o_proj"),
    positions=Positions("rotary", seen=True, rotated=16),
    feedforward=Feedforward("SiLU", seen=True, gated=True, width=300, experts=0),
)
PARALLEL = (
    BlockStep("norm", ("a",), "N", (ENTERS,), "LayerNorm"),
    BlockStep("attention", ("b",), "A", (0,)),
    BlockStep("norm", ("c",), "N", (ENTERS,), "LayerNorm"),
    BlockStep("MLP", ("d",), "M", (2,)),
    BlockStep("addition", (), "", (ENTERS, 1, 3)),
)


class TestBlock:
    def test_what_differs_from_the_original(self) -> None:
        facts = {what: (own, differs) for what, own, _, differs in block_payload(LLAMA)["facts"]}
        assert facts == {
            "Norms stand": ("before each part", True),
            "Kind of norm": ("RMSNorm", True),
            "Attention and MLP": ("one after the other", False),
            "Positions": ("rotary: turn queries and keys", True),
            "Keys and values": ("4 heads share a pair (GQA)", True),
            "Attention sees": ("the last 64 tokens", True),
            "Norms inside the attention": ("yes", True),
            "Activation": ("SiLU", True),
            "Gated MLP": ("yes (SwiGLU)", True),
            "Neurons": ("3 times the width", True),
            "Biases": ("in the attention only", True),
        }
        assert not any(differs for *_, differs in block_payload(ORIGINAL)["facts"])

    def test_the_original_as_the_paper_has_it(self) -> None:
        assert dict(told(ORIGINAL)) == {
            "Norms stand": "after each addition",
            "Kind of norm": "LayerNorm",
            "Attention and MLP": "one after the other",
            "Positions": "sine and cosine, added to the embeddings",
            "Keys and values": "each head has its own",
            "Attention sees": "all tokens up to its own",
            "Norms inside the attention": "no",
            "Activation": "ReLU",
            "Gated MLP": "no",
            "Neurons": "4 times the width",
            "Biases": "in the MLP only",
        }

    def test_what_is_not_known_says_so(self) -> None:
        facts = dict(told(replace(LLAMA, parallel=None, feedforward=Feedforward("SiLU", False, None, None, 0))))
        assert facts["Attention and MLP"] == facts["Gated MLP"] == facts["Neurons"] == "not found"
        assert facts["Activation"] == "SiLU (by its config)"
        experts = dict(told(replace(LLAMA, feedforward=Feedforward("", False, None, None, 8))))
        assert experts["Neurons"] == "8 experts, a router chooses"
        assert experts["Activation"] == "not found"
        bare = dict(told(replace(LLAMA, heads=0, key_value_heads=0, feedforward=None, biased=("mlp.up_proj",))))
        assert (bare["Keys and values"], bare["Activation"], bare["Neurons"]) == (
            "no attention heads",
            "no MLP",
            "none",
        )
        assert bare["Biases"] == "in the MLP only"
        assert dict(told(replace(LLAMA, key_value_heads=1)))["Keys and values"] == "one pair for all heads (MQA)"
        assert dict(told(replace(LLAMA, biased=LLAMA.maps)))["Biases"] == "in every linear map"
        assert dict(told(replace(LLAMA, biased=LLAMA.maps[:1])))["Biases"] == "in 1 of 3 linear maps"
        alibi = replace(LLAMA, positions=Positions("ALiBi", seen=False))
        assert dict(told(alibi))["Positions"] == "ALiBi: scores fall with distance (by its config)"

    def test_places(self) -> None:
        assert placed(LLAMA.steps) == [(1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0)]
        assert placed(PARALLEL) == [(1, -1), (2, -1), (1, 1), (2, 1), (3, 0)]
        lost = (*LLAMA.steps[:2], BlockStep("other", ("x",), "X", ()))
        assert placed(lost)[-1] == (3, 0)

    @pytest.mark.parametrize("block", [LLAMA, ORIGINAL, replace(LLAMA, steps=PARALLEL, result=4)])
    def test_each_addition_has_one_residual_line(self, block: BlockDrawing) -> None:
        drawing = block_payload(block)["own"]
        for index, node in enumerate(drawing["nodes"]):
            lines = [edge for edge in drawing["edges"] if edge["to"] == index]
            assert tuple(edge["from"] for edge in lines) == block.steps[index].reads
            assert sum(edge["residual"] for edge in lines) == (node["kind"] == "addition")
        json.dumps(drawing)

    def test_boxes_and_words(self) -> None:
        drawing = block_payload(LLAMA)["own"]
        assert [node["title"] for node in drawing["nodes"]] == ["RMSNorm", "Attention", "+", "RMSNorm", "MLP", "+"]
        own = [("8 heads, 2 key/value", True), ("rotary positions", True), ("norms inside", True), ("window 64", True)]
        assert drawing["nodes"][1]["lines"] == [("self_attn", False), *own]
        assert drawing["nodes"][4]["lines"] == [("mlp", False), ("300 neurons", False), ("SiLU, gated", True)]
        assert [node["differs"] for node in drawing["nodes"]] == [True, False, False, True, False, False]
        for node in block_payload(LLAMA)["original"]["nodes"]:
            assert not node["differs"]
            assert not any(differs for _, differs in node["lines"])
        assert [node["opens"] for node in drawing["nodes"]] == [None, "attention", None, None, "neurons", None]
        assert drawing["told"][2] == "Add the stream that enters the block and the result of step 2."
        assert drawing["told"][3] == "RMSNorm (post_attention_layernorm) reads the sum of step 3."
        assert {node["opens"] for node in block_payload(LLAMA)["original"]["nodes"]} == {None}

    def test_a_step_whose_source_was_not_found(self) -> None:
        lost = replace(LLAMA, steps=(BlockStep("other", ("x",), "X", ()),), result=None, reason="why")
        payload = block_payload(lost)
        assert payload["reason"] == "why"
        assert payload["own"]["told"] == ["X (x) reads something that was not found."]
