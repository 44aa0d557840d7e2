"""What the model predicted, listed: at one position, and for every token of a text."""

import numpy as np

from model_runtime.decoding import Choice
from model_runtime.moment import Moment
from model_runtime.records import Distribution, FilterStage, Floats, Integers, TokenTable
from model_runtime.token_statistics import Statistics
from model_runtime.vocabulary import Vocabulary


def listed(
    choice: Choice, logits: Floats, vocabulary: Vocabulary, position: int, chosen: int | None, top: int | None
) -> Distribution:
    """The most probable tokens of a distribution and its exact totals.

    Args:
        choice: What decoding made of the logits.
        logits: [vocabulary].
        vocabulary: For the texts.
        position: What was read up to.
        chosen: The token that follows in the text, listed whatever its probability.
        top: How many tokens to list, None for all.
    """
    order = np.lexsort((np.arange(choice.raw.size), -choice.raw))
    rows = order if top is None else order[:top]
    if chosen is not None and chosen not in rows:
        rows = np.append(rows, chosen)
    positive = choice.raw[choice.raw > 0].astype(np.float64)
    return Distribution(
        position=position,
        ids=rows.astype(np.int64),
        text=tuple(vocabulary.text(int(token)) for token in rows),
        raw=choice.raw[rows],
        final=choice.final[rows],
        logits=logits[rows],
        stages=tuple(
            FilterStage(
                name=stage.name,
                setting=stage.setting,
                probability=stage.probability[rows],
                removed=stage.removed[rows],
                removed_count=int(stage.removed.sum()),
                kept_count=stage.kept,
            )
            for stage in choice.stages
        ),
        chosen=chosen,
        choice=choice.token,
        entropy=max(0.0, float(-(positive * np.log(positive)).sum())),
        vocabulary_size=choice.raw.size,
        other_raw=_rest(choice.raw, rows),
        other_final=_rest(choice.final, rows),
    )


def token_table(moment: Moment, statistics: Statistics, vocabulary: Vocabulary) -> TokenTable:
    """The tokens of a moment beside how well each was predicted."""
    return TokenTable(
        ids=np.array(moment.ids, np.int64),
        text=tuple(vocabulary.text(token) for token in moment.ids),
        bytes=tuple(vocabulary.bytes_of(token) for token in moment.ids),
        surprisal=statistics.surprisal.copy(),
        rank=statistics.rank.copy(),
        entropy=statistics.entropy.copy(),
        special=np.array([token in vocabulary.special_ids for token in moment.ids], np.bool_),
        prompt_length=moment.prompt_length,
    )


def _rest(probability: Floats, rows: Integers) -> float:
    """What the tokens that are not listed have together."""
    others = np.ones(probability.shape, np.bool_)
    others[rows] = False
    return float(probability[others].sum(dtype=np.float64))
