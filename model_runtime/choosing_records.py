"""What choosing a token answers: distributions filter by filter, many draws, and the tree of a beam search."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from model_runtime.records import Floats, Integers, seal

Doubles = NDArray[np.float64]
# What became of a candidate: it is gone on from, it ended the text, too many others were better, or only greedy
# decoding goes there.
Fate = Literal["kept", "ended", "dropped", "greedy"]
FATES: tuple[Fate, ...] = get_args(Fate)


@dataclass(frozen=True)
class ChoiceStep:
    """The distribution at one point of the way from the logits to the choice.

    Attributes:
        name: The setting of `Decoding` whose filter just ran; "" for the model's own distribution.
        setting: Its value; NaN for the model's own.
        kept: How many tokens of the vocabulary remain.
        removed: How many tokens this very filter removed.
        removed_share: What they had together before it, 0 to 1.
        entropy: Of the distribution, in nats.
        ids: [row] the most probable tokens after it, ties by id; fewer rows where fewer remain.
        text: [row] each as the tokenizer decodes it.
        probability: [row] after it, renormalised over what remains.
    """

    name: str
    setting: float
    kept: int
    removed: int
    removed_share: float
    entropy: float
    ids: Integers
    text: tuple[str, ...]
    probability: Floats

    def __post_init__(self) -> None:
        seal(self, text=self.ids.shape, probability=self.ids.shape)


@dataclass(frozen=True)
class ChoiceSteps:
    """The way from the logits to the choice, and what top-p looks at.

    Attributes:
        position: What is read up to.
        temperature: The setting; 0 takes the greedy choice.
        top_p: The setting.
        seed: The setting.
        steps: The model's own distribution, then that after each filter that is on, in the order in which they run.
        order: [rank] the ids that reach top-p, the most probable first, ties by id.
        cumulative: [rank] the probability of the tokens up to each rank together, as top-p meets it, in float64.
        nucleus: How many of them top-p keeps; all where it is off.
        greedy: The id that is most probable after all filters; what temperature 0 takes.
        greedy_share: Its probability after all filters: how often drawing agrees with greedy decoding.
        choice: The id that the next step takes under these settings.
    """

    position: int
    temperature: float
    top_p: float
    seed: int
    steps: tuple[ChoiceStep, ...]
    order: Integers
    cumulative: Doubles
    nucleus: int
    greedy: int
    greedy_share: float
    choice: int

    def __post_init__(self) -> None:
        seal(self, cumulative=self.order.shape)


@dataclass(frozen=True)
class Draws:
    """Many draws from one distribution, beside its probabilities.

    Attributes:
        position: What is read up to.
        seed: Of the draws.
        taken: [draw] the ids in the order in which they were drawn. The first is what the next step takes.
        ids: [token] the most probable tokens, the most probable first, ties by id.
        text: [token] each as the tokenizer decodes it.
        probability: [token] what was drawn from; at temperature 0 all of it is the greedy choice's.
        drawn: [token] how often each came.
        other_probability: What the tokens that are not listed have together.
        other_drawn: How often they came.
        possible: How many tokens have any probability.
        seen: How many different tokens came.
        distance: The total variation distance between frequencies and probabilities over the whole vocabulary, 0 to 1:
            the share of the draws that would have to fall otherwise for the two to be equal.
        chance_distance: What that distance is on average for as many independent draws.
        chance_spread: Its standard deviation then, with the counts of the likely tokens taken as normal.
    """

    position: int
    seed: int
    taken: Integers
    ids: Integers
    text: tuple[str, ...]
    probability: Doubles
    drawn: Integers
    other_probability: float
    other_drawn: int
    possible: int
    seen: int
    distance: float
    chance_distance: float
    chance_spread: float

    def __post_init__(self) -> None:
        seal(self, text=self.ids.shape, probability=self.ids.shape, drawn=self.ids.shape)


@dataclass(frozen=True)
class BeamTree:
    """A beam search, every candidate of every step that came near, and greedy decoding beside it.

    The search is that of transformers' `generate` without sampling. It works on the model's own distribution.

    Attributes:
        width: How many beams are kept.
        steps: How many tokens may be written.
        length_penalty: A result's score is its total divided by its number of tokens to this power.
        parent: [node] the node before; -1 after the text itself. Nodes stand step by step, in each by falling total,
            greedy decoding's own last.
        step: [node] which new token it is, from 0.
        ids: [node] token ids.
        text: [node] each as the tokenizer decodes it.
        log_probability: [node] of the token after what stands before it, in nats, 0 or less.
        total: [node] the sum along the way from the text.
        fate: [node] "kept", "ended", "dropped" or "greedy". In the last step the kept ones are results.
        ends: [result] the last node of each result, the highest score first; at most `width`. While the search runs,
            those that have ended.
        score: [result] total / tokens ** length_penalty.
        greedy: [token] the nodes of what greedy decoding writes.
        done: Steps that are done.
        finished: Whether the search is over: all steps are done, or no beam can become better than the results.
    """

    width: int
    steps: int
    length_penalty: float
    parent: Integers
    step: Integers
    ids: Integers
    text: tuple[str, ...]
    log_probability: Floats
    total: Floats
    fate: tuple[Fate, ...]
    ends: Integers
    score: Floats
    greedy: Integers
    done: int
    finished: bool

    def __post_init__(self) -> None:
        nodes = self.parent.shape
        seal(self, step=nodes, ids=nodes, text=nodes, log_probability=nodes, total=nodes, fate=nodes)
        seal(self, score=self.ends.shape)

    def way(self, node: int) -> list[int]:
        """The nodes from the text to one, which is the last."""
        nodes: list[int] = []
        while node >= 0:
            nodes.append(node)
            node = int(self.parent[node])
        return nodes[::-1]
