"""The questions about what a model is made of; `Model` is made of these, of others and its own."""

from model_runtime.block_facts import TOKENS, block_drawing, positions_of
from model_runtime.errors import OutOfRange
from model_runtime.module_map import anatomy_map
from model_runtime.moment import Moment
from model_runtime.questions import Questions
from model_runtime.structure_records import AnatomyMap, BlockDrawing, Positions

# Maps that are kept; their shapes depend on the prompt.
KEPT = 8


class StructureQuestions(Questions):
    """Answers about the model's modules. All methods may be called from any thread."""

    _maps: dict[tuple[int, ...], AnatomyMap]
    _drawings: dict[int, BlockDrawing]
    _positions: tuple[Positions, ...] | None

    def anatomy_map(self, moment: Moment) -> AnatomyMap:
        """What the model is made of, and what shapes the moment's prompt took in it, measured on a run of its own.

        Raises:
            ModelTooLarge: The memory does not suffice for the run.
        """
        self._check(moment)
        ids = moment.ids[: moment.prompt_length]
        with self._lock:
            known = self._maps.get(ids)
            if known is None:
                known = anatomy_map(self._engine, ids, self._card.context)
                if len(self._maps) >= KEPT:
                    self._maps.pop(next(iter(self._maps)))
                self._maps[ids] = known
            return known

    def block(self, layer: int) -> BlockDrawing:
        """One block as it runs: what follows from what, which norm, activation and positions; no text matters.

        Args:
            layer: Block index.

        Raises:
            OutOfRange: There is no such block.
        """
        if not 0 <= layer < self._card.layers:
            raise OutOfRange(f"Block {layer} does not exist; this model has blocks 0 to {self._card.layers - 1}.")
        with self._lock:
            if layer not in self._drawings:
                plain = self._vocabulary.plain_ids
                if self._positions is None:
                    self._positions = positions_of(self._engine, plain[len(plain) // 2])
                ids = [plain[index * (len(plain) - 1) // (TOKENS - 1)] for index in range(TOKENS)]
                self._drawings[layer] = block_drawing(self._engine, layer, ids, self._positions[layer])
            return self._drawings[layer]
