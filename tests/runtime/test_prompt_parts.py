"""Prompts made of parts: spans by the tokenizer's own offsets, attention summed from stock, shortened prompts begun."""

import numpy as np
import pytest
import torch

from model_runtime import Composition, FeatureUnavailable, InputError, OutOfRange
from model_runtime.model import Model
from model_runtime.prompt_part_records import FIRST, GROUPS, PART_NAMES, SINK, TEMPLATE, WRITTEN
from tests.runtime.conftest import pair_of
from tests.runtime.families import build
from tests.runtime.tokenizers_for_tests import byte_level, sentencepiece

SEVEN = ("phi3", "llama", "gpt2", "gpt_neox", "gemma2", "mistral", "qwen3")
TEXTS = ("A red cat.", "Eat the hat.", "", "ça\u00a0va ☕", "", " the end", "")
PARTS = Composition(TEXTS)
PRESENT = (0, 1, 3, 5)


def by_offsets(tokenizer, text, start=0):
    """[token] the part of each token by the tokenizer's character offsets, for texts whose borders are plain spaces."""
    encoded = tokenizer(text, return_offsets_mapping=True, add_special_tokens=start == 0)
    owner = [-1] * len(text)
    at = start
    for index in PRESENT:
        size = len(TEXTS[index].strip())
        owner[at : at + size] = [index] * size
        at += size + 1
    found = []
    for token, (begin, end) in zip(encoded.input_ids, encoded["offset_mapping"], strict=True):
        inside = [owner[place] for place in range(begin, end) if owner[place] >= 0]
        if tokenizer.convert_ids_to_tokens(token) == "\u2581" and begin == 0:
            inside = []  # the space that sentencepiece puts before a text is none of its characters
        found.append(max(sorted(set(inside)), key=inside.count) if inside else -1)
    return found


def test_the_text_of_a_composition():
    assert PARTS.text() == "A red cat. Eat the hat. ça\u00a0va ☕ the end"
    assert PARTS.text(without=1) == "A red cat. ça\u00a0va ☕ the end"
    assert PARTS.present == PRESENT
    with pytest.raises(InputError, match="7 parts; 2"):
        Composition(("a", "b"))
    with pytest.raises(InputError, match="tone has 1001 characters"):
        Composition(("", "", "", "", "", "a" * 1001, ""))


@pytest.mark.parametrize("make", [byte_level, sentencepiece])
def test_spans_are_those_of_the_tokenizers_offsets(make):
    model = Model(build("llama", {}).model, make(), name="spans")
    tokenizer = make()
    spans = model.part_spans(model.begin(PARTS.text()), PARTS)
    assert not spans.chat
    assert spans.part.tolist() == by_offsets(tokenizer, PARTS.text())
    assert spans.tokens.tolist() == [spans.part.tolist().count(index) for index in range(7)]
    rendered = f"<s><|user|>{PARTS.text()}</s><|assistant|>"
    chat = model.part_spans(model.begin(PARTS.text(), chat=True), PARTS)
    assert chat.chat
    encoded = tokenizer(rendered, return_offsets_mapping=True, add_special_tokens=False)
    assert len(encoded.input_ids) == len(chat.part)
    assert chat.part[0] == chat.part[-1] == -1
    spoken = "".join(
        rendered[begin:end]
        for (begin, end), part in zip(encoded["offset_mapping"], chat.part, strict=True)
        if part == 1 and begin < end
    )
    assert spoken.strip() == "Eat the hat."


def test_another_text_is_refused():
    _, model = pair_of("llama")
    for text in ("A red cat.", PARTS.text() + "!"):
        with pytest.raises(InputError, match="does not begin with these parts"):
            model.part_spans(model.begin(text), PARTS)
    with pytest.raises(InputError, match="does not begin"):
        model.part_spans(model.begin(""), Composition(("",) * 7))


def expected_shares(rows, spans, prompt):
    """[group] of stock weights [head, key], first token apart."""
    shares = np.zeros(len(GROUPS))
    for key, weight in enumerate(rows.mean(0)):
        part = spans.part[key]
        group = FIRST if key == 0 else WRITTEN if key >= prompt else part if part >= 0 else TEMPLATE
        shares[group] += weight
    shares[SINK] = 1 - shares.sum()
    return shares


