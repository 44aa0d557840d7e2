"""The page of the docs that reads four sentences: every number in it is asked of the model again."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from model_runtime import Moment, PatchGrid, load_model
from model_runtime.model import Model
from model_runtime.moment import Steer

PAGE = (Path(__file__).resolve().parent.parent.parent / "docs" / "reading-the-layers.md").read_text(encoding="utf-8")
TEXT = " ".join(PAGE.split())
MINUS = "\u2212"
SHAWSHANK = "The Shawshank"
JAPAN, FRANCE = "The capital of Japan is", "The capital of France is"
MARY = "When Mary and John went to the store, John gave a drink to"
JOHN = "When Mary and John went to the store, Mary gave a drink to"


@cache
def model() -> Model:
    return load_model("builtin")


@cache
def patched(clean: str, changed: str, part: str) -> PatchGrid:
    moment = model().begin(clean)
    *_, grid = model().patch(moment, model().rewritten(moment, changed), part)
    return grid


def said(sentence: str) -> bool:
    return " ".join(sentence.split()) in TEXT


def moment(text: str) -> Moment:
    return model().begin(text)


def test_the_mlps_wrote_redemption() -> None:
    found = model().contributions(moment(SHAWSHANK), centred=True)
    value = dict(zip(found.names, found.values, strict=True))
    attention = sum(value[f"attention {layer}"] for layer in range(6))
    assert found.question.text == " Redemption"
    assert said(f"stands {found.total:.2f} above the vocabulary's mean")
    assert said(f"MLP 5 wrote {value['MLP 5']:.2f} of it, MLP 0 {value['MLP 0']:.2f} and MLP 4 {value['MLP 4']:.2f}")
    assert said(f"all six attention layers together wrote {attention:.2f}")
    assert abs(found.error) < 1e-5


def test_the_lens_finds_redemption_in_stream_5() -> None:
    lens = model().lens(moment(SHAWSHANK))
    assert [lens.vocabulary[int(token)] for token in lens.ids[1:5, -1]] == ["k", "k", " is", " is"]
    assert lens.first_lead[-1] == lens.settled[-1] == 5
    assert lens.middle is not None
    shares = lens.probability[5, -1], lens.middle.probability[5, -1], lens.probability[6, -1]
    before, between, after = (f"{100 * share:.0f} %" for share in shares)
    assert said(f"rises from {before} to {between}, and MLP 5 lifts it to {after}")


def test_no_neuron_is_about_redemption() -> None:
    found = model().neurons(moment(SHAWSHANK), 5, centred=True)
    assert said(f"the neuron that adds most, {found.neuron[0]}, adds {found.value[0]:.2f}")
    assert said("are “{}”, “{}” and “{}”".format(*found.promoted_text[0][:3]))
    assert not any(" Redemption" in row for row in found.promoted_text)


def test_the_title_needs_its_first_word() -> None:
    *_, found = model().attribution(moment(SHAWSHANK), "leave-one-out")
    assert said(f"Leaving “The” out costs {found.score[0]:.2f} logits")


def test_attention_brought_the_country() -> None:
    found = model().contributions(moment(JAPAN), centred=True)
    value = dict(zip(found.names, found.values, strict=True))
    brought = sum(value[f"attention {layer}"] for layer in (3, 4, 5))
    assert said(f"give {brought:.2f} of the {found.total:.2f} logits of “ Tokyo”")
    assert np.unravel_index(np.nanargmax(found.heads), found.heads.shape) == (3, 0)
    assert said(f"L3 H0 with {found.heads[3, 0]:.2f}")
    largest = model().attention(moment(JAPAN), 3, 0).weights[-1]
    assert largest.argmax() == 3
    assert said(f"{100 * model().attention(moment(JAPAN), 4, 3).weights[-1, 3]:.1f} % of its attention")


def test_the_country_moves_to_the_last_token() -> None:
    stream, attention, mlp, heads = (patched(JAPAN, FRANCE, part) for part in ("stream", "attention", "MLP", "heads"))
    at = {name: grid.recovered for name, grid in zip("samh", (stream, attention, mlp, heads), strict=True)}
    assert said(f"is {stream.clean:.2f} with Japan and {MINUS}{-stream.changed:.2f} with France")
    rows = [
        ("stream 0", "“ Japan”", f"{at['s'][0, 3]:.2f}"),
        ("stream 3", "“ Japan”", f"{at['s'][3, 3]:.2f}"),
        ("stream 4", "“ Japan” / “ is”", f"{at['s'][4, 3]:.2f} / {at['s'][4, 4]:.2f}"),
        ("stream 5", "“ Japan” / “ is”", f"{at['s'][5, 3]:.2f} / {at['s'][5, 4]:.2f}"),
        ("MLP 0", "“ Japan”", f"{at['m'][0, 3]:.2f}"),
        ("attention 3, 4, 5", "“ is”", ", ".join(f"{share:.2f}" for share in at["a"][3:, 4])),
        ("head L3 H0", "everywhere", f"{at['h'][3, 0]:.2f}"),
        ("head L4 H3", "everywhere", f"{at['h'][4, 3]:.2f}"),
    ]
    for row in rows:
        assert said(f"| {' | '.join(row)} |"), row


def test_tokyo_leads_only_at_the_end() -> None:
    lens = model().lens(moment(JAPAN))
    assert lens.first_lead[-1] == 6
    assert [lens.vocabulary[int(token)] for token in lens.ids[3:6, -1]] == [" called", " the", " called"]
    assert lens.middle is not None
    assert lens.vocabulary[int(lens.middle.ids[5, -1])] == " Tokyo"
    assert said(f"stands first already, with {100 * lens.middle.probability[5, -1]:.0f} %")


def test_one_head_decides_between_the_names() -> None:
    heads, stream = patched(MARY, JOHN, "heads"), patched(MARY, JOHN, "stream")
    assert (heads.question.text, heads.question.against_text) == (" Mary", " John")
    assert said(f"goes from {heads.clean:.2f} to {MINUS}{-heads.changed:.2f}")
    assert said(f"putting back L3 H1 alone recovers {heads.recovered[3, 1]:.2f}")
    assert np.sort(heads.recovered.ravel())[-2] < 0.1
    assert said(f"sits at the second name ({stream.recovered[3, 9]:.2f})")
    assert said(f"from stream 4 on at the last token ({stream.recovered[4, -1]:.2f})")


def test_two_heads_of_block_3_speak_against_each_other() -> None:
    pair = patched(MARY, JOHN, "heads").question
    assert pair.against is not None
    found = model().contributions(moment(MARY), target=(pair.target, pair.against))
    assert said(f"L3 H1 wrote +{found.heads[3, 1]:.2f} and L3 H0 wrote {MINUS}{-found.heads[3, 0]:.2f}")
    assert said(f"write her name, +{found.heads[4, 6]:.2f} and +{found.heads[5, 0]:.2f}")
    assert said(f"this comes to {found.total:.2f}")
    assert found.heads[3, 1] / found.total == pytest.approx(1 / 3, abs=0.02)


def test_the_heads_look_where_the_page_says() -> None:
    words = [model().text(token).strip() for token in moment(MARY).ids]
    assert (words[1], words[3], words[9]) == ("Mary", "John", "John")

    def share(layer: int, head: int, key: int) -> float:
        return 100 * float(model().attention(moment(MARY), layer, head).weights[-1, key])

    assert said(f"the first “ John” with {share(3, 0, 3):.0f} %")
    assert said(f"the second one, the giver, with {share(3, 1, 9):.1f} %")
    assert said(f"look at “ Mary” with {share(4, 6, 1):.0f} % and {share(5, 0, 1):.0f} %")


def test_brazil_is_steered_to_spain() -> None:
    brazil, spain = moment("In Brazil, people speak"), moment("In Spain, people speak")
    last = len(brazil.ids) - 1
    steer = Steer(5, 1.0, last, plus=(spain.ids, len(spain.ids) - 1), minus=(brazil.ids, last))
    before, after = (model().distribution(one, top=1) for one in (brazil, brazil.steered(steer)))
    assert (before.text[0], after.text[0]) == (" Portuguese", " Spanish")
    assert said(
        f"“ Spanish” with {100 * after.raw[0]:.1f} %, over the {100 * before.raw[0]:.1f} % that “ Portuguese” had"
    )
    *_, end = model().play(brazil.steered(steer), 20)
    assert "The capital of the country is Madrid" in "".join(model().tokens(end).text)
