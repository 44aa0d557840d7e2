"""Opening a model: the picker, what it offers, how far a load is, and why one cannot be opened.

Loads pass beside the queue of actions: the model that is shown can be used meanwhile. Only when a model is ready does
the page ask for it, with the action `show`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from model_runtime.errors import LoadingStopped, TokenscopeError
from model_runtime.loading_progress import in_words
from viz.components.opening import Loading, ModelPicker
from viz.panels.loads import Loads, Report
from viz.panels.models import AUTO, Models, rounded
from viz.panels.scene import Scene
from viz.panels.view import View, short_text
from viz.sentences import later, say
from viz.terms import term

# Each precision in the words of the picker: its name, and what it changes.
_SIXTEEN: Final = later(
    "2 bytes a parameter; attention weights are recomputed in float32 from the model's own 16-bit queries and keys"
)
_PRECISIONS: Final = (
    ("auto", later("automatic"), later("float32 on a CPU, the checkpoint's own on a GPU")),
    ("float32", "float32", later("4 bytes a parameter; what is shown equals the stock model to 1e-5")),
    ("bfloat16", "bfloat16", _SIXTEEN),
    ("float16", "float16", _SIXTEEN),
    (
        "8bit",
        later("8-bit"),
        later("1 byte a parameter, on CUDA, by bitsandbytes: what is shown is the model with rounded weights"),
    ),
    (
        "4bit",
        later("4-bit"),
        later("half a byte a parameter, on CUDA: rounded more coarsely still, and shown as rounded"),
    ),
)
# The forms that a name may have, each with an example.
FORMS: Final = (
    ("Qwen/Qwen3-0.6B", later("a Hugging Face id")),
    ("Qwen/Qwen3-0.6B@main", later("at a branch, tag or commit")),
    ("/models/mine", later("a folder with config.json and weights")),
    ("/models/mine.gguf", later("a GGUF file")),
    ("org/repo:file.gguf", later("a GGUF file of a Hugging Face repository")),
    ("org/adapter", later("a PEFT adapter, by id or folder; its base comes with it")),
    ("org/model + org/adapter", later("an adapter on a model of your choice")),
)
MOST_NAME: Final = 1_000  # characters of a model's name or path


def build(models: Models) -> tuple[ModelPicker, Loading]:
    """Builds the picker and, beside it, the place of a load."""

    def room(asked: object) -> str:
        """What the picker asks whenever it is opened; gradio always hands something over."""
        return room_in_words(*models.room())

    precisions = [(name, say(title), say(meaning)) for name, title, meaning in _PRECISIONS]
    known = {
        "offers": [
            {"name": offer.name, "title": term(offer.title), "needs": term(offer.needs)} for offer in models.offers
        ],
        "any": models.any_name,
        "precisions": precisions if models.any_name else precisions[:1],
        "forms": [(form, say(meaning)) for form, meaning in FORMS] if models.any_name else (),
        "shown": models.default,
        "precision": AUTO,
    }
    picker = ModelPicker(known, elem_id="model-picker", elem_classes="ts-fit", server_functions=[room])
    return picker, Loading(elem_id="loading", elem_classes="ts-fit")


def draw(scene: Scene) -> dict[str, Any]:
    """Returns which model is shown; what else the picker knows stays as it is."""
    return {"shown": scene.card.name, "revision": scene.card.revision, "precision": scene.view.precision}


def shown(view: View) -> object:
    """What the picker's payload depends on."""
    moment = view.moment
    return moment.model, moment.revision, view.precision


class Opening:
    """Answers pages that wait for a model, with the outputs `loading` and, at the end, `message`."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._loads = Loads(lambda name, precision, report: models.get(name, report, precision=precision))

    def load(self, page: str, detail: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Tells a page how far a load is until it has ended. A page waits for one load at a time.

        Args:
            page: What tells the page from others.
            detail: Unchecked: the `name` and `precision` of the model, and `ticket`, which comes back in every answer.
        """
        told = {"ticket": detail.get("ticket"), "name": "", "precision": AUTO, "text": "", "fraction": None}
        try:
            asked = short_text(detail.get("name"), MOST_NAME, later("name of the model")).strip()
            name, precision = rounded(asked, short_text(detail.get("precision", AUTO), 20, later("precision")))
            told |= {"name": name, "precision": precision}
            self._models.check(name, precision)
            for report in self._loads.watch(page, name, precision):
                yield {"loading": {**told, "state": "loading", "text": _words(report), "fraction": report.fraction}}
            yield {"loading": {**told, "state": "ready"}}
        except LoadingStopped as stopped:
            answer: dict[str, Any] = {"loading": {**told, "state": "stopped"}}
            if not self._loads.waits(page):  # else it went on to another model, which now has the word
                answer["message"] = {"kind": "notice", "text": str(stopped), "at": "", "fraction": None}
            yield answer
        except TokenscopeError as error:
            message = {"kind": "error", "text": str(error), "at": "model-picker", "fraction": None}
            yield {"loading": {**told, "state": "failed"}, "message": message}

    def stop(self, page: str) -> None:
        """Lets a page wait no longer. The load goes on while another page waits for it."""
        self._loads.leave(page)


def room_in_words(device: str, free: int | None) -> str:
    """Says where models go and how many bytes are free there, "" where there is nothing to say."""
    if free is None:
        return ""
    return say("Models run on {device}, which has {size} free.", device=device, size=in_words(free))


def _words(report: Report) -> str:
    minutes, seconds = divmod(report.seconds, 60)
    spent = f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
    return f"{report.text} · {spent}"
