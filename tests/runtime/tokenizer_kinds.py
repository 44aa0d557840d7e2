"""Small tokenizers of every kind that causal models come with, each with what its tokens have to say of a text."""

import base64
import json
import re
import tempfile
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import sentencepiece
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import (
    BertGenerationTokenizer,
    BertTokenizer,
    ByT5Tokenizer,
    CTRLTokenizer,
    GPTSw3Tokenizer,
    LlamaTokenizer,
    PreTrainedTokenizerFast,
)
from transformers.models.bert.tokenization_bert_legacy import BertTokenizerLegacy

SENTENCES = (
    "the cat sat on the mat", "a dog ran in the park", "hello world, this is a test.", "don't stop at 123 go",
    "é ü à ñ ø 中文 日本", "zebra quick brown fox jumps over lazy dogs",
)  # fmt: skip
LETTERS = "abcdefghijklmnopqrstuvwxyz é中,.123"  # what all of them know without falling back to bytes
Expected = Callable[[str], set[bytes]]


@dataclass(frozen=True)
class Kind:
    """A kind of tokenizer.

    Attributes:
        build: Makes it.
        expected: What the bytes of a text's tokens may join to, computed from the text alone.
        letters: The letters that it knows, None where it knows all of Unicode.
        needs: The package that transformers opens it with, "" for none.
    """

    build: Callable[[], Any]
    expected: Expected
    letters: str | None = None
    needs: str = ""


def same(text: str) -> set[bytes]:
    """A tokenizer that changes nothing."""
    return {text.encode()}


def marked(text: str) -> set[bytes]:
    """A tokenizer whose mark for a space is a letter that texts may have."""
    return {text.replace("\u2581", " ").encode()}


def prefixed(text: str) -> set[bytes]:
    """As `marked`, and it puts a space before a text, if need be."""
    (plain,) = marked(text)
    return {plain} if not plain else {b" " + plain} | ({plain} if plain.startswith(b" ") else set())


def named(text: str) -> set[bytes]:
    """As `prefixed`, and the name of a byte in a text is that byte."""
    return prefixed(text) | prefixed(text.replace("<0x0A>", "\n"))


def opened(text: str) -> set[bytes]:
    """A tokenizer that puts a space before a text that does not begin with one."""
    return {text.encode()} if not text or text[0] == " " else {b" " + text.encode()}


def normalised(text: str) -> set[bytes]:
    """What sentencepiece itself makes of a text before it cuts it."""
    made = sentencepiece.SentencePieceProcessor(model_proto=_pieces("unigram", plain=False)).normalize(text)
    return {made.replace("\u2581", " ").encode()}


def words(text: str) -> set[bytes]:
    """WordPiece: lower case without accents, every word, mark and Chinese character with a space before it."""
    plain = "".join(
        letter for letter in unicodedata.normalize("NFD", text.lower()) if not unicodedata.combining(letter)
    )
    return {"".join(" " + word for word in re.findall(r"中|[a-z0-9]+|[.,]", plain)).encode()}


def tidied(text: str) -> set[bytes]:
    """As `words`, and fast WordPiece puts no space before a full stop or comma."""
    return {joined.replace(b" .", b".").replace(b" ,", b",") for joined in words(text)}


def ending(text: str) -> set[bytes]:
    """Pieces that say where a word ends: every word with a space after it, the last one too."""
    return {"".join(word + " " for word in text.split()).encode()}


def _fast(tokenizer: Tokenizer, **options: Any) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **options)


def _trained(tokenizer: Tokenizer, trainer: Any) -> Tokenizer:
    tokenizer.train_from_iterator(SENTENCES * 20, trainer)
    return tokenizer


