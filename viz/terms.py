"""The runtime's own terms as sentences of the interface: what its records call heads, measures and parts.

Each stands here as the runtime has it, so that it is listed for translation; a test compares the two.
"""

from typing import Final

from model_runtime.part_records import ATTENTION, BIAS, BLOCK, EMBEDDING, MLP, STEERING
from viz.sentences import later, say

TERMS: Final = frozenset(
    (
        # labels of heads, when a head gets them, and what such a head does
        later("induction"),
        later("induction >= 0.4, on the random run where there is one, else on the text"),
        later(
            "Finds an earlier occurrence of the present token and looks at what followed it, which lets a model "
            "continue what it has seen before (Olsson et al. 2022)."
        ),
        later("duplicate token"),
        later("duplicate >= 0.4, on the random run where there is one, else on the text"),
        later("Looks at earlier occurrences of the present token (Wang et al. 2022)."),
        later("first token"),
        later(
            "more than 0.95 of all attention goes to the first token or the model's own sink; or more than half does, "
            "and the rest shows none of the patterns below"
        ),
        later(
            "Rests on the first token, which it uses as a place to look when there is nothing to do (Xiao et al. 2023)."
        ),
        later("previous token"),
        later("previous >= 0.5"),
        later("Looks at the token just before, whatever it is."),
        later("self"),
        later("self >= 0.5"),
        later("Looks at the present token itself."),
        later("special tokens"),
        later("special >= 0.5"),
        later("Looks at special tokens, such as the marks of a chat's turns, beyond the first token."),
        later("local"),
        later("local >= 0.8, and at least 1.5 times what even attention would give"),
        later("Looks at the last few tokens: the present one and the four before it."),
        later("broad"),
        later("evenness >= 0.9"),
        later("Spreads its attention almost evenly over everything it sees, as if to take an average."),
        later("no clear pattern"),
        later("none of the conditions holds, or the text is too short to say"),
        later("Does none of these clearly."),
        # measures of heads, their units, and what they mean
        later("entropy"),
        later("nats"),
        later("How spread out a row is: -sum of w ln w over the keys, mean over the queries."),
        later("distance"),
        later("tokens"),
        later("How far back it looks: sum of w times tokens back, mean over the queries."),
        later("share"),
        later("Weight on the query's own token, mean over the queries."),
        later("previous"),
        later("Weight on the token just before, mean over the queries from the second on."),
        later("first"),
        later("Weight on the first token of the text, mean over the queries."),
        later("special"),
        later("Weight on the tokenizer's special tokens, mean over the queries."),
        later("duplicate"),
        later("Weight on earlier occurrences of the query's own token, mean over the queries that have one."),
        later(
            "Weight on what followed earlier occurrences of the query's own token, mean over the queries that have one."
        ),
        later("duplicate_random"),
        later(
            "On 64 random tokens said twice: weight from each token of the second copy to itself in the first, mean."
        ),
        later("induction_random"),
        later(
            "On 64 random tokens said twice: weight from each of the second copy to what followed it in the first, "
            "mean."
        ),
        # parts of a prompt, and what else attention can go to
        later("persona"),
        later("instruction"),
        later("context"),
        later("format"),
        later("audience"),
        later("tone"),
        later("data"),
        later("template and borders"),
        later("written text"),
        later("the model's own sink"),
        # models on offer, and what each needs
        later("Tokenscope's own small model"),
        later("Ships with Tokenscope; runs at once on any CPU, offline."),
        later("Tokenscope's own, of the old kind"),
        later("Ships with Tokenscope: GPT-2's architecture, to compare with; runs at once, offline; no chat template."),
        later("135 million parameters; downloads 0.3 GB; fine on a laptop CPU."),
        later("124 million parameters; downloads 0.5 GB; fine on a laptop CPU."),
        later("0.6 billion parameters; downloads 1.5 GB; 3 GB of memory on a CPU; chat template."),
        later(
            "3.8 billion parameters; downloads 7.6 GB; a GPU with 10 GB, or 16 GB of memory and patience; chat "
            "template."
        ),
        # ways to combine heads
        later("mean"),
        later("maximum"),
        later("rollout"),
    )
)
_PARTS: Final = {
    EMBEDDING: later("embedding"),
    BIAS: later("bias"),
    ATTENTION: later("attention {layer}"),
    MLP: later("MLP {layer}"),
    BLOCK: later("block {layer}"),
    STEERING: later("steering {layer}"),
}


def term(name: str) -> str:
    """Returns one of the runtime's terms in the page's language; others, such as names of modules, as they are."""
    return say(name) if name in TERMS else name


def part_name(kind: str, layer: int) -> str:
    """Returns what a part of a logit's split is called, such as "attention 3".

    Args:
        kind: As in `Contributions.kinds`.
        layer: Its block, or its stream where it is a steering; nothing is read from it for the embedding and the bias.
    """
    return say(_PARTS[kind], layer=layer)
