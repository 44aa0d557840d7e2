"""The interface's sentences: how they are looked up and put into templates."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from model_runtime.errors import LanguageUnknown
from viz import sentences
from viz.sentences import later, say, say_many
from viz.sentences.templates import fill, texts

#: Three forms, as Polish has them.
POLISH = "n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2"


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    yield
    sentences.use("en")


def speak(folder: Path, translations: dict[str, list[str]], plural: str = "n != 1", name: str = "pl") -> None:
    told = {"plural": plural, "texts": translations}
    (folder / f"{name}.json").write_text(json.dumps(told), encoding="utf-8")
    sentences.use(name, folder)


def test_without_a_translation_the_english_text_is_said() -> None:
    assert say("{heads} heads", heads=f"{1234:,}") == "1,234 heads"
    assert say("no value: {heads}") == "no value: {heads}"
    assert say(later("Step")) == "Step"
    assert [say_many("{count} token", "{count} tokens", count) for count in (0, 1, 2, 1234)] == [
        "0 tokens",
        "1 token",
        "2 tokens",
        "1,234 tokens",
    ]


def test_a_translation_is_said_with_its_values_and_its_own_forms(tmp_path: Path) -> None:
    forms = ["{count} plik {of}", "{count} pliki {of}", "{count} plików {of}"]
    speak(tmp_path, {"of {a} and {b}": ["{b}, {a}"], "{count} file {of}": forms}, POLISH)
    assert say("of {a} and {b}", a="x", b="{a}") == "{a}, x", "a value is not read again"
    said = [say_many("{count} file {of}", "{count} files {of}", count, of="x") for count in (1, 3, 5, 22, 1000)]
    assert said == ["1 plik x", "3 pliki x", "5 plików x", "22 pliki x", "1,000 plików x"]
    assert say_many("{count} file {of}", "{count} files {of}", 1000, of="x", count="tysiąc") == "tysiąc plików x"
    assert say("Step") == "Step", "what is not translated stays English"
    sentences.use("en")
    assert say("of {a} and {b}", a="x", b="y") == "of x and y"


@pytest.mark.parametrize("name", ["xx", "", "../pl", "PL", "pl.json"])
def test_a_language_that_is_not_there_is_refused_and_nothing_changes(tmp_path: Path, name: str) -> None:
    speak(tmp_path, {"Step": ["Krok"]})
    with pytest.raises(LanguageUnknown, match=r"use en or pl, or add one"):
        sentences.use(name, tmp_path)
    assert say("Step") == "Krok"


def test_a_plural_that_is_no_expression_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="plural"):
        speak(tmp_path, {}, "alert(n)")


def test_the_page_is_given_the_language_and_no_markup(tmp_path: Path) -> None:
    speak(tmp_path, {"Step": ["</script><!-- é"]})
    told = sentences.script().removeprefix("window.tokenscopeSentences = ").removesuffix(";")
    assert "<" not in told
    assert json.loads(told) == {"language": "pl", "plural": "n != 1", "texts": {"Step": ["</script><!-- é"]}}


def test_templates_are_filled_with_escaped_sentences(tmp_path: Path) -> None:
    template = '<p title="[[a &quot;b&quot;]]">[[Read\n   <code class="x"></code>, &lt;s&gt;]] [x] a[0]</p>'
    assert list(texts(template)) == [(1, 'a "b"'), (1, 'Read <code class="x"></code>, <s>')]
    assert fill(template) == '<p title="a &quot;b&quot;">Read <code class="x"></code>, &lt;s&gt; [x] a[0]</p>'
    hostile = '<code class="x"></code> <img src=x onerror=alert(1)> ${1} {{2}} ` \\n'
    speak(tmp_path, {'a "b"': ['" onclick="'], 'Read <code class="x"></code>, <s>': [hostile]})
    assert fill(template) == (
        '<p title="&quot; onclick=&quot;"><code class="x"></code> &lt;img src=x onerror=alert(1)&gt;'
        " &#36;&#123;1} &#123;&#123;2}} &#96; &#92;n [x] a[0]</p>"
    )
