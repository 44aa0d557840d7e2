"""Every causal language model type of the installed transformers: proven, or with a stated reason why it is not."""

import re

import pytest
import torch

from tests.coverage.oracle import PROOF, check
from tests.coverage.reasons import REASONS, WITHOUT_ATTENTION
from tests.coverage.results import keep
from tests.coverage.settings import COMPOSED, PLAIN, TYPES
from tests.coverage.table import PAGE, claims

torch.set_num_threads(1)

# What `make test` checks: one type of each kind that tests/runtime has none of.
FAST = (
    "afmoe",
    "bart",
    "bert",
    "dbrx",
    "ernie4_5_moe",
    "glm4",
    "granite_swa",
    "helium",
    "jamba",
    "laguna",
    "nemotron_h",
    "olmo_hybrid",
    "recurrent_gemma",
    "xlstm",
)
WITHOUT = tuple(column for column in PROOF if column != "attention")


@pytest.mark.parametrize(
    "model_type",
    [
        model_type if model_type in FAST else pytest.param(model_type, marks=pytest.mark.coverage)
        for model_type in TYPES
    ],
)
# The families' own code warns of what these configs leave open, each in its own way.
@pytest.mark.filterwarnings("ignore")
def test_a_type_is_proven_or_has_its_reason(model_type):
    checked = check(model_type)
    keep(checked)
    lacking = checked.lacking(WITHOUT if model_type in WITHOUT_ATTENTION else PROOF)
    if model_type in REASONS:
        assert lacking, f"{model_type} is proven now: take it out of reasons.py and run `make coverage-table`"
    else:
        assert not lacking
    if model_type in WITHOUT_ATTENTION:
        assert not checked.holds("attention")
    said = claims(PAGE.read_text("utf-8"))[model_type]
    lost = [column for column, works in said.items() if works and not checked.holds(column)]
    assert not lost, f"docs/coverage.md says that {lost} work: {checked.lacking(tuple(lost))}"


def test_the_page_names_every_type_and_every_reason():
    text = PAGE.read_text("utf-8")
    said = claims(text)
    assert sorted(said) == list(TYPES), "run `make coverage-table`"
    unproven = {name for name, columns in said.items() if not all(columns[column] for column in PROOF)}
    assert unproven == {*REASONS, *WITHOUT_ATTENTION}
    for model_type, reason in REASONS.items():
        assert f"| `{model_type}` | {reason} |" in text
    counts = [int(count) for count in re.findall(r"^- \*\*(\d+) ", text, re.MULTILINE)]
    assert counts == [len(said) - len(unproven), len(WITHOUT_ATTENTION), len(REASONS)]
    assert counts[0] >= 130


def test_settings_and_reasons_are_about_types_that_exist():
    assert {*PLAIN, *COMPOSED} <= set(TYPES)
    assert not set(REASONS) & set(WITHOUT_ATTENTION)
    assert set(REASONS) | set(WITHOUT_ATTENTION) <= set(TYPES)
    assert set(FAST) <= set(TYPES)
