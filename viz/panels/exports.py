"""The downloads that the server makes of a view: data, a report, a notebook, and the whole recording."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from model_runtime.errors import FeatureUnavailable, InputError
from model_runtime.recording_file import recording_bytes
from viz import record_data
from viz.labels import visible
from viz.notebook import drawing_of, view_cells, write_notebook
from viz.panels.asked import always_asked, answers_of, asked_of
from viz.panels.asked_types import Picture
from viz.panels.downloads import Detail, Download, File
from viz.panels.link import MOST_LINK, Shared, to_text
from viz.panels.scene import Scene, scene_of
from viz.panels.view import View
from viz.report import Drawing, write_report
from viz.sentences import later, say

if TYPE_CHECKING:
    from model_runtime.model import Model
    from model_runtime.records import ModelCard

MOST_RECORDING: Final = 64_000_000  # bytes: a larger file would keep the page, and everyone else, waiting


def about(scene: Scene) -> dict[str, Any]:
    """The facts that every file of a view begins with."""
    card = scene.card
    return {
        "model": card.name,
        "revision": card.revision,
        "fingerprint": card.fingerprint,
        "architecture": card.architecture,
        "device": card.device,
        "dtype": card.dtype,
        "moment": scene.moment.to_text(),
        "position": scene.view.cursor,
        "tab": scene.view.tab,
    }


def file_name(view: View, ending: str) -> str:
    """What a file of a view is called: model, tab, position."""
    moment = view.moment
    return f"{file_stem(moment.model)}-{view.tab}-{min(view.cursor, len(moment.ids) - 1)}.{ending}"


def file_stem(model: str) -> str:
    """What the names of files begin with: of a model's name, nothing but letters from A to z, digits and hyphens."""
    stem = model.replace("\\", "/").split("/")[-1]
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in stem)[:40]


def _json(model: "Model", view: View, detail: Detail = None) -> File:
    scene = scene_of(model, view)
    asked = asked_of(scene, detail)
    missing = {"missing": asked.missing} if asked.missing else {}
    text = record_data.to_json(answers_of(scene, asked), {**about(scene), **missing})
    return File(file_name(view, "json"), "application/json", text.encode("ascii"))


def _csv(model: "Model", view: View, detail: Detail = None) -> File:
    scene = scene_of(model, view)
    return File(file_name(view, "csv"), "text/csv", record_data.to_csv(answers_of(scene, asked_of(scene, detail))))


def _notebook(model: "Model", view: View, detail: Detail = None) -> File:
    scene = scene_of(model, view)
    asked = asked_of(scene, detail)
    picture = asked.picture
    answers = {name: answer for name, (_, answer) in answers_of(scene, asked).items()}
    first = picture.first_row, picture.first_column
    drawing = drawing_of(picture.expression(), picture.of(answers).ndim, picture.rows, picture.columns, first)
    calls = {name: call.source() for name, call in asked.calls.items()}
    cells = view_cells(about(scene), _load(scene), calls, drawing)
    return File(file_name(view, "ipynb"), "application/x-ipynb+json", write_notebook(cells).encode("ascii"))


def _load(scene: Scene) -> str:
    """The expression that loads the view's model, in what its numbers are kept in here."""
    moment = scene.moment
    name = f"{moment.model}@{moment.revision}" if moment.revision else moment.model
    return f"load_model({name!r}, dtype={scene.card.dtype!r})"


def _report(model: "Model", view: View, detail: Detail = None) -> File:
    scene = scene_of(model, view)
    view, card = scene.view, scene.card
    drawing, missing, notes = None, "", [say(note) for note in _HOW_TO_READ]
    try:
        asked = asked_of(scene, detail)
        answers = answers_of(scene, asked)
        missing = asked.missing
        drawing = _drawing(scene, asked.picture, answers)
        owner = answers[asked.picture.answer][1]
        notes.append(f"{asked.picture.field}: {record_data.field_notes(owner.__class__)[asked.picture.field][1]}")
    except FeatureUnavailable as error:  # the text and what may follow it can be shown all the same
        answers = answers_of(scene, always_asked(scene))
        notes.append(say("The open tab shows nothing of this model: {error}", error=error))
    link = to_text(Shared(view))
    passed = sum(proof.passed for proof in card.proofs)
    facts = {
        **{say(_FACTS[name]): value for name, value in about(scene).items() if name in _FACTS},
        say("parameters"): f"{card.parameters:,}",
        say("checks passed at load"): say("{passed} of {all}", passed=passed, all=len(card.proofs)),
        say("decoding"): str(scene.moment.decoding),
        say("changed"): "; ".join(map(str, scene.moment.interventions)) or say("nothing"),
        say("versions"): ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "numpy")),
        say("to open it again"): f"?view={link}" if len(link) <= MOST_LINK else say("save the view as a file for that"),
    }
    tokens, distribution = answers["tokens"][1], answers["distribution"][1]
    text = write_report(facts, tokens, scene.labels, distribution, drawing, answers, notes, missing)
    return File(file_name(view, "html"), "text/html", text.encode("utf-8"))


