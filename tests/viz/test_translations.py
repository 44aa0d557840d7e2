"""What is listed for translation: all that is said, found by other means than Babel's, and what becomes of it."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from model_runtime.catalogue import CATALOGUE
from model_runtime.head_measures import LABELS, MEASURES
from model_runtime.prompt_part_records import GROUPS
from viz import sentences
from viz.panels.pins import METHODS
from viz.sentences import HERE, gather, say, say_many
from viz.terms import TERMS, part_name, term

ROOT = Path(__file__).resolve().parent.parent.parent
PYTHON = [ROOT / "app.py", *sorted((ROOT / "viz").rglob("*.py"))]
SCRIPTS = sorted((ROOT / "viz" / "components").glob("*.js"))
TEMPLATES = sorted((ROOT / "viz" / "components").glob("*.html"))
MARKS = {"say": 1, "later": 1, "say_many": 2}
STRING = r"(?:'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\")"
#: The string of JavaScript behind a mark, which may be put together from several lines.
IN_SCRIPT = re.compile(rf"\b(?:say|later|sayMany)\(\s*(`|{STRING}(?:\s*\+\s*{STRING})*)")


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    yield
    sentences.use("en")


def listed() -> set[str]:
    found = set()
    for message in gather.gathered():
        found |= {message.id} if isinstance(message.id, str) else set(message.id)
    return found - {""}


def marked(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in MARKS:
                yield name, node


def test_the_list_is_fresh() -> None:
    assert gather.TEMPLATE.read_text(encoding="utf-8") == gather.written(gather.gathered()), "run make sentences"


def test_every_sentence_in_python_is_listed_and_written_out() -> None:
    known, found = listed(), set()
    for path in PYTHON:
        if path.parent == HERE:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for name, call in marked(tree):
            texts = call.args[: MARKS[name]]
            assert not any(isinstance(text, ast.JoinedStr | ast.BinOp | ast.Call) for text in texts), (
                path,
                call.lineno,
            )
            written = [text.value for text in texts if isinstance(text, ast.Constant)]
            assert set(written) <= known, (path, call.lineno)
            assert name == "say" or len(written) == MARKS[name], (path, call.lineno)
            found |= set(written)
    assert len(found) > 400


def test_nothing_is_said_before_the_language_is_known_or_out_of_babels_sight() -> None:
    for path in PYTHON:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        inside = [
            node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.Lambda | ast.AsyncFunctionDef)
        ]
        later = {id(call) for function in inside for _, call in marked(function)}
        formatted = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
        hidden = {id(call) for text in formatted for _, call in marked(text)}
        for name, call in marked(tree):
            assert name == "later" or id(call) in later, f"{path}:{call.lineno} says something when it is imported"
            assert id(call) not in hidden, f"{path}:{call.lineno} says something inside an f-string"


def test_every_sentence_of_scripts_and_templates_is_listed() -> None:
    known, found = listed(), set()
    for path in SCRIPTS:
        for text in IN_SCRIPT.findall(path.read_text(encoding="utf-8")):
            assert text != "`", f"{path.name} says a template literal"
            found.add("".join(map(ast.literal_eval, re.findall(STRING, text))))
    for path in TEMPLATES:
        source = path.read_text(encoding="utf-8")
        assert source.count("[[") == source.count("]]") == len(list(sentences.templates.texts(source))), path.name
        found |= {text for _, text in sentences.templates.texts(source)}
    assert found <= known, found - known
    assert len(found) > 400


def test_style_sheets_hold_no_words() -> None:
    for path in (ROOT / "viz" / "components").glob("*.css"):
        texts = re.findall(r"content: *\"([^\"]*)\"", path.read_text(encoding="utf-8"))
        assert not any(re.search("[A-Za-z]{2}", text) for text in texts), path.name


def test_the_runtimes_terms_are_listed() -> None:
    for each in (*LABELS, *MEASURES):
        assert {each.name, each.meaning} <= TERMS
    assert {label.condition for label in LABELS} <= TERMS
    assert {measure.unit for measure in MEASURES} <= TERMS
    assert set(GROUPS) | set(METHODS) - {"head"} <= TERMS
    assert {offer.needs for offer in CATALOGUE} <= TERMS
    assert {offer.title for offer in CATALOGUE if "own" in offer.title} <= TERMS
    assert listed() >= TERMS
    assert term("attn.c_proj") == "attn.c_proj"
    assert part_name("attention", 3) == "attention 3"
    assert part_name("embedding", -1) == "embedding"


def translate(path: Path, english: str, *forms: str) -> None:
    """Fills a translation in as a translator does: by a text editor."""
    text = path.read_text(encoding="utf-8")
    lines = "\n".join(f'msgstr[{index}] ""' for index in range(len(forms))) if len(forms) > 1 else 'msgstr ""'
    before = text.partition(f'msgid "{english}"\n')[2].partition(lines)[0]
    filled = "\n".join(
        f'msgstr[{index}] "{form}"' if len(forms) > 1 else f'msgstr "{form}"' for index, form in enumerate(forms)
    )
    old = f'msgid "{english}"\n{before}{lines}'
    assert text.count(old) == 1
    path.write_text(text.replace(old, f'msgid "{english}"\n{before}{filled}'), encoding="utf-8")


def test_a_language_is_added_as_the_documentation_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    guide = (ROOT / "docs" / "translating.md").read_text(encoding="utf-8")
    assert "make sentences ARGS=pl" in guide
    assert "python app.py --language pl" in guide
    gather.main(["pl"], tmp_path)
    path = tmp_path / "pl.po"
    assert sentences.languages(tmp_path) == ["en", "pl"]
    translate(
        path, "The text has ended ({reason}). Go back, or take another token at an earlier step.", "Koniec: {why}"
    )
    translate(path, "{count} stop text", "jeden", "{count} teksty", "{count} tekstów")
    translate(path, "Working", "Pracuję")
    gather.main([], tmp_path)
    assert "pl.po: other places in braces than in 'The text has ended" in capsys.readouterr().err
    sentences.use("pl", tmp_path)
    assert [say_many("{count} stop text", "{count} stop texts", count) for count in (1, 3, 5)] == [
        "jeden",
        "3 teksty",
        "5 tekstów",
    ]
    assert say("Working") == "Pracuję"
    assert say("The text has ended ({reason}). Go back, or take another token at an earlier step.", reason="x") == (
        "The text has ended (x). Go back, or take another token at an earlier step."
    )
    before = path.read_bytes()
    gather.main([], tmp_path)
    assert path.read_bytes() == before, "without changes nothing is written anew"


def test_what_goes_from_the_page_goes_from_its_translations(tmp_path: Path) -> None:
    gather.main(["pl"], tmp_path)
    path = tmp_path / "pl.po"
    text = path.read_text(encoding="utf-8")
    path.write_text(text + '\nmsgid "Gone"\nmsgstr "Nie ma"\n', encoding="utf-8")
    gather.main([], tmp_path)
    assert "Gone" not in path.read_text(encoding="utf-8")
    assert json.loads((tmp_path / "pl.json").read_text(encoding="utf-8"))["texts"] == {}


def test_tags_of_templates_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "de.po"
    told = 'msgid "a <b>b</b>"\nmsgstr "{}"\n\nmsgid "c {{d}}"\nmsgstr "{}"\n'
    path.write_text('msgid ""\nmsgstr ""\n\n' + told.format("<b>B</b> A", "{d} C"), encoding="utf-8")
    with path.open("rb") as file:
        assert gather.misplaced(read_po(file, locale="de")) == []
    path.write_text('msgid ""\nmsgstr ""\n\n' + told.format("<i>B</i> A", "C"), encoding="utf-8")
    with path.open("rb") as file:
        assert gather.misplaced(read_po(file, locale="de")) == ["a <b>b</b>", "c {d}"]


def test_the_translations_that_ship_are_up_to_date(tmp_path: Path) -> None:
    for path in HERE.glob("*.po"):
        copy = tmp_path / path.name
        copy.write_bytes(path.read_bytes())
        gather.update(copy, gather.gathered())
        for name in (path.name, path.with_suffix(".json").name):
            assert (tmp_path / name).read_text(encoding="utf-8") == (HERE / name).read_text(encoding="utf-8")
    assert {path.stem for path in HERE.glob("*.po")} == {path.stem for path in HERE.glob("*.json")}
