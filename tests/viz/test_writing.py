"""What the loop and the streams send: numbers equal the records', whatever is windowed."""

import json

import numpy as np
import pytest

from model_runtime import load_model
from model_runtime.model import Model
from model_runtime.prediction_records import ContextUse, Predictions
from tests.runtime.comparison import BOUND, moment_of, some_ids, stock_answers
from tests.runtime.conftest import pair_of
from tests.runtime.families import CONTEXT, VOCABULARY
from tests.viz.records_by_hand import TEXT, tokens
from viz.loop import TAIL, loop_payload
from viz.panels import loop, streams
from viz.panels.scene import Scene, scene_of
from viz.panels.view import View
from viz.payload import unpack
from viz.streams import context_payload, streams_payload
from viz.token_strip import labels_of
from viz.window import Window

LABELS = labels_of(tokens())
IDS = some_ids(20, VOCABULARY, seed=52)
FAMILIES = ["phi3", "llama", "gpt2", "gpt_neox", "gemma2", "mistral", "qwen3"]


def predictions() -> Predictions:
    """Right after positions 1 and 3; the last one predicts markup."""
    texts = (" A", *TEXT[2:3], "x", *TEXT[4:5], "y", "<b>\n")
    ids = np.array([50, 12, 51, 14, 52, 53])
    return Predictions(ids, texts, np.array([0.5, 0.25, 0.125, 1, 0.75, 0.375], np.float32))


class TestLoop:
    def test_a_step_is_a_written_token_with_its_probability_and_rank(self) -> None:
        payload = loop_payload(tokens(), LABELS, 5, 32)
        assert (payload["begin"], payload["end"], payload["total"], payload["first"]) == (3, 6, 6, 0)
        assert np.allclose(unpack(payload["probability"]), np.exp([-1.0, -2.0, -9.0]))
        assert unpack(payload["rank"]).tolist() == [2, 3, 40]
        assert payload["labels"] == LABELS
        assert payload["output"] is None
        json.dumps(payload)

    def test_the_token_after_the_cursor_is_the_steps_output(self) -> None:
        payload = loop_payload(tokens(), LABELS, 3, 32)
        assert payload["read"] == LABELS[:4]
        label, probability, rank = payload["output"]
        assert (label, rank) == ("</script>", 3)
        assert probability == pytest.approx(np.exp(-2.0))

    def test_the_window_holds_the_chosen_step_and_its_input(self) -> None:
        payload = loop_payload(tokens(), LABELS, 2, 1)
        assert (payload["begin"], payload["end"]) == (3, 4)
        assert payload["shown"] == "steps 1 to 1 of 3"
        assert payload["labels"] == LABELS[:4]
        assert loop_payload(tokens(), LABELS, 5, 1)["begin"] == 5
        assert loop_payload(tokens(), LABELS, 0, 1)["begin"] == 3  # inside the prompt: the first step

    def test_of_a_long_text_only_what_is_shown_travels(self) -> None:
        whole = tokens()
        count = 400
        long = type(whole)(
            ids=np.arange(count),
            text=("a",) * count,
            bytes=(b"a",) * count,
            surprisal=np.zeros(count, np.float32),
            rank=np.zeros(count, np.int64),
            entropy=np.zeros(count, np.float32),
            special=np.zeros(count, bool),
            prompt_length=10,
        )
        payload = loop_payload(long, [str(at) for at in range(count)], 300, 32)
        assert (payload["begin"], payload["end"]) == (270, 302)
        assert payload["labels"] == [str(at) for at in range(270 - TAIL, 302)]
        assert payload["read"] == [str(at) for at in range(301 - TAIL, 301)]

    def test_a_prompt_alone_has_no_steps(self) -> None:
        table = tokens()
        alone = type(table)(**{**vars(table), "prompt_length": 6})
        payload = loop_payload(alone, LABELS, 5, 32)
        assert payload["begin"] == payload["end"] == 6
        assert payload["labels"] == LABELS
        assert unpack(payload["probability"]).size == 0


class TestStreams:
    def test_a_track_is_right_where_its_prediction_came(self) -> None:
        payload = streams_payload(predictions(), tokens(), LABELS, 5, Window(0, 6, 6))
        assert unpack(payload["right"]).tolist() == [0, 1, 0, 1, 0, 2]
        assert np.array_equal(unpack(payload["probability"]), predictions().probability)
        assert payload["predicted"][-1] == "<b>↵"
        assert payload["came"] == [*LABELS[1:], ""]
        assert payload["hits"] == [[1, 2], [1, 3]]
        json.dumps(payload)

    def test_a_window_keeps_positions_together(self) -> None:
        payload = streams_payload(predictions(), tokens(), LABELS, 3, Window(2, 5, 6))
        assert unpack(payload["right"]).tolist() == [0, 1, 0]
        assert payload["labels"] == LABELS[2:5]
        assert payload["came"] == LABELS[3:6]
        assert payload["hits"] == [[1, 2], [1, 3]]  # of the whole text
        assert payload["shown"] == "tracks 2 to 4 of 6"

    def test_one_token(self) -> None:
        table = tokens()
        one = type(table)(**{name: part[:1] if name != "prompt_length" else 1 for name, part in vars(table).items()})
        first = Predictions(np.array([3]), ("a",), np.array([0.5], np.float32))
        payload = streams_payload(first, one, LABELS[:1], 0, Window(0, 1, 1))
        assert unpack(payload["right"]).tolist() == [2]
        assert payload["hits"] == [[0, 0], [0, 0]]

    def test_the_context_in_numbers_and_words(self) -> None:
        payload = context_payload(ContextUse(10, 3, 2, 5, "It is full."))
        assert payload == {"limit": 10, "prompt": 3, "written": 2, "free": 5, "at_limit": "It is full."}


class TestOnModels:
    """The tabs of a text whose last 12 tokens were taken, the cursor on the fifth of them."""

    @pytest.mark.parametrize("family", FAMILIES)
    def test_every_family_draws_both_tabs_with_stock_numbers(self, family: str) -> None:
        pair, model = pair_of(family)
        stock = stock_answers(pair.stock, IDS).probability  # [token, vocabulary]
        scene = scene_of(model, View(branches=(moment_of(model, IDS, prompt=8).to_text(),), cursor=12))
        taken = np.array([stock[at - 1, IDS[at]] for at in range(8, 20)])
        steps = loop.draw(scene)
        assert np.abs(unpack(steps["probability"]) - taken).max() < BOUND
        assert steps["next"][1] == pytest.approx(stock[-1].max(), abs=BOUND)
        assert steps["output"][1] == pytest.approx(taken[13 - 8], abs=BOUND)
        tracks = streams.draw(scene)
        right = stock[:-1].argmax(-1) == np.array(IDS[1:])
        assert unpack(tracks["right"]).tolist() == [*right.astype(int), 2]
        assert np.abs(unpack(tracks["probability"]) - stock.max(-1)).max() < BOUND
        assert tracks["context"]["free"] == CONTEXT - 20
        json.dumps([steps, tracks])

    @pytest.mark.parametrize("name", ["builtin", "builtin-gpt2"])
    def test_greedy_text_is_right_on_every_track(self, name: str) -> None:
        model = load_model(name)
        moment = model.begin("The capital of Japan is")
        *_, moment = model.play(moment, 6)
        payload = streams.draw(written(model, moment.to_text()))
        assert payload["hits"][1] == [6, 6]
        assert loop.draw(written(model, moment.to_text()))["ended"] is None


def written(model: Model, text: str) -> Scene:
    """A scene with the cursor at the end."""
    return scene_of(model, View(branches=(text,), cursor=2**20))
