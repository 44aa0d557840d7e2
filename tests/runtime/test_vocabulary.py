"""Token texts and bytes for both kinds of tokenizer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import processors

from model_runtime import EmptyPrompt, NoChatTemplate
from model_runtime.model import Model
from model_runtime.vocabulary import Vocabulary
from tests.runtime.families import build
from tests.runtime.tokenizers_for_tests import byte_level, sentencepiece

BYTES, PIECES = Vocabulary(byte_level(), 320), Vocabulary(sentencepiece(), 320)


@given(st.text(max_size=40))
def test_bytes_of_tokens_join_to_the_text(text):
    for vocabulary in (BYTES, PIECES):
        ids = vocabulary.encode(text, special=False)
        joined = b"".join(vocabulary.bytes_of(token) for token in ids)
        expected = text.encode()
        assert joined.removeprefix(b" ") == expected.removeprefix(b" ")
        if vocabulary is BYTES:
            assert joined == expected


def test_a_single_piece_keeps_its_leading_space():
    token = PIECES.encode("the cat", special=False)[1]
    assert PIECES.text(token) == " cat"
    token = BYTES.encode("in the", special=False)[-1]
    assert BYTES.text(token) == " the"


def test_parts_of_a_character_keep_their_bytes():
    for vocabulary in (BYTES, PIECES):
        ids = vocabulary.encode("é", special=False)
        parts = [vocabulary.bytes_of(token) for token in ids][-2:]
        assert parts == [b"\xc3", b"\xa9"]
        assert vocabulary.text(ids[-1]) == "\ufffd"
        assert vocabulary.decode(ids).strip() == "é"


def test_byte_tokens_and_special_tokens_read_plainly():
    assert PIECES.text(3 + 0x0A) == "\n"
    assert BYTES.text(BYTES.encode("\n", special=False)[0]) == "\n"
    assert (BYTES.text(1), PIECES.text(2)) == ("<s>", "</s>")
    assert BYTES.special_ids == {0, 1, 2}


def test_ids_beyond_the_tokenizer(llama):
    assert llama.text(319) == "<id 319>"
    table = llama.tokens(llama.begin("a").grown(319))
    assert table.text[-1] == "<id 319>"
    assert table.bytes[-1] == b""
    assert BYTES.decode((319,)) == ""


def test_begin_encodes_as_the_tokenizer_does(llama, pieces_model):
    assert llama.begin("the cat").ids == tuple(byte_level()("the cat").input_ids)
    assert pieces_model.begin("the cat").ids == tuple(sentencepiece()("the cat").input_ids)
    assert llama.begin("the cat").prompt_length == len(llama.begin("the cat").ids)


def test_a_chat_has_one_begin_token(llama):
    ids = llama.begin("the cat", chat=True).ids
    expected = byte_level().apply_chat_template(
        [{"role": "user", "content": "the cat"}], add_generation_prompt=True, return_dict=False
    )
    assert ids == tuple(expected)
    assert ids.count(1) == 1
    assert ids[0] == 1


def test_no_chat_template():
    tokenizer = byte_level()
    tokenizer.chat_template = None
    with pytest.raises(NoChatTemplate, match="Turn chat off"):
        Vocabulary(tokenizer, 320).prompt("x", chat=True)


def test_empty_text(llama):
    assert llama.begin("").ids == (1,)
    assert llama.step(llama.begin("")).ids[0] == 1
    tokenizer = byte_level()
    tokenizer.bos_token = None
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(single="$A", special_tokens=[])
    model = Model(build("llama", {}).model, tokenizer)
    with pytest.raises(EmptyPrompt, match="Type something"):
        model.begin("")


def test_lone_surrogates_from_a_browser_are_replaced(llama):
    assert llama.begin("a\ud800b").ids == llama.begin("a\ufffdb").ids
    assert llama.begin("\ud83d\ude00").ids == llama.begin("\U0001f600").ids


def test_append_adds_no_special_tokens(llama):
    moment = llama.begin("the")
    grown = llama.append(moment, " cat")
    assert grown.ids == (*moment.ids, *byte_level()(" cat", add_special_tokens=False).input_ids)
    assert grown.prompt_length == moment.prompt_length
    assert llama.append(moment, "") == moment