def byte_level(*, prefix: bool = False, clean: bool = False) -> PreTrainedTokenizerFast:
    """GPT-2's way, without any special token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=320, initial_alphabet=alphabet, show_progress=False)
    return _fast(_trained(tokenizer, trainer), clean_up_tokenization_spaces=clean)


def with_added() -> PreTrainedTokenizerFast:
    """Byte-level BPE with added tokens: normalised and not, plain and special, some in letters of the byte alphabet."""
    tokenizer = byte_level()
    tokenizer.add_tokens(
        [AddedToken("zq", normalized=True), AddedToken("Ġx", normalized=False), AddedToken("é!", normalized=False)]
    )
    tokenizer.add_special_tokens({"bos_token": "<s>", "mask_token": AddedToken("<mask>", special=True)})
    return tokenizer


def tiktoken() -> PreTrainedTokenizerFast:
    """A tiktoken file, as transformers converts it; needs the package tiktoken."""
    ranks = [bytes([byte]) for byte in range(256)] + [b" t", b"he", b" the", b"in", "é".encode(), b"123"]
    with tempfile.TemporaryDirectory() as folder:
        lines = [f"{base64.b64encode(piece).decode()} {rank}" for rank, piece in enumerate(ranks)]
        Path(folder, "tiktoken.model").write_text("\n".join(lines), encoding="ascii")
        return PreTrainedTokenizerFast.from_pretrained(folder, vocab_file=str(Path(folder, "tiktoken.model")))


def unigram(*, fallback: bool) -> PreTrainedTokenizerFast:
    """Unigram pieces in sentencepiece's spelling, with bytes for what it does not know or without."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always", split=False)
    trainer = trainers.UnigramTrainer(
        vocab_size=80, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False, initial_alphabet=list(LETTERS)
    )
    trained = json.loads(_trained(tokenizer, trainer).to_str())
    if fallback:
        trained["model"]["vocab"] += [[f"<0x{byte:02X}>", -10.0] for byte in range(256)]
        trained["model"]["byte_fallback"] = True
        parts = [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
        tokenizer = Tokenizer.from_str(json.dumps(trained))
        tokenizer.decoder = decoders.Sequence(parts)
    return _fast(tokenizer, unk_token="<unk>")


def gemma() -> PreTrainedTokenizerFast:
    """No space before a text, and runs of spaces that are listed as added tokens, as Gemma has them."""
    vocabulary = {f"<0x{byte:02X}>": byte for byte in range(256)}
    for piece in ("\u2581", "\u2581\u2581", "\u2581\u2581\u2581\u2581", *"abcdefgh", "\u2581a"):
        vocabulary[piece] = len(vocabulary)
    merges = [("\u2581", "\u2581"), ("\u2581\u2581", "\u2581\u2581"), ("\u2581", "a")]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_tokens([AddedToken("\u2581\u2581", normalized=False), AddedToken("\n\n", normalized=False)])
    return _fast(tokenizer)


def characters() -> PreTrainedTokenizerFast:
    """One token a letter and no decoder, which puts spaces between all of them."""
    vocabulary = {letter: index for index, letter in enumerate(LETTERS)}
    tokenizer = Tokenizer(models.WordLevel(vocab=vocabulary))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    return _fast(tokenizer)


def suffixed() -> PreTrainedTokenizerFast:
    """Pieces that end in "</w>" where a word ends, as GPT-1 has them."""
    letters = LETTERS.replace(" ", "")
    pieces = [*letters, *(letter + "</w>" for letter in letters), "ca", "cat</w>"]
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    merges = [("c", "a"), ("ca", "t</w>")]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, end_of_word_suffix="</w>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.decoder = decoders.BPEDecoder(suffix="</w>")
    return _fast(tokenizer)


def word_pieces(*, slow: bool) -> Any:
    """BERT's way: "##" before pieces inside words."""
    letters = LETTERS.replace(" ", "").replace("é", "")
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *("##" + letter for letter in letters)]
    pieces += ["the", "cat", "##at", "##ing", "do", "##g"]
    if not slow:
        return BertTokenizer(vocab={piece: index for index, piece in enumerate(pieces)})
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "vocab.txt")
        file.write_text("\n".join(pieces) + "\n", encoding="utf-8")
        return BertTokenizerLegacy(str(file))


