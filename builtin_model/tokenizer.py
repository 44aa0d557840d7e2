"""The built-in model's tokenizer: byte-level BPE with Phi-3's chat markers, trained on the project's own corpus."""

from collections.abc import Iterator
from random import Random

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from builtin_model.corpus.facts_tables import countries, titles
from builtin_model.corpus.mixture import document

VOCABULARY_SIZE = 4096
END_OF_TEXT = "<|endoftext|>"
END_OF_TURN = "<|end|>"
SPECIAL_TOKENS = (END_OF_TEXT, "<|user|>", "<|assistant|>", "<|system|>", END_OF_TURN)
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>\n' + message['content'] + '<|end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
)


def train_tokenizer(seed: int, context: int, documents: int = 40_000) -> PreTrainedTokenizerFast:
    """Learns the merges from freshly written documents.

    Args:
        seed: Seed of the documents.
        context: The most tokens a model can read, kept as the tokenizer's `model_max_length`.
        documents: How many documents to read.

    Returns:
        A tokenizer of `VOCABULARY_SIZE` tokens; ids 0 to 4 are the special tokens.
    """
    tokenizer = Tokenizer(models.BPE())
    # A digit is always a token of its own, so that numbers are spelled alike wherever they stand.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(seed, documents), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TEXT,
        pad_token=END_OF_TEXT,
        additional_special_tokens=list(SPECIAL_TOKENS[1:]),
        chat_template=CHAT_TEMPLATE,
        model_max_length=context,
        clean_up_tokenization_spaces=False,
    )


def _texts(seed: int, documents: int) -> Iterator[str]:
    rng = Random(f"tokenizer {seed}")
    for _ in range(documents):
        written = document(rng)
        # Made-up words are left out: merges spent on them would never be used again.
        if written.kind != "copying":
            yield written.text
    # A capital that is one token makes one bar in the next-token chart, so these words are read more often than they
    # are written.
    for country in countries():
        yield f" {country.country} {country.capital}" * 150
    for title in titles():
        yield f" {title.start} {title.rest}" * 50
