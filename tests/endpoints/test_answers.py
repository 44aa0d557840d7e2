"""What the endpoints answer, asked by gradio_client over HTTP, beside the Python model's own answers."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from model_runtime import Decoding, Moment
from model_runtime.lens_records import LensGrid
from model_runtime.model import Model
from tests.endpoints.server import PROMPT, ask, same
from tests.serving import Kept
from viz.panels.api.texts import TextEndpoints
from viz.panels.limits import Limits
from viz.panels.models import Models

TWO_AXES = ("ids", "probability", "target_rank", "target_probability", "entropy", "divergence")


class OneMore(Limits):
    """A run that has had its time when it is asked for the second time."""

    def running(self) -> Callable[[], bool]:
        answers = iter((False, True))
        return lambda: next(answers)


class TestMoments:
    def test_begin_is_the_models_own(self, client: Client, model: Model) -> None:
        assert ask(client, "begin", PROMPT) == model.begin(PROMPT).to_text()
        assert ask(client, "begin", PROMPT, chat=True) == model.begin(PROMPT, chat=True).to_text()

    def test_begin_takes_every_decoding_setting(self, client: Client, models: dict[str, Model]) -> None:
        given = {"temperature": 0.7, "top_k": 9, "top_p": 0.9, "min_p": 0.01, "repetition_penalty": 1.2, "seed": 5}
        answer = ask(client, "begin", "the cat", "llama", **given, stop=["\n", "."])
        decoding = Decoding(0.7, 9, 0.9, 0.01, 1.2, 5, ("\n", "."))
        assert answer == models["llama"].begin("the cat", decoding=decoding).to_text()

    def test_five_steps_are_what_play_does(self, client: Client, model: Model) -> None:
        begun = model.begin(PROMPT, decoding=Decoding(temperature=1.0, seed=3))
        played = [one.to_text() for one in model.play(begun, 5)]
        stepped, last = [], begun.to_text()
        for _ in range(5):
            last = ask(client, "step", last)
            stepped.append(last)
        assert stepped == played
        assert ask(client, "step", begun.to_text(), steps=5) == played[-1]

    def test_steps_end_where_the_text_ends(self, client: Client, model: Model) -> None:
        begun = model.begin(PROMPT, decoding=Decoding(stop=("Tokyo",)))
        end = ask(client, "step", begun.to_text(), steps=9)
        assert end == list(model.play(begun, 9))[-1].to_text()
        with pytest.raises(AppError, match=r"^The text has ended \(stop text\)"):
            ask(client, "step", end, steps=9)

    def test_a_run_of_steps_has_its_time(self, model: Model) -> None:
        texts = TextEndpoints(Models(Kept({"builtin": model}), "builtin"), OneMore())
        begun = model.begin(PROMPT)
        assert texts.step(begun.to_text(), steps=9) == list(model.play(begun, 3))[-1].to_text()

    def test_another_token_appending_and_back(self, client: Client, model: Model, moment: Moment) -> None:
        text = moment.to_text()
        assert ask(client, "step", text, take=77) == model.step(moment, 77).to_text()
        assert ask(client, "append", text, " and so") == model.append(moment, " and so").to_text()
        assert ask(client, "back", text, 2) == model.back(moment, 2).to_text()
        assert ask(client, "back", text, 2000) == model.back(moment, 2000).to_text()

    def test_heads_go_off_and_on(self, client: Client, model: Model, moment: Moment) -> None:
        off = ask(client, "without", moment.to_text(), [[3, 5], [0, 1]], by="mean")
        assert off == moment.without([(3, 5), (0, 1)], by="mean").to_text()
        changed = ask(client, "distribution", off, top=5)
        assert same(changed, model.distribution(moment.without([(3, 5), (0, 1)], by="mean"), top=5))
        assert not same(changed, model.distribution(moment, top=5))
        assert ask(client, "restored", off) == moment.to_text()

    def test_offers_and_cards(self, client: Client, models: dict[str, Model]) -> None:
        assert [offer["name"] for offer in ask(client, "offers")] == list(models)
        assert same(ask(client, "card"), models["builtin"].card())
        assert same(ask(client, "card", "lfm2"), models["lfm2"].card())


class TestRecords:
    def test_tokens(self, client: Client, model: Model, moment: Moment) -> None:
        answer, table = ask(client, "tokens", moment.to_text()), model.tokens(moment)
        assert answer.pop("begin") == 0
        assert same(answer, table)
        assert answer["surprisal"]["values"][0] is None
        part = ask(client, "tokens", moment.to_text(), 2, 5)
        assert (part["begin"], part["ids"]["values"]) == (2, list(moment.ids[2:5]))
        assert part["bytes"]["values"] == [token.hex() for token in table.bytes[2:5]]

    def test_distribution(self, client: Client, model: Model, moment: Moment) -> None:
        filtered = replace(moment, decoding=Decoding(temperature=0.8, top_k=30, top_p=0.9, min_p=0.001))
        for position, top in ((-1, 20), (2, 3)):
            answer = ask(client, "distribution", filtered.to_text(), position, top)
            assert same(answer, model.distribution(filtered, position, top))
        assert [stage["name"] for stage in answer["stages"]] == ["temperature", "top_k", "top_p", "min_p"]

    def test_attention(self, client: Client, model: Model, moment: Moment) -> None:
        assert same(ask(client, "attention", moment.to_text(), 3, 5), model.attention(moment, 3, 5))
        part = ask(client, "attention", moment.to_text(), layer=3, head=5, begin=2, end=4)
        assert same(part, model.attention(moment, 3, 5, 2, 4))
        assert part["weights"]["shape"] == [2, 4]
        assert part["weights"]["axes"] == ["query", "key"]

    @pytest.mark.parametrize("name", ["builtin", "lfm2"])
    def test_heads(self, client: Client, models: dict[str, Model], name: str) -> None:
        text = models[name].begin("the cat in the hat")
        answer, table = ask(client, "heads", text.to_text()), models[name].heads(text)
        assert same(answer, table)
        units = {measure: array["unit"] for measure, array in answer["measures"].items()}
        assert units == {measure: _unit(measure) for measure in table.measures}
        assert (None in answer["measures"]["entropy"]["values"][0]) == (name == "lfm2")  # its first layer has no heads

    def test_lens(self, client: Client, model: Model, moment: Moment) -> None:
        answer = ask(client, "lens", moment.to_text(), top=10, middle=True)
        assert answer.pop("begin") == 0
        assert same(answer, model.lens(moment))

    def test_a_part_of_the_lens(self, client: Client, model: Model, moment: Moment) -> None:
        answer, whole = ask(client, "lens", moment.to_text(), 3, 5, 2), model.lens(moment, middle=False)
        assert (answer["begin"], answer["middle"]) == (3, None)
        cut = {name: getattr(whole, name)[:, 3:5] for name in LensGrid.__dataclass_fields__ if name in TWO_AXES}
        assert all(same(answer[name], values) for name, values in cut.items())
        assert same(answer["top_ids"], whole.top_ids[:, 3:5, :2])
        assert same(answer["top_probability"], whole.top_probability[:, 3:5, :2])
        assert same(answer["settled"], whole.settled[3:5])
        listed = {str(token) for token in whole.top_ids[:, 3:5, :2].flat}
        assert answer["vocabulary"] == {token: whole.vocabulary[int(token)] for token in listed}

    def test_contributions(self, client: Client, model: Model, moment: Moment) -> None:
        text = moment.to_text()
        assert same(ask(client, "contributions", text), model.contributions(moment))
        answer = ask(client, "contributions", text, 4, target=moment.ids[5], centred=True)
        assert same(answer, model.contributions(moment, 4, moment.ids[5], centred=True))
        pair = ask(client, "contributions", text, 4, target=moment.ids[5], against=16)
        assert same(pair, model.contributions(moment, 4, (moment.ids[5], 16)))
        first = int(model.distribution(moment, 3, top=1).ids[0])
        assert same(ask(client, "contributions", text, 3, against=16), model.contributions(moment, 3, (first, 16)))

    def test_hidden(self, client: Client, model: Model, moment: Moment) -> None:
        for layer, position in ((0, 0), (3, 2), (6, -1)):
            answer = ask(client, "hidden", moment.to_text(), layer, position)
            assert same(answer["vector"], model.hidden(moment, layer)[position])
            assert answer["position"] == position % len(moment.ids)

    def test_the_comparison_can_fail(self, client: Client, model: Model, moment: Moment) -> None:
        answer, record = ask(client, "attention", moment.to_text(), 3, 5), model.attention(moment, 3, 5)
        weights = record.weights.copy()
        weights[2, 1] = np.nextafter(weights[2, 1], np.float32(1))
        assert not same(answer, replace(record, weights=weights))
        assert not same({**answer, "extra": 1}, record)


def _unit(measure: str) -> str:
    return {"entropy": "nats", "distance": "tokens"}.get(measure, "share")
