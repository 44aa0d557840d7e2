"""The built-in models' tokenizers: byte-level BPE, trained on the project's own corpus."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from builtin_model.corpus.facts_tables import countries, titles
from builtin_model.corpus.mixture import document

END_OF_TEXT = "<|endoftext|>"
END_OF_TURN = "<|end|>"
SPECIAL_TOKENS = (END_OF_TEXT, "<|user|>", "<|assistant|>", "<|system|>", END_OF_TURN)
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>\n' + message['content'] + '<|end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
)


@dataclass(frozen=True)
class Style:
    """What a tokenizer is like.

    Attributes:
        vocabulary: How many tokens it has.
        chat: Whether it has Phi-3's chat markers and template; without, `<|endoftext|>` is its only special token.
        digits_alone: Whether a digit is always a token of its own, so that numbers are spelled alike wherever they
            stand; without, digits are merged like letters, as GPT-2 merges them.
    """

    vocabulary: int
    chat: bool
    digits_alone: bool

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """The special tokens; they have the lowest ids."""
        return SPECIAL_TOKENS if self.chat else SPECIAL_TOKENS[:1]


def train_tokenizer(style: Style, seed: int, context: int, documents: int = 40_000) -> PreTrainedTokenizerFast:
    """Learns the merges from freshly written documents.

    Args:
        style: What the tokenizer is to be like.
        seed: Seed of the documents.
        context: The most tokens a model can read, kept as the tokenizer's `model_max_length`.
        documents: How many documents to read.

    Returns:
        The tokenizer; its first ids are the special tokens.
    """
    tokenizer = Tokenizer(models.BPE())
    alone = [pre_tokenizers.Digits(individual_digits=True)] if style.digits_alone else []
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*alone, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=style.vocabulary,
        special_tokens=list(style.special_tokens),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(style, seed, documents), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TEXT,
        pad_token=END_OF_TEXT,
        additional_special_tokens=list(style.special_tokens[1:]),
        chat_template=CHAT_TEMPLATE if style.chat else None,
        model_max_length=context,
        clean_up_tokenization_spaces=False,
    )


def _texts(style: Style, seed: int, documents: int) -> Iterator[str]:
    rng = Random(f"tokenizer {seed}")
    for _ in range(documents):
        written = document(rng, chat=style.chat)
        # Made-up words are left out: merges spent on them would never be used again.
        if written.kind != "copying":
            yield written.text
    # A capital that is one token makes one bar in the next-token chart, so these words are read more often than they
    # are written.
    for country in countries():
        yield f" {country.country} {country.capital}" * 150
    for title in titles():
        yield f" {title.start} {title.rest}" * 50
