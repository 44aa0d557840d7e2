import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from model_runtime import (
    Entries,
    InputError,
    ModelNotFound,
    NearestTokens,
    OutOfRange,
    Pieces,
    PromptForms,
    SpecialTokens,
    VocabularyFacts,
    VocabularyPage,
)
from model_runtime.vocabulary_records import KINDS, ROLES
from viz.panels import tokenizer as panel
from viz.panels.models import Models
from viz.panels.view import View
from viz.payload import unpack
from viz.vocabulary import (
    KIND_NAMES,
    MOST_PIECES,
    MOST_TOKENS,
    entries_payload,
    facts_payload,
    forms_payload,
    hexadecimal,
    nearest_payload,
    page_payload,
    pieces_payload,
    special_payload,
    tied_words,
)

HOSTILE = ("</script>", "${7*6}", " <b>", "\n")


def pieces(text: tuple[str, ...], unit: str = "token", lossless: bool = True) -> Pieces:
    ids = np.arange(len(text)) if unit == "token" else None
    return Pieces(unit, ids, text, tuple(one.encode() for one in text), (False,) * len(text), lossless)


def entries(text: tuple[str, ...] = HOSTILE, kind: str = "mixed") -> Entries:
    return Entries(np.arange(len(text)), text, tuple(one.encode() for one in text), (kind,) * len(text))


def near(centred: bool = False, tied: bool | None = True, head_cosine: float = 1.0) -> NearestTokens:
    random = np.random.default_rng(1)
    return NearestTokens(
        token=7,
        text=" cat",
        centred=centred,
        vector=random.normal(size=70).astype(np.float32),
        norm=2.5,
        shorter=0.25,
        ids=np.array([3, 1, 2]) if centred else np.array([1, 2, 3]),
        cosine=np.array([0.9, 0.5, -0.1], np.float32),
        norms=np.array([1, 2, 3], np.float32),
        mean=0.1,
        deviation=0.05,
        points=random.normal(size=(4, 2)).astype(np.float32),
        explained=np.array([0.5, 0.2], np.float32),
        tied=tied,
        head_cosine=head_cosine,
    )


class TestPieces:
    def test_counts_are_about_all_and_pieces_are_bounded(self) -> None:
        payload = pieces_payload(pieces(("a",) * 1000), 250)
        assert (payload["count"], payload["per_word"]) == (1000, 4.0)
        assert len(payload["labels"]) == len(payload["ids"]) == MOST_PIECES

    def test_a_text_without_words_has_no_rate(self) -> None:
        assert pieces_payload(pieces(()), 0)["per_word"] is None

    def test_bytes_are_written_as_numbers_and_texts_are_visible(self) -> None:
        assert pieces_payload(pieces(("é"[:1], "\n"), "byte"), 1)["labels"] == ["C3 A9", "0A"]
        payload = pieces_payload(pieces(HOSTILE), 4)
        assert payload["labels"] == ["</script>", "${7*6}", "·<b>", "↵"]
        json.dumps(payload)

    def test_bytes_of_long_tokens_are_cut(self) -> None:
        assert hexadecimal(bytes(range(16))).endswith("0E 0F")
        assert hexadecimal(bytes(20)).endswith("00 …")


class TestEntries:
    def test_rows_are_the_records(self) -> None:
        payload = entries_payload(entries())
        assert payload["ids"] == [0, 1, 2, 3]
        assert payload["labels"] == ["</script>", "${7*6}", "·<b>", "↵"]
        assert payload["hex"][3] == "0A"
        assert payload["lengths"] == [9, 6, 4, 1]
        assert set(payload["kinds"]) == {"mixed"}

    def test_every_kind_and_role_has_words(self) -> None:
        assert set(KIND_NAMES) == set(KINDS)
        for role in ROLES:
            told = special_payload(SpecialTokens(entries(("<x>",), "special"), ((role,),)))["roles"]
            assert len(told) == 1
            assert "no use" not in told[0]

    def test_many_special_tokens_are_cut_and_counted(self) -> None:
        names = tuple(f"<{index}>" for index in range(MOST_TOKENS + 3))
        payload = special_payload(SpecialTokens(entries(names, "special"), ((),) * len(names)))
        assert len(payload["ids"]) == len(payload["roles"]) == MOST_TOKENS
        assert payload["more"] == 3

    def test_only_kinds_that_there_are_can_be_searched(self) -> None:
        counts = tuple(index % 3 for index in range(len(KINDS)))
        payload = facts_payload(VocabularyFacts(sum(counts), sum(counts), counts, 0))
        assert [kind for kind, _, _ in payload["kinds"]] == [kind for kind, n in zip(KINDS, counts, strict=True) if n]
        assert sum(count for _, _, count in payload["kinds"]) == payload["size"]

    def test_a_page_says_where_it_is(self) -> None:
        payload = page_payload(VocabularyPage(90, 40, entries()))
        assert (payload["total"], payload["begin"], len(payload["ids"])) == (90, 40, 4)


class TestForms:
    def test_both_columns_and_the_text_as_received(self) -> None:
        chat = replace(pieces(("<|user|>", "\n", "a b", "<|end|>")), special=(True, False, False, True))
        forms = PromptForms("a b", pieces(("a", " b")), chat, "<|user|>\na b<|end|>", "chat")
        payload = forms_payload(forms)
        assert payload["raw"]["written"] == "a b"
        assert payload["chat"]["written"] == "<|user|>\na b<|end|>"
        assert payload["chat"]["special"] == [0, 3]
        assert payload["sent"] == "chat"

    def test_without_a_template_there_is_no_second_column(self) -> None:
        assert forms_payload(PromptForms("a", pieces(("a",)), None, ""))["chat"] is None

    def test_unseen_characters_are_marked(self) -> None:
        payload = forms_payload(PromptForms("x", pieces(("a\u202e", "\x00")), None, ""))
        assert payload["raw"]["written"] == "a⟨U+202E⟩␀"