@pytest.mark.parametrize("family", SEVEN)
def test_attention_to_parts_is_stocks(family):
    pair, model = pair_of(family)
    moment = model.begin(Composition(TEXTS).text())
    prompt = moment.prompt_length
    for token in (40, 41, 42):
        moment = model.step(moment, take=token)
    found = model.part_attention(moment, PARTS, position=prompt + 1)
    spans = model.part_spans(moment, PARTS)
    with torch.no_grad():
        weights = [one[0].numpy() for one in pair.stock(torch.tensor([moment.ids]), output_attentions=True).attentions]
    assert found.averaged == 4
    for layer, rows in enumerate(weights):
        here = expected_shares(rows[:, prompt + 1], spans, prompt)
        np.testing.assert_allclose(found.here[layer], here, atol=1e-5)
        each = [expected_shares(rows[:, query], spans, prompt) for query in range(prompt - 1, len(moment.ids))]
        np.testing.assert_allclose(found.average[layer], np.mean(each, axis=0), atol=1e-5)
    np.testing.assert_allclose(found.here.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(found.average.sum(1), 1, atol=1e-5)
    assert found.uniform[FIRST] == pytest.approx(1 / (prompt + 2))
    assert found.uniform.sum() == pytest.approx(1)


def test_a_sink_has_its_own_share():
    pair, model = pair_of("gpt_oss")
    moment = model.begin(PARTS.text())
    found = model.part_attention(moment, PARTS)
    with torch.no_grad():
        weights = pair.stock(torch.tensor([moment.ids]), output_attentions=True).attentions
    expected = [1 - float(rows[0, :, -1].sum(-1).mean()) for rows in weights]
    np.testing.assert_allclose(found.here[:, SINK], expected, atol=1e-5)
    assert max(expected) > 1e-3


def test_layers_without_attention():
    _, model = pair_of("lfm2")
    found = model.part_attention(model.begin(PARTS.text()), PARTS)
    assert np.isnan(found.here).any(1).tolist() == [True, False, True]
    _, mamba = pair_of("mamba")
    with pytest.raises(FeatureUnavailable):
        mamba.part_attention(mamba.begin(PARTS.text()), PARTS)


@pytest.mark.parametrize("family", SEVEN)
def test_leaving_parts_out_is_stock_on_the_shorter_prompt(family):
    pair, model = pair_of(family)
    tokenizer = byte_level()
    moment = model.begin(PARTS.text())
    *_, found = model.leave_parts_out(moment, PARTS, following=4)
    assert found.done == found.total == 5 * 5
    assert [row.part for row in found.rows] == [-1, *PRESENT]
    whole = None
    for row in found.rows:
        kept = [TEXTS[index].strip() for index in PRESENT if index != row.part]
        ids = tokenizer(" ".join(kept)).input_ids
        assert row.tokens == len(ids)
        with torch.no_grad():
            raw = pair.stock(torch.tensor([ids])).logits[0, -1].double().softmax(-1).numpy()
            whole = raw if whole is None else whole
            followed = list(ids)
            for _ in row.written:
                followed.append(int(pair.stock(torch.tensor([followed])).logits[0, -1].argmax()))
        assert row.top == raw.argmax()
        assert row.top_probability == pytest.approx(raw.max(), abs=1e-5)
        assert row.before == pytest.approx(raw[whole.argmax()], abs=1e-5)
        assert row.variation == pytest.approx(np.abs(raw - whole).sum() / 2, abs=1e-5)
        assert row.divergence == pytest.approx((whole * np.log(whole / raw)).sum(), abs=1e-3)
        assert len(row.written) == 4 or row.ended == "end token"
        assert list(row.written) == [model.text(token) for token in followed[len(ids) :]]


def test_what_was_written_stays_behind_the_shorter_prompt():
    pair, model = pair_of("llama")
    moment = model.begin(PARTS.text(), chat=True)
    prompt = moment.prompt_length
    for token in (40, 41):
        moment = model.step(moment, take=token)
    *_, found = model.leave_parts_out(moment, PARTS, following=0, position=prompt)
    shorter = model.begin(PARTS.text(without=3), chat=True)
    with torch.no_grad():
        raw = pair.stock(torch.tensor([[*shorter.ids, 40]])).logits[0, -1].softmax(-1).numpy()
    assert found.rows[3].top == raw.argmax()
    assert found.rows[3].top_probability == pytest.approx(raw.max(), abs=1e-5)
    with pytest.raises(OutOfRange, match="inside the prompt"):
        model.leave_parts_out(moment, PARTS, position=3)


def test_what_cannot_be_left_out():
    _, model = pair_of("llama")
    alone = Composition(("only", "", "", "", "", "", ""))
    with pytest.raises(InputError, match="only one part"):
        model.leave_parts_out(model.begin("only"), alone)
    with pytest.raises(OutOfRange, match="201 tokens"):
        model.leave_parts_out(model.begin(PARTS.text()), PARTS, following=201)


def test_it_is_told_step_by_step():
    _, model = pair_of("llama")
    told = list(model.leave_parts_out(model.begin(PARTS.text()), PARTS, following=2))
    assert [one.done for one in told] == sorted({one.done for one in told})
    assert [len(one.rows) for one in told[:4]] == [1, 1, 1, 2]
    assert len(PART_NAMES) == 7
