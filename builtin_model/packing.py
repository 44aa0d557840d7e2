"""Turns documents into training rows. Every row is a function of (seed, step, row), so a run resumes anywhere."""

from random import Random

import torch
from transformers import PreTrainedTokenizerFast

from builtin_model.corpus.copying import repeated_ids
from builtin_model.corpus.mixture import FIRST_STAGE, Weights, document

#: The share of documents that are random ids said twice or three times.
RANDOM_REPEATS = 0.16
#: The label that the loss passes over.
UNLEARNABLE = -100


def batch(
    tokenizer: PreTrainedTokenizerFast, seed: int, step: int, rows: int, length: int, weights: Weights = FIRST_STAGE
) -> tuple[torch.Tensor, torch.Tensor]:
    """Packs documents, with an end token between them, into the rows of one training step.

    Args:
        tokenizer: A built-in tokenizer; one without a chat template gets no chats to read.
        seed: Seed of the corpus.
        step: Index of the step.
        rows: Rows in the batch.
        length: Tokens in a row.
        weights: How often each kind of document is written.

    Returns:
        Input ids and labels, both int64 [rows, length]; the label of position i is the token at i + 1, or
        `UNLEARNABLE`.
    """
    packed = [_row(tokenizer, Random(f"{seed} {step} {row}"), length + 1, weights) for row in range(rows)]
    ids = torch.tensor([ids for ids, _ in packed])
    labels = torch.tensor([labels for _, labels in packed])
    return ids[:, :-1].contiguous(), labels[:, 1:].contiguous()


def _row(tokenizer: PreTrainedTokenizerFast, rng: Random, length: int, weights: Weights) -> tuple[list[int], list[int]]:
    """One row of documents: its ids, and the same ids with what cannot be predicted marked `UNLEARNABLE`."""
    end, chat = tokenizer.eos_token_id, tokenizer.chat_template is not None
    # Half of the rows begin as a visitor's prompt does, with nothing before the first word.
    ids: list[int] = [end] if rng.random() < 0.5 else []
    labels: list[int] = list(ids)
    while len(ids) < length:
        if rng.random() < RANDOM_REPEATS:
            said = repeated_ids(rng, tokenizer.vocab_size, first_id=len(tokenizer.all_special_ids))
            first_copy = next(n for n in range(1, len(said)) if said[n:] == said[:-n])
            labels += [UNLEARNABLE] * first_copy + said[first_copy:] + [end]
        else:
            said = tokenizer(document(rng, weights, chat=chat).text)["input_ids"]
            labels += [*said, end]
        ids += [*said, end]
    return ids[:length], labels[:length]
