from collections.abc import Iterator

import pytest
from gradio_client import Client

from model_runtime import Moment, load_model
from model_runtime.model import Model
from tests.endpoints.server import PROMPT, served
from tests.hostile import NAME, hostile_model
from tests.runtime.conftest import pair_of


@pytest.fixture(scope="session")
def models() -> dict[str, Model]:
    # A small one with letters for tokens, one whose first and last layers have no heads, one that writes harmful text,
    # and the one that ships.
    return {
        "builtin": load_model("builtin"),
        "llama": pair_of("llama")[1],
        "lfm2": pair_of("lfm2")[1],
        NAME: hostile_model(),
    }


@pytest.fixture(scope="session")
def address(models: dict[str, Model]) -> Iterator[str]:
    with served(models) as where:
        yield where


@pytest.fixture(scope="session")
def client(address: str) -> Client:
    return Client(address, verbose=False)


@pytest.fixture(scope="session")
def model(models: dict[str, Model]) -> Model:
    return models["builtin"]


@pytest.fixture(scope="session")
def moment(model: Model) -> Moment:
    return list(model.play(model.begin(PROMPT), 3))[-1]
