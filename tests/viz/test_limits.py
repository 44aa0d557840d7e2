"""What visitors may take: models by path, the length of a text, the time of a run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from model_runtime import Library
from model_runtime.errors import ModelNotFound
from viz.panels.actions import Request
from viz.panels.answers import Answer, Desk
from viz.panels.limits import Limits
from viz.panels.models import Models

MOST = 12


class TestFolders:
    @pytest.fixture
    def models(self, tmp_path: Path) -> Models:
        for name in ("open/model", "closed/model"):
            (tmp_path / name).mkdir(parents=True)
        (tmp_path / "open" / "way").symlink_to(tmp_path / "closed")
        (tmp_path / "in").symlink_to(tmp_path / "open")
        offered = [*Models(Library(), "builtin").offers]
        return Models(Library(), str(tmp_path / "closed" / "model"), folders=[str(tmp_path / "in")], offers=offered)

    @pytest.mark.parametrize("name", ["open/model", "in/model", "open/../open/model", "open/model + {}/in/adapter"])
    def test_what_lies_below_may_be_opened(self, models: Models, tmp_path: Path, name: str) -> None:
        models.check(f"{tmp_path}/{name.format(tmp_path)}")

    @pytest.mark.parametrize(
        "name",
        [
            "{}/open/../closed/model@main",
            "{}/open/way/model",
            "{}/opener",
            "{}/open/model + {}/closed",
            "{}/open/model:../../closed/x.gguf",
            "org/model:../../../x.gguf",
            "builtin:../x.gguf",
            "/etc",
            "/no/such/place",
            "~/models",
            "../x",
            "model_runtime",
            "C:\\models",
        ],
    )
    def test_what_lies_elsewhere_is_refused_whether_it_is_there_or_not(
        self, models: Models, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(Path(__file__).resolve().parent.parent.parent)
        with pytest.raises(ModelNotFound, match="not below a folder"):
            models.check(name.format(tmp_path, tmp_path))

    def test_the_owners_own_choice_and_names_of_the_hub_are_no_paths_of_visitors(
        self, models: Models, tmp_path: Path
    ) -> None:
        models.check(str(tmp_path / "closed" / "model"))
        models.check("org/model:file.gguf@main")
        models.check("builtin-gpt2:8bit")

    def test_without_folders_no_path_may_be_opened(self, tmp_path: Path) -> None:
        with pytest.raises(ModelNotFound, match="not below a folder"):
            Models(Library(), "builtin", folders=()).check(str(tmp_path))
        Models(Library(), "builtin").check(str(tmp_path))


@pytest.fixture(scope="module")
def short() -> Models:
    """Models whose texts have at most `MOST` tokens."""
    return Models(Library(most_tokens=MOST), "builtin")


class TestLengths:
    def begun(self, short: Models) -> Answer:
        return Desk(short).act("start", None, Request({}, "The capital of Japan", False))

    def test_a_long_prompt_is_refused_beside_it_and_the_view_stays(self, short: Models) -> None:
        view = self.begun(short)["session"]["view"]
        answer = Desk(short).act("start", view, Request({}, "word " * 40, False))
        assert (answer["message"]["kind"], answer["message"]["at"]) == ("error", "prompt")
        assert f"{MOST} are the most allowed here" in answer["message"]["text"]
        assert answer["session"]["view"] == view
        assert set(answer) == {"session", "message"}

    def test_a_long_addition_is_refused_beside_its_box(self, short: Models) -> None:
        view = self.begun(short)["session"]["view"]
        answer = Desk(short).act("append", view, Request({"text": " and so on" * 9}, "", False))
        assert (answer["message"]["kind"], answer["message"]["at"]) == ("error", "append")
        assert answer["session"]["view"] == view

    def test_play_ends_at_the_limit(self, short: Models) -> None:
        view = self.begun(short)["session"]["view"]
        last = list(Desk(short).play(view, 100))[-1]
        assert "context full" in last["message"]["text"] or "end token" in last["message"]["text"]
        model = short.get("builtin")
        moment = model.begin("The capital of Japan")
        while model.ended(moment) is None:
            moment = model.step(moment, take=300)
        assert len(moment.ids) == MOST
        assert model.card().context > MOST

    def test_a_view_with_a_longer_text_is_refused(self, short: Models) -> None:
        longer = Library().get("builtin").begin("word " * 40)
        view = {**self.begun(short)["session"]["view"], "branches": [longer.to_text()]}
        answer = Desk(short).act("tab", view, Request({"tab": "lens"}, "", False))
        assert answer["message"]["kind"] == "error"


class TestTime:
    @pytest.fixture(autouse=True)
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each look at the clock finds a second gone."""
        seconds = iter(range(10_000))
        monkeypatch.setattr("viz.panels.limits.time.monotonic", lambda: float(next(seconds)))

    def view(self, models: Models) -> Any:
        return Desk(models).act("start", None, Request({}, "The capital of Japan is", False))["session"]["view"]

    def test_play_stops_and_can_go_on(self, short: Models) -> None:
        models = Models(Library(), "builtin")
        answers = list(Desk(models, Limits(run_seconds=3)).play(self.view(models), 50))
        assert [answer["session"]["more"] for answer in answers] == [True, True, True, False]
        assert "after 3 s" in answers[-1]["message"]["text"]
        assert "3 of 50 tokens" in answers[-1]["message"]["text"]
        assert answers[-1]["session"]["view"] == answers[-2]["session"]["view"]

    def test_without_a_limit_nothing_stops(self) -> None:
        models = Models(Library(), "builtin")
        assert "Played 4 tokens" in list(Desk(models).play(self.view(models), 4))[-1]["message"]["text"]

    def test_a_long_question_stops_with_what_it_has(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from viz.panels import answers as room
        from viz.panels.progress import Progress

        def asked(model: object, view: object, detail: object) -> Iterator[Progress]:
            yield from (Progress({"known": done}, done, 9, f"{done} of 9") for done in range(1, 10))

        monkeypatch.setitem(room._SCANS, "beams", asked)
        models = Models(Library(), "builtin")
        view = self.view(models)
        stopped = list(Desk(models, Limits(run_seconds=2)).scan(view, {"what": "beams"}))
        assert [answer["session"]["more"] for answer in stopped] == [True, False]
        assert stopped[-1]["beams"] == {"scan": {"known": 2}}
        assert "2 of 9" in stopped[-1]["message"]["text"]
        assert "after 2 s" in stopped[-1]["message"]["text"]
        whole = list(Desk(models).scan(view, {"what": "beams"}))
        assert len(whole) == 9
