"""What the endpoints refuse, and in which words."""

import re
from dataclasses import replace
from typing import Any

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from model_runtime import Moment
from model_runtime.model import Model
from tests.endpoints.server import ask, same


class TestErrors:
    @pytest.mark.parametrize(
        ("name", "given", "words"),
        [
            ("attention", {"layer": 99, "head": 0}, "Layer 99 does not exist; this model has layers 0 to 5."),
            ("attention", {"layer": 0, "head": -1}, "Head -1 of L0 does not exist; the layer has heads 0 to 7."),
            ("attention", {"layer": "<b>", "head": 0}, "layer is '<b>'; it has to be a whole number."),
            ("attention", {"layer": True, "head": 0}, "layer is True; it has to be a whole number."),
            ("attention", {"layer": 0, "head": 0, "begin": 5, "end": 2}, "begin is 5 and end is 2; use 0 <= begin"),
            ("tokens", {"begin": -1}, "begin is -1 and end is 8; use 0 <= begin"),
            ("tokens", {"end": "9"}, "end is '9'; it has to be a whole number or null."),
            ("distribution", {"position": 99}, "Position 99 does not exist; use 0 to 7, or -1 for the newest."),
            ("distribution", {"top": 0}, "Cannot list 0 tokens"),
            ("lens", {"top": 11}, "top is 11; the lens lists 1 to 10 tokens."),
            ("lens", {"top": -5}, "top is -5; the lens lists 1 to 10 tokens."),
            ("hidden", {"layer": 7}, "Stream 7 does not exist"),
            ("hidden", {"layer": 0, "position": 8}, "The position is 8; use a whole number from 0 to 7."),
            ("contributions", {"target": 10**9}, "Token id 1000000000 does not exist"),
            ("contributions", {"target": 5, "against": 5}, "The token"),
            ("step", {"take": 10**30}, "Token id 1000000000000000000000000000000 does not exist"),
            ("step", {"steps": 0}, "The number in steps is 0; use a whole number from 1 to 1000."),
            ("step", {"take": 5, "steps": 2}, "take gives one token and steps is 2."),
            ("back", {"steps": -1}, "Cannot go back -1 steps; use 0 or more."),
            ("without", {"heads": [[99, 0]]}, "Layer 99 does not exist"),
            ("without", {"heads": [[1, 2, 3]]}, "heads has to hold a pair of layer and head for each"),
            ("without", {"heads": [["1", 2]]}, "heads is [['1', 2]]; it has to be a list of lists of whole numbers."),
            ("without", {"heads": [[1, 2]], "by": "magic"}, "A head can be switched off by 'zero' or by 'mean'"),
        ],
    )
    def test_what_cannot_be_asked(
        self, client: Client, moment: Moment, name: str, given: dict[str, Any], words: str
    ) -> None:
        with pytest.raises(AppError) as caught:
            ask(client, name, moment.to_text(), **given)
        assert caught.value.message.startswith(words)
        _plain(caught.value.message)

    @pytest.mark.parametrize("text", ["", "!!", "AAAA", "eNo", "x" * 3_000_000])
    def test_what_is_no_moment(self, client: Client, text: str) -> None:
        for name in ("step", "tokens", "heads", "restored"):
            with pytest.raises(AppError, match=r"^The saved moment ") as caught:
                ask(client, name, text)
            _plain(caught.value.message)

    def test_another_models_moment(self, client: Client, moment: Moment) -> None:
        with pytest.raises(AppError, match=r"^The moment was made with 'llama'"):
            ask(client, "tokens", replace(moment, model="llama").to_text())
        with pytest.raises(AppError, match=r"holds token id 999999"):
            ask(client, "tokens", moment.grown(999_999).to_text())

    @pytest.mark.parametrize("name", ["openai-community/gpt2", "/etc", "builtin:4bit", "../builtin"])
    def test_models_that_are_not_offered(self, client: Client, moment: Moment, name: str) -> None:
        words = re.escape(f"{name!r} is not among the models that this page offers.")
        with pytest.raises(AppError, match=words):
            ask(client, "begin", "x", name)
        with pytest.raises(AppError, match=words):
            ask(client, "card", name)
        with pytest.raises(AppError, match=words):
            ask(client, "step", replace(moment, model=name).to_text())

    def test_settings_and_texts_that_cannot_be(self, client: Client) -> None:
        with pytest.raises(AppError, match=r"^temperature is -1"):
            ask(client, "begin", "x", temperature=-1)
        with pytest.raises(AppError, match=r"^temperature is 'hot'; it has to be a number\.$"):
            ask(client, "begin", "x", temperature="hot")
        with pytest.raises(AppError, match=r"^stop is \[1\]; it has to be a list of texts or null\.$"):
            ask(client, "begin", "x", stop=[1])
        with pytest.raises(AppError, match=r"^text has 1,000,001 characters; use at most 1,000,000\.$"):
            ask(client, "begin", "x" * 1_000_001)
        with pytest.raises(AppError, match=r"^The text has .* tokens and this model takes"):
            ask(client, "begin", "x y " * 50_000)

    def test_answers_that_would_be_too_large(self, client: Client, model: Model, moment: Moment) -> None:
        long = model.begin("The cat sat on the mat. " * 60)
        count = len(long.ids)
        text = long.to_text()
        words = rf"^This would be {2 * count * count:,} numbers; .* Narrow begin and end\.$"
        with pytest.raises(AppError, match=words):
            ask(client, "attention", text, 0, 0)
        assert same(ask(client, "attention", text, 0, 0, count - 5), model.attention(long, 0, 0, count - 5))
        with pytest.raises(AppError, match=r"Narrow top\.$"):
            ask(client, "distribution", text, top=10**9)
        with pytest.raises(AppError, match=r"Narrow begin and end, or top\.$"):
            ask(client, "lens", text, top=10**6)


def _plain(message: str) -> None:
    assert not re.search(r"Traceback|File \"|\.py\b|Error:", message)
    assert message.endswith(".")
