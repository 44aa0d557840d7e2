import json
import shutil
from functools import cache

import pytest
import torch

from model_runtime.model import Model
from tests.runtime.families import FAMILIES, FURTHER, HYBRID, ODD, Pair, build
from tests.runtime.tokenizers_for_tests import byte_level, sentencepiece

torch.set_num_threads(1)

ALL = {**FAMILIES, **FURTHER, **HYBRID, **{family: settings for family, (_, settings) in ODD.items()}}


@cache
def pair_of(family: str) -> tuple[Pair, Model]:
    pair = build(family, ALL[family])
    return pair, Model(pair.model, byte_level(), name=family)


@pytest.fixture(scope="session")
def llama() -> Model:
    return pair_of("llama")[1]


@pytest.fixture(scope="session")
def llama_pair() -> tuple[Pair, Model]:
    return pair_of("llama")


@pytest.fixture(scope="session")
def pieces_model() -> Model:
    """A model with a sentencepiece-like tokenizer."""
    return Model(build("llama", {}, seed=3).model, sentencepiece(), name="pieces")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    build("llama", {}).model.save_pretrained(folder)
    byte_level().save_pretrained(folder)
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    shutil.copytree(saved, tmp_path / "model")
    return tmp_path / "model"


def rewritten(folder, **changes):
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
    return str(folder)
