"""What programs are told about the endpoints, the examples of docs/api.md, and text that means harm."""

import importlib.util
import json
import re

import httpx
import pytest
from gradio_client import Client

from model_runtime import Decoding, Moment
from model_runtime.model import Model
from tests.endpoints.server import DOCS, PROMPT, ask, example, same, served
from tests.hostile import HOSTILE as HOSTILE_TOKENS
from tests.hostile import NAME, hostile_prompt

HOSTILE = (
    "</script><img src=x onerror=alert(1)> \u202eltr \x00 \u200b <|user|> ${7*7} {{x}} \U0001f469\u200d\U0001f680 &amp;"
)


class TestText:
    def test_hostile_text_comes_back_as_it_is(self, client: Client, model: Model) -> None:
        text = ask(client, "begin", HOSTILE)
        begun = model.begin(HOSTILE)
        assert text == begun.to_text()
        answer = ask(client, "tokens", text)
        assert answer["text"]["values"] == list(model.tokens(begun).text)
        whole = b"".join(bytes.fromhex(token) for token in answer["bytes"]["values"])
        assert HOSTILE.encode() in whole
        assert set(ask(client, "lens", text, top=2)["vocabulary"].values()) <= set(
            model.lens(begun).vocabulary.values()
        )

    def test_hostile_tokens_come_back_as_they_are(self, client: Client, models: dict[str, Model]) -> None:
        hostile = models[NAME]
        begun, text = hostile.begin(hostile_prompt()), ask(client, "begin", hostile_prompt(), NAME)
        assert text == begun.to_text()
        said = ask(client, "tokens", text)["text"]["values"]
        assert said == list(hostile.tokens(begun).text)
        assert set(said) >= set(HOSTILE_TOKENS.values())
        assert same(ask(client, "distribution", text, top=50), hostile.distribution(begun, top=50))
        assert same(ask(client, "contributions", text), hostile.contributions(begun))
        lens = hostile.lens(begun, middle=False)
        assert ask(client, "lens", text, top=10)["vocabulary"] == {
            str(key): word for key, word in lens.vocabulary.items()
        }
        last = ask(client, "step", text)
        assert ask(client, "tokens", last)["text"]["values"][-1] == hostile.text(hostile.choice(begun))

    def test_half_of_a_character(self, address: str, model: Model) -> None:
        # No Python client sends one, but JSON can hold it.
        sent = httpx.post(
            f"{address}/gradio_api/call/begin",
            content=b'{"data": ["a\\ud800b", "", false, 0, 0, 1, 0, 1, 0, null]}',
            headers={"content-type": "application/json"},
        )
        answer = httpx.get(f"{address}/gradio_api/call/begin/{sent.json()['event_id']}").text
        assert answer.startswith("event: complete\n")
        assert json.loads(answer.split("data: ")[1]) == [model.begin("a\ufffdb").to_text()]


class TestDescription:
    def test_every_argument_has_a_type_and_a_description(self, client: Client) -> None:
        told = client.view_api(print_info=False, return_format="dict")
        assert told["unnamed_endpoints"] == {}
        for name, endpoint in told["named_endpoints"].items():
            assert len(endpoint["description"]) > 20, name
            (answer,) = endpoint["returns"]
            kinds = {"str": "moment", "list[dict(str, Any)]": "records", "dict(str, Any)": "record"}
            assert answer["label"] == kinds[answer["python_type"]["type"]]
            assert re.search(r"\w.*\.$", answer["type"]["additional_description"]), name
            for argument in endpoint["parameters"]:
                assert argument["label"] == argument["parameter_name"]
                assert argument["python_type"]["type"] not in ("", "Any"), (name, argument)
                assert re.search(r"\w.*[.;]$", argument["python_type"]["description"]), (name, argument)

    def test_the_page_lists_what_there_is_and_nothing_else(self, client: Client) -> None:
        told = client.view_api(print_info=False, return_format="dict")["named_endpoints"]
        rows = re.findall(r"^\| `(/\w+)` \| (?:`(.*?)`)? ?\|", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
        listed = {name: [part.split("=")[0] for part in given.split(", ")] if given else [] for name, given in rows}
        found = {name: [one["parameter_name"] for one in endpoint["parameters"]] for name, endpoint in told.items()}
        assert listed == found


class TestExamples:
    def test_from_python(self, address: str, models: dict[str, Model], capsys: pytest.CaptureFixture[str]) -> None:
        exec(compile(example("## From Python", address), str(DOCS), "exec"), {})  # the example as it stands there
        model = models["builtin"]
        begun = model.begin(PROMPT, decoding=Decoding(temperature=0.8, seed=1))
        end = list(model.play(begun, 3))[-1]
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == "".join(model.tokens(end).text)
        top = model.distribution(end, top=5)
        assert lines[1] == f"{top.text[0]!r}: {top.raw[0]:.3f}"
        assert lines[-2:] == _looked(model, end)

    def test_from_mcp(self, models: dict[str, Model], capsys: pytest.CaptureFixture[str]) -> None:
        if importlib.util.find_spec("mcp") is None:
            pytest.skip("gradio[mcp] is not installed here; it pins another pydantic")
        with served(models, mcp_server=True) as where:
            capsys.readouterr()  # Gradio says where MCP is served
            exec(compile(example("## From an MCP client", where), str(DOCS), "exec"), {})
        end = models["builtin"].step(models["builtin"].begin(PROMPT))
        lines = capsys.readouterr().out.splitlines()
        assert lines[:3] == ["".join(models["builtin"].tokens(end).text), *_looked(models["builtin"], end)]


def _looked(model: Model, moment: Moment) -> list[str]:
    """The last lines that both examples print."""
    weights = model.attention(moment, 3, 5).weights[-1].astype(float).tolist()
    said = [model.text(int(token)) for token in model.lens(moment).ids[:, 4]]
    return [f"the newest token looks at {weights}", f"after 'is' the layers say {said}"]
