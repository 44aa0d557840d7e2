"""Texts cut, tokens found, prompts as received, neighbours: against the tokenizer's own outputs and NumPy."""

import json
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import processors

from model_runtime import FeatureUnavailable, ModelNotFound, OutOfRange, load_tokenizer
from model_runtime.model import Model
from model_runtime.model_names import BUILTIN
from model_runtime.vocabulary import Vocabulary
from model_runtime.vocabulary_records import KINDS
from tests.runtime.comparison import moment_of
from tests.runtime.conftest import pair_of
from tests.runtime.families import VOCABULARY, build
from tests.runtime.tokenizers_for_tests import SPECIAL, byte_level, sentencepiece

SEVEN = ("phi3", "llama", "gpt2", "gpt_neox", "gemma2", "mistral", "qwen3")
TEXT = "the cat  in\nthé tea"


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("family", SEVEN)
def test_nearest_is_exact_over_the_vocabulary(family, centred):
    pair, model = pair_of(family)
    matrix = pair.stock.get_input_embeddings().weight.detach().numpy().astype(np.float64)
    token = 77
    near = model.nearest(token, top=9, centred=centred)
    directions = matrix - matrix.mean(0) if centred else matrix
    known = np.abs(matrix).sum(1) > 0  # the row of a padding token may be zero
    known[token] = False
    expected = np.full(len(matrix), -2.0)
    expected[known] = (directions[known] @ directions[token]) / (
        np.linalg.norm(directions[known], axis=1) * np.linalg.norm(directions[token])
    )
    order = np.argsort(-expected, kind="stable")[:9]
    assert near.ids.tolist() == order.tolist()
    assert np.abs(near.cosine - expected[order]).max() < 1e-5
    lengths = np.linalg.norm(matrix, axis=1)
    assert np.abs(near.norms - lengths[order]).max() < 1e-5 * lengths.max()
    assert near.norm == pytest.approx(lengths[token], rel=1e-5)
    assert near.shorter == pytest.approx((lengths < lengths[token]).mean())
    assert near.mean == pytest.approx(expected[known].mean(), abs=1e-5)
    assert near.deviation == pytest.approx(expected[known].std(), abs=1e-5)
    assert np.array_equal(near.vector, matrix[token].astype(np.float32))
    assert_axes(near, directions[[token, *order]])


def assert_axes(near, vectors):
    """The points are the principal components of the unit vectors, by NumPy's singular values."""
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    units = units - units.mean(0)
    _, values, axes = np.linalg.svd(units, full_matrices=False)
    points = units @ axes[:2].T
    assert np.abs(np.abs(near.points) - np.abs(points)).max() < 1e-5
    assert np.abs(near.explained - (values**2 / (values**2).sum())[:2]).max() < 1e-5


@pytest.mark.parametrize("family", SEVEN)
def test_the_head_is_tied_as_the_config_says(family):
    pair, model = pair_of(family)
    tied = pair.stock.config.tie_word_embeddings
    near = model.nearest(50)
    assert near.tied is tied
    rows = (
        part.weight[50].detach() for part in (pair.stock.get_input_embeddings(), pair.stock.get_output_embeddings())
    )
    assert near.head_cosine == pytest.approx(float(torch.cosine_similarity(*rows, dim=0)), abs=1e-5)
    assert (abs(near.head_cosine - 1) < 1e-9) == tied


def test_a_tied_head_is_told():
    model = Model(build("llama", {"tie_word_embeddings": True}).model, byte_level())
    near = model.nearest(9)
    assert near.tied is True
    assert near.head_cosine == pytest.approx(1)


def test_a_large_vocabulary_is_read_in_parts(monkeypatch):
    _, model = pair_of("llama")
    whole = model.nearest(30, top=VOCABULARY)
    monkeypatch.setattr("model_runtime.embeddings.NUMBERS_AT_ONCE", 1000)
    parts = Model(build("llama", {}).model, byte_level()).nearest(30, top=VOCABULARY)
    assert len(whole.ids) < VOCABULARY
    assert np.abs(whole.cosine - parts.cosine).max() < 1e-6
    assert 30 not in whole.ids


