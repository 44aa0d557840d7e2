"""Every kind of tokenizer: what its tokens say joins to the text, whatever the text is."""

from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models

from model_runtime import NoChatTemplate, OutOfRange
from model_runtime.model import Model
from model_runtime.vocabulary import Vocabulary
from tests.runtime.families import build
from tests.runtime.tokenizer_kinds import KINDS, LETTERS, byte_level, gemma, with_added, word_pieces
from tests.runtime.tokenizers_for_tests import TEMPLATE
from tests.runtime.tokenizers_for_tests import byte_level as with_specials

TRICKY = ("\u2581", "  ", "Ġx", "é!", "zq", "<0x0A>", "##", "@@", "</w>", "\x00", "e\u0301", "👩‍🚀", "\u3000", "\ufffd")


@cache
def opened(name: str) -> tuple[Any, Vocabulary]:
    kind = KINDS[name]
    if kind.needs:
        pytest.importorskip(kind.needs, reason="transformers opens such a file with it")
    tokenizer = kind.build()
    return tokenizer, Vocabulary(tokenizer, max(tokenizer.get_vocab().values()) + 1)


def texts(name: str) -> st.SearchStrategy[str]:
    letters = KINDS[name].letters
    if letters is not None:
        return st.text(letters, max_size=30)
    return st.lists(st.one_of(st.sampled_from(TRICKY), st.text(max_size=8)), max_size=6).map("".join)


def tight(text: str) -> str:
    """Without white space."""
    return "".join(text.split())


def whole(said: bytes) -> bool:
    """Whether bytes end with a whole character."""
    return said.decode(errors="ignore").encode() == said


@pytest.mark.parametrize("name", KINDS)
def test_bytes_of_tokens_join_to_the_text(name: str) -> None:
    _, vocabulary = opened(name)

    @given(texts(name))
    @settings(deadline=None)
    def joins(text: str) -> None:
        ids = vocabulary.encode(text, special=False)
        assert b"".join(map(vocabulary.bytes_of, ids)) in KINDS[name].expected(text)

    joins()


@pytest.mark.parametrize("name", KINDS)
def test_growing_texts_decode_to_what_their_tokens_say(name: str) -> None:
    tokenizer, vocabulary = opened(name)

    # Of added tokens in letters of the byte alphabet decoding makes other bytes; they say what they were made of.
    @given(texts(name).filter(lambda text: name != "byte-level, added" or not ("Ġx" in text or "é!" in text)))
    @settings(deadline=None, max_examples=30)
    def agrees(text: str) -> None:
        ids = vocabulary.encode(text, special=False)
        for count in range(len(ids) + 1):
            said = b"".join(map(vocabulary.bytes_of, ids[:count]))
            if whole(said):  # tokenizers differ in what they make of a part of a character
                # Within a word CTRL's decoding leaves the mark that the word goes on.
                mark = "@@" if name == "ctrl" else ""
                assert tight(vocabulary.decode(ids[:count])).removesuffix(mark) == tight(said.decode())
        if "slow" not in name:  # which leave bytes as `<0x0A>`, added tokens apart and drop spaces
            assert vocabulary.decode(ids) == tokenizer.decode(list(ids), clean_up_tokenization_spaces=False)

    agrees()


@pytest.mark.parametrize("name", KINDS)
def test_single_tokens_read_as_inside_a_text(name: str) -> None:
    _, vocabulary = opened(name)
    first, *_ = vocabulary.encode("the cat", special=False)
    ids = vocabulary.encode("the cat", special=False)
    assert "".join(map(vocabulary.text, ids)).strip() == "the cat"
    assert vocabulary.text(first).lstrip(" ")[:1] in ("t", "")
    for token in range(vocabulary.size):
        assert isinstance(vocabulary.text(token), str)
        vocabulary.kind(token)


def test_word_pieces_keep_the_space_between_words() -> None:
    for slow in (False, True):
        vocabulary = Vocabulary(word_pieces(slow=slow), 100)
        ids = vocabulary.encode("the cat dog", special=False)
        assert [vocabulary.text(token) for token in ids] == [" the", " cat", " do", "g"]
        assert vocabulary.text(2) == "[CLS]"


def test_listed_runs_of_spaces_are_spaces() -> None:
    vocabulary = Vocabulary(gemma(), 300)
    (token,) = vocabulary.encode("  ", special=False)
    assert (vocabulary.text(token), vocabulary.kind(token)) == ("  ", "added")


def test_added_tokens_say_their_content() -> None:
    tokenizer = with_added()
    vocabulary = Vocabulary(tokenizer, len(tokenizer))
    for content in ("zq", "Ġx", "é!", "<s>", "<mask>"):
        (token,) = vocabulary.encode(content, special=False)
        assert vocabulary.text(token) == content


def test_an_added_token_may_take_the_space_before_it() -> None:
    tokenizer = byte_level()
    tokenizer.add_tokens([AddedToken("<mask>", lstrip=True, normalized=False)])
    vocabulary = Vocabulary(tokenizer, len(tokenizer))
    assert b"".join(map(vocabulary.bytes_of, vocabulary.encode("a <mask> b", special=False))) == b"a<mask> b"


def test_gaps_among_the_ids_have_a_name() -> None:
    tokenizer = Tokenizer(models.WordLevel(vocab={letter: 3 * index for index, letter in enumerate(LETTERS)}))
    tokenizer.decoder = decoders.Fuse()
    vocabulary = Vocabulary(KINDS["characters"].build().__class__(tokenizer_object=tokenizer), 120)
    assert (vocabulary.text(3), vocabulary.text(4), vocabulary.bytes_of(4)) == ("b", "<id 4>", b"")
    assert vocabulary.kind(4) == "none"
    assert 4 not in vocabulary.plain_ids


def test_a_tokenizer_with_more_ids_than_the_model() -> None:
    tokenizer = with_specials()
    tokenizer.add_tokens([f"<new{index}>" for index in range(80)])
    model = Model(build("llama", {}).model, tokenizer)
    assert model.begin("the cat").ids[0] == 1
    with pytest.raises(OutOfRange, match=r"'<new79>'.*token id \d+, and the model has ids 0 to 319.*its own tokenizer"):
        model.begin("the <new79>")
    with pytest.raises(OutOfRange, match="its own tokenizer"):
        model.append(model.begin("the"), " <new79>")
    assert model.tokens(model.begin("the cat")).text[0] == "<s>"


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{ raise_exception('Conversation roles must alternate') }}", "roles must alternate"),
        ("{{ messages[0]['content'] + 1 }}", "concatenate"),
        ("{% for %}", "Expected an expression"),
        ("{{ messages[7]['content'] }}", "no element"),
        ({"tools": TEMPLATE}, "template"),
    ],
)
def test_a_template_that_fails_is_named(template: Any, words: str) -> None:
    tokenizer = with_specials()
    tokenizer.chat_template = template
    model = Model(build("llama", {}).model, tokenizer)
    with pytest.raises(NoChatTemplate, match=f"(?s){words}.*Turn chat off"):
        model.begin("the cat", chat=True)
    assert model.begin("the cat").ids[0] == 1
