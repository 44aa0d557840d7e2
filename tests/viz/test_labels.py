import html
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viz.labels import EMPTY_MARK, plotly_text, quoted, shorten, visible

HOSTILE = ["</script><img src=x onerror=alert(1)>", "${7*6}", "{{value}}", "<b>", "<br>", "$x$", "&lt;", "%{x}", "<s>"]


@pytest.mark.parametrize("text", HOSTILE)
def test_plotly_reads_hostile_text_as_it_is(text: str) -> None:
    label = visible(text)
    assert label == text.replace(" ", "·")
    written = plotly_text(label, limit=100)
    assert "<" not in written
    assert html.unescape(written) == label


@given(st.text())
def test_no_markup_gets_through_the_door(text: str) -> None:
    written = plotly_text(visible(text), limit=1000)
    assert "<" not in written
    assert ">" not in written
    assert html.unescape(written) == shorten(visible(text), 1000)


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_every_character_of_a_label_can_be_seen(text: str) -> None:
    label = visible(text)
    assert label
    for character in label:
        assert not character.isspace()
        assert unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@given(st.text(min_size=1), st.integers(1, 20))
def test_shortened_labels_fit(label: str, limit: int) -> None:
    assert len(shorten(label, limit)) <= limit


@pytest.mark.parametrize(
    ("text", "data", "label"),
    [
        (" Tokyo", b" Tokyo", "·Tokyo"),
        ("\n\n", b"\n\n", "↵↵"),
        ("\t", b"\t", "⇥"),
        ("", b"", EMPTY_MARK),
        ("�", b"\xe2\x96", "\\xE2\\x96"),
        ("�", "�".encode(), "�"),
        ("\x00", b"\x00", "␀"),
        ("a\u202eb", "a\u202eb".encode(), "a⟨U+202E⟩b"),
        ("\u00a0", "\u00a0".encode(), "⟨U+00A0⟩"),
    ],
)
def test_marks(text: str, data: bytes, label: str) -> None:
    assert visible(text, data) == label


def test_quoted() -> None:
    assert quoted("·is") == "“·is”"
