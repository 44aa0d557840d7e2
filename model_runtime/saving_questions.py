"""Saves what was recorded of a text; `Model` is made of this, of others and its own."""

import platform
from dataclasses import asdict
from pathlib import Path

import numpy as np
import safetensors
import torch
import transformers

from model_runtime.layer_weights import attending, formula_of, window_of
from model_runtime.moment import Moment
from model_runtime.questions import Questions
from model_runtime.recording import Recording
from model_runtime.recording_file import Bytes, LayerFormula, RecordedText, write_recording
from model_runtime.records import Floats


class SavingQuestions(Questions):
    """Writes recordings to files. All methods may be called from any thread."""

    _off: dict[str, str]

    def save_recording(self, moment: Moment, path: str | Path) -> None:
        """Writes everything that was kept of a text to a safetensors file, which `load_recording` reads.

        Args:
            moment: The text; the model runs over what is new of it.
            path: The file to write; one that is there is replaced.

        Raises:
            OSError: The file cannot be written.
        """
        write_recording(self.recorded(moment), path)

    def recorded(self, moment: Moment) -> RecordedText:
        """Everything that was kept of a text, in float32 on the CPU."""
        tokens = self.tokens(moment)
        with self._lock, self._engine.running():
            recording = self._recording(moment)
            layers = range(len(recording.keys))
            readable = attending(self._engine, recording)
            queries = {layer: recording.layer_queries(layer) for layer in readable}
            formulas = {layer: formula_of(self._engine, layer) for layer in readable}
            sinks = {layer: _maybe(formula.sinks) for layer, formula in formulas.items()}
            count = len(recording.ids)
            biases = {layer: one.gained(count) for layer, one in formulas.items() if one.bias is not None}
            return RecordedText(
                moment=moment,
                model=asdict(self._card),
                versions=_versions(),
                layers=tuple(map(self._layer_formula, layers)),
                text=tokens.text,
                ids=np.array(tokens.ids),
                surprisal=np.array(tokens.surprisal),
                rank=np.array(tokens.rank),
                entropy=np.array(tokens.entropy),
                newest=_floats(self._engine.logits(recording, count - 1)),
                starts=np.stack([recording.starts(layer).cpu().numpy() for layer in layers]).astype(np.int64),
                streams=self._streams(recording),
                attended=self._attended(recording),
                queries=tuple(_maybe(queries.get(layer)) for layer in layers),
                keys=tuple(map(_maybe, recording.keys)),
                values=tuple(map(_maybe, recording.values)),
                seen=tuple(_seen(recording, layer) if layer in queries else None for layer in layers),
                sinks=tuple(None if (sink := sinks.get(layer)) is None else sink.reshape(-1) for layer in layers),
                bias=tuple(_maybe(biases.get(layer)) for layer in layers),
            )

    def _layer_formula(self, layer: int) -> LayerFormula | None:
        formula = self._engine.recorder.formulas[layer]
        if formula is None:
            return None
        return LayerFormula(
            formula.heads,
            formula.key_value_heads,
            formula.head_width,
            formula.scaling,
            formula.softcap,
            window_of(self._engine, layer),
            self._engine.recorder.unreadable.get(layer, "") or self._off.get("attention", ""),
        )

    def _streams(self, recording: Recording) -> Floats | None:
        if not self._engine.keep_streams:
            return None
        streams = range(len(recording.keys) + 1)
        return np.stack([_floats(recording.streams(stream, 0, len(recording.ids))) for stream in streams])

    def _attended(self, recording: Recording) -> Floats | None:
        if not (self._engine.middle and self._engine.keep_streams):
            return None
        layers = range(len(recording.keys))
        return np.stack([_floats(recording.attended(layer, 0, len(recording.ids))) for layer in layers])


def _floats(tensor: torch.Tensor) -> Floats:
    return np.array(tensor.detach().float().cpu().numpy())  # a copy, which the record may seal


def _maybe(tensor: torch.Tensor | None) -> Floats | None:
    return None if tensor is None else _floats(tensor)


def _seen(recording: Recording, layer: int) -> Bytes | None:
    """[token, byte] what a layer's tokens see, None where that is a run for each."""
    if not any(chunk.seen and chunk.seen[layer] is not None for chunk in recording.chunks):
        return None
    visible = recording.visible(layer, 0, len(recording.ids)).cpu().numpy()
    return np.packbits(visible, axis=1, bitorder="little")


def _versions() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "safetensors": safetensors.__version__,
    }