def ctrl() -> CTRLTokenizer:
    """Pieces that end in "@@" where a word goes on."""
    letters = LETTERS.replace(" ", "")
    pieces = ["<unk>", *letters, *(letter + "@@" for letter in letters), *(letter + "</w>" for letter in letters)]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "vocab.json").write_text(json.dumps({piece: at for at, piece in enumerate([*pieces, "ca@@"])}))
        Path(folder, "merges.txt").write_text("#version: 0.2\nc a\n", encoding="utf-8")
        return CTRLTokenizer(str(Path(folder, "vocab.json")), str(Path(folder, "merges.txt")))


@cache
def _pieces(kind: str, *, plain: bool) -> bytes:
    """A trained sentencepiece model with byte fallback; a plain one normalises nothing."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "text").write_text("\n".join(SENTENCES * 20), encoding="utf-8")
        options = {"normalization_rule_name": "identity", "remove_extra_whitespaces": False} if plain else {}
        sentencepiece.SentencePieceTrainer.train(
            input=str(Path(folder, "text")), model_prefix=str(Path(folder, "made")), model_type=kind, vocab_size=330,
            byte_fallback=True, hard_vocab_limit=False, minloglevel=2, character_coverage=1.0, **options,
        )  # fmt: skip
        return Path(folder, "made.model").read_bytes()


def from_sentencepiece(made: type, kind: str, *, plain: bool = True, **options: Any) -> Any:
    """A tokenizer of transformers' on a trained sentencepiece model."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "tokenizer.model").write_bytes(_pieces(kind, plain=plain))
        if made is LlamaTokenizer:
            Path(folder, "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "LlamaTokenizer"}))
            return made.from_pretrained(folder, **options)
        return made(str(Path(folder, "tokenizer.model")), **options)


KINDS: dict[str, Kind] = {
    "byte-level": Kind(byte_level, same),
    "byte-level, space before": Kind(lambda: byte_level(prefix=True), opened),
    "byte-level, cleans up": Kind(lambda: byte_level(clean=True), same),
    "byte-level, added": Kind(with_added, same),
    "tiktoken": Kind(tiktoken, same, needs="tiktoken"),
    "bytes": Kind(ByT5Tokenizer, same),
    "unigram": Kind(lambda: unigram(fallback=False), prefixed, LETTERS),
    "unigram, bytes": Kind(lambda: unigram(fallback=True), named),
    "gemma": Kind(gemma, marked),
    "characters": Kind(characters, same, LETTERS),
    "suffixed": Kind(suffixed, ending, LETTERS),
    "word pieces": Kind(lambda: word_pieces(slow=False), tidied, LETTERS),
    "word pieces, slow": Kind(lambda: word_pieces(slow=True), words, LETTERS),
    "ctrl": Kind(ctrl, ending, LETTERS),
    "llama": Kind(lambda: from_sentencepiece(LlamaTokenizer, "bpe"), prefixed, needs="google.protobuf"),
    "llama, legacy": Kind(
        lambda: from_sentencepiece(LlamaTokenizer, "bpe", legacy=True), prefixed, needs="google.protobuf"
    ),
    "llama, no space before": Kind(
        lambda: from_sentencepiece(LlamaTokenizer, "bpe", add_prefix_space=False), marked, needs="google.protobuf"
    ),
    "sentencepiece unigram, slow": Kind(lambda: from_sentencepiece(BertGenerationTokenizer, "unigram"), prefixed),
    "sentencepiece bpe, slow": Kind(lambda: from_sentencepiece(BertGenerationTokenizer, "bpe"), prefixed),
    "gpt-sw3, slow": Kind(lambda: from_sentencepiece(GPTSw3Tokenizer, "bpe"), prefixed, LETTERS + "日Ä<▁"),
    "sentencepiece that normalises, slow": Kind(
        lambda: from_sentencepiece(BertGenerationTokenizer, "unigram", plain=False),
        normalised,
        LETTERS + "ABﬁ\uff11\u3000",
    ),
}
