"""What is answered by changing something: input attribution, and patching one run into another."""

from dataclasses import dataclass

from model_runtime.part_records import Question
from model_runtime.records import Booleans, Floats, seal


@dataclass(frozen=True)
class Attribution:
    """How much each token of the text counted for one logit, or for a difference of two.

    Attributes:
        question: Which number is asked about; tokens after its position are not seen by it.
        method: "gradient" (gradient x input), "integrated" (integrated gradients, Sundararajan et al. 2017) or
            "leave-one-out".
        score: [token] up to and including the question's position, in logits; positive: the token spoke for it. NaN
            where nothing is known, or not yet.
        value: The number on the text as it is.
        baseline_value: The number where nothing speaks: see `baseline`.
        baseline: What was put in place of the text: "all embeddings zero", "the vocabulary's mean embedding" or
            "only the last token".
        total: The sum of the scores.
        error: total - (value - baseline_value): how far the scores are from adding up. Integrated gradients make it
            small with enough steps; for the other two nothing promises that it is.
        steps: Points on the way from the baseline to the text; 1 where the method takes none.
        done: Runs of the model that are done.
        runs: Runs that there are in all.
    """

    question: Question
    method: str
    score: Floats
    value: float
    baseline_value: float
    baseline: str
    total: float
    error: float
    steps: int
    done: int
    runs: int

    def __post_init__(self) -> None:
        seal(self, score=(self.question.position + 1,))


@dataclass(frozen=True)
class PatchGrid:
    """What happens to one answer when a part of a clean run takes the place of the same part in a changed run.

    The method of "Locating and Editing Factual Associations in GPT" (Meng et al., 2022) and of path patching on names
    (Wang et al., 2022).

    Attributes:
        question: The pair whose difference of logits is watched, at the newest position: the clean text's answer less
            the changed text's.
        part: What was put in place: "stream" (what enters a block; the last row is what leaves the last block),
            "attention" or "MLP" (what they add to the stream), "heads" (each head at every position), or "layer heads"
            (the heads of one layer, at one token).
        layer: The block whose heads are meant by "layer heads", else -1.
        differs: [token] where the two texts hold different tokens.
        difference: [row, column] the difference of logits after the patch; NaN where not yet known, or no such head.
            Rows are streams, blocks or (for "layer heads") heads; columns are tokens or (for "heads") heads.
        clean: The difference of logits of the clean run.
        changed: That of the changed run.
        recovered: [row, column] (difference - changed) / (clean - changed): 0 as in the changed run, 1 as in the clean
            one; it may go beyond both. NaN where the difference is not known, or where both runs answer alike.
        done: Patches that are done.
        total: Patches that there are.
    """

    question: Question
    part: str
    layer: int
    differs: Booleans
    difference: Floats
    clean: float
    changed: float
    recovered: Floats
    done: int
    total: int

    def __post_init__(self) -> None:
        seal(self, recovered=self.difference.shape)


@dataclass(frozen=True)
class AblationScan:
    """How much switching off each single head changes the probability of one token at the newest position.

    A scan gives one of these again and again as it gets on; the last one is whole.

    Attributes:
        target: The token's id.
        text: The token as the tokenizer decodes it.
        by: "zero" or "mean": how the heads were switched off. Heads that the moment itself switches off stay off.
        probability: Of the target without further ablation, 0 to 1.
        change: [layer, head] its probability with the head off minus with it on, -1 to 1. NaN where not yet known and
            where there is no head.
        log_change: [layer, head] the same for the natural logarithm of the probability, in nats.
        done: How many heads are done.
        total: How many there are to do.
    """

    target: int
    text: str
    by: str
    probability: float
    change: Floats
    log_change: Floats
    done: int
    total: int

    def __post_init__(self) -> None:
        seal(self, log_change=self.change.shape)
