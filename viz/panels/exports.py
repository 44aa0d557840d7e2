"""The downloads that the server makes of a view: data, and the whole recording."""

from typing import TYPE_CHECKING, Any, Final

from model_runtime.errors import InputError
from model_runtime.recording_file import recording_bytes
from viz import record_data
from viz.panels.asked import answers_of, asked_of
from viz.panels.downloads import Download, File
from viz.panels.scene import Scene, scene_of
from viz.panels.view import View

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
    """What a file of a view is called: model, tokens, tab, position. Nothing but letters, digits and hyphens."""
    moment = view.moment
    stem = moment.model.replace("\\", "/").split("/")[-1]
    safe = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in stem)
    return f"{safe[:40]}-{view.tab}-{min(view.cursor, len(moment.ids) - 1)}.{ending}"


def _json(model: "Model", view: View) -> File:
    scene = scene_of(model, view)
    text = record_data.to_json(answers_of(scene, asked_of(scene)), about(scene))
    return File(file_name(view, "json"), "application/json", text.encode("ascii"))


def _csv(model: "Model", view: View) -> File:
    scene = scene_of(model, view)
    return File(file_name(view, "csv"), "text/csv", record_data.to_csv(answers_of(scene, asked_of(scene))))


def _recording(model: "Model", view: View) -> File:
    moment = view.moment
    size = _recording_size(model.card(), len(moment.ids))
    if size > MOST_RECORDING:
        raise InputError(
            f"The recording of {len(moment.ids)} tokens would have some {size // 10**6} MB; the page hands out at most "
            f"{MOST_RECORDING // 10**6}. Go back to a shorter text, or use model.save_recording in Python."
        )
    return File(file_name(view, "safetensors"), "application/octet-stream", recording_bytes(model.recorded(moment)))


def _recording_size(card: "ModelCard", tokens: int) -> int:
    """About how many bytes a recording's file takes."""
    streams = (2 * card.layers + 1) * card.width
    heads = card.layers * card.head_width * (card.heads + 2 * card.key_value_heads)
    return 4 * (tokens * (streams + heads) + card.vocabulary_size)


EXPORTS: Final = (
    Download("json", "Data as JSON", "the numbers of the open tab, with their axes and meanings", _json),
    Download("csv", "Data as CSV", "the same for a spreadsheet, one row a number", _csv),
    Download("recording", "Recording", "all that was kept of the text, as safetensors for Python", _recording),
)