class TestNearest:
    def test_lists_and_map_are_the_records(self) -> None:
        labels = {token: f"t{token}" for token in (1, 2, 3, 7)}
        payload = nearest_payload(near(), near(centred=True), labels)
        for listed, record in zip(payload["lists"], (near(), near(centred=True)), strict=True):
            assert listed["ids"] == record.ids.tolist()
            assert listed["labels"] == [labels[token] for token in record.ids.tolist()]
            assert np.array_equal(unpack(listed["cosine"]), record.cosine)
            assert np.array_equal(unpack(listed["norms"]), record.norms)
        assert payload["map"]["ids"] == [7, 3, 1, 2]
        assert np.array_equal(unpack(payload["map"]["points"]), near(centred=True).points)
        assert payload["length"] == pytest.approx(float(np.linalg.norm(near().vector)), rel=1e-6)
        json.dumps(payload)

    def test_the_head_is_told(self) -> None:
        assert "tied" in tied_words(near())
        assert "cosine \u22120.250" in tied_words(near(tied=False, head_cosine=-0.25))
        assert "cannot be compared" in tied_words(near(tied=None, head_cosine=float("nan")))

    def test_a_lone_token_has_no_mean(self) -> None:
        alone = replace(near(), mean=float("nan"), deviation=float("nan"))
        payload = nearest_payload(alone, alone, dict.fromkeys((1, 2, 3, 7), "t"))
        assert payload["lists"][0]["mean"] is None
        json.dumps(payload, allow_nan=False)


class _Model:
    """A model that cuts every text alike."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def card(self) -> Any:
        return SimpleNamespace(name="builtin", vocabulary_size=100)

    def plain(self, moment: object) -> str:
        return "the present text"

    def cut(self, text: str) -> tuple[Pieces, ...]:
        words = tuple(text.split())
        return (
            pieces(words, "word", lossless=False),
            pieces(words),
            pieces(tuple(text), "character"),
            pieces(tuple(text), "byte"),
        )

    def search(self, *asked: Any) -> VocabularyPage:
        self.asked.append(asked)
        return VocabularyPage(4, 0, entries())


def answers(detail: dict[str, Any], monkeypatch: pytest.MonkeyPatch, model: Any = None) -> dict[str, Any]:
    opened = SimpleNamespace(pieces=lambda text: pieces(tuple(text)))

    def fake(name: str) -> Any:
        if name == "nobody/nothing":
            raise ModelNotFound("Hugging Face has no model of that name.")
        return opened

    monkeypatch.setattr(panel, "_opened", fake)
    view = SimpleNamespace(moment=None)
    (progress,) = panel.scanned(model or _Model(), view, detail)  # type: ignore[arg-type]  # what of it is used
    assert progress.done == progress.total
    return progress.payload


class TestQuestions:
    def test_the_other_builtin_cuts_unless_another_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("", "someone/model"):
            payload = answers({"ask": "cut", "text": "a b", "model": name}, monkeypatch)
            titles = [row["title"] for row in payload["rows"]]
            second = name or "builtin-gpt2"
            assert titles == ["words", "tokens of builtin", f"tokens of {second}", "characters", "bytes"]
            assert [row["count"] for row in payload["rows"]] == [2, 2, 3, 3, 3]
        assert answers({"ask": "cut"}, monkeypatch)["typed"] == ""

    def test_a_tokenizer_that_is_not_there_is_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(InputError, match="no model of that name"):
            answers({"ask": "cut", "text": "a", "model": "nobody/nothing"}, monkeypatch)

    def test_a_search_is_passed_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        model = _Model()
        detail = {"ask": "search", "text": "<b>", "match": "is", "kind": "word", "begin": 20}
        assert answers(detail, monkeypatch, model)["page"]["total"] == 4
        assert model.asked == [("<b>", "is", "word", 20, panel.ROWS)]

    @pytest.mark.parametrize(
        "wrong",
        [
            {"ask": "delete"},
            {"ask": "cut", "text": 7},
            {"ask": "cut", "text": "x" * 20_001},
            {"ask": "cut", "model": "m" * 400},
            {"ask": "search", "match": "like"},
            {"ask": "search", "kind": "verb"},
            {"ask": "search", "begin": 100},
            {"ask": "search", "begin": "0"},
            {"ask": "search", "text": "x" * 101},
        ],
    )
    def test_what_a_page_sends_is_checked(self, wrong: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises((InputError, OutOfRange)):
            answers(wrong, monkeypatch)


def test_a_second_model_must_be_one_that_may_be_opened() -> None:
    class Keeper:
        def get(self, name: str, progress: object = None) -> Any:
            raise AssertionError("a tokenizer alone needs no model")

    with pytest.raises(ModelNotFound, match="not among the models"):
        Models(Keeper(), "builtin", any_name=False).check("/etc")
    Models(Keeper(), "builtin", any_name=False).check("builtin-gpt2")
    Models(Keeper(), "builtin").check("someone/model")


def test_the_view_keeps_the_token_and_old_views_are_read() -> None:
    content = View(branches=("x",)).to_json()
    assert View.from_json({**content, "entry": 5}).entry == 5
    del content["entry"]
    assert View.from_json(content).entry is None
    for wrong in (-1, "5", 2**31, True):
        with pytest.raises(OutOfRange):
            View.from_json({**content, "entry": wrong})