def test_rows_of_zeros_are_nobodys_neighbours():
    pair = build("llama", {})
    with torch.no_grad():
        pair.model.get_input_embeddings().weight[7] = 0
    model = Model(pair.model, byte_level())
    assert 7 not in model.nearest(8, top=VOCABULARY).ids
    for centred in (False, True):
        with pytest.raises(FeatureUnavailable, match="all zeros"):
            model.nearest(7, centred=centred)
    for wrong in (-1, VOCABULARY):
        with pytest.raises(OutOfRange):
            model.nearest(wrong)
    with pytest.raises(OutOfRange):
        model.nearest(8, top=0)


@pytest.mark.parametrize("family", SEVEN)
def test_a_text_is_cut_four_ways(family):
    _, model = pair_of(family)
    words, tokens, characters, data = model.cut(TEXT)
    assert words.text == tuple(re.findall(r"\S+", TEXT))
    assert tokens.ids.tolist() == byte_level()(TEXT, add_special_tokens=False).input_ids
    assert characters.text == tuple(TEXT)
    assert b"".join(data.bytes) == TEXT.encode()
    assert len(data.text) == len(TEXT.encode())
    assert [pieces.unit for pieces in (words, tokens, characters, data)] == ["word", "token", "character", "byte"]
    assert [len(pieces.text) for pieces in model.cut("")] == [0, 0, 0, 0]


@given(st.text(max_size=40))
def test_pieces_of_bytes_join_to_the_text(text):
    pieces = Vocabulary(byte_level(), 320).pieces(text)
    assert pieces.lossless
    assert b"".join(pieces.bytes) == text.encode()


@given(st.text(max_size=40))
def test_pieces_of_sentencepiece_join_to_the_text_after_a_space(text):
    pieces = Vocabulary(sentencepiece(), 320).pieces(text)
    assert pieces.lossless == (b"".join(pieces.bytes) in (text.encode(), b" " + text.encode()))
    assert pieces.lossless or "\u2581" in text  # the one character that it cannot tell from a space


@pytest.mark.parametrize("tokenizer", [byte_level(), sentencepiece()], ids=["bytes", "pieces"])
def test_kinds_of_tokens(tokenizer):
    vocabulary = Vocabulary(tokenizer, 320)
    kinds = {token: vocabulary.kind(token) for token in range(320)}
    names = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    assert {token for token, kind in kinds.items() if kind == "special"} == {0, 1, 2}
    assert sum(kind == "byte" for kind in kinds.values()) == 256
    assert {token for token, kind in kinds.items() if kind == "none"} == set(range(len(tokenizer), 320))
    for token, name in enumerate(names):
        if kinds[token] in ("word", "letters"):
            assert name.lstrip("Ġ\u2581").isalpha()
            assert name.startswith(("Ġ", "\u2581")) == (kinds[token] == "word")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b" the", "word"),
        (b"the", "letters"),
        ("é".encode(), "letters"),
        (b" 42", "number"),
        (b"42nd", "mixed"),
        (b" --", "punctuation"),
        (b"\n\n", "space"),
        (b" ", "space"),
        (b"\xc3\xa9\xc3", "part"),
        (b" a b", "mixed"),
    ],
)
def test_a_kind_is_read_from_the_bytes(data, kind):
    from model_runtime.token_kinds import kind_of

    assert kind_of(data) == kind


@pytest.mark.parametrize("family", SEVEN)
def test_counts_of_kinds_sum_to_the_vocabulary(family):
    _, model = pair_of(family)
    facts = model.vocabulary()
    assert sum(facts.counts) == facts.size == VOCABULARY
    assert facts.known == len(byte_level())
    for kind, count in zip(KINDS, facts.counts, strict=True):
        assert model.search(kind=kind, count=VOCABULARY).total == count
    assert model.text(facts.longest) == " the"


