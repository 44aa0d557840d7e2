"""Runs the model over tokens and keeps what it computed. The caller holds the model's lock."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from transformers import DynamicCache, PreTrainedModel

from model_runtime.anatomy import Anatomy
from model_runtime.caches import branch, new_cache, widen
from model_runtime.chunks import Chunk, appended
from model_runtime.edits import UNCHANGED, Changes, Points, editing
from model_runtime.keeping import Keeping, Kept, reduced
from model_runtime.moment import Intervention
from model_runtime.progress import tell
from model_runtime.recorder import Recorder
from model_runtime.recording import (
    Place,
    Recording,
)
from model_runtime.room import Room, trouble
from model_runtime.tape import Switches, Tape
from model_runtime.token_statistics import NOTHING_BEFORE, Tally, statistics_of
from model_runtime.turns import Turns
from model_runtime.unembedding import LOGITS_AT_ONCE, Unembedding
from model_runtime.writers import Writers

if TYPE_CHECKING:
    from model_runtime.layer_replay import LayerReplay

# Tokens that one pass may hold over all the texts side by side: enough to use the device well, and few enough that
# what runs for long says often how far it is.
TOKENS_AT_ONCE = {"cpu": 512, "cuda": 16_384}
MOST_ROWS = 64


class Engine:
    """A model with its recorder.

    Attributes:
        model: The transformers model.
        anatomy: Where its blocks are.
        recorder: The seam.
        unembedding: From streams to logits.
        keep_logits: Whether every position's logits are kept, because they cannot be computed again.
        keep_streams: Whether the residual streams are kept; not where they cannot be read.
        writers: Per block, where its parts write; None where they cannot be told apart.
        middle: Whether what the attention adds is kept, so that streams can be read between attention and MLP.
        cached: Whether steps go on from a cache; where that is not exact, every text runs in one pass.
        keeping: How much of a text is kept.
        again: Makes what runs one layer of a text again, given the heads that are off; None where that is not exact.
        lock: Whoever runs the model holds it; it is handed on from visitor to visitor.
    """

    def __init__(self, model: PreTrainedModel, anatomy: Anatomy, recorder: Recorder, unembedding: Unembedding) -> None:
        self.model = model
        self.anatomy = anatomy
        self.recorder = recorder
        self.unembedding = unembedding
        self.keep_logits = False
        self.keep_streams = True
        self.writers: tuple[Writers | None, ...] = (None,) * len(anatomy.layers)
        self.middle = False
        self.cached = True
        self.room = Room(model.device)
        self.keeping = Keeping()
        self.again: Callable[[Switches], LayerReplay] | None = None
        self.lock = Turns()

    def keep_middle(self) -> None:
        """From now on keeps what each block's attention adds; all blocks are known to have a midpoint."""
        self.middle = True
        for layer, parts in enumerate(self.writers):
            if parts is not None and parts.attention is not None:
                self.recorder.follow(layer, parts.attention.module, parts.scale)

    def record(
        self,
        ids: tuple[int, ...],
        base: Recording | None,
        interventions: tuple[Intervention, ...] = (),
        changes: Changes = UNCHANGED,
    ) -> Recording:
        """The recording of a text.

        Args:
            ids: The whole text.
            base: The recording of a proper prefix of it under the same interventions, which stays as it is; None to
                begin from nothing.
            interventions: What to run under.
            changes: The same, as they are made.

        Raises:
            ModelTooLarge: The memory does not suffice for so long a text.
        """
        with self.running():
            return self._extend(ids, base if self.cached else None, interventions, changes)

    def _extend(
        self, ids: tuple[int, ...], base: Recording | None, interventions: tuple[Intervention, ...], changes: Changes
    ) -> Recording:
        done = 0 if base is None else len(base.ids)
        cache = self._cache(base)
        kept = self.keeping.of(len(ids), self.model.device, base)
        chunks: tuple[Chunk, ...] = () if base is None else tuple(reduced(chunk, kept) for chunk in base.chunks)
        tally = Tally(NOTHING_BEFORE) if base is None else base.tally
        newest = None if base is None else self.logits(base, done - 1)
        tape: Tape
        rows = len(ids) if cache is None else self.unembedding.rows
        for begin in range(done, len(ids), rows):
            if begin > done:
                tell(f"Running the model: {begin:,} of {len(ids):,} tokens", begin - done, len(ids) - done)
            part = torch.tensor(ids[begin : begin + rows], device=self.model.device)
            with self.changed(changes, begin) as tape:
                output = self.model(part[None], past_key_values=cache, use_cache=cache is not None)
            logits = output.logits[0]  # [token, vocabulary]
            if newest is not None:
                tally = tally.grown(newest, ids[begin])
            if len(part) > 1:
                tally = tally.joined(statistics_of(logits[:-1], part[1:]))
            chunks = appended(chunks, reduced(self._chunk(tape, logits), kept))
            newest = logits[-1].float().clone()
        keys, values = tuple(tape.keys), tuple(tape.values)
        recording = Recording(ids, chunks, cache, keys, values, interventions, tally, newest)
        return self.going_on(recording, base, kept, changes.switches)

    def going_on(self, recording: Recording, base: Recording | None, kept: Kept, switches: Switches) -> Recording:
        """A new recording with what was worked out for the one that it goes on from, and a way to what is not kept."""
        if base is not None:
            recording.lens, recording.glances = base.lens, base.glances
        if kept is not Kept.EVERYTHING and self.again is not None:
            recording.again = self.again(switches)
            recording.replayed = () if base is None else base.replayed
        return recording

    def newest_logits(
        self, texts: Sequence[tuple[int, ...]], changes: Changes = UNCHANGED, base: Recording | None = None
    ) -> torch.Tensor:
        """[row, vocabulary] float32 logits after the last tokens of several texts, run side by side.

        Args:
            texts: Of one length.
            changes: What is changed, by row.
            base: The recording of a beginning that they share and that no change reaches; None to begin from nothing.

        Raises:
            ModelTooLarge: The memory does not suffice.
        """
        return self.room.tried(lambda: self._newest_logits(texts, changes, base), len(texts[0]))

    def _newest_logits(
        self, texts: Sequence[tuple[int, ...]], changes: Changes, base: Recording | None
    ) -> torch.Tensor:
        with self.running():
            ids = torch.tensor(texts, device=self.model.device)
            rows, length = ids.shape
            done = 0 if base is None or not self.cached else len(base.ids)
            cache = self._cache(base)
            if done and cache is not None:
                widen(cache, rows)
            count = length if cache is None else max(1, LOGITS_AT_ONCE // (rows * self.unembedding.vocabulary))
            for begin in range(done, length, count):
                with self.changed(changes, begin, rows):
                    part = ids[:, begin : begin + count]
                    output = self.model(part, past_key_values=cache, use_cache=cache is not None)
        newest: torch.Tensor = output.logits[:, -1].float()
        return newest

    def side_by_side(self, tokens: int) -> int:
        """How many texts of so many tokens run at once."""
        at_once = TOKENS_AT_ONCE.get(self.model.device.type, TOKENS_AT_ONCE["cpu"])
        return max(1, min(MOST_ROWS, at_once // tokens))

    @property
    def points(self) -> Points:
        """Where the model can be watched and changed."""
        return Points(self.anatomy.layers, self.writers)

    @contextmanager
    def changed(self, changes: Changes, begin: int = 0, rows: int = 1, *, thorough: bool = False) -> Iterator[Tape]:
        """Inside, a pass of the model is recorded and changed.

        Args:
            changes: What is changed.
            begin: The position of the pass's first token.
            rows: How many texts run side by side.
            thorough: Whether to record the attention outputs too.
        """
        recording = self.recorder.recording(switches=changes.switches, thorough=thorough)
        with recording as tape, editing(self.points, changes.edits, rows, begin):
            yield tape

    def _cache(self, base: Recording | None) -> DynamicCache | None:
        """A cache to write to, which shares what the base's holds."""
        if not self.cached:
            return None
        return new_cache(self.anatomy.config) if base is None or base.cache is None else branch(base.cache)

    def _chunk(self, tape: Tape, logits: torch.Tensor) -> Chunk:
        return Chunk(
            logits.shape[0],
            _together(tape.streams) if self.keep_streams else None,
            tuple(tape.queries),
            _starts(tape.starts, logits.shape[0]),
            logits.clone() if self.keep_logits else None,
            self._attended(tape) if self.middle else None,
            seen=tuple(tape.seen) if self.recorder.choosing else (),
        )

    def _attended(self, tape: Tape) -> torch.Tensor:
        """[layer, token, width] what the attentions added; zeros in blocks without."""
        if len(tape.attended) < len(self.writers):
            tape.attended = dict.fromkeys(range(len(self.writers)), torch.zeros_like(tape.streams[0])) | tape.attended
        return _together([tape.attended[layer] for layer in range(len(self.writers))])

    def logits(self, recording: Recording, position: int) -> torch.Tensor:
        """[vocabulary] float32 logits after a position of a recorded text."""
        kept = recording.kept_logits(position)
        if kept is None:
            with self.running():
                kept = self.unembedding(recording.streams(len(self.anatomy.layers), position, position + 1))[0]
            if position == len(recording.ids) - 1:
                recording.newest = kept
        return kept

    def unembed(self, recording: Recording, places: Sequence[Place], begin: int, end: int) -> torch.Tensor:
        """[place, token, vocabulary] float32: what the head makes of each place at positions begin to end - 1."""
        with self.running():
            vectors = torch.cat([recording.at(place, begin, end) for place in places])
            logits = torch.cat([self.unembedding(part) for part in vectors.split(self.unembedding.rows)])
        return logits.reshape(len(places), end - begin, -1)

    @contextmanager
    def running(self, *, gradients: bool = False) -> Iterator[None]:
        """Inside, no gradients are kept unless asked for; a full memory or a failed device gets a plain message.

        Entered within every call: a generator resumes on other threads, where an outer inference mode is off.
        """
        try:
            with torch.inference_mode(not gradients), torch.set_grad_enabled(gradients):
                yield
        except (RuntimeError, MemoryError) as error:
            found = trouble(error, self.model.device)
            if found is None:
                raise
            raise found from error


def _together(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """Stacks what the layers left, on the first one's device: the layers of a large model are on several."""
    return torch.stack([tensor.to(tensors[0].device) for tensor in tensors])


def _starts(starts: Sequence[torch.Tensor | None], tokens: int) -> torch.Tensor:
    """[layer, token] the first keys that the layers see, 0 where a layer's are kept in another way."""
    if all(one is starts[0] for one in starts):  # as in most models, where one row serves for all
        row = torch.zeros(tokens, dtype=torch.long) if starts[0] is None else starts[0]
        return row.expand(len(starts), -1)
    blank = torch.zeros(tokens, dtype=torch.long)
    return torch.stack([blank if one is None else one for one in starts])