_FACTS: Final = {
    "model": later("model"),
    "revision": later("revision"),
    "fingerprint": later("fingerprint"),
    "architecture": later("architecture"),
    "device": later("device"),
    "dtype": later("dtype"),
    "position": later("position"),
    "tab": later("tab"),
}
_HOW_TO_READ: Final = (
    later("Positions, blocks and streams count from 0. The prediction after a token is about the one that follows it."),
    later("A raw probability is the model's own; the other one is what is left of it after the decoding filters."),
    later(
        "In the picture the colour is the stronger the larger the number; a blank cell is 0, hidden or unknown. What is"
        " negative has the other colour. Under the pointer a cell of a map tells its number; nothing else here moves."
    ),
    later(
        "Each record below names the call that gives it in Python. Behind the address of a Tokenscope page, what "
        "stands at “to open it again” opens this view."
    ),
)


def _drawing(scene: Scene, picture: Picture, answers: Mapping[str, tuple[str, Any]]) -> Drawing:
    record = answers[picture.answer][1]
    values = picture.of({name: answer for name, (_, answer) in answers.items()})
    what = f"{picture.answer}: {picture.field}" + (f" ({picture.key})" if picture.key else "")
    columns = _named(scene, record, picture.columns, picture.first_column, values.shape[-1])
    if values.ndim == 1:
        return Drawing(say("{what}, by {columns}", what=what, columns=picture.columns), values, (), columns)
    rows = _named(scene, record, picture.rows, picture.first_row, values.shape[0])
    title = say("{what}, {rows} by {columns}", what=what, rows=picture.rows, columns=picture.columns)
    return Drawing(title, values, rows, columns)


def _named(scene: Scene, record: Any, axis: str, first: int, count: int) -> list[str]:
    """What the rows or columns of a picture are called."""
    if axis == "token":
        return [f"{scene.labels[place]} {place}" for place in range(first, first + count)]
    named: dict[str, Any] = {"part": "names", "candidate": "text", "neighbour": "ids"}
    if axis in named:
        return [visible(str(each)) for each in getattr(record, named[axis])]
    return [f"{axis} {index}" for index in range(count)]


def _recording(model: "Model", view: View, detail: Detail = None) -> File:
    moment = view.moment
    size = _recording_size(model.card(), len(moment.ids))
    if size > MOST_RECORDING:
        raise InputError(
            say(
                "The recording of {tokens} tokens would have some {size} MB; the page hands out at most {most}. Go back"
                " to a shorter text, or use model.save_recording in Python.",
                tokens=len(moment.ids),
                size=size // 10**6,
                most=MOST_RECORDING // 10**6,
            )
        )
    return File(file_name(view, "safetensors"), "application/octet-stream", recording_bytes(model.recorded(moment)))


def _recording_said(model: "Model", view: View) -> tuple[str, bool]:
    size = _recording_size(model.card(), len(view.moment.ids))
    if size <= MOST_RECORDING:
        return say("about {size} MB", size=f"{size / 1e6:,.1f}"), False
    told = say(
        "some {size} MB, more than the {most} MB that the page hands out. In Python, below what “Open as notebook”"
        " writes: {line}",
        size=f"{size // 10**6:,}",
        most=MOST_RECORDING // 10**6,
        line='model.save_recording(moment, "text.safetensors")',
    )
    return told, True


def _recording_size(card: "ModelCard", tokens: int) -> int:
    """About how many bytes a recording's file takes."""
    streams = (2 * card.layers + 1) * card.width
    heads = card.layers * card.head_width * (card.heads + 2 * card.key_value_heads)
    return 4 * (tokens * (streams + heads) + card.vocabulary_size)


EXPORTS: Final = (
    Download(
        "report",
        later("Report"),
        later("one web page with text, picture and tables, for any browser without a network"),
        _report,
    ),
    Download("json", later("Data as JSON"), later("the numbers of the open tab, with their axes and meanings"), _json),
    Download("csv", later("Data as CSV"), later("the same for a spreadsheet, one row a number"), _csv),
    Download(
        "notebook",
        later("Open as notebook"),
        later("this view in Python: the same calls, numbers and a picture"),
        _notebook,
    ),
    Download(
        "recording",
        later("Recording"),
        later("all that was kept of the text, as safetensors for Python"),
        _recording,
        _recording_said,
    ),
)
