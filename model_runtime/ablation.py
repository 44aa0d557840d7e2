"""Switching heads off: what takes their place."""

from collections.abc import Sequence

import torch

from model_runtime.attention import head_formula
from model_runtime.engine import Engine
from model_runtime.moment import Ablate
from model_runtime.tape import Switch, Switches
from model_runtime.vocabulary import Vocabulary

REFERENCE_TEXTS = 4
REFERENCE_TOKENS = 64


class Ablation:
    """Turns the ablations of a moment into what the recorder does. The caller holds the model's lock."""

    def __init__(self, engine: Engine, vocabulary: Vocabulary, context: int) -> None:
        self._engine = engine
        self._vocabulary = vocabulary
        self._context = context
        self._means: dict[int, torch.Tensor] | None = None

    def switches(self, ablations: Sequence[Ablate]) -> Switches:
        """What to do in each layer.

        Raises:
            OutOfRange: The model has no such layer or head.
            FeatureUnavailable: The layer has no attention.
        """
        found: dict[int, tuple[Switch, ...]] = {}
        for one in ablations:
            head_formula(self._engine, one.layer, one.head)
            output = self.means()[one.layer][one.head] if one.by == "mean" else None
            found[one.layer] = (*found.get(one.layer, ()), Switch(one.head, output))
        return found

    def means(self) -> dict[int, torch.Tensor]:
        """Layer -> [head, value width] float32: each head's mean output over the reference texts, computed once."""
        if self._means is None:
            sums: dict[int, torch.Tensor] = {}
            texts = reference_texts(self._vocabulary, self._context)
            with self._engine.running():
                for ids in texts.to(self._engine.model.device).split(1):
                    with self._engine.recorder.recording(thorough=True) as tape:
                        self._engine.model(ids, use_cache=False)
                    for layer, output in enumerate(tape.outputs):
                        if output is not None:
                            sums[layer] = sums.get(layer, 0) + output.float().sum(0)
            self._means = {layer: total / texts.numel() for layer, total in sums.items()}
        return self._means


def reference_texts(vocabulary: Vocabulary, context: int) -> torch.Tensor:
    """[text, token] the fixed reference batch: random non-special ids, seed 0, 4 x 64, shorter in a small context."""
    known = torch.tensor(vocabulary.plain_ids)
    shape = (REFERENCE_TEXTS, min(REFERENCE_TOKENS, context))
    return known[torch.randint(0, len(known), shape, generator=torch.Generator().manual_seed(0))]