@pytest.mark.parametrize("family", SEVEN)
def test_a_search_finds_what_the_tokenizer_has(family):
    _, model = pair_of(family)
    texts = [model.text(token) for token in range(VOCABULARY)]
    for match, fits in (
        ("contains", lambda text: "h" in text.lower()),
        ("begins", lambda text: text.lower().lstrip(" ").startswith("h")),
        ("is", lambda text: text.lower().lstrip(" ") == "h"),
    ):
        expected = [token for token, text in enumerate(texts) if fits(text)]
        page = model.search("H", match, count=VOCABULARY)
        assert page.entries.ids.tolist() == expected
        assert page.total == len(expected)
    second = model.search("h", begin=2, count=2)
    assert second.entries.ids.tolist() == model.search("h").entries.ids.tolist()[2:4]
    assert second.total == model.search("h").total
    assert model.search(begin=310, count=50).entries.ids.tolist() == list(range(310, 320))
    assert model.search("no such token").total == 0


def test_a_search_refuses_what_does_not_exist(llama):
    for wrong in ({"match": "like"}, {"kind": "verb"}, {"begin": -1}, {"count": 0}):
        with pytest.raises(OutOfRange, match="Cannot"):
            llama.search("a", **wrong)


@pytest.mark.parametrize("family", SEVEN)
def test_special_tokens_and_what_they_are_for(family):
    _, model = pair_of(family)
    tokens = model.special_tokens()
    assert sorted(tokens.entries.text) == sorted(SPECIAL)
    roles = {text: set(told) for text, told in zip(tokens.entries.text, tokens.roles, strict=True)}
    assert {"begin", "put before", "template"} <= roles["<s>"]
    assert {"end", "template"} <= roles["</s>"]
    assert "padding" in roles["<pad>"]
    assert {text for text, told in roles.items() if "stop" in told} == {
        model.text(token) for token in model.card().end_ids
    }


def test_what_a_tokenizer_puts_after_a_text_is_told():
    tokenizer = byte_level()
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    assert Vocabulary(tokenizer, 320).around() == ((1,), (2,))
    assert Vocabulary(byte_level(), 320).around() == ((1,), ())


@pytest.mark.parametrize("family", SEVEN)
def test_a_message_raw_and_in_the_template(family):
    _, model = pair_of(family)
    tokenizer = byte_level()
    forms = model.forms(TEXT)
    messages = [{"role": "user", "content": TEXT}]
    assert forms.raw.ids.tolist() == tokenizer(TEXT).input_ids
    assert forms.rendered == tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    expected = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    assert forms.chat.ids.tolist() == expected
    assert forms.chat.special == tuple(token in tokenizer.all_special_ids for token in expected)


@pytest.mark.parametrize("kind", ["llama", "pieces"])
@pytest.mark.parametrize("chat", [False, True])
def test_what_was_asked_is_found_again(kind, chat, llama, pieces_model):
    model = llama if kind == "llama" else pieces_model
    moment = model.begin("the cat in a", chat=chat)
    asked = model.asked(model.step(moment, take=9))
    assert (asked.text, asked.sent) == ("the cat in a", "chat" if chat else "raw")
    odd = model.asked(moment_of(model, (2, 9, 1, 11)))
    assert odd.sent == ""
    assert model.asked(model.begin("")).sent == "raw"


def test_no_template_is_told():
    tokenizer = byte_level()
    tokenizer.chat_template = None
    model = Model(build("llama", {}).model, tokenizer)
    forms = model.forms("the")
    assert (forms.chat, forms.rendered) == (None, "")
    assert "template" not in {role for told in model.special_tokens().roles for role in told}
    assert model.asked(model.begin("the")).sent == "raw"


@pytest.mark.parametrize("name", ["builtin", "builtin-gpt2"])
def test_a_tokenizer_opens_alone(name):
    vocabulary = load_tokenizer(name)
    stored = json.loads((BUILTIN[name] / "tokenizer.json").read_text())
    assert (
        vocabulary.size == max([*stored["model"]["vocab"].values(), *(one["id"] for one in stored["added_tokens"])]) + 1
    )
    assert b"".join(vocabulary.pieces(TEXT).bytes) == TEXT.encode()


def test_a_tokenizer_that_is_not_there():
    with pytest.raises(ModelNotFound):
        load_tokenizer("/no/such/folder")
