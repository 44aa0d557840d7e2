"""Whole recordings as safetensors files: what such a file holds, and how it is read without torch.

`docs/recording-format.md` describes the format; a test holds that page to `ARRAYS`.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save, save_file

from model_runtime.errors import BadMoment, BadRecording, FeatureUnavailable, OutOfRange
from model_runtime.moment import Moment
from model_runtime.recording_arrays import ARRAYS
from model_runtime.records import Floats, Integers, seal

FORMAT: Final = "tokenscope-recording"
VERSION: Final = "1"
_LOWEST: Final = np.finfo(np.float32).min
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class LayerFormula:
    """What turns a layer's queries and keys into weights: the softmax of softcap(scaling * query . key) + bias.

    Attributes:
        heads: Query heads.
        key_value_heads: Key/value heads; heads / key_value_heads neighbouring query heads share one.
        head_width: Width of a query.
        scaling: The factor on the scores.
        softcap: The bound c of c * tanh(score / c), None where there is none.
        window: The sliding window in tokens, None where there is none; `starts` already say what it hides.
        unreadable: Why the weights cannot be computed from queries and keys, "" where they can.
    """

    heads: int
    key_value_heads: int
    head_width: int
    scaling: float
    softcap: float | None
    window: int | None
    unreadable: str = ""


@dataclass(frozen=True)
class RecordedText:
    """A recording that was read from a file. The arrays are read-only; `ARRAYS` says of each what it is.

    Attributes:
        moment: The text with its settings and interventions.
        model: The facts of the model's card, by name.
        versions: What it was made with: package name -> version.
        layers: How each layer attends, None where it does not.
        text: [token] each token as the tokenizer decodes it.
        ids: [token].
        surprisal: [token] nats.
        rank: [token].
        entropy: [token] nats.
        newest: [vocabulary] logits after the last token.
        starts: [layer, token].
        streams: [stream, token, width], None where the model's cannot be read.
        attended: [layer, token, width], None where midpoints cannot be told.
        queries: Per layer [head, token, head width], None without attention; and so the others.
        keys: [key/value head, token, head width].
        values: [key/value head, token, value width].
        seen: [token, byte], None where each token sees a run.
        sinks: [head], None without.
        bias: [head, key], None without.
    """

    moment: Moment
    model: Mapping[str, Any]
    versions: Mapping[str, str]
    layers: tuple[LayerFormula | None, ...]
    text: tuple[str, ...]
    ids: Integers
    surprisal: Floats
    rank: Integers
    entropy: Floats
    newest: Floats
    starts: Integers
    streams: Floats | None
    attended: Floats | None
    queries: tuple[Floats | None, ...]
    keys: tuple[Floats | None, ...]
    values: tuple[Floats | None, ...]
    seen: tuple[Bytes | None, ...]
    sinks: tuple[Floats | None, ...]
    bias: tuple[Floats | None, ...]

    def __post_init__(self) -> None:
        shape, layers = (len(self.moment.ids),), len(self.layers)
        seal(self, ids=shape, text=shape, surprisal=shape, rank=shape, entropy=shape, starts=(layers, *shape))
        for stack, rows in ((self.streams, layers + 1), (self.attended, layers)):
            if stack is not None and stack.shape[:2] != (rows, *shape):
                raise ValueError(f"a residual stack has shape {stack.shape}; the text calls for {(rows, *shape)}")
        for layer, formula in enumerate(self.layers):
            self._fits(layer, formula, *shape)

    def _fits(self, layer: int, formula: LayerFormula | None, tokens: int) -> None:
        """Checks what a layer's weights are computed from."""
        query, key = self.queries[layer], self.keys[layer]
        for array in (query, key, self.values[layer], self.seen[layer], self.sinks[layer], self.bias[layer]):
            if array is not None:
                array.flags.writeable = False
        if formula is None or formula.unreadable:
            return
        if query is None or query.shape != (formula.heads, tokens, formula.head_width):
            raise ValueError(f"the queries of layer {layer} do not fit its {formula.heads} heads and {tokens} tokens")
        if key is None or key.shape != (formula.key_value_heads, tokens, formula.head_width):
            raise ValueError(f"the keys of layer {layer} do not fit its heads and the {tokens} tokens")
        if formula.key_value_heads < 1 or formula.heads % formula.key_value_heads:
            raise ValueError(f"the {formula.heads} heads of layer {layer} cannot share {formula.key_value_heads}")

    def weights(self, layer: int, head: int) -> Floats:
        """[query, key] the exact attention weights of one head; what a row lacks to one went to the model's own sink.

        Raises:
            OutOfRange: There is no such layer, or no such head in it.
            FeatureUnavailable: The layer has no attention, or its weights do not follow from queries and keys.
        """
        formula = self._formula(layer, head)
        query, key = self.queries[layer], self.keys[layer]
        assert query is not None  # checked when the record was made, and so the next
        assert key is not None
        scores = query[head] @ key[head // (formula.heads // formula.key_value_heads)].T * np.float32(formula.scaling)
        if formula.softcap is not None:
            scores = np.tanh(scores / np.float32(formula.softcap)) * np.float32(formula.softcap)
        bias, sinks = self.bias[layer], self.sinks[layer]
        if bias is not None:
            scores = scores + bias[head, : scores.shape[1]]
        scores = np.where(self.visible(layer), scores, _LOWEST)
        if sinks is not None:  # one more key, whose share is then left out
            scores = np.concatenate([scores, np.full((len(scores), 1), sinks[head], np.float32)], axis=1)
        powers = np.exp(scores - scores.max(-1, keepdims=True))
        weights: Floats = (powers / powers.sum(-1, keepdims=True))[:, : len(self.ids)].astype(np.float32)
        return weights

    def visible(self, layer: int) -> NDArray[np.bool_]:
        """[query, key] True where a layer's mask lets the query see the key.

        Raises:
            OutOfRange: There is no such layer.
        """
        if not 0 <= layer < len(self.layers):
            raise OutOfRange(f"Layer {layer} does not exist; this model has layers 0 to {len(self.layers) - 1}.")
        places, seen = np.arange(len(self.ids)), self.seen[layer]
        if seen is not None:
            return np.unpackbits(seen, axis=1, count=len(places), bitorder="little").astype(np.bool_)
        run: NDArray[np.bool_] = (places >= self.starts[layer][:, None]) & (places <= places[:, None])
        return run

    def _formula(self, layer: int, head: int) -> LayerFormula:
        if not 0 <= layer < len(self.layers):
            raise OutOfRange(f"Layer {layer} does not exist; this model has layers 0 to {len(self.layers) - 1}.")
        formula = self.layers[layer]
        if formula is None:
            raise FeatureUnavailable(f"L{layer} has no attention; it mixes tokens in another way. Choose another.")
        if formula.unreadable:
            raise FeatureUnavailable(f"The attention of L{layer} cannot be read: {formula.unreadable}.")
        if not 0 <= head < formula.heads:
            raise OutOfRange(f"Head {head} of L{layer} does not exist; it has heads 0 to {formula.heads - 1}.")
        return formula


def write_recording(record: RecordedText, path: str | Path) -> None:
    """Writes a recording as a safetensors file.

    Raises:
        OSError: The file cannot be written.
    """
    arrays, header = _parts(record)
    try:
        save_file(arrays, path, header)
    except SafetensorError as error:  # how the library reports a full disk or a missing folder
        raise OSError(f"The recording cannot be written to {path}: {error}") from error


def recording_bytes(record: RecordedText) -> bytes:
    """The content of a recording's file."""
    return save(*_parts(record))


def _parts(record: RecordedText) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """The arrays and the header of a file."""
    arrays: dict[str, NDArray[Any]] = {}
    for name in ARRAYS:
        value = getattr(record, name.removesuffix("."))
        one_a_layer = name.endswith(".")
        named = {f"{name}{layer}": each for layer, each in enumerate(value)} if one_a_layer else {name: value}
        arrays |= {key: np.ascontiguousarray(each) for key, each in named.items() if each is not None}
    header = {
        "format": FORMAT,
        "version": VERSION,
        "moment": record.moment.to_text(),
        "model": json.dumps(dict(record.model)),
        "versions": json.dumps(dict(record.versions)),
        "layers": json.dumps([None if layer is None else asdict(layer) for layer in record.layers]),
        "text": json.dumps(record.text),
        "arrays": json.dumps({name: asdict(facts) for name, facts in ARRAYS.items()}),
    }
    return arrays, header


def load_recording(path: str | Path) -> RecordedText:
    """Reads a recording that `Model.save_recording` wrote; needs neither the model nor torch.

    Raises:
        BadRecording: The file is no recording, is damaged, or comes from a newer version.
        OSError: There is no such file.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - the file is no mapping
    except SafetensorError as error:
        raise BadRecording(f"{path} is no safetensors file, or was cut short: {error}. Save it again.") from error
    if header.get("format") != FORMAT:
        raise BadRecording(f"{path} is a safetensors file, but no recording of Tokenscope. Choose another file.")
    if header.get("version") != VERSION:
        raise BadRecording(f"{path} is of version {header.get('version')!r}; this program reads {VERSION}.")
    try:
        return _recorded(header, arrays)
    except (KeyError, TypeError, ValueError, AttributeError, BadMoment) as error:
        raise BadRecording(f"The parts of {path} do not fit each other: {error}. Save it again.") from error


def _recorded(header: Mapping[str, str], arrays: Mapping[str, NDArray[Any]]) -> RecordedText:
    layers = tuple(None if each is None else LayerFormula(**each) for each in json.loads(header["layers"]))
    for name, array in arrays.items():
        facts = ARRAYS[name if name in ARRAYS else f"{name.partition('.')[0]}."]
        if array.dtype != facts.dtype or array.ndim != len(facts.axes):
            raise ValueError(f"{name} is {array.dtype} {array.shape}, not {facts.dtype} [{', '.join(facts.axes)}]")
    parts: dict[str, Any] = {}
    for field in fields(RecordedText):
        if f"{field.name}." in ARRAYS:
            parts[field.name] = tuple(arrays.get(f"{field.name}.{layer}") for layer in range(len(layers)))
        elif field.name in ARRAYS:
            optional = field.name in ("streams", "attended")
            parts[field.name] = arrays.get(field.name) if optional else arrays[field.name]
    return RecordedText(
        moment=Moment.from_text(header["moment"]),
        model=json.loads(header["model"]),
        versions=json.loads(header["versions"]),
        layers=layers,
        text=tuple(json.loads(header["text"])),
        **parts,
    )
